"""How long a service takes from its process's start to being connected, and the memory it then has.

Beside it, in the same run: a bare interpreter, and what ``import nats`` and ``import ccxt`` cost alone. Each is
started in turn, several times over, so that other work on the machine meets all of them; medians are shown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.house import House, house, processor_seconds, resident_mib
from bench.table import Row, entry

from live_runner.services.runtime.embedded.supervisor import service_program
from live_runner.services.runtime.services import SESSION_SERVICES

_IMPORTS = {"a bare interpreter": "pass", "import nats": "import nats", "import ccxt": "import ccxt"}
_END_LIMIT_S = 20.0
_SETTLE_S = 0.2
_TELL = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()"


class Cost(NamedTuple):
    """Of one start: by the clock, of the processor, and what is resident at its end."""

    seconds: float
    processor_s: float
    mib: float


def rows(quick: bool) -> list[Row]:
    """Each service, and each thing that it stands beside."""
    found: dict[str, list[Cost]] = {}
    with house() as home:
        for _ in range(2 if quick else 7):
            for name, statement in _IMPORTS.items():
                found.setdefault(name, []).append(import_cost(statement))
            for service in SESSION_SERVICES:
                found.setdefault(service, []).append(service_cost(home, service))
    seconds = {name: median(cost.seconds for cost in costs) for name, costs in found.items()}
    processor = {name: median(cost.processor_s for cost in costs) for name, costs in found.items()}
    memory = {name: median(cost.mib for cost in costs) for name, costs in found.items()}
    bare, peer, ccxt = _IMPORTS
    table = []
    for service in SESSION_SERVICES:
        table.append(
            Row(
                what=f"start of {service}: process to connected",
                figure=seconds[service],
                unit="s",
                floor=seconds[peer],
                beside=peer,
                goal=0.3,
                better="less",
                details=f"{processor[service]:.2f} s of processor time; {peer} {processor[peer]:.2f}, {ccxt} "
                f"{processor[ccxt]:.2f}, {bare} {processor[bare]:.2f}",
            )
        )
        table.append(
            Row(
                what=f"memory of {service} at rest",
                figure=memory[service],
                unit="MiB",
                floor=memory[peer],
                beside=peer,
                goal=50,
                better="less",
                details=f"{bare} {memory[bare]:.0f} MiB, {ccxt} {memory[ccxt]:.0f} MiB",
            )
        )
    return table


def service_cost(home: House, service: str) -> Cost:
    """Start a service by itself, and end it."""
    program = service_program(home.settings, service)
    program.output.parent.mkdir(parents=True, exist_ok=True)
    began_ns = time.time_ns()
    with program.output.open("ab") as output:
        process = subprocess.Popen(
            program.arguments,
            env={**os.environ, **(program.environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        connected_ns = home.logged_ns(service, "service is connected", began_ns)
        processor_s = processor_seconds(process.pid)
        time.sleep(_SETTLE_S)
        memory = resident_mib(process.pid)
    finally:
        process.terminate()
        process.wait(_END_LIMIT_S)
    return Cost((connected_ns - began_ns) / 1e9, processor_s, memory)


def import_cost(statement: str) -> Cost:
    """Start an interpreter that runs one statement."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"{statement}; {_TELL}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        took = time.perf_counter() - began
        return Cost(took, processor_seconds(process.pid), resident_mib(process.pid))
    finally:
        process.communicate(timeout=_END_LIMIT_S)


if __name__ == "__main__":
    entry("start of a service", rows)
