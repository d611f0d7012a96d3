"""docs/order_life.svg: the life of an order, drawn from the transition table of hotpath/engine/orders.py.

Places and curves are given below; which state leads where, and by which report, comes from the table. An edge that
leaves every state of a frame in the same way is drawn once, from the frame. A state without a place or an edge without
a curve is a KeyError that names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from live_runner.contracts.vocabulary import CLOSED_STATES, OPEN_STATES
from live_runner.hotpath.engine.orders import KEPT, REPORTS, TRANSITIONS

WIDTH: Final = 1320
BOX_WIDTH: Final = 144
BOX_HEIGHT: Final = 40
TABLE_TOP: Final = 500
ROW: Final = 26
FIRST_COLUMN: Final = 150
LETTER: Final = 8
"""Width of a letter in the table, in the widest font that a reader is likely to have."""

PLACES: Final = {
    "requested": (50, 150),
    "submitted": (290, 150),
    "accepted": (530, 150),
    "partly_filled": (770, 150),
    "cancel_requested": (200, 350),
    "unknown": (620, 350),
    "filled": (1150, 80),
    "cancelled": (1150, 180),
    "expired": (1150, 280),
    "rejected": (1150, 376),
}
"""Upper left corner of each state's box."""
ON_THE_BOOK: Final = ("requested", "submitted", "accepted", "partly_filled")
INNER: Final = (30, 60, 904, 190)
OUTER: Final = (14, 40, 936, 376)
"""Frames: left, top, width and height."""

CURVES: Final = {
    ("requested", "submitted"): ("M194 170H284", 238, 162),
    ("submitted", "accepted"): ("M434 170H524", 478, 162),
    ("accepted", "partly_filled"): ("M674 170H764", 718, 162),
    ("requested", "accepted"): ("M134 150C170 112 550 112 590 144", 270, 127),
    ("requested", "partly_filled"): ("M112 150C140 72 824 72 852 144", 480, 96),
    ("submitted", "partly_filled"): ("M370 150C410 112 790 112 830 144", 690, 127),
    ("cancel_requested", "unknown"): ("M344 370H614", 479, 362),
    ("unknown", "requested"): ("M620 360C500 296 130 300 122 196", 160, 266),
    ("unknown", "accepted"): ("M660 350C650 300 606 260 603 196", 618, 272),
    ("unknown", "partly_filled"): ("M764 362C830 340 842 260 842 196", 834, 290),
}
"""Path, and the middle of the label, of an edge between two open states."""
FRAME_CURVES: Final = {
    "cancel_requested": ("M272 250V344", 272, 328),
    "unknown": ("M726 250V344", 726, 310),
}
"""The same for an edge from the inner frame."""

STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #1f2933 }
.title { font-size: 18px; font-weight: 600 }
.note, .label { font-size: 12px; fill: #52606d }
.label { paint-order: stroke; stroke: #fff; stroke-width: 4px }
.state { font-weight: 600 }
.box { fill: #e6f0fa; stroke: #2b6cb0; stroke-width: 1.5 }
.closed { fill: #eef0f2; stroke: #52606d; stroke-width: 1.5 }
.frame { fill: none; stroke: #9aa5b1; stroke-dasharray: 5 4 }
.edge { fill: none; stroke: #2b6cb0; stroke-width: 1.4; marker-end: url(#tip) }
.line { stroke: #d3d9e0 }
.kept { fill: #9aa5b1 }
"""


def drawing() -> str:
    """The whole picture."""
    rows = len(OPEN_STATES) + 1
    height = TABLE_TOP + ROW * (rows + 2) + 16
    parts = [
        "<!-- Made by `make pages`; a change here is lost. -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="name">',
        '<title id="name">The life of an order: ten states, and what each report of a venue makes of them</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#2b6cb0"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(14, 26, "The life of an order", "title"),
        _frame(INNER),
        _text(INNER[0] + 8, INNER[1] + 16, "sent, or about to be", "note"),
        _frame(OUTER),
        _text(OUTER[0] + 8, OUTER[1] + OUTER[3] - 8, "open: all six states", "note"),
        _text(PLACES["filled"][0], 60, "closed: nothing leaves it", "note"),
        *_edges(),
        *(_state(state) for state in TRANSITIONS),
        *_table(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _edges() -> Iterator[str]:
    for state in CLOSED_STATES:
        reports, exceptions = _from_everywhere(OPEN_STATES, state)
        left, top = PLACES[state]
        middle = top + BOX_HEIGHT // 2
        start = OUTER[0] + OUTER[2]
        yield _edge(f"M{start} {middle}H{left - 6}", (start + left) // 2, middle - 8, reports)
        if exceptions:
            yield _text(
                (start + left) // 2,
                middle + 16,
                f"not from {', '.join(exceptions).replace('_', ' ')}",
                "label",
                "middle",
            )
    framed = {state for state in FRAME_CURVES if not _from_everywhere(ON_THE_BOOK, state)[1]}
    for state in sorted(framed):
        path, x, y = FRAME_CURVES[state]
        yield _edge(path, x, y, _from_everywhere(ON_THE_BOOK, state)[0])
    for state in OPEN_STATES:
        following = dict.fromkeys(TRANSITIONS[state].values())
        for goal in following:
            if goal in (KEPT, state) or goal in CLOSED_STATES or (goal in framed and state in ON_THE_BOOK):
                continue
            path, x, y = CURVES[state, goal]
            yield _edge(path, x, y, [report for report in REPORTS if TRANSITIONS[state][report] == goal])


def _from_everywhere(states: tuple[str, ...], goal: str) -> tuple[list[str], list[str]]:
    """Reports that lead to a state, and the states of the frame from which none does."""
    reports = {report for state in states for report in REPORTS if TRANSITIONS[state][report] == goal}
    without = [state for state in states if state != goal and goal not in TRANSITIONS[state].values()]
    return [report for report in REPORTS if report in reports], without


def _table() -> Iterator[str]:
    """Every pair of a state and a report, exactly."""
    yield _text(14, TABLE_TOP - 38, "What follows, by state and report", "title")
    yield _text(
        14,
        TABLE_TOP - 16,
        "kept: the report fits no row; it is recorded and changes nothing. A point: the state stays.",
        "note",
    )
    rows = [(state, [_words(state, report) for report in REPORTS]) for state in OPEN_STATES]
    columns = [FIRST_COLUMN]
    for at, report in enumerate(REPORTS):
        longest = max(len(report), *(len(cells[at]) for _, cells in rows))
        columns.append(columns[-1] + max(longest, 9) * LETTER + 20)
    for report, x in zip(REPORTS, columns, strict=False):
        yield _text(x, TABLE_TOP + 18, report.replace("_", " "), "note")
    for number, (state, cells) in enumerate(rows, 1):
        yield _line(number)
        y = TABLE_TOP + 18 + number * ROW
        yield _text(14, y, state.replace("_", " "), "state")
        for words, x in zip(cells, columns, strict=False):
            yield _text(x, y, words, "kept" if words == "kept" else "")
    yield _line(len(rows) + 1)
    y = TABLE_TOP + 18 + (len(rows) + 1) * ROW
    if all(goal == KEPT for state in CLOSED_STATES for goal in TRANSITIONS[state].values()):
        yield _text(14, y, ", ".join(CLOSED_STATES), "state")
        yield _text(columns[2], y, "every report is kept", "kept")


def _words(state: str, report: str) -> str:
    goal = TRANSITIONS[state][report]
    if goal == KEPT:
        return "kept"
    return "\u00b7" if goal == state else goal.replace("_", " ")


def _line(row: int) -> str:
    y = TABLE_TOP + row * ROW
    return f'<path class="line" d="M14 {y}H{WIDTH - 14}"/>'


def _state(state: str) -> str:
    left, top = PLACES[state]
    kind = "closed" if state in CLOSED_STATES else "box"
    box = f'<rect class="{kind}" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
    words = _text(left + BOX_WIDTH // 2, top + BOX_HEIGHT // 2 + 5, state.replace("_", " "), "state", "middle")
    return box + words


def _edge(path: str, x: int, y: int, reports: list[str]) -> str:
    words = ", ".join(report.replace("_", " ") for report in reports)
    return f'<path class="edge" d="{path}"/>{_text(x, y, words, "label", "middle")}'


def _frame(at: tuple[int, int, int, int]) -> str:
    left, top, width, height = at
    return f'<rect class="frame" x="{left}" y="{top}" width="{width}" height="{height}" rx="10"/>'


def _text(x: int, y: int, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'
