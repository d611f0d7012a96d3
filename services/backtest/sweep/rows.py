"""The result of a run as one row: the same columns in the journal, in Parquet and in the database.

Money is decimal text here and a decimal there, never a float. The manifest is kept in two parts: what all
runs share (market rules, provenance of the bars) once, and in each row what is its own. ``manifest_of`` puts
them together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import Started
from live_runner.services.backtest.session import BacktestResult
from live_runner.services.backtest.sweep.plan import Setting

__all__ = ["COLUMNS", "FIGURES", "Column", "Row", "done_row", "manifest_fields", "manifest_of", "other_row", "ranked"]

type Kind = Literal["count", "money", "seconds", "text", "json"]
type Row = dict[str, Any]

STATUSES: Final = ("done", "refused", "failed")
"""It ran; the strategy or the market refused the set; it broke."""


class Column(msgspec.Struct, frozen=True):
    """A column, and for what can be ranked whether more or less of it is better."""

    name: str
    kind: Kind
    best: Literal["high", "low", ""] = ""


def _figures(kind: Kind, best: Literal["high", "low"], names: str) -> list[Column]:
    return [Column(name, kind, best) for name in names.split()]


FIGURES: Final = (
    *_figures("count", "high", "sets decisions intents orders fills"),
    *_figures("count", "low", "refused rejected"),
    *_figures("money", "high", "realised unrealised equity cash"),
    *_figures("money", "low", "fees fees_maker fees_taker"),
    *_figures("money", "high", "funding"),
    *_figures("money", "low", "slippage"),
    *_figures("money", "high", "turnover"),
    *_figures("money", "low", "drawdown_realised drawdown_equity"),
    *_figures("count", "high", "trades"),
    *_figures("count", "low", "margin_calls open_legs liquidations"),
)
"""Everything that the summary of a session holds."""

COLUMNS: Final = (
    Column("number", "count"),
    Column("status", "text"),
    Column("message", "text"),
    Column("parameters", "json"),
    Column("config_hash", "text"),
    Column("strategy_hash", "text"),
    Column("engine_version", "text"),
    Column("engine_hash", "text"),
    Column("dataset_hash", "text"),
    *FIGURES,
    Column("bars", "count", "high"),
    Column("seconds", "seconds", "low"),
    Column("manifest", "json"),
)


def manifest_fields(started: Started) -> dict[str, Any]:
    """The manifest as plain data, without the envelope."""
    plain: dict[str, Any] = msgspec.to_builtins(started)
    envelope = ("v", "type", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns")
    return {key: value for key, value in plain.items() if key not in envelope}


def manifest_of(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The whole manifest of a run from what all share and what is its own."""
    return {**shared, **own}


def done_row(setting: Setting, result: BacktestResult, shared: Mapping[str, Any], *, bars: int, seconds: float) -> Row:
    """The row of a run that came to its end; OurFault when the engine's summary lacks a figure."""
    summary = result.stopped.summary
    lacking = [column.name for column in FIGURES if column.name not in summary]
    if lacking:
        raise OurFault(f"The summary of a backtest lacks {', '.join(lacking)}", remedy="Report this")
    manifest = manifest_fields(result.started)
    return {
        **_begun(setting, "done", "", manifest),
        **{column.name: summary[column.name] for column in FIGURES},
        "bars": bars,
        "seconds": seconds,
        "manifest": {key: value for key, value in manifest.items() if key not in shared or value != shared[key]},
    }


def other_row(setting: Setting, status: str, message: str, shared: Mapping[str, Any], *, seconds: float = 0.0) -> Row:
    """The row of a run that was refused or failed: no figures, so that no ranking takes it for a result."""
    return {
        **_begun(setting, status, message, {**shared, "config_hash": None}),
        **dict.fromkeys((column.name for column in FIGURES), None),
        "bars": None,
        "seconds": seconds,
        "manifest": None,
    }


def _begun(setting: Setting, status: str, message: str, manifest: Mapping[str, Any]) -> Row:
    return {
        "number": setting.number,
        "status": status,
        "message": message,
        "parameters": setting.parameters,
        "config_hash": manifest["config_hash"],
        "strategy_hash": manifest["strategy_hash"],
        "engine_version": manifest["engine_version"],
        "engine_hash": manifest["engine_hash"],
        "dataset_hash": manifest["dataset"]["hash"],
    }


def ranked(rows: Iterable[Row], column: Column, number: int) -> list[Row]:
    """The best rows by one figure, the best first; equals by their number."""
    import heapq

    value: Callable[[Row], Any] = _value_of(column)
    done = ((value(row), row) for row in rows if row["status"] == "done")
    sign = -1 if column.best == "high" else 1
    return [row for _, _, row in heapq.nsmallest(number, ((sign * v, row["number"], row) for v, row in done))]


def _value_of(column: Column) -> Callable[[Row], Any]:
    from decimal import Decimal

    name = column.name
    return (lambda row: Decimal(row[name])) if column.kind == "money" else (lambda row: row[name])
