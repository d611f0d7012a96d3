"""Reading back what the recorder stored: a session's messages in order, the sessions there are.

``events`` streams: a session of any length is read with the memory of one block of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.rows import class_row, dict_row

from live_runner.contracts.errors import ServiceUnavailable
from live_runner.services.runtime.postgres.database import RECORDER_LOCK, connect

__all__ = [
    "Position",
    "RecordedSession",
    "account_events",
    "account_sessions",
    "adopt_log",
    "events",
    "failures",
    "position",
    "sessions",
]

_ROWS_AT_ONCE: Final = 300
"""Rows handed over in one block: a reader takes less of the processor than it takes with COPY, and half of what it
takes with blocks of 100; larger ones gain nothing."""
_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")

_EVENTS: Final = """
    select stream_seq, payload from event
    where session = %s and stream_seq > %s
    order by log_epoch, stream_seq
"""

# The index has this order. With statistics of before the session was recorded the planner would sort
# instead, which means all payloads on disk before the first row comes.
_IN_INDEX_ORDER: Final = "set local enable_sort = off; set local enable_bitmapscan = off; set local jit = off"

_SESSIONS: Final = """
    select
        sessions.session,
        case when state = 'started' and dead.message is not null then 'dead' else state end as state,
        case when state = 'started' then dead.message end as why,
        stage, strategy, venue, symbols, timeframe, announced_at, started_at, stopped_at,
        stop_reason, coalesce(stored.events, 0) as events, coalesce(stored.bytes, 0) as bytes,
        coalesce(stored.stream_seq, 0) as stream_seq, marked.ts as marked_at, marked.equity, summary,
        (select count(*) from incidents where incidents.session = sessions.session) as incidents
    from sessions
    left join lateral (
        select sum(events)::bigint as events, sum(bytes)::bigint as bytes, max(stream_seq) as stream_seq
        from recorder_source where recorder_source.session = sessions.session
    ) as stored on true
    left join lateral (
        select ts, equity from equity where equity.session = sessions.session order by ts desc, stream_seq desc limit 1
    ) as marked on true
    left join lateral (
        select message from incidents
        where incidents.session = sessions.session and severity = 'fatal' and incidents.stream_seq > coalesce(
            (
                select max(stream_seq) from recorder_source
                where recorder_source.session = sessions.session
                    and recorder_source.source = split_part(incidents.source, '.', 1)
            ),
            0
        )
        order by incidents.stream_seq desc limit 1
    ) as dead on true
    where %(session)s::text is null or sessions.session = %(session)s
    order by announced_at nulls first, sessions.session
"""


_ACCOUNT_SESSIONS: Final = """
    select session from sessions
    where config -> 'account' ->> 'name' = %s and jsonb_typeof(config -> 'account' -> 'limits') = 'object'
    order by announced_at nulls first, session
"""

_ACCOUNT_EVENTS: Final = """
    select stream_seq, payload from event
    where session = any(%s) and type = any(%s)
    order by log_epoch, stream_seq
"""


_FAILURES: Final = """
    select kind, reason, count, first, coalesce(location, '') as where from failures
    where session = %s order by kind, reason
"""


class RecordedSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session as the database has it. Times are None until they happen."""

    session: str
    state: str
    """``announced``, ``refused``, ``started``, ``stopped``, or ``dead``: started, and it cannot go on."""
    why: str | None
    """The fatal incident of a dead session."""
    stage: str | None
    strategy: str | None
    venue: str | None
    symbols: list[str] | None
    timeframe: str | None
    announced_at: datetime | None
    started_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str | None
    events: int
    bytes: int
    stream_seq: int
    """Of its last stored event."""
    marked_at: datetime | None
    """Market time of the last mark to market."""
    equity: Decimal | None
    summary: dict[str, Any] | None
    """The summary in ``stopped``; None before."""
    incidents: int


class Position(msgspec.Struct, frozen=True):
    """The recorder's position, and the log that it is in."""

    log_epoch: datetime
    stream_seq: int
    changed_at: datetime


def events(dsn: str, session: str, *, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Stream sequence and exact bytes of each message of a session, in stream order.

    ``after`` leaves out everything up to that stream sequence. An unknown session has none.
    """
    with connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_IN_INDEX_ORDER)
        yield from cursor.stream(_EVENTS, (session, after), binary=True, size=_ROWS_AT_ONCE)


def account_sessions(dsn: str, account: str) -> list[str]:
    """Names of the sessions that an account's limits hold over, in the order of announcement."""
    with connect(dsn) as connection:
        return [name for (name,) in connection.execute(_ACCOUNT_SESSIONS, (account,))]


def account_events(dsn: str, account: str, types: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """Stream sequence and exact bytes of the messages of some types of an account and its sessions, in stream order."""
    names = [account, *account_sessions(dsn, account)]
    with connect(dsn) as connection, connection.cursor() as cursor:
        yield from cursor.stream(_ACCOUNT_EVENTS, (names, list(types)), binary=True, size=_ROWS_AT_ONCE)


def sessions(dsn: str, session: str | None = None) -> list[RecordedSession]:
    """Every session in the order of announcement, or the one of that name (none: an empty list)."""
    with connect(dsn) as connection, connection.cursor(row_factory=class_row(RecordedSession)) as cursor:
        return cursor.execute(_SESSIONS, {"session": session}).fetchall()


def failures(dsn: str, session: str) -> list[dict[str, Any]]:
    """What went wrong in a session: kind, reason, count, the first in words, and where in the strategy."""
    with connect(dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_FAILURES, (session,)).fetchall()


def position(dsn: str) -> Position | None:
    """The recorder's position, None before its first start."""
    with connect(dsn) as connection, connection.cursor(row_factory=class_row(Position)) as cursor:
        return cursor.execute("select log_epoch, stream_seq, changed_at from recorder_position").fetchone()


def adopt_log(dsn: str, created: str, stream_seq: int = 0) -> None:
    """Let the recorder go on in another log, or elsewhere in this one.

    ``created`` is the stream's creation time as NATS gives it; recording goes on after
    ``stream_seq``. Messages whose number is already stored are not stored again. ServiceUnavailable
    while a recorder is running.
    """
    epoch = _NANOSECONDS.sub(r"\1", created)
    with connect(dsn) as connection:
        if connection.execute("select pg_try_advisory_xact_lock(%s)", (RECORDER_LOCK,)).fetchone() != (True,):
            raise ServiceUnavailable(
                "A recorder is writing to this database", remedy="Stop it first, then adopt the log"
            )
        connection.execute(
            """
            insert into recorder_position (log_epoch, stream_seq) values (%s::timestamptz, %s)
            on conflict (one) do update
            set log_epoch = excluded.log_epoch, stream_seq = excluded.stream_seq, changed_at = now()
            """,
            (epoch, stream_seq),
        )
