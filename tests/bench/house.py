"""Servers and services of one bench: a NATS, a database, and the four services as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from fix_database import throwaway_database

from live_runner.services.runtime.config.settings import NatsSync, Settings
from live_runner.services.runtime.embedded.nats_server import start_nats
from live_runner.services.runtime.embedded.postgres_server import start_postgres
from live_runner.services.runtime.embedded.process import Process
from live_runner.services.runtime.embedded.supervisor import service_program
from live_runner.services.runtime.postgres import database
from live_runner.services.runtime.services import SESSION_SERVICES

__all__ = ["SYMBOLS", "House", "database_server", "edition", "house", "processor_seconds", "resident_mib"]

LOG_WAIT_S = 120.0
RUN_LIMIT_S = 240.0
_POLL_S = 0.005

SYMBOLS = tuple(
    f"{base}/USDT:USDT"
    for base in ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT", "TRX", "BNB")
)


class House:
    """A data folder with its servers; ``start`` brings services up."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.running: dict[str, Process] = {}

    @property
    def url(self) -> str:
        """Address of NATS, its token inside."""
        return (self.settings.nats_url or "").replace("nats://", f"nats://{self.settings.nats_token}@")

    @property
    def dsn(self) -> str:
        """Of the database."""
        return self.settings.timescale_dsn or ""

    def start(self, *services: str) -> None:
        """Start services the way ``run`` does."""
        for name in services or SESSION_SERVICES:
            self.running[name] = Process(service_program(self.settings, name))

    def kill(self, service: str) -> int:
        """``kill -9``; when, in nanoseconds."""
        process = self.running.pop(service)
        at_ns = time.time_ns()
        os.kill(process.pid, signal.SIGKILL)
        process.stop()
        return at_ns

    def processor_s(self) -> dict[str, float]:
        """Processor time of each service so far."""
        return {name: processor_seconds(process.pid) for name, process in self.running.items()}

    def stop(self) -> None:
        """End the services in order."""
        for process in self.running.values():
            process.ask_to_stop()
        for process in self.running.values():
            process.stop()
        self.running.clear()

    def play(self, config: str, *options: str) -> dict[str, Any]:
        """A session from its announcement to its summary, on the services that run."""
        path = self.settings.home / "session.yaml"
        path.write_text(config)
        command = (sys.executable, "-P", "-m", "live_runner.services.cli.main", "run", str(path), "--stage", "paper")
        done = subprocess.run(
            [*command, "--services", "running", "--json", *options],
            env={**os.environ, **self.settings.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"the session failed: {done.stderr.strip()[-500:]}")
        result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        return result

    def logged_ns(self, log: str, event: str, after_ns: int) -> int:
        """When a log said something for the first time after a moment; waits for it."""
        path = self.settings.logs / f"{log}.log"
        deadline = time.monotonic() + LOG_WAIT_S
        while time.monotonic() < deadline:
            for line in path.read_text().splitlines() if path.exists() else ():
                at_ns = _when_ns(line, event)
                if at_ns > after_ns:
                    return at_ns
            time.sleep(_POLL_S)
        raise SystemExit(f"{path.name} did not say '{event}' within {LOG_WAIT_S:g} s")


def _when_ns(line: str, event: str) -> int:
    try:
        said = json.loads(line)
    except ValueError:
        return 0  # half a line: it is being written
    if not isinstance(said, dict) or said.get("event") != event:
        return 0
    return int(datetime.fromisoformat(said["time"]).timestamp() * 1e6) * 1000


@contextmanager
def database_server() -> Iterator[str]:
    """Address of a database server whose user may create databases: TIMESCALE_DSN, else an embedded one."""
    given = os.environ.get("TIMESCALE_DSN")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        server = start_postgres(Path(folder) / "postgres")
        try:
            yield server.dsn
        finally:
            assert server.process is not None
            server.process.stop()


@contextmanager
def house(sync: NatsSync = "default") -> Iterator[House]:
    """A NATS of its own, an empty and migrated database, and no services yet; all is gone afterwards."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dsn = stack.enter_context(throwaway_database(stack.enter_context(database_server())))
        database.migrate(dsn)
        nats = start_nats(home / "nats", sync=sync)
        assert nats.process is not None
        stack.callback(nats.process.stop)
        made = House(Settings(home=home, nats_url=nats.url, nats_token=nats.token, timescale_dsn=dsn, nats_sync=sync))
        stack.callback(made.stop)
        yield made


def edition(dsn: str) -> str:
    """Which database it is."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("select split_part(version(), ' ', 2)").fetchone()
        scale = connection.execute("select extversion from pg_extension where extname = 'timescaledb'").fetchone()
    version = f"PostgreSQL {found[0] if found else ''}"
    return f"{version}, TimescaleDB {scale[0]}" if scale else version


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"the system does not tell the memory of process {pid}")


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its ended children so far, in steps of the system's clock."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
