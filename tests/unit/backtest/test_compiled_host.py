"""What a compiled strategy sees and asks is what its Python twin sees and asks; a wrong one is an error, by name.

The twin, scripted_twin.pyx, is built here. Both do what a script says and note everything that they are shown.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import session_world
from fix_engine import built
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Fills, StrategyChoice
from live_runner.contracts.errors import StrategyError
from live_runner.contracts.messages import Decided, Event, Requested
from live_runner.contracts.vocabulary import STYLES
from live_runner.hotpath.engine.decisions import INTENTS_PER_CALL_MAX
from live_runner.hotpath.engine.host import GaveUpError
from live_runner.hotpath.engine.session import Session
from live_runner.services.backtest.columns import ColumnsBacktest
from live_runner.services.backtest.session import begin

strategy = pytest.importorskip("live_runner.hotpath.engine.strategy", reason="a compiled module", exc_type=ImportError)
compiled_host = pytest.importorskip("live_runner.hotpath.engine.compiled_host", exc_type=ImportError)

SOURCE = """
import msgspec
from live_runner.strategies.base import *

SIDES = ("long", "short")
ACTIONS = ("open", "add", "partial_close", "close", "cancel", "sync_state", "hold", "protect")
KINDS = ("market", "limit", "post_only", "stop", "take_profit", "ioc")
SEEN = []

class Row(msgspec.Struct, frozen=True, kw_only=True):
    close_ns: int
    symbol: str
    action: str
    leg: str = "long"
    style: str = "market"
    quantity: str = "0"  # a float as text: parameters are finite
    limit_price: str = "0"
    stop_loss: str = "0"
    take_profit: str = "0"
    time_to_live_ns: int = -1
    reason: int = 1
    wrong_leg: int | None = None
    symbols_off: int = 0

class Script(Parameters, frozen=True, kw_only=True):
    rows: tuple[Row, ...] = ()
    gives_up: str = ""
    keeps_state: bool = True

class Asked(LegState):
    times: int = 0

class Scripted(Strategy[Script, Asked]):
    compiled = "scripted_twin:Scripted"

    def policy(self):
        return ExecutionPolicy(add_style="market", max_failures=1, backoff_s=300.0, fallback=("timeout",))

    def on_bar(self, bar, view):
        SEEN.append(("bar", bar.symbol, bar.close, view.equity, view.cash))
        for number, side in enumerate(SIDES):
            leg = view.leg(bar.symbol, side)
            orders = [order for order in view.pending(bar.symbol) if order.leg == side]
            SEEN.append((
                number, leg.quantity, leg.is_open, leg.average or 0.0, [(lot.quantity, lot.price) for lot in leg.lots],
                any(order.action in ("open", "add") for order in orders),
                any(order.action not in ("open", "add") and order.kind not in KINDS[3:5] for order in orders),
                self.leg(bar.symbol, side).times,
            ))
        return [self.asked(row) for row in self.parameters.rows
                if (row.close_ns, row.symbol) == (bar.close_ns, bar.symbol)]

    def asked(self, row):
        self.leg(row.symbol, row.leg).times += 1
        if row.action == "open" and row.style == "market":
            return intent.open(row.symbol, row.leg, float(row.quantity), style="market", reason="scripted")
        if row.action == "open":
            return intent.open(
                row.symbol, row.leg, float(row.quantity), style=row.style, reason="scripted",
                limit_price=float(row.limit_price),
                time_to_live_s=None if row.time_to_live_ns < 0 else row.time_to_live_ns / 1e9,
            )
        if row.action == "close":
            return intent.close(row.symbol, row.leg, reason="scripted")
        if row.action == "protect":
            return intent.protect(
                row.symbol, row.leg, stop_loss=float(row.stop_loss) or None,
                take_profit=float(row.take_profit) or None, reason="scripted",
            )
        return getattr(intent, row.action)(row.symbol, row.leg, quantity=float(row.quantity), reason="scripted")

    def on_fill(self, fill, view):
        SEEN.append((
            "fill", fill.symbol, SIDES.index(fill.leg), ACTIONS.index(fill.action), KINDS.index(fill.kind),
            fill.quantity, fill.price, fill.filled, fill.remaining, fill.leg_quantity, fill.is_done, fill.at_ns,
        ))

    def on_rejection(self, news, view):
        SEEN.append((
            "rejection", news.symbol, SIDES.index(news.leg), ACTIONS.index(news.action), news.kind == "blocked",
            news.kind == "refused", news.retrying, news.restored, news.at_ns,
        ))
