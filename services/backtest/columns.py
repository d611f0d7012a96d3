"""A backtest over columns, on the engine itself: events are made only where somebody asks for them.

    result = run_columns(config, source, market, timeline, engine)            # the Python strategy
    result = run_columns(..., compiled=True)                                  # its compiled twin

The engine is the one that the services run; session.py plays it through messages, with the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from live_runner.contracts.config import Config
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Event, Finished, Instrument, Started, Stopped
from live_runner.hotpath.engine.python_calls import HOOKS
from live_runner.hotpath.engine.python_host import PythonHost
from live_runner.hotpath.engine.session import Session
from live_runner.services.backtest.compiled_twin import compiled_twin
from live_runner.services.backtest.failures import Failure, cold, counted, failed_calls, head_of_on_bar, unasked
from live_runner.services.backtest.market import END_OF_RECORDING, numbered
from live_runner.services.backtest.session import (
    BacktestResult,
    Engine,
    MarketFacts,
    begin,
    load_strategy,
    with_defaults,
)
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.strategy.core.account import rules_of
from live_runner.services.strategy.core.failures import Failures, cold_indicators, never_asked
from live_runner.services.strategy.core.news import hooks_of
from live_runner.strategies.base import Draft, OrderUpdate, Rejection, Strategy
from live_runner.strategies.loader import StrategySource
from live_runner.strategies.parameters import create
from live_runner.strategies.view import BackoffView

__all__ = ["ColumnsBacktest", "run_columns"]


def run_columns(
    config: Config,
    source: StrategySource,
    market: MarketFacts,
    timeline: SetTimeline,
    engine: Engine,
    *,
    compiled: bool = False,
    sink: Callable[[Event], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult:
    """Run the configuration over the timeline.

    ``compiled`` runs the strategy's compiled twin: ConfigError when it has none, GaveUpError when it leaves the
    session to the Python strategy. ``sink`` sees every event in log order, without hashes. ``progress`` is called with
    the number of the set now and then.
    """
    strategy_class = load_strategy(config, source)
    config = with_defaults(config, strategy_class)
    announced, started = begin(config, source, strategy_class, market, engine)
    backtest = ColumnsBacktest(started, config, strategy_class, timeline, compiled=compiled, sink=sink)
    if sink is not None:
        sink(announced)
        sink(started)
    stopped = backtest.run(progress)
    return BacktestResult(
        started=started,
        stopped=stopped,
        settled=None,
        sets=len(timeline),
        failure=backtest.failure,
        failures=backtest.failures,
    )


class ColumnsBacktest:
    """One session set up over columns; ``engine`` holds orders, fills and account afterwards."""

    def __init__(
        self,
        started: Started,
        config: Config,
        strategy_class: type[Strategy[Any, Any]],
        timeline: SetTimeline,
        *,
        compiled: bool = False,
        sink: Callable[[Event], None] | None = None,
    ) -> None:
        self._started: Final = started
        self._timeline: Final = timeline
        self._sink: Final = sink
        columns = [_columns(candles) for candles in timeline.columns]
        self.engine: Final = Session(started, columns, sink is not None, False)
        self._market: Final[Iterator[Event]] = iter(()) if sink is None else numbered(started.session, timeline.items())
        self._coming: list[Event] = []
        """Events of the market up to the set that is played next."""
        self._compiled: Final = compiled
        host = _compiled_host if compiled else _python_host
        self._host: Final = host(self.engine, started, config, strategy_class)

    def run(self, progress: Callable[[int], None] | None = None) -> Stopped:
        """Play every set; how the session stopped."""
        timeline = self._timeline
        grid = np.ascontiguousarray(timeline.opens_ns, dtype=np.int64)
        due = _due(timeline, self.engine.state.index)
        sink = self._played if self._sink is not None else None
        self._come()
        try:
            self.engine.play(self._host, grid, timeline.length_ns, timeline.warmup_sets, due, progress, sink)
        except BaseException:
            if sink is not None:
                self._pass([*self._coming, *self.engine.journal.out])  # what led to the error
            raise
        sets = len(timeline) - timeline.warmup_sets
        state, session = self.engine.state, self._started.session
        cause = event_id(session, "strategy", sets + 1)
        if self._sink is not None:
            self.engine.journal.cause = cause
        settles = self.engine.end()
        reason = END_OF_RECORDING
        if self._sink is not None:
            last = self._coming[-1]
            reason = getattr(last, "reason", "")
            self._pass(self._coming)
            self._pass(
                [
                    Finished(
                        id=cause,
                        session=session,
                        source="strategy",
                        seq=sets + 1,
                        cause=last.id,
                        event_ns=last.event_ns,
                    )
                ]
            )
        if settles and self._sink is None:
            state.seq += 1
        elif settles:
            self.engine.journal.settle("")
            self._pass(self.engine.journal.out)
        stopped = Stopped(
            reason=reason,
            summary={"sets": sets, "decisions": sets, **self.engine.summary()},
            id=event_id(session, "execution", state.seq + 1),
            session=session,
            source="execution",
            seq=state.seq + 1,
            cause=cause,
            event_ns=state.now_ns,
        )
        if self._sink is not None:
            self._sink(stopped)
        return stopped

    @property
    def failure(self) -> str:
        """The first call into a Python strategy that raised, "" when none did; a compiled one ends the run."""
        trouble: str = self._host.trouble
        return trouble

    @property
    def failures(self) -> list[Failure]:
        """What went wrong so far; of a compiled strategy what the engine refused."""
        state, found, where = self.engine.state, [], ""
        if not self._compiled:
            strategy = self._host.strategy
            found = failed_calls(self._host.failures.counts) + cold(cold_indicators(strategy))
            found += unasked(never_asked(type(strategy), self._host.empty_selections))
            where = head_of_on_bar(type(strategy))
        found += counted("refused", state.refusals, where)
        return found + counted("rejected", state.rejections, where)

    def _come(self) -> None:
        """Read the market on to the next set, which causes what the engine does then."""
        self._coming = []
        for event in self._market:
            self._coming.append(event)
            if isinstance(event, BarSet):
                self.engine.set_cause = event.id
                return

    def _played(self, number: int) -> None:
        """The set of this number was played: pass on what came with it and what followed."""
        journal = self.engine.journal
        self._pass(self._coming)
        made, journal.out = journal.out, []
        self._pass(made)
        self._come()

    def _pass(self, events: list[Event]) -> None:
        assert self._sink is not None
        for event in events:
            self._sink(event)


def _python_host(engine: Session, started: Started, config: Config, strategy_class: type[Strategy[Any, Any]]) -> Any:
    strategy = create(strategy_class, config.strategy.parameters, config.market.symbols, config.market.timeframe)
    rules = {instrument.symbol: rules_of(instrument) for instrument in started.instruments}
    return PythonHost(
        engine,
        config.market.late_bars == "halt",
        strategy,
        hooks_of(strategy, HOOKS),
        Draft,
        Failures(strategy),
        MappingProxyType(rules),
        BackoffView,
        Rejection,
        OrderUpdate,
    )


def _compiled_host(engine: Session, started: Started, config: Config, strategy_class: type[Strategy[Any, Any]]) -> Any:
    twin_class = compiled_twin(strategy_class)
    # Compiled modules: where the engine is interpreted they are not there.
    from live_runner.hotpath.engine.compiled_host import CompiledHost
    from live_runner.hotpath.engine.strategy import Desk

    # The Python twin checks the parameters and gives the policy; nothing else is asked of it.
    python = create(strategy_class, config.strategy.parameters, config.market.symbols, config.market.timeframe)
    twin = twin_class(python.parameters, config.market.symbols, config.market.timeframe)
    rows = {instrument.symbol: _rules_row(instrument) for instrument in started.instruments}
    view = Desk(engine.state, [rows[symbol] for symbol in config.market.symbols])
    return CompiledHost(engine, twin, view, config.market.late_bars == "halt")


def _columns(candles: Any) -> tuple[Any, ...]:
    fields = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return (
        np.ascontiguousarray(candles.open_ns, dtype=np.int64),
        *(np.ascontiguousarray(field, dtype=np.float64) for field in fields),
    )


def _due(timeline: SetTimeline, index: dict[str, int]) -> list[tuple[int, int, int, str, float | None]]:
    """Funding rates with the number of the set (from 0) that brings them."""
    rows = []
    for open_ns in sorted(timeline.funding):
        number = int(np.searchsorted(timeline.opens_ns, open_ns))
        for rate in timeline.funding[open_ns]:
            rows.append((number, index[rate.symbol], rate.funding_ns, rate.rate, rate.mark))
    return rows


def _rules_row(instrument: Instrument) -> tuple[float, ...]:
    rules = rules_of(instrument)
    return (
        rules.contract_size,
        rules.tick_size,
        rules.lot_size,
        rules.min_amount,
        rules.max_amount,
        rules.min_notional,
        rules.max_notional,
    )
