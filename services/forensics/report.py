"""Reports of a replay or a comparison for a terminal, a program and a browser."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from live_runner.services.forensics.bridge import Bridge
from live_runner.services.forensics.compare import Comparison
from live_runner.services.forensics.difference import Difference
from live_runner.services.forensics.replay import ReplayResult

__all__ = ["as_dict", "bridge_view", "compare_view", "difference_view", "replay_view", "time_text"]


def as_dict(result: Comparison | ReplayResult) -> dict[str, Any]:
    """The findings as plain data for ``--json``; ``agrees`` comes first."""
    fields: dict[str, Any] = msgspec.to_builtins(result)
    fields.pop("equity", None)
    return {"agrees": result.agrees, **fields}


def replay_view(result: ReplayResult) -> RenderableType:
    """A replay for a terminal."""
    table = _table("Replay of " + result.session)
    table.add_row("events read", _count(result.events))
    for name, tally in result.sources.items():
        table.add_row(f"{name} outputs compared", _count(tally.compared))
        table.add_row(f"{name} differences", _count(tally.differences))
    table.add_row("differences", _count(result.differences))
    parts: list[RenderableType] = [table, *_notes(result)]
    if result.first is not None:
        parts.append(difference_view(result.first))
    parts.append(_verdict(result.agrees, "Every output was reproduced, byte for byte", "The recording does not replay"))
    return Group(*parts)


def compare_view(result: Comparison) -> RenderableType:
    """A comparison for a terminal."""
    table = _table("Comparison of " + result.session)
    table.add_row("bar sets", _count(result.sets))
    table.add_row("events compared", _count(result.events))
    table.add_row("differences", _count(result.differences))
    table.add_row("decisions with the session's own fills: differences", _count(result.replayed.differences))
    trades = result.trades
    table.add_row("trades matched", _count(trades.matched))
    table.add_row("of these with another price or amount", _count(trades.changed))
    table.add_row("trades missing in the session", _count(trades.missing))
    table.add_row("trades extra in the session", _count(trades.extra))
    parts: list[RenderableType] = [table, bridge_view(result.bridge), *_notes(result.replayed)]
    for change in result.changes:
        details = f": {'; '.join(change.details)}" if change.details else ""
        parts.append(Text(f"Other {change.what} than in the session{details}", style="yellow"))
    if result.first is not None:
        parts.append(difference_view(result.first))
    elif result.replayed.first is not None:
        parts.append(difference_view(result.replayed.first))
    parts.append(
        _verdict(
            result.agrees,
            "The session and its backtest are the same, to the bit",
            "The session and its backtest differ",
        )
    )
    return Group(*parts)


def bridge_view(bridge: Bridge) -> Table:
    """From the backtest's PnL to the session's."""
    table = _table(f"PnL, {bridge.currency}")
    table.add_column("why")
    table.add_row("backtest", bridge.backtest, "")
    for line in bridge.lines:
        table.add_row(line.cause.replace("_", " "), line.amount, line.why)
    table.add_row("unexplained", bridge.unexplained, "")
    table.add_row("session", bridge.session, "")
    return table


def difference_view(difference: Difference) -> RenderableType:
    """The first difference with its inputs, field by field."""
    where = f" {difference.symbol}" if difference.symbol else ""
    title = (
        f"First difference: {difference.type}{where}, number {difference.seq} of {difference.source}, "
        f"close {time_text(difference.close_ns)}: {difference.kind}"
    )
    table = Table(title=title, title_justify="left")
    for column in ("field", "expected", "got"):
        table.add_column(column, overflow="fold")
    for field in difference.fields:
        table.add_row(field.path or "(whole)", field.expected, field.got)
    return Group(table, *(_input_line(fields) for fields in difference.inputs))


def time_text(at_ns: int) -> str:
    """A market time for people, UTC."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _input_line(fields: dict[str, Any]) -> Text:
    shown = msgspec.json.encode({key: value for key, value in fields.items() if key not in ("type", "id")}).decode()
    return Text(f"input {fields.get('id', '')} {fields.get('type', '')} {shown}", overflow="fold")


def _notes(result: ReplayResult) -> list[Text]:
    return [Text(note, style="yellow") for note in result.notes]


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("value", justify="right")
    return table


def _verdict(agrees: bool, yes: str, no: str) -> Text:
    return Text(yes, style="bold green") if agrees else Text(no, style="bold red")


def _count(value: int) -> str:
    return f"{value:,}".replace(",", " ")
