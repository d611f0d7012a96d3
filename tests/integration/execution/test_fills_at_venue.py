"""Fills, fees and funding of a live session at the local exchange, whatever its streams and listings do.

Each scenario ends with both ledgers side by side (``fix_play``): every trade once, fees by currency, funding by entry.
"""

from __future__ import annotations

from typing import Any

import pytest
from fix_gateway import KEY, TradingAccount
from fix_live_session import LiveSession
from fix_play import Play

ORDER = "/fapi/v1/order"
TRADES = "/fapi/v1/userTrades"
INCOME = "/fapi/v1/income"
REST = {"style": "limit", "limit_price": "49000"}
UPDATE = {"event": "ORDER_TRADE_UPDATE"}


async def resting(session: LiveSession, trading: TradingAccount) -> int:
    """A limit order that stands; its number at the venue."""
    await session.ask(**REST)
    await session.until("order.accepted")
    (limit,) = await trading.standing()
    return int(limit["id"])


@pytest.mark.parametrize(
    "fault",
    [
        {"duplicate": {"times": 3, "after_ms": 0}},
        {"drop": True},
        {"delay_ms": 5000},
        {"reorder": 2},
        {"garbage": True},
        {"mute": True},
        {"close": 1001},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_fills_are_booked_once_whatever_becomes_of_the_stream(play: Play, fault: dict[str, Any]) -> None:
    """O10, O15, S07: doubled, lost, late, reordered, unreadable, silent, closed; looks at the order find it."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        number = await resting(session, trading)
        await trading.client.add_stream_fault(UPDATE, **fault)
        for count, part in enumerate(("0.002", "0.003", "0.005"), 1):
            await trading.client.post(f"orders/{number}/fill", {"quantity": part})
            await session.count("order.filled", count)
        await trading.client.pass_time(10)
        await session.next("account.reported")

        assert [fill.quantity for fill in session.of("order.filled")] == ["0.002", "0.003", "0.005"]
        assert session.of("order.filled")[-1].remaining == "0"

    play(work)


@pytest.mark.parametrize("what", ["expire", "delete", "steal"])
def test_a_listen_key_that_ends_hides_no_fill(play: Play, what: str) -> None:
    """S07: with its event, without one, and by another client of the account."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        number = await resting(session, trading)
        ended = await trading.client.post("listen_key", {"account": KEY, "what": what})
        assert ended["keys"]
        await trading.client.post(f"orders/{number}/fill", {"quantity": "0.01"})
        fill = await session.until("order.filled")

        assert (fill.quantity, fill.remaining) == ("0.01", "0")

    play(work)


def test_fills_that_come_all_at_once_are_each_one_fill_one_entry_and_one_notice(play: Play) -> None:
    """O10, X10: twenty trades of one order; one row, one fee and one slippage each."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(quantity="0.02")
        await session.until("order.filled", lambda fill: fill.remaining == "0")
        fills = session.of("order.filled")
        settled = await session.settled()

        assert (len(fills), len({fill.fill_id for fill in fills})) == (20, 20)
        assert len(settled.legs[0].lots) == 20

    play(work, at_venue={"options": {"level_quantity": "0.001", "levels": 30}})


def test_fees_of_maker_and_taker_are_the_venues(play: Play) -> None:
    """X09, L05: bought as maker, sold as taker, at other rates than the configuration has."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await resting(session, trading)
        await trading.price("48900")
        bought = await session.until("order.filled")
        await session.ask("close", quantity=None)
        sold = await session.until("order.filled", lambda fill: fill.leg_quantity == "0")

        assert (bought.liquidity, bought.fee) == ("maker", "0.0098")  # 490 at 0.2 basis points
        assert (sold.liquidity, sold.fee) == ("taker", "0.3423")  # 489 at 7 basis points

    play(work, at_venue={"account": {"maker_fee": "0.00002", "taker_fee": "0.0007"}})


def test_fees_in_another_currency_have_an_account_of_their_own(play: Play) -> None:
    """L05: in BNB while there is any, then in the settle currency; the venue converts, not the ledger."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        for number in range(1, 4):
            await session.ask("open" if number == 1 else "add")
            await session.count("order.filled", number)
        await session.ask("close", quantity=None)
        await session.until("order.filled", lambda fill: fill.leg_quantity == "0")
        settled = await session.settled()
        account = (await trading.client.get("ledger"))["accounts"][KEY]

        assert {fill.fee_currency for fill in session.of("order.filled")} == {"BNB", "USDT"}
        assert set(settled.foreign_fees) == {"BNB"}
        paid = [trade["fee"] for trade in account["trades"] if trade["fee_asset"] == "BNB"]
        assert len(paid) == 2

    play(work, at_venue={"account": {"bnb_burn": True, "balances": {"USDT": "10000", "BNB": "0.0008"}}})


def test_a_quantity_whose_trades_do_not_come_is_booked_at_the_average_and_corrected_by_them(play: Play) -> None:
    """L05, O10: an event with price and fee before and after; five prices and five fees."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        lost = await trading.client.add_fault({"path": TRADES}, before={"status": 503, "body": ""})
        await session.ask()
        await session.until("order.unknown")  # the trades of what has filled are asked for
        await trading.client.pass_time(6)
        booked = await session.until("order.filled")
        assert (booked.provisional, booked.quantity, booked.price) == (True, "0.01", "50000.3")
        assert await trading.client.lift(lost) >= 1
        await trading.client.pass_time(6)
        corrected = await session.count("order.corrected", 5)

        assert [each.price for each in corrected] == ["50000.1", "50000.2", "50000.3", "50000.4", "50000.5"]
        assert {each.price_before for each in corrected} == {"50000.3"}
        assert len(session.of("order.filled")) == 1

    play(work, at_venue={"options": {"level_quantity": "0.002"}})


def test_funding_is_booked_once_by_its_id_in_both_directions_and_by_whoever_takes_over(play: Play) -> None:
    """X09, L05: the listing fails, shows an entry again after a restart, and never makes two of one."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        lost = await trading.client.add_fault({"path": INCOME, "count": 2}, before={"status": 503, "body": ""})
        for number, rate in enumerate(("0.0001", "-0.0003"), 1):
            await trading.client.post(f"accounts/{KEY}/funding", {"symbol": "BTCUSDT", "rate": rate})
            await session.count("account.funding", number)
        await session.kill()
        session.execute("two")
        await session.until("account.income", lambda event: event.source.endswith(".2"))
        await trading.client.post(f"accounts/{KEY}/funding", {"symbol": "BTCUSDT", "rate": "0.0002"})
        paid = await session.count("account.funding", 3)

        assert await trading.client.lift(lost) == 2
        assert [each.amount.startswith("-") for each in paid] == [True, False, True]

    play(work)


def test_a_fill_while_nobody_executes_is_booked_by_whoever_takes_over_and_once(play: Play) -> None:
    """O10, P02: a part before, a part while it is down, the rest after."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        number = await resting(session, trading)
        await trading.client.post(f"orders/{number}/fill", {"quantity": "0.002"})
        await session.until("order.filled")
        await session.kill()
        await trading.client.post(f"orders/{number}/fill", {"quantity": "0.003"})
        await trading.client.pass_time(60)
        session.execute("two")
        await session.count("order.filled", 2)
        await trading.client.post(f"orders/{number}/fill", {"quantity": "0.005"})
        fills = await session.count("order.filled", 3)

        assert [fill.quantity for fill in fills] == ["0.002", "0.003", "0.005"]

    play(work)
