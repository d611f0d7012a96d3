-- Questions that are asked every day. See README.md for examples.

-- The messages of a session in the order in which they happened.
create function replay(of_session text)
returns table (
    stream_seq bigint, source text, seq bigint, type text, ts timestamptz, id text, cause text, symbol text, payload bytea
) language sql stable as $$
    select e.stream_seq, e.source, e.seq, e.type, e.ts, e.id, e.cause, e.symbol, e.payload
    from event e
    where e.session = of_session
    order by e.log_epoch, e.stream_seq
$$;

create view equity_curve as
select session, ts, equity, cash, unrealised, drawdown_equity, drawdown_realised, exposure
from equity;

-- One row per order that filled. The price is the average over its fills.
create view trades as
select
    session,
    order_id,
    min(ts) as ts,
    max(ts) as last_fill_ts,
    symbol,
    leg,
    side,
    action,
    kind,
    count(*) as fills,
    sum(quantity) as quantity,
    sum(price * quantity) / nullif(sum(quantity), 0) as price,
    sum(notional) as notional,
    sum(realised) as realised,
    sum(fee) as fees,
    sum(slippage) as slippage,
    min(reason) as reason,
    min(stream_seq) as stream_seq
from fills
group by session, order_id, symbol, leg, side, action, kind;

-- From flat to flat, per symbol and leg; the last one may still be open (closed_ts is null).
-- Every fill belongs to the trip in which it stands, so do the funding payments until it is flat.
create view round_trips as
with numbered as (
    select
        fills.*,
        -- The closing fill belongs to its own trip: count the flat moments strictly before it.
        coalesce(
            count(*) filter (where leg_quantity = 0) over (
                partition by session, symbol, leg order by stream_seq
                rows between unbounded preceding and 1 preceding
            ), 0
        ) + 1 as trip
    from fills
),
trips as (
    select
        session,
        symbol,
        leg,
        trip,
        min(ts) as opened_ts,
        max(ts) filter (where leg_quantity = 0) as closed_ts,
        min(stream_seq) as first_stream_seq,
        max(stream_seq) filter (where leg_quantity = 0) as last_stream_seq,
        count(*) as fills,
        max(leg_quantity) as quantity_max,
        sum(price * quantity) filter (where action in ('open', 'add'))
            / nullif(sum(quantity) filter (where action in ('open', 'add')), 0) as entry_price,
        sum(price * quantity) filter (where action not in ('open', 'add'))
            / nullif(sum(quantity) filter (where action not in ('open', 'add')), 0) as exit_price,
        sum(realised) as realised,
        sum(fee) as fees,
        sum(slippage) as slippage
    from numbered
    group by session, symbol, leg, trip
)
select
    trips.session,
    trips.symbol,
    trips.leg,
    trips.trip,
    trips.opened_ts,
    trips.closed_ts,
    trips.fills,
    trips.quantity_max,
    trips.entry_price,
    trips.exit_price,
    trips.realised,
    trips.fees,
    coalesce(paid.amount, 0) as funding,
    trips.slippage,
    trips.realised - trips.fees + coalesce(paid.amount, 0) as pnl
from trips
left join lateral (
    select sum(funding.amount) as amount
    from funding
    where funding.session = trips.session
        and funding.symbol = trips.symbol
        and funding.leg = trips.leg
        and funding.stream_seq > trips.first_stream_seq
        and (trips.last_stream_seq is null or funding.stream_seq < trips.last_stream_seq)
) as paid on true;

-- One row per session and UTC day on which it was marked to market. pnl is the change of equity.
create view pnl_by_day as
with last_of_day as (
    select distinct on (session, (ts at time zone 'UTC')::date)
        session,
        (ts at time zone 'UTC')::date as day,
        equity,
        cash,
        realised,
        fees,
        funding,
        turnover
    from equity
    order by session, (ts at time zone 'UTC')::date, ts desc, stream_seq desc
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

-- What orders cost against the price they were measured by; positive is adverse.
create view slippage as
select
    session,
    symbol,
    kind,
    liquidity,
    count(*) as fills,
    sum(notional) as notional,
    sum(slippage) as cost,
    1e4 * sum(slippage) / nullif(sum(notional), 0) as basis_points,
    max(1e4 * slippage / nullif(notional, 0)) as worst_basis_points
from fills
group by session, symbol, kind, liquidity;

create view session_summary as
select
    sessions.session,
    sessions.state,
    sessions.stage,
    sessions.strategy,
    sessions.venue,
    sessions.timeframe,
    sessions.symbols,
    sessions.started_at,
    sessions.stopped_at,
    sessions.stop_reason,
    bar_counts.bars,
    bar_counts.first_bar_ts,
    bar_counts.last_bar_ts,
    (select count(*) from decisions where decisions.session = sessions.session) as decisions,
    (select count(*) from intents where intents.session = sessions.session) as intents,
    order_counts.orders,
    order_counts.refused,
    order_counts.rejected,
    (select count(*) from fills where fills.session = sessions.session) as fills,
    sessions.start_equity,
    account.equity,
    account.realised,
    account.unrealised,
    account.fees,
    account.funding,
    account.slippage,
    account.turnover,
    account.drawdown_realised_max,
    account.drawdown_equity_max,
    (select count(*) from incidents where incidents.session = sessions.session) as incidents,
    stored.events,
    stored.bytes
from sessions
left join lateral (
    select count(*) as bars, min(ts) as first_bar_ts, max(ts) as last_bar_ts
    from bars
    where bars.session = sessions.session and not bars.warmup
) as bar_counts on true
left join lateral (
    select
        count(*) filter (where event = 'requested') as orders,
        count(*) filter (where event = 'refused') as refused,
        count(*) filter (where event = 'rejected') as rejected
    from order_events
    where order_events.session = sessions.session
) as order_counts on true
left join lateral (
    -- Totals and both drawdowns run through the session, so the last row has them all.
    select
        equity,
        realised,
        unrealised,
        fees,
        funding,
        slippage,
        turnover,
        drawdown_realised as drawdown_realised_max,
        drawdown_equity as drawdown_equity_max
    from equity
    where equity.session = sessions.session
    order by ts desc, stream_seq desc
    limit 1
) as account on true
left join lateral (
    select sum(events) as events, sum(bytes) as bytes
    from recorder_source
    where recorder_source.session = sessions.session
) as stored on true;

-- Equity by hour: its last, highest and lowest mark.
create view equity_by_hour as
select
    session,
    date_trunc('hour', ts, 'UTC') as hour,
    (array_agg(equity order by ts desc, stream_seq desc))[1] as equity,
    max(equity) as equity_max,
    min(equity) as equity_min,
    max(exposure) as exposure_max
from equity
group by session, date_trunc('hour', ts, 'UTC');
