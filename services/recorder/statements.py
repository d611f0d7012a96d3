"""The SQL of the recorder, apart from COPY (see core/tables.py)."""

from __future__ import annotations

from typing import Any, Final

from live_runner.services.recorder.core.batch import Batch
from live_runner.services.recorder.core.session_rows import COLUMN_CASTS, Change

__all__ = ["BARS", "HELD", "INCIDENT", "MOVE", "POSITION", "SOURCES", "counts", "upsert"]


def upsert(change: Change) -> tuple[bytes, tuple[Any, ...]]:
    """Statement and parameters of a change to a session's or dataset's row."""
    columns = [change.key, *change.columns]
    casts = ", ".join(COLUMN_CASTS.get(name, "%s") for name in columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in change.columns)
    statement = (
        f"insert into {change.table} ({', '.join(columns)}) values ({casts})"
        f" on conflict ({change.key}) do update set {updates}"
    )
    return statement.encode(), (change.value, *change.columns.values())


def counts(batch: Batch) -> tuple[list[Any], ...]:
    """The first parameters of MOVE."""
    keys = list(batch.stored)
    values = list(batch.stored.values())
    return (
        [session.replace("\0", "\u2400") for session, _ in keys],
        [source.replace("\0", "\u2400") for _, source in keys],
        [stored.seq for stored in values],
        [stored.events for stored in values],
        [stored.bytes for stored in values],
        [stored.stream_seq for stored in values],
    )


INCIDENT: Final = """
    insert into incidents (session, ts, source, severity, code, message, details, stream_seq)
    values (%(session)s, now(), 'recorder', %(severity)s, %(code)s, %(message)s, %(details)s::jsonb, %(stream_seq)s)
"""

MOVE: Final = """
    with counted as (
        insert into recorder_source as stored (session, source, seq, events, bytes, stream_seq)
        select * from unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        on conflict (session, source) do update set
            seq = excluded.seq,
            events = stored.events + excluded.events,
            bytes = stored.bytes + excluded.bytes,
            stream_seq = excluded.stream_seq
    )
    update recorder_position set stream_seq = %s, changed_at = now() where log_epoch = to_ts(%s) and stream_seq = %s
"""
"""Counts what is stored and moves the position, in one way to the database and back."""

# A core restarts from its last snapshot, so both cores need one before anything may go; and every
# numbered source looks for its own last message. Shells' own observations (.shell) do not hold.
# The limits of a session's account fold on from the account's last snapshot, too.
HELD: Final = """
    select least(
        coalesce(
            (
                select min(last_of_role.input_seq)
                from (
                    select role, max(input_seq) as input_seq
                    from snapshots
                    where snapshots.session = sessions.session and role in ('execution', 'strategy')
                    group by role
                ) as last_of_role
                having count(*) = 2
            ),
            sessions.first_stream_seq,
            1
        ),
        (
            select min(stream_seq)
            from recorder_source
            where recorder_source.session = sessions.session
                and source in ('execution', 'strategy', 'market_data')
        ),
        (
            select max(input_seq)
            from snapshots
            where snapshots.session = sessions.config -> 'account' ->> 'name' and role = 'account'
        )
    )
    from sessions
    where state in ('announced', 'started')
        and (state = 'started' or announced_at > now() - interval '1 hour')
"""

# What may stand behind the last bar set: gaps, revised bars and the end of the feed, for every symbol a few.
BARS: Final = """
    select sessions.session, state, coalesce(symbols, '{}'), coalesce(timeframe, ''), last_set.payload,
        coalesce(last_event.type = 'market.feed_ended', false)
    from sessions
    left join recorder_source as fed on state = 'started' and fed.session = sessions.session
        and fed.source = 'market_data'
    left join lateral (
        select payload from event
        where event.session = fed.session and event.source = fed.source and type = 'market.bar_set'
            and event.seq between fed.seq - 1000 and fed.seq
        order by event.seq desc limit 1
    ) as last_set on true
    left join lateral (
        select type from event
        where event.session = fed.session and event.source = fed.source and event.seq = fed.seq
        limit 1
    ) as last_event on true
"""

SOURCES: Final = "select session, source, seq, events from recorder_source order by stream_seq"

POSITION: Final = "select extract(epoch from log_epoch) * 1000000, stream_seq from recorder_position"
