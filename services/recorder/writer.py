"""One connection that stores batches, each in one transaction with the position after it.

The connection belongs to a thread of its own, which does a whole transaction at a time while the
event loop reads and packs the next batch. A database that is away is waited for without end,
because dropping is not an option; nothing here keeps more than the batch in hand. When the connection
breaks during a commit, nobody can tell from here whether it happened, so the position is read
again: it says.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
from psycopg import errors as pg

from live_runner.contracts import codec
from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.errors import DatabaseUnavailable, OurFault, OwnershipLost
from live_runner.services.recorder import copying
from live_runner.services.recorder.core.batch import Batch
from live_runner.services.recorder.core.position import Position
from live_runner.services.recorder.core.tables import TABLES
from live_runner.services.recorder.outage import Outages
from live_runner.services.recorder.statements import BARS, HELD, INCIDENT, MOVE, POSITION, SOURCES, counts, upsert
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.postgres import database
from live_runner.services.runtime.service import log

__all__ = ["RETRY_FIRST_S", "RETRY_LONGEST_S", "BatchRefused", "Writer"]

RETRY_FIRST_S: Final = 0.1
RETRY_LONGEST_S: Final = 5.0
TCP_TIMEOUT_MS: Final = 10_000
"""After which a database that swallows packets counts as away."""
CLOSE_GRACE_S: Final = 1.0
"""How long a transaction under way may take when the writer is closed; then its connection is cut."""
SWITCH_S: Final = 0.0001
"""How long the event loop goes on while the thread wants its turn; set for the process, which is a recorder's own.

