"""The compiled twin that a strategy names is loaded, or the reason is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.services.backtest.compiled_twin import compiled_twin
from live_runner.strategies import compiled
from live_runner.strategies.base import LegState, Parameters, Strategy
from live_runner.strategies.dual_lifo import DualLifo
from live_runner.strategies.ema_cross import EmaCross

strategy = pytest.importorskip("live_runner.hotpath.engine.strategy", reason="a compiled module", exc_type=ImportError)


def strategy_with(name: str | None) -> type[Strategy[Any, Any]]:
    class Named(Strategy[Parameters, LegState]):
        compiled = name

    return Named


@pytest.mark.parametrize("strategy", [EmaCross, DualLifo])
def test_the_twin_of_a_shipped_strategy_bears_its_name(strategy: type[Strategy[Any, Any]]) -> None:
    assert compiled_twin(strategy).__name__ == strategy.__name__


def test_a_strategy_without_a_twin_is_said_to_have_none() -> None:
    with pytest.raises(ConfigError, match="Named has no compiled twin"):
        compiled_twin(strategy_with(None))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere_at_all:Twin", "No module named 'nowhere_at_all'"),
        ("live_runner.strategies.compiled.ema_cross:Twin", "no attribute 'Twin'"),
        ("live_runner.strategies.ema_cross:EmaCross", "not a subclass of CompiledStrategy"),
        (":", "Empty module name"),
    ],
)
def test_a_twin_that_cannot_be_loaded_is_named_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(StrategyError, match=f"'{name}' of Named cannot be loaded: .*{reason}"):
        compiled_twin(strategy_with(name))


def test_a_twin_that_was_built_on_other_declarations_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory layout may be another one, so it must not come as far as its first call."""
    (built,) = Path(compiled.__path__[0]).glob("ema_cross.*.so")
    (tmp_path / built.name).write_bytes(built.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    exported = vars(strategy)["__pyx_capi__"]
    (name,) = (name for name in exported if name.startswith("strategy_interface_"))
    monkeypatch.setitem(exported, name[:-12] + name[:-13:-1], exported[name])
    monkeypatch.delitem(exported, name)

    with pytest.raises(
        StrategyError,
        match=r"'ema_cross:EmaCross' of Named was built for another version of live-runner: .*strategy_interface_",
    ):
        compiled_twin(strategy_with("ema_cross:EmaCross"))
