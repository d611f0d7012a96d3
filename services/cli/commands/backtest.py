"""``backtest``: a configuration over its dataset, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from live_runner.services.cli.options import AllowFailuresOption, HomeOption, JsonOption, settings_of
from live_runner.services.cli.progress_bars import progress_bar

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Run a configuration over its dataset, as fast as possible.",
        epilog="Examples:\n\n\b\n"
        "  live-runner backtest session.yaml\n"
        "  live-runner backtest session.yaml --compiled\n"
        "  live-runner backtest session.yaml --json",
    )(backtest)


def backtest(
    config: Annotated[Path, typer.Argument(help="The configuration file (YAML).", show_default=False)],
    compiled: Annotated[bool, typer.Option("--compiled", help="Run the strategy's compiled twin.")] = False,
    allow_failures: AllowFailuresOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a configuration over its dataset in this process, as fast as possible.

    Then a thousand bars in its middle are played through the cores of the services, once more, and with a restart half
    way: a strategy that decides differently there would do so in a session too.
    """
    import time

    from live_runner.services.backtest.failures import ONLY_TRIED, failure_lines, verdict
    from live_runner.services.backtest.run import run_over
    from live_runner.services.backtest.session import MarketFacts
    from live_runner.services.backtest.summary import not_applied, summary_fields, summary_table
    from live_runner.services.backtest.tryout import middle, try_out
    from live_runner.services.cli.loaded_config import engine, load_config
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.market_data.feed import recording_source

    loaded = load_config(config)
    source = recording_source(loaded.config, settings_of(home).home)
    plan = source.plan_now(loaded.warmup_bars)
    market = MarketFacts(
        instruments=source.instruments(),
        dataset=source.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )
    timeline = source.timeline()
    began_s = time.perf_counter()
    with progress_bar("bar sets", len(timeline), is_quiet=as_json) as count:
        result = run_over(
            loaded.config,
            loaded.source,
            market,
            timeline,
            engine(loaded.source),
            compiled=compiled,
            progress=count,
        )
    seconds = time.perf_counter() - began_s
    tried = try_out(
        loaded.config,
        loaded.source,
        loaded.strategy_class,
        market,
        middle(timeline, loaded.config.market.timeframe),
        engine(loaded.source),
    )
    failures = [*result.failures, *(row for row in tried.failures if row.kind in ONLY_TRIED)]
    bars = result.sets * len(loaded.config.market.symbols)
    facts: dict[str, Any] = {"seconds": round(seconds, 3), "bars_per_second": round(bars / seconds)}
    if remarks := not_applied(loaded.config):
        facts["not_applied"] = remarks
    fields = summary_fields(result.stopped, failures, **facts)
    if as_json:
        print_json(fields)
    else:
        show(summary_table(fields, title=f"Backtest of {loaded.config.session}"))
        for line in (*remarks.values(), *failure_lines(failures)):
            show(line)
    error = verdict(loaded.config.session, failures, result.stopped.summary)
    if error is not None and not allow_failures:
        raise error
