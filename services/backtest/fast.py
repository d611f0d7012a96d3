"""A backtest in the compiled bar loop: the cores' results at the speed of the machine.

    outcome = run_fast(config, source, market, timeline, engine)            # the Python strategy
    outcome = run_fast(..., compiled=True)                                  # its compiled twin

The cores (loop.py) say what is right; tests/parity/test_barloop.py holds every event of both together. Where the
machine gives up, on a price off the grid or a total out of range, it says so with ``None``, and the cores run
the session from the start and name what is wrong.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import Event, Instrument, Started, Stopped
from live_runner.hotpath import fixed
from live_runner.hotpath.compiled.barloop import BarLoop, CompiledHost
from live_runner.hotpath.compiled.execution import Execution
from live_runner.hotpath.compiled.journal import Journal
from live_runner.hotpath.compiled.python_loop import run_python
from live_runner.hotpath.compiled.strategy import CompiledStrategy, Desk
from live_runner.services.backtest.judge import (
    Asked,
    GivenUpError,
    Judge,
    asked_intent,
    paper_session,
    policy_row,
)
from live_runner.services.backtest.market import END_OF_RECORDING, numbered
from live_runner.services.backtest.python_host import PythonHost
from live_runner.services.backtest.recorder import Recorder, summary_of
from live_runner.services.backtest.session import (
    BacktestResult,
    Engine,
    MarketFacts,
    begin,
    load_strategy,
    with_defaults,
)
from live_runner.services.execution.core.market import BASIS_POINTS, Market
from live_runner.services.execution.core.paper import funding_number
from live_runner.services.execution.core.session import Session
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.strategy.core.account import rules_of
from live_runner.strategies.base import Strategy
from live_runner.strategies.loader import StrategySource
from live_runner.strategies.parameters import create

__all__ = ["FastBacktest", "compiled_twin", "run_fast"]

_INTERFACE: Final = "strategy_interface_"
"""Begins the name that a compiled strategy and the engine must agree on; setup.py makes it of their declarations."""

_METHODS: Final = {"lifo": 0, "fifo": 1, "average": 2}


def run_fast(
    config: Config,
    source: StrategySource,
    market: MarketFacts,
    timeline: SetTimeline,
    engine: Engine,
    *,
    compiled: bool = False,
    sink: Callable[[Event], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult | None:
    """Run the configuration over the timeline; None where the cores have to.

    ``compiled`` runs the strategy's compiled twin, ConfigError when it has none. ``sink`` sees every event in log
    order, without hashes. ``progress`` is told the number of the set now and then.
    """
    strategy_class = load_strategy(config, source)
    config = with_defaults(config, strategy_class)
    announced, started = begin(config, source, strategy_class, market, engine)
    try:
        backtest = FastBacktest(
            started, config, strategy_class, timeline, compiled=compiled, sink=sink, progress=progress
        )
    except OverflowError:  # a number of the configuration that the machine has no room for
        return None
    if sink is not None:
        sink(announced)
        sink(started)
    stopped = backtest.run()
    if stopped is None:
        return None
    return BacktestResult(started=started, stopped=stopped, settled=None, sets=len(timeline), failure=backtest.failure)


def compiled_twin(strategy_class: type[Strategy[Any, Any]]) -> type[Any]:
    """The compiled twin that the strategy names; ConfigError without one, StrategyError when it does not load."""
    name = strategy_class.compiled
    if name is None:
        raise ConfigError(
            f"{strategy_class.__name__} has no compiled twin",
            remedy="Run it in Python, or write one: docs/compiled_strategies.md",
            key="strategy",
        )
    module, _, attribute = name.partition(":")
    try:
        twin: type[Any] = getattr(importlib.import_module(module), attribute)
        if not issubclass(twin, CompiledStrategy):
            raise TypeError("it is no subclass of CompiledStrategy")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        why = "was built for another version of live-runner" if _INTERFACE in str(error) else "cannot be loaded"
        raise StrategyError(
            f"The compiled twin '{name}' of {strategy_class.__name__} {why}: {error}",
            remedy="Build it for this version, where Python finds it: docs/compiled_strategies.md",
            strategy=strategy_class.__name__,
        ) from error
    return twin


class FastBacktest:
    """One session set up on the machine; ``machine`` holds orders, fills and account afterwards."""

    def __init__(
        self,
        started: Started,
        config: Config,
        strategy_class: type[Strategy[Any, Any]],
        timeline: SetTimeline,
        *,
        compiled: bool = False,
        sink: Callable[[Event], None] | None = None,
        progress: Callable[[int], None] | None = None,
        recorder: type[Recorder] = Recorder,
    ) -> None:
        self._started: Final = started
        self._session: Final = paper_session(started)
        self._timeline: Final = timeline
        self.machine: Final = _machine(started, self._session)
        markets = tuple(self._session.markets.values())
        self._journal: Final = Journal(
            self.machine,
            started.session,
            tuple(self._session.markets),
            tuple(market.instrument.settle for market in markets),
        )
        self._judge: Final = Judge(started, self._session, self.machine, self._journal)
        self._python: Final = (
            None if compiled else PythonHost(started, config, strategy_class, self.machine, self._judge)
        )
        self._recorder: Final = sink and recorder(
            started, numbered(started.session, timeline.items()), self.machine, self._judge, sink, self._python
        )
        self._loop: Final = BarLoop(
            self.machine,
            [_columns(candles) for candles in timeline.columns],
            np.ascontiguousarray(timeline.opens_ns, dtype=np.int64),
            timeline.length_ns,
            timeline.warmup_sets,
            _due(timeline, {symbol: market.index for symbol, market in self._session.markets.items()}),
            progress,
            self._recorder,
        )
        self._compiled: Final = self._compiled_host(config, strategy_class) if compiled else None

    def run(self) -> Stopped | None:
        """Every set; how the session stopped, or None when the machine gave up."""
        try:
            status = self._play()
        except (OverflowError, GivenUpError):
            return None  # out of the Python host's own calls into the machine; strategy code is caught where it runs
        if status < 0:
            error = self._loop.error
            if error is not None and not isinstance(error, OverflowError | GivenUpError):
                raise error
            return None
        sets = len(self._timeline) - self._timeline.warmup_sets
        if self._recorder is not None:
            return self._recorder.end(sets)
        session, seq = self._started.session, self.machine.seq + 1
        return Stopped(
            reason=END_OF_RECORDING,
            summary=summary_of(self.machine, sets),
            id=event_id(session, "execution", seq),
            session=session,
            source="execution",
            seq=seq,
            cause=event_id(session, "strategy", sets + 1),
            event_ns=self.machine.now_ns,
        )

    def _play(self) -> int:
        if self._python is not None:
            return run_python(self._loop, self._python, tuple(self._session.markets))
        assert self._compiled is not None
        return self._compiled.run_all()

    @property
    def failure(self) -> str:
        """The first call into a Python strategy that raised, "" when none did; a compiled one ends the run."""
        return self._python.trouble if self._python is not None else ""

    def judge_asked(self, asked: Asked, open_ns: int, close_ns: int) -> None:
        """An intent of a compiled strategy that is not plain."""
        intent = asked_intent(asked, self._started.session, self._judge.symbols, open_ns, close_ns)
        self._judge.judge(intent)

    def _compiled_host(self, config: Config, strategy_class: type[Strategy[Any, Any]]) -> CompiledHost:
        # The Python twin checks the parameters and gives the policy; it is asked nothing else.
        python = create(strategy_class, config.strategy.parameters, config.market.symbols, config.market.timeframe)
        twin = compiled_twin(strategy_class)(python.parameters, config.market.symbols, config.market.timeframe)
        desk = Desk(self.machine, [_rules_row(market.instrument) for market in self._session.markets.values()])
        return CompiledHost(self._loop, twin, desk, self, self._started.policy.add_style == "market")


def _columns(candles: Any) -> tuple[Any, ...]:
    fields = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    return (
        np.ascontiguousarray(candles.open_ns, dtype=np.int64),
        *(np.ascontiguousarray(field, dtype=np.float64) for field in fields),
    )


def _due(timeline: SetTimeline, index: dict[str, int]) -> list[tuple[int, int, int, int, int, float | None, str]]:
    """Funding rates with the number of the set (from 0) that brings them."""
    rows = []
    for open_ns in sorted(timeline.funding):
        number = int(np.searchsorted(timeline.opens_ns, open_ns))
        for rate in timeline.funding[open_ns]:
            mantissa, decimals = funding_number(rate.rate)
            rows.append((number, index[rate.symbol], rate.funding_ns, mantissa, decimals, rate.mark, rate.rate))
    return rows


def _machine(started: Started, session: Session) -> Execution:
    config = session.config
    account = config.account
    return Execution(
        [_market_row(market, config) for market in session.markets.values()],
        {
            "equity": fixed.money(account.equity),
            "lots": _METHODS[account.lots],
            "leverage": fixed.parse_decimal(account.leverage),
            "maintenance": fixed.parse_decimal(account.maintenance_margin),
            "maker": session.maker,
            "taker": session.taker,
            "at_close": session.at_close,
            "one_way": session.one_way,
            "late_entries": session.late_entries,
            "through": config.fills.limit == "through",
            "cap_of": _cap_of(tuple(session.markets.values())) if config.fills.participation else None,
        },
        policy_row(started.policy),
    )


def _cap_of(markets: tuple[Market, ...]) -> Callable[[int, float], int]:
    def cap_of(symbol: int, volume: float) -> int:
        markets[symbol].volume = volume
        return markets[symbol].cap

    return cap_of


def _market_row(market: Market, config: Config) -> tuple[Any, ...]:
    """One market as the machine keeps it: its rules, limits in money, and what slippage does to a price."""
    instrument = market.instrument
    mantissa, decimals = fixed.parse_decimal(config.fills.slippage_bp)
    base = BASIS_POINTS * 10**decimals
    return (
        market.normalizer,
        _money(instrument.min_notional),
        _money(instrument.max_notional),
        (base + mantissa, base - mantissa, base),
    )


def _money(limit: str) -> int | None:
    return fixed.money(limit) if limit else None


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
