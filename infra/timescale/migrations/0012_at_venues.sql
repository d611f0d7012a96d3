-- What a real venue corrects, reports and charges, and views that count it: a fee in the currency in which it was
-- charged, a corrected fill once, at its own price.

alter table fills add column provisional boolean;  -- booked at the order's average price, before its trade was known

-- A trade replaces (a part of) a provisional fill of its order.
create table corrections (
    session      text        not null,
    ts           timestamptz not null,  -- of the trade
    fill_id      text        not null,  -- the venue's id of the trade
    order_id     text        not null,
    intent_id    text        not null,
    symbol       text        not null,
    leg          text        not null,
    side         text        not null,
    quantity     numeric     not null,
    price_before numeric     not null,
    price        numeric     not null,
    fee_before   numeric     not null,  -- in the settle currency
    fee          numeric     not null,
    fee_currency text        not null,  -- of fee
    liquidity    text        not null,
    amount       numeric     not null,  -- what the account gained by it, in the settle currency
    event_id     text        not null,
    stream_seq   bigint      not null
);
select as_hypertable('corrections', interval '30 days');
create index corrections_of_session on corrections (session, ts);
create index corrections_by_order on corrections (order_id);

-- A leg that was taken to what the venue holds, without a trade of the session.
create table reconciliations (
    session         text        not null,
    ts              timestamptz not null,
    symbol          text        not null,
    leg             text        not null,
    reason          text        not null,
    quantity_before numeric     not null,
    quantity        numeric     not null,
    price           numeric     not null,  -- at which the lots left the ledger
    amount          numeric     not null,  -- realised by it
    order_id        text        not null,
    report          text        not null,  -- event_id of the account report that proves it
    asked_ts        timestamptz not null,
    event_id        text        not null,
    stream_seq      bigint      not null
);
select as_hypertable('reconciliations', interval '30 days');
create index reconciliations_of_session on reconciliations (session, ts);

-- What the venue said of the account. A list that is not complete may lack something.
create table account_reports (
    session            text        not null,
    ts                 timestamptz not null,
    positions          jsonb       not null,
    positions_complete boolean     not null,
    positions_asked_ts timestamptz,
    balances           jsonb       not null,
    balances_complete  boolean     not null,
    balances_asked_ts  timestamptz,
    orders             jsonb       not null,
    orders_complete    boolean     not null,
    orders_asked_ts    timestamptz,
    position_mode      text,
    event_id           text        not null,
    stream_seq         bigint      not null
);
select as_hypertable('account_reports', interval '30 days');
create index account_reports_of_session on account_reports (session, ts);

