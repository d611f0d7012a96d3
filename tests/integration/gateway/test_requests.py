"""Requests carried out at the local exchange: what leaves, what comes back as exact text, and what proves absence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fix_gateway import BTC_SYMBOL, KEY, TradingAccount, cancel, listing, query, requested, send, trading_venue
from msgspec.structs import replace

from live_runner.contracts.core import CancelOrder, QueryOrder
from live_runner.contracts.gateway import Outcome
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.requests import RequestAnswerer

HOUR_NS = 3_600_000_000_000
"""Before the venue began: a run may cross a minute."""


def traded[R](work: Callable[[TradingAccount], Awaitable[R]], *, hedge: bool = True) -> R:
    async def run() -> R:
        async with trading_venue(hedge=hedge) as trading:
            return await work(trading)

    return asyncio.run(run())


async def posted(trading: TradingAccount, path: str = "/fapi/v1/order") -> dict[str, Any]:
    """Parameters of the last order that reached the venue."""
    found = await trading.client.get("requests", method="POST", path=path)
    params: dict[str, Any] = found[-1]["params"]
    return params


def test_an_order_leaves_as_it_was_requested_and_once() -> None:
    order = requested(price="40000.1", quantity="0.013")

    async def work(trading: TradingAccount) -> tuple[Outcome, dict[str, Any], list[dict[str, Any]]]:
        outcome = await trading.answerer().answer(send(order, stream_seq=77))
        return outcome, await posted(trading), await trading.standing()

    outcome, params, standing = traded(work)

    assert {name: params[name] for name in ("symbol", "side", "type", "quantity", "price", "positionSide")} == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.013", "price": "40000.1",
        "positionSide": "LONG",
    }  # fmt: skip
    assert (params["newClientOrderId"], params["recvWindow"]) == (order.client_order_id, "3000")
    assert [row["client_id"] for row in standing] == [order.client_order_id]
    assert (outcome.fate, outcome.via, outcome.session, outcome.epoch, outcome.stream_seq) == (
        "done", "send", "s", 1, 77
    )  # fmt: skip
    assert outcome.asked_ns <= outcome.sent_ns <= outcome.answered_ns
    (answer,) = outcome.orders
    assert (answer.status, answer.quantity, answer.filled, answer.venue_order_id) == (
        "accepted",
        "0.013",
        "0",
        "1000001",
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("market", {"type": "MARKET"}),
        ("limit", {"type": "LIMIT", "timeInForce": "GTC"}),
        ("post_only", {"type": "LIMIT", "timeInForce": "GTX"}),
        ("ioc", {"type": "LIMIT", "timeInForce": "IOC"}),
    ],
)
def test_each_kind_of_order_is_the_venues_own(kind: str, expected: dict[str, str]) -> None:
    async def work(trading: TradingAccount) -> dict[str, Any]:
        assert (await trading.answerer().answer(send(requested(kind=kind)))).fate == "done"
        return await posted(trading)

    params = traded(work)

    assert {name: params.get(name) for name in expected} == expected
    assert "reduceOnly" not in params


@pytest.mark.parametrize(("hedge", "side"), [(True, "LONG"), (False, None)])
def test_a_close_names_its_side_in_hedge_mode_and_the_flag_in_one_way_mode(*, hedge: bool, side: str | None) -> None:
    mode = "hedge" if hedge else "one_way"

    async def work(trading: TradingAccount) -> tuple[Outcome, dict[str, Any]]:
        answerer = trading.answerer()
        opened = send(requested(kind="market"), position_mode=mode)
        assert (await answerer.answer(opened)).fate == "done"
        close = requested("sell", "market", action="close", reduce_only=True)
        return await answerer.answer(send(close, position_mode=mode)), await posted(trading)

    outcome, params = traded(work, hedge=hedge)

    assert outcome.orders[0].status == "filled"
    assert (params.get("positionSide"), params.get("reduceOnly")) == (side, None if hedge else "true")


def test_fills_come_with_their_trades_as_exact_text() -> None:
    order = requested(kind="market", quantity="0.013")

    async def work(trading: TradingAccount) -> tuple[Outcome, Outcome]:
        answerer = trading.answerer()
        return await answerer.answer(send(order)), await answerer.answer(query(order))

    sent, asked = traded(work)

    assert (sent.orders[0].status, sent.orders[0].filled, sent.orders[0].trades) == ("filled", "0.013", [])
    (answer,) = asked.orders
    (trade,) = answer.trades
    assert (trade.quantity, trade.price, trade.fee, trade.fee_currency, trade.liquidity) == (
        "0.013", "50000.1", "0.32500065", "USDT", "taker"
    )  # fmt: skip
    assert (answer.cost, asked.complete) == ("650.0013", True)


def test_an_amount_with_more_digits_than_a_float_has_is_exact() -> None:
    async def work(trading: TradingAccount) -> Outcome:
        await trading.client.post(f"accounts/{KEY}/transfer", {"asset": "USDT", "amount": "999999999999.00000001"})
        return await trading.answerer().answer(listing("balances"))

    outcome = traded(work)

    assert [balance.total for balance in outcome.balances] == ["1000000009999.00000001"]


def test_a_stop_never_fills_and_names_the_order_that_it_has_become() -> None:
    stop = requested("sell", "stop", "45000", reduce_only=True)

    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        await answerer.answer(send(requested(kind="market")))
        outcomes = [await answerer.answer(send(stop)), await answerer.answer(query(stop))]
        await trading.price("44000")
        outcomes.append(await answerer.answer(query(stop)))
        child = outcomes[-1].orders[1].venue_order_id
        effect = QueryOrder(stop.order_id, stop.client_order_id, BTC_SYMBOL, "stop", child, True)
        return [*outcomes, await answerer.answer(replace(query(stop), effect=effect))]

    sent, waiting, triggered, followed = traded(work)

    assert [outcome.orders[0].status for outcome in (sent, waiting)] == ["accepted", "accepted"]
    itself, child = triggered.orders
    assert (itself.client_order_id, itself.status, itself.filled, itself.trades) == (
        stop.client_order_id, "filled", "0", []
    )  # fmt: skip
    assert (child.parent, child.status, child.filled) == (stop.client_order_id, "filled", "0.01")
    assert [trade.quantity for trade in child.trades] == ["0.01"]
    assert [order.parent for order in followed.orders] == [stop.client_order_id]
    assert [trade.id for trade in followed.orders[0].trades] == [trade.id for trade in child.trades]


def test_checking_an_order_places_none() -> None:
    async def work(trading: TradingAccount) -> tuple[list[Outcome], list[dict[str, Any]]]:
        answerer = trading.answerer()
        good = send(requested(), "validate")
        stop = send(requested("sell", "stop", "45000", reduce_only=True), "validate")
        return [await answerer.answer(request) for request in (good, stop)], await trading.standing()

    (good, stop), standing = traded(work)

    assert (good.fate, good.orders) == ("done", [])
    assert (stop.fate, stop.code) == ("not_sent", "not_available")
    assert standing == []


def test_an_id_that_stands_already_is_a_duplicate_and_not_a_rejection() -> None:
    order = requested()

    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        return [await answerer.answer(request) for request in (send(order), send(order), query(order))]

    first, again, asked = traded(work)

    assert (first.fate, again.fate, again.code, again.meaning) == ("done", "duplicate", "-4116", "duplicate")
    assert asked.orders[0].venue_order_id == first.orders[0].venue_order_id


def test_a_close_of_nothing_is_rejected_with_its_meaning() -> None:
    async def work(trading: TradingAccount) -> Outcome:
        close = requested("sell", "market", action="close", reduce_only=True)
        return await trading.answerer().answer(send(close))

    outcome = traded(work)

    assert (outcome.fate, outcome.code, outcome.meaning, outcome.follow_up) == (
        "rejected", "-2022", "no_position", "account"
    )  # fmt: skip


def test_a_quantity_off_the_venues_grid_is_not_rounded_and_not_sent() -> None:
    async def work(trading: TradingAccount) -> tuple[list[Outcome], int]:
        answerer = trading.answerer()
        orders = requested(quantity="0.0105"), requested(price="40000.05"), requested(quantity="0.0001")
        return [await answerer.answer(send(order)) for order in orders], await trading.seen("POST", "/fapi/v1/order")

    outcomes, seen = traded(work)

    assert [(outcome.fate, outcome.code, outcome.follow_up) for outcome in outcomes] == [
        ("not_sent", "rules_changed", "rules")
    ] * 3
    assert (seen, [outcome.sent_ns for outcome in outcomes]) == (0, [0, 0, 0])


def test_absence_is_proven_by_the_trades_too() -> None:
    order = requested()
    since_ns = time.time_ns() - HOUR_NS

    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        known = QueryOrder(order.order_id, order.client_order_id, BTC_SYMBOL, requested_ns=since_ns)
        requests = query(order), query(order, since_ns=since_ns), replace(query(order), effect=known)
        return [await answerer.answer(request) for request in requests]

    outcomes = traded(work)

    assert [(outcome.fate, outcome.complete) for outcome in outcomes] == [
        ("gone", False), ("gone", True), ("gone", True)
    ]  # fmt: skip


def test_an_order_that_the_venue_hides_is_found_by_its_trades() -> None:
    """Directly after a fill some venues say for a while that they do not know the order."""
    order = requested(kind="market")
    since_ns = time.time_ns() - HOUR_NS

    async def work(trading: TradingAccount) -> Outcome:
        answerer = trading.answerer()
        await answerer.answer(send(order))
        await trading.client.add_fault(
            {"method": "GET", "path": "/fapi/v1/order", "client_id": order.client_order_id},
            before={"code": -2013, "message": "Order does not exist."},
        )
        return await answerer.answer(query(order, since_ns=since_ns))

    outcome = traded(work)

    assert (outcome.fate, outcome.complete) == ("done", True)
    assert (outcome.orders[0].client_order_id, outcome.orders[0].status) == (order.client_order_id, "filled")
    assert len(outcome.orders[0].trades) == 1


def test_a_query_whose_trades_cannot_be_had_is_no_answer() -> None:
    order = requested(kind="market")

    async def work(trading: TradingAccount) -> Outcome:
        answerer = trading.answerer()
        await answerer.answer(send(order))
        await trading.client.add_fault(
            {"path": "/fapi/v1/userTrades"}, before={"code": -2013, "message": "Order does not exist."}
        )
        return await answerer.answer(query(order))

    outcome = traded(work)

    assert (outcome.fate, outcome.orders, outcome.complete) == ("unknown", [], False)


def test_trades_are_listed_from_an_id_or_a_time_on() -> None:
    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        for _ in range(3):
            await answerer.answer(send(requested(kind="market")))
        by_time = listing("trades_since", symbols=(BTC_SYMBOL,), since_ns=time.time_ns() - HOUR_NS)
        first = await answerer.answer(by_time)
        by_id = listing("trades_since", symbols=(BTC_SYMBOL,), since_id=first.trades[1].trade.id)
        nothing = listing("trades_since", symbols=(BTC_SYMBOL,), since_ns=time.time_ns() + HOUR_NS)
        return [first, await answerer.answer(by_id), await answerer.answer(nothing)]

    by_time, by_id, nothing = traded(work)

    assert [len(outcome.trades) for outcome in (by_time, by_id, nothing)] == [3, 2, 0]
    assert by_id.trades == by_time.trades[1:]
    assert by_time.complete


def test_open_orders_are_both_kinds_and_strangers_are_no_orders_of_ours() -> None:
    limit, stop = requested(), requested("sell", "stop", "45000", reduce_only=True)

    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        for order in (limit, stop):
            await answerer.answer(send(order))
        foreign = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.02", "price": "40000",
                   "timeInForce": "GTC"}  # fmt: skip
        await trading.client.post(f"accounts/{KEY}/manual_order", foreign | {"positionSide": "LONG"})
        return [await answerer.answer(listing("open_orders", symbols=symbols)) for symbols in ((), (BTC_SYMBOL,))]

    everything, one = traded(work)

    ours = {order.client_order_id: order for order in everything.open_orders}
    assert set(ours) == {limit.client_order_id, stop.client_order_id, ""}
    assert (ours[stop.client_order_id].trigger, ours[""].quantity, everything.complete) == ("45000", "0.02", True)
    assert one.open_orders == everything.open_orders


def test_a_cancel_of_each_kind_takes_the_order_off_and_a_second_one_finds_it_gone() -> None:
    async def work(trading: TradingAccount) -> tuple[list[Outcome], list[dict[str, Any]]]:
        answerer = trading.answerer()
        outcomes = []
        for order in (requested(), requested("sell", "stop", "45000", reduce_only=True)):
            await answerer.answer(send(order))
            outcomes += [await answerer.answer(cancel(order)), await answerer.answer(cancel(order))]
        return outcomes, await trading.standing()

    outcomes, standing = traded(work)

    assert [outcome.fate for outcome in outcomes] == ["done", "gone", "done", "gone"]
    assert [order.status for order in outcomes[0].orders] == ["cancelled"]
    assert standing == []


def test_a_request_without_its_order_is_not_sent() -> None:
    async def work(trading: TradingAccount) -> list[Outcome]:
        answerer = trading.answerer()
        return [await answerer.answer(listing(verb)) for verb in ("send", "cancel", "query", "validate")]

    assert {(outcome.fate, outcome.code) for outcome in traded(work)} == {("not_sent", "bad_request")}


def test_the_last_hop_is_asked_when_the_connection_stands() -> None:
    """A window that was open when the call began and is over when its bytes would leave: nothing leaves."""
    order = requested()

    async def work(trading: TradingAccount) -> tuple[list[Outcome], int, int]:
        answerer = trading.answerer()
        asked = []

        def check() -> str:
            asked.append(1)
            return "send_window: 3.000 s have passed"

        outcomes = [await answerer.answer(request, check) for request in (send(order), cancel(order))]
        return outcomes, len(asked), len(await trading.client.get("requests", path="/fapi/v1/order"))

    outcomes, asked, seen = traded(work)

    assert [(outcome.fate, outcome.code, outcome.sent_ns) for outcome in outcomes] == [
        ("not_sent", "send_window", 0)
    ] * 2
    assert (asked, seen) == (2, 0)


def test_a_ban_of_the_address_holds_every_request_back() -> None:
    async def work(trading: TradingAccount) -> tuple[list[Outcome], int]:
        answerer = trading.answerer()
        fault = await trading.client.add_fault(
            {"path": "/fapi/v3/account"}, before={"status": 418, "headers": {"Retry-After": "600"}}
        )
        outcomes = [await answerer.answer(listing("balances"))]
        assert await trading.client.lift(fault) == 1
        close = requested("sell", "market", action="close", reduce_only=True)
        requests = (send(requested()), send(close), cancel(requested()), query(requested()), listing("positions"))
        outcomes += [await answerer.answer(request) for request in requests]
        return outcomes, len(await trading.client.get("requests", path="/fapi/v1/order"))

    (banned, *held), seen = traded(work)

    assert (banned.fate, banned.follow_up) == ("retryable", "pause")
    assert {(outcome.fate, outcome.code) for outcome in held} == {("not_sent", "budget")}
    assert all(outcome.busy_until_ns > outcome.answered_ns for outcome in held)
    assert seen == 0


def test_a_close_goes_while_listings_wait_for_the_budget() -> None:
    async def work(trading: TradingAccount) -> tuple[Outcome, bool]:
        answerer = RequestAnswerer(trading.account, Budget(20, 2_000_000_000), time.monotonic_ns)
        answerer.budget.take(time.monotonic_ns(), 12)
        waiting = asyncio.create_task(answerer.answer(listing("balances")))
        await asyncio.sleep(0)
        sent = await answerer.answer(send(requested("sell", "market", action="close", reduce_only=True)))
        was_waiting = not waiting.done()
        assert (await waiting).fate == "done"
        return sent, was_waiting

    sent, was_waiting = traded(work)

    assert sent.sent_ns > 0
    assert was_waiting


def test_the_child_of_a_stop_is_cancelled_by_its_own_number() -> None:
    stop = requested("sell", "stop", "45000", reduce_only=True)

    async def work(trading: TradingAccount) -> tuple[Outcome, dict[str, Any]]:
        effect = CancelOrder(stop.order_id, stop.client_order_id, BTC_SYMBOL, "stop", "1234567", True)
        outcome = await trading.answerer().answer(replace(cancel(stop), effect=effect))
        found = await trading.client.get("requests", method="DELETE", path="/fapi/v1/order")
        return outcome, found[-1]["params"]

    outcome, params = traded(work)

    assert (outcome.fate, params["orderId"], "origClientOrderId" in params) == ("gone", "1234567", False)