"""
MINUTE_NS = 60_000_000_000
FIRST_NS = 1_735_862_400_000_000_000
"""Where simulated markets begin."""
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
BARS = 120


@pytest.fixture(name="twin", scope="module")
def fixture_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the compiled twin, which the Python strategy finds by name."""
    module = built(Path(__file__).with_name("scripted_twin.pyx"), tmp_path_factory.mktemp("twin"))
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture(name="world_of")
def fixture_world_of(tmp_path: Path) -> Callable[..., World]:
    """A session of the strategy above, from the rows of its script."""
    path = tmp_path / "scripted.py"
    path.write_text(SOURCE)

    def make(*rows: dict[str, Any], parameters: dict[str, Any] | None = None, **options: Any) -> World:
        choice = StrategyChoice(path=str(path), parameters={"rows": list(rows), **(parameters or {})})
        return session_world.make_world(choice, market_seed=3, bars=BARS, **options)

    return make


def play(world: World, *, compiled: bool = True) -> tuple[list[Event], list[Any]]:
    """The session of one of the two: its events, and what a Python strategy has seen."""
    strategy_class = world.strategy_class
    facts, _ = world.facts_and_items()
    _, started = begin(world.config, world.source, strategy_class, facts, ENGINE)
    events: list[Event] = []
    backtest = ColumnsBacktest(
        started, world.config, strategy_class, world.timeline(), compiled=compiled, sink=events.append
    )
    events.append(backtest.run())
    return events, strategy_class.on_bar.__globals__["SEEN"]


def row(bar: int, action: str, symbol: str = BTC, **fields: Any) -> dict[str, Any]:
    """A row of a script, at the close of a bar."""
    texts = {name: repr(value) if isinstance(value, float) else value for name, value in fields.items()}
    return {"close_ns": FIRST_NS + (bar + 1) * MINUTE_NS, "symbol": symbol, "action": action, **texts}


def drawn(draw: random.Random, world: World) -> list[dict[str, Any]]:
    """A script that opens, adds and closes with and without sense."""
    rows = []
    for bar in range(BARS):
        for at, symbol in enumerate((BTC, ETH)):
            if draw.random() < 0.5:
                continue
            price = float(world.columns[at].close[bar])
            for _ in range(draw.choice([1, 1, 2, 3])):
                fields: dict[str, Any] = {
                    "leg": draw.choice(["long", "short"]),
                    "quantity": draw.choice([0.0, -1.0, 1e-9, 1e7, *[50.0 / price, 171.3 / price, 400.0 / price] * 4]),
                }
                action = draw.choice(["open", "open", "add", "partial_close", "close", *["protect"] * 3])
                if action == "protect":
                    way = draw.choice([0.001, 0.001, -0.001]) * (1 if fields["leg"] == "long" else -1)
                    fields["stop_loss"] = draw.choice([price * (1 - way), 0.0])
                    fields["take_profit"] = draw.choice([*[price * (1 + way), 0.0] * 3, -1.0])
                if action == "open":
                    fields["style"] = draw.choice([*STYLES, "stop"])
                    fields["limit_price"] = draw.choice([price * 0.999, price * 1.001, price, -1.0])
                    fields["time_to_live_ns"] = draw.choice([-1, 0, 2 * MINUTE_NS])
                rows.append(row(bar, action, symbol, **fields))
    return rows


