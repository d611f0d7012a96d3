"""``config check`` and ``config schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from live_runner.services.cli.options import AllowFailuresOption, JsonOption

__all__ = ["app"]

app = typer.Typer(help="Check a configuration file, or print its JSON schema.", no_args_is_help=True)


@app.command(
    short_help="Read a configuration as `run` would, and print it.",
    epilog="Examples:\n\n\b\n  live-runner config check session.yaml\n  live-runner config check session.yaml --json",
)
def check(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    allow_failures: AllowFailuresOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read a configuration and its strategy as `run` would, and try the strategy on 200 simulated bars.

    Prints every value, defaults included, and the first of whatever went wrong.
    """
    import msgspec

    from live_runner.contracts.manifest import config_fields, config_hash
    from live_runner.services.backtest.failures import failure_lines, verdict
    from live_runner.services.cli.loaded_config import TRIED_BARS, load_config, tried_on_simulated_bars
    from live_runner.services.cli.output import print_json, show

    loaded = load_config(config)
    fields = config_fields(loaded.config)
    tried = tried_on_simulated_bars(loaded)
    error = verdict(loaded.config.session, tried.failures, tried.summary)
    if as_json:
        print_json(
            {
                "config": fields,
                "config_hash": config_hash(fields),
                "strategy_hash": loaded.source.hash,
                "strategy": loaded.source.strategy,
                "warmup_bars": loaded.warmup_bars,
                "failures": [msgspec.to_builtins(row) for row in tried.failures],
            }
        )
        if error is not None and not allow_failures:
            raise error
        return
    import yaml

    show(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True).rstrip())
    show(f"# strategy {loaded.source.strategy}, warmup {loaded.warmup_bars} bars")
    show(f"# config hash {config_hash(fields)}, strategy hash {loaded.source.hash}")
    for line in failure_lines(tried.failures):
        show(f"# {TRIED_BARS} simulated bars: {line}")
    if error is not None and not allow_failures:
        raise error


@app.command(
    short_help="Print the JSON schema of configurations.",
    epilog="Examples:\n\n\b\n  live-runner config schema > live-runner.schema.json"
    "\n  live-runner config schema session.yaml > session.schema.json",
)
def schema(
    config: Annotated[
        Path | None, typer.Argument(help="A configuration: with the parameters of its strategy.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON schema of configuration files, for editors and other programs."""
    import json

    from live_runner.services.runtime.config.json_schema import json_schema

    if config is None:
        typer.echo(json.dumps(json_schema(), indent=2))
        return
    from live_runner.services.cli.loaded_config import load_config

    typer.echo(json.dumps(json_schema(load_config(config).strategy_class.Params), indent=2))
