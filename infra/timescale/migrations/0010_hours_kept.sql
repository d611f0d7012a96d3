-- requires: timescale
--
-- equity_by_hour_kept had the bar that closes at hh:00 in the hour after it. It is equity_by_hour now and nothing is kept:
-- buckets that end with the hour need an offset, which continuous aggregates take only since TimescaleDB 2.15.
drop materialized view equity_by_hour_kept;

create view equity_by_hour_kept as
select session, hour, equity, equity_max, equity_min, exposure_max
from equity_by_hour;
