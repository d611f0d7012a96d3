# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""Lots, cash and drawdowns of one account, in exact integers.

A closing fill takes lots by the account's method: LIFO the newest first, FIFO the oldest, AVERAGE keeps one lot at
the mean price. A partly closed lot keeps its price, its time and its order; the others stay as they were. Realised
PnL is rounded once per closed lot, fees, funding and slippage once per fill, and the rounded amount is the fact that
is summed, so that cash is always the start plus the realised amounts, minus fees, plus funding, to the last unit.
What is open is valued from the exact sum of its lots.

Money is counted in 1e-12 of the settle currency and stays below 2**100, lots and ticks below 2**53; what leaves its
range is a LedgerOverflow. A ledger that raised is not used any further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cython

from live_runner.contracts.errors import OurFault
from live_runner.hotpath.engine.python_money import overflow_error

if TYPE_CHECKING:
    from live_runner.hotpath.engine.backoff import Backoff
if not cython.compiled:
    from live_runner.hotpath.engine.python_lists import drop_first, drop_last
    from live_runner.hotpath.engine.python_money import (
        add64,
        amount,
        divide,
        is_exact,
        money,
        mul,
        of_whole,
        plus,
        times,
        whole,
    )
    from live_runner.hotpath.engine.words import AVERAGE, FIFO

__all__ = ["Ledger", "Leg", "Lot", "Position"]

REPORT_IT: Final = "This is a fault of the program: keep the session's log and report it"


class Lot:
    """An open piece of a leg: ``quantity`` lots that cost ``cost`` ticks times lots.

    ``ticks`` is the entry price; the one lot of an AVERAGE account has no price of its own. ``order`` is the entry's
    order or its id. ``view`` and ``message`` are for whoever words the lot; None after each change.
    """

    quantity: int
    ticks: int
    cost: int
    opened_ns: int
    order: Any
    view: Any
    message: Any


class Leg:
    """One side of one instrument: its lots, oldest first, and their sums.

    ``changed``, ``backoff``, ``unresolved`` and ``covered`` (orders of unknown fate, for all of it) are the manager's.
    """

    def __init__(self, sign: int) -> None:
        self.lots: list[Lot] = []
        self.sign = sign
        self.quantity = 0
        self.cost = 0
        self.realised = 0
        self.changed = False
        self.backoff: Backoff | None = None
        self.unresolved = 0
        self.covered = 0


class Position:
    """The two legs of one instrument, and what they are worth at its last mark.

    ``multiplier / divisor`` is the money of one tick of one lot. ``value`` is the mark-to-market PnL of the open lots,
    ``notional`` their size.
    """

    def __init__(self, multiplier: int, divisor: int) -> None:
        self.multiplier = of_whole(multiplier)
        self.divisor = of_whole(divisor)
        self.by_money = False
        self.long = Leg(1)
        self.short = Leg(-1)
        self.mark = 0
        self.value = 0
        self.notional = 0

    def leg(self, side: int) -> Leg:
        """The leg of a side, LONG or SHORT."""
        return self.short if side else self.long


