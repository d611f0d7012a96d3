"""A live execution core for tests: with an order under way, a position, a stop and a target; restarted, taken over."""

from __future__ import annotations

from typing import Any

from live_runner.contracts.core import SetTimer
from live_runner.contracts.messages import CancelRequested, Incident, Owned, Requested, Trade
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


# -- stops and targets --------------------------------------------------------------------------

NAKED: dict[str, Any] = {"after_s": 600, "action": "notify", "reset": "recovered"}
SETUP: dict[str, Any] = {"execution": {"max_protective": 10}, "risk": {"unprotected": NAKED}}


def entered(driver: Any, quantity: str = "2", **prices: str) -> Any:
    """A live core whose entry with its own stop or target has filled at 100."""
    core, client = opened(driver, quantity, setup=SETUP, **prices)
    core.report(client, "filled", filled=quantity, trades=[trade("entry", quantity, "100")])
    return core


def protected(driver: Any, quantity: str = "2", **prices: str) -> Any:
    """A live core that holds a leg whose `protect` stands at the venue."""
    core = held(driver, quantity, **SETUP)
    core.decide(core.intent("protect", **prices))
    for order in orders(core)[1:]:
        accept(core, order)
    core.bar()
    return core


def orders(core: Any) -> list[Any]:
    requested: list[Any] = core.of(Requested)
    return requested


def last(core: Any, kind: str) -> Any:
    """The newest order of a kind."""
    return next(order for order in reversed(orders(core)) if order.kind == kind)


def accept(core: Any, order: Any) -> list[Any]:
    out: list[Any] = core.report(order.client_order_id, "accepted", venue_order_id=f"v-{order.order_id}")
    return out


def trigger(core: Any, order: Any) -> list[Any]:
    """The venue says of the trigger order itself that it is closed, and fills all of it: it has only triggered."""
    out: list[Any] = core.report(order.client_order_id, "filled", filled=order.quantity)
    return out


def child(core: Any, order: Any, status: str, quantity: str = "", price: str = "95", **fields: Any) -> list[Any]:
    """A report on what the trigger order has become."""
    trades = [trade(f"c{len(core.inputs)}", quantity, price)] if quantity else []
    out: list[Any] = core.report(
        f"venue-{order.order_id}", status, parent=order.client_order_id, venue_order_id="c", filled=quantity or "0",
        trades=trades, **fields,
    )  # fmt: skip
    return out


def open_orders(core: Any) -> list[tuple[str, str, str]]:
    """What is open of stops and targets: kind, what is left, trigger."""
    core.bar()
    return [(order.kind, order.remaining, order.price) for order in core.settled.pending]


def incidents(core: Any) -> list[str]:
    return [incident.code for incident in core.of(Incident)]


def cancels(core: Any) -> list[tuple[str, str]]:
    """Order and reason of every cancel that was asked for."""
    return [(cancel.order_id, cancel.reason) for cancel in core.of(CancelRequested)]
