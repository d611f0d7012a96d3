-- One row per session and UTC day in which bars lie that it was marked to: the bar that closes at 00:00 lies in the day
-- before. pnl is the change of equity; what the last decision led to at its close counts to that close's day.
create or replace view pnl_by_day as
with last_of_day as (
    select distinct on (session, ((ts - interval '1 microsecond') at time zone 'UTC')::date)
        session,
        ((ts - interval '1 microsecond') at time zone 'UTC')::date as day,
        equity,
        cash,
        realised,
        fees,
        funding,
        turnover
    from equity
    order by session, ((ts - interval '1 microsecond') at time zone 'UTC')::date, ts desc, stream_seq desc
)
select
    last_of_day.session,
    last_of_day.day,
    last_of_day.equity - lag(last_of_day.equity, 1, coalesce(sessions.start_equity, 0)) over by_day as pnl,
    last_of_day.realised - lag(last_of_day.realised, 1, 0) over by_day as realised,
    last_of_day.fees - lag(last_of_day.fees, 1, 0) over by_day as fees,
    last_of_day.funding - lag(last_of_day.funding, 1, 0) over by_day as funding,
    last_of_day.turnover - lag(last_of_day.turnover, 1, 0) over by_day as turnover,
    last_of_day.equity
from last_of_day
left join sessions using (session)
window by_day as (partition by last_of_day.session order by last_of_day.day);
