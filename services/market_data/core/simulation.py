"""A market made from a seed: trends, volatility clusters, a daily rhythm, symbols that move together, fat
tails, outages and quiet minutes.

Everything is a pure function of (seed, symbol, timeframe, position), made of + - * / and sqrt only, so that it is
the same on every machine. A market comes in blocks of ``BLOCK_BARS``. Each block is made alone and bent so that
it begins where the block before it ended; any block can be had without those before it, which is
what an endless live market needs. Bars of a longer market begin with the bars of a shorter one.

How one block comes about: the market factor and each symbol's own moves are normal variates scaled by a
GARCH(1,1) variance, by the regime (calm, trending up, trending down, wild), by the hour of the day, and now
and then by a jump. The symbol's return is beta * market + own. Prices stand on the tick, volumes on the lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.contracts.timeframe import bar_open_ns, duration_ns
from live_runner.services.market_data.core.candles import FIELDS, Candles, Floats
from live_runner.services.market_data.core.randomness import key, normals, uniforms
from live_runner.services.market_data.core.simulated_symbols import Listing, listing

__all__ = ["BLOCK_BARS", "EPOCH_NS", "HOLE_FREE_BARS", "VERSION", "funding", "instrument", "simulate"]

VERSION: Final = 1
"""Of the recipe below: another one makes other bars and gets another number."""
BLOCK_BARS: Final = 10_080
"""A week of one-minute bars."""
EPOCH_NS: Final = 1_735_862_400_000_000_000
"""The first bar of a simulated recording opens here: 2025-01-03T00:00:00Z."""
HOLE_FREE_BARS: Final = 2_880
"""A market's first bars have no holes, so that a session's warmup of up to two days is contiguous."""

_DAY_NS: Final = 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000
_FUNDING_NS: Final = 8 * _HOUR_NS

# Relative activity by hour of the day, UTC: Asia's morning, Europe's opening, the American afternoon.
_RHYTHM: Final = np.array(
    (
        *(1.05, 1.1, 1.0, 0.9, 0.8, 0.75, 0.75, 0.9, 1.05, 1.0, 0.9, 0.9),
        *(1.0, 1.25, 1.5, 1.55, 1.4, 1.25, 1.1, 1.05, 1.0, 0.9, 0.9, 1.0),
    )
)

# Regimes: share of the volatility as drift per bar, and factor on the volatility.
_REGIMES: Final = ((0.0, 0.5), (0.03, 0.75), (-0.033, 0.8), (0.0, 1.3))
_REGIME_BARS: Final = (240, 1440)

_GARCH_SHOCK: Final = 0.08
_GARCH_MEMORY: Final = 0.90
_JUMP_CHANCE: Final = 0.004
_JUMP_SIZE: Final = 4.0
_RETURN_MAX: Final = 0.15


@dataclass(frozen=True, slots=True)
class _Moves:
    """Returns of one block, and how busy each bar is."""

    returns: Floats
    activity: Floats


def simulate(
    seed: int, symbol: str, timeframe: str, first: int, count: int, *, holes: bool = True, epoch_ns: int = EPOCH_NS
) -> Candles:
    """Bars ``first`` to ``first + count - 1`` of the symbol; bar 0 opens at ``epoch_ns``.

    Without ``holes`` a minute without a trade is a flat candle of volume 0, as perpetual venues send it.
    """
    listed = listing(symbol)
    blocks = range(first // BLOCK_BARS, -(-(first + count) // BLOCK_BARS))
    parts = [_block(seed, listed, timeframe, block, holes, epoch_ns) for block in blocks]
    whole = parts[0] if len(parts) == 1 else _join(parts)
    begin_ns = bar_open_ns(epoch_ns, timeframe) + first * duration_ns(timeframe)
    return whole.between(begin_ns, begin_ns + count * duration_ns(timeframe))


def funding(seed: int, symbol: str, candles: Candles) -> list[FundingRate]:
    """A rate every eight hours where the symbol has bars, with the mark price at that moment."""
    rates: list[FundingRate] = []
    if not len(candles) or not listing(symbol).contract:
        return rates
    opens = candles.open_ns
    due_ns = -(-int(opens[0]) // _FUNDING_NS) * _FUNDING_NS
    while due_ns <= int(opens[-1]):
        at = int(np.searchsorted(opens, due_ns, side="right")) - 1
        stamp = due_ns // _FUNDING_NS
        # 1e-8 units around the usual +0.01 %, sometimes negative.
        units = 10_000 + int(normals(key(seed, "funding", symbol), 1, stamp)[0] * 9_000.0)
        mark = float(candles.open[at]) * (1.0 + float(normals(key(seed, "mark", symbol), 1, stamp)[0]) * 5e-5)
        rates.append(FundingRate(symbol, due_ns, _rate_text(units), round(mark, listing(symbol).price_decimals + 2)))
        due_ns += _FUNDING_NS
    return rates


def instrument(symbol: str, venue: str) -> Instrument:
    """The market's rules."""
    listed = listing(symbol)
    return Instrument(
        symbol=symbol,
        venue=venue,
        base=listed.base,
        quote=listed.quote,
        settle=listed.settle,
        contract=listed.contract,
        tick_size=listed.tick_size,
        lot_size=listed.lot_size,
        price_precision=listed.tick_size,
        amount_precision=listed.lot_size,
        min_amount=listed.lot_size,
        min_notional="5",
        rules="given",
    )


