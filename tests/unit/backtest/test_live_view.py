"""What a strategy is shown over columns and through messages: other objects, with the same attributes and text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import session_world
from msgspec import convert, structs
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Fills, StrategyChoice
from live_runner.contracts.risk import Risk
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.session import run_backtest

SOURCE = '''
from hashlib import blake2b
from live_runner.strategies.base import *

NAMES = ("Bar(", "LegView(", "LotView(", "OrderView(", "Fill(", "Rejection(", "OrderUpdate(", "BackoffView(",
         "limit_tripped", "limit_reset")

class Given(Parameters, frozen=True, kw_only=True):
    pass

class Mark(LegState):
    asked: int = 0

class Witness(Strategy[Given, Mark]):
    """Asks for the hash of the text of everything that it is shown, as its reason; keeps all of it."""

    def __init__(self, *given):
        super().__init__(*given)
        self.told = []
        self.kept = []
        self.fills = ["fill"]

    def policy(self):
        return ExecutionPolicy(add_style="market", max_failures=2, backoff_s=600.0, fallback=("timeout",))

    def on_fill(self, fill, view):
        self.told.append(repr(fill))
        self.fills = [*self.fills[-4:], fill]

    def on_rejection(self, rejection, view):
        self.told.append(repr(rejection))

    def on_order_update(self, update, view):
        self.told.append(repr(update))

    def equals(self, bar, old_bar, view, old):
        """How many different ones there are, and which are the same: all are compared by value."""
        bars = [bar, old_bar, bar, "bar"]
        legs = [*view.legs.values(), *old.legs.values(), "leg"]
        lots = [lot for leg in legs[:-1] for lot in leg.lots] + ["lot"]
        orders = [order for which in (view, old) for found in which.orders.values() for order in found] + ["order"]
        return [[len(set(some)), [one == other for one in some for other in some]]
                for some in (bars, legs, lots, orders, self.fills)]

    def odd(self, ask, key):
        """What is answered to a key that nothing has, or the class of the error."""
        try:
            return repr(ask(key))
        except Exception as error:
            return type(error).__name__

    def on_bar(self, bar, view):
        self.kept.append((bar, view, view.legs, view.orders))
        old = self.kept[-5:][0]
        symbol = bar.symbol
        legs = {key: repr(leg) for key, leg in view.legs.items() if leg.lots}
        lines = [repr(bar), repr(view.now_ns), repr(view.equity), repr(view.cash)]
        lines += [repr(view.exposure), repr(view.margin)]
        lines += [view.gate, repr(legs), repr(view.leg(symbol, "long")), repr(view.leg("nowhere", "long"))]
        lines += [repr(dict(view.orders)), repr(view.pending(symbol)), repr(view.pending("nowhere"))]
        lines += [repr(view.backoff(symbol, "long")), repr(dict(view.backoffs)), repr(view.instrument(symbol))]
        lines += [repr(view.backoff("nowhere", "long")), repr(old[1].backoff(symbol, "short"))]
        lines += [repr(dict(old[1].backoffs))]
        lines += [repr(view), repr(view == old[1]), repr(view == "view"), repr(self.equals(bar, old[0], view, old[1]))]
        lines += [repr(old[1].equity), repr(dict(old[1].orders)), repr(dict(old[3])), repr(old[1].now_ns)]
        lines += [repr({key: leg.quantity for key, leg in old[2].items() if leg.lots})]
        asks = (lambda key: view.leg(symbol, key), lambda key: view.leg(key, "long"), view.pending, view.instrument,
                lambda key: view.backoff(symbol, key), lambda key: view.backoff(key, "long"))
        lines += [self.odd(ask, key) for ask in asks for key in ("Long", None, 5, (), [], {}, {1})]
        lines += self.told
        self.told = []
        at = len(self.kept)
        self.leg(symbol, "long").asked += 1
        text = "\\n".join(lines)
        said = blake2b(text.encode(), digest_size=8).hexdigest() + " " + " ".join(n for n in NAMES if n in text)
        if view.leg(symbol, "long").is_open:
            if at % 3 == 0:
                return [intent.close(symbol, "long", reason=said)]
            return [intent.add(symbol, "long", 50.0 / bar.close, reason=said)]
        price = bar.close * (0.999 if at % 2 else 1.001)
        asked = [intent.open(symbol, "long", 400.0 / bar.close, style="limit", limit_price=price, time_to_live_s=180.0,
                             stop_loss=price * 0.99, take_profit=price * 1.01, reason=said)]
        pending = view.pending(symbol)
        if at % 7 == 0 and pending:
            asked.append(intent.cancel(symbol, pending[0].leg, pending[0].order_id, reason="no more"))
        if at % 11 < 3:
            asked.append(intent.open(symbol, "short", 1e9, style="market", reason=said))
        return asked
'''


@pytest.fixture(name="world_of")
def fixture_world_of(tmp_path: Path) -> Callable[..., World]:
    """A session of the strategy above."""
    path = tmp_path / "witness.py"
    path.write_text(SOURCE)

    def make(**options: Any) -> World:
        return session_world.make_world(StrategyChoice(path=str(path)), market_seed=3, bars=160, **options)

    return make


@pytest.mark.parametrize("lots", ["lifo", "average"])
@pytest.mark.parametrize("market", ["next_open", "bar_close"])
def test_what_a_strategy_is_shown_reads_the_same(world_of: Callable[..., World], lots: str, market: str) -> None:
    account = Account(equity="2000", leverage="5", lots=lots)  # type: ignore[arg-type]  # a parameter of the test
    world = world_of(account=account, fills=Fills(market=market))  # type: ignore[arg-type]  # the same
    facts, items = world.facts_and_items()
    messages: list[Any] = []
    columns: list[Any] = []

    run_backtest(world.config, world.source, facts, items, ENGINE, sink=messages.append)
    run_columns(world.config, world.source, facts, world.timeline(), ENGINE, sink=columns.append)

    shown = [reasons(event) for event in messages]
    assert [reasons(event) for event in columns] == shown
    text = "\n".join(line for lines in shown for line in lines)
    for name in ("Bar(", "LegView(", "LotView(", "OrderView(", "Fill(", "Rejection(", "OrderUpdate(", "BackoffView("):
        assert name in text


def test_a_strategy_is_informed_of_a_limit_that_trips_and_is_reset(world_of: Callable[..., World]) -> None:
    world = world_of(account=Account(equity="2000", leverage="5"))
    risk = {"drawdown": {"limit": "1", "action": "notify", "reset": "cooldown", "cooldown_s": 600.0}}
    config = structs.replace(world.config, risk=convert(risk, Risk))
    facts, items = world.facts_and_items()
    messages: list[Any] = []
    columns: list[Any] = []

    run_backtest(config, world.source, facts, items, ENGINE, sink=messages.append)
    run_columns(config, world.source, facts, world.timeline(), ENGINE, sink=columns.append)

    shown = [reasons(event) for event in messages]
    assert [reasons(event) for event in columns] == shown
    text = "\n".join(line for lines in shown for line in lines)
    assert "limit_tripped" in text
    assert "limit_reset" in text


def reasons(event: Any) -> list[str]:
    """The reasons of a decision's intents, blocked ones included."""
    blocked = [held.intent for held in getattr(event, "blocked", [])]
    return [intent.reason for intent in [*getattr(event, "intents", []), *blocked]]
