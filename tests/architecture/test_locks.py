"""The lock files pin everything by hash, fit pyproject.toml and carry no download address."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fix_sources import Source

LOCKS = (
    "build.txt",
    "coverage.txt",
    "runtime.txt",
    "dev.txt",
    "peers-nautilus1.txt",
    "peers-nautilus2.txt",
    "peers-talipp.txt",
    "peers-vectorbt.txt",
)


def pins(path: Path) -> dict[str, str]:
    """Version by normalized name."""
    found = re.findall(r"^([A-Za-z0-9_.\-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def distribution(requirement: str) -> str:
    """Normalized name of the distribution that a requirement names."""
    named = re.match(r"[A-Za-z0-9_.\-]+", requirement)
    assert named is not None
    return re.sub(r"[-_.]+", "-", named[0]).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_line_is_an_address(name: str, repository: Path) -> None:
    text = (repository / "requirements" / name).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE) if entry.strip()]

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"^.*(?:://|--(?:index|extra|find|trusted)).*$", text, flags=re.MULTILINE) == []


def test_the_runtime_lock_holds_every_dependency_and_the_development_lock_all_of_it(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {distribution(line) for line in project["project"]["dependencies"]}
    runtime, dev = (pins(repository / "requirements" / name) for name in ("runtime.txt", "dev.txt"))

    assert set() == wanted - set(runtime)
    assert {name: version for name, version in runtime.items() if dev.get(name) != version} == {}


def test_every_package_that_the_product_imports_is_a_dependency(sources: list[Source], repository: Path) -> None:
    """What only comes along with another package is gone as soon as that one no longer needs it."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {distribution(line) for line in project["project"]["dependencies"]}
    imported = {name.split(".")[0] for source in sources for name in source.imports()}
    imported.discard("cython")  # the compiler's name in the engine's sources; interpreted, hotpath/engine stands in
    owners = importlib.metadata.packages_distributions()

    undeclared = {
        name
        for name in imported - set(sys.stdlib_module_names) - {"live_runner"}
        if not wanted & {distribution(owner) for owner in owners.get(name, [name])}
    }

    assert undeclared == set()


def test_the_build_lock_holds_the_build_system_as_pinned(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    build = pins(repository / "requirements" / "build.txt")

    for line in project["build-system"]["requires"]:
        name, _, version = line.partition("==")
        assert version == build[name.lower()]


def test_every_list_of_packages_has_a_lock_that_is_looked_at(repository: Path) -> None:
    wanted = {path.stem for path in (repository / "requirements").glob("*.in")} | {"runtime"}

    assert wanted == {path.stem for path in (repository / "requirements").glob("*.txt")}
    assert wanted == {Path(name).stem for name in LOCKS}
