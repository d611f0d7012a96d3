"""When a leg's state is put back, as the strategy notices it (the tables: tests/unit/hotpath/test_decisions.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from fix_strategy import BTC, ETH, Stream

from live_runner.contracts.messages import Cancelled
from live_runner.strategies.base import (
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


class Counter(LegState):
    asked: int = 0
    filled: int = 0
    trail: float = 0.0


class Settings(Parameters, frozen=True, kw_only=True):
    per_bar: int = 1
    style: str = "market"


class Asker(Strategy[Settings, Counter]):
    """Asks on BTC's long leg until it has asked at two closes, and counts what it asked."""

    def __init__(self, parameters: Settings, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.seen = 0
        self.told: list[Any] = []
        self.script: list[Callable[[Bar, View], list[Draft]]] = []
        self.on_told: Callable[[Any], None] = lambda news: None

    def observe(self, bar: Bar) -> None:
        self.seen += 1

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        if bar.symbol != BTC or not self.script:
            return []
        return self.script.pop(0)(bar, view)

    def ask(self, bar: Bar, view: View) -> list[Draft]:
        """One or more opens without a quantity, and a count of them in the leg."""
        self.leg(BTC, "long").asked += 1
        return [intent.open(BTC, "long", quantity=1) for _ in range(self.parameters.per_bar)]

    def on_fill(self, fill: Fill, view: View) -> None:
        self.told.append(fill)
        self.on_told(fill)

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        self.told.append(rejection)
        self.on_told(rejection)

    def on_order_update(self, update: OrderUpdate, view: View) -> None:
        if update.status in ("cancelled", "expired"):
            self.told.append(update)

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def restore(self, state: Any) -> None:
        self.seen = state["seen"]


def begin(**parameters: Any) -> tuple[Stream, Any]:
    stream = Stream(Asker, parameters).start()
    return stream, stream.core.strategy


def ask(stream: Stream, strategy: Any) -> Any:
    """One close at which the strategy asks; the decision's intents."""
    strategy.script.append(strategy.ask)
    return stream.step().intents


@pytest.mark.parametrize("reason", ["missing_quantity", "missing_order_style"])
def test_a_refusal_puts_the_leg_back_and_leaves_the_indicators_one_bar_further(reason: str) -> None:
    """I03, I04"""
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    assert strategy.leg(BTC, "long").asked == 1
    stream.fold(stream.refused(one, reason))

    seen = strategy.seen
    stream.step()

    assert strategy.leg(BTC, "long").asked == 0
    assert strategy.seen == seen + 2
    (told,) = strategy.told
    assert (told.kind, told.reason, told.restored) == ("refused", reason, True)


def test_every_refusal_of_a_leg_is_told_as_restored_when_all_were_refused() -> None:
    stream, strategy = begin(per_bar=3)
    for one in ask(stream, strategy):
        stream.fold(stream.refused(one))

    stream.step()

    assert [news.restored for news in strategy.told] == [True, True, True]
    assert strategy.leg(BTC, "long").asked == 0


def test_one_filled_intent_keeps_the_leg_of_the_refused_ones() -> None:
    stream, strategy = begin(per_bar=2)
    first, second = ask(stream, strategy)
    stream.fold(stream.refused(first))
    stream.fold(stream.filled(second))

    stream.step()

    assert [getattr(news, "restored", None) for news in strategy.told] == [False, None]
    assert strategy.leg(BTC, "long").asked == 1


def test_a_refusal_before_an_unrelated_fill_of_the_leg_is_still_put_back() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.refused(one))
    stream.fold(stream.filled(symbol=BTC, action="close", leg_quantity="0"))

    stream.step()

    assert strategy.told[0].restored is True
    assert strategy.leg(BTC, "long").asked == 0


def test_a_refusal_after_a_fill_of_the_leg_is_only_told() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.filled(symbol=BTC, action="close", leg_quantity="0"))
    stream.fold(stream.refused(one))

    stream.step()

    assert strategy.told[1].restored is False
    assert strategy.leg(BTC, "long").asked == 1


def test_a_fill_of_another_leg_changes_nothing_about_this_one() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.filled(symbol=BTC, leg="short"))
    stream.fold(stream.filled(symbol=ETH, leg="long"))
    stream.fold(stream.refused(one))

    stream.step()

    assert strategy.told[2].restored is True


def test_an_order_cancelled_bars_later_with_nothing_filled_puts_the_leg_back() -> None:
    """P03 (paper)"""
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.requested(one, kind="limit"))
    stream.step()
    stream.step()
    assert strategy.leg(BTC, "long").asked == 1
    stream.fold(stream.finished(Cancelled, one))

    stream.step()

    assert strategy.told[0].restored is True
    assert strategy.leg(BTC, "long").asked == 0


