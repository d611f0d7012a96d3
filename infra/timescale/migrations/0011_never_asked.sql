-- What went wrong in a session, by kind and reason: calls of strategy code that failed, intents that were refused,
-- orders that the venue rejected, indicators that never had a value, strategies that were never asked for an
-- intent. ``first`` is the first of each in words, ``location`` its file and line in the strategy, where it is known.
create or replace view failures as
with calls as (
    select
        decisions.session,
        failure ->> 'call' as call,
        failure ->> 'symbol' as symbol,
        failure ->> 'error' as error,
        decisions.stream_seq,
        decisions.ts
    from decisions
    cross join lateral jsonb_array_elements(decisions.failures) as failure
)
select
    session,
    'failed_call' as kind,
    call || ': ' || split_part(error, ':', 1) as reason,
    count(*) as count,
    (array_agg(call || ' of ' || symbol || ': ' || error order by stream_seq))[1] as first,
    (
        select details ->> 'where' from incidents
        where incidents.session = calls.session and code = 'strategy_failed' and details ->> 'call' = calls.call
        order by incidents.stream_seq limit 1
    ) as location,
    min(ts) as first_ts
from calls
group by session, call, split_part(error, ':', 1)
union all
select
    session,
    event as kind,
    coalesce(code, reason) as reason,
    count(*) as count,
    (array_agg(symbol || ' ' || leg || ': ' || coalesce(nullif(message, ''), code, reason) order by stream_seq))[1] as first,
    null as location,
    min(ts) as first_ts
from order_events
where event in ('refused', 'rejected')
group by session, event, coalesce(code, reason)
union all
select
    session,
    'never_warm' as kind,
    details ->> 'indicator' as reason,
    count(*) as count,
    min(message) as first,
    null as location,
    min(ts) as first_ts
from incidents
where code = 'strategy_never_warm'
group by session, details ->> 'indicator'
union all
select
    session,
    'never_asked' as kind,
    details ->> 'reason' as reason,
    count(*) as count,
    min(message) as first,
    nullif(min(details ->> 'where'), '') as location,
    min(ts) as first_ts
from incidents
where code = 'strategy_never_asked'
group by session, details ->> 'reason';
