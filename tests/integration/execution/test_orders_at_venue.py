"""Orders of a live session at the local exchange, through the gateway and unmodified ccxt: limits and their ends.

Each scenario ends with both ledgers side by side (``fix_play``); what was sent is counted in the venue's own log.
"""

from __future__ import annotations

from typing import Any

import pytest
from fix_gateway import KEY, TradingAccount
from fix_live_session import LiveSession
from fix_play import Play

from live_runner.contracts.policy import ExecutionPolicy

ORDER = "/fapi/v1/order"
REST = {"style": "limit", "limit_price": "49000"}
TTL: dict[str, Any] = {"time_to_live_ns": 30_000_000_000}
LONGER_S = 31.0
ANSWER_ALLOWANCE_S = 6.0
"""After so long nothing that was sent can still arrive: the send window and the receive window."""


async def held(session: LiveSession, quantity: str = "0.01") -> None:
    """A long leg, by a market order."""
    await session.ask(quantity=quantity)
    await session.until("order.filled", lambda fill: fill.remaining == "0")


def closing(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Orders that sell the long leg."""
    return [each for each in requests if each["side"] == "SELL"]


@pytest.mark.parametrize("expires", [True, False])
@pytest.mark.parametrize("fallback", [[], ["timeout"], ["reject"]])
def test_a_post_only_order_that_would_take_becomes_a_market_order_by_permission_for_rejects_alone(
    play: Play, expires: bool, fallback: list[str]
) -> None:
    """O01, O21: the venue refuses it, or takes it and lets it expire at once."""
    allowed = fallback == ["reject"]

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(style="post_only", limit_price="50100", fallback=fallback)
        rejected = await session.until("order.rejected")
        assert rejected.retrying == allowed
        if allowed:
            fill = await session.until("order.filled")
            assert (fill.kind, fill.quantity, fill.remaining) == ("market", "0.01", "0")
        await session.settled()

        kinds = [(each["type"], each.get("timeInForce")) for each in await trading.sent()]
        assert kinds == [("LIMIT", "GTX"), ("MARKET", None)][: 1 + allowed]

    play(work, at_venue={"options": {"unfillable_expires": expires}})


@pytest.mark.parametrize("fallback", [[], ["reject"], ["timeout"]])
@pytest.mark.parametrize("part", ["0", "0.004"])
def test_a_limit_whose_time_is_over_becomes_a_market_order_for_the_rest_by_permission(
    play: Play, fallback: list[str], part: str
) -> None:
    """O02, O05, X10: the cancel is confirmed, and what had filled by then is booked."""
    allowed = fallback == ["timeout"]

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(**REST, **TTL, fallback=fallback)
        await session.until("order.accepted")
        (limit,) = await trading.standing()
        if part != "0":
            await trading.client.post(f"orders/{limit['id']}/fill", {"quantity": part})
            await session.until("order.filled")
        await trading.client.pass_time(LONGER_S)
        ended = await session.until("order.cancelled")
        assert (ended.filled, ended.retrying) == (part, allowed)
        if allowed:
            fill = await session.until("order.filled", lambda fill: fill.kind == "market")
            assert fill.quantity == ended.remaining

        assert await trading.seen("DELETE", ORDER) == 1
        assert len(await trading.sent()) == 1 + allowed

    play(work)


def test_a_limit_whose_cancel_is_not_confirmed_stays_unknown_and_nothing_is_bought_in_its_place(play: Play) -> None:
    """O03: neither the cancel nor any question gets a proof; when one does, the permission holds."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(**REST, **TTL, fallback=["timeout"])
        await session.until("order.accepted")
        broken = {"status": 503, "body": "<html>Service Unavailable</html>"}
        faults = [await trading.client.add_fault({"method": how, "path": ORDER}, before=broken)
                  for how in ("DELETE", "GET")]  # fmt: skip
        await trading.client.pass_time(LONGER_S)
        await session.until("order.unknown")
        for seen in (2, 4, 6):
            await trading.client.pass_time(ANSWER_ALLOWANCE_S)
            await trading.client.requests(seen, method="GET", path=ORDER)
        settled = await session.settled()
        assert [each.status for each in settled.pending] == ["unknown"]
        assert (len(await trading.sent()), len(await trading.standing())) == (1, 1)

        for fault in faults:
            assert await trading.client.lift(fault) >= 1
        fill = await session.until("order.filled")
        assert (fill.kind, fill.quantity) == ("market", "0.01")
        assert [each["type"] for each in await trading.sent()] == ["LIMIT", "MARKET"]

    play(work)


def test_a_limit_that_fills_while_its_cancel_is_on_the_way_is_booked_and_nothing_follows(play: Play) -> None:
    """O04: the venue answers the cancel with -2011."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(**REST, **TTL, fallback=["timeout", "reject"])
        await session.until("order.accepted")
        slow = await trading.client.add_fault({"method": "DELETE", "path": ORDER}, before={"delay_ms": 1000})
        await trading.client.pass_time(LONGER_S)
        await trading.client.requests(1, method="DELETE", path=ORDER)
        await trading.price("48900")
        await trading.client.pass_time(2)
        fill = await session.until("order.filled")

        assert (fill.price, fill.remaining, fill.liquidity) == ("49000", "0", "maker")
        assert await trading.client.lift(slow) == 1
        assert (len(await trading.sent()), session.of("order.cancelled")) == (1, [])

    play(work)


@pytest.mark.parametrize("semantics", ["sync_if_absent", "strict"])
def test_a_leg_that_somebody_else_has_closed_leaves_the_ledger_once_the_venue_proves_it(
    play: Play, semantics: str
) -> None:
    """O06, G08: refused for lack of a position; a failed listing changes nothing, a complete one closes by an event."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        listing = await trading.client.add_fault(
            {"path": "/fapi/v3/positionRisk"}, before={"status": 503, "body": "[]"}
        )
        order = {"symbol": "BTCUSDT", "side": "SELL", "positionSide": "LONG", "type": "MARKET", "quantity": "0.01"}
        await trading.client.post(f"accounts/{KEY}/manual_order", order)
        await session.ask("close", quantity=None, close_semantics=semantics)
        rejected = await session.until("order.rejected")
        await session.next("account.reported", 2)
        assert (rejected.code, session.of("account.reconciled")) == ("-2022", [])
        await trading.client.pass_time(1)
        assert await trading.client.lift(listing) >= 2
        if semantics == "sync_if_absent":
            closed = await session.until("account.reconciled")
            assert (closed.reason, closed.quantity_before, closed.quantity) == ("closed_elsewhere", "0.01", "0")
        else:
            halted = await session.until("ops.incident", lambda event: event.code == "leg_halted")
            assert (halted.details["venue"], halted.details["ledger"]) == ("0", "0.01")
        assert len(closing(await trading.sent())) == 1

    others = {"trades", "cash", "fees"}
    if semantics == "strict":
        play(work, incidents={"position_differs", "leg_halted"}, unlike=others | {"positions"})
    else:
        play(work, unlike=others)