def test_an_order_rejected_after_the_strategy_changed_the_leg_is_only_told() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.requested(one, kind="limit"))

    def trail(bar: Bar, view: View) -> list[Draft]:
        strategy.leg(BTC, "long").trail = 1.5
        return []

    strategy.script.append(trail)
    stream.step()
    stream.fold(stream.rejected(one))
    stream.step()

    assert strategy.told[0].restored is False
    state = strategy.leg(BTC, "long")
    assert (state.asked, state.trail) == (1, 1.5)


def test_a_rejection_that_will_be_retried_keeps_the_leg_until_the_last_try() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.requested(one, attempt=1))
    stream.fold(stream.rejected(one, attempt=1, retrying=True))
    stream.step()
    assert (strategy.told[0].retrying, strategy.told[0].restored) == (True, False)
    assert strategy.leg(BTC, "long").asked == 1

    stream.fold(stream.requested(one, attempt=2))
    stream.fold(stream.rejected(one, attempt=2))
    stream.step()

    assert (strategy.told[1].retrying, strategy.told[1].restored) == (False, True)
    assert strategy.leg(BTC, "long").asked == 0


def test_what_a_hook_changed_first_is_not_undone_by_a_later_refusal() -> None:
    stream, strategy = begin(per_bar=1)
    (one,) = ask(stream, strategy)
    (two,) = ask(stream, strategy)

    def count(news: Any) -> None:
        strategy.leg(BTC, "long").filled += 1

    strategy.on_told = count
    stream.fold(stream.filled(two))
    stream.fold(stream.refused(one))
    stream.step()

    state = strategy.leg(BTC, "long")
    assert (state.asked, state.filled) == (2, 2)
    assert strategy.told[1].restored is False


def test_a_cancel_that_was_carried_out_keeps_what_was_written_with_it() -> None:
    stream, strategy = begin()

    def withdraw(bar: Bar, view: View) -> list[Draft]:
        strategy.leg(BTC, "long").asked = 9
        return [intent.cancel(BTC, "long", "o1"), intent.open(BTC, "long")]

    strategy.script.append(withdraw)
    _, opened = stream.step().intents
    stream.fold(stream.refused(opened))
    stream.step()

    assert strategy.leg(BTC, "long").asked == 9


@pytest.mark.parametrize("refused", [True, False])
def test_a_protect_keeps_what_was_written_with_it_unless_it_is_refused(refused: bool) -> None:
    """I14: that its stop is cancelled later, with nothing filled, takes nothing back."""
    stream, strategy = begin()

    def cover(bar: Bar, view: View) -> list[Draft]:
        strategy.leg(BTC, "long").trail = 95.0
        return [intent.protect(BTC, "long", stop_loss=95)]

    strategy.script.append(cover)
    (one,) = stream.step().intents
    stream.fold(stream.refused(one, "no_position") if refused else stream.requested(one, kind="stop"))
    if not refused:
        stream.fold(stream.finished(Cancelled, one))
    stream.step()

    assert strategy.leg(BTC, "long").trail == (0.0 if refused else 95.0)
    assert [news.restored for news in strategy.told] == [refused]


def test_a_hold_neither_keeps_nor_restores_anything() -> None:
    """I01"""
    stream, strategy = begin()

    def hold_and_ask(bar: Bar, view: View) -> list[Draft]:
        strategy.leg(BTC, "long").asked = 1
        return [intent.hold(BTC, "long"), intent.open(BTC, "long")]

    strategy.script.append(hold_and_ask)
    held, opened = stream.step().intents
    stream.fold(stream.refused(opened))
    stream.step()

    assert held.action == "hold"
    assert strategy.leg(BTC, "long").asked == 0


def test_a_limit_order_that_falls_back_to_the_market_keeps_the_leg_until_its_end() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    stream.fold(stream.finished(Cancelled, one, reason="time_to_live", retrying=True))
    stream.step()
    assert (strategy.told[0].restored, strategy.leg(BTC, "long").asked) == (False, 1)

    stream.fold(stream.rejected(one, attempt=2))
    stream.step()

    assert (strategy.told[1].restored, strategy.leg(BTC, "long").asked) == (True, 0)


def test_an_operator_s_order_on_the_leg_is_not_taken_for_an_intent_of_the_strategy() -> None:
    stream, strategy = begin()
    (one,) = ask(stream, strategy)
    foreign = msgspec.structs.replace(stream.refused(one), intent_id="test/ops/1/1")
    stream.fold(foreign)
    stream.step()

    assert (strategy.told[0].restored, strategy.leg(BTC, "long").asked) == (False, 1)
