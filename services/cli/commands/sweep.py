"""``sweep``: one configuration with many sets of parameters, on every core."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, settings_of

if TYPE_CHECKING:
    from live_runner.services.backtest.sweep.rows import Column, Row
    from live_runner.services.backtest.sweep.store import Store
    from live_runner.services.cli.sweep_display import Display
    from live_runner.services.cli.sweep_setup import SweepSetup

__all__ = ["register"]

TIMEOUT_S: Final = 3600.0
"""How long one run may take."""
BATCH_S: Final = 1.0
"""Rows that ended within so much time are stored together."""
_JOBS_MAX: Final = 1024
_FAILURES_SHOWN: Final = 10


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Backtest a configuration with many sets of parameters, on every core.",
        epilog="Examples:\n\n\b\n"
        "  live-runner sweep session.yaml --space space.yaml\n"
        "  live-runner sweep session.yaml --space space.yaml --sort drawdown_equity --best 5\n"
        "  live-runner sweep session.yaml --space space.yaml --random 500 --seed 7 --database\n"
        "  live-runner sweep session.yaml --space space.yaml --part 2/8 --out part-2.parquet",
    )(sweep)


def sweep(
    config: Annotated[Path, typer.Argument(help="The configuration file (YAML).", show_default=False)],
    space: Annotated[
        Path, typer.Option(help="The search space (YAML): the values of each parameter.", show_default=False)
    ],
    compiled: Annotated[bool, typer.Option("--compiled", help="Run the strategy's compiled twin.")] = False,
    random: Annotated[
        int | None, typer.Option(help="Run this many randomly drawn sets instead of every combination.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random search. Default: 1.", min=0)] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Worker processes. Default: one per core.", min=1, max=_JOBS_MAX)
    ] = None,
    part: Annotated[str, typer.Option(help="Run every n-th set only: 2/8 is the second of eight parts.")] = "1/1",
    out: Annotated[
        Path | None, typer.Option(help="The Parquet file. Default: sweeps/NAME.parquet in the data folder.")
    ] = None,
    database: Annotated[bool, typer.Option("--database", help="Store the results in table sweep_run instead.")] = False,
    name: Annotated[str | None, typer.Option(help="The sweep's name. Default: the session's.")] = None,
    sort: Annotated[str, typer.Option(help="The column that ranks the runs.")] = "equity",
    best: Annotated[int, typer.Option(help="Runs to show.", min=1, max=1000)] = 10,
    timeout: Annotated[float, typer.Option(help="Time limit of one run, in seconds.", min=0.1)] = TIMEOUT_S,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard stored results and start over.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a configuration over its dataset with many sets of parameters, and rank them.

    After an interruption the same command resumes with the missing runs. Exit code 1 when a run failed; a set that the
    strategy refuses is not a failure.
    """
    from live_runner.contracts.errors import ConfigError
    from live_runner.contracts.subjects import check_session
    from live_runner.services.backtest.sweep.plan import Part
    from live_runner.services.cli.sweep_setup import Search, open_store, prepare

    column = _column(sort)
    if out is not None and database:
        raise ConfigError("--out and --database exclude each other", remedy="Give one of them")
    if name is not None:
        check_session(name)
    settings = settings_of(home)
    search = Search(config, space, random, seed, Part.parse(part), name, compiled)
    setup = prepare(search, settings.home)
    with open_store(setup, settings, out=out, database=database, fresh=fresh) as store:
        began_s = time.perf_counter()
        is_stopped, ran = _run(setup, store, settings.home, jobs or _cores(), timeout, column, is_quiet=as_json)
        result = _result(setup, store, column, best)
        result |= {"ran": ran, "seconds": round(time.perf_counter() - began_s, 3)}
    _show(result, column, as_json=as_json)
    raise typer.Exit(130 if is_stopped else int(result["failed"] > 0))


