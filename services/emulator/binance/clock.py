"""What happens because time passes: funding, countdowns, orders with a date."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import ZERO, rounded
from live_runner.services.emulator.binance.fills import end, end_algo
from live_runner.services.emulator.binance.state import Account, FundingStamp, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["FUNDING_MS", "charge_funding", "pass_time"]

FUNDING_MS: Final = 8 * 3_600_000
"""From one funding to the next, on the full hours of UTC that it divides."""


def pass_time(venue: Venue, now_ms: int) -> None:
    """Do what has become due."""
    for market in venue.state.markets.values():
        if not market.next_funding_ms:
            market.next_funding_ms = now_ms - now_ms % FUNDING_MS + FUNDING_MS
        while market.next_funding_ms <= now_ms:
            charge_funding(venue, market, market.funding_rate, market.next_funding_ms)
            market.next_funding_ms += FUNDING_MS
        _expire_dated(venue, market.rules.symbol, now_ms)
    for account in venue.state.accounts.values():
        for symbol in [symbol for symbol, due_ms in account.countdowns.items() if due_ms <= now_ms]:
            del account.countdowns[symbol]
            for order in venue.open_orders(account.key, symbol):
                end(venue, order, "CANCELED", now_ms)


def charge_funding(venue: Venue, market: SymbolMarket, rate: Decimal, at_ms: int) -> None:
    """Longs pay ``quantity * mark * rate`` to shorts, or receive it when the rate is below 0."""
    if not market.last:
        return
    market.funding.append(FundingStamp(at_ms, rate, market.mark))
    for account in venue.state.accounts.values():
        _charge(venue, account, market, rate, at_ms)


def _charge(venue: Venue, account: Account, market: SymbolMarket, rate: Decimal, at_ms: int) -> None:
    quote, charged = market.rules.quote, False
    for position in account.held(market.rules.symbol):
        amount = rounded(-position.quantity * market.mark * rate)
        if amount:
            charged = True
            venue.state.book_income(
                account, "FUNDING_FEE", amount, quote, at_ms, symbol=position.symbol, info="FUNDING_FEE"
            )
    if charged:
        # In cross margin the venue pushes the balance alone.
        total = [(quote, ZERO)]
        venue.send(account.key, events.account_update(venue, account, "FUNDING_FEE", total, [], at_ms))


def _expire_dated(venue: Venue, symbol: str, now_ms: int) -> None:
    for order in [o for o in venue.open.orders[symbol].values() if 0 < o.good_till_ms <= now_ms]:
        end(venue, order, "EXPIRED", now_ms)
    for algo in [a for a in venue.open.algos[symbol].values() if 0 < a.good_till_ms <= now_ms]:
        end_algo(venue, algo.id, "EXPIRED", now_ms)
