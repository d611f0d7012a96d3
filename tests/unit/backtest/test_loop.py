from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from live_runner.contracts import codec
from live_runner.contracts.config import Account, Fees, Fills, Limits, StrategyChoice
from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import (
    BarSet,
    Decided,
    Event,
    Executed,
    FeedEnded,
    Filled,
    Finished,
    FundingPaid,
    Gap,
    Requested,
    Settled,
    Started,
    Stopped,
)
from live_runner.services.backtest.loop import Backtest, step_of
from live_runner.services.backtest.session import begin, run_backtest
from live_runner.services.backtest.summary import summary_fields, summary_table

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


def _after_start(events: list[Event]) -> list[Event]:
    return [event for event in events if event.source != "run"]


def _steps(events: list[Event]) -> list[list[Event]]:
    """The events of each tradable bar, beginning with its set."""
    steps: list[list[Event]] = []
    for event in events:
        if isinstance(event, BarSet) and not event.warmup:
            steps.append([event])
        elif isinstance(event, FeedEnded):
            break
        elif steps and not isinstance(event, Gap):
            steps[-1].append(event)
    return steps


def test_every_bar_goes_in_the_five_steps(make_world: MakeWorld) -> None:
    """X06 set, fills and settled, decided, orders, executed: the strategy hears of fills before it decides."""
    steps = _steps(make_world(bars=300).record())

    assert len(steps) == 300 - 13
    for step in steps:
        kinds = [type(event) for event in step]
        settled, decided = kinds.index(Settled), kinds.index(Decided)
        assert kinds.count(Settled) == kinds.count(Decided) == 1
        assert 0 < settled < decided
        assert decided == settled + 1
        assert Filled not in kinds[settled:]
        assert Requested not in kinds[:decided]
        intents = step[decided].intents  # type: ignore[attr-defined]  # it is the Decided
        assert (kinds[-1] is Executed) == bool(intents)
        assert kinds.count(Executed) == bool(intents)


def test_warmup_sets_are_answered_by_nobody(make_world: MakeWorld) -> None:
    events = _after_start(make_world(bars=300).record())
    warmup = [event for event in events if isinstance(event, BarSet) and event.warmup]

    assert len(warmup) == 13
    assert events[:13] == warmup


def test_session_ends_with_feed_end_finished_and_stopped(make_world: MakeWorld) -> None:
    events = make_world(bars=200).record()

    assert [type(event) for event in events[-3:]] == [FeedEnded, Finished, Stopped]
    stopped = events[-1]
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "end_of_recording"
    assert stopped.summary["sets"] == 187


def test_every_source_counts_from_one_without_a_gap(make_world: MakeWorld) -> None:
    numbers: dict[str, int] = {}
    for event in make_world(bars=200).record():
        assert event.seq == numbers.get(event.source, 0) + 1
        assert event.id == f"test/{event.source}/{event.seq}"
        numbers[event.source] = event.seq

    assert set(numbers) == {"run", "market_data", "execution", "strategy"}


def test_every_cause_stands_before_its_effect(make_world: MakeWorld) -> None:
    seen: set[str] = set()
    for event in make_world(bars=200).record():
        if event.source in ("execution", "strategy"):
            assert event.cause in seen
        seen.add(event.id)


def test_same_session_twice_gives_the_same_bytes(make_world: MakeWorld) -> None:
    world = make_world(bars=300)

    assert [codec.encode(event) for event in world.record()] == [codec.encode(event) for event in world.record()]


def test_fast_run_comes_to_the_same_as_the_hashed_one(make_world: MakeWorld) -> None:
    """Without hashes and without anybody listening the money is the same."""
    world = make_world(bars=300)
    facts, items = world.facts_and_items()
    from session_world import ENGINE

    hashed = run_backtest(world.config, world.source, facts, items, ENGINE, hashing=True)
    fast = run_backtest(world.config, world.source, facts, items, ENGINE)

    assert (fast.stopped.hash, fast.stopped.state_hash) == ("", "")
    assert hashed.stopped.hash
    assert fast.stopped.summary == hashed.stopped.summary
    assert fast.settled is not None
    assert hashed.settled is not None
    assert fast.settled.equity == hashed.settled.equity
    assert fast.sets == 300


def test_run_backtest_gives_the_events_of_the_session(make_world: MakeWorld) -> None:
    from session_world import ENGINE

    world = make_world(bars=200)
    facts, items = world.facts_and_items()
    events: list[Event] = []

    run_backtest(world.config, world.source, facts, items, ENGINE, hashing=True, sink=events.append)

    assert [codec.encode(event) for event in events] == [codec.encode(event) for event in world.record()]


