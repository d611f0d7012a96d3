"""Runs sessions: starts servers and services, follows each session to its end, prints its summary and its proof."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from live_runner.contracts.errors import DatabaseUnavailable, OurFault, SessionRefused, TheirFault
from live_runner.contracts.stages import SENDING_STAGES
from live_runner.services.cli.loaded_config import LoadedConfig, load_config
from live_runner.services.cli.output import note, print_json, show
from live_runner.services.cli.progress_display import Display
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.servers import Embedded
from live_runner.services.runtime.embedded.supervisor import Exit, Supervisor
from live_runner.services.runtime.services import SESSION_SERVICES

if TYPE_CHECKING:
    from live_runner.contracts.errors import StrategyError
    from live_runner.contracts.messages import Stopped
    from live_runner.services.backtest.failures import Failure
    from live_runner.services.gateway.account_file import AccountFile

__all__ = ["Request", "play"]

RECORD_LIMIT_S: Final = 120.0
"""Time limit for a recorder that makes no progress at the end of a session."""
FAULT_RECORD_LIMIT_S: Final = 10.0
"""The same when the session cannot go on."""
ATTACH_WAIT_S: Final = 10.0
"""How long the services of another ``run`` in the same folder may take to appear."""
NAMES_MAX: Final = 10_000
UNFINISHED_SHOWN_MAX: Final = 20
_NAME_IS_USED_UP: Final = ("session_finished", "session_differs", "session_exists")
_POLL_S: Final = 0.05
_SHARE_POLL_S: Final = 0.1
_ABSENCE_POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """One session to play."""

    config: Path
    stage: str
    session: str | None = None
    speed: float | None = None
    bars: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the configuration, section by section."""
    verify: bool = False
    takes_next_name: bool = False
    """A name that is used up gets the next number instead of being refused."""
    services: str = "auto"
    allow_failures: bool = False
    """Exit with 0 even if the strategy does not work."""
    confirmed: str | None = None
    """The session's name, given beforehand by whoever lets it trade with real money."""


def play(settings: Settings, requests: list[Request], *, as_json: bool) -> int:
    """Play sessions one after the other; 0 when each ended and every proof that was asked for held."""
    from live_runner.services.runtime.service import log

    loaded = [(request, _load(request)) for request in requests]
    accounts = {session.config.session: _checked(settings, request, session) for request, session in loaded}
    loaded = [(request, _with_dataset(settings, request, session)) for request, session in loaded]
    _end_on_signals()
    embedded = Embedded.start(settings, on_wait=note)
    try:
        log.configure(embedded.settings, "run", to_file=True)
        is_guest = settings.nats_url is None and not any(p.program.name == "nats" for p in embedded.owned)
        return _Runner(embedded, accounts, is_guest=is_guest, as_json=as_json).play(loaded)
    finally:
        embedded.stop()


def _checked(settings: Settings, request: Request, loaded: LoadedConfig) -> AccountFile | None:
    """The file of the account that the session sends orders to, where its gateway may have to be started here."""
    if request.stage not in SENDING_STAGES:
        return None
    from live_runner.services.cli.live_start import check_live, check_name

    check_name(loaded.config.session, request.stage, request.confirmed)
    starts = request.services != "running" and settings.nats_url is None
    return check_live(settings, loaded, request.stage, starts=starts)


def _load(request: Request) -> LoadedConfig:
    loaded = load_config(request.config, session=request.session, speed=request.speed)
    if request.changes:
        loaded = loaded.changed(request.changes)
    if request.bars is not None:
        loaded = loaded.changed({"market": {"bars": request.bars}})
    return loaded


