"""A strategy service beside another one: it starts no process where the other has one, and takes over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from announcements import announced
from fix_nats import BusFactory
from fix_terminal import CONFIG
from session_world import ENGINE, make_world

from live_runner.contracts import codec, subjects
from live_runner.contracts.config import StrategyChoice
from live_runner.contracts.messages import Announced, Event, Owned
from live_runner.services.backtest.session import begin
from live_runner.services.cli.loaded_config import load_config
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.service.ownership import AlreadyOwned, Ownership, refuse_if_alive
from live_runner.services.strategy import service
from live_runner.services.strategy.service import StrategyService

DEADLINE_S = 60.0


def test_a_standby_starts_no_process_and_takes_over_when_the_owner_has_gone(
    bus_factory: BusFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, nats_url=bus_factory.url)
    # A process of a strategy logs there as soon as it runs.
    log = settings.logs / "strategy.mine.log"
    given = announced(source="class S: pass")

    async def run() -> list[str]:
        async with bus_factory() as bus:
            seq = await bus.publish(given)
            owner = await Ownership.take(bus, "mine", "strategy", "owner")
            standby = StrategyService(settings, log_to_file=True)
            for _ in range(3):
                # The owner is in this loop: what holds it up for LIVENESS_TIMEOUT_S would make it count as paused.
                with monkeypatch.context() as patient:
                    patient.setattr("live_runner.services.runtime.service.ownership.LIVENESS_TIMEOUT_S", DEADLINE_S)
                    with pytest.raises(AlreadyOwned):
                        await standby.run_session(bus, given, seq)
            assert not log.exists()
            await owner.release()
            taking_over = asyncio.create_task(standby.run_session(bus, given, seq))
            try:
                return await instances(bus_factory, 2)
            finally:
                taking_over.cancel()
                await asyncio.gather(taking_over, return_exceptions=True)

    first, second = asyncio.run(run())

    assert first == "owner"
    assert second.startswith("strategy@")
    assert log.exists()


def test_a_session_that_nobody_starts_has_no_process_until_somebody_does(
    bus_factory: BusFactory, tmp_path: Path, samples: dict[str, Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FORGOTTEN_AFTER_S", 2.0)
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG % 100 + "limits: {join_timeout_s: 1}\n")
    announced = load_config(config, session="mine").announced("paper")
    settings = Settings(home=tmp_path, nats_url=bus_factory.url)

    async def run() -> int:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            seq = await bus.publish(announced)
            strategies = StrategyService(settings, log_to_file=True)
            running = asyncio.create_task(strategies.run_session(bus, announced, seq))
            try:
                await instances(bus_factory, 1)
                while strategies._children:  # noqa: ASYNC110  # a process is watched from outside
                    await asyncio.sleep(0.05)
                await refuse_if_alive(bus, "mine", "strategy")
                started = msgspec.structs.replace(samples["session.started"], session="mine", id="mine/run.shell/2")
                await bus.publish(started)
                return len(await instances(bus_factory, 2))
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    assert asyncio.run(run()) == 2


SLOW = """
import time

from live_runner.strategies.base import Strategy


class Slow(Strategy):
    def observe(self, bar):
        {mark}.touch()
        while not {done}.exists():
            time.sleep(0.02)

    def on_bar(self, bar, view):
        return []
"""


def test_a_strategy_that_takes_long_for_a_decision_keeps_its_role(bus_factory: BusFactory, tmp_path: Path) -> None:
    """Its process answers nobody meanwhile; one that stands by would take the role, be as slow, and lose it again."""
    mark, done = (f"__import__('pathlib').Path({str(tmp_path / name)!r})" for name in ("mark", "done"))
    (tmp_path / "slow.py").write_text(SLOW.format(mark=mark, done=done))
    choice = StrategyChoice(path=str(tmp_path / "slow.py"))
    world = make_world(choice, market_seed=7, session="mine", bars=10, symbols=["BTC/USDT:USDT"])
    announced, started = begin(world.config, world.source, world.strategy_class, world.facts_and_items()[0], ENGINE)
    assert isinstance(announced, Announced)
    settings = Settings(home=tmp_path, nats_url=bus_factory.url)

    async def run() -> None:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            seq = await bus.publish(announced)
            running = asyncio.create_task(StrategyService(settings, log_to_file=True).run_session(bus, announced, seq))
            try:
                await instances(bus_factory, 1)
                await bus.publish(started)
                await bus.publish(world.market()[0])
                while not (tmp_path / "mark").exists():  # noqa: ASYNC110  # a process is watched from outside
                    await asyncio.sleep(0.02)
                for _ in range(2):
                    with pytest.raises(AlreadyOwned):
                        await refuse_if_alive(bus, "mine", "strategy")
                (tmp_path / "done").touch()
                with pytest.raises(AlreadyOwned):
                    await refuse_if_alive(bus, "mine", "strategy")
            finally:
                (tmp_path / "done").touch()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


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