def _block(seed: int, listed: Listing, timeframe: str, block: int, holes: bool, epoch_ns: int) -> Candles:
    symbol = listed.symbol
    length = duration_ns(timeframe)
    first_ns = bar_open_ns(epoch_ns, timeframe) + block * BLOCK_BARS * length
    open_ns = first_ns + np.arange(BLOCK_BARS, dtype=np.int64) * length
    sigma = min(listed.daily_volatility * sqrt(length / _DAY_NS), 0.05)
    moves = _moves(seed, listed, block, open_ns, sigma)
    path = _bend(
        moves.returns,
        _anchor(seed, listed, block, sigma),
        _anchor(seed, listed, block + 1, sigma),
    )
    tick = 10.0**listed.price_decimals
    closes = np.maximum(np.rint(path[1:] * tick), 1.0)
    # The first trade of a bar is at the last price or a tick beside it.
    beside = np.floor(uniforms(key(seed, "open", symbol, block), BLOCK_BARS) * 3.0) - 1.0
    before = np.concatenate((np.maximum(np.rint(path[:1] * tick), 1.0), closes[:-1]))
    opens = np.maximum(before + beside, 1.0)
    reach = np.abs(normals(key(seed, "reach", symbol, block), 2 * BLOCK_BARS)).reshape(2, BLOCK_BARS)
    spread = path[1:] * sigma * moves.activity * tick * 0.5
    highs = np.maximum(opens, closes) + np.floor(reach[0] * spread)
    lows = np.maximum(np.minimum(opens, closes) - np.floor(reach[1] * spread), 1.0)
    volumes = _volumes(seed, listed, block, moves, sigma, path[1:])
    quiet, dark = _silences(seed, listed, block, moves.activity)
    silent = quiet | dark
    volumes[silent] = 0.0
    for prices in (opens, highs, lows, closes):
        prices[silent] = before[silent]
    candles = Candles(symbol, open_ns, opens / tick, highs / tick, lows / tick, closes / tick, volumes)
    if not holes:
        return candles
    missing = dark | (quiet & listed.skips_quiet_bars)
    if block == 0:
        missing[:HOLE_FREE_BARS] = False
    kept = np.flatnonzero(~missing)
    return Candles(symbol, open_ns[kept], *(candles.column(f)[kept] for f in FIELDS))


def _moves(seed: int, listed: Listing, block: int, open_ns: NDArray[np.int64], sigma: float) -> _Moves:
    hour = open_ns // _HOUR_NS % 24
    part = (open_ns % _HOUR_NS).astype(np.float64) / _HOUR_NS
    rhythm = _RHYTHM[hour] * (1.0 - part) + _RHYTHM[(hour + 1) % 24] * part
    drift, wildness = _regimes(key(seed, "regime", block))
    market = _clustered(key(seed, "market", block)) * wildness
    own = _clustered(key(seed, "own", listed.symbol, block)) * np.sqrt(wildness)
    mixed = listed.beta * market + sqrt(max(1.0 - listed.beta * listed.beta, 0.1)) * own
    returns = np.clip(sigma * (rhythm * mixed + drift), -_RETURN_MAX, _RETURN_MAX)
    return _Moves(returns, rhythm * (0.4 + 0.6 * np.abs(mixed)))