def _with_dataset(settings: Settings, request: Request, loaded: LoadedConfig) -> LoadedConfig:
    """With the hash of its bars, if they are there, tradable and enough for the warmup: before anything is started."""
    if loaded.config.market.source == "ccxt" or request.services == "running" or settings.nats_url:
        return loaded  # a venue is market_data's to ask, and its data folder may be another machine's
    from live_runner.hotpath.engine.state import check_instruments
    from live_runner.services.market_data.feed import recording_source

    source = recording_source(loaded.config, settings.home)
    check_instruments(loaded.config, source.instruments())
    source.plan_now(loaded.warmup_bars)
    return loaded.with_dataset(str(source.manifest_view()["hash"]))


def _end_on_signals() -> None:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # A closed terminal and a service manager ask for the same as Ctrl-C: an end in order.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


class _Played(NamedTuple):
    """The end of a session; ``failure`` when its strategy made it end before its time."""

    stopped: Stopped
    facts: dict[str, Any]
    failure: StrategyError | None
    failures: list[Failure]
    """What went wrong in it."""
    is_stored: bool
    """Whether the database has the session up to its end."""


class _Runner:
    """The servers and services of one ``run``."""

    def __init__(
        self, embedded: Embedded, accounts: Mapping[str, AccountFile | None], *, is_guest: bool, as_json: bool
    ) -> None:
        """``accounts`` are those of sessions that send orders, by session, where they are described here."""
        self._accounts = accounts
        self._embedded = embedded
        self._settings = embedded.settings
        self._as_json = as_json
        self._is_guest = is_guest
        self._supervisor = Supervisor(embedded.settings, on_exit=self._on_exit)
        self._requested: frozenset[str] = frozenset()
        self._ignored_before = 0
        """Stream sequence at the start of our services: what ended others before that does not end them."""

    def play(self, sessions: list[tuple[Request, LoadedConfig]]) -> int:
        """Play, prove and print each session."""
        self._requested = frozenset(loaded.config.session for _, loaded in sessions)
        self._migrate()
        for process in self._embedded.owned:
            self._supervisor.keep(process)
        try:
            code = 0
            for request, loaded in sessions:
                code = max(code, self._one(request, loaded))
            return code
        finally:
            self._leave()

    def _one(self, request: Request, loaded: LoadedConfig) -> int:
        for number in range(2, NAMES_MAX):
            try:
                return self._play(request, loaded)
            except SessionRefused as error:
                if not request.takes_next_name or error.fields.get("reason") not in _NAME_IS_USED_UP:
                    raise
            loaded = loaded.with_session(f"{request.session or loaded.config.session}-{number}")
        raise SessionRefused(
            f"There are {NAMES_MAX} sessions with names like {loaded.config.session}",
            remedy="Choose another folder with --home",
        )

    def _play(self, request: Request, loaded: LoadedConfig) -> int:
        began_s = time.monotonic()
        if request.stage in SENDING_STAGES:
            self._start_live(request, loaded)
        with Display(loaded.config.session, is_quiet=self._as_json) as display:
            played = asyncio.run(self._watched(request, loaded, display))
        played.facts["seconds"] = round(time.monotonic() - began_s, 3)
        code = self._report(request, loaded, played)
        if not played.is_stored:
            raise OurFault(
                f"The session {loaded.config.session} has ended and its end is not in the database "
                f"({played.facts['events_stored']} of its events are)",
                remedy="Keep the data folder; see the recorder's log, and check which NATS and database it uses",
                session=loaded.config.session,
            )
        if played.failure is not None:
            raise played.failure
        from live_runner.services.backtest.failures import verdict

        error = verdict(played.stopped.session, played.failures, played.stopped.summary)
        if error is not None and code == 0 and not request.allow_failures:
            raise error
        return code

    def _start_live(self, request: Request, loaded: LoadedConfig) -> None:
        """The gateway runs, the user has seen what will be traded, and has typed the name where it must be typed."""
        from live_runner.services.cli.live_start import confirm, start_live

        async def start() -> None:
            await self._start_services(request)
            account = self._accounts.get(loaded.config.session)
            await start_live(self._settings, loaded, request.stage, self._supervisor, account)

        asyncio.run(start())
        confirm(loaded.config.session, request.stage, request.confirmed)

    async def _watched(self, request: Request, loaded: LoadedConfig, display: Display) -> _Played:
        """Follow the session while the supervisor looks after the services; the first to fail ends both."""
        await self._start_services(request)
        watch = asyncio.create_task(self._supervisor.watch())
        follow = asyncio.create_task(self._follow(request, loaded, display))
        try:
            await asyncio.wait([watch, follow], return_when=asyncio.FIRST_COMPLETED)
            if watch.done() and not follow.done():
                watch.result()
            return await follow
        finally:
            for task in (watch, follow):
                task.cancel()
            await asyncio.gather(watch, follow, return_exceptions=True)

    async def _start_services(self, request: Request) -> None:
        from live_runner.services.cli.service_discovery import log_so_far, services_are_running

        missing = [name for name in SESSION_SERVICES if name not in self._supervisor.pids]
        if not missing:
            return
        if request.services == "running":
            return
        if request.services == "auto":
            # The one who owns the servers of this folder is starting its services, if they are not there yet.
            for _ in range(round(ATTACH_WAIT_S / _SHARE_POLL_S) if self._is_guest else 1):
                if await services_are_running(self._settings):
                    return
                await asyncio.sleep(_SHARE_POLL_S if self._is_guest else 0.0)
        if len(missing) == len(SESSION_SERVICES):
            self._ignored_before, unfinished = await log_so_far(self._settings)
            self._note_unfinished([name for name in unfinished if name not in self._requested])
        self._supervisor.start(*missing)

    def _note_unfinished(self, sessions: list[str]) -> None:
        if not sessions:
            return
        shown = ", ".join(sessions[:UNFINISHED_SHOWN_MAX])
        more = len(sessions) - UNFINISHED_SHOWN_MAX
        note(
            f"Unfinished sessions in {self._settings.home}, left as they are: {shown}"
            + (f" and {more} more" if more > 0 else "")
            + ". Continue one by running its configuration again, or close it with: live-runner end SESSION"
        )

    async def _follow(self, request: Request, loaded: LoadedConfig, display: Display) -> _Played:
        from live_runner.services.cli.session_client import FollowedSession
        from live_runner.services.execution.core.models import model_names
        from live_runner.services.runtime.service.engine_facts import platform_facts

        session = FollowedSession(
            self._settings,
            loaded.announced(request.stage),
            loaded.config,
            display,
            models=model_names(loaded.config),
            platform=platform_facts(),
            dataset_hash=loaded.dataset_hash,
            ignored_before=self._ignored_before,
        )
        try:
            stopped = await session.play()
        except (OurFault, TheirFault):
            await self._recorded_if_it_can_be(session.read_seq)
            raise
        played_s = time.monotonic() - (session.playing_since_s or time.monotonic())
        display.phase("waiting for the recorder")
        await self._recorded(session.stopped_seq)
        sets = stopped.summary.get("bar_sets") or stopped.summary.get("sets")
        events, is_stored = await asyncio.to_thread(self._stored, session.session)
        facts: dict[str, Any] = {"events_stored": events}
        if isinstance(sets, int) and not session.was_under_way and played_s > 0:
            facts["bar_sets_per_second"] = round(sets / played_s, 1)
        failures = await asyncio.to_thread(self._failures, session.session, loaded)
        return _Played(stopped, facts, session.failure(stopped), failures, is_stored=is_stored)

    async def _recorded_if_it_can_be(self, stream_seq: int) -> None:
        """Give the recorder time for what ended the session: `status` and `end` go by what is stored."""
        try:
            await self._recorded(stream_seq, FAULT_RECORD_LIMIT_S)
        except DatabaseUnavailable as error:
            note(str(error))  # and raised is what comes first: why the session cannot go on

    async def _recorded(self, stream_seq: int, limit_s: float = RECORD_LIMIT_S) -> None:
        """Wait until the recorder has committed up to the end; DatabaseUnavailable when it makes no headway."""
        from live_runner.services.runtime.postgres.archive import position

        assert self._settings.timescale_dsn is not None
        last, changed_s = -1, time.monotonic()
        while True:
            try:
                found = await asyncio.to_thread(position, self._settings.timescale_dsn)
            except DatabaseUnavailable:
                if time.monotonic() - changed_s > limit_s:
                    raise
                await asyncio.sleep(_ABSENCE_POLL_S)
                continue
            committed = found.stream_seq if found else 0
            if committed >= stream_seq:
                return
            if committed != last:
                last, changed_s = committed, time.monotonic()
            elif time.monotonic() - changed_s > limit_s:
                raise DatabaseUnavailable(
                    f"The recorder is at {committed} of {stream_seq} and made no progress for {limit_s:g} s",
                    remedy="See the recorder's log; nothing is lost, it continues from the stream",
                    committed=committed,
                    stream_seq=stream_seq,
                )
            await asyncio.sleep(_POLL_S)

    def _stored(self, session: str) -> tuple[int, bool]:
        """Number of the session's events in the database, and whether its end is among them."""
        from live_runner.services.runtime.postgres.archive import sessions

        assert self._settings.timescale_dsn is not None
        found = sessions(self._settings.timescale_dsn, session)
        return sum(one.events for one in found), any(one.state == "stopped" and one.events for one in found)

    def _failures(self, session: str, loaded: LoadedConfig) -> list[Failure]:
        from msgspec.structs import replace

        from live_runner.services.backtest.failures import Failure, head_of_on_bar
        from live_runner.services.runtime.postgres.archive import failures

        assert self._settings.timescale_dsn is not None
        found = [Failure(**row) for row in failures(self._settings.timescale_dsn, session)]
        asks = head_of_on_bar(loaded.strategy_class)
        return [row if row.where else replace(row, where=asks) for row in found]

    # -- the end -------------------------------------------------------------------------------

    def _report(self, request: Request, loaded: LoadedConfig, played: _Played) -> int:
        from live_runner.services.backtest.failures import failure_lines
        from live_runner.services.backtest.summary import summary_fields, summary_table

        fields = summary_fields(played.stopped, played.failures, **played.facts)
        # What took a session down would take its replay and its backtest down too.
        if not request.verify or played.failure is not None:
            if self._as_json:
                print_json(fields)
            else:
                show(summary_table(fields))
                for line in failure_lines(played.failures):
                    show(line)
            return 0
        from live_runner.services.cli.verification import compare_session, print_verdict, replay_session

        if not self._as_json:
            show(summary_table(fields))
            for line in failure_lines(played.failures):
                show(line)
        assert self._settings.timescale_dsn is not None
        replayed = replay_session(self._settings.timescale_dsn, loaded.config.session, is_quiet=self._as_json)
        compared = None
        if request.stage not in SENDING_STAGES:
            compared = compare_session(
                self._settings.timescale_dsn,
                loaded.config.session,
                is_quiet=self._as_json,
                home=self._settings.home,
                strategy=loaded.source,
            )
        return print_verdict(fields, replayed, compared, as_json=self._as_json)

    def _migrate(self) -> None:
        from live_runner.services.runtime.postgres.database import migrate

        assert self._settings.timescale_dsn is not None
        migrate(self._settings.timescale_dsn)

    def _leave(self) -> None:
        """End the services in order; while other runs still use them, they and the servers are kept."""
        if self._embedded.is_shared():
            note(self._embedded.sharing_note)
        try:
            while self._embedded.is_shared():
                self._supervisor.check()
                time.sleep(_SHARE_POLL_S)
        finally:
            # What was started again after a crash is another process than the one that was handed over.
            self._embedded.owned[:] = [
                self._supervisor.release(process.program.name) for process in self._embedded.owned
            ]
            self._supervisor.stop()

    def _on_exit(self, ended: Exit) -> None:
        how = f"signal {-ended.exit_code}" if ended.exit_code < 0 else f"exit code {ended.exit_code}"
        note(f"{ended.name} ended with {how} and is restarted")
