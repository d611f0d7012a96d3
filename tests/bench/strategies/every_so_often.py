"""An order on a given share of the bars: opens where it is flat, closes where it is not."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from live_runner.strategies.base import Bar, Draft, LegState, Parameters, Strategy, View, intent

__all__ = ["EverySoOften"]


class EverySoOftenParameters(Parameters, frozen=True, kw_only=True):
    bars: Annotated[int, Meta(ge=0, description="bars from one order to the next; 0 for none at all")] = 10
    quantity: float = 1.0


class EverySoOften(Strategy[EverySoOftenParameters, LegState]):
    """Every ``bars``-th bar of a symbol asks for one market order."""

    compiled = "every_so_often_twin:EverySoOften"

    def __init__(self, parameters: EverySoOftenParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.seen = dict.fromkeys(symbols, 0)

    def observe(self, bar: Bar) -> None:
        self.seen[bar.symbol] += 1

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        every = self.parameters.bars
        if not every or self.seen[bar.symbol] % every:
            return []
        if view.leg(bar.symbol, "long").is_open:
            return [intent.close(bar.symbol, "long")]
        return [intent.open(bar.symbol, "long", self.parameters.quantity)]

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}
