"""Backoff at the decision: opens and adds rest after rejections, closes never do (I08, I09)."""

from __future__ import annotations

from typing import Any

import msgspec
from fix_strategy import BTC, ETH, MINUTE, Stream, leg

from live_runner.contracts.messages import Decided
from live_runner.contracts.policy import BackoffState, ExecutionPolicy
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Bar, Draft, LegState, Parameters, Rejection, Strategy, View, intent
from live_runner.strategies.view import NO_BACKOFF


class Count(LegState):
    asked: int = 0


class Eager(Strategy[Parameters, Count]):
    """Asks at every close what its attribute says."""

    asks: tuple[str, ...] = ("open",)

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
            "open": intent.open(BTC, "long", 1),
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


RESTS = BackoffState(failures=1, blocked=True, event_id="test/execution/7", detail="-2019: no", at_ns=7)
"""What execution says of a leg whose only open was rejected under ``max_failures=1``."""


def reject(stream: Stream, state: BackoffState = RESTS) -> Decided:
    """The venue has rejected an open of BTC's long leg; the decision on the account that says so."""
    return stream.step(legs=[leg(BTC, "long", backoff=state)])


def test_one_rejection_blocks_opens_and_adds_and_never_a_close() -> None:
    """I08, I09"""
    stream, strategy = begin()
    strategy.asks = ("open", "add", "close", "partial_close")

    decided = reject(stream)

    assert [said.action for said in decided.intents] == ["close", "partial_close"]
    assert [(b.intent.action, b.reason, b.detail) for b in decided.blocked] == [
        ("open", "backoff", "-2019: no"),
        ("add", "backoff", "-2019: no"),
    ]
    shown = strategy.views[-1].backoff(BTC, "long")
    assert (shown.failures, shown.blocked, shown.until_ns, shown.detail) == (1, True, None, "-2019: no")


def test_backoff_is_per_symbol_and_leg() -> None:
    """I08, X15"""
    stream, strategy = begin()
    strategy.asks = ("short",)

    assert [said.leg for said in reject(stream).intents] == ["short"]
    assert not strategy.views[-1].backoff(ETH, "long").blocked


def test_it_rests_until_the_account_says_that_it_is_over() -> None:
    """I08: whatever the strategy's policy is, for an intent may have brought one of its own."""
    stream, strategy = begin(policy=ExecutionPolicy(max_failures=0))

    assert reject(stream).intents == []
    assert stream.step().intents == []
    assert len(stream.step(legs=[leg(BTC, "long")]).intents) == 1
    assert strategy.views[-1].backoff(BTC, "long") == NO_BACKOFF


def test_rejections_that_block_nothing_are_shown_and_nothing_is_held_back() -> None:
    stream, strategy = begin()
    decided = reject(stream, BackoffState(failures=3, detail="-2019: no"))

    assert len(decided.intents) == 1
    assert strategy.views[-1].backoff(BTC, "long").failures == 3


def test_it_ends_at_its_time() -> None:
    """Judged at the decision: the account was settled before."""
    stream, strategy = begin()
    ends = msgspec.structs.replace(RESTS, blocked_until_ns=MINUTE * 1003)

    assert [len(decided.intents) for decided in (reject(stream, ends), stream.step(), stream.step())] == [0, 0, 1]
    assert stream.close_ns == MINUTE * 1003
    assert [view.backoff(BTC, "long").blocked for view in strategy.views] == [True, True, False]


def test_a_refusal_by_the_runner_is_no_rejection_by_the_venue() -> None:
    stream, _ = begin()
    (one,) = stream.step().intents
    stream.fold(stream.refused(one))

    assert len(stream.step().intents) == 1


def test_a_blocked_leg_is_put_back_and_the_strategy_told_with_the_next_news() -> None:
    stream, strategy = begin()
    reject(stream)
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert strategy.told[-1].kind == "blocked"
    assert (strategy.told[-1].reason, strategy.told[-1].restored) == ("backoff", True)
    assert strategy.leg(BTC, "long").asked == asked - 1 + 1


def test_a_blocked_add_beside_a_close_that_goes_out_is_only_told() -> None:
    stream, strategy = begin()
    strategy.asks = ("add", "close")
    (_,) = stream.step(legs=[leg(BTC, "long", ("1", "100"), backoff=RESTS)]).intents
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert (strategy.told[-1].kind, strategy.told[-1].restored) == ("blocked", False)
    assert strategy.leg(BTC, "long").asked == asked + 1


def test_it_survives_a_restart_with_event_detail_and_time() -> None:
    """I08, X08"""
    stream, _ = begin()
    reject(stream)
    core = StrategyCore("test", Eager)
    core.restore(stream.core.snapshot())

    assert list(core.backoffs.values()) == [RESTS]

    stream.core = core
    assert stream.step().intents == []
