-- What happened, for people: no knowledge of messages is needed to read these tables.
--
-- ts is the market time of the row (a bar's open, a fill's bar, funding's due time). Amounts are
-- numeric in the session's currency or the instrument's units; prices of bars are the venue's
-- floats. stream_seq orders rows of one session; event_id leads to the message in event.

create table sessions (
    session        text        primary key,
    state          text        not null,  -- announced, refused, started, stopped
    stage          text,
    strategy       text,
    venue          text,
    symbols        text[],
    timeframe      text,
    currency       text,
    start_equity   numeric,
    first_open_ts  timestamptz,           -- the first tradable bar
    announced_at   timestamptz,
    started_at     timestamptz,
    stopped_at     timestamptz,
    stop_reason    text,                  -- also the reason of a refusal
    summary        jsonb,
    warmup_bars    bigint,
    config         jsonb,
    models         jsonb,
    instruments    jsonb,
    policy         jsonb,
    platform       jsonb,
    packages       jsonb,
    sources        jsonb,                 -- the strategy's source by module
    config_hash    text,
    strategy_hash  text,
    engine_version text,
    engine_hash    text,
    dataset        text,                  -- key of datasets
    compare_command text,
    hash           text,                  -- running hash of execution's outputs at the end
    log_epoch      timestamptz,
    first_stream_seq bigint
);

create table datasets (
    dataset   text        primary key,  -- its manifest's hash
    name      text,
    venue     text,
    timeframe text,
    source    text,
    rows      bigint,
    gaps      bigint,
    manifest  jsonb       not null,
    seen_at   timestamptz not null default now()
);

create table bars (
    session    text             not null,
    symbol     text             not null,
    ts         timestamptz      not null,  -- open time
    close_ts   timestamptz      not null,
    open       double precision not null,
    high       double precision not null,
    low        double precision not null,
    close      double precision not null,
    volume     double precision not null,
    late       boolean          not null,
    warmup     boolean          not null,
    set_number bigint           not null,  -- of the session's bar sets, from 1
    stream_seq bigint           not null
);
select as_hypertable('bars', interval '7 days');
create index bars_of_symbol on bars (session, symbol, ts);

create table gaps (
    session    text        not null,
    symbol     text        not null,
    ts         timestamptz not null,  -- open of the first missing bar
    until_ts   timestamptz not null,  -- open of the first bar after the gap
    bars       bigint      not null,
    filled     boolean     not null,
    reason     text        not null,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('gaps', interval '30 days');
create index gaps_of_session on gaps (session, ts);

create table bar_revisions (
    session       text             not null,
    symbol        text             not null,
    ts            timestamptz      not null,  -- open time of the bar
    open_before   double precision not null,
    high_before   double precision not null,
    low_before    double precision not null,
    close_before  double precision not null,
    volume_before double precision not null,
    open          double precision not null,
    high          double precision not null,
    low           double precision not null,
    close         double precision not null,
    volume        double precision not null,
    event_id      text             not null,
    stream_seq    bigint           not null
);
select as_hypertable('bar_revisions', interval '30 days');
create index bar_revisions_of_session on bar_revisions (session, ts);

create table decisions (
    session    text        not null,
    ts         timestamptz not null,  -- close of the bars decided on
    intents    integer     not null,
    blocked    integer     not null,  -- held back by the strategy's own policy
    failed     integer     not null,  -- calls into strategy code that raised
    failures   jsonb       not null,  -- symbol, call and error of each
    hash       text        not null,
    state_hash text        not null,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('decisions', interval '30 days');
create index decisions_of_session on decisions (session, ts);

create table intents (
    session         text        not null,
    ts              timestamptz not null,  -- of its decision
    intent_id       text        not null,
    symbol          text        not null,
    leg             text        not null,
    action          text        not null,
    quantity        numeric,
    fraction        numeric,
    sizing          text        not null,
    notional        numeric,
    style           text,
    limit_price     numeric,
    take_profit     numeric,
    stop_loss       numeric,
    time_to_live    interval,
    fallback        text[]      not null,
    close_semantics text        not null,
    order_id        text,                  -- the order to cancel
    reason          text        not null,
    bar_ts          timestamptz,           -- open of the bar that led to it
    policy          jsonb,
    blocked         text,                  -- why the strategy's own policy held it back; null when it was passed on
    blocked_detail  text,
    event_id        text        not null,
    stream_seq      bigint      not null
);
select as_hypertable('intents', interval '30 days');
create index intents_of_session on intents (session, ts);
create index intents_by_id on intents (intent_id);

create table order_events (
    session          text        not null,
    ts               timestamptz not null,
    event            text        not null,  -- requested, accepted, filled, cancelled, refused, ...
    order_id         text,
    client_order_id  text,
    venue_order_id   text,
    intent_id        text,
    symbol           text        not null,
    leg              text,
    side             text,
    action           text,
    kind             text,
    status           text,                  -- of the order after this event
    quantity         numeric,
    asked_quantity   numeric,               -- the intent's own, before normalization
    price            numeric,               -- limit or trigger price; of a fill the price paid
    filled           numeric,
    remaining        numeric,
    reference_price  numeric,               -- what the decision saw
    reduce_only      boolean,
    attempt          integer,
    expires_ts       timestamptz,
    reason           text,
    code             text,
    message          text,
    retryable        boolean,
    event_id         text        not null,
    cause            text        not null,
    stream_seq       bigint      not null
);
select as_hypertable('order_events', interval '30 days');
create index order_events_of_session on order_events (session, ts);
create index order_events_by_order on order_events (order_id);

create table fills (
    session         text        not null,
    ts              timestamptz not null,
    fill_id         text        not null,
    order_id        text        not null,
    intent_id       text        not null,
    symbol          text        not null,
    leg             text        not null,
    side            text        not null,
    action          text        not null,
    kind            text        not null,
    quantity        numeric     not null,
    price           numeric     not null,
    notional        numeric     not null,
    fee             numeric     not null,
    fee_currency    text        not null,
    liquidity       text        not null,
    realised        numeric     not null,  -- before fees
    reference_price numeric,
    slippage        numeric,               -- cost against the reference price; positive is adverse
    filled          numeric     not null,  -- of the order, so far
    remaining       numeric     not null,
    status          text        not null,
    reason          text        not null,
    leg_quantity    numeric     not null,  -- of the leg, after this fill
    event_id        text        not null,
    stream_seq      bigint      not null
);
select as_hypertable('fills', interval '30 days');
create index fills_of_session on fills (session, ts);
create index fills_by_order on fills (order_id);

create table funding_rates (
    session    text             not null,
    symbol     text             not null,
    ts         timestamptz      not null,  -- when it was due
    rate       numeric          not null,
    mark       double precision,
    stream_seq bigint           not null
);
select as_hypertable('funding_rates', interval '30 days');
create index funding_rates_of_symbol on funding_rates (session, symbol, ts);

create table funding (
    session    text        not null,
    ts         timestamptz not null,  -- when it was due
    symbol     text        not null,
    leg        text        not null,
    rate       numeric     not null,
    mark       numeric,
    quantity   numeric     not null,
    amount     numeric     not null,  -- negative was paid
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('funding', interval '30 days');
create index funding_of_session on funding (session, ts);

create table positions (
    session    text        not null,
    ts         timestamptz not null,
    symbol     text        not null,
    leg        text        not null,
    quantity   numeric     not null,  -- one row whenever a leg changed; 0 is flat
    average    numeric     not null,
    realised   numeric     not null,
    lots       integer     not null,
    open_lots  jsonb       not null,  -- oldest first
    blocked    text,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('positions', interval '30 days');
create index positions_of_leg on positions (session, symbol, leg, ts);

create table equity (
    session           text        not null,
    ts                timestamptz not null,  -- close of the bars it is marked to
    cash              numeric     not null,  -- starting equity + realised - fees + funding
    realised          numeric     not null,
    unrealised        numeric     not null,
    equity            numeric     not null,
    fees              numeric     not null,
    funding           numeric     not null,
    slippage          numeric     not null,
    turnover          numeric     not null,
    exposure          numeric     not null,
    margin            numeric     not null,
    drawdown_realised numeric     not null,
    drawdown_equity   numeric     not null,
    gate              text        not null,  -- open, stopped, killed, flattening
    pending           integer     not null,  -- orders that are not finished
    hash              text        not null,
    state_hash        text        not null,
    event_id          text        not null,
    stream_seq        bigint      not null
);
select as_hypertable('equity', interval '30 days');
create index equity_of_session on equity (session, ts);

create table liquidations (
    session     text        not null,
    ts          timestamptz not null,
    symbol      text        not null,
    price       numeric     not null,
    equity      numeric     not null,
    maintenance numeric     not null,
    event_id    text        not null,
    stream_seq  bigint      not null
);
select as_hypertable('liquidations', interval '30 days');
create index liquidations_of_session on liquidations (session, ts);

create table venue_calls (
    session    text             not null,
    ts         timestamptz      not null,
    call       text             not null,
    arguments  jsonb            not null,
    outcome    text             not null,
    result     jsonb,
    error      text,
    started_ts timestamptz,
    latency    interval         not null,
    event_id   text             not null,
    stream_seq bigint           not null
);
select as_hypertable('venue_calls', interval '30 days');
create index venue_calls_of_session on venue_calls (session, ts);

-- Incidents of every source. The recorder writes its own here in the transaction of the rows they
-- are about; those are in no message, so their event_id is null.
create table incidents (
    session    text        not null,  -- '' when it is about the recorder itself
    ts         timestamptz not null,
    source     text        not null,
    severity   text        not null,  -- warning, error, fatal
    code       text        not null,
    message    text        not null,
    details    jsonb       not null,
    event_id   text,
    stream_seq bigint      not null
);
select as_hypertable('incidents', interval '30 days');
create index incidents_of_session on incidents (session, ts);

-- Where a core can go on from after a restart. The recorder keeps what is after it in the stream.
create table snapshots (
    session     text        not null,
    ts          timestamptz not null,
    role        text        not null,
    object      text        not null,  -- its name in the object store
    input_seq   bigint      not null,  -- stream_seq of the last input folded
    core_seq    bigint      not null,  -- seq of the last output
    state_hash  text        not null,
    bytes       bigint      not null,
    event_id    text        not null,
    stream_seq  bigint      not null
);
select as_hypertable('snapshots', interval '30 days');
create index snapshots_of_session on snapshots (session, ts);

create table commands (
    session    text        not null,
    ts         timestamptz not null,
    command    text        not null,  -- stop, kill, resume, flatten, end
    author     text        not null,
    reason     text        not null,
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('commands', interval '30 days');
create index commands_of_session on commands (session, ts);