@pytest.mark.parametrize(("times", "mode"), [(1, "hedge"), (2, "hedge"), (1, "one_way")])
def test_a_refused_reduce_only_flag_is_left_out_once_and_only_where_the_side_names_the_position(
    play: Play, times: int, mode: str
) -> None:
    """O07: never a plain order that could open the other side."""
    closes = times == 1 and mode == "hedge"

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        refusal = {"code": -1106, "message": "Parameter 'reduceonly' sent when not required."}
        match = {"method": "POST", "path": ORDER, "side": "SELL", "count": times}
        fault = await trading.client.add_fault(match, before=refusal)
        await session.ask("close", quantity=None)
        rejected = await session.until("order.rejected")
        assert (rejected.code, rejected.retrying) == ("-1106", mode == "hedge")
        await trading.client.pass_time(2)
        if closes:
            await session.until("order.filled", lambda fill: fill.action == "close")
        else:
            await session.until("order.rejected", lambda rejected: not rejected.retrying)
        settled = await session.settled()

        assert await trading.client.lift(fault) == times
        sent = closing(await trading.sent())
        assert len(sent) == (2 if mode == "hedge" else 1)
        for each in sent:
            assert each["positionSide"] == "LONG" if mode == "hedge" else each["reduceOnly"] == "true"
        assert settled.pending == []

    play(work, at_venue={"hedge": mode == "hedge"}, account={"position_mode": mode})


