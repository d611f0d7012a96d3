"""The script that finds a Python for `make setup`: a usable one, or what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with nothing on PATH but what the script itself needs."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "ls", "sort", "env"):
        (tools / name).symlink_to(_which(name))
    return tmp_path


def find(repository: Path, machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / "bin/bash"), str(repository / "infra/find-python")],
        env={"PATH": str(machine / "bin"), "HOME": str(machine), **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def _which(name: str) -> str:
    path = shutil.which(name)
    assert path is not None
    return path


def _install(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_a_python_it_says_what_to_do_and_fails(repository: Path, machine: Path) -> None:
    found = find(repository, machine)

    assert (found.returncode, found.stdout) == (1, "")
    assert "needs CPython 3.12 or newer" in found.stderr
    assert "uv python install 3.13" in found.stderr
    assert "make setup PYTHON=" in found.stderr


def test_one_that_is_too_old_is_named_with_the_reason(repository: Path, machine: Path) -> None:
    _install(machine / "bin/python3", "echo older than 3.12 >&2; exit 1")

    found = find(repository, machine)

    assert found.returncode == 1
    assert f"{machine}/bin/python3: older than 3.12" in found.stderr


def test_the_one_on_the_path_is_taken(repository: Path, machine: Path) -> None:
    _install(machine / "bin/python3.13", f'exec {sys.executable} "$@"')

    found = find(repository, machine)

    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).resolve() == Path(sys.executable).resolve()


def test_a_version_of_pyenv_is_found_where_the_path_has_none(repository: Path, machine: Path) -> None:
    _install(machine / ".pyenv/versions/3.12.1/bin/python", "exit 1")
    _install(machine / ".pyenv/versions/3.13.0/bin/python", f'exec {sys.executable} "$@"')

    assert Path(sys.executable).resolve() == Path(find(repository, machine).stdout.strip()).resolve()


def test_pyenv_may_be_elsewhere(repository: Path, machine: Path) -> None:
    _install(machine / "else/versions/3.12.9/bin/python", f'exec {sys.executable} "$@"')

    assert find(repository, machine, PYENV_ROOT=str(machine / "else")).returncode == 0


def test_uv_is_asked_last(repository: Path, machine: Path) -> None:
    _install(machine / "uv-python/python", f'exec {sys.executable} "$@"')
    _install(machine / "bin/uv", f'echo "{machine}/uv-python/python"')

    assert Path(sys.executable).resolve() == Path(find(repository, machine).stdout.strip()).resolve()


def test_a_named_python_is_the_only_one_tried(repository: Path, machine: Path) -> None:
    _install(machine / "bin/python3.13", f'exec {sys.executable} "$@"')
    _install(machine / "mine", "echo older than 3.12 >&2; exit 1")

    found = find(repository, machine, PYTHON=str(machine / "mine"))

    assert found.returncode == 1
    assert "mine: older than 3.12" in found.stderr
