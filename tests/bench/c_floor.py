"""The floor: the shipped strategies as C loops, compiled here and called through ctypes.

They follow the same rules as the backtest, to the last unit of 1e-12, so that the distance to them is the price
of being a framework. What they leave out ends them with an error (floor/account.h). A test holds their
fills and money against the backtest's, so that the floor is a floor of the very same work.
"""

from __future__ import annotations

import os
import subprocess
from ctypes import CDLL, POINTER, Structure, byref, c_double, c_int, c_int64, c_uint64, cast, pointer
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from live_runner.contracts.config import Config
from live_runner.contracts.messages import Instrument
from live_runner.hotpath import fixed
from live_runner.services.market_data.core.candles import Candles
from live_runner.strategies.dual_lifo import DualLifoParameters, LadderParameters

__all__ = ["FLAGS", "Fill", "Floor", "dual_lifo", "ema_cross", "rules_of"]

_FOLDER = Path(__file__).parent / "floor"
FLAGS = ("-O2", "-ffp-contract=off", "-fno-math-errno")
_MONEY = (
    *("realised", "unrealised", "cash", "equity", "fees", "slippage", "turnover"),
    *("drawdown_realised", "drawdown_equity"),
)
_CODES = {
    1: "an entry is refused",
    2: "an entry lacks margin",
    3: "the account is liquidated",
    4: "a ladder has too many lots",
    5: "there are more fills than were made room for",
}


class Fill(NamedTuple):
    """One fill; ``lots`` are negative where it closes."""

    bar: int
    leg: int
    lots: int
    ticks: int


class Floor(NamedTuple):
    """A finished loop."""

    seconds: float
    """Processor time."""
    totals: dict[str, Any]
    """Money as decimal text, ``fills`` and ``trades``; the names of the session's summary."""
    fills: list[Fill]
    """Empty unless asked for."""


class _Rules(Structure):
    _fields_ = (
        ("price_scale", c_double),
        ("lot_scale", c_double),
        ("multiplier", c_int64),
        ("divisor", c_int64),
        ("fee_rate", c_int64),
        ("fee_scale", c_int64),
        ("leverage", c_int64),
        ("leverage_scale", c_int64),
        ("maintenance", c_int64),
        ("maintenance_scale", c_int64),
        ("slip_up", c_int64),
        ("slip_down", c_int64),
        ("slip_base", c_int64),
        ("min_notional", c_int64),
        ("min_amount", c_double),
        ("lot_size", c_double),
        ("min_notional_float", c_double),
        ("start", c_int64),
    )


class _Bars(Structure):
    _fields_ = (
        ("count", c_int64),
        ("first", c_int64),
        ("open_ns", POINTER(c_int64)),
        ("open", POINTER(c_double)),
        ("high", POINTER(c_double)),
        ("low", POINTER(c_double)),
        ("close", POINTER(c_double)),
    )


class _Fill(Structure):
    _fields_ = (("bar", c_int64), ("leg", c_int64), ("lots", c_int64), ("ticks", c_int64))


class _Half(Structure):
    _fields_ = (("high", c_int64), ("low", c_uint64))


class _Result(Structure):
    _fields_ = (*((name, _Half) for name in _MONEY), ("fills", c_int64), ("trades", c_int64))


class _Ladder(Structure):
    _fields_ = (
        ("sign", c_double),
        ("factors", c_double * 5),
        ("linear", c_double),
        ("multipliers", c_double * 5),
        ("base_notional", c_double),
        ("min_order_notional", c_double),
        ("max_exposure", c_double),
        ("heavy_exposure", c_double),
        ("regime_move", c_double),
        ("take_profit", c_double),
        ("retrace", c_double),
        ("sub_take_profit", c_double),
        ("fees", c_double),
        ("max_fills", c_int64),
        ("max_fills_per_bar", c_int64),
        ("rate_orders", c_int64),
        ("window_ns", c_int64),
    )


def rules_of(config: Config, instrument: Instrument) -> _Rules:
    """A linear market with a contract size of 1 and steps that are powers of ten."""
    ticks, lots = fixed.Grid(instrument.tick_size), fixed.Grid(instrument.lot_size)
    if ticks.mantissa != 1 or lots.mantissa != 1 or instrument.contract_size != "1":
        raise ValueError(f"{instrument.symbol}: the floor knows powers of ten as steps, and a contract size of 1")
    value = fixed.Valuation(instrument.tick_size, instrument.lot_size, instrument.contract_size)
    fee, leverage = _share(config.fees.taker), _share(config.account.leverage)
    maintenance, slippage = _share(config.account.maintenance_margin), _share(config.fills.slippage_bp)
    base = 10_000 * slippage[1]
    return _Rules(
        10.0**ticks.decimals, 10.0**lots.decimals, value.multiplier, value.divisor, *fee, *leverage, *maintenance,
        base + slippage[0], base - slippage[0], base, fixed.money(instrument.min_notional or "0"),
        float(instrument.min_amount or "0"), float(instrument.lot_size), float(instrument.min_notional or "0"),
        int(config.account.equity),
    )  # fmt: skip


