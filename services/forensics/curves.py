"""The lines of a report: price, equity and drawdown over time, thinned to what a screen can show.

Thinning keeps the lowest and the highest point of each stretch, so that no spike is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from live_runner.contracts.messages import BarSet, Filled, Settled
from live_runner.services.forensics.session_log import SessionLog

__all__ = ["POINTS_MAX", "Curves", "Marker", "Point", "curves_of", "drawdown", "thin"]

POINTS_MAX: Final = 1200
"""Points of one line."""

MARKERS_MAX: Final = 500
"""Trades marked on one symbol's price."""

type Point = tuple[int, float]


class Marker(msgspec.Struct, frozen=True):
    """A fill on the price line."""

    at_ns: int
    price: float
    side: str
    text: str


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """The curves that the report draws."""

    prices: dict[str, list[Point]]
    markers: dict[str, list[Marker]]
    equity: list[Point]
    drawdown: list[Point]


def curves_of(log: SessionLog) -> Curves:
    """The session's lines, from what was recorded."""
    prices: dict[str, list[Point]] = {symbol: [] for symbol in log.started.config["market"]["symbols"]}
    for event in log.market():
        if isinstance(event, BarSet) and not event.warmup:
            for bar in event.bars:
                prices[bar.symbol].append((event.close_ns, bar.close))
    equity: list[Point] = []
    markers: dict[str, list[Marker]] = {symbol: [] for symbol in prices}
    for event in log.execution():
        if isinstance(event, Settled):
            equity.append((event.close_ns, float(event.equity)))
        elif isinstance(event, Filled) and len(markers[event.symbol]) < MARKERS_MAX:
            text = f"{event.action} {event.leg} {event.quantity} at {event.price}"
            markers[event.symbol].append(Marker(event.event_ns, float(event.price), event.side, text))
    return Curves(
        prices={symbol: thin(line) for symbol, line in prices.items()},
        markers=markers,
        equity=thin(equity),
        drawdown=thin(drawdown(equity)),
    )


def drawdown(equity: Sequence[Point]) -> list[Point]:
    """Fall of equity from its peak so far, zero or negative."""
    line: list[Point] = []
    peak = float("-inf")
    for at_ns, value in equity:
        peak = max(peak, value)
        line.append((at_ns, value - peak))
    return line


def thin(line: Sequence[Point], most: int = POINTS_MAX) -> list[Point]:
    """At most about ``most`` points: first, last, and the extremes of each stretch in between."""
    if len(line) <= most:
        return list(line)
    stretch = -(-2 * len(line) // most)
    kept: list[Point] = [line[0]]
    for begin in range(1, len(line) - 1, stretch):
        part = line[begin : min(begin + stretch, len(line) - 1)]
        low, high = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept.extend(sorted({low, high}))
    kept.append(line[-1])
    return kept
