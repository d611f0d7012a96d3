"""Lots, cash and drawdowns of one account, in exact integers.

A leg is one side of one instrument: 0 is long, 1 is short. A closing fill takes lots by the account's
method: ``lifo`` the newest first, ``fifo`` the oldest, ``average`` keeps one lot at the mean price. A
partly taken lot keeps its price, its time and its order; the others stay as they were. Realised PnL is
rounded once per closed lot, fees, funding and slippage once per fill, and the rounded amount is the fact
that is summed, so that cash is always the start plus the realised amounts, minus fees, plus funding, to
the last unit. What is open is valued from the exact sum of its lots.
"""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.constants import AMOUNT_END, EXACT_END, LONG, METHODS, SHORT
from live_runner.hotpath.reference.fixed import Valuation, div_half_even, in_range

__all__ = ["LONG", "METHODS", "SHORT", "Ledger"]


class _Leg:
    """One side of one instrument: its lots, oldest first, and their sums."""

    __slots__ = ("cost", "lots", "quantity")

    def __init__(self) -> None:
        self.lots: list[list[Any]] = []  # [quantity, quantity * price, opened_ns, order_id]
        self.quantity = 0
        self.cost = 0


class Ledger:
    """One account: every fill and payment once, in order.

    ``equity`` is the starting money in units of 1e-12. Instruments are numbered by ``add`` from 0.
    """

    __slots__ = (
        "_exposure",
        "_legs",
        "_marks",
        "_notionals",
        "_valuations",
        "_values",
        "cash",
        "drawdown_equity",
        "drawdown_realised",
        "fees_maker",
        "fees_taker",
        "funding",
        "margin_calls",
        "method",
        "peak_cash",
        "peak_equity",
        "realised",
        "slippage",
        "start",
        "trades",
        "turnover",
        "unrealised",
    )

    def __init__(self, equity: int, method: str) -> None:
        if method not in METHODS:
            raise OurFault(f"'{method}' is no lot method", remedy=f"Use one of {', '.join(METHODS)}")
        self._bounded(equity)
        self.start: Final = equity
        self.method: Final = method
        self._valuations: list[Valuation] = []
        self._legs: list[_Leg] = []
        self._marks: list[int] = []
        self._values: list[int] = []
        self._notionals: list[int] = []
        self._exposure = 0
        self.cash = equity
        self.realised = 0
        self.fees_maker = 0
        self.fees_taker = 0
        self.funding = 0
        self.slippage = 0
        self.turnover = 0
        self.trades = 0  # legs that went flat: round trips
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
        return self._legs[2 * instrument + leg].quantity

    def is_open(self, instrument: int) -> bool:
        """Whether the instrument has a position on either leg."""
        return self._legs[2 * instrument].quantity > 0 or self._legs[2 * instrument + 1].quantity > 0

    def cost(self, instrument: int, leg: int) -> int:
        """Sum of quantity times entry price over the open lots of a leg."""
        return self._legs[2 * instrument + leg].cost

    def lots(self, instrument: int, leg: int) -> list[tuple[int, int, int, str]]:
        """Open lots, oldest first: quantity, quantity times price, time of the entry, its order."""
        return [(lot[0], lot[1], lot[2], lot[3]) for lot in self._legs[2 * instrument + leg].lots]

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
        book = self._legs[2 * instrument + leg]
        cost = quantity * ticks
        if self.method == "average" and book.lots:
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
        book = self._legs[2 * instrument + leg]
        _check_fill(quantity, ticks, reference)
        if quantity > book.quantity:
            raise OurFault(f"{quantity} lots cannot close a leg of {book.quantity}", remedy=_REPORT)
        valuation = self._valuations[instrument]
        sign = 1 if leg == LONG else -1
        realised = 0
        left = quantity
        while left:
            lot = book.lots[0 if self.method == "fifo" else -1]
            taken = lot[0] if lot[0] < left else left
            share = lot[1] if taken == lot[0] else self._share(lot, taken)
            realised += valuation.product(sign * (taken * ticks - share))
            lot[0] -= taken
            lot[1] -= share
            if not lot[0]:
                book.lots.pop(0 if self.method == "fifo" else -1)
            book.cost -= share
            left -= taken
        book.quantity -= quantity
        if not book.quantity:
            self.trades += 1
        adverse = reference - ticks if leg == LONG else ticks - reference
        return self._book(
            instrument, quantity, ticks, adverse, rate_mantissa, rate_decimals, maker, given_fee, realised
        )

    def _share(self, lot: list[Any], taken: int) -> int:
        """The cost of a part of a lot: exact, since it has one price; of the average lot its share."""
        if self.method == "average":
            return div_half_even(lot[1] * taken, lot[0])
        price: int = lot[1] // lot[0]
        return taken * price

    def _book(
        self,
        instrument: int,
        quantity: int,
        ticks: int,
        adverse: int,
        rate_mantissa: int,
        rate_decimals: int,
        maker: bool,
        given_fee: int | None,
        realised: int,
    ) -> tuple[int, int, int, int]:
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
        fees = self.fees_maker if maker else self.fees_taker
        for total in (self.cash, fees, self.realised, self.slippage, self.turnover):
            self._bounded(total)
        self._revalue(instrument)
        return notional, fee, realised, slippage

    def fund(self, instrument: int, leg: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Funding on a leg at a mark: a positive rate is paid by longs (negative) and received by shorts."""
        quantity = self._legs[2 * instrument + leg].quantity
        sign = -1 if leg == LONG else 1
        amount = self._valuations[instrument].fee(quantity, ticks, sign * rate_mantissa, rate_decimals)
        self.funding += amount
        self.cash += amount
        self._bounded(self.funding)
        self._bounded(self.cash)
        return amount

    def mark(self, instrument: int, ticks: int) -> None:
        """Value the instrument's legs at a price."""
        self._marks[instrument] = in_range(ticks)
        self._revalue(instrument)

    def unrealised_at(self, instrument: int, ticks: int) -> int:
        """What the instrument's open legs would be worth over their cost at a price."""
        in_range(ticks)
        longs, shorts = self._legs[2 * instrument], self._legs[2 * instrument + 1]
        total = 0
        if longs.quantity:
            total += self._valuations[instrument].product(longs.quantity * ticks - longs.cost)
        if shorts.quantity:
            total += self._valuations[instrument].product(shorts.cost - shorts.quantity * ticks)
        return total

    def notional_at(self, instrument: int, ticks: int) -> int:
        """Notional of both legs of the instrument at a price."""
        in_range(ticks)
        longs, shorts = self._legs[2 * instrument], self._legs[2 * instrument + 1]
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

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot; money as text, since it outgrows 64 bits."""
        return {
            "totals": {name: str(getattr(self, name)) for name in _TOTALS},
            "legs": [[[lot[0], str(lot[1]), lot[2], lot[3]] for lot in leg.lots] for leg in self._legs],
            "marks": list(self._marks),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot, with the same instruments added."""
        for name in _TOTALS:
            setattr(self, name, int(state["totals"][name]))
        for leg, lots in zip(self._legs, state["legs"], strict=True):
            leg.lots = [[lot[0], int(lot[1]), lot[2], lot[3]] for lot in lots]
            leg.quantity = sum(lot[0] for lot in leg.lots)
            leg.cost = sum(lot[1] for lot in leg.lots)
        self._marks = list(state["marks"])
        for instrument in range(len(self._marks)):
            self._revalue(instrument)

    def _revalue(self, instrument: int) -> None:
        ticks = self._marks[instrument]
        value = self.unrealised_at(instrument, ticks)
        self.unrealised += value - self._values[instrument]
        self._values[instrument] = value
        notional = self.notional_at(instrument, ticks)
        self._exposure += notional - self._notionals[instrument]
        self._notionals[instrument] = notional

    @staticmethod
    def _bounded(units: int) -> None:
        if not -AMOUNT_END < units < AMOUNT_END:
            raise LedgerOverflow(f"A total of {units} units of 1e-12 is out of range", remedy=_REPORT)


def _check_fill(quantity: int, ticks: int, reference: int) -> None:
    for value in (quantity, ticks, reference):
        if value <= 0:
            raise OurFault(f"A fill of {quantity} lots at {ticks} ticks is impossible", remedy=_REPORT)
        if value >= EXACT_END:
            raise LedgerOverflow(f"{value} ticks or lots are out of the ledger's range", remedy=_REPORT)


_TOTALS: Final = (
    "cash",
    "realised",
    "fees_maker",
    "fees_taker",
    "funding",
    "slippage",
    "turnover",
    "trades",
    "margin_calls",
    "peak_cash",
    "peak_equity",
    "drawdown_realised",
    "drawdown_equity",
)
_REPORT: Final = "This is a fault of the program: keep the session's log and report it"
