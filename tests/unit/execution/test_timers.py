"""Timers on the venue's clock."""

from __future__ import annotations

import asyncio

from live_runner.contracts.core import SetTimer
from live_runner.services.execution.timers import Timers

DEADLINE_S = 10.0


def test_each_fires_once_when_it_is_due_in_order_and_a_later_one_replaces_it() -> None:
    fired: list[tuple[str, int]] = []
    now = [0]

    async def run() -> None:
        done = asyncio.Event()

        async def fire(timer: SetTimer) -> None:
            fired.append((timer.name, now[0]))
            if timer.name == "last":
                done.set()

        timers = Timers(lambda: now[0], fire)
        for name, due_ns in (("b", 20), ("a", 10), ("moved", 5), ("moved", 30), ("last", 40)):
            timers.set(SetTimer(name, due_ns))
        task = asyncio.create_task(timers.run())
        await asyncio.sleep(0)
        assert fired == []
        now[0] = 25
        timers.set(SetTimer("never", 10**18))
        await asyncio.sleep(0)
        assert fired == [("a", 25), ("b", 25)]
        now[0] = 50
        async with asyncio.timeout(DEADLINE_S):
            await done.wait()
        task.cancel()

    asyncio.run(run())

    assert fired == [("a", 25), ("b", 25), ("moved", 50), ("last", 50)]
