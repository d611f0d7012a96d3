-- What stands beside a real fill: the paper venue's model of it, the best bid and ask, and what a foreign fee was worth.

-- A fee in another currency than the settle currency: the value of one unit of it, where it is known. No amount is
-- converted by it.
alter table fills add column fee_rate numeric, add column fee_rate_source text;
alter table corrections add column fee_rate numeric, add column fee_rate_source text;

-- Fills that the model gives orders which a real venue has: no money is moved by them.
create table theoretical_fills (
    session         text        not null,
    ts              timestamptz not null,
    order_id        text        not null,
    intent_id       text        not null,
    symbol          text        not null,
    leg             text        not null,
    side            text        not null,
    action          text        not null,
    kind            text        not null,
    quantity        numeric     not null,
    price           numeric     not null,
    fee             numeric     not null,  -- at the configured rate, in the settle currency
    liquidity       text        not null,
    reference_price numeric,
    slippage        numeric,
    remaining       numeric     not null,
    event_id        text        not null,
    stream_seq      bigint      not null
);
select as_hypertable('theoretical_fills', interval '30 days');
create index theoretical_fills_of_session on theoretical_fills (session, ts);
create index theoretical_fills_by_order on theoretical_fills (order_id);

create table quotes (
    session    text             not null,
    symbol     text             not null,
    ts         timestamptz      not null,
    bid        double precision not null,
    ask        double precision not null,
    event_id   text             not null,
    stream_seq bigint           not null
);
select as_hypertable('quotes', interval '1 day');
create index quotes_of_session on quotes (session, symbol, ts);
