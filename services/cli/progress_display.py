"""Progress of a session: a live line on a terminal, a line every few seconds elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from live_runner.contracts.messages import Incident, Started
from live_runner.services.cli.output import note, stderr_console
from live_runner.services.runtime.config.masking import masked

__all__ = ["Display"]

LINE_EVERY_S: Final = 5.0
"""Between two progress lines when stderr is not a terminal."""


class Display:
    """A ``View`` of one session. Use as a context manager; ``is_quiet`` shows incidents only."""

    def __init__(self, session: str, *, is_quiet: bool) -> None:
        self._session = session
        self._is_quiet = is_quiet
        self._phase = ""
        self._progress: dict[str, Mapping[str, Any]] = {}
        self._printed_s = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Display:
        if not self._is_quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.fields[session]}", markup=False),
                BarColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=stderr_console(),
                transient=True,
            )
            self._task = self._bar.add_task("", total=None, session=self._session)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def phase(self, text: str) -> None:
        """Something begins."""
        if text == self._phase:
            return
        self._phase = text
        if self._bar is not None:
            self._bar.update(self._task, description=text)
        elif not self._is_quiet:
            note(f"{self._session}: {text}")

    def started(self, started: Started) -> None:
        """The manifest is in the log."""
        if not self._is_quiet:
            data = started.dataset
            origin = f"{data.get('source', 'live')} {data.get('name', '')}".strip()
            note(
                f"{self._session}: {len(started.instruments)} symbols on {started.config['market']['timeframe']}, "
                f"{origin} {data.get('hash', '')}, warmup {started.warmup_found} of {started.warmup_bars} bars, "
                f"first bar {_time(started.first_open_ns)}"
            )

    def incident(self, incident: Incident) -> None:
        """Shown whatever else is."""
        self._print(f"{incident.severity}: {incident.message}")

    def trouble(self, text: str) -> None:
        """A service cannot go on for now."""
        self._print(f"warning: {text}")

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(masked(f"{self._session}: {text}"))
        else:
            note(f"{self._session}: {text}")

    def beat(self, role: str, progress: Mapping[str, Any]) -> None:
        """A service tells how far it is."""
        self._progress[role] = progress
        if self._is_quiet or self._phase != "playing":
            return
        if self._bar is not None:
            sets, total = self._sets()
            self._bar.update(self._task, completed=sets, total=total or None, description=self._line())
        elif time.monotonic() - self._printed_s >= LINE_EVERY_S:
            self._printed_s = time.monotonic()
            note(f"{self._session}: {self._line()}")

    def _sets(self) -> tuple[int, int]:
        done = int(self._progress.get("execution", {}).get("sets", 0))
        return done, int(self._progress.get("market_data", {}).get("total_sets", 0) or 0)

    def _line(self) -> str:
        account = self._progress.get("execution", {})
        recorder = self._progress.get("recorder", {})
        sets, total = self._sets()
        parts = [
            f"{sets}/{total} bar sets" if total else f"{sets} bar sets",
            f"orders {account.get('orders', 0)}",
            f"fills {account.get('fills', 0)}",
            f"equity {account['equity']}" if account.get("equity") else "",
            f"gate {account['gate']}" if account.get("gate", "open") != "open" else "",
            f"stored {recorder['stored']}" if "stored" in recorder else "",
            _time(int(account["close_ns"])) if account.get("close_ns") else "",
        ]
        return "  ".join(part for part in parts if part)


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
