# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=True
"""Lots, cash and drawdowns of one account, in exact integers.

The fast twin of reference/ledger.py, which says what is right. Money stays in Python's integers, exact at
any size; quantities and prices are 64 bits wide.
"""

from typing import Any

from libc.stdint cimport int64_t

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.compiled.fixed import div_half_even
from live_runner.hotpath.reference.fixed import Valuation
from live_runner.hotpath.reference import ledger as _reference

__all__ = _reference.__all__

LONG = _reference.LONG
SHORT = _reference.SHORT
METHODS = _reference.METHODS
UNITS_END = _reference.UNITS_END
CASH_END = _reference.CASH_END

cdef tuple _TOTALS = _reference._TOTALS
cdef str _REPORT = _reference._REPORT


cdef class _Leg:
    """One side of one instrument: its lots, oldest first, and their sums."""

    cdef list lots  # [quantity, quantity * price, opened_ns, order_id]
    cdef int64_t quantity
    cdef object cost

    def __init__(self):
        self.lots = []
        self.quantity = 0
        self.cost = 0


cdef class Ledger:
    """One account: every fill and payment once, in order.

    ``equity`` is the starting money in units of 1e-12. Instruments are numbered by ``add`` from 0.
    """

    cdef readonly object start
    cdef readonly str method
    cdef bint _fifo
    cdef bint _average
    cdef list _valuations
    cdef list _legs
    cdef list _marks
    cdef list _values
    cdef list _notionals
    cdef object _exposure
    cdef readonly object cash
    cdef readonly object realised
    cdef readonly object fees_maker
    cdef readonly object fees_taker
    cdef readonly object funding
    cdef readonly object slippage
    cdef readonly object turnover
    cdef readonly object trades
    cdef readonly object margin_calls
    cdef readonly object unrealised
    cdef readonly object peak_cash
    cdef readonly object peak_equity
    cdef readonly object drawdown_realised
    cdef readonly object drawdown_equity

    def __init__(self, equity, method):
        if method not in METHODS:
            raise OurFault(f"'{method}' is no lot method", remedy=f"Use one of {', '.join(METHODS)}")
        self.start = equity
        self.method = method
        self._fifo = method == "fifo"
        self._average = method == "average"
        self._valuations = []
        self._legs = []
        self._marks = []
        self._values = []
        self._notionals = []
        self._exposure = 0
        self.cash = equity
        self.realised = 0
        self.fees_maker = 0
        self.fees_taker = 0
        self.funding = 0
        self.slippage = 0
        self.turnover = 0
        self.trades = 0
        self.margin_calls = 0
        self.unrealised = 0
        self.peak_cash = equity
        self.peak_equity = equity
        self.drawdown_realised = 0
        self.drawdown_equity = 0

    def add(self, valuation: Valuation) -> int:
        """One more instrument; its number."""
        self._valuations.append(valuation)
        self._legs += (_Leg(), _Leg())
        self._marks.append(0)
        self._values.append(0)
        self._notionals.append(0)
        return len(self._valuations) - 1

    def quantity(self, instrument: int, leg: int) -> int:
        """Open lots of a leg, never negative."""
        return (<_Leg>self._legs[2 * instrument + leg]).quantity

    def is_open(self, instrument: int) -> bool:
        """Whether the instrument has a position on either leg."""
        cdef _Leg longs = self._legs[2 * instrument]
        cdef _Leg shorts = self._legs[2 * instrument + 1]
        return longs.quantity > 0 or shorts.quantity > 0

    def cost(self, instrument: int, leg: int) -> int:
        """Sum of quantity times entry price over the open lots of a leg."""
        return (<_Leg>self._legs[2 * instrument + leg]).cost

    def lots(self, instrument: int, leg: int) -> list[tuple[int, int, int, str]]:
        """Open lots, oldest first: quantity, quantity times price, time of the entry, its order."""
        return [(lot[0], lot[1], lot[2], lot[3]) for lot in (<_Leg>self._legs[2 * instrument + leg]).lots]

    def buy_in(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate_mantissa: int,
        rate_decimals: int,
        maker: bool,
        given_fee: int | None,
        opened_ns: int,
        order_id: str,
    ) -> tuple[int, int, int, int]:
        """An entry fill of either leg: notional, fee, realised (0) and slippage against ``reference``.

        The fee is the rate's share of notional, unless the venue gave it.
        """
        _check_fill(quantity, ticks, reference)
        cdef _Leg book = self._legs[2 * instrument + leg]
        cost = quantity * ticks
        if self._average and book.lots:
            lot = book.lots[0]
            lot[0] += quantity
            lot[1] += cost
        else:
            book.lots.append([quantity, cost, opened_ns, order_id])
        book.quantity += quantity
        book.cost += cost
        adverse = ticks - reference if leg == LONG else reference - ticks
        return self._book(instrument, quantity, ticks, adverse, rate_mantissa, rate_decimals, maker, given_fee, 0)

    def sell_out(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate_mantissa: int,
        rate_decimals: int,
        maker: bool,
        given_fee: int | None,
    ) -> tuple[int, int, int, int]:
        """A closing fill, of either leg: notional, fee, realised and slippage against ``reference``."""
        cdef _Leg book = self._legs[2 * instrument + leg]
        _check_fill(quantity, ticks, reference)
        if quantity > book.quantity:
            raise OurFault(f"{quantity} lots cannot close a leg of {book.quantity}", remedy=_REPORT)
        valuation = self._valuations[instrument]
        sign = 1 if leg == LONG else -1
        realised = 0
        left = quantity
        while left:
            lot = book.lots[0 if self._fifo else -1]
            taken = lot[0] if lot[0] < left else left
            # Exact for lifo and fifo, whose cost is quantity times price; the average lot gives its share.
            share = lot[1] if taken == lot[0] else div_half_even(lot[1] * taken, lot[0])
            realised += valuation.product(sign * (taken * ticks - share))
            lot[0] -= taken
            lot[1] -= share
            if not lot[0]:
                book.lots.pop(0 if self._fifo else -1)
            book.cost -= share
            left -= taken
        book.quantity -= quantity
        if not book.quantity:
            self.trades += 1
        adverse = reference - ticks if leg == LONG else ticks - reference
        return self._book(
            instrument, quantity, ticks, adverse, rate_mantissa, rate_decimals, maker, given_fee, realised
        )

    cdef tuple _book(
        self, instrument, quantity, ticks, adverse, rate_mantissa, rate_decimals, bint maker, given_fee, realised
    ):
        """Money of one fill: into cash and totals."""
        valuation = self._valuations[instrument]
        notional = valuation.notional(quantity, ticks)
        fee = given_fee
        if fee is None:
            fee = valuation.fee(quantity, ticks, rate_mantissa, rate_decimals)
        slippage = valuation.product(quantity * adverse)
        if maker:
            self.fees_maker += fee
        else:
            self.fees_taker += fee
        self.realised += realised
        self.slippage += slippage
        self.turnover += notional
        self.cash += realised - fee
        self._bounded(self.cash)
        self._bounded(self.turnover)
        self._revalue(instrument)
        return notional, fee, realised, slippage

    def fund(self, instrument: int, leg: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Funding on a leg at a mark: a positive rate is paid by longs (negative) and received by shorts."""
        quantity = (<_Leg>self._legs[2 * instrument + leg]).quantity
        sign = -1 if leg == LONG else 1
        amount = self._valuations[instrument].fee(quantity, ticks, sign * rate_mantissa, rate_decimals)
        self.funding += amount
        self.cash += amount
        self._bounded(self.cash)
        return amount

    def mark(self, instrument: int, ticks: int) -> None:
        """Value the instrument's legs at a price."""
        self._marks[instrument] = ticks
        self._revalue(instrument)

    def unrealised_at(self, instrument: int, ticks: int) -> int:
        """What the instrument's open legs would be worth over their cost at a price."""
        cdef _Leg longs = self._legs[2 * instrument]
        cdef _Leg shorts = self._legs[2 * instrument + 1]
        total = 0
        if longs.quantity:
            total += self._valuations[instrument].product(longs.quantity * ticks - longs.cost)
        if shorts.quantity:
            total += self._valuations[instrument].product(shorts.cost - shorts.quantity * ticks)
        return total

    def notional_at(self, instrument: int, ticks: int) -> int:
        """Notional of both legs of the instrument at a price."""
        cdef _Leg longs = self._legs[2 * instrument]
        cdef _Leg shorts = self._legs[2 * instrument + 1]
        total = 0
        if longs.quantity:
            total += self._valuations[instrument].notional(longs.quantity, ticks)
        if shorts.quantity:
            total += self._valuations[instrument].notional(shorts.quantity, ticks)
        return total

    def exposure(self) -> int:
        """Notional of all open legs at their last marks."""
        return self._exposure

    def value(self, instrument: int) -> int:
        """Mark-to-market PnL of the instrument's open legs at its last mark."""
        return self._values[instrument]

    @property
    def equity(self) -> int:
        """Cash and what is open, at the last marks."""
        return self.cash + self.unrealised

    def settle(self) -> None:
        """The end of a close: peaks and drawdowns of cash and of equity."""
        equity = self.cash + self.unrealised
        self._bounded(equity)
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

    cdef list _rows(self):
        """The lots of every leg."""
        cdef _Leg leg
        rows = []
        for leg in self._legs:
            rows.append(leg.lots)
        return rows

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot; money as text, since it outgrows 64 bits."""
        return {
            "totals": {name: str(getattr(self, name)) for name in _TOTALS},
            "legs": [[[lot[0], str(lot[1]), lot[2], lot[3]] for lot in lots] for lots in self._rows()],
            "marks": list(self._marks),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot, with the same instruments added."""
        cdef _Leg leg
        totals = state["totals"]
        self.cash = int(totals["cash"])
        self.realised = int(totals["realised"])
        self.fees_maker = int(totals["fees_maker"])
        self.fees_taker = int(totals["fees_taker"])
        self.funding = int(totals["funding"])
        self.slippage = int(totals["slippage"])
        self.turnover = int(totals["turnover"])
        self.trades = int(totals["trades"])
        self.margin_calls = int(totals["margin_calls"])
        self.peak_cash = int(totals["peak_cash"])
        self.peak_equity = int(totals["peak_equity"])
        self.drawdown_realised = int(totals["drawdown_realised"])
        self.drawdown_equity = int(totals["drawdown_equity"])
        for leg, lots in zip(self._legs, state["legs"], strict=True):
            leg.lots = [[lot[0], int(lot[1]), lot[2], lot[3]] for lot in lots]
            leg.quantity = sum(lot[0] for lot in leg.lots)
            leg.cost = sum(lot[1] for lot in leg.lots)
        self._marks = list(state["marks"])
        for instrument in range(len(self._marks)):
            self._revalue(instrument)

    cdef int _revalue(self, instrument) except -1:
        ticks = self._marks[instrument]
        value = self.unrealised_at(instrument, ticks)
        self.unrealised += value - self._values[instrument]
        self._values[instrument] = value
        notional = self.notional_at(instrument, ticks)
        self._exposure += notional - self._notionals[instrument]
        self._notionals[instrument] = notional
        return 0

    cdef int _bounded(self, object units) except -1:
        if not -CASH_END < units < CASH_END:
            raise LedgerOverflow(f"A total of {units} units of 1e-12 is out of range", remedy=_REPORT)
        return 0


cdef int _check_fill(quantity, ticks, reference) except -1:
    for value in (quantity, ticks, reference):
        if value <= 0:
            raise OurFault(f"A fill of {quantity} lots at {ticks} ticks is impossible", remedy=_REPORT)
        if value >= UNITS_END:
            raise LedgerOverflow(f"{value} ticks or lots are out of the ledger's range", remedy=_REPORT)
    return 0
