"""The gateway of one venue account as a process: it answers requests on the bus, and decides nothing.

A request that changes something is refused when another process owns the session's execution by now: the last
``session.owned`` is looked up for each, so that a process that was paused and wakes up sends nothing, whatever it and
this one believe of the time. The send window is measured at the last hop, on a clock that goes on while a machine
sleeps.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from live_runner.contracts import codec, subjects
from live_runner.contracts.core import CancelOrder, SendOrder
from live_runner.contracts.errors import BusUnavailable, MessageError, OwnershipLost, VenueUnavailable
from live_runner.contracts.gateway import CHANGING_VERBS, GatewayRequest, Outcome, decode_request, encode
from live_runner.contracts.messages import Owned, VenueCall
from live_runner.services.gateway.account_file import AccountFile, credentials_of, read_account
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.core.venue_time import VenueTime
from live_runner.services.gateway.requests import RequestAnswerer
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.boot_clock import boot_ns, moment
from live_runner.services.runtime.service.health import Health
from live_runner.services.runtime.service.hosting import instance_name, stop_on_signals
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.venues.ccxt_account import CcxtAccount
from live_runner.services.venues.ccxt_streams import STREAMS, AccountStreams
from live_runner.services.venues.recording import Recorder, Recording
from live_runner.services.venues.registry import profile_of

__all__ = ["Gateway", "open_gateway", "serve"]

ROLE: Final = "gateway"
CLOCK_EVERY_S: Final = 60.0
CLOCK_TRIES: Final = 5
RECONNECT_EVERY_S: Final = 0.2
RECONNECT_LIMIT_S: Final = 600.0
STREAM_RETRY_FIRST_S: Final = 0.5
STREAM_RETRY_MAX_S: Final = 30.0
UNDER_WAY_MAX: Final = 1000
"""Requests that are answered at once; one more waits."""
_S: Final = 1_000_000_000


class Gateway:
    """The requests of one account, between the bus and the venue."""

    def __init__(self, name: str, account: CcxtAccount, venue_time: VenueTime, *, send_window_s: float) -> None:
        profile = profile_of(account.venue)
        self.name = name
        self.account = account
        self.venue_time = venue_time
        self.answerer = RequestAnswerer(account, Budget(profile.weight_limit, profile.weight_window_s * _S), boot_ns)
        self.answerer.on_follow_up = self._follow_up
        self.streams: AccountStreams | None = None
        """The account's private streams; none where a recording stands in the venue's place."""
        self._ownership: Ownership | None = None
        """Of the account, while this process answers on the bus."""
        self._window_ns = int(send_window_s * _S)
        self._wanted: set[str] = set()
        """What answers have asked for and nobody has looked at yet."""
        self._work = asyncio.Event()
        self._log = log.get(ROLE)

    async def handle(self, bus: Bus, data: bytes) -> bytes:
        """The answer to one request on the bus."""
        try:
            request = decode_request(data)
        except MessageError as error:
            return encode(Outcome(verb="query", fate="not_sent", code="bad_request", message=masked(str(error))))
        outcome = await self.answer(bus, request)
        if outcome.fate not in ("done", "gone"):
            self._log.warning(
                "a request was not done",
                verb=outcome.verb,
                fate=outcome.fate,
                code=outcome.code,
                message=masked(outcome.message),
                session=request.session,
                stream_seq=request.stream_seq,
            )
        return encode(outcome)

    async def answer(self, bus: Bus, request: GatewayRequest) -> Outcome:
        """What a request has come to."""
        refused = self._refusal(request)
        if self._ownership is not None:
            await self._check_owner(bus, self._ownership)
        if refused is None and request.verb in CHANGING_VERBS:
            refused = await self._old_epoch(bus, request) or await self._other_owner(bus, request)
        if refused is not None:
            return refused
        window_ns = request.window_ns or self._window_ns

        def check() -> str:
            age_ns = request.made.age_ns(moment())
            if request.verb in CHANGING_VERBS and not 0 <= age_ns <= window_ns:
                return f"send_window: {age_ns / _S:.3f} s have passed since it was asked for, {window_ns / _S:g} s may"
            return ""

        return await self.answerer.answer(request, check)

    def _refusal(self, request: GatewayRequest) -> Outcome | None:
        if request.account != self.name:
            return _not_sent(request, "other_account", f"this is the gateway of the account {self.name}")
        if not self.venue_time.is_known:
            return _not_sent(request, "clock", "the venue's clock is not known")
        return None

    async def _old_epoch(self, bus: Bus, request: GatewayRequest) -> Outcome | None:
        """Refuse whoever does not own the session's execution by the log of this moment."""
        if not subjects.is_session(request.session):
            return _not_sent(request, "bad_request", "a request that changes something names its session")
        last = await last_event(bus, subjects.owned(request.session, "execution"), Owned)
        epoch = 0 if last is None else last[1].epoch
        if request.epoch != epoch or not epoch:
            what = f"it is of epoch {request.epoch}, and the session's execution is in epoch {epoch}"
            return _not_sent(request, "old_epoch", what)
        return None

    async def _other_owner(self, bus: Bus, request: GatewayRequest) -> Outcome | None:
        """Refuse a session for a symbol of the account that another one trades."""
        effect = request.effect
        if not isinstance(effect, SendOrder | CancelOrder):
            return None
        symbol = effect.order.symbol if isinstance(effect, SendOrder) else effect.symbol
        last = await last_event(bus, subjects.owned(self.name, subjects.symbol_role(symbol)), Owned)
        if last is None or last[1].instance == request.session:
            return None
        return _not_sent(request, "other_session", f"{symbol} of this account is traded by {last[1].instance}")

    async def _check_owner(self, bus: Bus, ownership: Ownership) -> None:
        """OwnershipLost once another process is the account's gateway: this one was paused, and wakes up."""
        last = await bus.last_seq_of(ownership.guard.subject)
        if last != ownership.stream_seq:
            raise OwnershipLost(
                f"The account {self.name} has another gateway now",
                remedy="Nothing to do: the other process answers",
                subject=ownership.guard.subject,
            )

    # -- what goes on beside the requests ---------------------------------------------------------

    def _follow_up(self, what: str) -> None:
        self._wanted.add(what)
        if what == "clock":
            self.venue_time.doubt()
        self._work.set()

    async def _on_venue_call(self, subject: str, data: bytes) -> None:
        """Market data of some session of this address was sent away by the venue: that holds for orders, too."""
        try:
            call = codec.read(subject, data)
        except MessageError:
            return
        busy = call.result if isinstance(call, VenueCall) and call.outcome == "venue_busy" else None
        if isinstance(busy, dict) and busy.get("venue") == self.account.venue:
            self.answerer.pause(int(float(busy.get("pause_s") or 0) * _S))
            self._log.warning("the venue asks this address for a pause", session=call.session, pause_s=busy["pause_s"])

    async def read_clock(self) -> None:
        """Ask the venue for its time; VenueUnavailable where it does not answer usably."""
        for _ in range(CLOCK_TRIES):
            asked_ns = boot_ns()
            result = await self.account.call("fetch_time")
            answered_ns = boot_ns()
            if result.verdict.fate == "done" and isinstance(result.value, int) and result.value > 0:
                self.venue_time.read(asked_ns, answered_ns, result.value * 1_000_000)
                if self.venue_time.is_known:
                    return
        raise VenueUnavailable(
            f"{self.account.venue} gave no usable time in {CLOCK_TRIES} tries: {result.verdict.message}",
            remedy="Check the network and the venue's status",
        )

    async def tend(self) -> None:
        """Keep clock and rules: every so often, and when an answer asks for it."""
        while True:
            try:
                async with asyncio.timeout(CLOCK_EVERY_S):
                    await self._work.wait()
            except TimeoutError:
                self._wanted.add("clock")
            self._work.clear()
            wanted, self._wanted = self._wanted, set()
            try:
                if "clock" in wanted:
                    await self.read_clock()
                if "rules" in wanted:
                    await self.account.call("load_markets", True)
            except VenueUnavailable as error:
                self._log.warning("the venue's clock could not be read", reason=masked(str(error)))

    async def wake(self, bus: Bus, stream: str) -> None:
        """Say on the bus which symbols a private stream names; every symbol when it was lost and is back."""
        assert self.streams is not None
        pause_s, was_lost = STREAM_RETRY_FIRST_S, False
        while True:
            try:
                symbols = await self.streams.next(stream)
            except VenueUnavailable as error:
                if not was_lost:
                    self._log.warning("a private stream is lost", stream=stream, reason=masked(str(error)))
                was_lost = True
                await bus.send(subjects.wake(self.name, subjects.EVERY_SYMBOL), b"")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, STREAM_RETRY_MAX_S)
                continue
            pause_s, was_lost = STREAM_RETRY_FIRST_S, False
            for symbol in symbols:
                await bus.send(subjects.wake(self.name, symbol), b"")

    async def run(self, bus: Bus) -> None:
        """Answer until the bus is lost."""
        instance = f"{instance_name(ROLE)}/{boot_ns() // _S}"  # the number of a process may come again
        self._ownership = ownership = await Ownership.take(bus, self.name, ROLE, instance)
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def request(_subject: str, data: bytes) -> bytes | None:
            try:
                return await self.handle(bus, data)
            except OwnershipLost as error:  # whoever has the account now answers
                if not lost.done():
                    lost.set_exception(error)
                return None

        undo = [
            ownership.release,
            await bus.on(subjects.gateway(self.name), request, at_once=UNDER_WAY_MAX),
            await bus.on(subjects.of_type("ops.venue_call")[0], self._on_venue_call),
        ]
        self._log.info("the gateway answers", account=self.name, venue=self.account.venue)
        await bus.send(subjects.wake(self.name, subjects.EVERY_SYMBOL), b"")  # nobody has watched the streams so far
        streams = STREAMS if self.streams is not None else ()
        waking = [asyncio.create_task(self.wake(bus, stream)) for stream in streams]
        try:
            await asyncio.wait([bus.lost, lost, *waking], return_when=asyncio.FIRST_COMPLETED)
            for done in (bus.lost, lost, *waking):
                if done.done():
                    done.result()
        finally:
            for task in (lost, *waking):
                task.cancel()
            if not bus.lost.done():
                for each in undo:
                    await each()


