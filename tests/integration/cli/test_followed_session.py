"""A session that is followed while its NATS comes and goes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from fix_nats_servers import RawServer, StartServer, free_ports, jetstream
from fix_terminal import CONFIG

from live_runner.contracts.errors import SessionRefused
from live_runner.contracts.messages import Event
from live_runner.services.cli import session_client
from live_runner.services.cli.loaded_config import load_config
from live_runner.services.cli.session_client import FollowedSession
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus

DEADLINE_S = 60.0
AWAY = "NATS is unavailable, waiting for it"
WAITS = "waiting for the services to join"


class Seen:
    """A view that counts the phases."""

    def __init__(self) -> None:
        self.phases: Counter[str] = Counter()

    def phase(self, text: str) -> None:
        self.phases[text] += 1

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None

    async def until(self, text: str, count: int, task: asyncio.Task[Any]) -> None:
        """Wait until a phase has come so often, while a task runs."""
        while self.phases[text] < count:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)


def test_nats_may_be_killed_again_long_after_it_was_killed_before(
    start_server: StartServer, tmp_path: Path, samples: dict[str, Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it may be away for as long: the limit counts from when NATS answered last."""
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG % 100)
    loaded = load_config(config, session="mine")
    port, passed_s, looks = free_ports(1)[0], 0.0, 0

    def monotonic() -> float:
        nonlocal looks
        looks += 1
        return time.monotonic() + passed_s

    monkeypatch.setattr(session_client, "time", SimpleNamespace(monotonic=monotonic))

    def start() -> RawServer:
        return start_server("one", f"port: {port}\n" + jetstream(tmp_path / "store"))

    async def run() -> None:
        nonlocal passed_s
        server, seen = start(), Seen()
        session = FollowedSession(
            Settings(home=tmp_path, nats_url=server.url),
            loaded.announced("paper"),
            loaded.config,
            seen,
            models={},
            platform={},
        )
        async with asyncio.timeout(DEADLINE_S):
            playing = asyncio.create_task(session.play())
            for number in (1, 2):
                await seen.until(WAITS, number, playing)
                passed_s += 2 * session_client.RECONNECT_LIMIT_S
                os.kill(server.process.pid, signal.SIGKILL)
                await seen.until(AWAY, number, playing)
                before = looks
                while looks < before + 4 and not playing.done():  # noqa: ASYNC110  # it looks in vain first
                    await asyncio.sleep(0.01)
                server = start()
            await seen.until(WAITS, 3, playing)
            bus = await Bus.connect(server.url)
            refused = msgspec.structs.replace(samples["session.refused"], session="mine", cause="", message="too late")
            await bus.publish(refused)
            await bus.close()
            await playing

    with pytest.raises(SessionRefused, match="too late"):
        asyncio.run(run())
