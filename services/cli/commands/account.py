"""``account check``: what a session that sends orders would find at its venue account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, settings_of

if TYPE_CHECKING:
    from live_runner.services.cli.loaded_config import LoadedConfig
    from live_runner.services.execution.core.guard import Finding, Found
    from live_runner.services.runtime.config.settings import Settings

__all__ = ["app"]

FOUND: int = 66
"""Exit code where something stands against a session."""

app = typer.Typer(help="Look at the venue account of a configuration.", no_args_is_help=True)


@app.callback()
def account() -> None:
    """One command may stand alone; this keeps its name."""


@app.command(
    short_help="Ask the venue whether the account is as a session has to find it.",
    epilog="Examples:\n\n\b\n"
    "  live-runner account check session.yaml\n"
    "  live-runner account check session.yaml --strict",
)
def check(
    config: Annotated[Path, typer.Argument(help="The configuration file.", show_default=False)],
    session: Annotated[str | None, typer.Option(help="Name of the session, instead of the configuration's.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a key that may withdraw money, too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for keys, permissions, clock, mode, leverage, rules, balances, positions and open orders; send nothing.

    Exits with 0 where a session could begin, 64 where the configuration keeps it from that, 66 where the venue does.
    The orders and positions of a session that runs are shown like those of anybody.
    """
    import asyncio

    import msgspec

    from live_runner.services.cli.account_state import account_view, state_lines
    from live_runner.services.cli.loaded_config import load_config
    from live_runner.services.cli.output import print_json, show

    settings = settings_of(home)
    loaded = load_config(config, session=session)
    facts, found, findings = asyncio.run(_look(settings, loaded))
    against = [each for each in findings if each.blocks or (strict and each.kind == "withdrawals_permitted")]
    if as_json:
        view = facts | account_view(found) | {"findings": findings, "may_begin": not against}
        print_json(msgspec.to_builtins(view))
    else:
        show(", ".join(f"{name} {value}" for name, value in facts.items()))
        for line in state_lines(found):
            show(line)
        for each in findings:
            show(f"{'refused' if each in against else 'note'}: {each.kind}: {each.what}. {each.remedy}.")
        if not against:
            show("A session may begin.")
    if against:
        raise typer.Exit(FOUND)


async def _look(settings: Settings, loaded: LoadedConfig) -> tuple[dict[str, Any], Found, list[Finding]]:
    """What is known of the account without a question, what the venue answered, and what stands against a session."""
    import os
    import time

    from live_runner.contracts.gateway import GatewayRequest, Outcome, Verb
    from live_runner.services.cli.live_start import check_live
    from live_runner.services.execution.core.guard import Known, findings
    from live_runner.services.execution.start_guard import look_at
    from live_runner.services.gateway.account_file import credentials_of
    from live_runner.services.gateway.service import open_gateway
    from live_runner.services.runtime.service.boot_clock import boot_ns, moment

    described = check_live(settings, loaded, "live_small", starts=True)
    assert described is not None  # the account's file is asked for
    name = str(loaded.config.account.name)
    gateway = await open_gateway(name, described, settings.home)
    try:

        async def ask(verb: Verb, **fields: Any) -> Outcome:
            return await gateway.answerer.answer(GatewayRequest(verb=verb, account=name, made=moment(), **fields))

        known = Known(loaded.config)
        found = await look_at(ask, known)
        ahead_ns = gateway.venue_time.at(boot_ns()) - time.time_ns()
    finally:
        await gateway.account.close()
        if gateway.streams is not None:
            await gateway.streams.close()
    facts = {
        "account": name,
        "venue": described.venue,
        "environment": described.environment,
        "key": credentials_of(described, settings.home, os.environ).shown,
        "clock_ahead_s": round(ahead_ns / 1e9, 3),
    }
    return facts, found, findings(known, found)
