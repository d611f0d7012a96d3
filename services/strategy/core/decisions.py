"""A Python strategy over messages: the engine's decisions, with order events and the account from the log."""

from __future__ import annotations

from typing import Any

from live_runner.contracts.policy import is_blocked
from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine import words
from live_runner.hotpath.engine.columns import Columns
from live_runner.hotpath.engine.python_calls import HOOKS, PythonDecisions
from live_runner.services.strategy.core.account import Account
from live_runner.services.strategy.core.failures import Failures
from live_runner.services.strategy.core.news import fill_of, hooks_of, rejection_of, update_of
from live_runner.strategies.base import Draft, Fill, OrderUpdate, Rejection, Strategy

__all__ = ["MessageDecisions"]


class MessageDecisions(PythonDecisions):
    """Calls the strategy of one session in the strategy service."""

    def __init__(
        self,
        session: str,
        strategy: Strategy[Any, Any],
        account: Account,
        failures: Failures,
        *,
        skips_late: bool,
    ) -> None:
        hooks = hooks_of(strategy, HOOKS)
        super().__init__(session, Columns(len(strategy.symbols)), skips_late, strategy, hooks, Draft, failures)
        self.account = account
        self.keys = [(symbol, side) for symbol in strategy.symbols for side in SIDES]

    def backoff_detail(self, index: int) -> str | None:
        """The last rejection of a leg that is in backoff, else None."""
        state = self.account.backoffs.get(self.keys[index])
        return state.detail if state is not None and is_blocked(state, self.now_ns) else None

    def is_in_use(self, symbol: int) -> bool:
        """Whether the symbol holds a position or has an order pending."""
        return self.account.is_in_use(self.names[symbol])

    def word_fill(self, notice: Any) -> Fill:
        """The fill as the strategy sees it."""
        return fill_of(notice.event)

    def word_rejection(self, notice: Any, restored: bool) -> Rejection:
        """The rejection, denial or blocked intent as the strategy sees it."""
        if notice.kind != words.NOTICE_BLOCKED:
            return rejection_of(notice.event, restored=restored)
        symbol, leg = self.keys[2 * notice.symbol + notice.side]
        return Rejection(
            symbol=symbol,
            leg=leg,
            action=ACTIONS[notice.action],
            kind="blocked",
            reason=notice.reason,
            message=notice.message,
            retrying=False,
            restored=restored,
            intent_id=f"{self.session}/{notice.close_ns}/{notice.number}",
            order_id="",
            at_ns=notice.at_ns,
        )

    def word_update(self, notice: Any, restored: bool) -> OrderUpdate:
        """Another change of an order as the strategy sees it."""
        return update_of(notice.event, notice.details, restored=restored)
