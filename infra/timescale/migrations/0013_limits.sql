-- Risk limits of a session or of an account (whose name then stands in session): trips, resets and how near each was.

create table limit_events (
    session    text        not null,
    ts         timestamptz not null,
    event      text        not null,  -- limit_tripped or limit_reset
    name       text        not null,  -- as in section risk of the configuration
    action     text        not null,
    author     text        not null,  -- risk, risk:ACCOUNT, or the operator who resumed
    value      numeric,               -- of a trip, and what it may not reach
    most       numeric,
    reset      text,
    until_ts   timestamptz,           -- the end of its cooldown
    symbol     text,
    leg        text,
    order_id   text,
    why        text,                  -- of a reset
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('limit_events', interval '30 days');
create index limit_events_of_session on limit_events (session, ts);

-- One row for each limit and cap of a session before each settle.
create table risk_levels (
    session     text        not null,
    ts          timestamptz not null,
    name        text        not null,
    value       numeric     not null,
    most        numeric     not null,
    room        numeric     not null,  -- most - value
    tripped     boolean     not null,
    not_applied text,                  -- why the session cannot apply it
    event_id    text        not null,
    stream_seq  bigint      not null
);
select as_hypertable('risk_levels', interval '30 days');
create index risk_levels_of_session on risk_levels (session, name, ts);
