from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.contracts.errors import ConfigError, SessionRefused, VersionMismatch
from live_runner.contracts.manifest import announce, check_builds, config_fields, config_hash, config_of, merge, start
from live_runner.contracts.messages import Announced, Instrument, Joined
from live_runner.contracts.policy import ExecutionPolicy


def _config(**market: Any) -> Config:
    return Config(
        session="s1",
        strategy=StrategyChoice(module="m"),
        market=Market(venue="v", symbols=("A/USDT", "B/USDT"), timeframe="1m", **market),
    )


def _announced(config: Config | None = None) -> Announced:
    return announce(
        config or _config(),
        stage="paper",
        strategy="m:S",
        sources={"m": "text"},
        strategy_hash="h",
        engine_version="1",
        engine_hash="e",
        warmup_bars=7,
    )


def _rules(symbol: str, tick_size: str = "0.1") -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(symbol=symbol, venue="v", base=base, quote=quote, settle=quote, tick_size=tick_size, lot_size="1")


def _joined(role: str, **facts: Any) -> Joined:
    return Joined(
        role=role,
        instance="i",
        id=f"s1/{role}.shell/1",
        session="s1",
        source=f"{role}.shell",
        seq=1,
        event_ns=0,
        **facts,
    )


def _answers(**changes: Joined) -> dict[str, Joined]:
    answers = {
        "market_data": _joined(
            "market_data",
            instruments=[_rules("B/USDT"), _rules("A/USDT")],
            dataset={"name": "d"},
            warmup_found=7,
            first_open_ns=420,
        ),
        "strategy": _joined("strategy", policy=ExecutionPolicy(attempts=3), packages={"z": "1", "a": "2"}),
        "execution": _joined("execution"),
    }
    return answers | changes


def test_manifest_merges_what_each_role_knows() -> None:
    """X12, X14: defaults, first bar and models stand in the manifest."""
    started = start(_announced(), _answers(), models={"fills": "f"}, platform={"numpy": "2"})

    assert started.config["fees"] == {"maker": "0.0002", "taker": "0.0005"}
    assert [rules.symbol for rules in started.instruments] == ["A/USDT", "B/USDT"]
    assert started.policy == ExecutionPolicy(attempts=3)
    assert list(started.packages) == ["a", "z"]
    assert (started.warmup_bars, started.warmup_found, started.first_open_ns) == (7, 7, 420)
    assert (started.source, started.seq, started.id, started.event_ns) == ("run", 2, "s1/run/2", 420)
    assert started.cause == "s1/run/1"
    assert started.compare_command == "live-runner compare s1"


def test_rules_of_the_venue_go_before_those_of_the_data() -> None:
    own = _joined("execution", instruments=[_rules("A/USDT", "0.5"), _rules("B/USDT", "0.5")])

    fields = merge(_announced(), _answers(execution=own), models={}, platform={})

    assert [rules.tick_size for rules in fields["instruments"]] == ["0.5", "0.5"]


@pytest.mark.parametrize("role", ["market_data", "strategy"])
def test_manifest_is_refused_without_the_answer_of(role: str) -> None:
    answers = _answers()
    del answers[role]

    with pytest.raises(SessionRefused, match=f"The {role} service did not join"):
        merge(_announced(), answers, models={}, platform={})


def test_manifest_is_refused_when_a_symbol_has_no_rules() -> None:
    answers = _answers(market_data=_joined("market_data", instruments=[_rules("A/USDT")]))

    with pytest.raises(SessionRefused, match="B/USDT"):
        merge(_announced(), answers, models={}, platform={})


def test_manifest_is_refused_without_a_policy() -> None:
    with pytest.raises(SessionRefused, match="policy"):
        merge(_announced(), _answers(strategy=_joined("strategy")), models={}, platform={})


def test_config_hash_tells_a_changed_default_and_no_order() -> None:
    """X12 a default that changed silently changes the hash."""
    fields = config_fields(_config())
    turned = dict(reversed(list(fields.items())))

    assert config_hash(fields) == config_hash(turned)
    assert config_hash(fields) != config_hash(config_fields(_config(seed=2)))


def test_config_survives_the_manifest() -> None:
    assert config_of(_announced().config) == _config()


def test_config_of_another_schema_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown field"):
        config_of(_announced().config | {"new_key": 1})


@pytest.mark.parametrize("other", [{"engine": 99}, {"engine_hash": "f"}])
def test_services_of_two_builds_are_refused_with_each_instance_named(other: dict[str, Any]) -> None:
    """X12: another engine number or other sources; the package's version alone says nothing."""
    announced = _announced()
    build: dict[str, Any] = {"engine": announced.engine, "engine_hash": "e", "engine_version": "1"}
    same = {role: _joined(role, **build) for role in ("market_data", "strategy")}

    check_builds(announced, same, instance="run@here:1")
    with pytest.raises(VersionMismatch) as caught:
        check_builds(announced, same | {"execution": _joined("execution", **build | other)}, instance="run@here:1")

    assert caught.value.exit_code == 71
    assert f"run@here:1 has version 1, engine {announced.engine}, hash e; i has" in str(caught.value)
    number, hash_ = other.get("engine", announced.engine), other.get("engine_hash", "e")
    assert f"i has version 1, engine {number}, hash {hash_}. Install one build" in str(caught.value)