@pytest.mark.parametrize("lots", ["lifo", "fifo", "average"])
@pytest.mark.parametrize(
    ("market", "participation"), [("next_open", None), ("next_open", "0.00001"), ("bar_close", None)]
)
def test_both_twins_see_and_lead_to_the_same(
    twin: Any, world_of: Callable[..., World], seed: int, lots: str, market: str, participation: str | None
) -> None:
    """Where a bar takes only a little of an order, closes are under way for several bars."""
    options = {
        "account": Account(equity="2000", leverage="3", lots=lots),  # type: ignore[arg-type]  # a parameter of the test
        "fills": Fills(market=market, slippage_bp="2", participation=participation),  # type: ignore[arg-type]  # the same
    }
    script = drawn(random.Random(f"{seed}/{lots}/{market}"), world_of(**options))
    world = world_of(*script, **options)

    twin.SEEN.clear()
    events, _ = play(world)
    expected, seen = play(world, compiled=False)

    assert events == expected
    assert seen == twin.SEEN
    assert {"bar", "fill", "rejection"} <= {entry[0] for entry in seen}
    protections = [order for order in events if isinstance(order, Requested) and order.kind in ("stop", "take_profit")]
    assert protections
    assert any(entry[6] for entry in seen if entry[0] in (0, 1)) == (participation is not None)
    assert any(event.blocked for event in events if isinstance(event, Decided))


def test_a_strategy_that_keeps_nothing_about_its_legs_leads_to_the_same(
    twin: Any, world_of: Callable[..., World], seed: int
) -> None:
    script = drawn(random.Random(seed), world_of())
    events, _ = play(world_of(*script, parameters={"keeps_state": False}))
    expected, _ = play(world_of(*script), compiled=False)

    assert decisions(events) == decisions(expected)


def decisions(events: list[Event]) -> list[Any]:
    """The intents of every decision, blocked ones included."""
    return [(event.intents, event.blocked) for event in events if isinstance(event, Decided)]


def test_more_intents_than_one_list_holds_come_all(twin: Any, world_of: Callable[..., World]) -> None:
    """The desk's list begins with 16 places and grows."""
    world = world_of(*[row(20, "open", quantity=0.001, style="market")] * 50)
    decided = next(event for event in play(world)[0] if isinstance(event, Decided) and event.intents)

    assert [intent.id.rpartition("/")[2] for intent in decided.intents] == [str(number) for number in range(1, 51)]


@pytest.mark.parametrize(
    ("quantity", "lots"), [(0.0121, 0.013), (0.012, 0.012), (0.0119999, 0.012), (1e-9, 0.001), (0.0, 0.0)]
)
def test_whole_lots_are_the_next_ones_upwards(
    twin: Any, world_of: Callable[..., World], quantity: float, lots: float
) -> None:
    twin.SEEN.clear()
    play(world_of(row(20, "whole_lots", quantity=quantity)))

    assert [entry for entry in twin.SEEN if entry[0] == "lots"] == [("lots", lots)]


@pytest.mark.parametrize(
    ("lot_size", "min_amount", "min_notional", "price", "smallest"),
    [
        (0.001, 0.002, 5.0, 100.0, 0.025),
        (0.001, 0.002, 0.1, 100.0, 0.002),
        (0.01, 0.002, 0.1, 100.0, 0.01),
        (0.01, 0.002, 5.0, 0.0, 0.01),
        (0.0, 0.0, 0.0, 100.0, 0.0),
    ],
)
def test_the_smallest_quantity_is_the_strictest_of_the_market_s_rules(
    twin: Any,
    world_of: Callable[..., World],
    lot_size: float,
    min_amount: float,
    min_notional: float,
    price: float,
    smallest: float,
) -> None:
    """A contract of 2 units is worth twice the price."""
    desk = strategy.Desk(session_of(world_of()).state, [(2.0, 0.1, lot_size, min_amount, 0.0, min_notional, 0.0)] * 2)

    assert twin.smallest_quantity(desk, 0, price) == smallest


