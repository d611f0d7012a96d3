"""Sessions of one service: what ends or stops one of them disturbs no other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from announcements import announced
from fix_nats import BusFactory

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, MessageError
from live_runner.contracts.messages import Announced
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.publisher import StreamFull
from live_runner.services.runtime.service import hosting
from live_runner.services.runtime.service.hosting import Host

DEADLINE_S = 30.0


@pytest.mark.parametrize(
    ("error", "beat"),
    [
        (BusUnavailable("The strategy of session one lost its connection to NATS"), "trouble"),
        (StreamFull("The stream refused a message"), "trouble"),
        (MessageError("A message of 9000000 bytes is larger than NATS takes"), "fatal"),
    ],
)
def test_a_session_that_nats_refuses_disturbs_no_other(
    bus_factory: BusFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, beat: str
) -> None:
    monkeypatch.setattr(hosting, "REFUSED_RETRY_S", 0.1)
    monkeypatch.setattr(hosting, "FATAL_BEAT_EVERY_S", 0.05)
    started: list[str] = []

    async def run() -> tuple[bool, dict[str, Any]]:
        is_shown, may_end, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def session(bus: Bus, announced: Announced, stream_seq: int) -> None:
            started.append(announced.session)
            if announced.session == "one":
                raise error
            await may_end.wait()

        async def on_beat(_subject: str, data: bytes) -> None:
            found = codec.fields(data)
            # Tried again, where that may help, while the other one runs on.
            if beat in found and (beat == "fatal" or started.count("one") > 2):
                is_shown.set()

        host = Host(Settings(home=tmp_path, nats_url=bus_factory.url), "execution", session)
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            await bus.on(subjects.beat("execution", "one"), on_beat)
            for name in ("one", "two"):
                await bus.publish(announced(name))
            serving = asyncio.create_task(host.run(stop))
            await is_shown.wait()
            is_well, facts = host._check()
            stop.set()
            await serving
        return is_well, dict(facts)

    is_well, facts = asyncio.run(run())

    assert started.count("two") == 1
    assert "two" in facts["sessions"]
    if beat == "fatal":
        assert is_well
        assert started.count("one") == 1
    else:
        assert not is_well
        assert str(error) in facts["refused"]["one"]
