"""A Python strategy in the compiled bar loop: what has to be done on the few sets that are not quiet.

The parts are those of the strategy service's host, used in the same order: news, legs put back, calls and
decisions. Only the account is read from the machine instead of from ``settled``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from live_runner.contracts.config import Config
from live_runner.contracts.errors import StrategyError
from live_runner.contracts.messages import BlockedIntent, Event, FailedCall, Intent, Started
from live_runner.contracts.policy import BackoffState
from live_runner.hotpath.compiled.execution import Execution
from live_runner.hotpath.compiled.journal import ACTIONS, KINDS, LEGS, Journal
from live_runner.hotpath.compiled.python_loop import LiveView, place_text
from live_runner.services.backtest.judge import FALLBACKS, Judge, fallback_bits
from live_runner.services.execution.core.desk import FIRST
from live_runner.services.execution.core.intents import EXITS, STYLES
from live_runner.services.strategy.core.account import backoff_view, rules_of
from live_runner.services.strategy.core.calls import Calls
from live_runner.services.strategy.core.decision import Decision, drafts_of
from live_runner.services.strategy.core.failures import Failures
from live_runner.services.strategy.core.legs import Copies, LegBook, LegKey
from live_runner.services.strategy.core.news import NEWS, tell
from live_runner.services.strategy.core.open_intents import Blocked, OpenIntents
from live_runner.strategies.base import Bar, Draft, LegView, LotView, OrderView, Strategy
from live_runner.strategies.parameters import create
from live_runner.strategies.view import FLAT, NO_BACKOFF

__all__ = ["PythonHost"]

_LEG_NUMBERS: Final = {leg: number for number, leg in enumerate(LEGS)}
_ACTION_NUMBERS: Final = {action: number for number, action in enumerate(ACTIONS)}
_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KINDS)}
_NO_STRATEGY_REMEDY: Final = "Return nothing; intents come from on_bar only"


class PythonHost:
    """One Python strategy over one machine.

    ``busy``: something has to be told at the next close, whatever happens there. ``asked``: the decision has
    intents. ``plain``: around a call of ``on_bar`` that asks for nothing nothing has to be done.
    """

    def __init__(
        self, started: Started, config: Config, kind: type[Strategy[Any, Any]], machine: Execution, judge: Judge
    ) -> None:
        self.strategy: Final = create(kind, config.strategy.parameters, config.market.symbols, config.market.timeframe)
        self._session: Final = started.session
        self._machine: Final = machine
        self._judge: Final = judge
        self._journal: Final[Journal] = judge.journal
        self._length_ns = 0
        self._legs: Final = LegBook(self.strategy)
        self._failures: Final = Failures()
        self._calls: Final = Calls(self.strategy, self._legs, self._failures)
        self._intents: Final = OpenIntents()
        self._adds_at_market: Final = started.policy.add_style == "market"
        self._index: Final = {symbol: at for at, symbol in enumerate(judge.symbols)}
        self._backoffs: dict[LegKey, BackoffState] = {}
        self._leg_views: dict[LegKey, LegView] = {}
        self._lots: dict[LegKey, list[tuple[float, float, int, int]]] = {}
        self._orders: dict[str, tuple[OrderView, ...]] = {}
        self._blocked: list[Blocked] = []
        self._decision: Decision | None = None
        self._bar: Bar | None = None
        rules = {instrument.symbol: rules_of(instrument) for instrument in started.instruments}
        self.view = LiveView(machine, MappingProxyType(rules), FLAT, NO_BACKOFF)
        self.plain: Final = not self._legs.has_fields and not self._calls.selects
        self._is_deaf: Final = not self._legs.has_fields and not any(map(self._calls.hears, NEWS.values()))
        """No news is told and no leg put back."""
        self.busy = False
        self.asked = False
        self.said: tuple[list[Intent], list[BlockedIntent], list[FailedCall]] = ([], [], [])
        """Of the last decision: intents, blocked ones, failed calls. For whoever records."""

    # -- news -----------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """The first failure of the strategy's code, "" while there was none."""
        return self._calls.trouble

    def settle(self) -> None:
        """After a set in which something happened: the account as it is now, and the news."""
        machine = self._machine
        for symbol, side in machine.changed():
            self._read_leg(symbol, side)
        machine.forget_changes()
        self._read_orders()
        now_ns = machine.now_ns
        backoffs = {key: backoff_view(state, now_ns) for key, state in self._backoffs.items()}
        self.view.show(MappingProxyType(self._leg_views), MappingProxyType(self._orders), MappingProxyType(backoffs))
        if self._is_deaf:
            self._blocked.clear()
            self.busy = bool(self._orders)
            return
        events = [event for event in self._journal.events(0, "") if type(event) in NEWS]
        held: list[Event | Blocked] = [*self._blocked, *events]
        self._blocked.clear()
        notices = self._intents.read(held)
        # The live view stands for View: it has the same attributes and methods.
        view: Any = self.view
        tell(notices, self._legs, self._calls, view)
        self._intents.forget(self._legs.versions)
        self.busy = bool(self._orders or self._intents.groups)

    def _read_leg(self, symbol: int, side: int) -> None:
        """One leg as the strategy sees it; older lots are taken over as they are."""
        key = (self._judge.symbols[symbol], LEGS[side])
        quantity, average, realised, lots = self._machine.shown(symbol, side)
        before = self._lots.get(key, [])
        same = 0
        for lot, known in zip(lots, before, strict=False):
            if lot != known:
                break
            same += 1
        older = self._leg_views[key].lots[:same] if same else ()
        newer = [LotView(held, price, ns, self._journal.order_id(order)) for held, price, ns, order in lots[same:]]
        self._lots[key] = lots
        blocked = "backoff" if self._machine.in_backoff(symbol, side) else ""
        backoff = self._judge.backoffs.get(key)
        if backoff is None:
            self._backoffs.pop(key, None)
        else:
            self._backoffs[key] = backoff
        # A new mapping each time: strategy code may keep the old one.
        self._leg_views = {**self._leg_views, key: LegView(quantity, average, (*older, *newer), realised, blocked)}

    def _read_orders(self) -> None:
        views: dict[str, list[OrderView]] = {}
        for order in self._journal.pending(OrderView, False):
            views.setdefault(order.symbol, []).append(order)
        self._orders = {symbol: tuple(orders) for symbol, orders in views.items()}

    def renew_view(self) -> LiveView:
        """Another view, because strategy code has kept this one."""
        self.view = self.view.renewed()
        return self.view

    # -- calls ----------------------------------------------------------------------------------

    def failed(self, bar: Bar, call: str, error: BaseException) -> None:
        """A call that raised."""
        self._calls.failed(bar.symbol, call, error)
        self.asked = True

    def answered(self, bar: Bar, answer: object) -> None:
        """``observe`` gave something."""
        error = StrategyError(f"observe gave a {type(answer).__name__}", remedy=_NO_STRATEGY_REMEDY)
        self._calls.failed(bar.symbol, "observe", error)
        self.asked = True

    def take(self, bar: Bar, answer: object) -> None:
        """What ``on_bar`` gave, of a strategy whose legs have no state; generators run here."""
        self.asked = True
        try:
            drafts = drafts_of(answer, bar.symbol)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self._calls.failed(bar.symbol, "on_bar", error)
            return
        self._take(bar, self._legs.copy(bar.symbol), drafts)

    def ask(self, bars: list[Bar]) -> None:
        """Ask every symbol, of a strategy whose legs have a state or that selects."""
        view: Any = self.view
        for bar in self._calls.select(bars, view, self._in_use):
            copies = self._legs.copy(bar.symbol)
            drafts = self._calls.ask(bar, view)
            if drafts:
                self._take(bar, copies, drafts)
        self.asked = self.asked or bool(self._failures.calls)

    def _in_use(self) -> set[str]:
        return {symbol for (symbol, _), view in self._leg_views.items() if view.lots} | set(self._orders)

    def _take(self, bar: Bar, copies: Copies, drafts: tuple[Draft, ...]) -> None:
        self.asked = True
        if not drafts:
            return
        if self._decision is None:
            self._bar = bar
            self._decision = Decision(self._session, bar.open_ns, bar.close_ns, self._machine.now_ns, self._backoffs)
        for key, intents in self._decision.take(drafts, self._calls.trouble).items():
            if self._is_deaf:
                continue
            before = copies[0] if key[1] == "long" else copies[1]
            self._intents.ask(key, intents, before, self._legs.versions[key])

    # -- decision -------------------------------------------------------------------------------

    def carry_out(self) -> None:
        """The decision's intents, closes first."""
        decision, bar = self._decision, self._bar
        failed = self._failures.take()
        self._failures.tracebacks.clear()
        self.asked = False
        self.said = ([], [], failed)
        if decision is None or bar is None:
            return
        self._decision = None
        self.said = (decision.intents, decision.blocked, failed)
        if decision.blocked:
            self._blocked.extend(Blocked(blocked, bar.close_ns) for blocked in decision.blocked)
        for intent in decision.intents:
            if intent.action in FIRST:
                self._one(intent, bar)
        for intent in decision.intents:
            if intent.action not in FIRST:
                self._one(intent, bar)
        self._machine.count_decision(len(decision.intents))
        self.busy = True

    def said_nothing(self) -> None:
        """The recorder has taken what was said."""
        self.said = ([], [], [])

    def _one(self, intent: Intent, bar: Bar) -> None:
        kind = self._kind(intent)
        if kind < 0 or not place_text(
            self._machine,
            self._index[intent.symbol],
            _LEG_NUMBERS[intent.leg],
            _ACTION_NUMBERS[intent.action],
            kind,
            intent.quantity,
            intent.limit_price if kind else None,
            intent.time_to_live_ns,
            fallback_bits(tuple(intent.fallback)) if intent.fallback else 0,
            intent.reason,
            int(intent.id.rpartition("/")[2]),
            bar.close_ns,
        ):
            self._judge.judge(intent)

    def _kind(self, intent: Intent) -> int:
        """The order's kind, where the intent has nothing that only the desk can judge; else -1."""
        style = intent.style
        if style is None and (intent.action in EXITS or (intent.action == "add" and self._adds_at_market)):
            style = "market"
        is_close = intent.action == "close"
        if (
            style not in STYLES
            or (style != "market" and intent.limit_price is None)
            or intent.action not in _ACTION_NUMBERS
            or (intent.quantity is None) != is_close
            or intent.policy is not None
            or intent.fraction is not None
            or intent.sizing != "explicit"
            or intent.take_profit is not None
            or intent.stop_loss is not None
            or not all(word in FALLBACKS for word in intent.fallback)
            or (intent.time_to_live_ns is not None and intent.time_to_live_ns <= 0)
        ):
            return -1
        return _KIND_NUMBERS[style]
