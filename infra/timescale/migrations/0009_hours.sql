-- Equity by hour: its last, highest and lowest mark of the bars that lie in the hour. The bar that closes at hh:00 lies in
-- the hour before, as it does in pnl_by_day.
create or replace view equity_by_hour as
select
    session,
    date_trunc('hour', ts - interval '1 microsecond', 'UTC') as hour,
    (array_agg(equity order by ts desc, stream_seq desc))[1] as equity,
    max(equity) as equity_max,
    min(equity) as equity_min,
    max(exposure) as exposure_max
from equity
group by session, date_trunc('hour', ts - interval '1 microsecond', 'UTC');
