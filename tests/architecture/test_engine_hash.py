"""The engine hash covers whatever a core is made of, so that a comparison across a change is refused (R02, X12)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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


def file_of(imported: str, by_name: dict[str, Source]) -> str:
    """The file that holds an imported name of ours; "" for another's."""
    parts = imported.removeprefix("live_runner.").split(".")
    for end in range(len(parts), 0, -1):
        stem = "/".join(parts[:end])
        for name in (f"{stem}.py", f"{stem}/__init__.py"):
            if name in by_name:
                return name
    return ""