def _run(
    setup: SweepSetup, store: Store, home: Path, jobs: int, timeout_s: float, column: Column, *, is_quiet: bool
) -> tuple[bool, int]:
    """Run what is missing; whether it was interrupted, and how many rows were stored."""
    from msgspec.structs import replace

    from live_runner.services.backtest.sweep.plan import missing
    from live_runner.services.backtest.sweep.pool import Pool
    from live_runner.services.backtest.sweep.rows import other_row
    from live_runner.services.cli.sweep_display import Display
    from live_runner.services.cli.sweep_setup import open_market

    plan, shared = setup.plan, store.header.manifest
    todo = missing(plan, setup.part, store.numbers())
    refused = [other_row(s, "refused", plan.refusals[s.number], shared) for s in todo if s.number in plan.refusals]
    if refused:
        store.add(refused)
    todo = [setting for setting in todo if setting.number not in plan.refusals]
    if not todo:
        return False, len(refused)
    job = replace(setup.job, shared=shared)
    with _interruptible() as stop, Display(setup.name, len(todo), column, is_quiet=is_quiet) as display:
        jobs = min(jobs, len(todo))
        with Pool(job, open_market, home, jobs=jobs, timeout_s=timeout_s, on_trouble=display.trouble) as pool:
            ran = _store(pool.run(todo, lambda: bool(stop)), store, display)
    return bool(stop), len(refused) + ran


def _store(rows: Iterator[Row | None], store: Store, display: Display) -> int:
    """Store rows in batches, the last one whatever happens; how many there were."""
    stored = 0
    batch: list[Row] = []
    stored_s = time.monotonic()
    try:
        for row in rows:
            if row is not None:
                batch.append(row)
                stored += 1
                display.ended(row)
            if batch and time.monotonic() - stored_s >= BATCH_S:
                ready, batch = batch, []
                store.add(ready)
                stored_s = time.monotonic()
    finally:
        if batch:
            store.add(batch)
    return stored


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that the first Ctrl-C or SIGTERM puts something into; a second one ends everything at once."""
    came: list[int] = []

    def note_signal(number: int, frame: object) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _result(setup: SweepSetup, store: Store, column: Column, best: int) -> dict[str, Any]:
    from live_runner.services.backtest.summary import not_applied
    from live_runner.services.backtest.sweep.rows import ranked

    place = store.finish()
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Row]:
        for row in store.rows():
            # In a database the other parts stand beside ours: they are ranked with them, and are not ours to report.
            if setup.part.holds(row["number"]):
                counts[row["status"]] += 1
                if row["status"] == "failed":
                    failures.append({"number": row["number"], "message": row["message"]})
            yield row

    failures: list[dict[str, Any]] = []
    rows = ranked(counted(), column, best)
    remarks = not_applied(setup.job.config)
    return {
        "sweep": setup.name,
        "part": str(setup.part),
        "runs": sum(1 for setting in setup.plan.settings if setup.part.holds(setting.number)),
        **{status: counts[status] for status in ("done", "refused", "failed")},
        "results": place,
        "sort": column.name,
        "best": [{key: value for key, value in row.items() if key != "manifest"} for row in rows],
        "failures": failures[:_FAILURES_SHOWN],
        **({"not_applied": remarks} if remarks else {}),
    }


def _show(result: dict[str, Any], column: Column, *, as_json: bool) -> None:
    from live_runner.services.cli.output import note, print_json, show
    from live_runner.services.cli.sweep_display import best_table

    if as_json:
        print_json(result)
        return
    if result["best"]:
        show(best_table(result["best"], column))
    for failure in result["failures"]:
        note(f"run {failure['number']} failed: {failure['message']}")
    for remark in result.get("not_applied", {}).values():
        note(remark)
    note(
        f"{result['sweep']}: {result['done']} done, {result['refused']} refused, {result['failed']} failed "
        f"of {result['runs']} runs ({result['ran']} now, in {result['seconds']:g} s); results in {result['results']}"
    )


def _column(name: str) -> Column:
    from live_runner.contracts.errors import ConfigError
    from live_runner.services.backtest.sweep.rows import COLUMNS
    from live_runner.services.runtime.config.yaml_tree import nearest

    rankable = {column.name: column for column in COLUMNS if column.best}
    if name not in rankable:
        raise ConfigError(
            f"--sort {name} is not a column that ranks",
            remedy=nearest(name, rankable) or f"Known: {', '.join(rankable)}",
        )
    return rankable[name]


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
