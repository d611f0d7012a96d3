"""Cross margin, version 1: what an entry needs, and where the account is liquidated.

Every open leg and every resting entry binds notional / leverage. The account is liquidated where equity
no longer exceeds the sum of notional times the maintenance share. Inside a bar that is looked for at the
worse of the symbol's two extremes, the other symbols standing at their last marks; equity less
maintenance is linear in the price, so the first price from the open on is found by bisection, on the
ticks and with the same rounding as the account itself.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import fixed
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.market import Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["Margin"]


class Margin:
    """The paper venue's margin rules over one account."""

    def __init__(self, session: Session, account: Account) -> None:
        self._session: Final = session
        self._account: Final = account
        text = session.config.account.maintenance_margin
        self._rate, self._decimals = fixed.parse_decimal(text)
        if not 0 <= self._rate < 10**self._decimals:
            raise ConfigError(
                f"account.maintenance_margin {text} is no share of notional",
                remedy="Give 0 (no liquidation) to below 1",
                key="account.maintenance_margin",
            )
        self.is_on: Final = self._rate > 0

    def shortfall(self, order: Order, resting: list[Order]) -> int:
        """Money that is missing for an entry, 0 or less when it can be opened. ``resting`` are open entries."""
        account = self._account
        bound = account.initial_margin(account.ledger.exposure())
        for other in resting:
            bound += self._needed(other)
        return self._needed(order) - (account.ledger.equity - bound)

    def equity_at(self, market: Market, ticks: int) -> int:
        """Equity of the whole account with one symbol at a price."""
        book = self._account.ledger
        return int(book.equity - book.value(market.index) + book.unrealised_at(market.index, ticks))

    def liquidation(self, market: Market, open_ticks: int, high: int, low: int) -> int:
        """First price from the open on at which the account is liquidated, 0 when the bar leaves it alone.

        The ledger's mark of the symbol stands at the open.
        """
        worst = low if self._cover(market, low, open_ticks) <= self._cover(market, high, open_ticks) else high
        if self._cover(market, worst, open_ticks) > 0:
            return 0
        if self._cover(market, open_ticks, open_ticks) <= 0:
            return open_ticks
        safe, gone = open_ticks, worst
        while abs(gone - safe) > 1:
            middle = (safe + gone) // 2
            if self._cover(market, middle, open_ticks) <= 0:
                gone = middle
            else:
                safe = middle
        return gone

    def at(self, market: Market, ticks: int, marked: int) -> tuple[int, int]:
        """Equity and maintenance with the symbol at a price, while its mark stands at ``marked``."""
        book = self._account.ledger
        others = book.exposure() - book.notional_at(market.index, marked)
        return self.equity_at(market, ticks), self._share(others + book.notional_at(market.index, ticks))

    def _cover(self, market: Market, ticks: int, marked: int) -> int:
        equity, maintenance = self.at(market, ticks, marked)
        return equity - maintenance

    def _share(self, notional: int) -> int:
        return int(fixed.div_half_even(notional * self._rate, 10**self._decimals))

    def _needed(self, order: Order) -> int:
        market = self._session.markets[order.symbol]
        return self._account.initial_margin(market.valuation.notional(order.remaining, order.price or order.reference))
