"""A strategy service beside another one: it starts no process where the other has one, and takes over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fix_nats import BusFactory

from live_runner.contracts import codec, subjects
from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.contracts.manifest import announce
from live_runner.contracts.messages import Owned
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.service.ownership import AlreadyOwned, Ownership
from live_runner.services.strategy.service import StrategyService

DEADLINE_S = 60.0


def test_a_standby_starts_no_process_and_takes_over_when_the_owner_has_gone(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, nats_url=bus_factory.url)
    # A process of a strategy logs there as soon as it runs.
    log = settings.logs / "strategy.mine.log"
    market: dict[str, Any] = {"venue": "simulated", "symbols": ("BTC/USDT:USDT",), "timeframe": "1m"}
    announced = announce(
        Config(session="mine", strategy=StrategyChoice(module="m"), market=Market(**market)),
        stage="paper",
        strategy="m:S",
        sources={"m": "class S: pass"},
        strategy_hash="h",
        engine_version="1",
        engine_hash="e",
        warmup_bars=0,
    )

    async def run() -> list[str]:
        async with bus_factory() as bus:
            seq = await bus.publish(announced)
            owner = await Ownership.take(bus, "mine", "strategy", "owner")
            service = StrategyService(settings, log_to_file=True)
            for _ in range(3):
                with pytest.raises(AlreadyOwned):
                    await service.run_session(bus, announced, seq)
            assert not log.exists()
            await owner.release()
            taking_over = asyncio.create_task(service.run_session(bus, announced, seq))
            try:
                return await instances(bus_factory, 2)
            finally:
                taking_over.cancel()
                await asyncio.gather(taking_over, return_exceptions=True)

    first, second = asyncio.run(run())

    assert first == "owner"
    assert second.startswith("strategy@")
    assert log.exists()


async def instances(bus_factory: BusFactory, wanted: int) -> list[str]:
    """Who took the role, as soon as so many have."""
    found: list[str] = []
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        reader = await bus.reader([subjects.owned("mine", "strategy")])
        async for message in reader:
            event = codec.decode(message.data)
            assert isinstance(event, Owned)
            found.append(event.instance)
            if len(found) == wanted:
                break
        await reader.close()
    return found
