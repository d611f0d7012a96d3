"""Version and hash of the running live-runner, its platform, and installed packages.

These facts stand in every manifest. ``compare`` refuses another hash unless it is told otherwise; replay and recovery
go by the engine number alone (contracts/engine.py).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from live_runner.contracts.engine import ENGINE
from live_runner.hotpath import IMPLEMENTATION

__all__ = ["build_facts", "engine_hash", "engine_version", "hashed_files", "package_versions", "platform_facts"]

_DISTRIBUTION: Final = "live-runner"
_ROOT: Final = Path(__file__).resolve().parents[3]
_SOURCES: Final = (
    "contracts/*.py",
    "hotpath/**/*.py",
    "hotpath/**/*.pxd",
    "hotpath/**/*.pyx",
    "strategies/base.py",
    "strategies/intent.py",
    "strategies/legacy.py",
    "strategies/loader.py",
    "strategies/news.py",
    "strategies/numbers.py",
    "strategies/parameters.py",
    "strategies/source_modules.py",
    "strategies/view.py",
    "strategies/compiled/*.pxd",
    "strategies/compiled/*.pyx",
    "services/*/core/**/*.py",
)
"""Everything that decides what an event's bytes are; shells, database and command line do not.

Sources only: the same commit has the same hash on every platform, compiled or interpreted. The strategies that ship
are not part of it, since a session's own strategy has a hash of its own. Their compiled twins are, since a strategy's
sources do not hold them.
"""


@cache
def engine_version() -> str:
    """The installed version; ``0`` when it is not installed at all."""
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "0"


@cache
def engine_hash() -> str:
    """blake2b-128 over names and contents of the sources that decide what an event's bytes are."""
    digest = blake2b(digest_size=16)
    for path in hashed_files():
        for data in (path.relative_to(_ROOT).as_posix().encode(), path.read_bytes()):
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()


def hashed_files() -> list[Path]:
    """The files that the hash covers, in its order."""
    found = {path.relative_to(_ROOT).as_posix(): path for pattern in _SOURCES for path in _ROOT.glob(pattern)}
    return [found[name] for name in sorted(found)]


def platform_facts() -> dict[str, str]:
    """Facts that floating point results depend on, and whether the hot path is ``compiled`` or the ``reference``."""
    library, version = platform.libc_ver()
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "libm": f"{library} {version}".strip() or "unknown",
        "hotpath": IMPLEMENTATION,
    }


def build_facts() -> dict[str, Any]:
    """The build of a service that joins a session, as fields of ``joined``."""
    return {
        "engine": ENGINE,
        "engine_version": engine_version(),
        "engine_hash": engine_hash(),
        "platform": platform_facts(),
    }


def package_versions(modules: Iterable[str]) -> dict[str, str]:
    """Installed distributions of these top-level modules, by version."""
    found: dict[str, str] = {}
    owners: Mapping[str, list[str]] | None = None
    for module in modules:
        try:
            # Most distributions are called like their module; asking all of them takes a quarter of a second.
            found[module] = importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            owners = importlib.metadata.packages_distributions() if owners is None else owners
            for name in owners.get(module, ()):
                found[name] = importlib.metadata.version(name)
    return dict(sorted(found.items()))
