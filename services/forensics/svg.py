"""Charts as inline SVG: one line, an axis, markers. No script, no link, no font from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from live_runner.services.forensics.curves import Marker, Point

__all__ = ["chart"]

_WIDTH: Final = 1000
_HEIGHT: Final = 220
_LEFT: Final = 90
_RIGHT: Final = 10
_TOP: Final = 10
_BOTTOM: Final = 24


def chart(
    line: Sequence[Point],
    *,
    label: str,
    markers: Sequence[Marker] = (),
    second: Sequence[Point] = (),
    fill: bool = False,
) -> str:
    """One chart; ``second`` is drawn dashed over it, for a backtest beside a session."""
    if len(line) < 2:
        return f"<p>{escape(label)}: too few points to draw.</p>"
    values = [value for _, value in line] + [value for _, value in second] + [marker.price for marker in markers]
    scale = _Scale(line[0][0], line[-1][0], min(values), max(values))
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">',
        *_axis(scale),
        _path(line, scale, "area" if fill else "line"),
    ]
    if second:
        parts.append(_path(second, scale, "second"))
    parts.extend(_marker(marker, scale) for marker in markers)
    parts.append("</svg>")
    return "\n".join(parts)


class _Scale:
    """From time and value to places on the picture."""

    def __init__(self, begin_ns: int, end_ns: int, low: float, high: float) -> None:
        self.begin_ns = begin_ns
        self.end_ns = end_ns
        self.low = low
        self.high = high if high > low else low + 1.0

    def x(self, at_ns: int) -> float:
        share = (at_ns - self.begin_ns) / max(self.end_ns - self.begin_ns, 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _axis(scale: _Scale) -> list[str]:
    parts = []
    for step in range(5):
        value = scale.low + (scale.high - scale.low) * step / 4
        y = scale.y(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
    for at_ns, anchor in ((scale.begin_ns, "start"), (scale.end_ns, "end")):
        parts.append(f'<text x="{scale.x(at_ns):.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{_time(at_ns)}</text>')
    return parts


def _path(line: Sequence[Point], scale: _Scale, kind: str) -> str:
    places = " ".join(f"{scale.x(at_ns):.1f} {scale.y(value):.1f}" for at_ns, value in line)
    path = f"M{places}"
    if kind == "area":
        base = scale.y(scale.high)
        path += f"L{scale.x(line[-1][0]):.1f} {base:.1f}L{scale.x(line[0][0]):.1f} {base:.1f}Z"
    return f'<path class="{kind}" d="{path}"/>'


def _marker(marker: Marker, scale: _Scale) -> str:
    x, y = scale.x(marker.at_ns), scale.y(marker.price)
    tip = 6 if marker.side == "buy" else -6
    title = f"{_time(marker.at_ns)} {marker.text}"
    return f'<path class="{escape(marker.side)}" d="M{x:.1f} {y:.1f}l-4 {tip}h8z"><title>{escape(title)}</title></path>'


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
