"""Backoff at the decision: opens and adds rest after rejections, closes never do (I08, I09)."""

from __future__ import annotations

from typing import Any

from fix_strategy import BTC, ETH, MINUTE, Stream, leg

from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Bar, Draft, LegState, Parameters, Rejection, Strategy, View, intent


class Count(LegState):
    asked: int = 0


class Eager(Strategy[Parameters, Count]):
    """Asks at every close what its attribute says."""

    asks: tuple[str, ...] = ("open",)
    own_policy: ExecutionPolicy | None = None

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.told: list[Rejection] = []
        self.views: list[View] = []

    def policy(self) -> ExecutionPolicy:
        return ExecutionPolicy(add_style="market", max_failures=1)

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        if bar.symbol != BTC:
            return []
        self.views.append(view)
        self.leg(BTC, "long").asked += 1
        make: dict[str, Draft] = {
            "open": intent.open(BTC, "long", 1, policy=self.own_policy),
            "add": intent.add(BTC, "long", 1),
            "close": intent.close(BTC, "long"),
            "partial_close": intent.partial_close(BTC, "long", fraction="0.5"),
            "short": intent.open(BTC, "short", 1),
        }
        return [make[name] for name in self.asks]

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        self.told.append(rejection)


def begin(**options: Any) -> tuple[Stream, Any]:
    stream = Stream(Eager, **options).start()
    return stream, stream.core.strategy


def reject(stream: Stream) -> None:
    """One close, and the venue rejects its open."""
    (one,) = stream.step().intents
    stream.fold(stream.requested(one))
    stream.fold(stream.rejected(one, code="-2019"))


def test_one_rejection_blocks_opens_and_adds_and_never_a_close() -> None:
    """I08, I09"""
    stream, strategy = begin()
    reject(stream)
    strategy.asks = ("open", "add", "close", "partial_close")

    decided = stream.step()

    assert [said.action for said in decided.intents] == ["close", "partial_close"]
    assert [(b.intent.action, b.reason, b.detail) for b in decided.blocked] == [
        ("open", "backoff", "-2019: no"),
        ("add", "backoff", "-2019: no"),
    ]
    shown = strategy.views[-1].backoff(BTC, "long")
    assert (shown.failures, shown.blocked, shown.until_ns) == (1, True, None)


def test_backoff_is_per_symbol_and_leg() -> None:
    """I08, X15"""
    stream, strategy = begin()
    reject(stream)
    strategy.asks = ("short",)

    assert [said.leg for said in stream.step().intents] == ["short"]
    assert not strategy.views[-1].backoff(ETH, "long").blocked


def test_an_open_fill_clears_it_and_a_close_fill_does_not() -> None:
    """I08"""
    stream, _ = begin()
    reject(stream)
    stream.fold(stream.bar_set())
    stream.fold(stream.filled(symbol=BTC, action="close", leg_quantity="0"))
    assert stream.settle().intents == []

    stream.fold(stream.bar_set())
    stream.fold(stream.filled(symbol=BTC, action="add"))

    assert len(stream.settle().intents) == 1


def test_it_ends_at_its_time() -> None:
    policy = ExecutionPolicy(max_failures=1, backoff_s=120.0)
    stream, _ = begin(policy=policy)
    reject(stream)

    assert [len(stream.step().intents) for _ in range(3)] == [0, 1, 1]
    assert stream.close_ns == MINUTE * 1004


def test_the_intent_s_own_policy_stands_before_the_strategy_s() -> None:
    """I07's rule for backoff: what the intent says comes first."""
    stream, strategy = begin()
    strategy.own_policy = ExecutionPolicy(max_failures=2)
    reject(stream)
    reject(stream)

    assert stream.step().intents == []


def test_a_refusal_by_the_runner_is_no_rejection_by_the_venue() -> None:
    stream, _ = begin()
    (one,) = stream.step().intents
    stream.fold(stream.refused(one))

    assert len(stream.step().intents) == 1


def test_a_blocked_leg_is_put_back_and_the_strategy_told_with_the_next_news() -> None:
    stream, strategy = begin()
    reject(stream)
    stream.step()
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert strategy.told[-1].kind == "blocked"
    assert (strategy.told[-1].reason, strategy.told[-1].restored) == ("backoff", True)
    assert strategy.leg(BTC, "long").asked == asked - 1 + 1


def test_a_blocked_add_beside_a_close_that_goes_out_is_only_told() -> None:
    stream, strategy = begin()
    reject(stream)
    strategy.asks = ("add", "close")
    (_,) = stream.step(legs=[leg(BTC, "long", ("1", "100"))]).intents
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert (strategy.told[-1].kind, strategy.told[-1].restored) == ("blocked", False)
    assert strategy.leg(BTC, "long").asked == asked + 1


def test_it_survives_a_restart_with_event_detail_and_time() -> None:
    """I08, X08"""
    stream, _ = begin()
    reject(stream)
    rejected = stream.inputs[-1]
    stream.step()
    core = StrategyCore("test", Eager)
    core.restore(stream.core.snapshot())

    (state,) = core.backoffs.values()
    assert (state.event_id, state.detail, state.at_ns) == (rejected.id, "-2019: no", rejected.event_ns)

    stream.core = core
    assert stream.step().intents == []