class Ledger:
    """One account: every fill and payment once, in order.

    ``equity`` is the starting money. ``filled_notional``, ``filled_fee``, ``filled_realised`` and ``filled_slippage``
    are the money of the last fill; ``trades`` counts legs that went flat. With ``ends_at_zero`` an account that is flat
    never has less than nothing.
    """

    def __init__(self, equity: int, method: int) -> None:
        self.method = method
        self.ends_at_zero = False
        self.positions: list[Position] = []
        self.start = amount(of_whole(equity))
        self.cash = self.start
        self.peak_cash = self.start
        self.peak_equity = self.start
        self.realised = 0
        self.fees_maker = 0
        self.fees_taker = 0
        self.funding = 0
        self.slippage = 0
        self.turnover = 0
        self.unrealised = 0
        self.exposure = 0
        self.drawdown_realised = 0
        self.drawdown_equity = 0
        self.trades = 0
        self.margin_calls = 0
        self.filled_notional = 0
        self.filled_fee = 0
        self.filled_realised = 0
        self.filled_slippage = 0

    def add(self, position: Position) -> None:
        """One more instrument."""
        check_given(position)
        position.by_money = self.method == AVERAGE
        self.positions.append(position)

    # -- fills and payments ---------------------------------------------------------------------

    def increase(
        self,
        position: Position,
        leg: Leg,
        lots: int,
        ticks: int,
        reference: int,
        rate: int,
        scale: int,
        maker: bool,
        fee_given: bool,
        fee: int,
        at_ns: int,
        order: Any,
    ) -> None:
        """A fill that opens lots of a leg.

        The fee is rate / scale of the notional, unless the venue gave it. Slippage is against ``reference``.
        """
        check_given(position)
        check_given(leg)
        check_fill(lots, ticks, reference)
        cost = times(lots, ticks)
        if position.by_money:
            cost = money(cost, position.multiplier, position.divisor)
        if self.method == AVERAGE and leg.quantity:
            lot = leg.lots[0]
            lot.quantity = add64(lot.quantity, lots)
            lot.cost = plus(lot.cost, cost)
            lot.view = None
            lot.message = None
        else:
            leg.lots.append(new_lot(lots, ticks, cost, at_ns, order))
        leg.quantity = add64(leg.quantity, lots)
        leg.cost = plus(leg.cost, cost)
        self.book(position, leg, lots, ticks, leg.sign * (ticks - reference), rate, scale, maker, fee_given, fee, 0)

    def reduce(
        self,
        position: Position,
        leg: Leg,
        lots: int,
        ticks: int,
        reference: int,
        rate: int,
        scale: int,
        maker: bool,
        fee_given: bool,
        fee: int,
    ) -> None:
        """A fill that closes lots of a leg, never more than it has."""
        check_given(position)
        check_given(leg)
        check_fill(lots, ticks, reference)
        if lots > leg.quantity:
            raise beyond_the_leg(lots, leg.quantity)
        realised = 0
        left = lots
        while left:
            lot = leg.lots[0] if self.method == FIFO else leg.lots[len(leg.lots) - 1]
            taken = lot.quantity
            share = lot.cost
            if taken <= left:
                if self.method == FIFO:
                    drop_first(leg.lots)
                else:
                    drop_last(leg.lots)
            else:
                taken = left
                if self.method == AVERAGE:
                    share = divide(mul(lot.cost, taken), lot.quantity)
                else:
                    share = times(taken, lot.ticks)
                lot.quantity -= taken
                lot.cost -= share
                lot.view = None
                lot.message = None
            gain = self.gain_of(position, leg.sign, times(taken, ticks), share)
            realised = plus(realised, gain)
            leg.cost -= share
            left -= taken
        leg.quantity -= lots
        leg.realised = plus(leg.realised, realised)
        if leg.quantity == 0:
            self.trades += 1
        self.book(
            position, leg, lots, ticks, leg.sign * (reference - ticks), rate, scale, maker, fee_given, fee, realised
        )

    def book(
        self,
        position: Position,
        leg: Leg,
        lots: int,
        ticks: int,
        adverse: int,
        rate: int,
        scale: int,
        maker: bool,
        fee_given: bool,
        fee: int,
        realised: int,
    ) -> None:
        """Money of one fill into cash and totals."""
        product = times(lots, ticks)
        notional = money(product, position.multiplier, position.divisor)
        if not fee_given:
            fee = self.fee_of(position, lots, ticks, rate, scale)
        slippage = money(times(lots, adverse), position.multiplier, position.divisor)
        self.filled_notional = notional
        self.filled_fee = fee
        self.filled_realised = realised
        self.filled_slippage = slippage
        self.charge(fee, maker)
        self.realised = amount(plus(self.realised, realised))
        self.slippage = amount(self.slippage + slippage)
        self.turnover = amount(self.turnover + notional)
        self.cash = amount(plus(plus(self.cash, realised), -fee))
        self.revalue(position, position.mark)
        is_flat = position.long.quantity == 0 and position.short.quantity == 0  # exposure is 0 without a mark, too
        if self.ends_at_zero and self.cash < 0 and self.exposure == 0 and is_flat:
            self.end_at_zero(maker)

    def end_at_zero(self, maker: bool) -> None:
        """A flat account has less than nothing: what is missing is the venue's, by the fee of the last fill."""
        missing = self.cash
        self.filled_fee = amount(plus(self.filled_fee, missing))
        self.charge(missing, maker)
        self.cash = 0

    def charge(self, fee: int, maker: bool) -> None:
        """A fee into its total."""
        if maker:
            self.fees_maker = amount(plus(self.fees_maker, fee))
        else:
            self.fees_taker = amount(plus(self.fees_taker, fee))

    def gain_of(self, position: Position, sign: int, worth: int, cost: int) -> int:
        """What lots worth ``worth`` (lots times ticks) have gained over their cost, in money."""
        if position.by_money:
            return sign * (money(worth, position.multiplier, position.divisor) - cost)
        return money(sign * (worth - cost), position.multiplier, position.divisor)

    def fee_of(self, position: Position, lots: int, ticks: int, rate: int, scale: int) -> int:
        """The fee of a fill: rate / scale of its notional, rounded once."""
        return divide(mul(mul(times(lots, ticks), position.multiplier), rate), mul(position.divisor, scale))

    def fund(self, position: Position, leg: Leg, ticks: int, rate: int, scale: int) -> int:
        """Funding on a leg at a mark, as an amount: a positive rate is paid by longs and received by shorts."""
        check_given(position)
        check_given(leg)
        product = mul(mul(times(leg.quantity, ticks), position.multiplier), rate)
        paid = -leg.sign * divide(product, mul(position.divisor, scale))
        self.pay(paid)
        return paid

    def pay(self, paid: int) -> None:
        """Funding that the account gets, or pays where it is negative."""
        self.funding = amount(self.funding + paid)
        self.cash = amount(self.cash + paid)

    def correct(self, leg: Leg, gain: int, fee_before: int, was_maker: bool, fee: int, maker: bool) -> None:
        """A fill had another price and fee than it was booked with: ``gain`` is what the price changes."""
        check_given(leg)
        self.charge(-fee_before, was_maker)
        self.charge(fee, maker)
        leg.realised = plus(leg.realised, gain)
        self.realised = amount(plus(self.realised, gain))
        self.cash = amount(plus(plus(self.cash, gain), fee_before - fee))

    # -- value ----------------------------------------------------------------------------------

    def mark_at(self, position: Position, ticks: int) -> None:
        """Value the instrument's legs at a price."""
        check_given(position)
        if position.long.quantity or position.short.quantity:
            self.revalue(position, ticks)
        position.mark = ticks

    def revalue(self, position: Position, ticks: int) -> None:
        """Revalue what the instrument adds to the account's value and exposure, at a price."""
        # Every bar of an open position comes here: chains of attributes and no local objects, which would be counted.
        value = 0
        notional = 0
        if position.long.quantity:
            worth = times(position.long.quantity, ticks)
            value = self.gain_of(position, 1, worth, position.long.cost)
            notional = money(worth, position.multiplier, position.divisor)
        if position.short.quantity:
            worth = times(position.short.quantity, ticks)
            value += self.gain_of(position, -1, worth, position.short.cost)
            notional += money(worth, position.multiplier, position.divisor)
        self.unrealised += value - position.value
        position.value = value
        self.exposure += notional - position.notional
        position.notional = notional

    def unrealised_at(self, position: Position, ticks: int) -> int:
        """Value of the instrument's open lots over their cost at a price."""
        check_given(position)
        value = 0
        if position.long.quantity:
            worth = times(position.long.quantity, ticks)
            value = self.gain_of(position, 1, worth, position.long.cost)
        if position.short.quantity:
            worth = times(position.short.quantity, ticks)
            value += self.gain_of(position, -1, worth, position.short.cost)
        return value

    def notional_at(self, position: Position, ticks: int) -> int:
        """Notional of both legs of the instrument at a price."""
        check_given(position)
        notional = 0
        if position.long.quantity:
            notional = money(times(position.long.quantity, ticks), position.multiplier, position.divisor)
        if position.short.quantity:
            notional += money(times(position.short.quantity, ticks), position.multiplier, position.divisor)
        return notional

    def settle(self) -> None:
        """The end of a close: peaks and drawdowns of cash and of equity."""
        equity = amount(self.cash + self.unrealised)
        if self.cash > self.peak_cash:
            self.peak_cash = self.cash
        elif self.peak_cash - self.cash > self.drawdown_realised:
            self.drawdown_realised = self.peak_cash - self.cash
        if equity > self.peak_equity:
            self.peak_equity = equity
        elif self.peak_equity - equity > self.drawdown_equity:
            self.drawdown_equity = self.peak_equity - equity

    def call_margin(self) -> None:
        """Count one margin call."""
        self.margin_calls += 1

    # -- snapshots ------------------------------------------------------------------------------

    def totals(self) -> dict[str, int]:
        """Every total of the account, as Python's integers."""
        return {
            "cash": whole(self.cash),
            "realised": whole(self.realised),
            "fees_maker": whole(self.fees_maker),
            "fees_taker": whole(self.fees_taker),
            "funding": whole(self.funding),
            "slippage": whole(self.slippage),
            "turnover": whole(self.turnover),
            "trades": self.trades,
            "margin_calls": self.margin_calls,
            "peak_cash": whole(self.peak_cash),
            "peak_equity": whole(self.peak_equity),
            "drawdown_realised": whole(self.drawdown_realised),
            "drawdown_equity": whole(self.drawdown_equity),
        }

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot; money as text, since it outgrows 64 bits."""
        legs = self.legs()
        return {
            "totals": {name: str(units) for name, units in self.totals().items()},
            "legs": [lot_rows(leg) for leg in legs],
            "realised": [realised_text(leg) for leg in legs],
            "marks": [position.mark for position in self.positions],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot, with the same instruments added. Lots hold the ids of their orders."""
        totals = {name: int(text) for name, text in state["totals"].items()}
        self.cash = amount(of_whole(totals["cash"]))
        self.realised = amount(of_whole(totals["realised"]))
        self.fees_maker = amount(of_whole(totals["fees_maker"]))
        self.fees_taker = amount(of_whole(totals["fees_taker"]))
        self.funding = amount(of_whole(totals["funding"]))
        self.slippage = amount(of_whole(totals["slippage"]))
        self.turnover = amount(of_whole(totals["turnover"]))
        self.trades = totals["trades"]
        self.margin_calls = totals["margin_calls"]
        self.peak_cash = amount(of_whole(totals["peak_cash"]))
        self.peak_equity = amount(of_whole(totals["peak_equity"]))
        self.drawdown_realised = of_whole(totals["drawdown_realised"])
        self.drawdown_equity = of_whole(totals["drawdown_equity"])
        for leg, rows, realised in zip(self.legs(), state["legs"], state["realised"], strict=True):
            restore_leg(leg, rows, int(realised), self.method == AVERAGE)
        for position, ticks in zip(self.positions, state["marks"], strict=True):
            self.mark_again(position, ticks)

    def mark_again(self, position: Position, ticks: int) -> None:
        """Value an instrument whose lots came from a snapshot."""
        position.mark = ticks
        self.revalue(position, ticks)

    def legs(self) -> list[Leg]:
        """The legs of all instruments, long before short."""
        return [leg for position in self.positions for leg in (position.long, position.short)]