def test_another_session_name_changes_ids_and_no_amount(make_world: MakeWorld) -> None:
    one, two = make_world(bars=200).record(), make_world(bars=200, session="other").record()

    equity = [[event.equity for event in events if isinstance(event, Settled)] for events in (one, two)]
    assert equity[0] == equity[1]
    assert one[5].id == "test/market_data/4"
    assert two[5].id == "other/market_data/4"


def test_longer_market_begins_with_the_shorter_one(make_world: MakeWorld) -> None:
    """X14 what comes later changes nothing of what was: no look-ahead anywhere."""
    world = make_world(bars=260)
    market = world.market()
    cut = next(at for at, event in enumerate(market) if isinstance(event, BarSet) and event.number == 201)
    seq = market[cut].seq
    ended = msgspec.structs.replace(market[-1], seq=seq, id=f"test/market_data/{seq}", sets=200)
    whole = [codec.encode(event) for event in world.record()]

    short = [codec.encode(event) for event in world.record(market=[*market[:cut], ended])]

    assert len(short) > 500
    assert whole[: len(short) - 3] == short[:-3]


def test_market_without_an_end_is_our_fault(make_world: MakeWorld) -> None:
    world = make_world(bars=120)
    from session_world import ENGINE

    facts, _ = world.facts_and_items()
    _, started = begin(world.config, world.source, world.strategy_class, facts, ENGINE)
    backtest = Backtest(started, world.strategy_class, hashing=False)

    with pytest.raises(OurFault, match="without a feed_ended"):
        backtest.run(world.market()[:-1])


def test_manifest_has_every_default_written_out(make_world: MakeWorld) -> None:
    """X12 also those of the strategy."""
    started = make_world(bars=120).record()[1]

    assert isinstance(started, Started)
    assert started.config["strategy"]["parameters"] == {
        "fast": 5,
        "slow": 12,
        "short": True,
        "quantity": None,
        "notional": 2000.0,
        "equity_fraction": None,
    }
    assert started.config["fills"]["limit"] == "touch"
    assert started.models["fills"] == "next_open/touch nearest first v2"
    assert started.warmup_bars == started.warmup_found == 13


def test_orders_are_filled_at_the_open_after_the_signal(make_world: MakeWorld) -> None:
    """X07 an order is never filled by the bar that produced its signal."""
    events = make_world(bars=300).record()
    opens = {
        (event.open_ns, bar.symbol): bar.open for event in events if isinstance(event, BarSet) for bar in event.bars
    }
    requested = {event.order_id: event.event_ns for event in events if isinstance(event, Requested)}
    fills = [event for event in events if isinstance(event, Filled)]

    assert fills
    for fill in fills:
        assert fill.event_ns >= requested[fill.order_id]
        assert float(fill.reference_price) == opens[fill.event_ns, fill.symbol]


@pytest.mark.parametrize("module", ["ema_cross", "breakout_bracket", "dual_lifo"])
def test_nothing_is_opened_without_an_intent_that_says_so(make_world: MakeWorld, module: str) -> None:
    """I06: each entry is one intent's, with its quantity on the lot, its stop and its target, and no others."""
    from session_world import EMA

    choice = EMA if module == "ema_cross" else StrategyChoice(module=f"live_runner.strategies.{module}")
    events = make_world(choice, bars=1700).record()
    intents = {one.id: one for event in events if isinstance(event, Decided) for one in event.intents}
    requested = [event for event in events if isinstance(event, Requested)]
    entries = [order for order in requested if order.action in ("open", "add")]
    started = events[1]
    assert isinstance(started, Started)
    lot = {rules.symbol: Fraction(rules.lot_size) for rules in started.instruments}
    tick = {rules.symbol: Fraction(rules.tick_size) for rules in started.instruments}

    assert entries
    assert len({order.intent_id for order in entries}) == len(entries)
    for order in entries:
        said = intents[order.intent_id]
        assert (order.symbol, order.leg, order.action) == (said.symbol, said.leg, said.action)
        assert order.asked_quantity == said.quantity
        assert said.quantity is not None
        assert 0 <= Fraction(said.quantity) - Fraction(order.quantity) < lot[order.symbol]
    for order in requested:
        if order.kind in ("stop", "take_profit"):
            said = intents[order.intent_id]
            given = said.stop_loss if order.kind == "stop" else said.take_profit
            assert given is not None
            assert order.price is not None
            assert abs(Fraction(order.price) - Fraction(given)) < tick[order.symbol]
        else:
            assert order.intent_id in intents


