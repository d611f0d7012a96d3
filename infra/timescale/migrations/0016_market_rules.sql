-- Rules of a market as its venue had them while a session ran.

create table market_rules (
    session    text        not null,
    ts         timestamptz not null,
    symbol     text        not null,
    instrument jsonb       not null,
    status     text,                  -- the venue's word for a market that takes no new positions
    event_id   text        not null,
    stream_seq bigint      not null
);
select as_hypertable('market_rules', interval '30 days');
create index market_rules_of_session on market_rules (session, ts);
