-- The log: every message as it was published, in order, once.
--
-- Works on TimescaleDB (community and Apache edition) and on plain PostgreSQL: only
-- as_hypertable() asks which it is.

create function has_timescaledb() returns boolean language sql stable as
$$ select exists (select from pg_extension where extname = 'timescaledb') $$;

-- A hypertable where there are hypertables, an ordinary table elsewhere. Chunks follow market
-- time, so their length is chosen by how many bars a session has, not by how fast it is played.
create function as_hypertable(relation regclass, chunk interval) returns void language plpgsql as $$
begin
    if has_timescaledb() then
        perform create_hypertable(relation, by_range('ts', chunk), create_default_indexes => false);
    end if;
end $$;

-- Unix time in nanoseconds as a timestamp, cut to microseconds.
create function to_ts(ns bigint) returns timestamptz language sql immutable strict parallel safe as
$$ select '1970-01-01 00:00:00+00'::timestamptz + (floor(ns / 1000.0)::bigint || ' microseconds')::interval $$;

create table event (
    session     text        not null,
    source      text        not null,
    type        text        not null,
    seq         bigint      not null,  -- number within session and source, contiguous from 1
    ts          timestamptz not null,  -- event_ns cut to microseconds
    event_ns    bigint      not null,  -- when it happened in the market or at the venue
    recorded_ns bigint      not null,  -- wall clock at publish
    log_epoch   timestamptz not null,  -- creation of the stream that it was read from
    stream_seq  bigint      not null,  -- its place in that stream: the order of replay
    id          text        not null,
    cause       text        not null,  -- id of the event that led to it, or ''
    symbol      text,
    payload     bytea       not null   -- the bytes of the message, exactly
);
select as_hypertable('event', interval '7 days');
create unique index event_once on event (session, source, seq, ts);
create index event_replay on event (session, log_epoch, stream_seq);

-- How far the recorder is. Written in the transaction that writes the rows.
create table recorder_position (
    one        boolean     primary key default true check (one),
    log_epoch  timestamptz not null,
    stream_seq bigint      not null,
    changed_at timestamptz not null default now()
);

-- The last number of each source, and how much of it is stored.
create table recorder_source (
    session    text        not null,
    source     text        not null,
    seq        bigint      not null,
    events     bigint      not null,
    bytes      bigint      not null,
    stream_seq bigint      not null,
    primary key (session, source)
) with (fillfactor = 50);
