"""What can be said of compiled strategies without running one: where they stand, and that their page is true."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from live_runner.strategies.dual_lifo import DualLifo
from live_runner.strategies.ema_cross import EmaCross

REPOSITORY = Path(__file__).parents[3]
COMPILED = sorted((REPOSITORY / "strategies" / "compiled").glob("*.pyx"))
PAGE = REPOSITORY / "docs" / "compiled_strategies.md"


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_a_compiled_strategy_is_named_by_the_python_one_of_its_stem(path: Path) -> None:
    module = f"live_runner.strategies.compiled.{path.stem}"
    # Out of its source: a compiled strategy cannot be imported where the engine is interpreted.
    (name,) = re.findall(r'^__all__ = \["(\w+)"\]$', path.read_text(encoding="utf-8"), flags=re.MULTILINE)

    python = getattr(importlib.import_module(f"live_runner.strategies.{path.stem}"), name)

    assert python.compiled == f"{module}:{name}"


@pytest.mark.parametrize("strategy", [EmaCross, DualLifo])
def test_what_derives_from_a_strategy_does_not_inherit_its_twin(strategy: type[EmaCross] | type[DualLifo]) -> None:
    class Other(strategy):  # type: ignore[valid-type, misc]  # one of two classes
        pass

    assert strategy.compiled is not None
    assert Other.compiled is None


def test_every_piece_of_code_on_the_page_stands_in_a_strategy() -> None:
    pieces = re.findall(r"```cython\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    texts = [path.read_text(encoding="utf-8") for path in COMPILED]

    assert len(pieces) > 8
    assert [piece for piece in pieces if not any(piece in text for text in texts)] == []
