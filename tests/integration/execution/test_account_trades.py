"""The account's trades by one cursor a symbol: late ones, somebody's by hand, closes by force."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fix_gateway import KEY, TradingAccount, trading_venue
from fix_live_session import LiveSession, live_session
from fix_nats import BusFactory

DEADLINE_S = 60.0
BY_HAND: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "BUY", "positionSide": "LONG", "type": "MARKET", "quantity": "0.02",
}  # fmt: skip


def play(
    bus_factory: BusFactory, folder: Path, work: Callable[[LiveSession, TradingAccount], Awaitable[None]], **venue: Any
) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue(**venue) as trading,
            live_session(bus, trading, folder) as session,
        ):  # fmt: skip
            await work(session, trading)

    asyncio.run(run())


def test_a_trade_that_somebody_made_by_hand_is_logged_once_and_again_by_nobody(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """It belongs to no order of the session, and the session's own trades are not among them."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        await trading.client.post(f"accounts/{KEY}/manual_order", BY_HAND)
        traded = await session.until("account.traded")
        await session.kill()
        session.execute("two")
        await session.next("account.reported", 3)

        ledger = await trading.client.get("ledger")
        ours, theirs = ledger["accounts"][KEY]["trades"]
        assert [event.trade.id for event in session.of("account.traded")] == [str(theirs["id"])]
        assert (traded.side, traded.leg, traded.forced) == ("buy", "long", "")
        assert [event.fill_id for event in session.of("order.filled")] == [str(ours["id"])]

    play(bus_factory, tmp_path, work)


def test_a_liquidation_is_logged_with_its_cause_and_booked(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G09: by the venue's own order, whose client id says why."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        await trading.client.post(f"accounts/{KEY}/liquidate", {"symbol": "BTCUSDT"})
        traded = await session.until("account.traded")
        booked = await session.until("account.reconciled")

        assert (traded.forced, traded.client_order_id.startswith("autoclose-")) == ("liquidation", True)
        assert (booked.reason, booked.trade_id) == ("liquidation", traded.trade.id)

    play(bus_factory, tmp_path, work)


def test_a_fill_that_comes_after_a_confirmed_cancel_is_found_and_booked_once(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """O23: no order of the session is open any more, and nothing asks for one."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(style="limit", limit_price="49000")
        accepted = await session.until("order.accepted")
        requested = session.of("order.requested")[0]
        cancel = {"method": "DELETE", "path": "/fapi/v1/order"}
        body = {"status": 200, "body": cancelled(requested.client_order_id, accepted.venue_order_id)}
        fault = await trading.client.add_fault({**cancel, "count": 1}, before=body)
        await session.ask("cancel", quantity=None, order_id=requested.order_id)
        await session.until("order.cancelled")
        assert await trading.client.lift(fault) == 1
        await trading.client.post(f"orders/{requested.client_order_id}/fill")
        filled = await session.until("order.filled")

        assert (filled.order_id, filled.quantity) == (requested.order_id, "0.01")
        await session.agree(trading, incidents={"fill_after_end"})

    play(bus_factory, tmp_path, work)


def cancelled(client: str, number: str) -> str:
    """The venue's answer to a cancel, while the order stands."""
    answer = {
        "orderId": int(number), "symbol": "BTCUSDT", "status": "CANCELED", "clientOrderId": client, "price": "49000",
        "avgPrice": "0", "origQty": "0.01", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "timeInForce": "GTC",
        "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "BUY", "positionSide": "LONG",
        "stopPrice": "0", "workingType": "CONTRACT_PRICE", "origType": "LIMIT", "updateTime": 1,
    }  # fmt: skip
    return json.dumps(answer)


def test_an_answer_that_does_not_come_delays_neither_the_log_nor_another_leg(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """The fold loop waits for no venue: by the order of events, bars and another order go on before the answer."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        order = {"method": "POST", "path": "/fapi/v1/order", "count": 1}
        fault = await trading.client.add_fault(order, after={"drop": True})
        await session.ask()
        await trading.client.requests(method="POST", path="/fapi/v1/order")
        await session.settled()
        await session.decide({"action": "open", "quantity": "0.01", "style": "market", "leg": "short"})
        short = await session.until("order.filled", lambda event: event.leg == "short")
        later = await session.settled()

        assert await trading.client.lift(fault) == 1
        first = session.of("order.requested")[0]
        said = [report for report in session.of("order.report") if report.client_order_id == first.client_order_id]
        assert said == []
        assert session.log.index(short) < session.log.index(later)

    play(bus_factory, tmp_path, work, timeout_ms=30_000)