# -- what ends a session -------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["observe", "on_bar", "on_fill", "on_rejection"])
def test_a_call_that_gives_up_leaves_the_session_to_the_python_strategy(
    twin: Any, world_of: Callable[..., World], call: str
) -> None:
    script = [row(20, "open", quantity=0.01), row(20, "open", ETH, quantity=-1.0)]

    with pytest.raises(GaveUpError, match="gave up"):
        play(world_of(*script, parameters={"gives_up": call}))


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "open", "quantity": float("nan")},
        {"action": "add", "quantity": float("inf")},
        {"action": "open", "quantity": 1.0, "style": "limit", "limit_price": float("nan")},
        {"action": "protect", "stop_loss": float("nan")},
        {"action": "protect", "take_profit": float("inf")},
        {"action": "whole_lots", "quantity": 1e300},
        {"action": "whole_lots", "quantity": float("nan")},
    ],
)
def test_a_number_that_no_text_can_be_made_of_gives_the_session_up(
    twin: Any, world_of: Callable[..., World], fields: dict[str, Any]
) -> None:
    with pytest.raises(GaveUpError, match="gave up"):
        play(world_of(row(20, **fields)))


def test_more_intents_than_a_call_may_give_give_the_session_up(twin: Any, world_of: Callable[..., World]) -> None:
    with pytest.raises(GaveUpError, match=f"more than {INTENTS_PER_CALL_MAX} intents"):
        play(world_of(*[row(20, "close")] * (INTENTS_PER_CALL_MAX + 1)))


@pytest.mark.parametrize(
    "fields", [{"wrong_leg": 2}, {"wrong_leg": -1}, {"reason": 2}, {"reason": -1}, {"symbols_off": 1}]
)
def test_what_is_no_leg_reason_or_symbol_of_the_bar_is_an_error(
    twin: Any, world_of: Callable[..., World], fields: dict[str, Any]
) -> None:
    with pytest.raises(StrategyError, match=rf"on_bar of {BTC} asked for symbol .*Ask for the bar's own symbol"):
        play(world_of(row(20, "open", quantity=1.0, **fields), parameters={"keeps_state": False}))


# -- how it is set up ----------------------------------------------------------------------------


def session_of(world: World, columns: list[Any] | None = None) -> Session:
    """The engine of a session, without a host."""
    facts, _ = world.facts_and_items()
    _, started = begin(world.config, world.source, world.strategy_class, facts, ENGINE)
    return Session(started, columns, False, False)


RULES = [(1.0,) * 7] * 2


def test_a_host_takes_a_desk_and_a_strategy_of_its_own_symbols(twin: Any, world_of: Callable[..., World]) -> None:
    session = session_of(world_of())
    desk = strategy.Desk(session.state, RULES)

    with pytest.raises(ValueError, match="1 rows of rules for 2 markets"):
        strategy.Desk(session.state, RULES[:1])
    with pytest.raises(RuntimeError, match="set up once"):
        desk.__init__(session.state, RULES)
    with pytest.raises(StrategyError, match="A strategy of 1 symbols is called with 2"):
        compiled_host.CompiledHost(session, twin.Idle(None, (BTC,), "1m"), desk, False)


def test_a_host_is_set_up_once(twin: Any, world_of: Callable[..., World]) -> None:
    """Its memory for the states of legs is its own."""
    session = session_of(world_of())
    desk = strategy.Desk(session.state, RULES)
    scripted = twin.Scripted(SimpleNamespace(rows=(), gives_up="", keeps_state=True), (BTC, ETH), "1m")
    host = compiled_host.CompiledHost(session, scripted, desk, False)

    with pytest.raises(RuntimeError, match="set up once"):
        host.__init__(session, scripted, desk, False)


def test_a_strategy_that_overrides_nothing_asks_for_nothing(twin: Any, world_of: Callable[..., World]) -> None:
    world = world_of()
    fields = ("open_ns", "open", "high", "low", "close", "volume")
    session = session_of(world, [tuple(getattr(column, field) for field in fields) for column in world.columns])
    idle = twin.Idle(None, (BTC, ETH), "1m")
    host = compiled_host.CompiledHost(session, idle, strategy.Desk(session.state, RULES), False)

    session.play(host, world.timeline().opens_ns, MINUTE_NS, 0, [], None, None)

    assert (session.state.set_number, session.summary()["orders"]) == (BARS, 0)
    assert host.decision() == ([], [], [])
