"""Whether a session can be played here at all, and whether a comparison would run the code that it ran."""

from __future__ import annotations

from typing import Final

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.engine import check_engine
from live_runner.contracts.manifest import config_fields, config_hash
from live_runner.contracts.messages import Announced, Started
from live_runner.services.execution.core.models import check_models
from live_runner.services.forensics.difference import fields
from live_runner.services.forensics.errors import CodeMismatch
from live_runner.strategies.loader import StrategySource

__all__ = ["CodeChange", "check_playable", "code_changes"]

_OUTSIDE: Final = frozenset({"session", "market.speed", "strategy.path", "strategy.module", "strategy.name"})
"""Configuration that no decision depends on: the name, the pace, and where the strategy's text was found."""


class CodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was in the session."""

    what: str
    """``strategy``, ``engine`` or ``configuration``."""
    recorded: str
    here: str
    """Hashes."""
    details: list[str] = []
    """Modules or configuration keys that differ."""


def check_playable(started: Started) -> None:
    """VersionMismatch unless engine number and models of the session are those that are here."""
    check_engine(started.session, started.engine)
    check_models(started)


def code_changes(
    announced: Announced,
    *,
    strategy: StrategySource | None,
    engine_hash: str | None,
    config: Config | None,
    allow: bool,
) -> list[CodeChange]:
    """The differences from the session's code; CodeMismatch with both hashes and the remedy unless ``allow``.

    What is None is taken from the recording, and so does not differ.
    """
    found: list[CodeChange] = []
    if strategy is not None and strategy.hash != announced.strategy_hash:
        modules = _changed_modules(announced.sources, strategy.sources)
        found.append(CodeChange(what="strategy", recorded=announced.strategy_hash, here=strategy.hash, details=modules))
    if engine_hash is not None and engine_hash != announced.engine_hash:
        found.append(CodeChange(what="engine", recorded=announced.engine_hash, here=engine_hash))
    if config is not None:
        here = config_fields(config)
        differing = [field for field in fields(announced.config, here) if field.path not in _OUTSIDE]
        if differing:
            found.append(
                CodeChange(
                    what="configuration",
                    recorded=announced.config_hash,
                    here=config_hash(here),
                    details=[str(field) for field in differing],
                )
            )
    if found and not allow:
        raise _mismatch(announced, found)
    return found


def _mismatch(announced: Announced, found: list[CodeChange]) -> CodeMismatch:
    parts = []
    for change in found:
        part = f"{change.what} {change.here} instead of {change.recorded}"
        if change.details:
            part += f" ({'; '.join(change.details[:5])})"
        parts.append(part)
    return CodeMismatch(
        f"This is not what session {announced.session} ran with: {', '.join(parts)}",
        remedy=f"Check out version {announced.engine_version} and its strategy, or compare with --allow-different-code",
        changes=[msgspec.to_builtins(change) for change in found],
    )


def _changed_modules(recorded: dict[str, str], here: dict[str, str]) -> list[str]:
    """Each module that differs, with the first line that does."""
    names = sorted({*recorded, *here})
    differing = [name for name in names if recorded.get(name) != here.get(name)]
    return [_first_line(name, recorded.get(name), here.get(name)) for name in differing]


def _first_line(name: str, recorded: str | None, here: str | None) -> str:
    if recorded is None or here is None:
        return f"{name} is only {'here' if recorded is None else 'in the session'}"
    old, new = recorded.splitlines(), here.splitlines()
    for number, (left, right) in enumerate(zip(old, new, strict=False), start=1):
        if left != right:
            return f"{name} line {number}"
    return f"{name} line {min(len(old), len(new)) + 1}"
