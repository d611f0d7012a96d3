from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_runner.contracts import codec
from live_runner.contracts.config import Account, Fills, StrategyChoice
from live_runner.contracts.messages import BarSet, Command, Decided, Event, FeedEnded, Filled, Settled
from live_runner.hotpath import fixed
from live_runner.services.backtest.loop import CommandAt
from live_runner.services.forensics.compare import Comparison, compare
from live_runner.services.forensics.errors import RecordingError
from live_runner.services.forensics.session_log import SessionLog

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(bars=300)


@pytest.fixture
def recorded(world: World) -> list[bytes]:
    return _wires(world.record())


def _wires(events: Iterable[Event]) -> list[bytes]:
    return [codec.stamp(codec.encode(event), 5_000 + number) for number, event in enumerate(events)]


def _commands(world: World) -> list[CommandAt]:
    closes = [event.close_ns for event in world.market() if isinstance(event, BarSet) and not event.warmup]
    made = []
    for seq, (bar, phase, name) in enumerate(((30, 0, "stop"), (120, 1, "resume"), (200, 0, "flatten")), start=1):
        source = "execution.shell"
        command = Command(
            command=name,
            author="somebody",
            reason="a test",
            id=f"test/{source}/{seq}",
            session="test",
            source=source,
            seq=seq,
            event_ns=0,
        )
        made.append(CommandAt((closes[bar], phase), command))
    return made


def _parts(comparison: Comparison) -> dict[str, str]:
    return {line.cause: line.amount for line in comparison.bridge.lines}


def _adds_up(comparison: Comparison) -> bool:
    bridge = comparison.bridge
    total = fixed.money(bridge.backtest) + sum(fixed.money(line.amount) for line in bridge.lines)
    return total + fixed.money(bridge.unexplained) == fixed.money(bridge.session)


def test_paper_session_equals_its_backtest(recorded: list[bytes]) -> None:
    """R01 zero differences, zero unexplained PnL."""
    comparison = compare(recorded)

    assert comparison.agrees
    assert comparison.exit_code == 0
    assert (comparison.differences, comparison.unreproduced, comparison.bridge.unexplained) == (0, 0, "0")
    assert comparison.sets == 300
    assert comparison.events == comparison.replayed.compared > 500
    assert (comparison.trades.missing, comparison.trades.extra, comparison.trades.changed) == (0, 0, 0)
    assert comparison.trades.matched > 5
    assert comparison.bridge.backtest == comparison.bridge.session != "0"


@pytest.mark.parametrize(
    ("module", "bars", "fills"),
    [
        ("dual_lifo", 1700, Fills(slippage_bp="4")),
        ("breakout_bracket", 900, Fills(limit="through", participation="0.2")),
    ],
)
def test_every_shipped_strategy_equals_its_backtest(
    make_world: MakeWorld, module: str, bars: int, fills: Fills
) -> None:
    """R01, X06, X10 ladders, brackets at the venue and partial fills."""
    choice = StrategyChoice(module=f"live_runner.strategies.{module}")
    comparison = compare(_wires(make_world(choice, bars=bars, fills=fills).record()))

    assert comparison.agrees
    assert comparison.trades.matched > 3


@pytest.mark.parametrize("module", ["ema_cross", "dual_lifo"])
def test_symbols_do_not_disturb_each_other(make_world: MakeWorld, module: str) -> None:
    """X15 what one symbol trades is the same whether it trades alone or beside another one."""
    from session_world import EMA

    choice = EMA if module == "ema_cross" else StrategyChoice(module="live_runner.strategies.dual_lifo")
    rich = Account(equity="100000000")
    both = make_world(choice, bars=1700, account=rich).record()
    for symbol in ("BTC/USDT:USDT", "ETH/USDT:USDT"):
        alone = make_world(choice, bars=1700, account=rich, symbols=(symbol,)).record()
        assert _fills_of(alone, symbol) == _fills_of(both, symbol)
        assert _fills_of(alone, symbol)


