"""The engine hash covers whatever a core is made of, so that a comparison across a change is refused (R02, X12)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_runner.services.runtime.service.engine_facts import hashed_files

if TYPE_CHECKING:
    from fix_sources import Source

CORES = ("services/execution/core/", "services/strategy/core/")


def test_every_module_that_a_core_imports_is_part_of_the_engine_hash(sources: list[Source], repository: Path) -> None:
    """R02, X12: what strategy code is shown and how its answers are read decide as much as the cores themselves."""
    by_name = {source.name: source for source in sources}
    waiting = [name for name in by_name if name.startswith((*CORES, "strategies/loader"))]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [inner for module in by_name[name].imports() if (inner := file_of(module, by_name))]

    hashed = {path.relative_to(repository).as_posix() for path in hashed_files()}
    assert len(reached) > 40
    assert sorted(name for name in reached if name not in hashed and by_name[name].tree.body[1:]) == []


def test_the_hash_covers_every_source_of_the_hot_path_and_nothing_that_was_built(repository: Path) -> None:
    """R02, X12: what a compiler makes of the sources differs by machine; the sources do not."""
    hashed = {path.relative_to(repository).as_posix() for path in hashed_files()}
    sources = {
        path.relative_to(repository).as_posix()
        for path in (repository / "hotpath").rglob("*")
        if path.suffix in (".py", ".pyx", ".pxd")
    }

    assert sources <= hashed
    assert {Path(name).suffix for name in hashed} == {".py", ".pyx", ".pxd"}


def test_the_hash_is_the_same_compiled_and_interpreted_and_the_platform_names_which(repository: Path) -> None:
    """R02, X12: a session that ran compiled is replayed and compared interpreted, and the other way round."""
    compiled, reference = (facts_of(cwd=repository, hotpath=name) for name in ("compiled", "reference"))

    assert compiled["hash"] == reference["hash"]
    assert compiled["platform"] | {"hotpath": "reference"} == reference["platform"]
    assert compiled["platform"]["hotpath"] == "compiled"


def test_an_installed_package_has_the_hash_of_its_checkout(repository: Path, tmp_path: Path) -> None:
    """R02, X12: the sources of what is compiled travel along, or a session of an image could not be compared here."""
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path)],
        cwd=repository,
        check=True,
        capture_output=True,
    )

    installed = facts_of(cwd=tmp_path, path=tmp_path)

    assert installed["root"] == str(tmp_path / "live_runner")
    assert installed["hash"] == facts_of(cwd=repository)["hash"]


FACTS = """
import json, pathlib
from live_runner.services.runtime.service import engine_facts as facts
root = str(pathlib.Path(facts.__file__).parents[3])
print(json.dumps({"hash": facts.engine_hash(), "platform": facts.platform_facts(), "root": root}))
"""


def facts_of(*, cwd: Path, path: Path | None = None, hotpath: str = "compiled") -> dict[str, Any]:
    """What a process of its own finds out about the package on ``path``, by default the one under test."""
    environment = os.environ | {"LIVE_RUNNER_HOTPATH": hotpath, "PYTHONPATH": str(path or "")}
    script = [sys.executable, "-c", FACTS]
    output = subprocess.run(script, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout
    facts: dict[str, Any] = json.loads(output)
    return facts


def file_of(imported: str, by_name: dict[str, Source]) -> str:
    """The file that holds an imported name of ours; "" for another's."""
    parts = imported.removeprefix("live_runner.").split(".")
    for end in range(len(parts), 0, -1):
        stem = "/".join(parts[:end])
        for name in (f"{stem}.py", f"{stem}/__init__.py"):
            if name in by_name:
                return name
    return ""