def test_an_entry_filled_too_far_from_its_price_is_closed_again(play: Play) -> None:
    """O08: 20 basis points from the close that it was decided on, 5 are allowed."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await trading.price("50100")
        await session.decide({"action": "open", "quantity": "0.01", "style": "market"})
        tripped = await session.until("account.limit_tripped")
        await session.until("order.filled", lambda fill: fill.leg_quantity == "0")

        assert (tripped.limit, tripped.action) == ("entry_slippage", "close_leg")
        assert [each["side"] for each in await trading.sent()] == ["BUY", "SELL"]

    play(work, risk={"entry_slippage": {"limit_bp": "5", "action": "close_leg", "reset": "each"}})


def test_an_order_that_the_venue_cuts_ends_at_the_venues_quantity(play: Play) -> None:
    """O20: 0.005 of 0.02 had filled when the rest was taken away; X10: that much is booked."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(quantity="0.02", **REST)
        await session.until("order.accepted")
        (limit,) = await trading.standing()
        await trading.client.post(f"orders/{limit['id']}/fill", {"quantity": "0.005"})
        await trading.client.post(f"orders/{limit['id']}/resize", {"quantity": "0.005"})
        ended = await session.until("order.cancelled")
        settled = await session.settled()

        assert (ended.reason, ended.filled, ended.remaining) == ("quantity_changed", "0.005", "0.015")
        assert settled.pending == []

    play(work)


@pytest.mark.parametrize("fills", ["nothing", "on the way"])
def test_flatten_closes_what_is_held_and_what_a_resting_add_fills_before_it_is_off(play: Play, fills: str) -> None:
    """S02, O22: never more than is held."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session, "0.02")
        await session.ask("add", quantity="0.03", **REST)
        await session.until("order.accepted")
        if fills != "nothing":
            match = {"method": "DELETE", "path": ORDER}
            slow = await trading.client.add_fault(match, before={"delay_ms": 1000})
        await session.command("flatten")
        if fills != "nothing":
            await trading.client.requests(1, method="DELETE", path=ORDER)
            await trading.price("48900")
            await trading.client.pass_time(2)
            await session.until("order.filled", lambda fill: fill.action == "add")
            assert await trading.client.lift(slow) == 1
        closes = 1 if fills == "nothing" else 2
        await session.until("order.filled", lambda fill: fill.side == "sell" and fill.leg_quantity == "0")
        settled = await session.settled()

        sold = [each["quantity"] for each in closing(await trading.sent())]
        assert sold == ["0.02", "0.03"][:closes]
        assert (settled.pending, settled.gate) == ([], "flattening")

    play(work)


@pytest.mark.parametrize("choice", ["send", "deny"])
def test_a_decision_after_the_next_bar_is_named_and_its_closes_leave(play: Play, choice: str) -> None:
    """O25: entries by configuration."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        await session.bar()
        decided_on = session.close_ns
        await session.bar()
        asked = [{"action": "partial_close", "quantity": "0.004", "style": "market"},
                 {"action": "add", "quantity": "0.02", "style": "market"}]  # fmt: skip
        await session.decide(*asked, close_ns=decided_on)
        await session.until("order.filled", lambda fill: fill.side == "sell")
        if choice == "send":
            await session.until("order.filled", lambda fill: fill.action == "add")
        else:
            await session.until("order.refused")

        sent = [(each["side"], each["quantity"]) for each in await trading.sent()]
        assert sorted(sent[1:]) == sorted([("SELL", "0.004"), ("BUY", "0.02")][: 1 + (choice == "send")])

    play(work, incidents={"late_decision"}, late_decision=choice)


def test_what_a_market_order_gets_is_booked_and_not_what_was_asked_for(play: Play) -> None:
    """X09, X10: five levels of 0.002, an immediate-or-cancel order of 0.02: five trades at five prices, as taker."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(style="ioc", quantity="0.02", limit_price="50000.5")
        ended = await session.until("order.cancelled")
        fills = session.of("order.filled")

        assert (ended.reason, ended.filled) == ("ioc", "0.01")
        assert [fill.price for fill in fills] == ["50000.1", "50000.2", "50000.3", "50000.4", "50000.5"]
        assert {fill.liquidity for fill in fills} == {"taker"}

    play(work, at_venue={"options": {"level_quantity": "0.002"}})


def test_a_close_that_is_tried_again_leaves_under_ids_of_its_own(play: Play) -> None:
    """O16, O14: retryable refusals, spaced by the policy, one id each."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        match = {"method": "POST", "path": ORDER, "side": "SELL", "count": 1}
        refusal = {"code": -1106, "message": "Parameter 'reduceonly' sent when not required."}
        fault = await trading.client.add_fault(match, before=refusal)
        await session.ask("close", quantity=None)
        await session.until("order.rejected")
        await trading.client.pass_time(6)
        await session.until("order.filled", lambda fill: fill.leg_quantity == "0")

        assert await trading.client.lift(fault) == 1
        ids = [each["newClientOrderId"] for each in await trading.sent()]
        assert len(set(ids)) == 3
        assert ids == [each.client_order_id for each in session.of("order.requested")]

    play(work, policy=ExecutionPolicy(retry_spacing_s=5.0))
