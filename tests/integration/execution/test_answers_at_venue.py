"""Answers that a live session does not get, or cannot believe, at the local exchange: nothing is sent twice or lost.

Each scenario ends with both ledgers side by side (``fix_play``); what was sent is counted in the venue's own log.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from fix_gateway import KEY, TradingAccount
from fix_live_session import LiveSession
from fix_play import Play

ORDER = "/fapi/v1/order"
TIME = "/fapi/v1/time"
REST = {"style": "limit", "limit_price": "49000"}
ANSWER_ALLOWANCE_S = 6.0
"""After so long nothing that was sent can still arrive: the send window and the receive window."""
BODIES = ("<html>502 Bad Gateway</html>", "{}", "[]", "null", "", '{"orderId": 1000001, "sta')


async def cancel(session: LiveSession, order_id: str) -> None:
    """Ask for an order to be taken off."""
    await session.bar()
    await session.decide({"action": "cancel", "order_id": order_id})


@pytest.mark.parametrize("verb", ["send", "cancel", "query"])
def test_a_body_that_is_no_answer_is_neither_success_nor_failure(play: Play, verb: str) -> None:
    """O11: HTML, an object or a list without anything, nothing at all, one that breaks off; each with status 200."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        broken = {"send": "POST", "cancel": "DELETE", "query": "GET"}[verb]
        for number, body in enumerate(BODIES, 1):
            match = {"method": broken, "path": ORDER, "count": 1}
            fault = await trading.client.add_fault(match, after={"status": 200, "body": body})
            if verb == "query":
                lost = await trading.client.add_fault(match | {"method": "POST"}, after={"reset": True})
            await session.ask(**REST)
            accepted = (await session.count("order.accepted", number))[-1]
            if verb != "send":
                await cancel(session, accepted.order_id)
                await session.count("order.cancelled", number)
            assert await trading.client.lift(fault) == 1
            if verb == "query":
                assert await trading.client.lift(lost) == 1
        unknown = session.of("order.unknown")

        assert len(unknown) == len(BODIES)
        assert await trading.seen("POST", ORDER) == len(BODIES)
        assert await trading.seen("DELETE", ORDER) == (0 if verb == "send" else len(BODIES))
        assert len({each["newClientOrderId"] for each in await trading.sent()}) == len(BODIES)

    play(work)


@pytest.mark.parametrize("how", [{"reset": True}, {"drop": True}, {"status": 503}, {"status": 500, "code": -1007}])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_without_an_answer_is_found_or_proven_absent_before_anything_else_is_sent(
    play: Play, how: dict[str, Any], when: str
) -> None:
    """O12, O16: the resend has the same client order id; nothing else leaves for the leg meanwhile."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER, "count": 1}, **{when: how})
        await session.ask(**REST)
        await session.until("order.unknown")
        if when == "before":
            await trading.client.requests(1, method="GET", path=ORDER)
            await session.bar()
            await session.decide({"action": "open", "quantity": "0.02", "style": "market"})
            assert (await session.until("order.refused")).reason == "leg_blocked"
            await trading.client.pass_time(ANSWER_ALLOWANCE_S)
        await session.until("order.accepted")

        assert await trading.client.lift(fault) == 1
        ids = [each["newClientOrderId"] for each in await trading.sent()]
        assert ids == [session.of("order.requested")[0].client_order_id] * (1 + (when == "before"))
        assert len(await trading.standing()) == 1

    play(work, at_venue={"timeout_ms": 500}, max_resend_age_s=600)


def test_a_market_order_that_filled_without_an_answer_is_booked_and_not_sent_again(play: Play) -> None:
    """O12: the venue does not know it by its id for five minutes, as after a fill; its trades prove it."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        after = {"reset": True, "hide_ms": 300_000}
        unlisted = {"status": 503, "body": ""}
        listing = await trading.client.add_fault({"path": "/fapi/v3/positionRisk"}, before=unlisted)
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER, "count": 1}, after=after)
        await session.ask()
        await session.until("order.unknown")
        for _ in range(3):
            await trading.client.pass_time(ANSWER_ALLOWANCE_S)
            await session.next("account.reported")
        assert await trading.seen("POST", ORDER) == 1
        assert await trading.client.lift(listing) >= 3
        await trading.client.pass_time(300)
        fill = await session.until("order.filled")

        assert fill.quantity == "0.01"
        assert await trading.client.lift(fault) == 1
        assert await trading.seen("POST", ORDER) == 1

    play(work)


def test_a_resend_that_is_called_a_duplicate_has_found_its_order(play: Play) -> None:
    """O19: hidden for so long that its absence is believed; the venue answers the resend with -4116."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        after = {"reset": True, "hide_ms": 10_000}
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER, "count": 1}, after=after)
        await session.ask(**REST)
        await session.until("order.unknown")
        await trading.client.pass_time(ANSWER_ALLOWANCE_S)
        await trading.client.requests(2, method="POST", path=ORDER)
        await session.until("order.unknown", lambda unknown: unknown.reason == "duplicate")
        await trading.client.pass_time(ANSWER_ALLOWANCE_S)
        await session.until("order.accepted")

        assert await trading.client.lift(fault) == 1
        assert session.of("order.rejected") == []
        assert (await trading.seen("POST", ORDER), len(await trading.standing())) == (2, 1)

    play(work, max_resend_age_s=600)


def test_an_answer_without_its_quantity_is_not_guessed(play: Play) -> None:
    """O09: filled, says the answer, and not how much; the venue is asked."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        body = {"orderId": 1000001, "symbol": "BTCUSDT", "status": "FILLED", "side": "BUY", "type": "MARKET"}
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER}, after={"body": json.dumps(body)})
        await session.ask()
        fill = await session.until("order.filled")

        assert (fill.quantity, fill.remaining) == ("0.01", "0")
        assert await trading.client.lift(fault) == 1
        assert [unknown.reason for unknown in session.of("order.unknown")] == ["filled_without_quantity"]
        assert await trading.seen("POST", ORDER) == 1

    play(work)


