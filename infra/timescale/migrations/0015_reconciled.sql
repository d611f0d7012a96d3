-- Positions beside the venue's: trades of the account outside the session's orders, and what was made of them.

create table account_trades (
    session         text        not null,
    ts              timestamptz not null,
    symbol          text        not null,
    leg             text,
    side            text        not null,
    trade           jsonb       not null,  -- with the venue's id, quantity, price, fee and time
    venue_order_id  text,
    client_order_id text,
    forced          text,                  -- liquidation, adl or settlement; null for a trade that somebody made
    event_id        text        not null,
    stream_seq      bigint      not null
);
select as_hypertable('account_trades', interval '30 days');
create index account_trades_of_session on account_trades (session, ts);

alter table reconciliations
    add column difference   text,  -- of adopted: position_more, position_less or foreign_position
    add column trade_id     text,
    add column fee          numeric,
    add column fee_currency text;
alter table account_reports add column leverage jsonb, add column margin_mode jsonb;  -- by symbol

-- As in 0012, with the fees of closes by force and of trades that were adopted.
create or replace view booked_fills as
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
    session, ts, order_id, symbol, leg, null, 'close', null, null, 0, 0, 0, 0, amount,
    coalesce(fee, 0), nullif(fee_currency, ''),
    coalesce((select currency from sessions where sessions.session = reconciliations.session), fee_currency), null,
    false, reason, stream_seq, stream_seq
from reconciliations;
