"""Stops and targets of a live session at the local exchange: conditional orders with ids of their own.

Each scenario ends with both ledgers side by side (``fix_play``); what was sent is counted in the venue's own log.
"""

from __future__ import annotations

from typing import Any

import pytest
from fix_gateway import KEY, TradingAccount
from fix_live_session import LiveSession
from fix_play import Play

ORDER = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"
PAIR = {"stop_loss": "49000", "take_profit": "52000"}
REFUSED = {"code": -2021, "message": "Order would immediately trigger."}


async def protected(session: LiveSession, quantity: str = "0.01", **prices: Any) -> None:
    """A long leg, by a market order, whose stop and target stand."""
    await session.ask(quantity=quantity, **(prices or PAIR))
    await session.count("order.accepted", len(prices or PAIR))


async def protect(session: LiveSession, **prices: Any) -> None:
    """Have a stop, a target or both stand for the whole leg."""
    await session.ask("protect", quantity=None, style=None, **prices)


async def flat(session: LiveSession) -> Any:
    """The fill that left nothing of the leg."""
    return await session.until("order.filled", lambda fill: fill.leg_quantity == "0")


def ids(orders: list[dict[str, Any]], kind: str) -> list[str]:
    """Client ids of what stands, by the venue's own type."""
    return [order["client_id"] for order in orders if order["type"] == kind]


@pytest.mark.parametrize("own_ids", [True, False])
@pytest.mark.parametrize(("price", "kind"), [("48990", "stop"), ("52010", "take_profit")])
def test_what_a_stop_or_target_has_become_closes_the_leg_and_the_other_is_cancelled(
    play: Play, price: str, kind: str, own_ids: bool
) -> None:
    """I06, O17, O18: its order has an id of the venue's making, or carries the trigger order's."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await protected(session)
        placed = [(each["type"], each["triggerPrice"], each["quantity"]) for each in await trading.sent(path=ALGO)]
        assert placed == [("STOP_MARKET", "49000", "0.01"), ("TAKE_PROFIT_MARKET", "52000", "0.01")]
        await trading.price(price)
        closed = await flat(session)
        await session.until("order.cancelled")

        assert closed.kind == kind
        assert await trading.standing() == []
        assert (await trading.seen("POST", ORDER), await trading.seen("POST", ALGO)) == (1, 2)

    play(work, max_protective=10, at_venue={"options": {"own_child_ids": own_ids}})


@pytest.mark.parametrize("first", ["STOP_MARKET", "TAKE_PROFIT_MARKET"])
def test_both_of_a_pair_met_at_once_end_flat_and_not_reversed(play: Play, first: str) -> None:
    """O18: the cancel of the second is on its way when its price is met."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await protected(session)
        standing = await trading.standing()
        slow = await trading.client.add_fault({"method": "DELETE", "path": ALGO}, before={"delay_ms": 1000})
        (one,) = ids(standing, first)
        await trading.client.post(f"orders/{one}/trigger")
        await trading.client.requests(1, method="DELETE", path=ALGO)
        await trading.price("48990" if first == "TAKE_PROFIT_MARKET" else "52010")
        await trading.client.pass_time(2)
        await flat(session)

        assert await trading.client.lift(slow) == 1
        assert len(session.of("order.filled")) == 2
        assert await trading.standing() == []

    play(work, max_protective=10)


def test_a_leg_that_is_closed_has_no_stop_left_that_could_open_the_other_side(play: Play) -> None:
    """O18: closed by an order of its own."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await protected(session)
        await session.ask("close", quantity=None)
        await flat(session)
        await session.count("order.cancelled", 2)
        await trading.price("48000")
        await trading.price("53000")

        assert await trading.standing() == []

    play(work, max_protective=10)


def test_stops_of_an_order_that_fills_in_parts_are_for_what_has_filled(play: Play) -> None:
    """I06, X10: one stop for each part, together never for more than the leg."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(style="limit", limit_price="49500", stop_loss="49000")
        await session.until("order.accepted")
        (limit,) = await trading.standing()
        for number, part in enumerate(("0.004", "0.006"), 1):
            await trading.client.post(f"orders/{limit['id']}/fill", {"quantity": part})
            await session.count("order.filled", number)
            await session.count("order.accepted", 1 + number)
        assert [each["quantity"] for each in await trading.sent(path=ALGO)] == ["0.004", "0.006"]
        await trading.price("48990")
        await flat(session)

        assert await trading.standing() == []

    play(work, max_protective=10)