@pytest.mark.parametrize("status", [429, 418])
def test_a_pause_that_the_venue_asks_for_is_kept_and_the_order_is_looked_up_before_it_is_sent_again(
    play: Play, status: int
) -> None:
    """O13: nothing of the account reaches the venue before the pause is over."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        busy = {"status": status, "code": -1003, "headers": {"Retry-After": "120"}, "message": "Way too many requests."}
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER, "count": 1}, before=busy)
        await session.ask(**REST)
        await session.until("order.unknown")
        before = len(await trading.client.get("requests"))
        await trading.client.pass_time(100)
        await session.next("order.report")
        assert len(await trading.client.get("requests")) == before
        await trading.client.pass_time(120)
        await session.until("order.accepted")

        assert await trading.client.lift(fault) == 1
        after = (await trading.client.get("requests"))[before:]
        about = [each["method"] for each in after if each["path"] == ORDER]
        assert about[: about.index("POST") + 1].count("GET") >= 1
        assert about.count("POST") == 1

    play(work, max_resend_age_s=600, venue_clock=True)


def test_a_clock_that_the_venue_does_not_believe_is_read_anew_and_the_order_looked_up_first(play: Play) -> None:
    """O13: -1021, once."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        times = await trading.seen("GET", TIME)
        ahead = {"code": -1021, "message": "Timestamp for this request is outside of the recvWindow."}
        fault = await trading.client.add_fault({"method": "POST", "path": ORDER, "count": 1}, before=ahead)
        await session.ask(**REST)
        await session.until("order.unknown")
        await trading.client.requests(1, method="GET", path=ORDER)
        await trading.client.pass_time(ANSWER_ALLOWANCE_S)
        await session.until("order.accepted")

        assert await trading.client.lift(fault) == 1
        assert await trading.seen("GET", TIME) == times + 1
        paths = [(each["method"], each["path"]) for each in await trading.client.get("requests")]
        first = paths.index(("POST", ORDER))
        assert paths[first + 1 :].index(("GET", ORDER)) < paths[first + 1 :].index(("POST", ORDER))
        assert await trading.seen("POST", ORDER) == 2

    play(work, max_resend_age_s=600)


def test_each_refusal_of_the_venue_is_a_rejection_with_its_code(play: Play) -> None:
    """O14: margin, minimum notional, a price too far away, and codes by faults; each is sent once."""
    codes = ("-2010", "-2018", "-2027", "-2028", "-4003", "-4005", "-4014", "-1013", "-1111", "-2021", "-4024", "-4192")

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await trading.client.post("rules/BTCUSDT", {"min_notional": "100"})
        asked: list[tuple[str, dict[str, Any]]] = [
            ("-2019", {"quantity": "15"}),
            ("-4164", {"quantity": "0.001"}),
            ("-4016", {"style": "limit", "limit_price": "90000", "quantity": "0.01"}),
        ]
        asked += [(code, REST) for code in codes]
        for number, (code, fields) in enumerate(asked, 1):
            if code in codes:
                match = {"method": "POST", "path": ORDER, "count": 1}
                await trading.client.add_fault(match, before={"code": int(code), "message": "Refused."})
            await session.ask(**fields)
            assert (await session.count("order.rejected", number))[-1].code == code

        assert len(await trading.sent()) == len(asked)
        await session.until("ops.incident")

    play(work, incidents={"rules_changed"})  # the new minimum is taken over


def test_an_account_in_the_other_position_mode_refuses_every_order_by_its_code(play: Play) -> None:
    """O14, G11: -4061; the mode was switched behind the session's back, and both legs are halted by it."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await trading.client.post(f"accounts/{KEY}/mode", {"hedge": False})
        await session.ask()
        rejected = await session.until("order.rejected")

        assert rejected.code == "-4061"
        assert len(await trading.sent()) == 1

    play(work, incidents={"leg_halted"})


def test_orders_of_others_and_of_the_account_itself_change_nothing_of_ours(play: Play) -> None:
    """O15: an order by hand, placed and cancelled, beside ours that fills."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(**REST)
        await session.until("order.accepted")
        order = {"symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "LIMIT", "timeInForce": "GTC"}
        by_hand = await trading.client.post(
            f"accounts/{KEY}/manual_order", {**order, "quantity": "0.02", "price": "40000"}
        )
        await trading.client.post(f"orders/{by_hand['orderId']}/cancel")
        await trading.price("48900")
        fill = await session.until("order.filled")

        assert (fill.quantity, fill.price) == ("0.01", "49000")

    play(work)
