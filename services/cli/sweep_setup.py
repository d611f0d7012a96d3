"""Everything of a sweep that is known before the first run: its plan, its job, and where its rows go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.manifest import config_fields, config_hash
from live_runner.hotpath import IMPLEMENTATION
from live_runner.services.backtest.session import load_strategy
from live_runner.services.backtest.sweep.job import Job, Market, shared_manifest
from live_runner.services.backtest.sweep.plan import Part, Plan, configured, grid, make_plan, random_sets
from live_runner.services.backtest.sweep.space import Space, read_space
from live_runner.services.backtest.sweep.store import Header, Store, digest
from live_runner.services.cli.loaded_config import engine, strategy_source
from live_runner.services.market_data.feed import recording_source
from live_runner.services.runtime.config import config_file
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.config.yaml_tree import read_text

__all__ = ["Search", "SweepSetup", "open_market", "open_store", "prepare"]

DEFAULT_SEED: Final = 1
"""Of a random search."""
_PLATFORM: Final = ("machine", "numpy", "libm")
"""Facts that the last bit of a float may depend on: rows of one table come from the same."""


@dataclass(frozen=True, slots=True)
class Search:
    """The search that was asked for on the command line."""

    config: Path
    space: Path
    random: int | None
    seed: int | None
    part: Part
    name: str | None
    compiled: bool


@dataclass(frozen=True, slots=True)
class SweepSetup:
    """A sweep that can begin."""

    name: str
    plan: Plan
    job: Job
    header: Header
    part: Part


def prepare(search: Search, home: Path) -> SweepSetup:
    """Read both files, check every parameter set and open the market once; TheirFault says what is wrong."""
    file = config_file.read(search.config)
    if file.config.market.source == "ccxt":
        raise ConfigError(
            "A sweep needs recorded candles, and market.source is ccxt",
            remedy="Import candles with `live-runner data import` and write source: recording",
            key="market.source",
        )
    space = read_space(read_text(search.space), name=search.space.name)
    source = strategy_source(file)
    strategy_class = load_strategy(file.config, source)
    space.check_parameters(strategy_class.Params)
    if search.compiled:
        _check_compiled(strategy_class)
    plan, how = _plan(file.config, strategy_class, space, search)
    first = next(setting for setting in plan.settings if setting.number not in plan.refusals)
    job = Job(config=plan.config, source=source, engine=engine(source), compiled=search.compiled)
    market = recording_source(plan.config, home)
    shared = shared_manifest(configured(plan.config, strategy_class, first), job, market)
    job = replace(job, shared=shared)
    name = search.name or plan.config.session
    fields = config_fields(replace(plan.config, market=replace(plan.config.market, warmup_bars=0)))
    made_of = {
        "configuration": config_hash(fields),
        "warmup": str(plan.config.market.warmup_bars),
        "space": digest(space.described()),
        "search": how,
        "strategy": source.hash,
        "dataset": str(shared["dataset"]["hash"]),
        "engine": f"{shared['engine_version']} {shared['engine_hash']}",
        "platform": ", ".join(f"{fact} {shared['platform'][fact]}" for fact in _PLATFORM),
    }
    header = Header(sweep=name, made_of=made_of, space=space.described(), manifest=shared)
    return SweepSetup(name, plan, job, header, search.part)


def _check_compiled(strategy_class: Any) -> None:
    """ConfigError when there is no compiled twin, so that it is said once and not of every run."""
    if IMPLEMENTATION != "compiled":
        raise ConfigError(
            "LIVE_RUNNER_HOTPATH=reference runs no compiled strategy", remedy="Leave --compiled out, or unset it"
        )
    from live_runner.services.backtest.compiled_twin import compiled_twin

    compiled_twin(strategy_class)


def _plan(config: Any, strategy_class: Any, space: Space, search: Search) -> tuple[Plan, str]:
    if search.random is None:
        if search.seed is not None:
            raise ConfigError("--seed has no effect in a grid", remedy="Leave it out, or add --random 100")
        return make_plan(config, strategy_class, grid(space)), "grid"
    seed = DEFAULT_SEED if search.seed is None else search.seed
    return make_plan(config, strategy_class, random_sets(space, search.random, seed)), f"random, seed {seed}"


def open_market(job: Job, home: Path) -> tuple[Market, str]:
    """The bars of a sweep in a process that works on it."""
    market = recording_source(job.config, home)
    return market, str(market.manifest_view()["hash"])


@contextmanager
def open_store(
    setup: SweepSetup, settings: Settings, *, out: Path | None, database: bool, fresh: bool
) -> Iterator[Store]:
    """Where the rows go; ConfigError when another sweep has the place."""
    header, part = setup.header, setup.part
    if database:
        from live_runner.services.backtest.sweep.database_store import DatabaseStore
        from live_runner.services.cli.output import note
        from live_runner.services.runtime.embedded.servers import Embedded

        with Embedded.start(settings, nats=False, on_wait=note) as embedded:
            assert embedded.settings.timescale_dsn is not None
            yield DatabaseStore(embedded.settings.timescale_dsn, header, fresh=fresh)
        return
    from live_runner.services.backtest.sweep.file_store import FileStore

    suffix = "" if part.count == 1 else f".part-{part.index}-of-{part.count}"
    path = out or settings.home / "sweeps" / f"{setup.name}{suffix}.parquet"
    store = FileStore(path, replace(header, made_of={**header.made_of, "part": str(part)}), fresh=fresh)
    try:
        yield store
    finally:
        store.close()
