-- Parameter sweeps: one row per run, written by `live-runner sweep --database`. They are backtests and no
-- sessions, so nothing of them is in the log.

create table sweep (
    sweep      text        primary key,
    made_of    jsonb       not null,  -- hashes of configuration, strategy, space, dataset and engine
    space      jsonb       not null,
    manifest   jsonb       not null,  -- what the manifests of all runs share
    started_at timestamptz not null default now()
);

create table sweep_run (
    sweep               text             not null references sweep on delete cascade,
    number              bigint           not null,
    status              text             not null,  -- done, refused, failed
    message             text             not null,  -- why it was refused or failed
    parameters          jsonb            not null,  -- what was searched, by path: parameters->>'long.take_profit'
    config_hash         text,
    strategy_hash       text             not null,
    engine_version      text             not null,
    engine_hash         text             not null,
    dataset_hash        text             not null,
    sets                bigint,
    decisions           bigint,
    intents             bigint,
    orders              bigint,
    fills               bigint,
    refused             bigint,
    rejected            bigint,
    realised            numeric,
    unrealised          numeric,
    equity              numeric,
    cash                numeric,
    fees                numeric,
    fees_maker          numeric,
    fees_taker          numeric,
    funding             numeric,
    slippage            numeric,
    turnover            numeric,
    drawdown_realised   numeric,
    drawdown_equity     numeric,
    trades              bigint,
    margin_calls        bigint,
    open_legs           bigint,
    liquidations        bigint,
    bars                bigint,
    seconds             double precision not null,
    manifest            jsonb,            -- what the manifest of this run has of its own
    stored_at           timestamptz      not null default now(),
    primary key (sweep, number)
);

-- The manifest of every run, whole.
create view sweep_manifest as
select r.sweep, r.number, s.manifest || r.manifest as manifest
from sweep_run r
join sweep s using (sweep)
where r.manifest is not null;
