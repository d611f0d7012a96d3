"""How the engines of today play a session of the corpus: the only file of it that knows them.

    for name, play in available().items():
        outputs = play(session)          # None where that player cannot: it has no commands, no late bars, gave up

A player gives the outputs of the cores in log order, their hashes empty or not, and ``Failed`` at the end of a
session that ends in an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from corpus.chain import Output, failed
from corpus.draws import Draw
from corpus.live import Script
from corpus.sessions import Session
from msgspec.structs import replace

from live_runner.contracts.errors import RunnerError
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Command, Event, Started
from live_runner.services.backtest.loop import ABORT, Backtest, CommandAt
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import (
    Engine,
    MarketFacts,
    begin,
    load_strategy,
    warmup_needed,
    with_defaults,
)
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.market_data.core.warmup import plan
from live_runner.services.strategy.core.host import StrategyCore

type Player = Callable[[Session], list[Output] | None]

ENGINE = Engine(version="corpus", hash="0" * 32, platform={})
_ENDINGS = (RunnerError, ArithmeticError, ValueError)
_CORES = ("execution", "strategy")
_RESTARTS_PERCENT = 15
"""Of the inputs, how many find both cores restarted."""


def available() -> dict[str, Player]:
    """The players of this process; a compiled strategy runs on the compiled engine only."""
    players: dict[str, Player] = {"messages": play_messages, "restarted": play_restarted, "columns": play_columns}
    if os.environ.get("LIVE_RUNNER_HOTPATH") != "reference":
        players["compiled"] = play_compiled
    return players


def play_messages(session: Session) -> list[Output] | None:
    """Through the services' cores, message by message."""
    return _play_cores(session, restarts_percent=0)


def record(session: Session) -> list[Event]:
    """The log of a session, hashes included, as far as it came."""
    world = World(session)
    announced, started = begin(world.config, session.source, world.strategy_class, world.facts, ENGINE)
    events: list[Event] = [announced]
    with suppress(*_ENDINGS):
        backtest = Backtest(started, world.strategy_class, hashing=True, commands=world.commands(), sink=events.append)
        backtest.run(world.market())
    return events


def play_restarted(session: Session) -> list[Output] | None:
    """The same, with both cores put away as snapshots and taken up again now and then; a part of the sessions."""
    return _play_cores(session, restarts_percent=_RESTARTS_PERCENT) if session.restarts else None


def _play_cores(session: Session, *, restarts_percent: int) -> list[Output]:
    outputs: list[Output] = []
    draw = Draw(f"{session.name} restarts")
    try:
        world = World(session)
        if session.live:
            _play_live(world, outputs, lambda: draw.chance(restarts_percent))
            return outputs
        backtest = Backtest(
            world.started, world.strategy_class, hashing=False, commands=world.commands(), sink=_of_cores(outputs)
        )

        def market() -> Iterator[Event]:
            for event in world.market():
                if draw.chance(restarts_percent):
                    backtest.execution = world.execution(backtest.execution.snapshot())
                    backtest.strategy = world.strategy(backtest.strategy.snapshot())
                yield event

        backtest.run(market())
    except _ENDINGS as error:
        return failed(outputs, error)
    return outputs


def play_columns(session: Session) -> list[Output] | None:
    """Over columns, with the Python strategy."""
    return _play_loop(session, compiled=False)


def play_compiled(session: Session) -> list[Output] | None:
    """Over columns, with the strategy's compiled twin."""
    return _play_loop(session, compiled=True) if session.has_compiled_strategy else None


def _play_loop(session: Session, *, compiled: bool) -> list[Output] | None:
    from live_runner.services.backtest.columns import run_columns

    if session.live or session.late or session.commands:
        return None
    outputs: list[Output] = []
    try:
        world = World(session)
        result = run_columns(
            world.config, session.source, world.facts, world.timeline, ENGINE, compiled=compiled,
            sink=_of_cores(outputs),
        )  # fmt: skip
    except _ENDINGS as error:
        return failed(outputs, error)
    return None if result is None else outputs


def _play_live(world: World, outputs: list[Output], restarts: Callable[[], bool]) -> None:
    core = ExecutionCore(world.config.session, hashing=False)
    script = Script(world.session, world.market())
    core.handle(replace(world.started, stage="live"))
    for event in script.inputs():
        if restarts():
            core = world.execution(core.snapshot())
        effects = list(core.handle(event))
        outputs.extend(effects)
        script.take(effects)


class World:
    """What both engines need of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.strategy_class: type[Any] = load_strategy(session.config, session.source)
        self.config = with_defaults(session.config, self.strategy_class)
        timeframe = self.config.market.timeframe
        needed = warmup_needed(self.config, self.strategy_class)
        begins = plan(session.columns, timeframe, needed, accept_holes=True)
        self.timeline = SetTimeline(
            session.columns,
            timeframe,
            begin_ns=begins.begin_ns,
            first_open_ns=begins.first_open_ns,
            funding=session.funding,
        )
        self.facts = MarketFacts(
            instruments=session.instruments,
            dataset={},
            warmup_found=begins.warmup_found,
            first_open_ns=begins.first_open_ns,
        )

    @property
    def started(self) -> Started:
        _, started = begin(self.config, self.session.source, self.strategy_class, self.facts, ENGINE)
        return started if self.session.policy is None else replace(started, policy=self.session.policy)

    def execution(self, snapshot: bytes) -> ExecutionCore:
        core = ExecutionCore(self.config.session, hashing=False)
        core.restore(snapshot)
        return core

    def strategy(self, snapshot: bytes) -> StrategyCore:
        core = StrategyCore(self.config.session, self.strategy_class, hashing=False)
        core.restore(snapshot)
        return core

    def market(self) -> Iterator[Event]:
        """The market's events, with the bars that came late marked so."""
        late = self.session.late
        for event in numbered(self.config.session, self.timeline.items()):
            if late and isinstance(event, BarSet):
                bars = [replace(bar, late=(event.number, bar.symbol) in late) for bar in event.bars]
                event = replace(event, bars=bars)
            yield event

    def commands(self) -> list[CommandAt]:
        """The operator's commands at their steps."""
        name, opens = self.config.session, self.timeline.opens_ns[self.timeline.warmup_sets :]
        placed = []
        for seq, (at, phase, command) in enumerate(self.session.commands, start=1):
            close_ns = int(opens[min(at, len(opens) - 1)]) + self.timeline.length_ns
            source = "execution.shell"
            event = Command(
                command=command, author="operator", reason="drawn", id=event_id(name, source, seq), session=name,
                source=source, seq=seq, event_ns=close_ns,
            )  # fmt: skip
            placed.append(CommandAt(after=(close_ns, phase), command=event))
        assert all(item.command.command != ABORT for item in placed[:-1])
        return placed


def _of_cores(outputs: list[Output]) -> Callable[[Event], None]:
    def sink(event: Event) -> None:
        if event.source in _CORES:
            outputs.append(event)

    return sink
