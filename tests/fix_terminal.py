"""``live-runner`` at the keyboard: commands in one data folder, with the embedded servers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts import subjects
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.servers import find
from live_runner.services.runtime.nats.bus import Bus

LIMIT_S = 120.0
CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {fast: 3, slow: 8, notional: 100}}
market:
  venue: simulated
  source: simulated
  bars: %d
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT]
  timeframe: 1m
"""
OUTLASTS_EVERYTHING = 20_000
"""Bars of a session that, at a hundred a second, has not ended when its test has waited as long as it may."""
_MARKS = {"nats": "nats-server", "postgres": "/bin/postgres"}


class Terminal:
    """Runs the command in one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.environment: dict[str, str] = {}
        """Beside this process's own."""
        self.started: list[subprocess.Popen[str]] = []

    def config(self, bars: int) -> str:
        """Path of a configuration with so many bars."""
        path = self.folder / f"c{bars}.yaml"
        path.write_text(CONFIG % bars)
        return str(path)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in the background."""
        environment = {k: v for k, v in os.environ.items() if k not in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN")}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "live_runner.services.cli.main", *arguments],
            env={**environment, "LIVE_RUNNER_HOME": str(self.home), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )
        self.started.append(process)
        return process

    def do(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command that is run to its end."""
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=LIMIT_S)
        return process.returncode, out, err

    def until(self, is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait until something is so, while a process runs."""
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def until_logged(self, kind: str, count: int, process: subprocess.Popen[str], session: str = "alpha") -> None:
        """Wait until the log has so many events of a kind, or the process is over: as ``status`` would, at no cost."""

        async def wait() -> None:
            async with asyncio.timeout(LIMIT_S):
                while process.poll() is None:
                    settings = find(Settings.from_environment(self.environment, home=self.home))
                    if settings.nats_url is not None:
                        bus = await Bus.connect(settings.nats, wait_s=LIMIT_S)
                        break
                    await asyncio.sleep(0.01)
                else:
                    return
                try:
                    await bus.ensure_stream()
                    reader = await bus.reader(subjects.of_type(kind, session))
                    seen = 0
                    async for _ in reader:
                        seen += 1
                        if seen >= count:
                            break
                    await reader.close()
                finally:
                    await bus.close()

        asyncio.run(wait())

    def status(self, session: str = "alpha") -> dict[str, Any]:
        """What `status` prints about a session; empty when there is none."""
        code, out, _ = self.do("status", session, "--json")
        found: dict[str, Any] = json.loads(out)[0] if code == 0 else {}
        return found

    def service_pid(self, process: subprocess.Popen[str], service: str) -> int:
        """Process id of a service or server that a ``run`` started."""
        wanted = _MARKS.get(service, f"serve\0{service}")
        found: list[int] = []

        def look() -> bool:
            found[:] = [pid for pid in direct_children(process.pid) if wanted in _command_line(pid)]
            return len(found) == 1

        self.until(look, process)
        return found[0]

    def children(self, pid: int) -> list[int]:
        """Every process below one, as the kernel lists them."""
        below: list[int] = []
        for child in direct_children(pid):
            below += [child, *self.children(child)]
        return below


def _command_line(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
    return "" if "launch.py" in command else command


def direct_children(pid: int) -> list[int]:
    """Processes that a process has started itself."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end between the listing and this
            found += map(int, task.read_text().split())
    return found


def new_terminal(folder: Path) -> Iterator[Terminal]:
    """One in this folder; what it has started is ended after its use."""
    made = Terminal(folder)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    yield from new_terminal(tmp_path)