def _not_sent(request: GatewayRequest, code: str, message: str) -> Outcome:
    return Outcome(
        verb=request.verb,
        fate="not_sent",
        code=code,
        message=message,
        session=request.session,
        epoch=request.epoch,
        stream_seq=request.stream_seq,
    )


async def open_gateway(
    name: str, described: AccountFile, home: Path, recorder: Recorder | None = None, recording: Recording | None = None
) -> Gateway:
    """The gateway of an account, connected: markets and clock are there. VenueUnavailable otherwise."""
    venue_time = VenueTime()
    credentials, options = credentials_of(described, home, os.environ), _absolute(described, home)
    is_demo = described.environment == "demo"
    account = CcxtAccount(
        described.venue,
        credentials,
        options,
        lambda: venue_time.at(boot_ns()),
        recv_window_ms=described.recv_window_ms,
        is_demo=is_demo,
        recorder=recorder,
        recording=recording,
    )
    opened = await account.open()
    try:
        if opened.verdict.fate != "done":
            raise VenueUnavailable(
                f"The markets of {described.venue} cannot be loaded: {opened.verdict.code} {opened.verdict.message}",
                remedy="Check the network, the options of the account and the venue's status",
            )
        gateway = Gateway(name, account, venue_time, send_window_s=described.send_window_s)
        await gateway.read_clock()
        if recording is None:
            gateway.streams = AccountStreams(described.venue, credentials, options, is_demo=is_demo)
    except BaseException:
        await account.close()
        raise
    return gateway


