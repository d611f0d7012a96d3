"""A service of the product as a process that is forked from one which has imported it: started in milliseconds."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from live_runner.services.cli.service_process import run_service

__all__ = ["start_service"]

_PRELOADED = [
    __name__,
    "live_runner.services.execution.shell",
    "live_runner.services.gateway.service",
]


def start_service(name: str, environ: dict[str, str], said: Path, gateway: dict[str, Any] | None = None) -> BaseProcess:
    """What ``live-runner serve NAME`` runs; what it says on stderr goes to a file."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_run, args=(name, environ, said, gateway), daemon=True)
    process.start()
    return process


def _run(name: str, environ: dict[str, str], said: Path, gateway: dict[str, Any] | None) -> None:
    os.environ.update(environ)
    with said.open("ab") as output:
        os.dup2(output.fileno(), 2)
    run_service(name, gateway=gateway)
