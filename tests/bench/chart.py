"""A chart of a few lines on logarithmic axes, drawn as SVG by hand: small, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

__all__ = ["Line", "Panel", "chart", "short"]

_WIDTH, _HEIGHT = 360, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 40, 46
_LETTER = 6.0
"""Width of one, about."""
_COLOURS = ("#1f6fb4", "#d9480f", "#2b8a3e", "#862e9c", "#5c5f66")


@dataclass(frozen=True)
class Line:
    """Measured points, from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One diagram. ``across`` says what its horizontal axis counts; a linear one begins at 0."""

    title: str
    across: str
    lines: Sequence[Line]
    logarithmic: bool = True


def chart(title: str, up: str, panels: Sequence[Panel]) -> str:
    """The panels beside each other with one vertical axis, logarithmic, for all."""
    values = [y for panel in panels for line in panel.lines for _, y in line.points]
    low, high = floor(log10(min(values))), ceil(log10(max(values)) + 1e-9)
    width = _WIDTH * len(panels)
    height = _HEIGHT + 30
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    colours = _colours(panels)
    name_at = float(_WIDTH)
    for name, colour in colours.items():
        drawn.append(f'<text x="{name_at:.0f}" y="20" fill="{colour}">{escape(name)}</text>')
        name_at += len(name) * _LETTER + 18
    for number, panel in enumerate(panels):
        drawn.append(f'<g transform="translate({number * _WIDTH},30)">')
        drawn += _panel(panel, colours, up, low, max(high, low + 1))
        drawn.append("</g>")
    return "\n".join((*drawn, "</svg>", ""))


def _panel(panel: Panel, colours: Mapping[str, str], up: str, low: int, high: int) -> list[str]:
    across = [x for line in panel.lines for x, _ in line.points]
    first, last = (log10(min(across)), log10(max(across))) if panel.logarithmic else (0.0, max(across))
    span = last - first or 1.0

    def x_of(value: float) -> float:
        share = ((log10(value) if panel.logarithmic else value) - first) / span
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - (log10(value) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    drawn = [f'<text x="{_LEFT}" y="{_TOP - 12}" font-weight="bold">{escape(panel.title)}</text>']
    for power in range(low, high + 1):
        y = y_of(10.0**power)
        drawn.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for x in sorted(set(across)):
        at = x_of(x)
        drawn.append(f'<line x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="#eee"/>')
        drawn.append(f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{short(x)}</text>')
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    drawn.append(f'<text transform="translate(14,{middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    centre = (_LEFT + _WIDTH - _RIGHT) / 2
    drawn.append(f'<text x="{centre}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(panel.across)}</text>')
    for line in panel.lines:
        drawn += _line(colours[line.name], [(x_of(x), y_of(y)) for x, y in line.points])
    return drawn


def _colours(panels: Sequence[Panel]) -> dict[str, str]:
    """One colour per name, the same in every panel."""
    names = dict.fromkeys(line.name for panel in panels for line in panel.lines)
    return {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)}


def _line(colour: str, points: list[tuple[float, float]]) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return drawn


def short(value: float) -> str:
    """10k, 3M, 50."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.3g}"
