"""One connection that stores batches, each in one transaction with the position after it.

A database that is away is waited for without end, because dropping is no choice; nothing here
keeps more than the batch in hand. When the connection breaks during a commit, nobody can tell from
here whether it happened, so the position is read again: it says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import psycopg
from psycopg import errors as pg

from live_runner.contracts.errors import DatabaseUnavailable, OurFault, OwnershipLost, RunnerError
from live_runner.services.recorder.core.batch import Batch
from live_runner.services.recorder.core.packing import json_text
from live_runner.services.recorder.core.position import Position
from live_runner.services.recorder.core.tables import TABLES
from live_runner.services.recorder.statements import COUNT, HELD, INCIDENT, MOVE, POSITION, SOURCES, counts, upsert
from live_runner.services.runtime import database, log
from live_runner.services.runtime.settings import masked

__all__ = ["RETRY_FIRST_S", "RETRY_LONGEST_S", "Writer"]

RETRY_FIRST_S: Final = 0.1
RETRY_LONGEST_S: Final = 5.0
TCP_TIMEOUT_MS: Final = 10_000
"""After which a database that swallows packets counts as away."""
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, pg.ReadOnlySqlTransaction)

type Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class _Outage(msgspec.Struct):
    since: float
    attempts: int
    reason: str


class Writer:
    """``pause`` waits so many seconds, or raises when the recorder is to stop."""

    def __init__(self, dsn: str, pause: Callable[[float], Awaitable[None]]) -> None:
        self._dsn = dsn
        self._pause = pause
        self._log = log.get("recorder")
        self._connection: Connection | None = None
        self._outage: _Outage | None = None
        self._position: Position | None = None
        self._found: Position | None = None
        self._lock = asyncio.Lock()

    @property
    def is_away(self) -> bool:
        """Whether the database is being waited for."""
        return self._outage is not None

    @property
    def position(self) -> Position | None:
        """What is committed."""
        return self._position

    async def open(self) -> Position | None:
        """Migrate, connect and read the position, waiting for the database as long as it takes."""
        await self._until_it_works(self._migrate)
        await self._until_it_works(self._connect)
        self._position = self._found
        self._back([])
        return self._position

    async def begin(self, position: Position) -> None:
        """Store the first position of a database that had none."""
        await self._until_it_works(lambda: self._begin(position))

    async def sources(self) -> list[tuple[str, str, int, int]]:
        """Session, source, last stored number and stored events of each source, the latest last."""
        connection = await self._connected()
        rows = await (await connection.execute(SOURCES)).fetchall()
        return [(session, source, seq, events) for session, source, seq, events in rows]

    async def held(self) -> list[int] | None:
        """For each live session the first stream position that it may still need; None when away."""
        try:
            async with self._lock:
                connection = await self._connected()
                rows = await (await connection.execute(HELD)).fetchall()
        except (*_AWAY, DatabaseUnavailable) as error:
            self._note_away(error)
            return None
        return [row[0] for row in rows]

    async def store(self, batch: Batch) -> None:
        """Store a batch, once, however often it takes."""
        await self._until_it_works(lambda: self._store_once(batch))

    async def close(self) -> None:
        """Give the connection and the place of the one recorder up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    # -- one attempt each ----------------------------------------------------------------------

    async def _migrate(self) -> None:
        if not await asyncio.to_thread(database.is_migrated, self._dsn):
            done = await asyncio.to_thread(database.migrate, self._dsn)
            self._log.info("migrated", edition=done.edition, applied=done.applied, skipped=done.skipped)

    async def _connect(self) -> None:
        await self.close()
        connection = await psycopg.AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=database.CONNECT_TIMEOUT_S,
            application_name="live-runner recorder",
            tcp_user_timeout=TCP_TIMEOUT_MS,
        )
        self._connection = connection
        cursor = await connection.execute("select pg_try_advisory_lock(%s)", (database.RECORDER_LOCK,))
        if await cursor.fetchone() != (True,):
            raise DatabaseUnavailable(
                f"Another recorder writes to {masked(self._dsn)}",
                remedy="Stop it, or let this one stand by until it ends",
            )
        row = await (await connection.execute(POSITION)).fetchone()
        self._found = None if row is None else Position(int(row[0]) * 1000, row[1])

    async def _begin(self, position: Position) -> None:
        connection = await self._connected()
        await connection.execute(
            "insert into recorder_position (log_epoch, stream_seq) values (to_ts(%s), %s) on conflict do nothing",
            (position.epoch_ns, position.stream_seq),
        )
        self._position = self._found = position

    async def _store_once(self, batch: Batch) -> None:
        async with self._lock:
            await self._store_locked(batch)

    async def _store_locked(self, batch: Batch) -> None:
        before = self._position
        connection = await self._connected()
        now = self._found
        if before is None or now is None or now.epoch_ns != before.epoch_ns:
            raise OwnershipLost("The recorder's position was taken away", remedy="See `live-runner db adopt-log`")
        if now.stream_seq == batch.last_stream_seq:
            self._position = now
            self._back([])  # the commit whose answer was lost had happened
            return
        if now.stream_seq != before.stream_seq:
            raise OwnershipLost(
                f"Another recorder moved the position from {before.stream_seq} to {now.stream_seq}",
                remedy="Run one recorder per database",
            )
        sessions = sorted({session for session, _ in batch.stored})
        async with connection.transaction(), connection.cursor() as cursor:
            for table, rows in batch.copies:
                async with cursor.copy(TABLES[table].copy) as copy:
                    await copy.write(rows)
            for change in batch.changes:
                await cursor.execute(*upsert(change))
            if batch.stored:
                await cursor.execute(COUNT, counts(batch))
            for incident in self._incidents(batch, sessions):
                await cursor.execute(INCIDENT, incident)
            await cursor.execute(MOVE, (batch.last_stream_seq, now.epoch_ns, now.stream_seq))
            if cursor.rowcount != 1:
                raise OwnershipLost(
                    f"The position is no longer at {now.stream_seq}", remedy="Run one recorder per database"
                )
        self._position = self._found = Position(now.epoch_ns, batch.last_stream_seq)
        self._back(sessions)

    # -- waiting -------------------------------------------------------------------------------

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed or self._connection.broken:
            await self._connect()
        assert self._connection is not None
        return self._connection

    async def _until_it_works(self, attempt: Callable[[], Awaitable[None]]) -> None:
        delay = RETRY_FIRST_S
        while True:
            try:
                await attempt()
                return
            except (*_AWAY, DatabaseUnavailable) as error:
                await self.close()
                self._note_away(error)
            except psycopg.Error as error:
                await self.close()
                raise OurFault(
                    f"The database refuses what the recorder stores: {' '.join(str(error).split())}",
                    remedy="Run `live-runner db migrate`, then report this with the database's version",
                    sqlstate=error.sqlstate or "",
                ) from error
            await self._pause(delay)
            delay = min(2 * delay, RETRY_LONGEST_S)

    def _note_away(self, error: psycopg.Error | RunnerError) -> None:
        reason = masked(" ".join(str(error).split()) or type(error).__name__)
        if self._outage is None:
            self._outage = _Outage(time.monotonic(), 1, reason)
            self._log.warning("waiting for the database", reason=reason)
        else:
            self._outage.attempts += 1
            if self._outage.reason != reason:
                self._outage.reason = reason
                self._log.warning("still waiting for the database", reason=reason)

    def _back(self, sessions: list[str]) -> None:
        if self._outage is not None:
            away_s = round(time.monotonic() - self._outage.since, 3)
            self._log.info("the database is back", away_s=away_s, sessions=sessions)
            self._outage = None

    def _incidents(self, batch: Batch, sessions: list[str]) -> list[dict[str, Any]]:
        found = [
            {
                "session": finding.session,
                "severity": finding.severity,
                "code": finding.code,
                "message": finding.message,
                "details": finding.details,
                "stream_seq": finding.stream_seq,
            }
            for finding in batch.findings
        ]
        if self._outage is not None:
            away_s = round(time.monotonic() - self._outage.since, 3)
            found += [
                {
                    "session": session,
                    "severity": "warning",
                    "code": "database_away",
                    "message": f"The recorder waited {away_s:g} s for the database; nothing was dropped",
                    "details": {"away_s": away_s, "attempts": self._outage.attempts, "reason": self._outage.reason},
                    "stream_seq": batch.last_stream_seq,
                }
                for session in sessions
            ]
        for incident in found:
            self._log.warning("incident", **{k: v for k, v in incident.items() if k != "details"})
            incident["details"] = json_text(incident["details"]).decode()
            incident["message"] = incident["message"].replace("\0", "\u2400")
            incident["session"] = incident["session"].replace("\0", "\u2400")
        return found
