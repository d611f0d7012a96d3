"""Cross margin, version 1: what an entry needs, and where the account is liquidated.

Every open leg and every entry under way binds notional / leverage. The account is liquidated where equity
no longer exceeds the sum of notional times the maintenance share. Inside a bar that is looked for at the
worse of the symbol's two extremes, the other symbols standing at their last marks; equity less
maintenance is linear in the price, so the first price from the open on is found by bisection, on the
ticks and with the same rounding as the account itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from live_runner.contracts.decimals import parse_decimal
from live_runner.hotpath import fixed
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.market import Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["Liquidation", "Margin"]


class Liquidation(NamedTuple):
    """A price, and equity and maintenance of the whole account with the symbol at it."""

    ticks: int
    equity: int
    maintenance: int

    @property
    def cover(self) -> int:
        """What equity leaves over maintenance; at 0 the account is liquidated."""
        return self.equity - self.maintenance


class Margin:
    """The paper venue's margin rules over one account."""

    def __init__(self, session: Session, account: Account) -> None:
        self._session: Final = session
        self._account: Final = account
        self._rate, self._decimals = parse_decimal(session.config.account.maintenance_margin)
        self.is_on: Final = self._rate > 0

    def shortfall(self, order: Order, under_way: Iterable[Order]) -> int:
        """Money that is missing for an entry, 0 or less when it can be opened.

        Other entries under way bind margin too; a market order that closes has freed its part, since it
        fills before the entry does.
        """
        account = self._account
        exposure = account.ledger.exposure()
        bound = 0
        for other in under_way:
            if other.reduce_only and other.kind == "market":
                market = self._session.markets[other.symbol]
                lots = min(other.remaining, account.quantity(market, other.leg))
                exposure -= market.valuation.notional(lots, market.close_ticks)
            elif other.is_entry and other is not order:
                bound += self._needed(other)
        bound += account.initial_margin(max(exposure, 0))
        return self._needed(order) - (account.ledger.equity - bound)

    def liquidation(self, market: Market, open_ticks: int, high: int, low: int) -> Liquidation | None:
        """Where in a bar the account is liquidated, None when the bar leaves it alone.

        The ledger's mark of the symbol stands at the open.
        """
        book, index = self._account.ledger, market.index
        equity = book.equity - book.value(index)
        others = book.exposure() - book.notional_at(index, open_ticks)

        def at(ticks: int) -> Liquidation:
            return Liquidation(
                ticks, equity + book.unrealised_at(index, ticks), self._share(others + book.notional_at(index, ticks))
            )

        lowest, highest = at(low), at(high)
        worst = lowest if lowest.cover <= highest.cover else highest
        if worst.cover > 0:
            return None
        safe = at(open_ticks)
        if safe.cover <= 0:
            return safe
        while abs(worst.ticks - safe.ticks) > 1:
            middle = at((safe.ticks + worst.ticks) // 2)
            if middle.cover <= 0:
                worst = middle
            else:
                safe = middle
        return worst

    def _share(self, notional: int) -> int:
        return int(fixed.div_half_even(notional * self._rate, 10**self._decimals))

    def _needed(self, order: Order) -> int:
        market = self._session.markets[order.symbol]
        return self._account.initial_margin(market.valuation.notional(order.remaining, order.price or order.reference))
