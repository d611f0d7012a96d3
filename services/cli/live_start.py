"""Before a session sends orders: its account is checked and its gateway runs, and the user sees what will be traded."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from live_runner.contracts.errors import ConfigError, ServiceUnavailable
from live_runner.contracts.stages import SENDING_STAGES, check_stage
from live_runner.services.cli.account_state import read_account_of, state_lines
from live_runner.services.cli.output import note
from live_runner.services.venues.sending import check_sending, check_source

if TYPE_CHECKING:
    from live_runner.contracts.config import Config
    from live_runner.services.cli.loaded_config import LoadedConfig
    from live_runner.services.gateway.account_file import AccountFile
    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.embedded.supervisor import Supervisor
    from live_runner.services.runtime.nats.bus import Bus

__all__ = ["check_live", "check_name", "confirm", "start_live"]

CONFIRMED_STAGE: Final = "live"
GATEWAY_LIMIT_S: Final = 60.0
"""How long a gateway may take to load the venue's markets and to answer."""
ANSWER_LIMIT_S: Final = 1.0
_POLL_S: Final = 0.1


def check_live(settings: Settings, loaded: LoadedConfig, stage: str, *, starts: bool) -> AccountFile | None:
    """ConfigError for what keeps a session from sending orders, before anything is started.

    ``starts``: the gateway may have to be started here, so that the account's file is here, too; it is returned.
    """
    config = loaded.config
    check_stage(config, stage)
    if stage not in SENDING_STAGES:
        return None
    check_source(config.market.source)
    check_sending(config.market.venue, config.market.options)
    return read_account_of(config, settings.home, os.environ) if starts else None


def check_name(session: str, stage: str, given: str | None) -> None:
    """ConfigError where stage ``live`` is given another name than the session's, or none and nobody can type it."""
    if stage == CONFIRMED_STAGE and (given is not None or not sys.stdin.isatty()):
        _check_typed(session, given or "")


def confirm(session: str, stage: str, given: str | None) -> None:
    """Let the session's name be typed where stage ``live`` was not given it; ConfigError for another one."""
    if stage == CONFIRMED_STAGE and given is None:
        sys.stderr.write(f"Type the session's name to let it trade: {session}\n> ")
        sys.stderr.flush()
        _check_typed(session, sys.stdin.readline().strip())


def _check_typed(session: str, typed: str) -> None:
    if typed != session:
        raise ConfigError(
            f"'{typed}' is not the session's name" if typed else "The session's name was not given",
            remedy=f"Type it when asked, or give --yes {session}",
            session=session,
        )


async def start_live(
    settings: Settings, loaded: LoadedConfig, stage: str, supervisor: Supervisor, account: AccountFile | None
) -> None:
    """Find the account's gateway, or start it, and say what the session may do and what stands at the venue."""
    from live_runner.contracts.messages import Started
    from live_runner.contracts.subjects import event_subject
    from live_runner.services.execution.core.guard import Known
    from live_runner.services.execution.start_guard import asking, look_at
    from live_runner.services.runtime.nats.bus import Bus
    from live_runner.services.runtime.nats.events import last_event

    config = loaded.config
    bus = await Bus.connect(settings.nats, name="run")
    try:
        if account is not None and not await _answers(bus, str(config.account.name)):
            await _start_gateway(settings, str(config.account.name), supervisor, bus)
        for line in _session_lines(loaded, stage, account):
            note(f"{config.session}: {line}")
        begun = await last_event(bus, event_subject("session.started", config.session), Started)
        found = await look_at(asking(bus, config, config.session), Known(config, has_begun=begun is not None))
        for line in state_lines(found):
            note(f"{config.session}: at the venue: {line}")
    finally:
        await bus.close()


def _session_lines(loaded: LoadedConfig, stage: str, account: AccountFile | None) -> list[str]:
    from live_runner.services.backtest.session import policy_of

    config = loaded.config
    policy = policy_of(config, loaded.strategy_class)
    environment = "" if account is None else f", environment {account.environment}"
    return [
        f"stage {stage}: orders are sent to {config.market.venue}, account {config.account.name}{environment}, "
        f"position mode {config.account.position_mode}",
        f"symbols {', '.join(config.market.symbols)} on {config.market.timeframe}, begins with "
        f"{config.account.equity} {config.account.currency}",
        f"caps: {_caps(config)}",
        f"policy: attempts {policy.attempts}, adds {policy.add_style or 'as each says'}, market order after "
        f"{' or '.join(policy.fallback) or 'nothing'}, limits rest "
        f"{f'for {policy.time_to_live_s} s' if policy.time_to_live_s else 'until they are cancelled'}",
    ]


def _caps(config: Config) -> str:
    from msgspec import UnsetType

    assert not isinstance(config.caps, UnsetType)  # a stage that sends orders has them
    assert not isinstance(config.risk, UnsetType)
    given = {name: getattr(config.caps, name) for name in config.caps.__struct_fields__}
    stated = [f"{name} {value}" for name, value in given.items() if value is not None]
    loss = config.risk.daily_loss
    return ", ".join([*stated, f"daily loss {loss.limit}: {loss.action}" if loss is not None else ""])


async def _answers(bus: Bus, account: str) -> bool:
    from live_runner.contracts import subjects

    try:
        await bus.request(subjects.liveness("gateway", account), b"", timeout_s=ANSWER_LIMIT_S)
    except ServiceUnavailable:
        return False
    return True


async def _start_gateway(settings: Settings, account: str, supervisor: Supervisor, bus: Bus) -> None:
    from live_runner.services.runtime.embedded.files import rotate
    from live_runner.services.runtime.embedded.process import Process
    from live_runner.services.runtime.embedded.supervisor import service_program

    program = service_program(settings, "gateway")
    output = settings.logs / f"gateway-{account}.out"
    rotate(output)
    named = replace(program, name=f"gateway {account}", arguments=[*program.arguments, "--account", account])
    supervisor.keep(Process(replace(named, output=output)))
    deadline = time.monotonic() + GATEWAY_LIMIT_S
    while not await _answers(bus, account):
        supervisor.check()
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"The gateway of the account {account} did not answer within {GATEWAY_LIMIT_S:g} s",
                remedy=f"See {output} and {settings.logs / 'gateway.log'}",
                service="gateway",
            )
        await asyncio.sleep(_POLL_S)
