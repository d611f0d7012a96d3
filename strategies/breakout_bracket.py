"""A breakout with its bracket at the venue: take-profit and stop-loss go out with the entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from live_runner.hotpath import indicators
from live_runner.strategies.base import Bar, Draft, ExecutionPolicy, LegState, Parameters, Side, Strategy, View, intent

__all__ = ["BreakoutBracket", "BreakoutBracketParameters"]


class BreakoutBracketParameters(Parameters, frozen=True, kw_only=True):
    """The channel and the average true range count closed bars before the one that breaks out."""

    channel: Annotated[int, Meta(gt=0, description="bars")] = 20
    atr: Annotated[int, Meta(gt=0, description="bars")] = 14
    take_profit_atr: Annotated[float, Meta(gt=0, description="times the average true range")] = 3.0
    stop_loss_atr: Annotated[float, Meta(gt=0, description="times the average true range")] = 1.5
    notional: Annotated[float, Meta(gt=0, description="settle currency")] = 100.0
    long: bool = True
    short: bool = True
    entry: Literal["market", "post_only"] = "market"
    entry_offset_atr: Annotated[float, Meta(ge=0, description="times the average true range")] = 0.25
    """Distance behind the close at which a post-only entry waits for price to come back."""
    time_to_live_s: Annotated[float, Meta(gt=0, description="seconds")] = 600.0
    """Time that a post-only entry waits."""


class BreakoutBracket(Strategy[BreakoutBracketParameters, LegState]):
    """Enter when a close leaves the channel of the bars before it, one position per symbol at a time.

    The position ends at the venue, by its take-profit or its stop; the strategy never closes it. Both are
    measured from the price that the entry is asked at: the close, or the limit of a post-only entry.
    """

    def __init__(self, parameters: BreakoutBracketParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.channels = {symbol: indicators.Donchian(parameters.channel) for symbol in symbols}
        self.ranges = {symbol: indicators.Atr(parameters.atr) for symbol in symbols}
        self.closes = {symbol: indicators.Sma(1) for symbol in symbols}
        for symbol in symbols:
            self.indicators[f"{symbol}/channel"] = self.channels[symbol]
            self.indicators[f"{symbol}/range"] = self.ranges[symbol]
            self.indicators[f"{symbol}/close"] = self.closes[symbol]
        self.breaks: dict[str, Side | None] = dict.fromkeys(symbols)
        """Which way the last bar left the channel."""

    def warmup(self, timeframe: str) -> int:
        """Both indicators, and the bar that breaks out."""
        parameters = self.parameters
        return max(parameters.channel, indicators.Atr(parameters.atr).warmup) + 1

    def policy(self) -> ExecutionPolicy:
        """A post-only entry that the venue refuses is gone; after two rejections in a row the leg rests."""
        parameters = self.parameters
        return ExecutionPolicy(
            add_style="market", time_to_live_s=parameters.time_to_live_s, max_failures=2, backoff_s=900.0
        )

    def minimum_order(self, view: View, symbol: str) -> float:
        """The smallest quantity that the market takes at the last close."""
        return view.instrument(symbol).smallest_quantity(self.closes[symbol].value or 0.0)

    def observe(self, bar: Bar) -> None:
        """Compare with the channel before this bar, then let the bar into it."""
        symbol = bar.symbol
        channel = self.channels[symbol]
        before = channel.value
        self.breaks[symbol] = None
        if before is not None:
            if bar.close > max(before):
                self.breaks[symbol] = "long"
            elif bar.close < min(before):
                self.breaks[symbol] = "short"
        channel.update(bar.high, bar.low)
        self.ranges[symbol].update(bar.high, bar.low, bar.close)
        self.closes[symbol].update(bar.close)

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        """Enter in the direction of the breakout, unless something is open or on its way."""
        symbol = bar.symbol
        side = self.breaks[symbol]
        reach = self.ranges[symbol].value
        parameters = self.parameters
        if side is None or reach is None or not (parameters.long if side == "long" else parameters.short):
            return []
        if view.pending(symbol) or view.leg(symbol, "long").is_open or view.leg(symbol, "short").is_open:
            return []
        sign = 1.0 if side == "long" else -1.0
        waits = parameters.entry == "post_only"
        price = bar.close - sign * parameters.entry_offset_atr * reach if waits else bar.close
        stop = price - sign * parameters.stop_loss_atr * reach
        goal = price + sign * parameters.take_profit_atr * reach
        if min(price, stop, goal) <= 0.0:
            return []
        return [
            intent.open(
                symbol,
                side,
                parameters.notional / (price * view.instrument(symbol).contract_size),
                style=parameters.entry,
                limit_price=price if waits else None,
                take_profit=goal,
                stop_loss=stop,
                time_to_live_s=parameters.time_to_live_s if waits else None,
                reason="breakout",
            )
        ]

    def state(self) -> dict[str, Any]:
        """The indicators and the last break: a snapshot may fall between ``observe`` and ``on_bar``."""
        return super().state() | {"breaks": self.breaks}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over indicators and break."""
        super().restore(state)
        self.breaks = {symbol: state["breaks"][symbol] for symbol in self.symbols}
