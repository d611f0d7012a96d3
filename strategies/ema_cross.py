"""The smallest example: be long while a fast average of the closes is above a slow one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from live_runner.hotpath import indicators
from live_runner.strategies.base import Bar, Draft, ExecutionPolicy, LegState, Parameters, Side, Strategy, View, intent

__all__ = ["EmaCross", "EmaCrossParameters"]


class EmaCrossParameters(Parameters, frozen=True, kw_only=True):
    """Exactly one of ``quantity``, ``notional`` and ``equity_fraction`` sizes a position."""

    fast: Annotated[int, Meta(gt=0, description="bars")] = 20
    slow: Annotated[int, Meta(gt=0, description="bars")] = 50
    short: Annotated[bool, Meta(description="also short while the fast average is below the slow one")] = False
    quantity: Annotated[float, Meta(gt=0, description="base units")] | None = None
    notional: Annotated[float, Meta(gt=0, description="settle currency")] | None = None
    equity_fraction: Annotated[float, Meta(gt=0, description="of equity, 1 is all of it")] | None = None

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")
        if (self.quantity, self.notional, self.equity_fraction).count(None) != 2:
            raise ValueError("give exactly one of quantity, notional and equity_fraction")


class EmaCross(Strategy[EmaCrossParameters, LegState]):
    """Market order when the averages of the closed bars cross, filled at the next open.

    The averages are hotpath.indicators.Ema, seeded with the simple average of the first ``period``
    closes. A cross is a change of order between two bars; bars on which both are equal keep the order
    before. The first order after warming up is not a cross, and a cross missed while an order was
    refused is not made up for.
    """

    compiled = "live_runner.strategies.compiled.ema_cross:EmaCross"

    def __init__(self, parameters: EmaCrossParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.averages = {
            symbol: (indicators.Ema(parameters.fast), indicators.Ema(parameters.slow)) for symbol in symbols
        }
        for symbol, (fast, slow) in self.averages.items():
            self.indicators[f"{symbol}/fast"] = fast
            self.indicators[f"{symbol}/slow"] = slow
        self.above: dict[str, bool | None] = dict.fromkeys(symbols)
        self.crossed = dict.fromkeys(symbols, False)

    def warmup(self, timeframe: str) -> int:
        """One bar more than the slow average needs: a cross is seen from the second warm bar on."""
        return self.parameters.slow + 1

    def policy(self) -> ExecutionPolicy:
        """One attempt per entry; ten minutes of rest after three rejections in a row."""
        return ExecutionPolicy(add_style="market", max_failures=3, backoff_s=600.0)

    def minimum_order(self, view: View, symbol: str) -> float:
        """The smallest quantity that the market takes at the last close."""
        _, slow = self.averages[symbol]
        return view.instrument(symbol).smallest_quantity(slow.value or 0.0)

    def observe(self, bar: Bar) -> None:
        """Move both averages and note whether they crossed."""
        symbol, close = bar.symbol, bar.close
        fast, slow = self.averages[symbol]
        fast.update(close)
        slow.update(close)
        fast_value, slow_value = fast.value, slow.value
        self.crossed[symbol] = False
        if fast_value is None or slow_value is None or fast_value == slow_value:
            return
        above, before = fast_value > slow_value, self.above[symbol]
        if above != before:
            self.above[symbol] = above
            self.crossed[symbol] = before is not None

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        """Leave the side that ended, enter the one that began."""
        if not self.crossed[bar.symbol]:
            return []
        return list(self._turn(bar, view))

    def _turn(self, bar: Bar, view: View) -> Iterator[Draft]:
        symbol = bar.symbol
        entered: Side = "long" if self.above[symbol] else "short"
        left: Side = "short" if self.above[symbol] else "long"
        if view.leg(symbol, left).is_open:
            yield intent.close(symbol, left, reason="cross")
        if (entered == "long" or self.parameters.short) and not view.leg(symbol, entered).is_open:
            yield intent.open(symbol, entered, self._quantity(bar, view), reason="cross")

    def _quantity(self, bar: Bar, view: View) -> float:
        parameters = self.parameters
        if parameters.quantity is not None:
            return parameters.quantity
        notional = parameters.notional
        if notional is None:
            notional = (parameters.equity_fraction or 0.0) * view.equity
        return notional / (bar.close * view.instrument(bar.symbol).contract_size)

    def state(self) -> dict[str, Any]:
        """The averages and their order."""
        return super().state() | {"above": self.above, "crossed": self.crossed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over averages and order."""
        super().restore(state)
        self.above = {symbol: state["above"][symbol] for symbol in self.symbols}
        self.crossed = {symbol: state["crossed"][symbol] for symbol in self.symbols}
