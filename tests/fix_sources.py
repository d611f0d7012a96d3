"""The project's own sources, for the tests that read them as text."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("contracts", "hotpath", "strategies", "services")


@dataclass(frozen=True)
class Source:
    """One Python file of the product."""

    path: Path
    name: str
    """Relative to the repository, with forward slashes."""
    tree: ast.Module

    @property
    def module(self) -> str:
        """Import name."""
        return "live_runner." + self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports(self) -> list[str]:
        """Full names of what it imports, at any depth of the file; relative ones resolved."""
        names: list[str] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = self.module.rsplit(".", node.level)[0] + "." if node.level else ""
                stem = f"{package}{node.module or ''}".rstrip(".")
                names += [f"{stem}.{alias.name}" for alias in node.names]
        return names


def _read(path: Path) -> Source:
    return Source(path, path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    """Every Python file under the packages."""
    return [_read(path) for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [REPOSITORY / name for name in listed if name and (REPOSITORY / name).is_file()]
