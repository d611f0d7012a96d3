"""One decision in the making: drafts become numbered intents, or blocked ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from live_runner.contracts.errors import StrategyError
from live_runner.contracts.ids import intent_id
from live_runner.contracts.messages import BlockedIntent, Intent
from live_runner.contracts.policy import ENTRIES, BackoffState, is_blocked
from live_runner.services.strategy.core.legs import LegKey
from live_runner.strategies.base import SIDES, Draft

__all__ = ["INTENTS_PER_CALL_MAX", "Decision", "drafts_of"]

INTENTS_PER_CALL_MAX: Final = 1000
"""Most intents that one ``on_bar`` may give; more is an error of that call."""

_NO_LISTS: Final = (Draft, str, bytes, Mapping)


def drafts_of(answer: Any, symbol: str) -> tuple[Draft, ...]:
    """What ``on_bar`` gave for a symbol, in its order; StrategyError when it is no list of intents for it."""
    if answer is None or (type(answer) is list and not answer):
        return ()
    if isinstance(answer, _NO_LISTS):
        raise StrategyError(f"on_bar gave a {type(answer).__name__}", remedy="Return a list of intents, or None")
    drafts: list[Draft] = []
    for draft in answer:
        if not isinstance(draft, Draft):
            raise StrategyError(
                f"on_bar gave a {type(draft).__name__} among its intents",
                remedy="Make intents with intent.open, add, partial_close, close, cancel, sync_state and hold",
            )
        if draft.symbol != symbol:
            raise StrategyError(
                f"on_bar of {symbol} gave an intent for {draft.symbol}", remedy="Ask for the bar's own symbol only"
            )
        if draft.leg not in SIDES:
            raise StrategyError(f"on_bar gave an intent for the leg '{draft.leg}'", remedy="Use 'long' or 'short'")
        drafts.append(draft)
        if len(drafts) > INTENTS_PER_CALL_MAX:
            raise StrategyError(
                f"on_bar gave more than {INTENTS_PER_CALL_MAX} intents", remedy="Spread them over several bars"
            )
    return tuple(drafts)


class Decision:
    """The intents of one close, numbered from 1 in the order they were said."""

    def __init__(
        self, session: str, open_ns: int, close_ns: int, now_ns: int, backoffs: Mapping[LegKey, BackoffState]
    ) -> None:
        self._session = session
        self._open_ns = open_ns
        self._close_ns = close_ns
        self._now_ns = now_ns
        self._backoffs = backoffs
        self._count = 0
        self.intents: list[Intent] = []
        self.blocked: list[BlockedIntent] = []

    def take(self, drafts: tuple[Draft, ...], trouble: str) -> dict[LegKey, list[Intent]]:
        """Number one call's drafts; those of each leg, blocked ones included.

        ``trouble`` is the error after which the session only manages what is open; "" when there was none.
        """
        by_leg: dict[LegKey, list[Intent]] = {}
        for draft in drafts:
            self._count += 1
            intent = _intent(draft, intent_id(self._session, self._close_ns, self._count), self._open_ns)
            key = (draft.symbol, draft.leg)
            by_leg.setdefault(key, []).append(intent)
            reason, detail = self._why_blocked(intent, key, trouble)
            if reason:
                self.blocked.append(BlockedIntent(intent=intent, reason=reason, detail=detail))
            else:
                self.intents.append(intent)
        return by_leg

    def _why_blocked(self, intent: Intent, key: LegKey, trouble: str) -> tuple[str, str]:
        if intent.action not in ENTRIES:
            return "", ""
        if trouble:
            return "strategy_error", trouble
        state = self._backoffs.get(key)
        if state is not None and is_blocked(state, self._now_ns):
            return "backoff", state.detail
        return "", ""


def _intent(draft: Draft, id: str, open_ns: int) -> Intent:
    return Intent(
        id=id,
        symbol=draft.symbol,
        leg=draft.leg,
        action=draft.action,
        quantity=draft.quantity,
        fraction=draft.fraction,
        sizing=draft.sizing,
        notional=draft.notional,
        style=draft.style,
        limit_price=draft.limit_price,
        take_profit=draft.take_profit,
        stop_loss=draft.stop_loss,
        time_to_live_ns=draft.time_to_live_ns,
        fallback=list(draft.fallback),
        close_semantics=draft.close_semantics,
        order_id=draft.order_id,
        reason=draft.reason,
        policy=draft.policy,
        bar_open_ns=open_ns,
    )
