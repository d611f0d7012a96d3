"""The execution service: the order manager core over the log, and the operator's commands.

A command arrives as a request; what is accepted is logged as ``ops.command`` and folded from there like
any other input, at its place in the log. The reply leaves after the log has acknowledged it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from live_runner.contracts import subjects
from live_runner.contracts.config import Config
from live_runner.contracts.core import QueryOrder
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import BusUnavailable, CommandRefused, RunnerError
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    AccountReported,
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
    RiskLevels,
    Settled,
    Started,
    Stopped,
)
from live_runner.contracts.stages import SENDING_STAGES, check_stage
from live_runner.contracts.vocabulary import RISK_AUTHOR
from live_runner.services.execution.account_trades import BookedTrades
from live_runner.services.execution.accounts import Accounts, check_account
from live_runner.services.execution.command import CommandAnswer, CommandRequest, read_request
from live_runner.services.execution.command_files import watch
from live_runner.services.execution.core.account import account_of, author_of
from live_runner.services.execution.core.engine import FACTS, ExecutionCore
from live_runner.services.execution.core.guard import Known
from live_runner.services.execution.core.models import check_models
from live_runner.services.execution.rules_watch import RulesWatch
from live_runner.services.execution.start_guard import asking, check_start, owners_of
from live_runner.services.execution.symbol_owners import own_symbols
from live_runner.services.execution.venue_effects import VenueEffects
from live_runner.services.execution.venue_watch import VenueWatch
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event
from live_runner.services.runtime.service.core_shell import CoreShell
from live_runner.services.runtime.service.hosting import Host, instance_name, stop_on_signals
from live_runner.services.venues.sending import check_sending, check_source

__all__ = ["COMMANDS", "ExecutionShell", "serve"]

GUARD_LIMIT_S: Final = 30.0
"""How long the start guard asks for what the venue does not prove; half of ``limits.join_timeout_s`` at the beginning.
"""
LOOKS: Final = 2
"""Answers of the venue that ``reconcile`` asks for: the second one proves what the first one names."""
LOOKS_LIMIT_S: Final = 20.0
"""How long ``reconcile`` waits until they are folded."""
REMEDIES: Final = ("reconcile_adopt", "reconcile_flatten", "reconcile_halt")
COMMANDS: Final = ("stop", "kill", "resume", "flatten", *REMEDIES, "end", "abort")
"""``end`` lets the session run out in order; ``abort`` ends it where it is, when nobody decides any more."""


class ExecutionShell(CoreShell):
    """Runs the execution core of one session."""

    role = "execution"
    inputs = frozenset({Started, BarSet, FeedEnded, Decided, Finished, Command, *FACTS})
    domains = ("session", "market", "strategy", "ops")
    last_output = Stopped
    acted_on = (Executed,)

    def __init__(
        self,
        bus: Bus,
        announced: Announced,
        instance: str,
        folder: Path,
        others: Callable[[], Iterable[Announced]] = tuple,
    ) -> None:
        """``others`` gives the sessions that are under way, this one included, in the order of their announcements."""
        self._core = ExecutionCore(announced.session)
        super().__init__(bus, announced.session, self._core, instance)
        if announced.stage in SENDING_STAGES:
            types = (str(kind.__struct_config__.tag) for kind in FACTS)
            mine = (filter_ for type_ in types for filter_ in subjects.of_type(type_, announced.session))
            self._filters += tuple(filter_ for filter_ in mine if filter_.partition(".")[0] not in self.domains)
        self._announced = announced
        self.announcement = announced.id
        self._folder = folder
        self._others = others
        self._accepting = asyncio.Lock()
        self._files: asyncio.Task[None] | None = None
        self._refused = 0
        self._is_guarded = False
        self._undo: list[Callable[[], Awaitable[None]]] = []
        self._venue: VenueEffects | None = None
        self._looks: VenueWatch | None = None
        self._accounts_folded = 0
        self._account_folded = asyncio.Condition()
        self._trades = BookedTrades(announced.event_ns)
        self.progress |= {"intents": 0, "orders": 0, "fills": 0, "refused": 0, "equity": "", "gate": "open"}

    async def join(self) -> dict[str, Any]:
        check_engine(self.session, self._announced.engine)
        config = config_of(self._announced.config)
        check_stage(config, self._announced.stage)
        if self._announced.stage in SENDING_STAGES:
            check_source(config.market.source)
            check_sending(config.market.venue, config.market.options)
        await check_account(self.bus, self._announced, self._others())
        if self._announced.stage in SENDING_STAGES:
            await self._guard(config)
        return {}

    async def _guard(self, config: Config) -> None:
        """SessionRefused unless the symbols are its own, and the venue has what the log has, and nothing else."""
        under_way = [other.session for other in self._others()]
        await own_symbols(self.bus, self.session, str(config.account.name), config.market.symbols, under_way)
        limit_s = GUARD_LIMIT_S if self._core.has_begun else min(GUARD_LIMIT_S, config.limits.join_timeout_s / 2)

        def known() -> Known:
            orders = [query for query in self._core.queries() if isinstance(query, QueryOrder)]
            return Known(config, orders, owners_of(self._announced, self._others()), has_begun=self._core.has_begun)

        noted = await check_start(asking(self.bus, config, self.session), known, limit_s=limit_s)
        for finding in noted:
            self.log.warning(finding.what, kind=finding.kind, remedy=finding.remedy, ids=finding.ids)
        self._is_guarded = True

    def check(self, started: Started) -> None:
        super().check(started)
        check_models(started)

    async def run(self, start_seq: int = 1) -> None:
        try:
            await super().run(start_seq)
        finally:
            if self._files is not None:
                self._files.cancel()
            if self._venue is not None:
                await self._venue.stop()
            for undo in self._undo:
                await undo()

    async def ready(self) -> None:
        if self._announced.stage in SENDING_STAGES:
            config = config_of(self._announced.config)
            if not self._is_guarded:
                await self._guard(config)
            epoch, queries = self.ownership.epoch, self._core.queries
            self._venue = VenueEffects(self.bus, self.session, config, epoch, self._note, queries)
            self.beside.append(self._venue.failed)
            began_ns = self._announced.event_ns
            self._looks = looks = VenueWatch(self.bus, config, self._venue, self._note, began_ns, self._trades)
            rules = RulesWatch(self._venue, self._note, tuple(config.market.symbols))
            self._venue.start(self._core.timers(), looks.orders(), looks.trades(), looks.account(), rules.run())
        self._undo.append(await self.bus.on(subjects.command("*", self.session), self._on_command))
        if os.access(self._folder.parent.parent, os.W_OK):
            self._files = asyncio.create_task(watch(self._folder, self._on_file))

    def carry_out(self, effect: Any) -> None:
        if self._venue is not None:
            self._venue.take(effect, self._publisher.acknowledgement())

    async def _note(self, kind: type[Event], fields: dict[str, Any]) -> None:
        await self._publisher.publish(self.ownership.note(kind, **fields))

    async def _on_file(self, name: str, reason: str) -> bool:
        request = CommandRequest(author="command file", reason=reason)
        return (await self._answer_command(name, msgspec.msgpack.encode(request))).accepted

    async def _on_command(self, subject: str, data: bytes) -> bytes:
        return msgspec.msgpack.encode(await self._answer_command(subject.split(".")[2], data))

    async def _answer_command(self, name: str, data: bytes) -> CommandAnswer:
        try:
            if name == "reconcile":
                read_request(name, data)
                return CommandAnswer(True, differences=await self._differences())
            command_id = await self._accept(name, data)
            return CommandAnswer(True, id=command_id)
        except CommandRefused as error:
            self._refused += 1
            await self.incident("warning", "command_refused", str(error), cause=f"{name}#{self._refused}")
            return CommandAnswer(False, message=masked(str(error)))
        except TimeoutError:
            return CommandAnswer(False, message="The answers of the venue are not folded yet. Try again")
        except RunnerError as error:
            return CommandAnswer(False, message=masked(str(error)))

    async def _differences(self) -> list[dict[str, Any]]:
        """What differs by two answers of the venue that are asked for now."""
        if self._looks is None:
            raise CommandRefused(
                f"The session {self.session} sends no orders: there is nothing beside its ledger",
                remedy="Nothing to do: its ledger is all there is",
            )
        wanted = self._accounts_folded + LOOKS
        whole = [await self._looks.look() for _ in range(LOOKS)]
        if not all(whole):
            raise CommandRefused(
                f"The venue did not list the positions of {self.session} wholly: nothing is compared",
                remedy="Try again; the gateway's log says what came",
            )
        async with asyncio.timeout(LOOKS_LIMIT_S), self._account_folded:
            await self._account_folded.wait_for(lambda: self._accounts_folded >= wanted)
        return self._core.differences()

    async def _accept(self, name: str, data: bytes) -> str:
        if name not in COMMANDS:
            raise CommandRefused(f"'{name}' is not a valid command", remedy=f"Use one of {', '.join(COMMANDS)}")
        request = read_request(name, data)
        async with self._accepting:
            if request.author.startswith(RISK_AUTHOR) and (known := await self._of_account(name, request)):
                return known
            return await self._log(name, request)

    async def _of_account(self, name: str, request: CommandRequest) -> str:
        """Id of a command of the session's account that the log has already, "" for a new one.

        An account lifts only what it has set itself: not while an operator's command came after its own.
        """
        account = account_of(self._announced.config)
        if not account or request.author != author_of(account):
            raise CommandRefused(
                f"'{request.author}' is not the account of the session {self.session}",
                remedy="Give another author: those of accounts begin with risk:",
            )
        last = await last_event(self.bus, subjects.event_subject("ops.command", self.session), Command)
        before = None if last is None else last[1]
        if before is not None and (before.author, before.cause) == (request.author, request.cause):
            return before.id if before.command == name else ""
        if name == "resume" and (before is None or before.author != request.author):
            raise CommandRefused("An operator has given a command since", remedy="Nothing to do: it stands")
        return ""

    async def _log(self, name: str, request: CommandRequest) -> str:
        await self._publisher.flush()  # a command behind an output that was refused would be in the log all the same
        command = self.ownership.note(
            Command,
            # Time in a simulated market is the market's: the close that was settled last.
            event_ns=self.progress["close_ns"],
            cause=request.cause,
            command=name,
            author=request.author,
            reason=request.reason,
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
        self._trades.folded(event, effects)
        if isinstance(event, Decided):
            self.progress["intents"] += len(event.intents)
        if isinstance(event, AccountReported):
            async with self._account_folded:
                self._accounts_folded += 1
                self._account_folded.notify_all()
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
            elif isinstance(effect, RiskLevels):
                self.progress["limits"] = msgspec.to_builtins(effect.levels)


async def serve(settings: Settings, *, only: str | None = None) -> None:
    """The execution service, until it is asked to stop."""
    instance = instance_name("execution")
    accounts = Accounts(instance)

    async def run_session(bus: Bus, announced: Announced, stream_seq: int) -> None:
        folder = settings.home / "sessions" / announced.session
        shell = ExecutionShell(bus, announced, instance, folder, lambda: host.under_way)
        await accounts.beside(bus, announced, shell.run(stream_seq))

    host = Host(settings, "execution", run_session, only=only)
    await host.run(stop_on_signals())
