"""The strategy service: one child process per session, watched from outside.

A child that crashes is started again from the log. One whose strategy code runs longer than
``decide_timeout`` is ended and started again with an incident; the second time the session's entries
are stopped and the session is ended where it is. No session waits for another one's strategy.

A process for each session costs memory, so their number has a limit (``LIVE_RUNNER_STRATEGIES_MAX``); a session
that would be one more is declined by name.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, TextIO

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import (
    BusUnavailable,
    OurFault,
    RunnerError,
    ServiceUnavailable,
    SessionRefused,
    StrategyError,
)
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import Announced, Decided, Event, Finished, Incident, JoinDeclined, Started, Stopped
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, last_event
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.hosting import Host, instance_name, stop_on_signals
from live_runner.services.runtime.service.ownership import AlreadyOwned, Ownership, refuse_if_alive
from live_runner.services.runtime.service.voiding import void_rest
from live_runner.services.strategy.child_args import ChildArgs
from live_runner.services.strategy.login import without_login, write_login
from live_runner.services.strategy.output import forward_output, keep_output
from live_runner.services.strategy.restarts import Restarts
from live_runner.services.strategy.watchdog import BusyFlag

__all__ = ["StrategyService", "serve"]

WATCH_EVERY_S: Final = 0.1
ANSWER_AFTER_S: Final = 0.3
"""After so long in strategy code the service answers for a child that it is alive: the child itself cannot."""
LOST_WAIT_S: Final = 1.0
"""How long after the child this process may notice that NATS is away."""
_OF_OTHERS: Final = (AlreadyOwned.exit_code, BusUnavailable.exit_code)
_ENDS: Final[dict[str, type[Event]]] = {
    "strategy.finished": Finished,
    "session.stopped": Stopped,
    "session.refused": JoinDeclined,
}
FORGOTTEN_AFTER_S: Final = 30.0
"""How long after ``limits.join_timeout_s`` a session that nobody started keeps its process."""
STOP_WAIT_S: Final = 5.0
OUTPUT_WAIT_S: Final = 1.0
"""How long the rest of a process's output is read after its end."""
COMMAND_LIMIT_S: Final = 30.0
"""How long execution may be unavailable when a session has to be stopped."""
COMMAND_RETRY_S: Final = 0.5


