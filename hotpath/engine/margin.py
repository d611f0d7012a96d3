# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""Cross margin, version 2: what an entry needs, and where the account is liquidated.

Every open leg and every entry under way binds notional / leverage; of a spot market it binds the whole notional, and
needs no maintenance. The account is liquidated where equity no longer exceeds the sum of notional times the
maintenance share. Inside a bar that is looked for on each part of the price's way, the other symbols standing at their
last marks; equity less maintenance is linear in the price, so the first price on the way is found by bisection, on the
ticks and with the same rounding as the account itself.
"""

from __future__ import annotations

import cython

if not cython.compiled:
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.python_money import divide, money, mul, near, times
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.words import MARKET

__all__ = ["Margin"]


class Margin:
    """The paper venue's margin rules over one account. ``ticks``, ``equity`` and ``maintenance``: where it ends."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.ticks = 0
        self.equity = 0
        self.maintenance = 0
        self.bankrupt = False
        self.others = 0
        self.exposure = 0

    def shortfall(self, order: Order) -> int:
        """Money that is missing for an entry, 0 or less when it can be opened.

        Other entries under way bind margin too; a market order that closes has freed its part, since it fills before
        the entry does.
        """
        state = self.state
        owned = state.owned()
        exposure = state.ledger.exposure - owned
        bound = 0
        for at in range(len(state.orders)):
            other = state.orders[at]
            if other.reduce:
                if other.kind == MARKET:
                    market = state.markets[other.symbol]
                    held = market.leg(other.side).quantity
                    lots = min(other.quantity - other.filled, held)
                    freed = money(times(lots, market.close_ticks()), market.multiplier, market.divisor)
                    if market.is_spot:
                        owned -= freed
                    else:
                        exposure -= freed
            elif other is not order:
                bound += self.needed(other)
        if exposure < 0:
            exposure = 0
        if owned < 0:
            owned = 0
        bound += owned + state.initial_margin(exposure)
        return self.needed(order) - (state.equity() - bound)

    def needed(self, order: Order) -> int:
        """Initial margin of what an entry has left to fill, at its limit or the close that its decision saw."""
        market = self.state.markets[order.symbol]
        price = order.price if order.price else order.reference
        lots = order.quantity - order.filled
        notional = money(times(lots, price), market.multiplier, market.divisor)
        return notional if market.is_spot else self.state.initial_margin(notional)

    def is_far(self, market: Market, opened: int, high: int, low: int) -> bool:
        """Whether no price of the bar can use up the margin, by far.

        A price changes equity and maintenance by at most the gross position times the move from the last mark; that is
        counted in doubles, with a billion times their error to spare.
        """
        up = high - market.mark
        down = market.mark - low
        if opened > high or opened < low or market.mark <= 0:
            return False
        if down > up:
            up = down
        gross = market.long.quantity + market.short.quantity
        cover = near(self.state.ledger.cash + self.state.ledger.unrealised) - self.state.maintenance * near(
            self.state.ledger.exposure
        )
        return cover > 1.001 * market.unit * gross * up * (1.0 + self.state.maintenance) + 1e6

    def ends_at(self, market: Market, ticks: int) -> bool:
        """Whether a gap to a price liquidates the account; ``ticks``, ``equity``, ``maintenance`` then say where."""
        self.take_apart(market)
        if self.cover_at(market, ticks) > 0:
            return False
        self.stop_at_zero(market, market.mark, ticks)
        return True

    def ends_between(self, market: Market, start: int, end: int) -> bool:
        """Whether a move of the price liquidates the account; ``ticks``, ``equity``, ``maintenance`` say where."""
        self.take_apart(market)
        self.bankrupt = False
        if self.cover_at(market, start) <= 0:  # a fee, slippage or another symbol has used it up
            return True
        if self.cover_at(market, end) > 0:
            return False
        safe = start
        worst = end
        while worst - safe > 1 or safe - worst > 1:
            middle = (safe + worst) // 2
            if self.cover_at(market, middle) <= 0:
                worst = middle
            else:
                safe = middle
        self.cover_at(market, worst)
        self.stop_at_zero(market, safe, worst)
        return True

    def stop_at_zero(self, market: Market, safe: int, worst: int) -> None:
        """Take the last price on the way at which the account has something left: the bankruptcy price.

        Beyond it the loss is the venue's: a cross account ends at zero. Where even ``safe`` leaves nothing, other
        symbols have used it up, and the price is ``worst``.
        """
        self.bankrupt = False
        if self.equity < 0:
            self.cover_at(market, safe)
            if self.equity < 0:
                self.cover_at(market, worst)
            else:
                while worst - safe > 1 or safe - worst > 1:
                    middle = (safe + worst) // 2
                    self.cover_at(market, middle)
                    if self.equity < 0:
                        worst = middle
                    else:
                        safe = middle
                self.cover_at(market, safe)
                self.bankrupt = True

    def take_apart(self, market: Market) -> None:
        """What the account is worth, and exposed to, without the symbol."""
        self.others = self.state.equity() - market.value
        self.exposure = self.state.ledger.exposure - self.state.owned() - market.notional

    def cover_at(self, market: Market, ticks: int) -> int:
        """Equity over the maintenance margin with the symbol at a price; at 0 the account is liquidated."""
        state = self.state
        self.ticks = ticks
        self.equity = self.others + state.ledger.unrealised_at(market, ticks)
        self.maintenance = divide(
            mul(self.exposure + state.ledger.notional_at(market, ticks), state.maintenance_rate),
            state.maintenance_scale,
        )
        return self.equity - self.maintenance
