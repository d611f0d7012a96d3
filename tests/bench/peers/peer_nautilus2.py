"""NautilusTrader 2, its release candidate: the Rust engine with a strategy in Python.

A market order fills on the bar whose close led to it, so trades are the same and prices are not. The averages
are the engine's own, seeded with the first close.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.peers.protocol import Bars, Case, Clock, peak_mib, per_call, per_update, serve
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.indicators import AverageTrueRange, ExponentialMovingAverage, RelativeStrengthIndex
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    CryptoPerpetual,
    Currency,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    Symbol,
    Venue,
)
from nautilus_trader.trading import Strategy

BAR_TYPE = BarType.from_str("ETHUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL")
_MINUTE_NS = 60_000_000_000


def instrument(case: Case) -> CryptoPerpetual:
    return CryptoPerpetual(
        instrument_id=InstrumentId.from_str("ETHUSDT-PERP.SIM"),
        raw_symbol=Symbol("ETHUSDT"),
        base_currency=Currency.from_str("ETH"),
        quote_currency=Currency.from_str("USDT"),
        settlement_currency=Currency.from_str("USDT"),
        is_inverse=False,
        price_precision=case.price_decimals,
        size_precision=case.quantity_decimals,
        price_increment=Price(10.0**-case.price_decimals, case.price_decimals),
        size_increment=Quantity(10.0**-case.quantity_decimals, case.quantity_decimals),
        margin_init=Decimal("0.1"),
        margin_maint=Decimal("0.005"),
        ts_event=0,
        ts_init=0,
    )


def typed(bars: Bars, case: Case) -> list[Any]:
    """The columns as the engine's objects."""
    columns = (column.tolist() for column in bars)
    price, size = case.price_decimals, case.quantity_decimals
    return [
        Bar(
            BAR_TYPE,
            Price(open_, price),
            Price(high, price),
            Price(low, price),
            Price(close, price),
            Quantity(volume, size),
            open_ns + _MINUTE_NS,
            open_ns + _MINUTE_NS,
        )
        for open_ns, open_, high, low, close, volume in zip(*columns, strict=True)
    ]


class EmaCross(Strategy):
    """The cross; without ``trading`` only the averages."""

    case: Case
    trading: bool

    def on_start(self) -> None:
        self.fast = ExponentialMovingAverage(self.case.fast)
        self.slow = ExponentialMovingAverage(self.case.slow)
        self.quantity = Quantity(self.case.quantity, self.case.quantity_decimals)
        self.seen = self.fills = 0
        self.above: bool | None = None
        self.is_open = False
        self.register_indicator_for_bars(BAR_TYPE, self.fast)
        self.register_indicator_for_bars(BAR_TYPE, self.slow)
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Any) -> None:
        self.seen += 1
        fast, slow = self.fast.value, self.slow.value
        if self.seen < self.case.slow or fast == slow:
            return
        before, self.above = self.above, fast > slow
        if before is None or before == self.above or self.seen <= self.case.first or not self.trading:
            return
        if self.above != self.is_open:
            self.is_open = self.above
            side = OrderSide.BUY if self.above else OrderSide.SELL
            self.submit_order(self.order_factory.market(BAR_TYPE.instrument_id, side, self.quantity))

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1


def run(bars: Bars, case: Case, *, trading: bool) -> dict[str, Any]:
    clock = Clock()
    with clock.measure("load"):
        data = typed(bars, case)
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggerConfig(bypass_logging=True), run_analysis=False))
        engine.add_venue(
            venue=Venue("SIM"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=None,
            starting_balances=[Money(case.cash, Currency.from_str("USDT"))],
            default_leverage=Decimal(10),
            fee_model=MakerTakerFeeModel(taker_rate=Decimal(str(case.fee)), maker_rate=Decimal(str(case.fee))),
        )
        engine.add_instrument(instrument(case))
        engine.add_data(data, validate=False, sort=True)
        strategy = EmaCross()
        strategy.case, strategy.trading = case, trading
        engine.add_strategy(strategy)
    with clock.measure("run"):
        engine.run()
    account = engine.portfolio.account(Venue("SIM"))
    balance = account.balance_total(Currency.from_str("USDT"))
    return {
        "seconds": clock.seconds,
        "fills": strategy.fills,
        "equity": balance.as_double(),
        "peak_mib": peak_mib(),
    }


def cross(bars: Bars, case: Case) -> dict[str, Any]:
    return run(bars, case, trading=True)


def indicators(bars: Bars, case: Case) -> dict[str, Any]:
    return run(bars, case, trading=False)


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    """Seconds of single calls: indicators bar by bar, a price and a quantity, a message there and back."""
    closes = bars.close.tolist()
    rows = list(zip(bars.high.tolist(), bars.low.tolist(), closes, strict=True))
    ema, rsi, atr = ExponentialMovingAverage(20), RelativeStrengthIndex(14), AverageTrueRange(14)
    market, bar = instrument(case), typed(bars, case)[-1]
    told = bar.to_msgpack_bytes()

    def normalize() -> None:
        for close in closes:
            market.make_price(close)
            market.make_qty(close)

    def encode() -> None:
        for _ in closes:
            bar.to_msgpack_bytes()

    def decode() -> None:
        for _ in closes:
            Bar.from_msgpack(told)

    count = len(closes)
    return {
        "ema": per_update(ema.update_raw, closes),
        "rsi": per_update(rsi.update_raw, closes),
        "atr": per_update(atr.update_raw, rows),
        "precision": per_call(normalize, count),
        "encode": per_call(encode, count),
        "decode": per_call(decode, count),
        "bytes": len(told),
    }


if __name__ == "__main__":
    serve("nautilus_trader", {"cross": cross, "indicators": indicators, "calls": calls})
