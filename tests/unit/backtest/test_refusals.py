"""What both cores make of an intent that comes to nothing: the record, what the strategy is told, its leg state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from live_runner.contracts.messages import (
    Command,
    Denied,
    Event,
    Expired,
    FeedEnded,
    Filled,
    Incident,
    Rejected,
    Requested,
)
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.backtest.loop import Backtest, CommandAt
from live_runner.strategies.base import (
    Bar,
    Draft,
    LegState,
    OrderUpdate,
    Parameters,
    Rejection,
    Strategy,
    View,
    intent,
)

SYMBOL = "AAA/USDT:USDT"
MINUTE_NS = 60_000_000_000
FLAT = (100.0, 100.0, 100.0, 100.0)

type Ask = Callable[[], list[Draft]]


class Asked(LegState):
    times: int = 0


class Scripted(Strategy[Parameters, Asked]):
    """Asks what its script says, a line per bar, and counts in its leg each bar at which it asked."""

    script: ClassVar[Sequence[Ask | None]] = ()

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.seen = 0
        self.told: list[Rejection | OrderUpdate] = []

    def observe(self, bar: Bar) -> None:
        self.seen += 1

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        ask = self.script[self.seen - 1] if self.seen <= len(self.script) else None
        if ask is None:
            return []
        self.leg(SYMBOL, "long").times += 1
        return ask()

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        self.told.append(rejection)

    def on_order_update(self, update: OrderUpdate, view: View) -> None:
        if update.status in ("cancelled", "expired"):
            self.told.append(update)


class Played:
    """A finished session of both cores."""

    def __init__(self, driver: Any, script: Sequence[Ask | None], commands: Sequence[tuple[int, str]]) -> None:
        self.events: list[Event] = []
        market = []
        for _ in range(len(script) + 2):
            driver.bar(*FLAT)
            market.append(driver.inputs[-1])
        closes = [bar_set.close_ns for bar_set in market]
        made = []
        for bar, name in commands:
            driver.command(name)
            assert isinstance(driver.inputs[-1], Command)
            made.append(CommandAt((closes[bar - 1], 1), driver.inputs[-1]))
        kind = type("Script", (Scripted,), {"script": script})
        backtest = Backtest(driver.started, kind, hashing=True, commands=made, sink=self.events.append)
        driver.feed(
            FeedEnded(**driver.envelope("market_data", closes[-1]), reason="end", sets=len(market), close_ns=closes[-1])
        )
        backtest.run([*market, driver.inputs[-1]])
        self.strategy: Any = backtest.strategy.strategy

    def of[E: Event](self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def times(self) -> int:
        """How often it asked, as its leg has it."""
        return int(self.strategy.leg(SYMBOL, "long").times)


@pytest.fixture
def play(driver: Any) -> Callable[..., Played]:
    """Play a script of intents; ``commands`` come after the decision on the bar of that number."""

    def played(*script: Ask | None, commands: Sequence[tuple[int, str]] = (), **options: Any) -> Played:
        return Played(driver(**options), script, commands)

    return played


def test_open_without_a_quantity_is_recorded_told_and_taken_back(play: Callable[..., Played]) -> None:
    """I03: its indicators are one bar further, its leg is as before, and the next bar is decided as ever."""
    session = play(lambda: [intent.open(SYMBOL, "long")], lambda: [intent.open(SYMBOL, "long", 2)])

    [refused] = session.of(Denied)
    assert refused.reason == "missing_quantity"
    [told] = session.strategy.told
    assert (told.kind, told.reason, told.restored) == ("refused", "missing_quantity", True)
    assert session.times == 1  # the second call alone: the first was put back
    assert session.strategy.seen == 4
    assert [fill.quantity for fill in session.of(Filled)] == ["2"]


def test_add_without_a_style_is_recorded_told_and_taken_back(play: Callable[..., Played]) -> None:
    """I04: nor does the policy name one."""
    session = play(lambda: [intent.open(SYMBOL, "long", 1)], None, lambda: [intent.add(SYMBOL, "long", 1)])

    assert [refused.reason for refused in session.of(Denied)] == ["missing_order_style"]
    assert (session.strategy.told[-1].reason, session.strategy.told[-1].restored) == ("missing_order_style", True)
    assert session.times == 1


def test_rejection_by_the_venue_blocks_the_leg_in_both_cores_until_its_time(play: Callable[..., Played]) -> None:
    """I08, I09: the decision holds the entry back by the same rule by which execution would refuse it."""
    session = play(
        lambda: [intent.open(SYMBOL, "long", 1000)],
        lambda: [intent.open(SYMBOL, "long", 1)],
        lambda: [intent.open(SYMBOL, "long", 1)],
        policy=ExecutionPolicy(max_failures=1, backoff_s=90.0),
        account={"leverage": "1"},
    )

    assert [rejected.code for rejected in session.of(Rejected)] == ["insufficient_margin"]
    assert [told.kind for told in session.strategy.told] == ["rejected", "blocked"]
    assert [told.restored for told in session.strategy.told] == [True, True]
    assert [fill.quantity for fill in session.of(Filled)] == ["1"]
    assert session.of(Denied) == []
    assert not session.of(Rejected)[0].retrying


LIFE: dict[str, Any] = {"style": "limit", "limit_price": 90, "time_to_live_s": 60.0}


def test_expired_entry_puts_the_leg_back(play: Callable[..., Played]) -> None:
    session = play(lambda: [intent.open(SYMBOL, "long", 1, **LIFE)])

    assert len(session.of(Expired)) == 1
    assert [told.restored for told in session.strategy.told] == [True]
    assert session.times == 0


@pytest.mark.parametrize("said", ["by the intent", "by the policy"])
def test_a_fallback_that_either_permits_keeps_the_leg_as_it_is(play: Callable[..., Played], said: str) -> None:
    """O02: whoever permits it, both cores know that a market order follows."""
    by_intent, by_policy = (["timeout"], ["reject"]) if said == "by the intent" else (["reject"], ["timeout"])
    session = play(
        lambda: [intent.open(SYMBOL, "long", 1, fallback=by_intent, **LIFE)],
        policy=ExecutionPolicy(fallback=tuple(by_policy)),
    )

    assert [order.kind for order in session.of(Requested)] == ["limit", "market"]
    assert [fill.kind for fill in session.of(Filled)] == ["market"]
    assert [told.restored for told in session.strategy.told] == [False]
    assert [expired.retrying for expired in session.of(Expired)] == [True]
    assert session.times == 1


def test_fallback_that_a_stop_blocks_is_told_to_the_strategy_and_taken_back(play: Callable[..., Played]) -> None:
    """S01, I03: what will not be tried any more is not waited for."""
    session = play(lambda: [intent.open(SYMBOL, "long", 1, fallback=["timeout"], **LIFE)], commands=[(1, "stop")])

    assert [order.kind for order in session.of(Requested)] == ["limit"]
    assert [expired.retrying for expired in session.of(Expired)] == [False]
    assert [incident.code for incident in session.of(Incident)] == ["fallback_blocked"]
    assert [refused.reason for refused in session.of(Denied)] == ["entries_stopped"]
    expired, refused = session.strategy.told
    assert expired.status == "expired"
    assert (refused.kind, refused.reason, refused.restored) == ("refused", "entries_stopped", True)
    assert session.times == 0
