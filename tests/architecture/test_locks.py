"""The lock files pin everything by hash, fit pyproject.toml and carry no download address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

LOCKS = (
    "build.txt",
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


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_line_is_an_address(name: str, repository: Path) -> None:
    text = (repository / "requirements" / name).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE) if entry.strip()]

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"^.*(?:://|--(?:index|extra|find|trusted)).*$", text, flags=re.MULTILINE) == []


def test_the_runtime_lock_holds_every_dependency_and_the_development_lock_all_of_it(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        re.sub(r"[-_.]+", "-", str(re.match(r"[A-Za-z0-9_.\-]+", line)[0])).lower()  # type: ignore[index]  # each line has a name
        for line in project["project"]["dependencies"]
    }
    runtime, dev = (pins(repository / "requirements" / name) for name in ("runtime.txt", "dev.txt"))

    assert set() == wanted - set(runtime)
    assert {name: version for name, version in runtime.items() if dev.get(name) != version} == {}


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