def test_first_decision_is_on_the_first_tradable_bar(make_world: MakeWorld) -> None:
    """X14 start bar and inventory stand in the manifest and are those of the run."""
    events = make_world(bars=200).record()
    started = events[1]
    assert isinstance(started, Started)
    first = next(event for event in events if isinstance(event, Settled))
    decided = next(event for event in events if isinstance(event, Decided))

    assert first.close_ns == decided.close_ns == started.first_open_ns + 60_000_000_000
    assert (first.equity, first.legs) == ("10000", [])


@pytest.mark.parametrize("lots", ["lifo", "fifo", "average"])
def test_pnl_is_the_change_of_cash_and_the_value_of_what_is_open(
    make_world: MakeWorld, lots: Literal["lifo", "fifo", "average"]
) -> None:
    """L04 to the last unit, from the fills alone, with fees and funding (X09)."""
    world = make_world(bars=1500, account=Account(lots=lots), fees=Fees(maker="0.0001", taker="0.00037"))
    events = world.record()
    settled = [event for event in events if isinstance(event, Settled)][-1]
    bars = [event for event in events if isinstance(event, BarSet)]
    closes = {bar.symbol: Fraction(str(bar.close)) for event in bars for bar in event.bars}
    spent, held = Fraction(0), dict.fromkeys(closes, Fraction(0))
    for event in events:
        if isinstance(event, Filled):
            sign = 1 if event.side == "buy" else -1
            quantity = Fraction(event.quantity)
            held[event.symbol] += sign * quantity
            spent += sign * quantity * Fraction(event.price) + Fraction(event.fee)
        elif isinstance(event, FundingPaid):
            spent -= Fraction(event.amount)
    worth = sum((held[symbol] * closes[symbol] for symbol in held), Fraction(0))

    assert any(isinstance(event, FundingPaid) for event in events)
    difference = Fraction(settled.equity) - 10_000 - (worth - spent)
    if lots == "average":
        # Taking a share of an average lot rounds its cost, once per close, by at most half a unit of tick value.
        assert abs(difference) < Fraction(1, 100)
    else:
        assert difference == 0
    parts = settled.realised, settled.unrealised, settled.funding
    assert Fraction(settled.equity) == 10_000 + sum(map(Fraction, parts)) - Fraction(settled.fees)
    assert Fraction(settled.cash) == Fraction(settled.equity) - Fraction(settled.unrealised)


def test_state_hashes_come_at_their_interval_and_at_the_end(make_world: MakeWorld) -> None:
    events = make_world(bars=200, limits=Limits(state_hash_every=50)).record()
    hashed = [event.close_ns for event in events if isinstance(event, Settled) and event.state_hash]
    sets = [event.close_ns for event in events if isinstance(event, BarSet) and event.number % 50 == 0]

    assert hashed == [close for close in sets if close >= hashed[0]]
    assert all(event.state_hash for event in events if isinstance(event, Finished | Stopped))


def test_fill_model_in_the_manifest_is_the_one_that_runs(make_world: MakeWorld) -> None:
    """X12 another fill model is another manifest and another result."""
    one = make_world(bars=200).record()
    two = make_world(bars=200, fills=Fills(market="bar_close", slippage_bp="2")).record()

    assert one[1].models != two[1].models  # type: ignore[attr-defined]  # both are the manifest
    assert one[-1].summary["equity"] != two[-1].summary["equity"]  # type: ignore[attr-defined]


def test_steps_are_in_the_order_of_the_bar(make_world: MakeWorld) -> None:
    events = make_world(bars=120).record()
    steps = [step for event in events if (step := step_of(event)) is not None]

    assert steps == sorted(steps)
    assert step_of(events[0]) is None


def test_summary_shows_every_figure(make_world: MakeWorld) -> None:
    stopped = make_world(bars=200).record()[-1]
    assert isinstance(stopped, Stopped)

    fields = summary_fields(stopped, bars_per_second=123456.7)
    table = summary_table(fields)

    assert fields["reason"] == "end_of_recording"
    assert table.row_count == len(fields) - 2  # the session is in the title, failures have lines of their own
    assert fields["failures"] == []
    assert msgspec.json.encode(fields)
