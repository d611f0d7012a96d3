"""Selection of the warmup bars of a recording, and the check that there are enough.

Warmup is counted in bar sets: close times at which at least one of the session's symbols has a bar.

- Without ``market.start`` the first ``warmup_bars`` sets of the recording are warmup, and the bar after
  them is the first tradable one.
- With ``market.start`` the first tradable bar is the first one that opens at or after it, and the
  ``warmup_bars`` sets before it are warmup. Sets before those are not part of the session.
- A symbol whose recording begins later joins then: its indicators are not warm until they have seen
  enough of its own bars, and it is listed in ``Plan.details["late_symbols"]``.
- A stretch without a bar inside a symbol's warmup is a hole. Holes refuse the session, unless
  ``market.warmup_holes`` is ``accept``: then the warmup is the sets that there are.

``WarmupRefused`` says how many bars were needed and found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from live_runner.contracts.errors import DataError, SessionRefused
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core.candles import Candles, Times, holes

__all__ = ["Plan", "WarmupRefused", "iso", "plan", "plan_live"]


class WarmupRefused(SessionRefused):
    """Too little history, or a hole in it; fields ``needed``, ``found`` and, for holes, ``hole``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a session over a recording begins."""

    warmup_found: int
    """Warmup sets before the first tradable bar."""
    first_open_ns: int
    """Open of the first tradable bar."""
    begin_ns: int
    """Open of the first set of the session, warmup included."""
    details: dict[str, Any] = field(default_factory=dict)


def plan(
    columns: Sequence[Candles],
    timeframe: str,
    warmup_bars: int,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    accept_holes: bool = False,
) -> Plan:
    """The session's first bars; DataError when nothing is left to trade on, WarmupRefused as above."""
    grid = np.unique(np.concatenate([candles.open_ns for candles in columns]))
    tradable = _first_tradable(grid, warmup_bars, start_ns)
    first_open_ns = int(grid[tradable])
    if end_ns is not None and first_open_ns >= end_ns:
        raise DataError(
            f"The session would end at {iso(end_ns)}, before its first tradable bar at {iso(first_open_ns)}",
            remedy="Set market.end later, or ask for less warmup",
            key="market.end",
        )
    begin = tradable - warmup_bars
    if begin < 0:
        raise _too_little(warmup_bars, tradable, first_open_ns)
    begin_ns = int(grid[begin])
    if not accept_holes:
        _refuse_holes(columns, grid[begin:tradable], timeframe, warmup_bars, first_open_ns)
    late = {c.symbol: iso(int(c.open_ns[0])) for c in columns if len(c) and c.open_ns[0] > begin_ns}
    return Plan(warmup_bars, first_open_ns, begin_ns, {"late_symbols": late} if late else {})


def plan_live(
    columns: Sequence[Candles], timeframe: str, warmup_bars: int, *, first_open_ns: int, accept_holes: bool = False
) -> Plan:
    """The plan of a session whose first tradable bar is still to come; ``columns`` are the history before it.

    Each symbol needs its own history here: a live session is told at its start, and not by an indicator that
    stays empty.
    """
    length = duration_ns(timeframe)
    begin_ns = first_open_ns - warmup_bars * length
    inside = [candles.between(begin_ns, first_open_ns) for candles in columns]
    for candles in inside:
        if len(candles) < warmup_bars and (not accept_holes or not len(candles)):
            missing = holes(candles.open_ns, timeframe) if len(candles) else []
            if missing and not accept_holes:
                from_ns, to_ns = missing[-1]
                found = int((candles.open_ns >= to_ns).sum())
                raise _hole(candles.symbol, from_ns, to_ns, length, warmup_bars, found)
            raise WarmupRefused(
                f"The warmup needs {warmup_bars} bars of {candles.symbol}; the venue has {len(candles)}",
                remedy="Wait until the market has traded that long, or use a strategy that needs less",
                reason="warmup_refused",
                needed=warmup_bars,
                found=len(candles),
                symbol=candles.symbol,
            )
    found = len(np.unique(np.concatenate([candles.open_ns for candles in inside]))) if inside else 0
    return Plan(found, first_open_ns, begin_ns)


def iso(at_ns: int) -> str:
    """A moment for people: ``2025-05-04T15:33:00Z``."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _first_tradable(grid: Times, warmup_bars: int, start_ns: int | None) -> int:
    if start_ns is None:
        if warmup_bars >= len(grid):
            raise _too_little(warmup_bars, len(grid), None)
        return warmup_bars
    index = int(np.searchsorted(grid, start_ns))
    if index == len(grid):
        raise DataError(
            f"No bar of the recording opens at or after {iso(start_ns)}; its last one opens {iso(int(grid[-1]))}",
            remedy="Set market.start earlier",
            key="market.start",
        )
    return index


def _too_little(needed: int, found: int, first_open_ns: int | None) -> WarmupRefused:
    before = f" before {iso(first_open_ns)}" if first_open_ns is not None else ", and one to trade on"
    return WarmupRefused(
        f"The warmup needs {needed} bars{before}; the recording has {found}",
        remedy="Import more history, set market.start later, or use a strategy that needs less",
        reason="warmup_refused",
        needed=needed,
        found=found,
    )


def _refuse_holes(columns: Sequence[Candles], warmup: Times, timeframe: str, needed: int, first_open_ns: int) -> None:
    length = duration_ns(timeframe)
    if not len(warmup):
        return
    begin_ns = int(warmup[0])
    if first_open_ns - begin_ns != needed * length:
        edges = np.append(warmup, first_open_ns)
        at = int(np.flatnonzero(np.diff(edges) > length)[-1])
        found = len(warmup) - at - 1
        raise _hole("every symbol", int(edges[at]) + length, int(edges[at + 1]), length, needed, found)
    for candles in columns:
        inside = candles.between(begin_ns, first_open_ns).open_ns
        if not len(inside):
            continue
        edges = np.append(inside, first_open_ns)
        at_holes = np.flatnonzero(np.diff(edges) > length)
        if len(at_holes):
            at = int(at_holes[-1])
            found = len(inside) - at - 1
            raise _hole(candles.symbol, int(edges[at]) + length, int(edges[at + 1]), length, needed, found)
        if candles.open_ns[0] < begin_ns < inside[0]:
            raise _hole(candles.symbol, begin_ns, int(inside[0]), length, needed, len(inside))


def _hole(symbol: str, from_ns: int, to_ns: int, length: int, needed: int, found: int) -> WarmupRefused:
    missing = (to_ns - from_ns) // length
    return WarmupRefused(
        f"The warmup needs {needed} bars in a row; {symbol} has {found} after a gap of {missing} from {iso(from_ns)}",
        remedy="Set market.start later, or market.warmup_holes: accept where a minute without a trade has no bar",
        reason="warmup_refused",
        needed=needed,
        found=found,
        hole={"symbol": symbol, "from_ns": from_ns, "to_ns": to_ns, "bars": missing},
    )