def _absolute(described: AccountFile, home: Path) -> dict[str, Any]:
    """The options, a relative ``cafile`` from the folder of the account's file."""
    options = dict(described.options)
    if "cafile" in options:
        options["cafile"] = str(home / "accounts" / str(options["cafile"]))
    return options


async def serve(
    settings: Settings,
    only: str | None = None,
    *,
    account: str,
    record: Path | None = None,
    replay: Path | None = None,
) -> None:
    """The gateway of one account until SIGTERM or SIGINT. ``only`` is of sessions, and means nothing here.

    ``record`` is a file to which the venue's answers are appended; ``replay`` is one from which they come instead of
    from the venue, so that nothing leaves.
    """
    described = read_account(settings.home, account)
    stop = stop_on_signals()
    recording = None if replay is None else Recording(replay)
    recorder = None if record is None else Recorder(record)
    gateway = await open_gateway(account, described, settings.home, recorder, recording)
    is_connected = False
    health = Health(settings, ROLE, lambda: (is_connected, {"account": account, "venue": described.venue}))
    await health.start()
    tending = asyncio.create_task(gateway.tend())
    away_since = time.monotonic()
    try:
        while not stop.is_set():
            try:
                bus = await Bus.connect(settings.nats, name=instance_name(ROLE))
                is_connected = True
                await bus.ensure_stream()
                await _until(stop, bus, gateway.run(bus))
            except BusUnavailable:
                if is_connected:
                    is_connected, away_since = False, time.monotonic()
                if time.monotonic() - away_since > RECONNECT_LIMIT_S:
                    raise
                await asyncio.sleep(RECONNECT_EVERY_S)
    finally:
        tending.cancel()
        await health.stop()
        await gateway.account.close()
        if gateway.streams is not None:
            await gateway.streams.close()
        if recorder is not None:
            recorder.close()


async def _until(stop: asyncio.Event, bus: Bus, work: Coroutine[Any, Any, None]) -> None:
    """Work until asked to stop; its error otherwise."""
    stopping, working = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.gather(stopping, working, return_exceptions=True)
        await bus.close()
