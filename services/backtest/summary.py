"""The figures at the end of a session, the same for a session and a backtest.

They come from ``stopped.summary``, which the execution core fills; what only the caller knows (bars per
second, events stored) is added as extra lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UnsetType
from rich.table import Table

from live_runner.contracts.config import Config
from live_runner.contracts.messages import Stopped
from live_runner.services.backtest.failures import Failure

__all__ = ["not_applied", "summary_fields", "summary_table"]

_WORDS = {"pnl": "PnL"}


def summary_fields(stopped: Stopped, failures: Sequence[Failure] = (), **facts: Any) -> dict[str, Any]:
    """The summary as plain data for ``--json``."""
    rows = [msgspec.to_builtins(row) for row in failures]
    return {"session": stopped.session, "reason": stopped.reason, **stopped.summary, **facts, "failures": rows}


def not_applied(config: Config) -> dict[str, str]:
    """What a configuration asks for that a run of one session alone cannot apply, by its key, and why."""
    if isinstance(config.account.limits, UnsetType):
        return {}
    return {"account.limits": "account limits are not applied: they hold over sessions, and this is one"}


def summary_table(fields: Mapping[str, Any], *, title: str | None = None) -> Table:
    """The summary for a terminal: one line per figure, nested ones indented."""
    title = title or f"Session {fields.get('session', '')}".strip()
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right")
    for key, value in fields.items():
        if key in ("session", "failures"):
            continue
        if isinstance(value, Mapping):
            table.add_row(_words(key), "")
            for inner, figure in value.items():
                table.add_row(f"  {_words(str(inner))}", _figure(figure))
        else:
            table.add_row(_words(key), _figure(value))
    return table


def _words(key: str) -> str:
    return " ".join(_WORDS.get(word, word) for word in key.split("_"))


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return f"{value:,.3f}".replace(",", " ")
    return str(value)
