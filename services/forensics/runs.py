"""The backtests of a comparison: each with some of its facts from the recording, the rest from the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Event, FeedEnded, Filled, Settled
from live_runner.hotpath import fixed
from live_runner.services.backtest.loop import Backtest
from live_runner.services.forensics.difference import Differences
from live_runner.services.forensics.parity import Parity
from live_runner.services.forensics.session_log import SessionLog
from live_runner.services.forensics.variant import Variant

__all__ = ["EquityPoint", "Facts", "Market", "Run", "Runs", "pnl"]

type Market = Callable[[], Iterable[Event]]
"""Begins a market's events anew, as often as a run needs them."""

type EquityPoint = tuple[int, str]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that a run takes from the recording; the rest is the caller's or the model's."""

    code: bool
    bars: bool
    commands: bool


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one backtest."""

    compared: int
    differences: Differences
    fills: list[Filled]
    equity: list[EquityPoint]
    pnl: str


class Runs:
    """Runs each combination of facts at most once."""

    def __init__(self, log: SessionLog, recorded: Variant, here: Variant, market: Market | None) -> None:
        self._log = log
        self._recorded = recorded
        self._here = here
        self._market = market
        self._outputs = log.outputs_by_source()
        self._done: dict[Facts, Run] = {}

    def run(self, *, code: bool, bars: bool, commands: bool) -> Run:
        """The run with these facts from the recording; facts that do not differ are taken from it in any case."""
        facts = Facts(
            code=code or self._here is self._recorded,
            bars=bars or self._market is None,
            commands=commands or not self._log.operator_commands,
        )
        if facts not in self._done:
            self._done[facts] = self._backtest(facts)
        return self._done[facts]

    def _backtest(self, facts: Facts) -> Run:
        variant = self._recorded if facts.code else self._here
        parity = Parity(self._outputs)
        fills: list[Filled] = []
        equity: list[EquityPoint] = []

        def take(event: Event) -> None:
            parity.take(event)
            if isinstance(event, Settled):
                equity.append((event.close_ns, event.equity))
            elif isinstance(event, Filled):
                fills.append(event)

        backtest = Backtest(
            variant.started,
            variant.strategy_class,
            hashing=True,
            commands=self._log.commands if facts.commands else self._log.aborts,
            sink=take,
        )
        backtest.run(self._log.market() if facts.bars or self._market is None else self._clipped(self._market()))
        parity.finish(aborted=backtest.given_up)
        return Run(
            compared=parity.compared,
            differences=parity.differences,
            fills=fills,
            equity=equity,
            pnl=pnl(variant.started.config["account"]["equity"], equity[-1][1] if equity else None),
        )

    def _clipped(self, market: Iterable[Event]) -> Iterator[Event]:
        """A dataset up to where the session ended: it may have been stopped before the dataset was."""
        ended = self._log.feed_ended
        sets = seq = 0
        for event in market:
            if isinstance(event, FeedEnded) or event.event_ns > ended.close_ns:
                break
            seq = event.seq
            sets += isinstance(event, BarSet)
            yield event
        yield msgspec.structs.replace(ended, seq=seq + 1, id=event_id(ended.session, ended.source, seq + 1), sets=sets)


def pnl(start: str, equity: str | None) -> str:
    """Change of equity, as decimal text; 0 when nothing was settled."""
    return "0" if equity is None else fixed.money_text(fixed.money(equity) - fixed.money(start))
