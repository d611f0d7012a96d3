"""An account as one would write it down: fractions, lists and sums. The oracle of the engine's ledger."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

TOTALS = (
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


class PlainAccount:
    """``values`` is the money of one tick of one lot of each instrument; legs are 0 (long) and 1.

    ``amounts`` and ``products`` are those that have come up.
    """

    def __init__(self, equity: int, method: str, *values: Fraction) -> None:
        self.method = method
        self.values = values
        self.lots: dict[tuple[int, int], list[list[Any]]] = {(i, leg): [] for i in range(len(values)) for leg in (0, 1)}
        self.marks = [0] * len(values)
        self.total = dict.fromkeys(TOTALS, 0)
        for name in ("cash", "peak_cash", "peak_equity"):
            self.total[name] = equity
        self.amounts: list[int] = [equity]
        self.products: list[Fraction] = []

    def increase(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate: int,
        decimals: int,
        maker: bool,
        fee: int | None,
        opened_ns: int,
        order: Any,
    ) -> tuple[int, int, int, int]:
        """Notional, fee, realised and slippage of a fill that opens lots."""
        lots = self.lots[instrument, leg]
        cost = quantity * ticks
        if self.method == "average":  # in money: a part of it is rounded to 1e-12, not to a tick of a lot
            cost = self._money(instrument, cost)
        if self.method == "average" and lots:
            lots[0][0] += quantity
            lots[0][1] += cost
        else:
            lots.append([quantity, cost, opened_ns, order])
        adverse = ticks - reference if leg == 0 else reference - ticks
        return self._fill(instrument, quantity, ticks, adverse, rate, decimals, maker, fee, 0)

    def reduce(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate: int,
        decimals: int,
        maker: bool,
        fee: int | None,
    ) -> tuple[int, int, int, int]:
        """The same of one that closes lots."""
        lots = self.lots[instrument, leg]
        realised, left = 0, quantity
        while left:
            lot = lots[0 if self.method == "fifo" else -1]
            taken = min(lot[0], left)
            share = round(Fraction(lot[1] * taken, lot[0]))
            if self.method == "average":
                self.products.append(Fraction(lot[1] * taken))
            realised += self._gain(instrument, leg, taken * ticks, share)
            lot[0] -= taken
            lot[1] -= share
            left -= taken
            if not lot[0]:
                lots.remove(lot)
        if not lots:
            self.total["trades"] += 1
        adverse = reference - ticks if leg == 0 else ticks - reference
        return self._fill(instrument, quantity, ticks, adverse, rate, decimals, maker, fee, realised)

    def _gain(self, instrument: int, leg: int, worth: int, cost: int) -> int:
        sign = 1 if leg == 0 else -1
        if self.method == "average":
            return sign * (self._money(instrument, worth) - cost)
        return self._money(instrument, sign * (worth - cost))

    def fund(self, instrument: int, leg: int, ticks: int, rate: int, decimals: int) -> int:
        """A positive rate is paid by longs and received by shorts."""
        share = Fraction(-rate if leg == 0 else rate, 10**decimals)
        sized = self.quantity(instrument, leg) * ticks
        self.products.append(Fraction(sized * self.values[instrument].numerator * rate))
        paid = self._money(instrument, sized, share)
        self._add("funding", paid)
        self._add("cash", paid)
        return paid

    def mark(self, instrument: int, ticks: int) -> None:
        """Value an instrument at a price."""
        self.marks[instrument] = ticks

    def settle(self) -> None:
        """Peaks and drawdowns at the end of a close."""
        for name, drawdown, now in (
            ("peak_cash", "drawdown_realised", self.total["cash"]),
            ("peak_equity", "drawdown_equity", self.total["cash"] + self.unrealised),
        ):
            self.amounts.append(now)
            self.total[name] = max(self.total[name], now)
            self.total[drawdown] = max(self.total[drawdown], self.total[name] - now)

    def call_margin(self) -> None:
        """One margin call."""
        self.total["margin_calls"] += 1

    def quantity(self, instrument: int, leg: int) -> int:
        """Open lots of a leg."""
        return sum(lot[0] for lot in self.lots[instrument, leg])

    def cost(self, instrument: int, leg: int) -> int:
        """Their cost in lots times ticks, in money with the method average."""
        return sum(lot[1] for lot in self.lots[instrument, leg])

    def unrealised_at(self, instrument: int, ticks: int) -> int:
        """What the open lots are worth over their cost; each leg is rounded."""
        return sum(
            self._gain(instrument, leg, self.quantity(instrument, leg) * ticks, self.cost(instrument, leg))
            for leg in (0, 1)
        )

    def notional_at(self, instrument: int, ticks: int) -> int:
        """The size of both legs."""
        return sum(self._money(instrument, self.quantity(instrument, leg) * ticks) for leg in (0, 1))

    @property
    def unrealised(self) -> int:
        """Of all instruments at their marks."""
        return sum(self.unrealised_at(i, mark) for i, mark in enumerate(self.marks))

    @property
    def exposure(self) -> int:
        """Of all instruments at their marks."""
        return sum(self.notional_at(i, mark) for i, mark in enumerate(self.marks))

    def is_out_of_range(self) -> bool:
        """Whether an amount of 2**100 or more has come up, or a product of 2**127 or more."""
        amounts = [*self.amounts, self.unrealised, self.exposure]
        return max(map(abs, amounts)) >= 2**100 or max(map(abs, self.products)) >= 2**127

    def _fill(
        self,
        instrument: int,
        quantity: int,
        ticks: int,
        adverse: int,
        rate: int,
        decimals: int,
        maker: bool,
        fee: int | None,
        realised: int,
    ) -> tuple[int, int, int, int]:
        notional = self._money(instrument, quantity * ticks)
        if fee is None:
            self.products.append(Fraction(quantity * ticks * self.values[instrument].numerator * rate))
            fee = self._money(instrument, quantity * ticks, Fraction(rate, 10**decimals))
        slippage = self._money(instrument, quantity * adverse)
        self._add("fees_maker" if maker else "fees_taker", fee)
        self._add("realised", realised)
        self._add("slippage", slippage)
        self._add("turnover", notional)
        self._add("cash", realised - fee)
        return notional, fee, realised, slippage

    def _money(self, instrument: int, lots_times_ticks: int, share: Fraction = Fraction(1)) -> int:
        value = self.values[instrument]
        self.products.append(Fraction(lots_times_ticks * value.numerator * share.numerator))
        self.products.append(Fraction(value.denominator * share.denominator))
        self.amounts.append(round(lots_times_ticks * value * share))
        return self.amounts[-1]

    def _add(self, name: str, amount: int) -> None:
        self.total[name] += amount
        self.amounts.append(self.total[name])
