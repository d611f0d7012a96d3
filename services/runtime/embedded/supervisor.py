"""Keeps the services of an embedded session running as child processes.

A child that ends without being asked is started again, at once the first time and later with a
growing pause; one that keeps ending is given up with the last line it printed. The embedded servers
are kept the same way. Children are started on the thread that calls (see process.py): the main one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from live_runner.contracts.errors import ConfigError, OurFault, ServiceUnavailable
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.files import rotate
from live_runner.services.runtime.embedded.process import Process, Program
from live_runner.services.runtime.service import log

__all__ = ["Exit", "Supervisor", "service_program"]

RESTARTS_MAX: Final = 8
"""Restarts of one child within ``RESTART_WINDOW_S`` before it is given up."""
RESTART_WINDOW_S: Final = 60.0
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
WATCH_EVERY_S: Final = 0.05

_FINAL_EXIT_CODES: Final = (ConfigError.exit_code, OurFault.exit_code)
"""Starting again cannot help: the environment or a port has to be changed first."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A child ended without being asked."""

    name: str
    pid: int
    exit_code: int
    """Negative is the signal that ended it."""
    restart: int
    """Number of recent restarts, this one included."""
    last_output: str


@dataclass(slots=True)
class _Child:
    process: Process
    restarts: deque[float] = field(default_factory=deque)
    due_s: float | None = None
    """When it is started again; None while it runs."""


def service_program(settings: Settings, service: str) -> Program:
    """A service as a child process: as anybody would run it, with its log in the home folder."""
    # -P: nothing is imported from the working directory; modules there would shadow installed ones.
    command = [sys.executable, "-P", "-m", "live_runner.services.cli.entry", "serve", service, "--log-to-file"]
    return Program(
        name=service,
        arguments=command,
        output=settings.logs / f"{service}.out",
        # What another run left unfinished is its user's to continue or to end.
        environment={**settings.environment(), "LIVE_RUNNER_HEALTH_PORT": "0", "LIVE_RUNNER_SESSIONS": "followed"},
    )


class Supervisor:
    """Children by name. Use from one thread; ``watch`` runs beside whatever else the loop does."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_exit: Callable[[Exit], None] = lambda _: None,
        program: Callable[[Settings, str], Program] = service_program,
    ) -> None:
        """``on_exit`` is told of every end that nobody asked for."""
        self._settings = settings
        self._on_exit = on_exit
        self._program = program
        self._children: dict[str, _Child] = {}
        self._logger = log.get("supervisor")

    def start(self, *services: str) -> None:
        """Start services."""
        for service in services:
            program = self._program(self._settings, service)
            rotate(program.output)
            self.keep(Process(program))
            self._logger.info("service started", child=service, pid=self._children[service].process.pid)

    def keep(self, process: Process) -> None:
        """Watch over a process that was started elsewhere, as the embedded servers are."""
        self._children[process.program.name] = _Child(process)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children that run."""
        return {name: child.process.pid for name, child in self._children.items() if child.process.exit_code() is None}

    async def watch(self) -> None:
        """Start again what ends, for ever; ServiceUnavailable when a child keeps ending."""
        while True:
            self.check()
            await asyncio.sleep(WATCH_EVERY_S)

    def check(self) -> None:
        """Look at every child once."""
        now_s = time.monotonic()
        for name, child in self._children.items():
            if child.due_s is not None:
                if now_s >= child.due_s:
                    child.process, child.due_s = Process(child.process.program), None
                    self._logger.info("service restarted", child=name, pid=child.process.pid)
            elif (code := child.process.exit_code()) is not None:
                self._ended(name, child, code, now_s)

    def stop(self, names: Sequence[str] | None = None) -> None:
        """End children in order, all of them by default: asked together, waited for one by one."""
        chosen = [name for name in reversed(self._children) if names is None or name in names]
        for name in chosen:
            self._children[name].process.ask_to_stop()
        for name in chosen:
            code = self._children.pop(name).process.stop()
            self._logger.info("service stopped", child=name, exit_code=code)

    def release(self, name: str) -> Process:
        """Watch over a child no more; the process that runs it now is the caller's to end."""
        return self._children.pop(name).process

    def _ended(self, name: str, child: _Child, code: int, now_s: float) -> None:
        while child.restarts and child.restarts[0] < now_s - RESTART_WINDOW_S:
            child.restarts.popleft()
        last_output = child.process.last_words()
        if len(child.restarts) >= RESTARTS_MAX or code in _FINAL_EXIT_CODES:
            often = f"{len(child.restarts) + 1} times within {RESTART_WINDOW_S:g} s" if child.restarts else "at once"
            raise ServiceUnavailable(
                f"{name} ended {often} (exit code {code}): {last_output or 'it printed nothing'}",
                remedy=f"See {child.process.program.output} and {self._settings.logs}",
                service=name,
                child_exit_code=code,
            )
        pause_s = 0.0 if not child.restarts else min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (len(child.restarts) - 1))
        child.restarts.append(now_s)
        child.due_s = now_s + pause_s
        self._logger.warning(
            "service ended", child=name, pid=child.process.pid, exit_code=code, last_output=last_output
        )
        self._on_exit(Exit(name, child.process.pid, code, len(child.restarts), last_output))
