"""A strategy tried out: does it run, does it decide the same twice, and does it go on after a restart?

The cores play a short market through messages, as the services do: once, once more, and once with the strategy taken
from a snapshot half way and put into a fresh object. What a strategy keeps outside ``state()`` is lost there, and
shows as another decision.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import BarSet, Decided, Denied, Event, FundingRate, Rejected, Started
from live_runner.services.backtest.failures import (
    Failure,
    cold,
    counted,
    failed_calls,
    head_of_on_bar,
    not_repeatable,
    not_restartable,
    state_lost,
    unasked,
)
from live_runner.services.backtest.loop import Backtest
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import Engine, MarketFacts, begin, with_defaults
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Strategy
from live_runner.strategies.loader import StrategySource

__all__ = ["TRYOUT_SETS", "Tryout", "middle", "try_out"]

TRYOUT_SETS: Final = 1000
"""Bar sets after the warmup, at most; half of them before the restart."""


class Tryout(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen: failures by kind and reason of the first play, and its summary."""

    failures: list[Failure]
    summary: dict[str, Any]


def try_out(
    config: Config,
    source: StrategySource,
    strategy_class: type[Strategy[Any, Any]],
    market: MarketFacts,
    timeline: SetTimeline,
    engine: Engine,
) -> Tryout:
    """Play the timeline three times and compare what the strategy decided."""
    config = with_defaults(config, strategy_class)
    _, started = begin(config, source, strategy_class, market, engine)
    events = list(numbered(started.session, timeline.items()))
    first = _Play(started, strategy_class, events)
    found = first.failures()
    what = first.compare(_Play(started, strategy_class, events))
    if what is not None:
        found.append(not_repeatable(source.sources, what))
        return Tryout(failures=found, summary=first.summary)
    half = timeline.warmup_sets + (len(timeline) - timeline.warmup_sets) // 2
    restarted = _Play(started, strategy_class, events, restart_at=half)
    what = restarted.refusal or first.compare(restarted)
    if what is not None:
        found.append(not_restartable(what, restarted.lost))
    elif restarted.lost:
        found.append(state_lost(restarted.lost))
    return Tryout(failures=found, summary=first.summary)


def middle(timeline: SetTimeline, timeframe: str) -> SetTimeline:
    """The sets in the middle of a timeline, ``TRYOUT_SETS`` at most, after as many of warmup as it has."""
    opens, warmup = timeline.opens_ns, timeline.warmup_sets
    count = min(len(timeline) - warmup, TRYOUT_SETS)
    first = warmup + (len(timeline) - warmup - count) // 2
    funding: dict[str, list[FundingRate]] = {}
    for rates in timeline.funding.values():
        for rate in rates:
            funding.setdefault(rate.symbol, []).append(rate)
    return SetTimeline(
        timeline.columns,
        timeframe,
        begin_ns=int(opens[first - warmup]),
        first_open_ns=int(opens[first]),
        end_ns=int(opens[first + count - 1]) + timeline.length_ns,
        funding=funding,
    )


class _Play:
    """One play of the events; the strategy is restarted before the set ``restart_at``, counted from 0."""

    def __init__(
        self,
        started: Started,
        strategy_class: type[Strategy[Any, Any]],
        events: list[Event],
        *,
        restart_at: int = -1,
    ) -> None:
        self.decisions: list[Decided] = []
        self.counts: dict[str, dict[str, list[Any]]] = {"refused": {}, "rejected": {}}
        self.lost: list[str] = []
        """Attributes of the strategy that were not the same after the restart."""
        self.refusal = ""
        """What the strategy's own restore raised; it goes on without a restart then."""
        self._class = strategy_class
        self._started = started
        self._backtest = Backtest(started, strategy_class, hashing=False, sink=self._see)
        stopped = self._backtest.run(self._market(events, restart_at))
        self.summary = stopped.summary

    def _market(self, events: list[Event], restart_at: int) -> Iterator[Event]:
        sets = 0
        for event in events:
            if isinstance(event, BarSet):
                if sets == restart_at:
                    self._restart()
                sets += 1
            yield event

    def _restart(self) -> None:
        core = StrategyCore(self._started.session, self._class, hashing=False)
        try:
            core.restore(self._backtest.strategy.snapshot())
        except OurFault:
            raise
        except Exception as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self.refusal = f"restore raised {type(error).__name__}: {error}"
            return
        before, after = vars(self._backtest.strategy.strategy), vars(core.strategy)
        self.lost = sorted(
            name for name, value in before.items() if _is_plain(value) and (name not in after or after[name] != value)
        )
        self._backtest.strategy = core

    def _see(self, event: Event) -> None:
        if isinstance(event, Decided):
            self.decisions.append(event)
        elif isinstance(event, Denied):
            self._count("refused", event.reason, f"{event.symbol} {event.leg}: {event.message}")
        elif isinstance(event, Rejected):
            self._count("rejected", event.code, f"{event.symbol} {event.leg}: {event.message}")

    def _count(self, kind: str, reason: str, first: str) -> None:
        self.counts[kind].setdefault(reason, [0, first])[0] += 1

    def failures(self) -> list[Failure]:
        """What went wrong in this play."""
        core, where = self._backtest.strategy, head_of_on_bar(self._class)
        found = failed_calls(core.failure_counts)
        for kind, counts in self.counts.items():
            found += counted(kind, counts, where)
        return found + cold(core.cold_indicators) + unasked(core.unasked)

    def compare(self, other: _Play) -> str | None:
        """The first decision that differs in the other play, in words; None when there is none."""
        for mine, theirs in zip(self.decisions, other.decisions, strict=True):
            if mine != theirs:
                return f"at the close {mine.close_ns} {_words(theirs)} instead of {_words(mine)}"
        return None


def _is_plain(value: Any) -> bool:
    """Numbers, text and what holds them: whatever else an attribute is may rightly be another object."""
    if isinstance(value, Mapping):
        return all(_is_plain(key) and _is_plain(each) for key, each in value.items())
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return all(map(_is_plain, value))
    return isinstance(value, (bool, int, float, str, bytes, type(None)))


def _words(decided: Decided) -> str:
    asked = [
        f"{intent.action} {intent.symbol} {intent.leg} {intent.quantity or ''}".strip() for intent in decided.intents
    ]
    asked += [f"{failed.call} failed: {failed.error}" for failed in decided.failed]
    return ", ".join(asked) or "nothing"
