"""Strategy code that raises or answers wrongly: once on the record, undone, and never tried in another form (I10)."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from fix_strategy import BTC, ETH, Stream, leg

from live_runner.contracts import codec
from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.hotpath.engine.decisions import INTENTS_PER_CALL_MAX
from live_runner.services.strategy.core.failures import FRAMES_MAX
from live_runner.strategies.base import Bar, Draft, Fill, LegState, Parameters, Strategy, View, intent


class Marks(LegState):
    mark: int = 0
    price: float = 0.0


class Fragile(Strategy[Parameters, Marks]):
    """Writes a mark, then does what its script says."""

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.calls = 0
        self.script: Any = lambda bar, view: None
        self.on_fill_script: Any = lambda fill: None
        self.observe_script: Any = lambda bar: None

    def observe(self, bar: Bar) -> None:
        return self.observe_script(bar)  # type: ignore[no-any-return]  # a wrong answer is what is tested

    def on_bar(self, bar: Bar, view: View) -> list[Draft] | None:
        if bar.symbol != BTC:
            return [intent.close(ETH, "long"), intent.open(ETH, "long", 1)] if view.leg(ETH, "long").is_open else None
        self.calls += 1
        self.leg(BTC, "long").mark += 1
        return self.script(bar, view)  # type: ignore[no-any-return]  # a wrong answer is what is tested

    def on_fill(self, fill: Fill, view: View) -> None:
        self.leg(fill.symbol, fill.leg).mark += 10
        return self.on_fill_script(fill)  # type: ignore[no-any-return]  # a wrong answer is what is tested

    def state(self) -> dict[str, Any]:
        return {}


def begin(**options: Any) -> tuple[Stream, Any]:
    stream = Stream(Fragile, **options).start()
    return stream, stream.core.strategy


def fails(bar: Bar, view: View) -> None:
    raise ValueError(f"no luck at {object()!r} in /srv/me/strategies/secret.py")


def test_an_exception_is_named_once_and_the_legs_are_as_before() -> None:
    """I10"""
    stream, strategy = begin()
    strategy.script = fails

    decided = stream.step()

    (failed,) = decided.failed
    assert (failed.symbol, failed.call) == (BTC, "on_bar")
    assert failed.error == "ValueError: no luck at <object object at 0x> in secret.py"
    assert strategy.calls == 1
    assert strategy.leg(BTC, "long").mark == 0
    ((same, traceback, where),) = stream.core.failures
    assert same == failed
    assert "in fails" in traceback
    assert where.rpartition(":")[0].endswith(".py")


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, asyncio.CancelledError, BaseException])
def test_whatever_is_raised_is_a_failed_call(kind: type[BaseException]) -> None:
    """Also what ends a program, a generator or a task where nobody catches it."""
    stream, strategy = begin()

    def raises(bar: Bar, view: View) -> None:
        raise kind("out")

    strategy.script = raises
    (failed,) = stream.step().failed

    assert failed.error == f"{kind.__name__}: out"
    assert strategy.leg(BTC, "long").mark == 0


def test_an_interrupt_is_nobodys_failure() -> None:
    stream, strategy = begin()

    def interrupted(bar: Bar, view: View) -> None:
        raise KeyboardInterrupt

    strategy.script = interrupted

    with pytest.raises(KeyboardInterrupt):
        stream.step()


def test_a_type_error_is_not_taken_for_an_old_signature() -> None:
    """I10: never retried under another calling convention."""
    stream, strategy = begin()

    def with_wrong_arguments(bar: Bar, view: View) -> None:
        fails(bar)  # type: ignore[call-arg]  # the mistake that is tested

    strategy.script = with_wrong_arguments
    (failed,) = stream.step().failed

    assert failed.error.startswith("TypeError")
    assert strategy.calls == 1


def test_other_symbols_decide_at_the_same_close_and_closes_go_on() -> None:
    stream, strategy = begin()
    strategy.script = fails

    decided = stream.step(legs=[leg(ETH, "long", ("1", "100"))])

    assert [said.action for said in decided.intents] == ["close"]
    assert [(blocked.intent.action, blocked.reason) for blocked in decided.blocked] == [("open", "strategy_error")]
    assert decided.blocked[0].detail.startswith(f"{BTC} on_bar: ValueError")


def test_after_a_failure_opens_stay_blocked_for_the_session() -> None:
    stream, strategy = begin()
    strategy.script = fails
    stream.step()
    strategy.script = lambda bar, view: [intent.open(BTC, "long", 1)]

    decided = stream.step()

    assert decided.intents == []
    assert [blocked.reason for blocked in decided.blocked] == ["strategy_error"]
    assert decided.failed == []
    assert not stream.core.halted


def test_stop_on_error_halts_after_the_decision_is_out() -> None:
    stream, strategy = begin(on_error="stop")
    assert not stream.core.halted
    strategy.script = fails

    assert len(stream.step().failed) == 1
    assert stream.core.halted


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (intent.hold(BTC, "long"), "gave a Draft"),
        ("close", "gave a str"),
        ([{"action": "open"}], "gave a dict among its intents"),
        ([intent.hold(ETH, "long")], "gave an intent for ETH/USDT:USDT"),
        ([intent.hold("XYZ/USDT", "long")], "gave an intent for XYZ/USDT"),
        ([intent.Draft(symbol=BTC, leg="both", action="open")], "the leg 'both'"),
        (5, "not iterable"),
    ],
)
def test_an_answer_that_is_no_list_of_intents_for_the_symbol_is_a_failure(answer: Any, sentence: str) -> None:
    stream, strategy = begin()
    strategy.script = lambda bar, view: answer

    decided = stream.step()

    assert sentence in decided.failed[0].error
    assert decided.intents == []
    assert strategy.leg(BTC, "long").mark == 0


def test_more_intents_than_a_call_may_give_are_a_failure() -> None:
    stream, strategy = begin()
    strategy.script = lambda bar, view: [intent.hold(BTC, "long")] * (INTENTS_PER_CALL_MAX + 1)

    decided = stream.step()

    assert f"more than {INTENTS_PER_CALL_MAX} intents" in decided.failed[0].error
    assert decided.intents == []


def test_an_observe_that_answers_is_a_failure() -> None:
    stream, strategy = begin()
    strategy.observe_script = lambda bar: 1.5

    (failed, *_) = stream.step().failed

    assert (failed.call, "observe" in failed.error) == ("observe", True)


@pytest.mark.parametrize(
    ("answer", "sentence"), [(["XYZ/USDT"], "gave XYZ/USDT, which the session does not trade"), (5, "not iterable")]
)
def test_a_choice_of_no_symbols_of_the_session_is_a_failure_and_all_are_asked(answer: Any, sentence: str) -> None:
    class Choosy(Fragile):
        def select(self, bars: Any, view: View) -> Any:
            return answer

    stream = Stream(Choosy).start()
    strategy: Any = stream.core.strategy

    decided = stream.step()

    assert [(failed.call, sentence in failed.error) for failed in decided.failed] == [("select", True)]
    assert strategy.calls == 1


def test_a_generator_that_raises_midway_asks_nothing() -> None:
    stream, strategy = begin()

    def some(bar: Bar, view: View) -> Any:
        yield intent.close(BTC, "long")
        raise RuntimeError("midway")

    strategy.script = some

    decided = stream.step()

    assert (decided.intents, decided.failed[0].error) == ([], "RuntimeError: midway")


def test_an_exit_call_is_a_failure_like_any_other() -> None:
    stream, strategy = begin()

    def leave(bar: Bar, view: View) -> None:
        raise SystemExit(3)

    strategy.script = leave

    assert stream.step().failed[0].error == "SystemExit: 3"


def test_a_numeric_answer_that_is_not_finite_fails_in_the_call_that_made_it() -> None:
    stream, strategy = begin()
    strategy.script = lambda bar, view: [intent.open(BTC, "long", float("nan"))]

    assert stream.step().failed[0].error.startswith("ValueError")


def test_a_hook_that_answers_is_a_failure_and_its_change_is_undone() -> None:
    stream, strategy = begin()
    strategy.on_fill_script = lambda fill: [intent.close(BTC, "long")]
    stream.fold(stream.bar_set())
    stream.fold(stream.filled(symbol=ETH))

    decided = stream.settle()

    assert [(failed.symbol, failed.call) for failed in decided.failed] == [(ETH, "on_fill")]
    assert strategy.leg(ETH, "long").mark == 0
    assert decided.intents == []


def test_a_failing_observe_is_told_with_the_next_decision_even_from_the_warmup() -> None:
    stream, strategy = begin()
    strategy.observe_script = fails
    stream.fold(stream.bar_set(warmup=True))
    strategy.observe_script = lambda bar: None

    assert [(failed.symbol, failed.call) for failed in stream.step().failed] == [(BTC, "observe"), (ETH, "observe")]
    assert stream.step().failed == []


def test_a_leg_value_of_a_wrong_type_is_a_failure_that_names_the_field() -> None:
    stream, strategy = begin()

    def spoil(bar: Bar, view: View) -> None:
        strategy.leg(BTC, "long").price = "dear"

    strategy.script = spoil

    (failed,) = stream.step().failed

    assert "price" in failed.error
    assert strategy.leg(BTC, "long").price == 0.0


def test_a_strategy_that_cannot_be_made_or_stored_is_refused_at_the_start() -> None:
    class Unstorable(Fragile):
        def state(self) -> dict[str, Any]:
            return {"seen": {1, 2}}

    with pytest.raises(StrategyError, match=r"state\(\)\['seen'\] of Unstorable is a set"):
        Stream(Unstorable).start()
    with pytest.raises(ConfigError, match=r"strategy\.parameters\.period"):
        Stream(Fragile, {"period": 3}).start()


JUNK: tuple[Any, ...] = (
    None,
    True,
    5,
    2**70,
    -(2**70),
    1.5,
    float("nan"),
    float("inf"),
    b"bytes",
    "\ud800",
    "x" * 20_000,
    [None],
    {},
    (),
)


@pytest.mark.parametrize("call", ["open", "add", "partial_close", "close", "cancel", "sync_state", "hold"])
def test_whatever_an_intent_is_given_its_decision_can_be_read_again(call: str) -> None:
    """A value that cannot be recorded is a failed call; none ends the session when its decision is read."""
    make = getattr(intent, call)
    given: dict[str, Any] = {"order_id": "o1"} if call == "cancel" else {}
    for name in set(inspect.signature(make).parameters) - {"symbol", "leg"}:
        for junk in JUNK:
            stream, strategy = begin()
            strategy.script = lambda bar, view, name=name, junk=junk: [make(BTC, "long", **{**given, name: junk})]

            decided = stream.step()

            assert codec.decode(codec.encode(decided)) == decided
            assert len(decided.intents) + len(decided.failed) == 1


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even its text")


@pytest.mark.parametrize(
    "error",
    [ValueError("x" * 9_000_000), ValueError("half a pair: \ud800"), UnprintableError(), ValueError("/" * 50_000)],
    ids=["long", "surrogate", "unprintable", "slashes"],
)
def test_an_exception_is_recorded_within_bounds(error: Exception) -> None:
    stream, strategy = begin()

    def raises(bar: Bar, view: View) -> None:
        raise error

    strategy.script = raises

    decided = stream.step()

    assert codec.decode(codec.encode(decided)) == decided
    assert len(codec.encode(decided)) < 2_000
    [failed] = stream.core.failures
    assert len(failed.traceback.encode()) < 50_000


def test_of_an_endless_recursion_the_innermost_frames_are_recorded() -> None:
    """All of them would take longer to print than a decision may take."""
    stream, strategy = begin()

    def one(bar: Bar, view: View) -> None:
        other(bar, view)

    def other(bar: Bar, view: View) -> None:
        one(bar, view)

    strategy.script = one

    stream.step()

    [failed] = stream.core.failures
    assert failed.call.error.startswith("RecursionError: ")
    assert failed.traceback.count(", in o") == FRAMES_MAX
