"""Calls into strategy code, each made once and in one way.

A call that raises, or answers with something it may not, is undone as far as the legs go and noted.
The session then manages what is open, and blocks opens and adds until it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from live_runner.contracts.errors import StrategyError
from live_runner.services.strategy.core.decision import drafts_of
from live_runner.services.strategy.core.failures import Failures
from live_runner.services.strategy.core.legs import Copies, LegBook
from live_runner.strategies.base import Bar, Draft, Fill, OrderUpdate, Rejection, Strategy, View

__all__ = ["Calls"]

_FAILED: Final = object()


class Calls:
    """One strategy and what its failures lead to.

    ``trouble`` is the first failure of the session, "" while there was none.
    """

    def __init__(self, strategy: Strategy[Any, Any], legs: LegBook, failures: Failures) -> None:
        self._strategy = strategy
        self._legs = legs
        self._failures = failures
        self._symbols = strategy.symbols
        self.selects = type(strategy).select is not Strategy.select
        hooks = ("on_fill", "on_rejection", "on_order_update")
        self._heard = {name for name in hooks if getattr(type(strategy), name) is not getattr(Strategy, name)}
        self.trouble = ""

    def observe(self, bars: Sequence[Bar]) -> None:
        """Show every bar of a set; never undone."""
        observe = self._strategy.observe
        for bar in bars:
            try:
                _nothing(observe(bar), "observe")
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever strategy code raises is its failure
                self._fail(bar.symbol, "observe", error)

    def hears(self, hook: str) -> bool:
        """Whether the strategy listens to this news at all."""
        return hook in self._heard

    def tell(self, hook: str, news: Fill | Rejection | OrderUpdate, view: View) -> None:
        """Bring one piece of news."""
        self._guarded(news.symbol, hook, lambda: _nothing(getattr(self._strategy, hook)(news, view), hook))

    def ask(self, bar: Bar, view: View) -> tuple[Draft, ...]:
        """What is wanted at this close; nothing when the call fails."""
        answer = self._guarded(bar.symbol, "on_bar", lambda: drafts_of(self._strategy.on_bar(bar, view), bar.symbol))
        drafts: tuple[Draft, ...] = () if answer is _FAILED else answer
        return drafts

    def failed(self, symbol: str, call: str, error: BaseException) -> None:
        """Note a call that raised and left no leg changed."""
        self._fail(symbol, call, error)

    def select(self, bars: Sequence[Bar], view: View, in_use: Callable[[], set[str]]) -> Sequence[Bar]:
        """The bars to decide for: chosen by the strategy, or in use. All of them when it does not choose or fails."""
        if not self.selects:
            return bars
        try:
            answer = self._strategy.select(tuple(bars), view)
            if answer is None:
                return bars
            chosen = frozenset(answer)
            unknown = chosen.difference(self._symbols)
            if unknown:
                raise StrategyError(
                    f"select gave {', '.join(sorted(map(str, unknown)))}, which the session does not trade",
                    remedy="Choose among the configured symbols",
                )
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            self._fail("", "select", error)
            return bars
        wanted = chosen | in_use()
        return [bar for bar in bars if bar.symbol in wanted]

    def _guarded(self, symbol: str, call: str, function: Callable[[], Any]) -> Any:
        copies: Copies | None = self._legs.copy(symbol) if symbol in self._symbols else None
        try:
            answer = function()
            if copies is not None:
                self._legs.accept(symbol)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever strategy code raises is its failure
            if copies is not None:
                self._legs.put_back(symbol, copies)
            self._fail(symbol, call, error)
            return _FAILED
        return answer

    def _fail(self, symbol: str, call: str, error: BaseException) -> None:
        failed = self._failures.add(symbol, call, error)
        if not self.trouble:
            self.trouble = f"{symbol} {call}: {failed.error}".strip()


def _nothing(answer: object, call: str) -> None:
    if answer is not None:
        raise StrategyError(
            f"{call} gave a {type(answer).__name__}", remedy="Return nothing; intents come from on_bar only"
        )
