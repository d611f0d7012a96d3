"""Which sessions a service runs, by what it reads in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from announcements import announced

from live_runner.contracts import codec, subjects
from live_runner.contracts.manifest import announce_again, refuse
from live_runner.contracts.messages import Announced, Event
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service.hosting import Host


def test_a_session_that_was_refused_at_once_is_joined_when_it_is_announced_again(tmp_path: Path) -> None:
    """D03: another service refuses it before this one has taken the first step; the name stays usable."""
    first = announced()
    second = announce_again(first, 3)
    joined: list[str] = []

    async def read_the_log() -> None:
        is_joined = asyncio.Event()

        async def join(bus: Bus, announced: Announced, stream_seq: int) -> None:
            joined.append(announced.id)
            is_joined.set()

        host = Host(Settings.from_environment({}, home=tmp_path), "recorder", join)
        for number, event in enumerate([first, refuse(first, "warmup_refused", "too few bars"), second], start=1):
            await host._on_lifecycle(cast(Bus, None), message(number, event))
        async with asyncio.timeout(10):
            await is_joined.wait()

    asyncio.run(read_the_log())

    assert joined == [second.id]


def test_what_is_under_way_is_known_of_every_session_in_order(tmp_path: Path) -> None:
    """Also of those that this process leaves to others: an account looks over all of its sessions."""

    async def read_the_log() -> list[list[str]]:
        host = Host(Settings.from_environment({}, home=tmp_path), "execution", cast(Any, None), only="mine")
        first, second, third = announced("one"), announced("two"), announced("three")
        again = announce_again(first, 3)
        found = []
        for number, event in enumerate([first, second, refuse(first, "r", "no"), third, again], start=1):
            await host._on_lifecycle(cast(Bus, None), message(number, event))
            found.append([each.session for each in host.under_way])
        return found

    assert asyncio.run(read_the_log()) == [
        ["one"],
        ["one", "two"],
        ["two"],
        ["two", "three"],
        ["two", "three", "one"],
    ]


def test_a_service_of_one_run_takes_up_only_sessions_that_are_followed(tmp_path: Path) -> None:
    joined: list[str] = []

    async def read_the_log() -> None:
        is_joined = asyncio.Event()

        async def join(bus: Bus, announced: Announced, stream_seq: int) -> None:
            joined.append(announced.session)
            is_joined.set()

        settings = Settings.from_environment({"LIVE_RUNNER_SESSIONS": "followed"}, home=tmp_path)
        host = Host(settings, "recorder", join)
        bus = cast(Bus, None)
        await host._on_lifecycle(bus, message(1, announced("left")))
        await host._on_beat(bus, "beat.run.early", b"")
        await host._on_lifecycle(bus, message(2, announced("early")))
        await is_joined.wait()
        is_joined.clear()
        await host._on_lifecycle(bus, message(3, announced("late")))
        await host._on_beat(bus, "beat.execution.late", b"")
        await is_joined.wait()

    asyncio.run(asyncio.wait_for(read_the_log(), 10))

    assert joined == ["early", "late"]


def message(number: int, event: Event) -> Message:
    return Message(
        stream_seq=number, subject=subjects.of(event), data=codec.stamp(codec.encode(event), number), pending=0
    )
