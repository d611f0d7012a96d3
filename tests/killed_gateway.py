"""The gateway of an account as a process of its own, killed at named points, and another one in its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml
from fix_gateway import KEY, SECRET, TradingAccount
from killed_service import start_service
from killed_session import Point
from nats_gate import NatsGate

from live_runner.contracts import subjects
from live_runner.services.runtime.nats.bus import Bus

__all__ = ["ORDER", "RECV_WINDOW_MS", "KilledGateway"]

DEADLINE_S = 60.0
ORDER = "/fapi/v1/order"
RECV_WINDOW_MS = 1000
"""Of the account's file and of its sessions: long enough for a busy machine, and absence is soon proven."""


class KilledGateway:
    """The gateway of the account as a process, behind a gate."""

    def __init__(self, bus: Bus, home: Path, gate: NatsGate, url: str) -> None:
        self.gate = gate
        self._bus = bus
        self._home = home
        self._environ = {"NATS_URL": url, "LIVE_RUNNER_HOME": str(home), "LIVE_RUNNER_LOG_FORMAT": "json"}
        self.process: BaseProcess | None = None

    def describe(self, trading: TradingAccount) -> None:
        """Write the account's file and its keys."""
        folder = self._home / "accounts"
        folder.mkdir(parents=True)
        options = {name: value for name, value in trading.client.options.items() if name != "enableRateLimit"}
        account: dict[str, Any] = {"venue": "binanceusdm", "environment": "emulator", "keys": {"file": "keys.json"}}
        account |= {"options": options, "recv_window_ms": RECV_WINDOW_MS}
        (folder / "main.yaml").write_text(yaml.safe_dump(account), "utf-8")
        (folder / "keys.json").touch(mode=0o600)
        (folder / "keys.json").write_text(json.dumps({"key": KEY, "secret": SECRET}), "utf-8")

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        answering = asyncio.Event()

        async def woken(_subject: str, _data: bytes) -> None:
            answering.set()

        undo = await self._bus.on(subjects.wake("main", subjects.EVERY_SYMBOL), woken)
        gateway = {"account": "main", "record": None, "replay": None}
        self.process = start_service("gateway", self._environ, self._home / "gateway.log", gateway)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await answering.wait()
        except TimeoutError:
            raise AssertionError((self._home / "gateway.log").read_text()) from None
        await undo()

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await asyncio.to_thread(self.process.join)
        self.gate.cut()

    async def killed_at(self, point: Point | str, trading: TradingAccount, act: Callable[[], Awaitable[None]]) -> None:
        """Kill it at a message, or once a request of a method has come to the venue, which never answers it."""
        if isinstance(point, str):
            match: dict[str, Any] = {"method": point, "path": ORDER}
            fault = await trading.client.add_fault({**match, "count": 1}, after={"drop": True})
            await act()
            await trading.client.requests(**match)
            await self.kill()
            assert await trading.client.lift(fault) == 1
        else:
            self.gate.hold(point)
            await act()
            async with asyncio.timeout(DEADLINE_S):
                await self.gate.reached.wait()
            await self.kill()
