"""The execution service: the order manager core over the log, and the operator's commands.

A command arrives as a request; what is accepted is logged as ``ops.command`` and folded from there like
any other input, at its place in the log. The reply leaves after the log has acknowledged it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from live_runner.contracts import subjects
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import BusUnavailable, CommandRefused, RunnerError
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    Announced,
    BarSet,
    Command,
    Decided,
    Denied,
    Event,
    Executed,
    FeedEnded,
    Filled,
    Finished,
    Requested,
    Settled,
    Started,
    Stopped,
)
from live_runner.hotpath.engine.state import SENDING_STAGES
from live_runner.services.execution.command_files import watch
from live_runner.services.execution.core.engine import FACTS, ExecutionCore
from live_runner.services.execution.core.models import check_models
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.core_shell import CoreShell
from live_runner.services.runtime.service.hosting import Host, instance_name, stop_on_signals

__all__ = ["COMMANDS", "CommandAnswer", "CommandRequest", "ExecutionShell", "serve"]

COMMANDS: Final = ("stop", "kill", "resume", "flatten", "end", "abort")
"""``end`` lets the session run out in order; ``abort`` ends it where it is, when nobody decides any more."""

AUTHOR_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500


class CommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an operator's command."""

    author: Annotated[str, Meta(max_length=AUTHOR_LENGTH_MAX)]
    reason: str = ""


class CommandAnswer(msgspec.Struct):
    """The answer to a command: the id of the logged command, or why it was refused."""

    accepted: bool
    id: str = ""
    message: str = ""


class ExecutionShell(CoreShell):
    """Runs the execution core of one session."""

    role = "execution"
    inputs = frozenset({Started, BarSet, FeedEnded, Decided, Finished, Command, *FACTS})
    domains = ("session", "market", "strategy", "ops")
    last_output = Stopped
    acted_on = (Executed,)

    def __init__(self, bus: Bus, announced: Announced, instance: str, folder: Path) -> None:
        super().__init__(bus, announced.session, ExecutionCore(announced.session), instance)
        if announced.stage in SENDING_STAGES:
            types = (str(kind.__struct_config__.tag) for kind in FACTS)
            mine = (filter_ for type_ in types for filter_ in subjects.of_type(type_, announced.session))
            self._filters += tuple(filter_ for filter_ in mine if not filter_.startswith("session."))
        self._announced = announced
        self.announcement = announced.id
        self._folder = folder
        self._files: asyncio.Task[None] | None = None
        self._refused = 0
        self._undo: list[Callable[[], Awaitable[None]]] = []
        self.progress |= {"intents": 0, "orders": 0, "fills": 0, "refused": 0, "equity": "", "gate": "open"}

    async def join(self) -> dict[str, Any]:
        check_engine(self.session, self._announced.engine)
        config_of(self._announced.config)
        return {}

    def check(self, started: Started) -> None:
        super().check(started)
        check_models(started)

    async def run(self, start_seq: int = 1) -> None:
        try:
            await super().run(start_seq)
        finally:
            if self._files is not None:
                self._files.cancel()
            for undo in self._undo:
                await undo()

    async def ready(self) -> None:
        self._undo.append(await self.bus.on(subjects.command("*", self.session), self._on_command))
        if os.access(self._folder.parent.parent, os.W_OK):
            self._files = asyncio.create_task(watch(self._folder, self._on_file))

    async def _on_file(self, name: str, reason: str) -> bool:
        request = CommandRequest(author="command file", reason=reason)
        return (await self._answer_command(name, msgspec.msgpack.encode(request))).accepted

    async def _on_command(self, subject: str, data: bytes) -> bytes:
        return msgspec.msgpack.encode(await self._answer_command(subject.split(".")[2], data))

    async def _answer_command(self, name: str, data: bytes) -> CommandAnswer:
        try:
            command_id = await self._accept(name, data)
            return CommandAnswer(True, id=command_id)
        except CommandRefused as error:
            self._refused += 1
            await self.incident("warning", "command_refused", str(error), cause=f"{name}#{self._refused}")
            return CommandAnswer(False, message=masked(str(error)))
        except RunnerError as error:
            return CommandAnswer(False, message=masked(str(error)))

    async def _accept(self, name: str, data: bytes) -> str:
        if name not in COMMANDS:
            raise CommandRefused(f"'{name}' is not a valid command", remedy=f"Use one of {', '.join(COMMANDS)}")
        try:
            request = msgspec.msgpack.decode(data, type=CommandRequest)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise CommandRefused(
                f"The {name} command cannot be read: {error}", remedy="Send author and reason"
            ) from error
        if not request.author.strip():
            raise CommandRefused(f"The {name} command names no author", remedy="Give its author")
        await self._publisher.flush()  # a command behind an output that was refused would be in the log all the same
        command = self.ownership.note(
            Command,
            # Time in a simulated market is the market's: the close that was settled last.
            event_ns=self.progress["close_ns"],
            command=name,
            author=request.author,
            reason=request.reason[:REASON_LENGTH_MAX],
        )
        await self._publisher.publish(command)
        try:
            await self._publisher.flush()
        except RunnerError as error:
            raise BusUnavailable(
                f"It is not known whether the {name} command is in the log: {error.what}",
                remedy=f"See `live-runner status`, and give the command again if it is not: {error.remedy}",
                session=self.session,
            ) from error
        return command.id

    async def folded(self, event: Event, effects: Sequence[Any], *, is_recovered: bool) -> None:
        if isinstance(event, Decided):
            self.progress["intents"] += len(event.intents)
        for effect in effects:
            if isinstance(effect, Settled):
                self.progress["equity"] = effect.equity
                self.progress["gate"] = effect.gate
            elif isinstance(effect, Requested):
                self.progress["orders"] += 1
            elif isinstance(effect, Filled):
                self.progress["fills"] += 1
            elif isinstance(effect, Denied):
                self.progress["refused"] += 1


async def serve(settings: Settings, *, only: str | None = None) -> None:
    """The execution service, until it is asked to stop."""
    instance = instance_name("execution")

    async def run_session(bus: Bus, announced: Announced, stream_seq: int) -> None:
        folder = settings.home / "sessions" / announced.session
        await ExecutionShell(bus, announced, instance, folder).run(stream_seq)

    await Host(settings, "execution", run_session, only=only).run(stop_on_signals())