def ema_cross(
    config: Config, instrument: Instrument, candles: Candles, first: int, *, fast: int, slow: int, room: int = 0
) -> Floor:
    """The cross with the configured ``quantity``; ``room`` for so many fills to be told."""
    quantity = fixed.Grid(instrument.lot_size).units(fixed.float_text(config.strategy.parameters["quantity"]))
    return _run(
        "ema_cross", config, instrument, candles, first, (c_int64(fast), c_int64(slow), c_int64(quantity)), room
    )


def dual_lifo(config: Config, instrument: Instrument, candles: Candles, first: int, *, room: int = 0) -> Floor:
    """Both ladders with their default parameters."""
    parameters = DualLifoParameters()
    ladders = (_Ladder * 2)(_ladder(1.0, parameters.long), _ladder(-1.0, parameters.short))
    return _run("dual_lifo", config, instrument, candles, first, (ladders,), room)


def _run(
    name: str, config: Config, instrument: Instrument, candles: Candles, first: int, more: tuple[Any, ...], room: int
) -> Floor:
    columns = [np.ascontiguousarray(candles.column(field)) for field in ("open", "high", "low", "close")]
    times = np.ascontiguousarray(candles.open_ns)
    bars = _Bars(
        len(times),
        first,
        cast(times.ctypes.data, POINTER(c_int64)),
        *(cast(column.ctypes.data, POINTER(c_double)) for column in columns),
    )
    rules, result, fills = rules_of(config, instrument), _Result(), (_Fill * max(room, 1))()
    told = pointer(fills) if room else None
    loop = getattr(_library(name), name)
    loop.restype = c_int
    began = process_time()
    code = loop(byref(rules), byref(bars), *more, told, c_int64(room), byref(result))
    seconds = process_time() - began
    if code:
        raise ValueError(f"The C loop of {name} ends where {_CODES[code]}, which it does not follow")
    totals: dict[str, Any] = {field: _text(getattr(result, field)) for field in _MONEY}
    totals |= {"fills": result.fills, "trades": result.trades}
    count = result.fills if room else 0
    return Floor(seconds, totals, [Fill(fill.bar, fill.leg, fill.lots, fill.ticks) for fill in fills[:count]])


@cache
def _library(name: str) -> CDLL:
    """The loop, compiled once per process."""
    made = Path(mkdtemp(prefix="floor-")) / f"{name}.so"
    compiler = os.environ.get("CC", "cc").split()
    source = str(_FOLDER / f"{name}.c")
    subprocess.run([*compiler, *FLAGS, "-shared", "-fPIC", "-o", str(made), source, "-lm"], check=True)
    library = CDLL(str(made))
    made.unlink()
    made.parent.rmdir()
    return library


def _ladder(sign: float, given: LadderParameters) -> _Ladder:
    plain = LadderParameters(steps=given.steps, take_profit=given.take_profit)
    if given != plain or given.callback is None or given.base_notional is None or given.regime_move is None:
        raise ValueError("The C loop of dual_lifo follows the default parameters only")
    factors = [1.0 - sign * step / 100.0 for step in given.steps]
    return _Ladder(
        sign, (c_double * 5)(*factors), 1.0 - sign * given.linear_step / 100.0,
        (c_double * 5)(1.0, *given.multipliers), given.base_notional, given.min_order_notional, given.max_exposure,
        given.heavy_exposure, given.regime_move, given.take_profit, 1.0 - sign * given.callback / 100.0,
        given.sub_take_profit, given.fees_bp / 1e4, given.max_fills, given.max_fills_per_bar, given.rate_orders,
        round(given.rate_window_s * 1e9),
    )  # fmt: skip


def _share(text: str) -> tuple[int, int]:
    """Mantissa, and the power of ten under it."""
    mantissa, decimals = fixed.parse_decimal(text)
    return mantissa, 10**decimals


def _text(half: _Half) -> str:
    return str(fixed.money_text((half.high << 64) | half.low))
