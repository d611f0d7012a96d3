"""A live execution core for tests: with an order under way or a position, restarted, taken over."""

from __future__ import annotations

from typing import Any

from live_runner.contracts.core import SetTimer
from live_runner.contracts.messages import Owned, Requested, Trade
from live_runner.services.execution.core.engine import ExecutionCore

MINUTE = 60_000_000_000
SECOND = 1_000_000_000
RESTING: dict[str, Any] = {"style": "limit", "limit_price": "99"}


def trade(identity: str, quantity: str, price: str, fee: str = "", currency: str = "USDT") -> Trade:
    return Trade(identity, quantity, price, MINUTE, fee, currency if fee else "", "taker")


def opened(driver: Any, quantity: str = "4", **fields: Any) -> tuple[Any, str]:
    """A live core with one open under way, and the order's client id."""
    core = driver(stage="live", **fields.pop("setup", {}))
    core.bar()
    core.open(quantity, **fields)
    return core, core.last(Requested).client_order_id


def held(driver: Any, quantity: str = "2", **setup: Any) -> Any:
    """A live core that holds a long of a quantity, bought at 100 without a fee."""
    core, client = opened(driver, quantity, setup=setup)
    core.report(client, "filled", filled=quantity, trades=[trade("entry", quantity, "100")])
    core.bar()
    return core


def proof(core: Any, after_ns: int = MINUTE) -> dict[str, Any]:
    return {"complete": True, "asked_ns": core.close_ns + after_ns, "via": "query"}


def kinds(effects: list[Any], *wanted: type[Any]) -> list[type[Any]]:
    """Types of the effects, timers left out unless they are asked for."""
    return [type(effect) for effect in effects if not isinstance(effect, SetTimer) or SetTimer in wanted]


def fire(core: Any, name: str) -> list[Any]:
    """Let the newest timer of that beginning fire."""
    timer = next(timer for timer in reversed(core.of(SetTimer)) if timer.name.startswith(name))
    effects: list[Any] = core.timer(timer.name, timer.due_ns)
    return effects


def takeover(core: Any) -> list[Any]:
    """Another process goes on with the session."""
    envelope = core.envelope("execution.shell", core.close_ns)
    effects: list[Any] = core.feed(Owned(**envelope, role="execution", instance="two", epoch=2))
    return effects


def restarted(core: Any) -> Any:
    """The same session in a core that was restored from its snapshot."""
    fresh = ExecutionCore("s1")
    fresh.restore(core.core.snapshot())
    assert fresh.state_hash() == core.core.state_hash()
    core.core = fresh
    return core
