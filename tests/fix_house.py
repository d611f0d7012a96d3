"""The whole house as a user runs it: ``live-runner run`` with its services as processes that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts import codec, subjects
from live_runner.contracts.messages import BarSet
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.servers import find
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.postgres import archive

CORE_SOURCES = ("market_data", "strategy", "execution")
DEADLINE_S = 240.0

_MARKERS = {"child": "live_runner.services.strategy.child", "nats-server": "bin/nats-server"}
"""What tells a process by its command line, where it is no `serve`."""

EMA_CROSS = "{module: live_runner.strategies.ema_cross, parameters: {fast: 5, slow: 20, notional: 500}}"

CONFIG = """
session: {session}
strategy: {strategy}
market:
  venue: simulated
  source: simulated
  seed: 11
  bars: {bars}
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT, SOL/USDT:USDT]
  timeframe: 1m
limits:
  snapshot_every: 200
  state_hash_every: 100
{extra}
"""


class House:
    """One data folder, one database, any number of sessions one after the other."""

    def __init__(self, home: Path, dsn: str) -> None:
        self.home = home
        self.dsn = dsn
        self.environment = {**os.environ, "TIMESCALE_DSN": dsn, "LIVE_RUNNER_HOME": str(home)}
        self.environment.pop("NATS_URL", None)
        self._running: list[subprocess.Popen[str]] = []

    def config(
        self, session: str, *, strategy: str = EMA_CROSS, bars: int = 1500, extra: str = "", text: str = CONFIG
    ) -> Path:
        """A configuration file."""
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / f"{session}.yaml"
        path.write_text(text.format(session=session, strategy=strategy, bars=bars, extra=extra))
        return path

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A ``live-runner`` command, run to its end."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "live_runner.services.cli.main", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def start(self, config: Path, *arguments: str, stage: str = "paper") -> subprocess.Popen[str]:
        """``live-runner run`` in the background."""
        command = (sys.executable, "-P", "-m", "live_runner.services.cli.main", "run", str(config), "--stage", stage)
        with (self.home / f"{config.stem}.out").open("w") as output:
            process = subprocess.Popen(
                [*command, "--json", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self._running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], config: Path) -> str:
        """Wait for a run to succeed; what it printed."""
        code = process.wait(timeout=DEADLINE_S)
        printed = self.printed(config)
        assert code == 0, f"exit {code}: {printed}\n{self.logs()}"
        return printed

    def printed(self, config: Path) -> str:
        """What the last run of a configuration said."""
        return (self.home / f"{config.stem}.out").read_text()

    def play(self, config: Path, *arguments: str) -> str:
        """Run a session to its end."""
        return self.finish(self.start(config, *arguments), config)

    def logs(self) -> str:
        """The ends of the services' logs."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-2000:]}" for path in sorted(self.home.glob("logs/*")))

    def service_pid(self, process: subprocess.Popen[str], service: str) -> int:
        """Process id of a service that ``run`` started."""
        marker = _MARKERS.get(service, f"serve\0{service}")
        return _wait_for(lambda: _descendant(process.pid, marker), f"a {service} process")

    def kill(self, process: subprocess.Popen[str], service: str) -> None:
        """``kill -9`` a service."""
        os.kill(self.service_pid(process, service), signal.SIGKILL)

    def wait_for_set(self, session: str, number: int) -> None:
        """Wait until the log has the ``number``-th bar set of a session."""
        settings = _wait_for(lambda: _with_nats(self.home), "the embedded NATS")
        asyncio.run(asyncio.wait_for(_until_set(settings, session, number), DEADLINE_S))

    def core_events(self, session: str) -> dict[str, list[bytes]]:
        """Canonical bytes of every core event in the database, by source."""
        found: dict[str, list[bytes]] = {source: [] for source in CORE_SOURCES}
        for _, data in archive.events(self.dsn, session):
            source = codec.head(data).source
            if source in found:
                found[source].append(codec.canonical(data))
        return found

    def core_stream(self, session: str) -> list[bytes]:
        """Canonical bytes of every core event in the database, of all cores together, in stream order."""
        stored = (data for _, data in archive.events(self.dsn, session))
        return [codec.canonical(data) for data in stored if codec.head(data).source in CORE_SOURCES]

    def types(self, session: str) -> list[str]:
        """Types of every stored event, in stream order."""
        return [codec.head(data).type for _, data in archive.events(self.dsn, session)]

    def close(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture
def new_house(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Callable[[], House]]:
    """Fresh data folders, each with a database of its own."""
    houses: list[House] = []

    def make() -> House:
        house = House(tmp_path / f"home{len(houses)}", new_database())
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.close()


def result_of(printed: str) -> dict[str, Any]:
    """The JSON result among what a run printed."""
    result: dict[str, Any] = json.loads(printed[printed.index("{") :])
    return result


async def _until_set(settings: Settings, session: str, number: int) -> None:
    bus = await Bus.connect(settings.nats, wait_s=DEADLINE_S)
    try:
        await bus.ensure_stream()
        reader = await bus.reader(subjects.of_type("market.bar_set", session))
        async for message in reader:
            event = event_of(message)
            if isinstance(event, BarSet) and event.number >= number:
                break
        await reader.close()
    finally:
        await bus.close()


def _with_nats(home: Path) -> Settings | None:
    settings = find(Settings.from_environment({}, home=home))
    return settings if settings.nats_url else None


def _descendant(root: int, marker: str) -> int | None:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                command = (entry / "cmdline").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(entry.name)] = (int(fields[1]), command)
    for pid, (_, command) in parents.items():
        at = pid
        while at in parents and at != root:
            at = parents[at][0]
        if at == root and marker in command and "launch.py" not in command:
            return pid
    return None


def _wait_for[T](look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + DEADLINE_S
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {DEADLINE_S:g} s for {what}")
        time.sleep(0.02)  # a poll with a deadline: a process that starts elsewhere sends no event
    return found
