"""Parameters and leg states are checked before a session starts, and errors name the key or field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.services.runtime.config.config_file import from_text
from live_runner.strategies.base import ExecutionPolicy, LegState, Parameters, Strategy
from live_runner.strategies.parameters import check_strategy, create, parameters_with_defaults, read_parameters


class Inner(Parameters, frozen=True, kw_only=True):
    step: Annotated[float, msgspec.Meta(gt=0)] = 0.5


class Outer(Parameters, frozen=True, kw_only=True):
    needed: int
    period: Annotated[int, msgspec.Meta(gt=0)] = 20
    inner: Inner = Inner()


class State(LegState):
    count: int = 0


class Plain(Strategy[Outer, State]):
    pass


def test_the_brackets_name_parameters_and_leg_state() -> None:
    assert (Plain.Params, Plain.Leg) == (Outer, State)


def test_nested_classes_name_them_too() -> None:
    class Nested(Strategy[Any, Any]):
        class Params(Parameters, frozen=True, kw_only=True):
            period: int = 3

        class Leg(LegState):
            mark: float = 0.0

    strategy = create(Nested, {"period": 4}, ("A",), "1m")

    assert strategy.parameters.period == 4
    assert strategy.leg("A", "short").mark == 0.0


def test_a_subclass_takes_over_the_types_of_its_base() -> None:
    class Derived(Plain):
        pass

    assert (Derived.Params, Derived.Leg) == (Outer, State)


def test_defaults_are_written_out() -> None:
    """X12"""
    assert parameters_with_defaults(Plain, {"needed": 1}) == {"needed": 1, "period": 20, "inner": {"step": 0.5}}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, r"strategy\.parameters\.needed is missing"),
        ({"needed": 1, "perid": 3}, r"strategy\.parameters\.perid is not a parameter of Plain.*'period'"),
        ({"needed": 1, "inner": {"stp": 3}}, r"strategy\.parameters\.inner\.stp is not a parameter.*'step'"),
        ({"needed": 1, "inner": {"step": 0}}, r"strategy\.parameters\.inner\.step: Expected `float` > 0"),
        ({"needed": "1"}, r"strategy\.parameters\.needed: Expected `int`, got `str`"),
        ({"needed": 1, "inner": {"step": float("inf")}}, r"strategy\.parameters\.inner\.step is inf"),
        ({"needed": 1, "inner": {"step": float("nan")}}, r"strategy\.parameters\.inner\.step"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        create(Plain, given, ("A",), "1m")


class Sized(Parameters, frozen=True, kw_only=True):
    size: float = 1.0
    steps: tuple[float, ...] = ()
    count: int = 0
    label: str = ""


class Sizing(Strategy[Sized, State]):
    pass


def parameters_in(written: str) -> dict[str, Any]:
    """Parameters as a configuration file gives them."""
    text = (
        f"session: a\nstrategy: {{module: m, parameters: {{{written}}}}}\n"
        "market: {venue: simulated, source: simulated, symbols: [A/B], timeframe: 1m}\n"
    )
    return from_text(text, name="a.yaml", folder=Path()).config.strategy.parameters


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("size: 1e12", "1000000000000.0"),
        ("size: 1e-5", "1.0e-05"),
        ("size: 1e22", "1.0e+22"),
        ("size: 0o17", "15"),
        ("count: 1e6", "1000000"),
        ("count: 9007199254740993", None),
        ("size: 1_000", None),
    ],
)
def test_a_number_that_yaml_takes_for_text_is_refused_with_what_to_write(written: str, number: str | None) -> None:
    """What the remedy gives is read as that number."""
    key, _, value = written.partition(": ")
    if number is not None:
        with pytest.raises(ConfigError, match=f"parameters.{key}: Expected `") as caught:
            read_parameters(Sizing, parameters_in(written))
        assert caught.value.remedy == f"Write {number}: '{value}' is text in YAML"
    read = getattr(read_parameters(Sizing, parameters_in(f"{key}: {number or value}")), key)
    assert read == type(read)(int(value, 0) if value.startswith("0o") or number is None else float(value))


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("count: '5'", "Write 5: '5' is text in YAML"),
        ("steps: [1.0, 2e3]", "Write 2000.0: '2e3' is text in YAML"),
        ("label: 1.10", "Put the text in quotes"),
        ("label: no", "Put the text in quotes"),
        ("size: yes", "See the parameters of Sizing"),
        ("size: 2024-01-01", "See the parameters of Sizing"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_to_write(written: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_parameters(Sizing, parameters_in(written))

    assert caught.value.remedy == remedy


@pytest.mark.parametrize("hint", [list[int], dict[str, int], set[int], Any, tuple[list[int], ...], State, object])
def test_a_mutable_leg_field_is_refused_by_name(hint: Any) -> None:
    """I03: what cannot be copied cannot be put back."""
    kind: Any = msgspec.defstruct("Leaky", [("levels", hint, msgspec.field(default_factory=list))], bases=(LegState,))

    class Leaking(Strategy[Any, Any]):
        Leg = kind

    with pytest.raises(StrategyError, match="Leaking: field 'levels' of Leaky is a"):
        check_strategy(Leaking)


@pytest.mark.parametrize(
    "hint", [int, float, str, bool, bytes, int | None, tuple[float, ...], tuple[int, str], Literal["a"], Inner]
)
def test_an_immutable_leg_field_is_fine(hint: Any) -> None:
    kind: Any = msgspec.defstruct("Tight", [("value", hint, None)], bases=(LegState,))

    class Holding(Strategy[Any, Any]):
        Leg = kind

    check_strategy(Holding)


def test_a_leg_field_without_a_default_is_refused() -> None:
    class Bare(LegState):
        value: int

    class Lacking(Strategy[Any, Bare]):
        pass

    with pytest.raises(StrategyError, match="a Bare cannot be created"):
        check_strategy(Lacking)


def test_a_constructor_that_raises_is_named_with_its_error() -> None:
    class Broken(Strategy[Any, Any]):
        def __init__(self, *arguments: Any) -> None:
            raise KeyError("fast")

    with pytest.raises(StrategyError, match="Broken cannot be created: KeyError: 'fast'"):
        create(Broken, {}, ("A",), "1m")


def test_a_constructor_that_forgets_its_base_is_told_so() -> None:
    class Forgetful(Strategy[Any, Any]):
        def __init__(self, *arguments: Any) -> None:
            self.mine = 1

    with pytest.raises(StrategyError, match=r"does not call super\(\).__init__"):
        create(Forgetful, {}, ("A",), "1m")


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("warmup", -1, "warmup returns -1"),
        ("warmup", 2.5, "warmup returns 2.5"),
        ("policy", {}, "policy returns a dict"),
    ],
)
def test_warmup_and_policy_answer_in_their_types(name: str, answer: Any, sentence: str) -> None:
    kind = type("Odd", (Strategy,), {name: lambda self, *arguments: answer})

    with pytest.raises(StrategyError, match=sentence):
        create(kind, {}, ("A",), "1m")


def test_the_base_needs_nothing_and_allows_nothing() -> None:
    strategy = create(Strategy, {}, ("A",), "1m")

    assert strategy.warmup("1m") == 0
    assert strategy.policy() == ExecutionPolicy()
    assert strategy.state() == {"indicators": {}}
