"""NautilusTrader 1: the Cython engine.

A market order fills on the bar whose close led to it, so trades are the same and prices are not. The averages
are the engine's own, seeded with the first close.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
from bench.peers.protocol import Bars, Case, Clock, peak_mib, per_call, per_update, serve
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import MakerTakerFeeModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.indicators import AverageTrueRange, ExponentialMovingAverage, RelativeStrengthIndex
from nautilus_trader.model.currencies import ETH, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.serialization.serializer import MsgSpecSerializer
from nautilus_trader.trading.strategy import Strategy

BAR_TYPE = BarType.from_str("ETHUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL")
_MINUTE_NS = 60_000_000_000


def instrument(case: Case) -> Any:
    return CryptoPerpetual(
        instrument_id=InstrumentId.from_str("ETHUSDT-PERP.SIM"),
        raw_symbol=Symbol("ETHUSDT"),
        base_currency=ETH,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=case.price_decimals,
        size_precision=case.quantity_decimals,
        price_increment=Price(10.0**-case.price_decimals, case.price_decimals),
        size_increment=Quantity(10.0**-case.quantity_decimals, case.quantity_decimals),
        margin_init=Decimal("0.1"),
        margin_maint=Decimal("0.005"),
        maker_fee=Decimal(str(case.fee)),
        taker_fee=Decimal(str(case.fee)),
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

    def __init__(self, case: Case, trading: bool) -> None:
        super().__init__(StrategyConfig(log_events=False, log_commands=False))
        self.case = case
        self.trading = trading
        self.fast = ExponentialMovingAverage(case.fast)
        self.slow = ExponentialMovingAverage(case.slow)
        self.quantity = Quantity(case.quantity, case.quantity_decimals)
        self.seen = self.fills = 0
        self.above: bool | None = None
        self.is_held = False

    def on_start(self) -> None:
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
        if self.above != self.is_held:
            self.is_held = self.above
            side = OrderSide.BUY if self.above else OrderSide.SELL
            self.submit_order(self.order_factory.market(BAR_TYPE.instrument_id, side, self.quantity))

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1


def run(bars: Bars, case: Case, *, trading: bool) -> dict[str, Any]:
    clock = Clock()
    with clock.measure("load"):
        data = typed(bars, case)
        config = BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
        )
        engine = BacktestEngine(config=config)
        engine.add_venue(
            venue=Venue("SIM"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=None,
            starting_balances=[Money(case.cash, USDT)],
            default_leverage=Decimal(10),
            fee_model=MakerTakerFeeModel(),
        )
        engine.add_instrument(instrument(case))
        engine.add_data(data, validate=False, sort=True)
        strategy = EmaCross(case, trading)
        engine.add_strategy(strategy)
    with clock.measure("run"):
        engine.run()
    balance = engine.portfolio.account(Venue("SIM")).balance_total(USDT)
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
    serializer = MsgSpecSerializer(encoding=msgspec.msgpack)
    told = serializer.serialize(bar)

    def normalize() -> None:
        for close in closes:
            market.make_price(close)
            market.make_qty(close)

    def encode() -> None:
        for _ in closes:
            serializer.serialize(bar)

    def decode() -> None:
        for _ in closes:
            serializer.deserialize(told)

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