-- Entries of the venue's own ledger other than trades; the booked ones are in funding too.
create table income (
    session    text        not null,
    ts         timestamptz not null,
    income_id  text        not null,
    kind       text        not null,
    amount     numeric     not null,  -- negative was paid
    currency   text        not null,
    symbol     text,
    leg        text,
    rate       numeric,
    mark       numeric,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('income', interval '30 days');
create index income_of_session on income (session, ts);

create table stream_gaps (
    session    text        not null,
    ts         timestamptz not null,
    stream     text        not null,
    from_ts    timestamptz not null,
    until_ts   timestamptz not null,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('stream_gaps', interval '30 days');
create index stream_gaps_of_session on stream_gaps (session, ts);

-- Fills as they are booked now, to be summed: each fill, and for each correction one row that takes back what was booked
-- and one with the trade. fill_seq leads to the fill, whose row says replaced once a trade has corrected its order. A leg
-- that was closed elsewhere has a row without kind.
create view booked_fills as
select
    fills.session, fills.ts, fills.order_id, fills.symbol, fills.leg, fills.side, fills.action, fills.kind,
    fills.liquidity, 1 as fills, fills.quantity, fills.price * fills.quantity as cost, fills.notional, fills.realised,
    fills.fee, fills.fee_currency, coalesce(sessions.currency, fills.fee_currency) as currency, fills.slippage,
    coalesce(fills.provisional, false) and exists (
        select from corrections
        where corrections.session = fills.session and corrections.order_id = fills.order_id
    ) as replaced,
    fills.reason, fills.stream_seq as fill_seq, fills.stream_seq
from fills
left join sessions using (session)
union all
select
    corrections.session, corrections.ts, corrections.order_id, corrections.symbol, corrections.leg, corrections.side,
    booked.action, booked.kind, part.liquidity, 0, part.sign * corrections.quantity, part.sign * part.cost,
    part.sign * part.cost * booked.size,
    case when part.sign = 1 then corrections.amount - corrections.fee_before + case
        when corrections.fee_currency = booked.fee_currency then corrections.fee else 0
    end else 0 end,
    part.sign * part.fee, part.fee_currency, coalesce(sessions.currency, booked.fee_currency),
    part.sign * case when corrections.side = 'buy' then 1 else -1 end * booked.size
        * (part.cost - booked.reference_price * corrections.quantity),
    part.sign = -1, booked.reason, booked.stream_seq, corrections.stream_seq
from corrections
left join sessions using (session)
cross join lateral (
    select action, kind, liquidity, fee_currency, reason, reference_price, stream_seq,
        notional / nullif(price * quantity, 0) as size
    from fills
    where fills.session = corrections.session and fills.order_id = corrections.order_id and fills.provisional
    order by fills.stream_seq
    limit 1
) as booked
cross join lateral (values
    (-1, corrections.price_before * corrections.quantity, corrections.fee_before, booked.fee_currency, booked.liquidity),
    (1, corrections.price * corrections.quantity, corrections.fee, corrections.fee_currency, corrections.liquidity)
) as part (sign, cost, fee, fee_currency, liquidity)
union all
select
    session, ts, order_id, symbol, leg, null, 'close', null, null, 0, 0, 0, 0, amount, 0, null, null, null, false,
    reason, stream_seq, stream_seq
from reconciliations;

-- What was charged, in the currency in which it was. No amount is converted.
create view fees_by_currency as
select session, symbol, fee_currency, liquidity, sum(fee) as fees
from booked_fills
where fee_currency is not null
group by session, symbol, fee_currency, liquidity
having sum(fee) <> 0;

-- One row per order that filled. The price is the average over its fills; fees are those in the settle currency, those in
-- others are in foreign_fees, by currency.
create or replace view trades as
with totals as (
    select
        session,
        order_id,
        min(ts) filter (where fills = 1) as ts,
        max(ts) filter (where fills = 1) as last_fill_ts,
        symbol,
        leg,
        side,
        action,
        kind,
        sum(fills)::bigint as fills,
        sum(quantity) as quantity,
        sum(cost) / nullif(sum(quantity), 0) as price,
        sum(notional) as notional,
        sum(realised) as realised,
        coalesce(sum(fee) filter (where fee_currency = currency), 0) as fees,
        sum(slippage) as slippage,
        min(reason) as reason,
        min(stream_seq) as stream_seq
    from booked_fills
    where kind is not null
    group by session, order_id, symbol, leg, side, action, kind
),
foreign_totals as (
    select session, order_id, fee_currency, sum(fee) as fee
    from booked_fills
    where fee_currency <> currency
    group by session, order_id, fee_currency
)
select
    totals.*,
    (
        select jsonb_object_agg(fee_currency, fee) from foreign_totals
        where foreign_totals.session = totals.session and foreign_totals.order_id = totals.order_id
    ) as foreign_fees
from totals;

-- From flat to flat, per symbol and leg; the last one may still be open (closed_ts is null). Every fill belongs to the trip
-- in which it stands, with its corrections, so do the funding payments until it is flat. fees and pnl are in the settle
-- currency; fees in others are in foreign_fees, by currency.
create or replace view round_trips as
with steps as (
    select session, symbol, leg, ts, leg_quantity, stream_seq from fills
    union all
    select session, symbol, leg, ts, quantity, stream_seq from reconciliations
),
numbered as (
    select
        steps.*,
        -- The closing fill belongs to its own trip: count the flat moments strictly before it.
        coalesce(
            count(*) filter (where leg_quantity = 0) over (
                partition by session, symbol, leg order by stream_seq
                rows between unbounded preceding and 1 preceding
            ), 0
        ) + 1 as trip
    from steps
),
spans as (
    select
        session,
        symbol,
        leg,
        trip,
        min(ts) as opened_ts,
        max(ts) filter (where leg_quantity = 0) as closed_ts,
        min(stream_seq) as first_stream_seq,
        max(stream_seq) filter (where leg_quantity = 0) as last_stream_seq,
        max(leg_quantity) as quantity_max
    from numbered
    group by session, symbol, leg, trip
),
booked as (
    select booked_fills.*, numbered.trip
    from booked_fills
    join numbered
        on numbered.session = booked_fills.session
        and numbered.symbol = booked_fills.symbol
        and numbered.leg = booked_fills.leg
        and numbered.stream_seq = booked_fills.fill_seq
),
trips as (
    select
        session,
        symbol,
        leg,
        trip,
        sum(fills)::bigint as fills,
        sum(cost) filter (where action in ('open', 'add'))
            / nullif(sum(quantity) filter (where action in ('open', 'add')), 0) as entry_price,
        sum(cost) filter (where action not in ('open', 'add'))
            / nullif(sum(quantity) filter (where action not in ('open', 'add')), 0) as exit_price,
        sum(realised) as realised,
        coalesce(sum(fee) filter (where fee_currency = currency), 0) as fees,
        sum(slippage) as slippage
    from booked
    group by session, symbol, leg, trip
),
foreign_totals as (
    select session, symbol, leg, trip, fee_currency, sum(fee) as fee
    from booked
    where fee_currency <> currency
    group by session, symbol, leg, trip, fee_currency
)
select
    trips.session,
    trips.symbol,
    trips.leg,
    trips.trip,
    spans.opened_ts,
    spans.closed_ts,
    trips.fills,
    spans.quantity_max,
    trips.entry_price,
    trips.exit_price,
    trips.realised,
    trips.fees,
    coalesce(paid.amount, 0) as funding,
    trips.slippage,
    trips.realised - trips.fees + coalesce(paid.amount, 0) as pnl,
    (
        select jsonb_object_agg(fee_currency, fee) from foreign_totals
        where foreign_totals.session = trips.session
            and foreign_totals.symbol = trips.symbol
            and foreign_totals.leg = trips.leg
            and foreign_totals.trip = trips.trip
    ) as foreign_fees
from trips
join spans using (session, symbol, leg, trip)
left join lateral (
    select sum(funding.amount) as amount
    from funding
    where funding.session = trips.session
        and funding.symbol = trips.symbol
        and funding.leg = trips.leg
        and funding.stream_seq > spans.first_stream_seq
        and (spans.last_stream_seq is null or funding.stream_seq < spans.last_stream_seq)
) as paid on true;

-- What orders cost against the price they were measured by; positive is adverse.
create or replace view slippage as
select
    session,
    symbol,
    kind,
    liquidity,
    sum(fills)::bigint as fills,
    sum(notional) as notional,
    sum(slippage) as cost,
    1e4 * sum(slippage) / nullif(sum(notional), 0) as basis_points,
    max(1e4 * slippage / nullif(notional, 0)) filter (where not replaced) as worst_basis_points
from booked_fills
where kind is not null
group by session, symbol, kind, liquidity;
