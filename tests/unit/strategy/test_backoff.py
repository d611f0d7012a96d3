"""Backoff at the decision, as the account shows it: opens and adds rest, closes never do (I08, I09)."""

from __future__ import annotations

from typing import Any

from fix_strategy import BTC, ETH, MINUTE, Stream, leg

from live_runner.contracts.policy import BackoffState
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Bar, Draft, LegState, Parameters, Rejection, Strategy, View, intent


class Count(LegState):
    asked: int = 0


class Eager(Strategy[Parameters, Count]):
    """Asks at every close what its attribute says."""

    asks: tuple[str, ...] = ("open",)

    def __init__(self, parameters: Parameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.told: list[Rejection] = []
        self.views: list[View] = []

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


def reject(stream: Stream, until_ns: int | None = None) -> Any:
    """One close, and the venue rejects its open; the leg as the account shows it from then on."""
    (one,) = stream.step().intents
    stream.fold(stream.requested(one))
    rejected = stream.rejected(one, code="-2019")
    stream.fold(rejected)
    return leg(
        BTC,
        "long",
        backoff=BackoffState(
            failures=1,
            blocked=True,
            blocked_until_ns=until_ns,
            event_id=rejected.id,
            detail="-2019: no",
            at_ns=rejected.event_ns,
        ),
    )


def test_a_leg_in_backoff_holds_back_opens_and_adds_and_never_a_close() -> None:
    """I08, I09"""
    stream, strategy = begin()
    blocked = reject(stream)
    strategy.asks = ("open", "add", "close", "partial_close")

    decided = stream.step(legs=[blocked])

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
    blocked = reject(stream)
    strategy.asks = ("short",)

    assert [said.leg for said in stream.step(legs=[blocked]).intents] == ["short"]
    assert not strategy.views[-1].backoff(ETH, "long").blocked


def test_it_holds_until_the_account_shows_the_leg_without_it() -> None:
    """I08"""
    stream, _ = begin()
    assert stream.step(legs=[reject(stream)]).intents == []
    assert stream.step().intents == []

    assert len(stream.step(legs=[leg(BTC, "long")]).intents) == 1


def test_it_ends_at_its_time() -> None:
    stream, _ = begin()
    blocked = reject(stream, until_ns=MINUTE * 1003)

    assert [len(stream.step(legs=[blocked]).intents), len(stream.step().intents)] == [0, 1]
    assert stream.close_ns == MINUTE * 1003


def test_a_denial_by_the_runner_is_no_rejection_by_the_venue() -> None:
    stream, _ = begin()
    (one,) = stream.step().intents
    stream.fold(stream.refused(one))

    assert len(stream.step().intents) == 1


def test_a_blocked_leg_is_put_back_and_the_strategy_told_with_the_next_news() -> None:
    stream, strategy = begin()
    stream.step(legs=[reject(stream)])
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert strategy.told[-1].kind == "blocked"
    assert (strategy.told[-1].reason, strategy.told[-1].restored) == ("backoff", True)
    assert strategy.leg(BTC, "long").asked == asked - 1 + 1


def test_a_blocked_add_beside_a_close_that_goes_out_is_only_told() -> None:
    stream, strategy = begin()
    blocked = reject(stream)
    strategy.asks = ("add", "close")
    (_,) = stream.step(legs=[blocked]).intents
    asked = strategy.leg(BTC, "long").asked
    strategy.asks = ()
    stream.step()

    assert (strategy.told[-1].kind, strategy.told[-1].restored) == ("blocked", False)
    assert strategy.leg(BTC, "long").asked == asked + 1


def test_it_survives_a_restart_with_event_detail_and_time() -> None:
    """I08, X08"""
    stream, _ = begin()
    blocked = reject(stream)
    rejected = stream.inputs[-1]
    stream.step(legs=[blocked])
    core = StrategyCore("test", Eager)
    core.restore(stream.core.snapshot())

    (state,) = core.backoffs.values()
    assert (state.event_id, state.detail, state.at_ns) == (rejected.id, "-2019: no", rejected.event_ns)

    stream.core = core
    assert stream.step().intents == []