def _regimes(key_: int) -> tuple[Floats, Floats]:
    drift, wildness = np.empty(BLOCK_BARS), np.empty(BLOCK_BARS)
    chance = uniforms(key_, 2 * (BLOCK_BARS // _REGIME_BARS[0] + 1))
    at = turn = 0
    while at < BLOCK_BARS:
        share, factor = _REGIMES[int(chance[2 * turn] * len(_REGIMES))]
        until = at + _REGIME_BARS[0] + int(chance[2 * turn + 1] * (_REGIME_BARS[1] - _REGIME_BARS[0]))
        drift[at:until], wildness[at:until] = share, factor
        at, turn = until, turn + 1
    return drift, wildness


def _clustered(key_: int) -> Floats:
    """Normal variates with GARCH(1,1) variance of mean 1, and rare jumps."""
    shocks = normals(key_, BLOCK_BARS)
    jump = uniforms(key_ ^ 1, BLOCK_BARS) < _JUMP_CHANCE
    shocks[jump] *= _JUMP_SIZE
    base = 1.0 - _GARCH_SHOCK - _GARCH_MEMORY
    variance, moves = 1.0, []
    for shock in shocks.tolist():
        move = shock * sqrt(variance)
        moves.append(move)
        variance = min(base + _GARCH_SHOCK * move * move + _GARCH_MEMORY * variance, 16.0)
    return np.array(moves)


def _bend(returns: Floats, start: float, end: float) -> Floats:
    """The path of the returns from ``start``, bent evenly so that it arrives at ``end``."""
    path = np.cumprod(np.concatenate(([start], 1.0 + returns)))
    ramp = np.arange(len(path), dtype=np.float64) / len(returns)
    bent: Floats = path * (1.0 + (end / float(path[-1]) - 1.0) * ramp)
    return bent


def _anchor(seed: int, listed: Listing, block: int, sigma: float) -> float:
    """Price at the beginning of a block: as far from the listing's price as a block's moves would carry it."""
    if block == 0:
        return listed.price
    common = float(normals(key(seed, "anchor"), 1, block)[0])
    own = float(normals(key(seed, "anchor", listed.symbol), 1, block)[0])
    away = sigma * sqrt(BLOCK_BARS) * 0.6 * (listed.beta * common + 0.6 * own)
    return listed.price * (1.0 + min(max(away, -0.6), 1.5))


def _volumes(seed: int, listed: Listing, block: int, moves: _Moves, sigma: float, path: Floats) -> Floats:
    noise = uniforms(key(seed, "volume", listed.symbol, block), 2 * BLOCK_BARS).reshape(2, BLOCK_BARS)
    per_bar = listed.daily_turnover * (sigma / listed.daily_volatility) ** 2
    turnover = per_bar * moves.activity * (0.2 + noise[0]) * (0.3 + 1.4 * noise[1] * noise[1])
    lot = 10.0**listed.lot_decimals
    volumes: Floats = np.maximum(np.rint(turnover / path * lot), 1.0) / lot
    return volumes


def _silences(seed: int, listed: Listing, block: int, activity: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bars in which nobody traded, and bars of an outage."""
    chance = uniforms(key(seed, "quiet", listed.symbol, block), BLOCK_BARS)
    quiet = (chance < listed.quiet_chance) & (activity < 1.0)
    dark = np.zeros(BLOCK_BARS, dtype=np.bool_)
    draws = uniforms(key(seed, "outage", listed.symbol, block), 5)
    for place, length in ((draws[1], draws[2]), (draws[3], draws[4]))[: int(draws[0] * 3.0)]:
        begin = int(place * BLOCK_BARS)
        dark[begin : begin + 2 + int(length * 28.0)] = True
    return quiet, dark


def _join(parts: list[Candles]) -> Candles:
    first = parts[0]
    return Candles(
        first.symbol,
        np.concatenate([part.open_ns for part in parts]),
        *(np.concatenate([part.column(field) for part in parts]) for field in FIELDS),
    )


def _rate_text(units: int) -> str:
    """Units of 1e-8 as the shortest decimal text."""
    text = f"{abs(units):09d}"
    digits = f"{text[:-8]}.{text[-8:]}".rstrip("0").rstrip(".")
    return f"-{digits}" if units < 0 else digits