def test_a_stop_that_the_venue_refuses_is_named_and_the_leg_closed_by_the_limit_that_asks_for_it(play: Play) -> None:
    """O24: the event says since when the leg was without it, and until when."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault({"method": "POST", "path": ALGO}, before=REFUSED)
        await session.ask(stop_loss="49000")
        await session.until("order.rejected")
        await trading.client.pass_time(10)
        tripped = await session.until("account.limit_tripped")
        closed = await flat(session)
        ended = await session.until("ops.incident", lambda incident: incident.code == "leg_was_unprotected")

        assert (tripped.limit, tripped.action, closed.action) == ("unprotected", "flatten", "close")
        assert int(ended.details["to_ns"]) - int(ended.details["from_ns"]) >= 5_000_000_000
        assert await trading.client.lift(fault) == 1

    limit = {"after_s": 5, "action": "flatten", "reset": "operator"}
    play(work, max_protective=10, risk={"unprotected": limit}, incidents={"stop_failed", "leg_was_unprotected"})


def test_a_stop_whose_order_ends_unfilled_leaves_a_leg_that_is_named_and_closed(play: Play) -> None:
    """O24: triggered, and its market order finds nobody."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await protected(session, stop_loss="49000")
        await trading.client.post("market/BTCUSDT", {"level_quantity": "0.004", "levels": 1})
        await trading.price("48990")
        part = await session.until("order.filled", lambda fill: fill.side == "sell")
        await session.until("ops.incident", lambda incident: incident.code == "stop_failed")
        await trading.client.post("market/BTCUSDT", {"level_quantity": None})
        await trading.client.pass_time(10)
        closed = await flat(session)

        assert (part.quantity, part.kind, closed.quantity, closed.action) == ("0.004", "stop", "0.006", "close")
        assert await trading.standing() == []

    limit = {"after_s": 5, "action": "flatten", "reset": "operator"}
    play(work, max_protective=10, risk={"unprotected": limit}, incidents={"stop_failed", "leg_was_unprotected"})


def test_a_replacement_that_is_refused_leaves_the_old_stop(play: Play) -> None:
    """O26: the leg is never without one."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        await protect(session, stop_loss="49000")
        await session.until("order.accepted")
        (old,) = await trading.standing()
        fault = await trading.client.add_fault({"method": "POST", "path": ALGO}, before=REFUSED)
        await protect(session, stop_loss="49500")
        await session.until("ops.incident")

        assert await trading.standing() == [old]
        assert await trading.client.lift(fault) == 1
        assert await trading.seen("DELETE", ALGO) == 0

    play(work, max_protective=10, incidents={"replacement_refused"})


def test_a_stop_that_fills_while_it_is_replaced_leaves_the_leg_flat(play: Play) -> None:
    """O27: the new one reaches the venue when nothing is left to protect."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        await protect(session, stop_loss="49000")
        await session.until("order.accepted")
        slow = await trading.client.add_fault({"method": "POST", "path": ALGO}, before={"delay_ms": 1000})
        await protect(session, stop_loss="49500")
        await trading.client.requests(2, method="POST", path=ALGO)
        await trading.price("48990")
        await flat(session)
        await trading.client.pass_time(2)
        await session.until("order.rejected")

        assert await trading.client.lift(slow) == 1
        assert await trading.standing() == []

    play(work, max_protective=10)


def test_a_replaced_stop_is_cancelled_when_the_new_one_stands(play: Play) -> None:
    """I14, O17: by the id under which the venue lists it; the quantity follows the leg."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(quantity="0.02")
        await session.until("order.filled")
        await protect(session, stop_loss="49000", take_profit="52000")
        await session.count("order.accepted", 2)
        await protect(session, stop_loss="49500", take_profit="52000")
        await session.until("order.cancelled")
        await session.ask("partial_close", quantity="0.005")
        await session.count("order.cancelled", 3)
        standing = await trading.standing()

        kept = sorted((order["type"], order["trigger"], order["quantity"]) for order in standing)
        assert kept == [("STOP_MARKET", "49500", "0.015"), ("TAKE_PROFIT_MARKET", "52000", "0.015")]
        verbs = [each["method"] for each in await trading.client.get("requests", path=ALGO) if each["method"] != "GET"]
        assert verbs.count("DELETE") == 3

    play(work, max_protective=10)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_stop_without_an_answer_is_found_or_sent_again_and_once(play: Play, when: str) -> None:
    """O12, O17: by the id that trigger orders have."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault({"method": "POST", "path": ALGO, "count": 1}, **{when: {"reset": True}})
        await session.ask(stop_loss="49000")
        await session.until("order.unknown", lambda unknown: unknown.reason != "fills_missing")
        await trading.client.requests(1, method="GET", path=ALGO)
        if when == "before":
            await trading.client.pass_time(6)
        await session.until("order.accepted")

        assert await trading.client.lift(fault) == 1
        assert await trading.seen("POST", ALGO) == 1 + (when == "before")
        assert len(await trading.standing()) == 1
        assert len({each["clientAlgoId"] for each in await trading.sent(path=ALGO)}) == 1

    play(work, max_protective=10)


def test_a_stop_that_somebody_takes_off_by_hand_is_named_and_placed_again(play: Play) -> None:
    """O24, O17: the venue's own act."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await protected(session, stop_loss="49000")
        (stop,) = await trading.standing()
        await trading.client.post(f"orders/{stop['client_id']}/cancel", {"account": KEY})
        await session.until("ops.incident", lambda incident: incident.code == "stop_failed")
        await trading.client.pass_time(5)
        await session.count("order.accepted", 2)
        (again,) = await trading.standing()

        assert (again["trigger"], again["client_id"] != stop["client_id"]) == ("49000", True)

    play(work, max_protective=10, incidents={"stop_failed", "leg_was_unprotected"})