def new_lot(quantity: int, ticks: int, cost: int, opened_ns: int, order: Any) -> Lot:
    """A lot with every field."""
    lot = Lot.__new__(Lot)
    lot.quantity = quantity
    lot.ticks = ticks
    lot.cost = cost
    lot.opened_ns = opened_ns
    lot.order = order
    lot.view = None
    lot.message = None
    return lot


def check_given(value: Any) -> None:
    """Refuse None, which C would read as if it were an object of ours."""
    if value is None:
        raise TypeError("A position or leg is missing: it is None")


def check_fill(lots: int, ticks: int, reference: int) -> None:
    """Positive numbers that floats can count."""
    if lots <= 0 or ticks <= 0 or reference <= 0:
        raise OurFault(f"A fill of {lots} lots at {ticks} ticks is impossible", remedy=REPORT_IT)
    if not (is_exact(lots) and is_exact(ticks) and is_exact(reference)):
        raise overflow_error(f"A fill of {lots} lots at {ticks} ticks is out of range: 2**53 or more")


def beyond_the_leg(lots: int, held: int) -> OurFault:
    """The error of a closing fill of more than there is."""
    return OurFault(f"{lots} lots cannot close a leg of {held}", remedy=REPORT_IT)


def order_id(order: Any) -> str:
    """The id of a lot's order, which is an order or its id."""
    return order if isinstance(order, str) else order.order_id


def lot_rows(leg: Leg) -> list[list[Any]]:
    """The lots of a leg for a snapshot: quantity, cost, time and order of each."""
    rows = []
    for lot in leg.lots:
        rows.append([lot.quantity, str(whole(lot.cost)), lot.opened_ns, order_id(lot.order)])
    return rows


def realised_text(leg: Leg) -> str:
    """The leg's realised result, for a snapshot."""
    return str(whole(leg.realised))


def restore_leg(leg: Leg, rows: list[list[Any]], realised: int, by_money: bool) -> None:
    """The lots of a leg from a snapshot; ``by_money``: their cost is money, and they have no price of their own."""
    leg.lots.clear()
    leg.quantity = 0
    leg.cost = 0
    leg.realised = of_whole(realised)
    for quantity, cost_text, opened_ns, order in rows:
        cost = of_whole(int(cost_text))
        ticks = 0 if by_money else int(cost_text) // quantity
        leg.lots.append(new_lot(quantity, ticks, cost, opened_ns, order))
        leg.quantity = add64(leg.quantity, quantity)
        leg.cost = plus(leg.cost, cost)