class StrategyService:
    """Runs the child of each session that the host finds."""

    def __init__(self, settings: Settings, *, log_to_file: bool = False) -> None:
        self._settings = settings
        self._log_to_file = log_to_file
        self._log = log.get("strategy")
        self._children = 0

    async def run_session(self, bus: Bus, announced: Announced, stream_seq: int) -> None:
        """Keep the session's child running until it has ended.

        VersionMismatch for another engine's session, SessionRefused for one that is one too many.
        """
        check_engine(announced.session, announced.engine)
        is_over = False
        while not is_over:
            self._children += 1
            try:
                if self._children > self._settings.strategies_max:
                    await self._decline_unless_started(bus, announced)
                is_over = await self._keep_unless_forgotten(bus, announced, stream_seq)
            finally:
                self._children -= 1
            if not is_over:
                await self._until_started(bus, announced.session)

    async def _keep_unless_forgotten(self, bus: Bus, announced: Announced, stream_seq: int) -> bool:
        """Keep the child; False when it was ended because nobody has started the session in time."""
        limit_s = config_of(announced.config).limits.join_timeout_s + FORGOTTEN_AFTER_S
        keeping = asyncio.create_task(self._keep_child(bus, announced, stream_seq))
        starting = asyncio.create_task(self._until_started(bus, announced.session))
        try:
            done, _ = await asyncio.wait([keeping, starting], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._log.warning("nobody has started the session; its process ends", session=announced.session)
                return False
            if keeping not in done:
                starting.result()
            await keeping
            return True
        finally:
            for task in (keeping, starting):
                task.cancel()
            await asyncio.gather(keeping, starting, return_exceptions=True)

    async def _until_started(self, bus: Bus, session: str) -> None:
        reader = await bus.reader([subjects.event_subject("session.started", session)])
        try:
            async for message in reader:
                if isinstance(event_of(message), Started):
                    return
        finally:
            await reader.close()
        raise BusUnavailable("The session's log ended", remedy="Check that NATS runs")

    async def _decline_unless_started(self, bus: Bus, announced: Announced) -> None:
        """A session that is under way is taken up again whatever the limit is: nobody else would end its orders."""
        if await last_event(bus, subjects.event_subject("session.started", announced.session), Started) is not None:
            return
        limit = self._settings.strategies_max
        error = SessionRefused(
            f"The strategy service runs as many sessions as LIVE_RUNNER_STRATEGIES_MAX allows: {limit}",
            remedy="End a session, or raise LIVE_RUNNER_STRATEGIES_MAX and start the strategy service again",
            reason="too_many_strategies",
            limit=limit,
        )
        ownership = await Ownership.take(bus, announced.session, "strategy", instance_name("strategy"))
        try:
            await self._refuse(bus, announced, ownership, error)
        finally:
            await ownership.release()
        raise error

    async def _keep_child(self, bus: Bus, announced: Announced, stream_seq: int) -> None:
        timeout_s = config_of(announced.config).limits.decide_timeout_s
        restarts = Restarts()
        trouble = ""
        while True:
            # A process that stands by would otherwise start a child at each look, only to see it refused.
            await refuse_if_alive(bus, announced.session, "strategy")
            code, hung = await self._run_child(bus, announced.session, stream_seq, trouble, timeout_s)
            if code == 0 and await self._is_over(bus, announced):
                return
            if code == OurFault.exit_code and await self._has_reported(bus, announced.session):
                raise StrategyError(
                    f"The strategy of session {announced.session} ended with exit code {code}",
                    remedy="See the incident in its log and the strategy's log",
                    session=announced.session,
                )
            if code in (AlreadyOwned.exit_code, BusUnavailable.exit_code):
                await self._check_reason(bus, announced)
            decisions = await self._decisions(bus, announced.session)
            if hung:
                trouble = f"The strategy did not answer within {timeout_s:g} s (limits.decide_timeout_s)"
                is_worth_it = restarts.hung(decisions)
            else:
                how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
                trouble = f"The strategy's process {how}"
                # A fault that it reported itself comes again; any other end may have been somebody else's doing.
                is_worth_it = restarts.crashed(decisions) and (code <= 0 or code in _OF_OTHERS)
            self._log.error("strategy process ended", session=announced.session, reason=trouble, exit_code=code)
            if not is_worth_it:
                await self._give_up(bus, announced, trouble)

    async def _check_reason(self, bus: Bus, announced: Announced) -> None:
        """Raise what the process ended for, if it is so: strategy code can end it with any exit code.

        BusUnavailable when NATS is away or refuses, AlreadyOwned while another process has the role.
        """
        await asyncio.wait([bus.lost], timeout=LOST_WAIT_S)
        if bus.lost.done():
            bus.lost.result()
        # Where NATS answers and refuses, taking the role says why: no room, most likely.
        await (await Ownership.take(bus, announced.session, "strategy", instance_name("strategy"))).release()

    async def _has_reported(self, bus: Bus, session: str) -> bool:
        """Whether the process itself has put in the log that it cannot go on: any exit code can be strategy code's."""
        last = await last_event(bus, subjects.event_subject("ops.incident", session), Incident)
        return last is not None and last[1].severity == "fatal" and last[1].source.startswith("strategy.")

    async def _is_over(self, bus: Bus, announced: Announced) -> bool:
        """Whether the log says that the strategy has nothing more to do in this session."""
        for type_, kind in _ENDS.items():
            last = await last_event(bus, subjects.event_subject(type_, announced.session), kind)
            if last is not None and (kind is not JoinDeclined or last[1].cause == announced.id):
                return True
        return False

    async def _decisions(self, bus: Bus, session: str) -> int:
        last = await last_event(bus, subjects.event_subject("strategy.decided", session), Decided)
        return 0 if last is None else last[1].seq

    async def _run_child(
        self, bus: Bus, session: str, stream_seq: int, trouble: str, timeout_s: float
    ) -> tuple[int, bool]:
        from live_runner.services.runtime.embedded import launch

        busy = BusyFlag.create()
        login = write_login(self._settings)
        args = ChildArgs(session, stream_seq, busy.descriptor, trouble, self._log_to_file, login)
        process = await asyncio.create_subprocess_exec(
            *launch.command(),
            sys.executable,
            "-P",
            "-m",
            "live_runner.services.strategy.child",
            msgspec.json.encode(args).decode(),
            pass_fds=(busy.descriptor, login),
            env=without_login(self._settings) | log.format_of(self._settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if self._log_to_file else asyncio.subprocess.PIPE,
        )
        os.close(login)
        outputs = [asyncio.create_task(output) for output in self._outputs(process, session)]
        hung = False
        answering = AsyncExitStack()
        try:
            ended, was_answering = asyncio.ensure_future(process.wait()), False
            while not ended.done():
                await asyncio.wait([ended], timeout=WATCH_EVERY_S)
                is_answering = busy.busy_s() > ANSWER_AFTER_S and not ended.done()
                if is_answering != was_answering:
                    await answering.aclose()
                    if is_answering:
                        answering.push_async_callback(await bus.on(subjects.liveness("strategy", session), _alive))
                    was_answering = is_answering
                if busy.busy_s() > timeout_s and not ended.done():
                    hung = True
                    process.kill()
                    await ended
            return ended.result(), hung
        except asyncio.CancelledError:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_WAIT_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
            raise
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if not bus.lost.done():
                await answering.aclose()
            await asyncio.wait(outputs, timeout=OUTPUT_WAIT_S)
            for output in outputs:
                output.cancel()
            busy.close()

    def _outputs(self, process: asyncio.subprocess.Process, session: str) -> Iterator[Coroutine[Any, Any, None]]:
        assert process.stdout is not None, "it is a pipe"
        if process.stderr is None:
            yield keep_output(process.stdout, self._settings.logs / f"strategy.{session}.out")
            return
        for stream, ours in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            yield forward_output(stream, f"the strategy of session {session}", partial(_write, ours))

    async def _give_up(self, bus: Bus, announced: Announced, why: str) -> None:
        """Say so in the log, stop the session's entries and end it where it is; always raises StrategyError."""
        error = StrategyError(
            f"The strategy {announced.strategy} of session {announced.session} was given up. {why}",
            remedy="Fix the strategy (see its log) and run it as a new session",
            session=announced.session,
        )
        ownership = await Ownership.take(bus, announced.session, "strategy", instance_name("strategy"))
        try:
            if await last_event(bus, subjects.event_subject("session.started", announced.session), Started) is None:
                await self._refuse(bus, announced, ownership, error)
            else:
                note = ownership.note(Incident, severity="error", code="strategy_given_up", message=str(error))
                await bus.publish(note)
                await void_rest(bus, ownership, ("strategy",))
                for command in ("stop", "abort"):
                    await self._command(bus, ownership, command, f"{announced.strategy} was given up. {why}")
        finally:
            await ownership.release()
        raise error

    async def _refuse(self, bus: Bus, announced: Announced, ownership: Ownership, error: RunnerError) -> None:
        last = await last_event(bus, subjects.event_subject("session.refused", announced.session), JoinDeclined)
        if last is not None and last[1].cause == announced.id:
            return  # the child did so itself
        await bus.publish(ownership.refusal(error, announcement=announced.id))

    async def _command(self, bus: Bus, ownership: Ownership, command: str, reason: str) -> None:
        """Have execution take a command; a fatal incident when it does not within ``COMMAND_LIMIT_S``."""
        body = msgspec.msgpack.encode({"author": "strategy service", "reason": reason})
        deadline = time.monotonic() + COMMAND_LIMIT_S
        while True:
            try:
                answer = codec.fields(await bus.request(subjects.command(command, ownership.session), body))
                refusal = "" if answer.get("accepted") else str(answer.get("message"))
            except ServiceUnavailable as error:
                refusal = str(error)
            if not refusal:
                return
            self._log.error("command was not accepted", session=ownership.session, command=command, reason=refusal)
            if time.monotonic() > deadline:
                message = f"The {command} command for a session without a strategy was not accepted: {refusal}"
                await bus.publish(ownership.note(Incident, severity="fatal", code="strategy_given_up", message=message))
                return
            await asyncio.sleep(COMMAND_RETRY_S)


async def _alive(_subject: str, _data: bytes) -> bytes:
    """The answer for a child that is in strategy code."""
    return instance_name("strategy").encode()


def _write(ours: TextIO, data: bytes) -> None:
    with suppress(OSError, ValueError):  # whoever read our output has gone
        ours.buffer.write(data)
        ours.flush()


async def serve(settings: Settings, *, only: str | None = None, log_to_file: bool = False) -> None:
    """The strategy service, until it is asked to stop."""
    service = StrategyService(settings, log_to_file=log_to_file)
    await Host(settings, "strategy", service.run_session, only=only).run(stop_on_signals())
