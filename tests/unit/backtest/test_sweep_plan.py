"""Which parameter sets a sweep runs, under which numbers, and which spaces are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.config import Account, Config, Market, StrategyChoice
from live_runner.contracts.errors import ConfigError
from live_runner.services.backtest.sweep import plan as sweep_plan
from live_runner.services.backtest.sweep.plan import Part, Setting, configured, grid, make_plan, missing, random_sets
from live_runner.services.backtest.sweep.space import Choices, Space, Span, read_space
from live_runner.strategies.dual_lifo import DualLifo
from live_runner.strategies.ema_cross import EmaCross, EmaCrossParameters

GRID = """\
fast: [10, 20]
slow: {from: 40, to: 80, step: 20}
short: [true, false]
"""


def space(text: str) -> Space:
    return read_space(text, name="space.yaml")


def values(text: str) -> list[dict[str, Any]]:
    return [setting.parameters for setting in grid(space(text))]


def config(**parameters: Any) -> Config:
    return Config(
        session="alpha",
        strategy=StrategyChoice(
            module="live_runner.strategies.ema_cross", parameters={"notional": 100.0, **parameters}
        ),
        market=Market(venue="v", source="simulated", symbols=("BTC/USDT:USDT",), timeframe="1m"),
        account=Account(),
    )


def test_a_grid_is_every_combination_numbered_from_one_the_last_parameter_changing_fastest() -> None:
    found = grid(space(GRID))

    assert [setting.number for setting in found] == list(range(1, 13))
    assert [tuple(setting.parameters.values()) for setting in found[:7]] == [
        (10, 40, True), (10, 40, False), (10, 60, True), (10, 60, False), (10, 80, True), (10, 80, False),
        (20, 40, True),
    ]  # fmt: skip
    assert list(found[0].parameters) == ["fast", "slow", "short"]


def test_a_span_holds_both_ends_and_exact_decimals() -> None:
    assert values("a: {from: 0.1, to: 0.5, step: 0.1}") == [{"a": v} for v in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert values("a: {from: 1, to: 10, step: 4}") == [{"a": 1}, {"a": 5}, {"a": 9}]
    assert values("a: {from: 3, to: 3, step: 1}") == [{"a": 3}]
    assert values("a: {from: 1e-3, to: 0.002, step: 0.001}") == [{"a": 0.001}, {"a": 0.002}]


def test_whole_ends_give_whole_numbers_and_a_point_gives_floats() -> None:
    assert [type(v["a"]) for v in values("a: {from: 1, to: 2, step: 1}")] == [int, int]
    assert [type(v["a"]) for v in values("a: {from: 1.0, to: 2, step: 1}")] == [float, float]


def test_nested_and_dotted_paths_are_the_same() -> None:
    nested = values("long: {take_profit: [0.1, 0.2], callback: [null]}")

    assert nested == values("long.take_profit: [0.1, 0.2]\nlong.callback: null")
    assert nested == [
        {"long.take_profit": 0.1, "long.callback": None},
        {"long.take_profit": 0.2, "long.callback": None},
    ]


def test_a_value_may_itself_be_a_list() -> None:
    assert values("steps: [[1, 2], [3, 4]]") == [{"steps": [1, 2]}, {"steps": [3, 4]}]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("a: [1, 2]\nb: {from: 1}", 2, "b: `to` is missing"),
        ("b: {to: 1}", 1, "b: `from` is missing"),
        ("a: 1\nb: {from: 5, to: 1, step: 1}", 2, "b: `from` (5) is above `to` (1)"),
        ("b: {from: 1, to: 5, step: 0}", 1, "b.step: it is 0"),
        ("b: {from: 1, to: 5, step: -1}", 1, "b.step: it is -1"),
        ("b:\n  from: x\n  to: 5", 2, "b.from: 'x' is not a valid number"),
        ("b: {from: .nan, to: 5}", 1, "b.from: '.nan' is not a valid number"),
        ("b: {from: .inf, to: 5}", 1, "b.from: '.inf' is not a valid number"),
        ("b: {from: true, to: 5}", 1, "b.from: 'True' is not a valid number"),
        ("b: {from: 1, to: 1e300, step: 1}", 1, "b.to: '1e300' is not a valid number below 1e18"),
        ("b: {from: 1, to: 100000000, step: 1}", 1, "more than 1000000 values"),
        ("b: {from: 1, to: 5, steps: 1}", 1, "Did you mean 'step'"),
        ("b: {from: 0, to: 5, scale: log}", 1, "cannot begin at 0"),
        ("b: {from: 1, to: 5, scale: log, step: 1}", 1, "no step"),
        ("b: {from: 1, to: 5, scale: cubic}", 1, "'cubic' is not one of its values"),
        ("b: []", 1, "b: it holds 0 values"),
        ("b: {}", 1, "b: it has no values"),
        ("b: [1, 2, 1]", 1, "the value 1 is listed twice"),
        ("a: 1\na: 2", 2, "a: this key is there twice"),
        ("a.b: 1\na: {b: 2}", 2, "a.b already lists its values"),
        ("a: 1\na.b: 2", 2, "a already lists its values"),
        ("a..b: 1", 1, "not a valid parameter name"),
        ("", 1, "it holds no keys"),
        ("- 1", 1, "it holds no keys"),
        ("a: [1", 0, "not valid YAML"),
    ],
)
def test_a_wrong_space_names_key_line_and_remedy(text: str, line: int, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        space(text)

    assert told in str(raised.value)
    assert raised.value.remedy
    if line:
        assert raised.value.fields["line"] == line


def test_a_grid_needs_a_step() -> None:
    with pytest.raises(ConfigError, match=r"line 2: slow: a grid needs to know which values.*step.*--random"):
        grid(space("fast: [1]\nslow: {from: 40, to: 200}"))


def test_a_grid_has_a_largest_size() -> None:
    with pytest.raises(ConfigError, match=r"1000000 combinations; a sweep runs at most 200000.*--random"):
        grid(space("a: {from: 1, to: 1000, step: 1}\nb: {from: 1, to: 1000, step: 1}"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "fast: [1]\nslwo: [2]",
            "space.yaml line 2: slwo: EmaCrossParameters has no parameter slwo. Did you mean 'slow'",
        ),
        ("fast.inner: [1]", None),
        ("zzz: [1]", "Known: fast, slow, short, quantity, notional, equity_fraction"),
        ("risk.drawdown.limit: [100]", None),
        ("caps: {open_orders: [1, 2]}", None),
        ("risk.drawdwn.limit: [100]", "risk has no parameter drawdwn.limit. Did you mean 'drawdown'"),
        ("caps.leg: [1]", "caps has no parameter leg. "),
    ],
)
def test_a_path_that_leads_to_no_parameter_is_refused(text: str, told: str | None) -> None:
    wrong = space(text)
    if told is None:
        wrong.check_parameters(EmaCrossParameters)  # what is inside a value, the strategy itself says
        return
    with pytest.raises(ConfigError) as raised:
        wrong.check_parameters(EmaCrossParameters)
    assert told in str(raised.value)


def test_a_path_is_followed_into_sets_of_parameters() -> None:
    space("long.take_profit: [0.1]\nshort: {callback: [0.1]}").check_parameters(DualLifo.Params)

    with pytest.raises(ConfigError, match=r"no parameter long\.take_profits\. Did you mean 'take_profit'"):
        space("long.take_profits: [0.1]").check_parameters(DualLifo.Params)


# -- random -------------------------------------------------------------------------------------

RANDOM = """\
fast: {from: 2, to: 30}
slow: {from: 40, to: 400, step: 20}
long.take_profit: {from: 0.1, to: 0.5}
kind: [a, b, c]
"""


def test_a_random_search_is_a_function_of_its_seed() -> None:
    again = random_sets(space(RANDOM), 50, 7)

    assert random_sets(space(RANDOM), 50, 7) == again
    assert random_sets(space(RANDOM), 50, 8) != again
    assert [setting.number for setting in again] == list(range(1, 51))


def test_a_random_search_gives_the_same_values_on_every_machine() -> None:
    assert [setting.parameters for setting in random_sets(space(RANDOM), 2, 1)] == [
        {"fast": 12, "slow": 340, "long.take_profit": 0.16372756238700117, "kind": "c"},
        {"fast": 16, "slow": 280, "long.take_profit": 0.49627220727053634, "kind": "c"},
    ]


def test_a_longer_random_search_begins_with_the_shorter_one() -> None:
    assert random_sets(space(RANDOM), 200, 7)[:50] == random_sets(space(RANDOM), 50, 7)


def test_another_parameter_in_the_space_changes_no_other_ones_values() -> None:
    wider = random_sets(space(RANDOM + "more: {from: 0.0, to: 1.0}"), 20, 7)

    assert [{k: v for k, v in s.parameters.items() if k != "more"} for s in wider] == [
        setting.parameters for setting in random_sets(space(RANDOM), 20, 7)
    ]


def test_random_sets_are_different_and_a_space_can_be_used_up() -> None:
    small = space("a: [1, 2, 3]\nb: {from: 1, to: 2}")
    found = random_sets(small, 6, 1)

    assert sorted(tuple(setting.parameters.values()) for setting in found) == [
        (a, b) for a in (1, 2, 3) for b in (1, 2)
    ]
    with pytest.raises(ConfigError, match="seems to hold 6 different sets; --random asks for 7"):
        random_sets(small, 7, 1)


@pytest.mark.parametrize("count", [0, -1, 200_001])
def test_a_random_search_has_a_size(count: int) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        random_sets(space("a: [1]"), count, 1)


@pytest.mark.parametrize("draw", [0, 2**64 - 1])
def test_the_first_and_the_last_draw_stay_inside(draw: int) -> None:
    assert Choices("a", (1, 2, 3)).pick(draw) in (1, 3)
    ends = {0: (2, 0.1, 1, 0.001, 10), 2**64 - 1: (30, 0.5, 100, 10.0, 18)}[draw]
    spans = [
        Span("a", Decimal(2), Decimal(30), None, True, "linear"),
        Span("a", Decimal("0.1"), Decimal("0.5"), None, False, "linear"),
        Span("a", Decimal(1), Decimal(100), None, True, "log"),
        Span("a", Decimal("0.001"), Decimal(10), None, False, "log"),
        Span("a", Decimal(10), Decimal(19), Decimal(4), True, "linear"),
    ]
    assert tuple(span.pick(draw) for span in spans) == pytest.approx(ends, rel=1e-15)


def test_the_ends_of_a_whole_span_are_as_likely_as_the_rest() -> None:
    span = Span("a", Decimal(1), Decimal(4), None, True, "linear")
    picked = [span.pick(number << 54) for number in range(1024)]

    assert [picked.count(value) for value in (1, 2, 3, 4)] == [pytest.approx(256, abs=1)] * 4


def test_a_logarithmic_span_spreads_over_magnitudes() -> None:
    span = Span("a", Decimal(1), Decimal(1000), None, False, "log")

    assert span.pick(2**63) == pytest.approx(31.6227766, rel=1e-6)


# -- parts and plans ----------------------------------------------------------------------------


def test_parts_share_the_runs_out_and_leave_none() -> None:
    parts = [Part.parse(f"{index}/3") for index in (1, 2, 3)]

    assert [[n for n in range(1, 9) if part.holds(n)] for part in parts] == [[1, 4, 7], [2, 5, 8], [3, 6]]


@pytest.mark.parametrize("text", ["0/3", "4/3", "a/b", "1", "1/0", "-1/3", "1/3/5", ""])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid part"):
        Part.parse(text)


def test_the_strategys_own_rules_refuse_single_sets() -> None:
    plan = make_plan(config(), EmaCross, grid(space("fast: [10, 60]\nslow: [50, 100]")))

    assert list(plan.refusals) == [3]
    assert "fast (60) must be below slow (50)" in plan.refusals[3]


def test_a_space_of_which_nothing_can_run_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"every one of the 2 parameter sets.*fast \(60\) must be below slow"):
        make_plan(config(), EmaCross, grid(space("fast: [60, 70]\nslow: 50")))


def test_every_run_gets_the_greatest_warmup_so_that_all_trade_the_same_bars() -> None:
    plan = make_plan(config(), EmaCross, grid(space("fast: [10, 300]\nslow: [50, 200]")))

    assert plan.config.market.warmup_bars == 201
    runs = [configured(plan.config, EmaCross, setting) for setting in plan.settings if setting.number <= 2]
    assert [run.market.warmup_bars for run in runs] == [201, 201]
    assert [run.strategy.parameters["slow"] for run in runs] == [50, 200]


def test_with_a_start_every_run_has_its_own_warmup() -> None:
    import msgspec

    given = config()
    given = msgspec.structs.replace(given, market=msgspec.structs.replace(given.market, start="2025-01-02T00:00:00Z"))

    assert make_plan(given, EmaCross, grid(space("slow: [50, 200]"))).config.market.warmup_bars == 0


def test_nested_parameters_are_put_over_those_of_the_configuration() -> None:
    given = config()
    given.strategy.parameters.clear()
    given.strategy.parameters.update({"long": {"take_profit": 0.3, "callback": 0.1}, "max_failures": 5})

    run = configured(given, DualLifo, Setting(1, {"long.take_profit": 0.2, "short.callback": None}))

    assert run.strategy.parameters["long"]["take_profit"] == 0.2
    assert run.strategy.parameters["long"]["callback"] == 0.1
    assert run.strategy.parameters["short"]["callback"] is None
    assert run.strategy.parameters["max_failures"] == 5
    assert given.strategy.parameters["long"] == {"take_profit": 0.3, "callback": 0.1}


def test_what_is_missing_is_the_part_less_what_is_stored() -> None:
    plan = sweep_plan.Plan(config(), [Setting(number, {}) for number in range(1, 8)], {})

    assert [setting.number for setting in missing(plan, Part(1, 2), frozenset((3, 4)))] == [1, 5, 7]


def test_the_shipped_space_fits_the_strategy_of_its_example() -> None:
    example = Path(__file__).parents[3] / "infra" / "examples" / "ema_cross.space.yaml"
    shipped = space(example.read_text(encoding="utf-8"))

    shipped.check_parameters(EmaCrossParameters)
    assert [axis.path for axis in shipped.axes] == ["fast", "slow"]
    assert len(grid(shipped)) == 12
