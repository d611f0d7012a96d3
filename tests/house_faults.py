"""What goes wrong in a house: strategies that hang, crash or raise, and what the log says about it afterwards."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import fix_house
from fix_house import House

from live_runner.contracts import codec, subjects
from live_runner.contracts.messages import Event
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.servers import find
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.postgres import archive

__all__ = ["RUN_FOR_EVER", "SLOW", "child_pid", "events_of", "faulty_strategy", "said", "wait_for_event", "with_bus"]

SLOW = ("--speed", "1200")
"""Twenty one-minute bars a second: a session that is still running when the test has done its part."""
RUN_FOR_EVER = 100_000
"""Bars of a session that is ended by command."""

_FAULTY = '''
import ctypes

from live_runner.strategies.base import intent
from live_runner.strategies.ema_cross import EmaCross


class Faulty(EmaCross):
    """As ema_cross, until the bar that it cannot cope with."""

    def __init__(self, parameters, symbols, timeframe):
        super().__init__(parameters, symbols, timeframe)
        self.bars = 0

    def on_bar(self, bar, view):
        self.bars += 1
        if self.bars == {bar}:
            {fault}
        return super().on_bar(bar, view)

    def state(self):
        return super().state() | {{"bars": self.bars}}

    def restore(self, state):
        super().restore(state)
        self.bars = state["bars"]
'''


def faulty_strategy(house: House, name: str, fault: str, *, bar: int = 60) -> str:
    """The ``strategy`` line of a configuration whose ``on_bar`` runs ``fault`` once, at its ``bar``-th call."""
    house.home.mkdir(parents=True, exist_ok=True)
    (house.home / f"{name}.py").write_text(_FAULTY.format(fault=fault, bar=bar))
    return f"{{path: {name}.py, parameters: {{fast: 5, slow: 20, notional: 500}}}}"


def child_pid(run: subprocess.Popen[str], session: str) -> int:
    """Process id of one session's strategy."""
    return fix_house._wait_for(
        lambda: fix_house._descendant(run.pid, f'"session":"{session}"'), f"the strategy process of {session}"
    )


def events_of[E: Event](house: House, session: str, kind: type[E]) -> list[E]:
    """A stored session's events of one kind, in stream order."""
    found = (codec.decode(data) for _, data in archive.events(house.dsn, session))
    return [event for event in found if isinstance(event, kind)]


def said(house: House, session: str) -> str:
    """What the run of a session has printed."""
    return (house.home / f"{session}.out").read_text()


def with_bus[T](house: House, work: Callable[[Bus], Awaitable[T]]) -> T:
    """Do something on a connection to the house's NATS, within the deadline."""
    settings = fix_house._wait_for(lambda: _settings(house), "NATS")

    async def run() -> T:
        bus = await Bus.connect(settings.nats, wait_s=fix_house.DEADLINE_S)
        try:
            await bus.ensure_stream()
            return await work(bus)
        finally:
            await bus.close()

    return asyncio.run(asyncio.wait_for(run(), fix_house.DEADLINE_S))


def wait_for_event(house: House, session: str, is_it: Callable[[Any], bool]) -> Event:
    """Wait until the log has such an event of a session."""

    async def look(bus: Bus) -> Event:
        reader = await bus.reader(subjects.of_session(session))
        async for message in reader:
            event = codec.decode(message.data)
            if is_it(event):
                await reader.close()
                return event
        raise AssertionError("the log ended")

    return with_bus(house, look)


def _settings(house: House) -> Settings | None:
    names = ("NATS_URL", "NATS_TOKEN")
    given = {name: house.environment[name] for name in names if name in house.environment}
    settings = find(Settings.from_environment(given, home=house.home))
    return settings if settings.nats_url else None