With Python's 5 ms the database mostly waited: a batch's next COPY was sent when a turn came up, fifteen times a batch.
"""
_REFUSES: Final = ("22", "23", "54")
"""Classes of SQLSTATE for values that do not fit: data, integrity, limits of the program."""
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, pg.ReadOnlySqlTransaction)

REASON_CHARACTERS_MAX: Final = 500
LOCK_WAIT_S: Final = 1.0
"""How long the lock of a connection that has just been closed may take to be free."""


class BatchRefused(OurFault):
    """The database does not take a value of a batch, however often it is tried."""


type Connection = psycopg.Connection[tuple[Any, ...]]


class Writer:
    """``pause`` waits so many seconds, or raises when the recorder is to stop."""

    def __init__(self, dsn: str, pause: Callable[[float], Awaitable[None]]) -> None:
        self._dsn = dsn
        self._pause = pause
        self._log = log.get("recorder")
        # Everything below is changed by the thread alone.
        self._thread = ThreadPoolExecutor(1, "recorder")
        self._connection: Connection | None = None
        self._outages = Outages()
        self._position: Position | None = None
        self._found: Position | None = None
        self._answers = True
        self.stands_by = False
        """Whether another recorder writes to the database."""

    @property
    def is_away(self) -> bool:
        """Whether the database is being waited for."""
        return not self._answers

    @property
    def position(self) -> Position | None:
        """The position that is committed; None before the first."""
        return self._position

    async def open(self) -> Position | None:
        """Migrate, connect and read the position, waiting for the database as long as it takes."""
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_S))
        await self._until_it_works(self._migrate)
        await self._until_it_works(self._open)
        return self._position

    async def begin(self, position: Position) -> None:
        """Store the first position of a database that had none."""
        await self._until_it_works(lambda: self._begin(position))

    async def sources(self) -> list[tuple[str, str, int, int]]:
        """Session, source, last stored number and stored events of each source, the latest last."""
        rows: list[tuple[Any, ...]] = []
        await self._until_it_works(lambda: rows.extend(self._connected().execute(SOURCES).fetchall()))
        return [(session, source, seq, events) for session, source, seq, events in rows]

    async def bars(self) -> dict[str, BarSequence]:
        """Where the bar sets of each session stand; those of one that is over are over."""
        rows: list[tuple[Any, ...]] = []
        await self._until_it_works(lambda: rows.extend(self._connected().execute(BARS).fetchall()))
        return {session: _sequence(*row) for session, *row in rows}

    async def held(self) -> list[int] | None:
        """For each live session the first stream position that it may still need; None when away."""
        found: list[int] = []
        works = await self._in_thread(lambda: self._works(lambda: found.extend(self._held())))
        return found if works else None

    async def look(self) -> None:
        """Find out whether the database answers; without events nothing else would."""
        await self._in_thread(lambda: self._works(self._ask))

    async def store(self, batch: Batch) -> None:
        """Store a batch, once, however often it takes. BatchRefused, with nothing stored, when it cannot be."""
        await self._until_it_works(lambda: self._store(batch))

    async def close(self) -> None:
        """Give the connection and the place of the one recorder up."""
        closing = asyncio.ensure_future(self._in_thread(self._disconnect))
        done, _ = await asyncio.wait([closing], timeout=CLOSE_GRACE_S)
        if not done:
            self._cut()
            await asyncio.wait([closing], timeout=database.CONNECT_TIMEOUT_S)
        self._thread.shutdown(wait=False)

    # -- one attempt each, in the thread -------------------------------------------------------

    def _migrate(self) -> None:
        if not database.is_migrated(self._dsn):
            done = database.migrate(self._dsn)
            self._log.info("migrated", edition=done.edition, applied=done.applied, skipped=done.skipped)

    def _open(self) -> None:
        self._connect()
        self._position = self._found
        self._outages.end([])

    def _connect(self) -> Connection:
        self._disconnect()
        connection = self._connection = psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=database.CONNECT_TIMEOUT_S,
            application_name="live-runner recorder",
            tcp_user_timeout=TCP_TIMEOUT_MS,
        )
        self.stands_by = not _locked(connection)
        if self.stands_by:
            raise DatabaseUnavailable(
                f"Another recorder writes to {masked(self._dsn)}",
                remedy="Stop it, or let this one stand by until it ends",
            )
        row = connection.execute(POSITION).fetchone()
        self._found = None if row is None else Position(int(row[0]) * 1000, row[1])
        return connection

    def _begin(self, position: Position) -> None:
        self._connected().execute(
            "insert into recorder_position (log_epoch, stream_seq) values (to_ts(%s), %s) on conflict do nothing",
            (position.epoch_ns, position.stream_seq),
        )
        self._position = self._found = position

    def _held(self) -> list[int]:
        return [row[0] for row in self._connected().execute(HELD)]

    def _store(self, batch: Batch) -> None:
        before = self._position
        connection = self._connected()
        now = self._found
        if before is None or now is None or now.epoch_ns != before.epoch_ns:
            raise OwnershipLost("The recorder's position was taken away", remedy="See `live-runner db adopt-log`")
        if now.stream_seq == batch.last_stream_seq:
            self._position = now
            self._outages.end([])  # the commit whose answer was lost had happened
            return
        if now.stream_seq != before.stream_seq:
            raise OwnershipLost(
                f"Another recorder moved the position from {before.stream_seq} to {now.stream_seq}",
                remedy="Run one recorder per database",
            )
        sessions = sorted({session for session, _ in batch.stored})
        try:
            self._transact(connection, batch, sessions, now)
        except BaseException:
            connection.close()  # which is also the way back out of the transaction
            raise
        self._position = self._found = Position(now.epoch_ns, batch.last_stream_seq)
        self._outages.end(sessions)

    def _transact(self, connection: Connection, batch: Batch, sessions: list[str], now: Position) -> None:
        copies = [TABLES[table].copy for table, _ in batch.copies]
        copying.run(connection, ["BEGIN", *copies], [rows for _, rows in batch.copies])
        for change in batch.changes:
            connection.execute(*upsert(change))
        for incident in self._outages.incidents(batch, sessions):
            connection.execute(INCIDENT, incident)
        moved = connection.execute(MOVE, (*counts(batch), batch.last_stream_seq, now.epoch_ns, now.stream_seq))
        if moved.rowcount != 1:
            raise OwnershipLost(
                f"The position is no longer at {now.stream_seq}", remedy="Run one recorder per database"
            )
        copying.run(connection, ["COMMIT"])

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed or self._connection.broken:
            return self._connect()
        return self._connection

    def _ask(self) -> None:
        self._connected().execute("select 1")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _works(self, attempt: Callable[[], None]) -> bool:
        try:
            attempt()
        except (psycopg.Error, DatabaseUnavailable) as error:
            self._disconnect()
            self._answers = False
            if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_REFUSES):
                raise BatchRefused(
                    f"The database refuses a value: {' '.join(masked(str(error)).split())[:REASON_CHARACTERS_MAX]}",
                    sqlstate=error.sqlstate,
                ) from error
            if isinstance(error, (*_AWAY, DatabaseUnavailable)):
                self._outages.note(error)
                return False
            raise OurFault(
                f"The database refuses what the recorder stores: {' '.join(str(error).split())}",
                remedy="Run `live-runner db migrate`, then report this with the database's version",
                sqlstate=error.sqlstate or "",
            ) from error
        self._answers = True
        return True

    # -- waiting -------------------------------------------------------------------------------

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _until_it_works(self, attempt: Callable[[], None]) -> None:
        delay = RETRY_FIRST_S
        while not await self._in_thread(lambda: self._works(attempt)):
            await self._pause(delay)
            delay = min(2 * delay, RETRY_LONGEST_S)

    def _cut(self) -> None:
        """End what the thread waits for: its connection's socket is shut down under it."""
        connection = self._connection
        if connection is None:
            return
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
        except (psycopg.Error, OSError):
            return  # it has ended meanwhile


def _sequence(state: str, symbols: list[str], timeframe: str, payload: bytes | None, is_ended: bool) -> BarSequence:
    if state in ("announced", "refused"):
        return BarSequence()
    last = None if payload is None else codec.decode(payload)
    found = BarSequence(symbols, timeframe)
    if last is not None:
        found.follow(last)
    found.is_over = is_ended or state == "stopped"
    return found


def _locked(connection: Connection) -> bool:
    """Whether this is the database's one recorder; a server lets go of a closed connection's lock a little late."""
    try:
        with connection.transaction():
            connection.execute("select set_config('lock_timeout', %s, true)", (f"{LOCK_WAIT_S:g}s",))
            connection.execute("select pg_advisory_lock(%s)", (database.RECORDER_LOCK,))
    except psycopg.errors.LockNotAvailable:
        return False
    return True
