"""The strategy host over generated streams: a restart anywhere changes nothing, and a leg is put back exactly when
every intent of it was refused."""

from __future__ import annotations

from typing import Any

import msgspec
from fix_strategy import BTC, ETH, SYMBOLS, Stream, leg
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.messages import Cancelled, Decided, Expired, SetBar
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.hotpath import indicators
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import (
    SIDES,
    Bar,
    Draft,
    Fill,
    LegState,
    OrderUpdate,
    Parameters,
    Rejection,
    Strategy,
    View,
    intent,
)

LEGS = [(symbol, side) for symbol in SYMBOLS for side in SIDES]


class Tally(LegState):
    asked: int = 0
    told: tuple[str, ...] = ()


class Obedient(Strategy[Parameters, Tally]):
    """Asks what the bar's volume tells it to, and keeps a tally of everything it hears."""

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        for symbol in symbols:
            self.indicators[symbol] = indicators.Sma(3)

    def policy(self) -> ExecutionPolicy:
        return ExecutionPolicy(max_failures=2, backoff_s=200.0, attempts=2)

    def observe(self, bar: Bar) -> None:
        self.indicators[bar.symbol].update(bar.close)  # type: ignore[attr-defined]  # it is an Sma

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        orders = int(bar.volume)
        if orders == 99:
            self.leg(bar.symbol, "long").asked += 100
            raise RuntimeError("as told")
        asked: list[Draft] = []
        for number, side in enumerate(SIDES):
            wanted = orders // 4**number % 4
            if wanted:
                self.leg(bar.symbol, side).asked += 1
            asked += [intent.open(bar.symbol, side, n + 1, style="limit", limit_price=bar.close) for n in range(wanted)]
        return asked

    def on_fill(self, fill: Fill, view: View) -> None:
        self._hear(fill.symbol, fill.leg, f"fill {view.leg(fill.symbol, fill.leg).quantity}")

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        if rejection.kind == "rejected":
            self._hear(rejection.symbol, rejection.leg, f"rejected {rejection.restored}")

    def on_order_update(self, update: OrderUpdate, view: View) -> None:
        if update.status == "expired":
            self._hear(update.symbol, update.leg, f"expired {update.restored}")

    def _hear(self, symbol: str, side: str, what: str) -> None:
        state = self.leg(symbol, side)
        state.told = (*state.told[-2:], what)


orders = st.integers(0, 15) | st.just(99)
fates = st.sampled_from(["refuse", "fill", "reject", "retry", "cancel", "expire", "rest"])
steps = st.lists(
    st.tuples(st.tuples(orders, orders), st.lists(fates, min_size=12, max_size=12), st.booleans()),
    min_size=1,
    max_size=8,
)


def news_of(stream: Stream, one: Any, fate: str) -> list[Any]:
    """What execution says of an intent."""
    if fate == "refuse":
        return [stream.refused(one)]
    if fate == "rest":
        return [stream.requested(one, kind="limit")]
    news: list[Any] = [stream.requested(one, kind="limit")]
    if fate == "fill":
        news.append(stream.filled(one))
    elif fate in ("reject", "retry"):
        news.append(stream.rejected(one, retrying=fate == "retry"))
    else:
        news.append(stream.finished(Cancelled if fate == "cancel" else Expired, one))
    return news


def play(script: list[Any]) -> Stream:
    """A session that follows the script; the stream keeps every input and output."""
    stream = Stream(Obedient, state_hash_every=2).start()
    legs: list[Any] = []
    for (btc, eth), outcomes, ahead in script:
        bars = [SetBar(BTC, 100.0, 100.0, 100.0, 100.0 + btc, float(btc)), SetBar(ETH, 9.0, 9.0, 9.0, 9.5, float(eth))]
        stream.fold(stream.bar_set(*bars))
        at = stream.close_ns
        if ahead:
            stream.fold(stream.bar_set())
        (decided,) = stream.fold(stream.settled(legs, close_ns=at))
        assert isinstance(decided, Decided)
        legs = []
        for one, fate in zip(decided.intents, outcomes, strict=False):
            for event in news_of(stream, one, fate):
                stream.fold(event)
            if fate == "fill":
                legs.append(leg(one.symbol, one.leg, ("0.1", "100")))
        if ahead:
            for one in stream.settle().intents:
                stream.fold(stream.refused(one))
    return stream


@settings(max_examples=60, deadline=None)
@given(script=steps, data=st.data())
def test_a_restart_at_any_point_gives_the_same_outputs_and_the_same_bytes(
    script: list[Any], data: st.DataObject
) -> None:
    """P10, X08"""
    stream = play(script)
    cut = data.draw(st.integers(0, len(stream.inputs)))
    core = StrategyCore("test", Obedient)
    outputs: list[Any] = []
    for number, event in enumerate(stream.inputs):
        if number == cut:
            before = core.snapshot()
            core = StrategyCore("test", Obedient)
            core.restore(before)
            assert core.snapshot() == before
        outputs += core.handle(event)

    assert outputs == stream.outputs
    assert core.snapshot() == stream.core.snapshot()
    assert core.state_hash() == stream.core.state_hash()


@settings(max_examples=60, deadline=None)
@given(order=st.tuples(orders.filter(lambda n: n != 99), orders.filter(lambda n: n != 99)), filled=st.integers(0, 4095))
def test_a_leg_is_put_back_exactly_when_every_intent_of_it_was_refused(order: tuple[int, int], filled: int) -> None:
    """I03, I04"""
    stream = Stream(Obedient).start()
    bars = [SetBar(BTC, 1.0, 1.0, 1.0, 1.0, float(order[0])), SetBar(ETH, 1.0, 1.0, 1.0, 1.0, float(order[1]))]
    decided = stream.step(*bars)
    acted = set()
    for number, one in enumerate(decided.intents):
        if filled >> number & 1:
            acted.add((one.symbol, one.leg))
            stream.fold(stream.filled(one))
        else:
            stream.fold(stream.refused(one))
    stream.fold(stream.bar_set(*[SetBar(symbol, 1.0, 1.0, 1.0, 1.0, 0.0) for symbol in SYMBOLS]))
    stream.settle()

    asked = {key: stream.core.strategy.leg(*key).asked for key in LEGS}
    assert asked == {key: int(key in acted) for key in LEGS}


@settings(max_examples=60, deadline=None)
@given(script=steps)
def test_nothing_that_failed_leaves_a_mark(script: list[Any]) -> None:
    """I10"""
    stream = play(script)

    assert all(stream.core.strategy.leg(*key).asked < 100 for key in LEGS)
    failed = [failed for decided in stream.outputs for failed in getattr(decided, "failed", [])]
    assert len(failed) == sum(volume == 99 for volumes, _, _ in script for volume in volumes)


@settings(max_examples=60, deadline=None)
@given(script=steps)
def test_what_is_finished_is_forgotten(script: list[Any]) -> None:
    stream = play([*script, ((0, 0), [], False)])
    state = stream.core.snapshot()
    intents = msgspec.msgpack.decode(state)["intents"]
    asked = sum(len(event.intents) for event in stream.outputs if isinstance(event, Decided))
    resting = sum(fate in ("rest", "retry") for _, fates_, _ in script for fate in fates_)

    assert len(intents["orders"]) <= resting
    assert sum(len(groups) for _, _, groups in intents["groups"]) <= min(asked, resting)