def _fills_of(events: Iterable[Event], symbol: str) -> list[tuple[int, str, str, str, str]]:
    return [
        (event.event_ns, event.leg, event.action, event.quantity, event.price)
        for event in events
        if isinstance(event, Filled) and event.symbol == symbol
    ]


def test_commands_are_folded_at_their_places_and_their_cost_is_named(world: World) -> None:
    """R01, S01, S02 a session with stop, resume and flatten: no difference, and their PnL under its cause."""
    comparison = compare(_wires(world.record(commands=_commands(world))))

    assert comparison.agrees
    assert comparison.commands == 3
    assert fixed.money(_parts(comparison)["blocks_and_stops"]) != 0
    assert _adds_up(comparison)


def test_commands_behind_sets_that_waited_belong_to_the_bar_before(world: World) -> None:
    """A feed in real time reads ahead; the same command then stands behind later sets in the log."""
    events = world.record(commands=_commands(world))
    market = [event for event in events if isinstance(event, BarSet)]
    others = [event for event in events if not isinstance(event, BarSet)]
    ahead = _with_market_ahead(others, market, by=2)

    stop, resume, flatten = SessionLog(_wires(events)).commands
    late_stop, late_resume, late_flatten = SessionLog(_wires(ahead)).commands
    assert (late_stop, late_flatten) == (stop, flatten)
    # Behind a decision, the set that waited for it was settled first: that is where the command belongs now.
    assert (resume.after[1], late_resume.after) == (1, (resume.after[0] + 60_000_000_000, 0))


def _with_market_ahead(others: list[Event], market: list[BarSet], *, by: int) -> list[Event]:
    """The log as it would be if each set had gone out so many sets before it was settled."""
    ordered: list[Event] = []
    published = 0
    for event in others:
        if isinstance(event, Settled):
            while published < len(market) and (published < by or market[published - by].close_ns <= event.close_ns):
                ordered.append(market[published])
                published += 1
        ordered.append(event)
    return ordered


def test_bar_that_the_dataset_has_otherwise_is_bridged_as_bars(world: World, recorded: list[bytes]) -> None:
    """R02, X01 one bar of the session differs from the dataset: the first differing bar is that one."""
    market = world.market()
    at = next(at for at, event in enumerate(market) if isinstance(event, BarSet) and event.number == 150)
    changed = market[at]
    assert isinstance(changed, BarSet)
    bars = [msgspec.structs.replace(bar, close=bar.close * 1.05, high=bar.high * 1.05) for bar in changed.bars]
    market[at] = msgspec.structs.replace(changed, bars=bars)

    comparison = compare(recorded, market=lambda: market)

    assert not comparison.agrees
    assert comparison.first is not None
    assert comparison.first.close_ns >= changed.close_ns
    assert comparison.replayed.agrees
    assert comparison.unreproduced == 0
    assert comparison.bridge.unexplained == "0"
    assert _adds_up(comparison)


def test_bars_that_the_session_missed_are_bridged_as_bars(world: World) -> None:
    """X03 a session that missed bars differs from the complete dataset from the first missed one on."""
    market = world.market()
    kept = [event for event in market if not (isinstance(event, BarSet) and 150 <= event.number < 160)]
    seen = _renumbered(kept)
    recorded = _wires(world.record(market=seen))

    comparison = compare(recorded, market=lambda: market)

    assert compare(recorded).agrees
    assert not comparison.agrees
    assert comparison.first is not None
    missed = next(event for event in market if isinstance(event, BarSet) and event.number == 150)
    assert comparison.first.close_ns >= missed.close_ns
    assert comparison.bridge.unexplained == "0"


def _renumbered(market: list[Event]) -> list[Event]:
    made: list[Event] = []
    for seq, event in enumerate(market, start=1):
        changes = {"seq": seq, "id": f"{event.session}/{event.source}/{seq}"}
        if isinstance(event, BarSet):
            made.append(msgspec.structs.replace(event, number=seq, **changes))
        else:
            assert isinstance(event, FeedEnded)
            made.append(msgspec.structs.replace(event, sets=len(made), **changes))
    return made


