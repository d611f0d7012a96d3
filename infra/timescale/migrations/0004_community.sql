-- requires: timescale
--
-- What only the community edition of TimescaleDB has. Skipped elsewhere, and applied by the next
-- `live-runner db migrate` once the edition is there.
--
-- Sessions may be played over candles of years ago, so the age of a chunk is the time since it
-- was made, not the market time in it.

-- The columns of the unique index have to be among these two.
alter table event set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'session',
    timescaledb.compress_orderby = 'log_epoch, stream_seq, source, seq, ts'
);
select add_compression_policy('event', compress_created_before => interval '14 days');

alter table bars set (
    timescaledb.compress, timescaledb.compress_segmentby = 'session, symbol', timescaledb.compress_orderby = 'ts'
);
select add_compression_policy('bars', compress_created_before => interval '14 days');

-- equity_by_hour kept ready for dashboards; for candles of the past it may be ten minutes behind.
create materialized view equity_by_hour_kept
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
    session,
    time_bucket(interval '1 hour', ts) as hour,
    last(equity, ts) as equity,
    max(equity) as equity_max,
    min(equity) as equity_min,
    max(exposure) as exposure_max
from equity
group by session, time_bucket(interval '1 hour', ts)
with no data;

select add_continuous_aggregate_policy(
    'equity_by_hour_kept', start_offset => null, end_offset => interval '1 hour', schedule_interval => interval '10 minutes'
);

-- The database is the archive, so nothing is forgotten unless somebody says so:
--     select forget_after('1 year');
-- drops chunks that were made longer ago than that.
create function forget_after(age interval) returns void language plpgsql as $$
declare
    relation regclass;
begin
    for relation in
        select format('%I.%I', hypertable_schema, hypertable_name)::regclass
        from timescaledb_information.hypertables
        where hypertable_schema = current_schema()
    loop
        perform remove_retention_policy(relation, if_exists => true);
        perform add_retention_policy(relation, drop_created_before => age);
    end loop;
end $$;
