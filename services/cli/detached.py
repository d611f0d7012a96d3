"""``run --detach``: the same command in the background, once its session has begun."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from live_runner.contracts.errors import ServiceUnavailable
from live_runner.services.cli.output import note, print_json
from live_runner.services.runtime.config.settings import Settings

__all__ = ["start_detached"]

BEGIN_LIMIT_S: Final = 180.0
"""Servers, services and the join all have limits of their own below this."""
_POLL_S: Final = 0.1


def start_detached(
    settings: Settings,
    config: Path,
    stage: str,
    *,
    session: str | None,
    speed: float | None,
    services: str,
    confirmed: str | None,
    as_json: bool,
) -> None:
    """Start it and return when the session is under way; its error, if it ends before, is ours."""
    from live_runner.services.cli.loaded_config import load_config

    name = load_config(config, session=session, speed=speed).config.session
    log = settings.logs / f"run-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-P",
        "-m",
        "live_runner.services.cli.main",
        "run",
        str(config),
        "--stage",
        stage,
        "--session",
        name,
        "--services",
        services,
        "--home",
        str(settings.home),
    ]
    if speed is not None:
        command += ["--speed", repr(speed)]
    if confirmed is not None:
        command += ["--yes", confirmed]
    # Added to: a second `run` of a session that runs follows it too, and must not clear what the first one says.
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    code = _wait_until_begun(settings, name, process)
    if code is not None:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if code != 0:
            raise _Ended(f"The session {name} did not start: {lines[-1] if lines else 'it printed nothing'}", code)
        note(f"The session {name} has already ended; see {log}")
    if as_json:
        print_json({"session": name, "pid": process.pid, "log": str(log)})
    else:
        note(f"The session {name} runs in the background (process {process.pid}), its output goes to {log}")
        note(f"Watch it with `live-runner tail --session {name}`, end it with `live-runner end {name}`")


class _Ended(ServiceUnavailable):
    """Carries the exit code of the process that ended."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what.rstrip("."), remedy="Run it without --detach to see more")
        self.exit_code = code  # type: ignore[misc]  # the class's own is for those that have none of their own


def _wait_until_begun(settings: Settings, session: str, process: subprocess.Popen[bytes]) -> int | None:
    deadline = time.monotonic() + BEGIN_LIMIT_S
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            return code
        if asyncio.run(_has_begun(settings, session)):
            return None
        time.sleep(_POLL_S)
    process.terminate()
    raise ServiceUnavailable(
        f"The session {session} did not start within {BEGIN_LIMIT_S:g} s",
        remedy=f"See {settings.logs / f'run-{session}.log'}",
    )


async def _has_begun(settings: Settings, session: str) -> bool:
    from live_runner.contracts import subjects
    from live_runner.contracts.errors import BusUnavailable
    from live_runner.services.runtime.embedded.servers import find
    from live_runner.services.runtime.nats.bus import Bus

    found = find(settings)
    if found.nats_url is None:
        return False
    try:
        bus = await Bus.connect(found.nats, name="run")
    except BusUnavailable:
        return False
    try:
        return await bus.last_message(subjects.event_subject("session.started", session)) is not None
    except BusUnavailable:
        return False
    finally:
        await bus.close()