def test_whole_dataset_agrees_also_after_a_session_that_ended_early(world: World) -> None:
    """X14 the comparison runs from the same first bar to the same last one."""
    market = world.market()
    ended = market[-1]
    short = [event for event in market if isinstance(event, BarSet) and event.number <= 200]
    last = msgspec.structs.replace(
        ended, seq=201, id="test/market_data/201", sets=200, close_ns=short[-1].close_ns, event_ns=short[-1].close_ns
    )
    recorded = _wires(world.record(market=[*short, last]))

    assert compare(recorded, market=lambda: market).agrees


def test_tampered_fill_is_unexplained(world: World) -> None:
    """R06 money that no run reproduces is never explained away."""
    events = world.record()
    at = max(at for at, event in enumerate(events) if isinstance(event, Settled))
    settled = events[at]
    assert isinstance(settled, Settled)
    richer = fixed.money_text(fixed.money(settled.equity) + 1)
    events[at] = msgspec.structs.replace(settled, equity=richer)

    comparison = compare(_wires(events))

    assert comparison.bridge.unexplained == "0.000000000001"
    assert comparison.exit_code == 1


def test_first_difference_names_bar_and_field(world: World) -> None:
    """R02 field by field."""
    events = world.record()
    at = next(at for at, event in enumerate(events) if isinstance(event, Filled))
    fill = events[at]
    assert isinstance(fill, Filled)
    events[at] = msgspec.structs.replace(fill, price="1")

    comparison = compare(_wires(events))

    first = comparison.first
    assert first is not None
    assert (first.type, first.symbol, first.seq) == ("order.filled", fill.symbol, fill.seq)
    assert [(field.path, field.expected, field.got) for field in first.fields] == [("price", "'1'", f"'{fill.price}'")]
    assert comparison.trades.changed == 1


def test_truncated_session_cannot_be_compared(recorded: list[bytes]) -> None:
    """R06"""
    with pytest.raises(RecordingError, match="ends after 400 events"):
        compare(recorded[:400])
    with pytest.raises(RecordingError, match="empty"):
        compare([])


def test_session_without_intents_agrees(make_world: MakeWorld) -> None:
    """I01 no intent, no order, no difference."""
    from session_world import EMA

    quiet = msgspec.structs.replace(EMA, parameters=EMA.parameters | {"fast": 98, "slow": 99})
    recorded = _wires(make_world(quiet, bars=101).record())
    log = SessionLog(recorded)

    assert not log.fills()
    assert all(not event.intents for wire in recorded if isinstance(event := codec.decode(wire), Decided))
    assert compare(recorded).agrees


_HANGS = """
from live_runner.strategies.base import LegState, Parameters, Strategy, intent


class HangParameters(Parameters, frozen=True, kw_only=True):
    bar: int = 40


class Hangs(Strategy[HangParameters, LegState]):
    seen = 0

    def on_bar(self, bar, view):
        self.seen += 1
        while self.seen == self.parameters.bar:
            pass
        return [intent.open(bar.symbol, "long", 0.01)] if self.seen == 5 else []
"""


def test_session_whose_strategy_hung_is_replayed_and_compared_without_asking_it_again(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    """S06 the session was aborted where the strategy hung; neither replay nor backtest hangs there too."""
    path = tmp_path / "hangs.py"
    path.write_text(_HANGS)
    world = make_world(StrategyChoice(path=str(path)), bars=100, symbols=("BTC/USDT:USDT",))
    closes = [event.close_ns for event in world.market() if isinstance(event, BarSet)]
    abort = msgspec.structs.replace(_commands(make_world(bars=300))[0].command, command="abort")
    recorded = _wires(world.record(commands=[CommandAt((closes[39], 0), abort)]))
    kinds = [type(codec.decode(wire)).__name__ for wire in recorded]

    comparison = compare(recorded)

    assert kinds[-2:] == ["Command", "Stopped"]
    assert kinds.count("Settled") == kinds.count("Decided") + 1 == 40
    assert comparison.agrees
    assert comparison.trades.matched == 1
    assert "aborted" in comparison.replayed.notes[0]
