"""``serve``: one service, until it is asked to end. A simple command line starts in entry.py, without this module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, settings_of
from live_runner.services.runtime.services import SERVICES

__all__ = ["register"]


_NAMES: Final = ", ".join(SERVICES)
EMULATOR: Final = "emulator"
GATEWAY: Final = "gateway"


def _checked(name: str) -> str:
    if name not in SERVICES:
        raise typer.BadParameter(f"'{name}' is not a service. Give one of: {_NAMES}")
    return name


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Examples:\n\n\b\n"
        "  NATS_URL=nats://127.0.0.1:4222 TIMESCALE_DSN=postgresql://... live-runner serve recorder\n"
        "  LIVE_RUNNER_HEALTH_PORT=8080 live-runner serve strategy\n"
        "  live-runner serve gateway --account main\n"
        "  live-runner serve emulator --venue binanceusdm --profile profile.yaml --port 8090"
    )(serve)


def serve(
    service: Annotated[
        str, typer.Argument(help=f"One of: {_NAMES}.", metavar="SERVICE", show_default=False, callback=_checked)
    ],
    session: Annotated[
        str | None, typer.Option(help="Only this session; refuses when another process owns it.")
    ] = None,
    log_to_file: Annotated[bool, typer.Option("--log-to-file", help="Log to <home>/logs/<service>.log.")] = False,
    home: HomeOption = None,
    account: Annotated[
        str | None, typer.Option(help="gateway: the account, as <home>/accounts/NAME.yaml describes it.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="gateway: append the venue's answers to this file.", show_default=False)
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="gateway: answers of this file instead of the venue.", show_default=False)
    ] = None,
    venue: Annotated[str | None, typer.Option(help="emulator: the venue to play. [default: binanceusdm]")] = None,
    profile: Annotated[
        Path | None, typer.Option(help="emulator: symbols, accounts, limits and faults, in YAML.", show_default=False)
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option(help="emulator: admin calls at their times, a JSON object a line.", show_default=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="emulator: of the market and of what is left to chance.")] = None,
    host: Annotated[str | None, typer.Option(help="emulator: address of the proxy. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="emulator: port of the proxy; 0 is any. [default: 8090]")] = None,
    admin_port: Annotated[
        str | None, typer.Option(help="emulator: port of the admin calls, on loopback. [default: 8091]")
    ] = None,
    clock: Annotated[
        str | None, typer.Option(help="emulator: wall, manual, or xN for N times as fast. [default: wall]")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="emulator: folder in which the venue is stored, to go on from there.", show_default=False),
    ] = None,
) -> None:
    """Run one service. It finds its sessions in the log and hosts any number of them.

    `gateway` holds the keys, the clock and the budget of one venue account and sends what sessions ask it to.

    `emulator` is a local exchange for unmodified ccxt: a proxy with a certificate of its own in front of a venue's
    real addresses. It needs neither NATS nor a database, and prints a line of JSON: its proxy, certificate, admin
    port and hosts.
    """
    given: dict[str, Any] = {"venue": venue, "host": host, "port": port, "clock": clock, "state": state}
    own = given | {"profile": profile, "script": script, "seed": seed, "admin-port": admin_port}
    if service == EMULATOR:
        given = {name: value for name, value in given.items() if value is not None}
        _serve_emulator(given, profile, script, seed, admin_port, home)
        return
    wrong = next((name for name, value in own.items() if value is not None), None)
    if wrong is not None:
        raise typer.BadParameter(f"--{wrong} is an option of the emulator alone")
    if (service == GATEWAY) != (account is not None):
        raise typer.BadParameter("--account names the account of a gateway, and a gateway needs it")
    if service == GATEWAY and session is not None:
        raise typer.BadParameter("a gateway serves every session of its account: --session is not an option of it")
    if service != GATEWAY and (record is not None or replay is not None):
        raise typer.BadParameter("--record and --replay are options of a gateway")
    from live_runner.services.cli.service_process import run_service

    folder = None if home is None else str(home)
    gateway = {"account": account, "record": record, "replay": replay} if service == GATEWAY else None
    run_service(service, session=session, gateway=gateway, log_to_file=log_to_file, home=folder)


def _serve_emulator(
    given: dict[str, Any],
    profile_path: Path | None,
    script_path: Path | None,
    seed: int | None,
    admin_port: str | None,
    home: Path | None,
) -> None:
    import asyncio

    import msgspec

    from live_runner.services.emulator import shell
    from live_runner.services.emulator.settings import (
        EmulatorSettings,
        Profile,
        admin_address,
        read_profile,
        read_script,
    )

    profile = Profile() if profile_path is None else read_profile(profile_path)
    if seed is not None:
        profile = msgspec.structs.replace(profile, seed=seed)
    if admin_port is not None:
        given["admin_host"], given["admin_port"] = admin_address(admin_port)
    if script_path is not None:
        given["script"] = read_script(script_path)
    given["keeps"] = "state" in given
    given.setdefault("state", settings_of(home).home / EMULATOR)
    asyncio.run(shell.serve(EmulatorSettings(**given, profile=profile)))
