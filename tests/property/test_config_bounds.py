"""Each bound of a configuration, asked of all who check it: the file, the JSON schema and the engine agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from json_schema import faults

from live_runner.contracts.bounds import DecimalRange, bounds_of
from live_runner.contracts.config import Account, Config, Execution, Fees, Fills, Limits, Market, MarketRules, Queries
from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Instrument, Started
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.risk import (
    AgeLimit,
    Caps,
    CountLimit,
    EntrySlippageLimit,
    MoneyLimit,
    SpreadLimit,
    TailSlippageLimit,
)
from live_runner.hotpath import fixed
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.runtime.config.config_file import from_text
from live_runner.services.runtime.config.json_schema import json_schema
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.ema_cross import EmaCross, EmaCrossParameters
from live_runner.strategies.parameters import read_parameters

SYMBOL = "BTC/USDT:USDT"
SCHEMA = json_schema(EmaCrossParameters)
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "account": Account,
    "fees": Fees,
    "fills": Fills,
    "limits": Limits,
    "market": Market,
    f"market.instruments.{SYMBOL}": MarketRules,
    "strategy.parameters": EmaCrossParameters,
    "execution": Execution,
    "execution.query": Queries,
    "caps": Caps,
    "account.limits.drawdown": MoneyLimit,
    "risk.drawdown": MoneyLimit,
    "risk.loss_streak": CountLimit,
    "risk.entry_slippage": EntrySlippageLimit,
    "risk.p95_slippage": TailSlippageLimit,
    "risk.stale_data": AgeLimit,
    "risk.spread": SpreadLimit,
}
_TRIP = {"action": "stop", "reset": "cooldown", "cooldown_s": 60.0}
NEEDED: dict[str, dict[str, Any]] = {
    "account": {"name": "main"},
    "account.limits.drawdown": {"limit": "1", **_TRIP},
    "risk.drawdown": {"limit": "1", **_TRIP},
    "risk.loss_streak": {"limit": 1, **_TRIP},
    "risk.entry_slippage": {"limit_bp": "1", **_TRIP},
    "risk.p95_slippage": {"limit_bp": "1", "fills": 1, **_TRIP},
    "risk.stale_data": {"after_s": 1.0, **_TRIP},
    "risk.spread": {"limit_bp": "1", **_TRIP},
}
"""What a section has to give beside the value in question."""
RULES = {"tick_size": "0.1", "lot_size": "0.001"}
BOUNDS = {
    f"{section}.{name}": bound
    for section, kind in SECTIONS.items()
    for name, bounds in bounds_of(kind).items()
    for bound in bounds
    if isinstance(bound, DecimalRange) or bound.gt is not None or bound.ge is not None
}
PRECISIONS = sorted(key for key in BOUNDS if key.endswith("_precision"))
"""What they may be depends on the precision mode, which a schema cannot say."""
DECIMALS = sorted(key for key, bound in BOUNDS.items() if isinstance(bound, DecimalRange) and key not in PRECISIONS)
NUMBERS = sorted(BOUNDS.keys() - {*DECIMALS, *PRECISIONS})


def changed(key: str, value: Any) -> dict[str, Any]:
    """A configuration with one value changed."""
    config: dict[str, Any] = {
        "session": "s1",
        "strategy": {
            "module": "live_runner.strategies.ema_cross",
            "parameters": {"quantity": 1.0, "fast": 1, "slow": 1000},
        },
        "market": {
            "venue": "sim",
            "symbols": [SYMBOL],
            "timeframe": "1m",
            "source": "simulated",
            "instruments": {SYMBOL: dict(RULES)},
        },
    }
    *way, name = key.split(".")
    inner = config
    for at, step in enumerate(way, 1):
        inner = inner.setdefault(step, dict(NEEDED.get(".".join(way[:at]), {})))
    inner[name] = value
    if name in ("notional", "equity_fraction"):
        del inner["quantity"]
    return config


def taken(check: Callable[[], Any], key: str) -> bool:
    """Whether a check passes; its refusal names the key."""
    refusal: ConfigError | None = None
    try:
        check()
    except ConfigError as error:
        refusal = error
    assert refusal is None or refusal.fields["key"] == key, refusal
    return refusal is None


def read_file(config: dict[str, Any]) -> None:
    """A file with this configuration, and the parameters of its strategy, as ``config check`` reads them."""
    read = from_text(json.dumps(config), name="c.yaml", folder=Path()).config
    read_parameters(EmaCross, read.strategy.parameters)


def start_cores(config: dict[str, Any]) -> None:
    """The two cores with a manifest that holds this configuration."""
    rules: Mapping[str, Any] = config["market"]["instruments"][SYMBOL]
    market = config["market"] | {"instruments": {}}
    started = Started(
        id="s1/run/2", session="s1", source="run", seq=2, event_ns=0, stage="paper",
        config=config | {"market": market}, config_hash="", strategy="m:EmaCross", strategy_hash="",
        engine_version="", engine_hash="", dataset={},
        instruments=[Instrument(symbol=SYMBOL, venue="sim", base="BTC", quote="USDT", settle="USDT", **rules)],
        policy=ExecutionPolicy(), warmup_bars=0, warmup_found=0, first_open_ns=0, models={}, platform={}, packages={},
        compare_command="",
    )  # fmt: skip
    ExecutionCore("s1").handle(started)
    StrategyCore("s1", EmaCross).handle(started)


def schema_takes(config: dict[str, Any], key: str) -> bool:
    """Whether the JSON schema allows the configuration; a fault is at the key."""
    found = set(faults(config, SCHEMA, SCHEMA))
    assert not found or key in found
    return not found


def agreed(key: str, value: Any) -> bool:
    """What all three say of a value."""
    config = changed(key, value)
    answers = {
        "file": taken(lambda: read_file(config), key),
        "schema": schema_takes(config, key),
        "engine": taken(lambda: start_cores(config), key),
    }
    assert len(set(answers.values())) == 1, f"{key}: {value!r}: {answers}"
    return answers["file"]


@st.composite
def near_an_end(draw: st.DrawFn, key: str) -> str:
    """Decimal text at, just inside or just beyond an end of a range, or with one digit too many."""
    bound = BOUNDS[key]
    ends = [end for end in (bound.above, bound.least, bound.below, bound.most) if end is not None] or ["1"]
    end = Decimal(draw(st.sampled_from(ends)))
    places = draw(st.integers(0, min(bound.decimals, 30) + 2))
    value = end + draw(st.integers(-2, 2)) * Decimal(1).scaleb(-places)
    return draw(st.sampled_from([format(value, "f"), str(value), f"{value:e}", f"{value:+f}"]))


@pytest.mark.parametrize("key", DECIMALS)
@settings(max_examples=40)
@given(data=st.data())
def test_decimals_near_their_ends_are_taken_or_refused_by_all_three(key: str, data: st.DataObject) -> None:
    agreed(key, data.draw(near_an_end(key)))


@pytest.mark.parametrize("key", DECIMALS)
@settings(max_examples=25)
@given(text=st.text("0123456789.eE+- _xan", max_size=8) | st.text(st.characters(max_codepoint=0xD7FF), max_size=4))
@example(text="0E400")
@example(text="-0e-9999")
@example(text="5e-400")
@example(text="5.0e-401")
@example(text="1e400")
def test_text_that_may_be_no_decimal_is_taken_or_refused_by_all_three(key: str, text: str) -> None:
    agreed(key, text)


@pytest.mark.parametrize("key", PRECISIONS)
@pytest.mark.parametrize("mode", ["tick_size", "decimal_places", "significant_digits"])
@pytest.mark.parametrize("text", ["", "0", "1", "-1", "8", "30", "31", "0.5", "1e-22", "1e-23", "x"])
def test_a_precision_is_taken_or_refused_by_file_and_engine(key: str, mode: str, text: str) -> None:
    config = changed(key, text)
    config["market"]["instruments"][SYMBOL]["precision_mode"] = mode

    assert taken(lambda: read_file(config), key) == taken(lambda: start_cores(config), key)


@pytest.mark.parametrize("key", NUMBERS)
@settings(max_examples=10)
@given(step=st.sampled_from([-1, 0, 1]), data=st.data())
def test_numbers_at_their_ends_are_taken_or_refused_by_all_three(key: str, step: int, data: st.DataObject) -> None:
    bound = BOUNDS[key]
    ends = [end for end in (bound.gt, bound.ge, bound.lt, bound.le) if end is not None]
    end = data.draw(st.sampled_from(ends))
    agreed(key, end + step if isinstance(end, int) and abs(end) > 1 else end + step * 0.001)


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("account.equity", ["0.000000000001", "1000000000000000"], ["0", "1000000000000000.1", "0.0000000000001"]),
        ("account.leverage", ["0.001", "1000", "3.3333333333333335"], ["0", "-1", "1000.1", "1e4"]),
        ("account.maintenance_margin", ["0", "0.0016666666666666668", "0.999"], ["1", "1.0", "-0.1", ""]),
        ("fills.slippage_bp", ["0", "9999.99999999999999", "0.00000000000001"], ["10000", "-1", "0.000000000000001"]),
        ("fills.participation", ["0.0000000001", "1"], ["0", "1.1", "half"]),
        ("fees.maker", ["-1", "1", "2.3333333333333335e-05"], ["-1.1", "1.1", "0.00000000000000000000001", "nan"]),
        ("limits.read_ahead", [1, 100_000], [0, 100_001]),
        ("limits.decide_timeout_s", [0.05, 3600], [0.049, 3600.1]),
        ("market.seed", [0, 2**63 - 1], [-1]),
        ("market.bars", [1, 50_000_000], [0, 50_000_001]),
        ("market.speed", [0.001, 1e9], [0.0009, 1.1e9]),
        (f"market.instruments.{SYMBOL}.tick_size", ["1e-22", "0.5", "1e6"], ["0", "-1", "1e-23", "9007199254740993"]),
        (f"market.instruments.{SYMBOL}.max_amount", ["", "0.001", "1e308"], ["abc", "1e999", "-1"]),
        (f"market.instruments.{SYMBOL}.min_amount", ["", "0.001", "1e15"], ["abc", "1.1e15"]),
        ("strategy.parameters.fast", [1], [0]),
    ],
)  # fmt: skip
def test_the_bounds_are_these(key: str, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not agreed(key, value)] == []
    assert [value for value in outside if agreed(key, value)] == []


@pytest.mark.parametrize("key", ["market.symbols", "market.venue", "account.currency", "market.timeframe", "session"])
@pytest.mark.parametrize("value", [[], ["A/B"] * 1001, "", " ", "2m", "Upper", "a" * 49])
def test_what_is_no_number_has_the_same_bounds_for_file_and_schema(key: str, value: Any) -> None:
    config = changed(key, value)

    assert not schema_takes(config, key) or not isinstance(value, str) or taken(lambda: read_file(config), key)


def test_rules_that_a_configuration_may_give_are_those_of_an_instrument() -> None:
    assert set(MarketRules.__struct_fields__) == set(Instrument.__struct_fields__) - {"symbol", "venue", "rules"}


def test_a_changed_default_is_inside_its_own_bounds() -> None:
    assert not list(faults(msgspec.to_builtins(Config.__struct_defaults__[0]), SCHEMA["$defs"]["Account"], SCHEMA))


@given(text=st.text("0123456789.eE+-", max_size=12) | st.decimals(allow_nan=False).map(str) | st.floats().map(repr))
@example("0" * 500)
@example("1e999999999")
def test_a_decimal_is_parsed_alike_by_contracts_and_hotpath(text: str) -> None:
    def outcome(parse: Any) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            return str(error)

    assert outcome(parse_decimal) == outcome(fixed.parse_decimal)
