"""One close: what is observed, told and decided, and in which order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fix_strategy import BTC, ETH, MINUTE, Stream, leg

from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import Decided, Executed, Finished, Pending, SetBar
from live_runner.strategies.base import Bar, Draft, Fill, LegState, Parameters, Strategy, View, intent


class Diary(Strategy[Parameters, LegState]):
    """Writes down every call."""

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, list[Draft]] = {}
        self.views: list[View] = []

    def observe(self, bar: Bar) -> None:
        self.calls.append(("observe", bar.symbol, bar.close_ns))

    def on_bar(self, bar: Bar, view: View) -> list[Draft] | None:
        self.calls.append(("on_bar", bar.symbol, bar.close_ns))
        self.views.append(view)
        return self.answers.get(bar.symbol)

    def on_fill(self, fill: Fill, view: View) -> None:
        self.calls.append(("on_fill", fill.symbol, fill.quantity))


class Chooser(Diary):
    def select(self, bars: Any, view: View) -> list[str]:
        return [ETH]


def begin(kind: type[Diary] = Diary, **options: Any) -> tuple[Stream, Any]:
    stream = Stream(kind, **options).start()
    return stream, stream.core.strategy


def test_every_symbol_is_observed_before_any_decides_and_news_comes_between() -> None:
    stream, strategy = begin()
    stream.fold(stream.bar_set())
    stream.fold(stream.filled(symbol=ETH))
    stream.settle()

    assert [call[:2] for call in strategy.calls] == [
        ("observe", BTC),
        ("observe", ETH),
        ("on_fill", ETH),
        ("on_bar", BTC),
        ("on_bar", ETH),
    ]


def test_no_intent_is_a_decision_with_none() -> None:
    """I01"""
    stream, _ = begin()

    decided = stream.step()

    assert (decided.intents, decided.blocked, decided.failed) == ([], [], [])
    assert decided.close_ns == stream.close_ns
    assert decided.cause == "test/execution/1"
    assert len(decided.hash) == 32


def test_intents_keep_their_order_and_count_from_one_within_a_decision() -> None:
    """I11"""
    stream, strategy = begin()
    strategy.answers = {
        BTC: [intent.close(BTC, "long"), intent.add(BTC, "short", 1), intent.add(BTC, "short", 2)],
        ETH: [intent.open(ETH, "long", 3)],
    }

    decided = stream.step()

    assert [(i.symbol, i.action, i.quantity) for i in decided.intents] == [
        (BTC, "close", None),
        (BTC, "add", "1"),
        (BTC, "add", "2"),
        (ETH, "open", "3"),
    ]
    assert [i.id for i in decided.intents] == [f"test/{stream.close_ns}/{n}" for n in (1, 2, 3, 4)]
    assert {i.bar_open_ns for i in decided.intents} == {stream.close_ns - MINUTE}


def test_the_intent_carries_what_the_draft_said() -> None:
    """I02"""
    stream, strategy = begin()
    strategy.answers = {
        BTC: [
            intent.open(
                BTC, "long", notional=100, style="limit", limit_price=40.0, take_profit="44.50", stop_loss=38,
                time_to_live_s=1.5, fallback=["timeout"], reason="why",
            )
        ]
    }  # fmt: skip

    (said,) = stream.step().intents

    assert (said.sizing, said.notional, said.quantity) == ("delegate_notional", "100", None)
    assert (said.style, said.limit_price, said.take_profit, said.stop_loss) == ("limit", "40", "44.5", "38")
    assert (said.time_to_live_ns, said.fallback, said.reason) == (1_500_000_000, ["timeout"], "why")


def test_warmup_is_observed_and_not_answered() -> None:
    stream, strategy = begin()

    assert stream.fold(stream.bar_set(warmup=True)) == []
    assert [call[0] for call in strategy.calls] == ["observe", "observe"]


def test_a_symbol_without_a_bar_in_the_set_is_not_asked() -> None:
    stream, strategy = begin()

    stream.step(SetBar(ETH, 1.0, 2.0, 0.5, 1.5, 9.0))

    assert [call[:2] for call in strategy.calls] == [("observe", ETH), ("on_bar", ETH)]


def test_a_set_that_comes_early_waits_for_the_decision_before_it() -> None:
    """on_bar never sees a later bar, however far the bars run ahead (X01, X07)."""
    stream, strategy = begin()
    early = [stream.bar_set() for _ in range(3)]
    closes = [bar_set.close_ns for bar_set in early]
    for bar_set in early:
        stream.fold(bar_set)
    assert {call[2] for call in strategy.calls} == {closes[0]}

    for close_ns in closes:
        stream.settle(close_ns=close_ns)

    assert [call[2] for call in strategy.calls if call[1] == BTC] == [at for at in closes for _ in range(2)]
    assert [call[0] for call in strategy.calls if call[1] == BTC] == ["observe", "on_bar"] * 3


def test_the_same_stream_gives_the_same_decisions_however_bars_are_ahead() -> None:
    slow, slow_strategy = begin()
    slow_strategy.answers = {BTC: [intent.open(BTC, "long", 1)]}
    for _ in range(4):
        slow.step()
    fast, fast_strategy = begin()
    fast_strategy.answers = {BTC: [intent.open(BTC, "long", 1)]}
    for event in sorted(slow.inputs[1:], key=lambda event: event.source == "execution"):
        fast.fold(event)

    assert fast.outputs == slow.outputs


def test_more_sets_than_may_be_read_ahead_stop_the_session() -> None:
    stream, _ = begin(read_ahead=2)
    for _ in range(3):
        stream.fold(stream.bar_set())

    with pytest.raises(OurFault, match=r"limits\.read_ahead"):
        stream.fold(stream.bar_set())


def test_settling_another_close_than_the_one_being_decided_stops_the_session() -> None:
    stream, _ = begin()
    stream.fold(stream.bar_set())

    with pytest.raises(OurFault, match="not the one being decided"):
        stream.fold(stream.settled(close_ns=1))


def test_news_of_a_decision_is_held_until_the_next_close_is_settled() -> None:
    """X06: told of fills at the same point in every mode."""
    stream, strategy = begin()
    stream.step()
    stream.fold(stream.filled(symbol=BTC, quantity="0.25"))
    assert "on_fill" not in [call[0] for call in strategy.calls]
    stream.fold(stream.bar_set())
    stream.fold(stream.filled(symbol=BTC, quantity="0.5"))

    stream.settle()

    assert [call[2] for call in strategy.calls if call[0] == "on_fill"] == [0.25, 0.5]


def test_finished_follows_the_last_decision() -> None:
    stream, _ = begin()
    stream.fold(stream.bar_set())
    ended = stream.feed_ended()
    assert stream.fold(ended) == []

    decided, finished = stream.fold(stream.settled())

    assert isinstance(decided, Decided)
    assert isinstance(finished, Finished)
    assert (finished.cause, finished.event_ns, len(finished.state_hash)) == (ended.id, ended.close_ns, 32)


def test_executed_and_foreign_events_lead_to_nothing() -> None:
    stream, _ = begin()
    stream.step()

    executed = Executed(close_ns=stream.close_ns, requested=0, refused=0, **stream.envelope("execution", 1))

    assert stream.fold(executed) == []


def test_select_limits_who_is_asked_but_never_what_is_open() -> None:
    stream, strategy = begin(Chooser)
    stream.step()
    assert [call[1] for call in strategy.calls if call[0] == "on_bar"] == [ETH]

    strategy.calls.clear()
    stream.step(legs=[leg(BTC, "long", ("1", "100"))])

    assert [call[1] for call in strategy.calls if call[0] == "on_bar"] == [BTC, ETH]


def test_late_bars_are_shown_as_late_and_decided_unless_told_to_halt() -> None:
    stream, strategy = begin()
    stream.step(late=True)
    assert len([call for call in strategy.calls if call[0] == "on_bar"]) == 2

    halted, other = begin(late_bars="halt")
    halted.step(late=True)
    assert [call[0] for call in other.calls] == ["observe", "observe"]


def test_the_view_shows_the_account_of_the_close() -> None:
    stream, strategy = begin()
    pending = Pending(
        order_id="o9", intent_id="i9", symbol=ETH, leg="long", side="buy", kind="limit", action="open",
        remaining="0.25", price="99.5", status="accepted", expires_ns=None,
    )  # fmt: skip

    stream.step(legs=[leg(BTC, "short", ("0.1", "101.5"), ("0.2", "102"), average="101.8")], pending=[pending])

    view = strategy.views[-1]
    held = view.leg(BTC, "short")
    assert (held.quantity, held.average, held.is_open) == (0.3, 101.8, True)
    assert [(lot.quantity, lot.price) for lot in held.lots] == [(0.1, 101.5), (0.2, 102.0)]
    assert not view.leg(BTC, "long").is_open
    assert [(order.order_id, order.remaining, order.price) for order in view.pending(ETH)] == [("o9", 0.25, 99.5)]
    assert view.pending(BTC) == ()
    assert (view.equity, view.gate, view.now_ns) == (10000.0, "open", stream.close_ns)
    rules = view.instrument(BTC)
    assert (rules.tick_size, rules.lot_size, rules.min_notional, rules.max_amount) == (0.01, 0.001, 5.0, 0.0)
    assert rules.smallest_quantity(100.0) == 0.05


def test_a_shown_quantity_that_is_given_back_is_the_same_decimal() -> None:
    stream, strategy = begin()
    quantities = ["0.1", "0.30000000000000004", "123456789.123456", "0.000001", "7"]
    stream.step(legs=[leg(BTC, "long", *[(quantity, "100") for quantity in quantities])])
    lots = strategy.views[-1].leg(BTC, "long").lots
    strategy.answers = {BTC: [intent.partial_close(BTC, "long", quantity=lot.quantity) for lot in lots]}

    assert [said.quantity for said in stream.step().intents] == quantities


def test_what_is_shown_cannot_be_changed() -> None:
    """I11"""
    stream, strategy = begin()
    stream.step(legs=[leg(BTC, "long", ("1", "100"))])
    view = strategy.views[-1]
    held = view.leg(BTC, "long")

    with pytest.raises(AttributeError):
        held.quantity = 5.0
    with pytest.raises(AttributeError):
        held.lots[0].quantity = 5.0
    with pytest.raises(AttributeError):
        view.equity = 0.0
    with pytest.raises(TypeError):
        view.legs[BTC, "long"] = held

    stream.step()
    assert strategy.views[-1].leg(BTC, "long") == held


def test_a_view_that_was_kept_still_shows_its_own_close() -> None:
    stream, strategy = begin()
    stream.step(legs=[leg(BTC, "long", ("1", "100"))])
    kept = strategy.views[-1]
    stream.step(legs=[leg(BTC, "long", ("1", "100"), ("2", "90"))])

    assert len(kept.leg(BTC, "long").lots) == 1
    assert len(strategy.views[-1].leg(BTC, "long").lots) == 2


def test_the_state_hash_is_published_every_so_many_sets() -> None:
    stream, _ = begin(state_hash_every=2)

    hashes = [stream.step().state_hash for _ in range(4)]

    assert [bool(value) for value in hashes] == [False, True, False, True]


def test_without_hashing_the_decision_is_the_same_but_for_its_hashes() -> None:
    from live_runner.services.strategy.core.host import StrategyCore

    hashed, _ = begin()
    plain = Stream(Diary, core=StrategyCore("test", Diary, hashing=False)).start()

    one, two = hashed.step(), plain.step()

    assert two.hash == ""
    assert msgspec.structs.replace(one, hash="") == two
