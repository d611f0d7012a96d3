# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""A Python strategy over the engine, in a backtest: when it is called, and the intents that it asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import cython

from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine.live_view import LiveFill, LiveView
from live_runner.hotpath.engine.python_calls import ACTION_NUMBERS, NO_ACTION, PythonDecisions

if not cython.compiled:
    import sys

    from live_runner.hotpath.engine.decisions import Decisions
    from live_runner.hotpath.engine.live_view import live_bar, live_leg_of
    from live_runner.hotpath.engine.notices import Notice
    from live_runner.hotpath.engine.orders import intent_name, order_name
    from live_runner.hotpath.engine.pretrade import Asked, new_asked, take_words
    from live_runner.hotpath.engine.python_money import to_float
    from live_runner.hotpath.engine.session import Session
    from live_runner.hotpath.engine.trading_state import trading_word
    from live_runner.hotpath.engine.words import (
        NOTICE_BLOCKED,
        NOTICE_CANCELLED,
        NOTICE_EXPIRED,
        NOTICE_REJECTED,
        NOTICE_REQUESTED,
    )

    owners_of = sys.getrefcount

__all__ = ["PythonHost", "RecordedHost"]

UPDATE_STATUSES: Final = (
    "requested", "submitted", "accepted", "", "cancel_requested", "cancelled", "expired", "", "", "unknown", "",
    "limit_tripped", "limit_reset",
)  # fmt: skip
"""By the number of the notice."""


class PythonHost(PythonDecisions):
    """One Python strategy over one session of the engine.

    ``backoff_class``, ``rejection_class`` and ``update_class`` make what is rare: BackoffView, Rejection, OrderUpdate.
    """

    def __init__(
        self,
        engine: Session,
        skips_late: bool,
        strategy: Any,
        hooks: Collection[str],
        draft_class: type[Any],
        failures: Any,
        rules: Mapping[str, Any],
        backoff_class: type[Any],
        rejection_class: type[Any],
        update_class: type[Any],
    ) -> None:
        PythonDecisions.__init__(
            self, engine.state.name, engine.columns, skips_late, strategy, hooks, draft_class, failures
        )
        self.engine = engine
        self.account = engine.state
        self.backoff_class = backoff_class
        self.rejection_class = rejection_class
        self.update_class = update_class
        self.no_backoff = backoff_class()
        self.legs_shown: list[Any] = [None for _ in range(2 * self.symbols)]
        self.account.notes = self.listens
        self.account.notes_updates = self.handles_updates
        self.rules = rules
        self.current = self.new_view()
        self.view = self.current
        self.owners = owners_of(self.current)

    # -- a close ----------------------------------------------------------------------------------

    def observe(self) -> None:
        """Show every bar of the set."""
        for symbol in range(self.symbols):
            if self.columns.bars[symbol].number == self.account.set_number:
                bar = live_bar(self.names[symbol], self.columns, symbol)
                self.show(symbol, bar)

    def decide(self) -> None:
        """The account as it is now, the order events, then ``on_bar``."""
        if self.account.changes:
            self.show_legs()
        self.refresh()
        if self.account.has_notices:
            self.account.has_notices = False
            self.decide_at(self.account.set_number, self.account.close_ns, self.account.now_ns, self.account.notices)
        else:
            self.decide_at(self.account.set_number, self.account.close_ns, self.account.now_ns, None)
        if (self.numbered or self.failed) and not self.account.journals:
            self.forget_decision()

    def ask(self) -> None:
        """Ask every symbol; a view that strategy code has kept is replaced."""
        Decisions.ask(self)
        if owners_of(self.current) > self.owners:
            self.current.finish()
            self.current = self.new_view()
            self.view = self.current

    def new_view(self) -> LiveView:
        """A view for the closes to come."""
        view = LiveView.__new__(LiveView)
        view.names = self.names
        view.places = self.places
        view.account = self.account
        view.backoff_class = self.backoff_class
        view.no_backoff = self.no_backoff
        view.now_ns = 0
        view.cash_units = 0
        view.equity_units = 0
        view.exposure_units = 0
        view.shown_legs = self.legs_shown
        view.shown_orders = {}
        view.shown_backoffs = {}
        view.complete = False
        view.gate = "open"
        view.rules = self.rules
        return view

    def refresh(self) -> None:
        """The money of this close, and no orders yet."""
        self.current.now_ns = self.account.now_ns
        self.current.cash_units = self.account.ledger.cash
        self.current.equity_units = self.account.ledger.cash + self.account.ledger.unrealised
        self.current.exposure_units = self.account.ledger.exposure
        if self.account.trading or self.current.gate != "open":
            self.current.gate = trading_word(self.account)
        if self.current.shown_orders:
            self.current.shown_orders.clear()

    def show_legs(self) -> None:
        """The legs that changed since the last close; the others are the same objects."""
        shown = list(self.legs_shown)
        for at in range(self.symbols):
            market = self.account.markets[at]
            if market.long.changed:
                shown[2 * at] = live_leg_of(self.account, market, market.long)
            if market.short.changed:
                shown[2 * at + 1] = live_leg_of(self.account, market, market.short)
        self.legs_shown = shown
        self.current.shown_legs = shown
        self.engine.clear_changes()

    # -- intents ----------------------------------------------------------------------------------

    def hand_over(self) -> None:
        """The decision's intents, to the session."""
        asked = []
        for at in range(len(self.drafts)):
            asked.append(self.asked_of(self.drafts[at], self.numbers[at]))
        self.engine.carry_out(asked)

    def asked_of(self, draft: Any, number: int) -> Asked:
        """An intent in numbers."""
        asked = new_asked(
            self.close_ns,
            number,
            self.places[draft.symbol],
            0 if draft.leg == SIDES[0] else 1,
            ACTION_NUMBERS.get(draft.action, NO_ACTION),
        )
        take_words(asked, draft)
        return asked

    def backoff_detail(self, index: int) -> str | None:
        """The last rejection of a leg that is in backoff, else None."""
        if not self.account.backoffs:
            return None
        market = self.account.markets[index // 2]
        leg = market.leg(index % 2)
        if leg.backoff is None or not leg.backoff.blocks(self.now_ns):
            return None
        detail: str = leg.backoff.detail
        return detail

    def is_in_use(self, symbol: int) -> bool:
        """Whether the symbol holds a position or has an order pending."""
        market = self.account.markets[symbol]
        return market.long.quantity > 0 or market.short.quantity > 0 or len(market.open_orders) > 0

    # -- order events -----------------------------------------------------------------------------

    def word_fill(self, notice: Notice) -> LiveFill:
        """The fill as the strategy sees it."""
        fill = LiveFill.__new__(LiveFill)
        fill.notice = notice
        fill.order = notice.order
        fill.market = self.account.markets[notice.symbol]
        return fill

    def word_rejection(self, notice: Notice, restored: bool) -> Any:
        """The rejection, denial or blocked intent as the strategy sees it."""
        kind = "refused"
        if notice.kind == NOTICE_BLOCKED:
            kind = "blocked"
        elif notice.kind == NOTICE_REJECTED:
            kind = "rejected"
        intent_id = f"{self.session}/{notice.close_ns}/{notice.number}"
        order_id = ""
        if notice.order is not None:
            intent_id = intent_name(notice.order)
            order_id = order_name(notice.order)
        return self.rejection_class(
            symbol=self.names[notice.symbol],
            leg=SIDES[notice.side],
            action=ACTIONS[notice.action] if notice.action >= 0 else "",
            kind=kind,
            reason=notice.reason,
            message=notice.message,
            retrying=bool(notice.retrying),
            restored=bool(restored),
            intent_id=intent_id,
            order_id=order_id,
            at_ns=notice.at_ns,
        )

    def word_update(self, notice: Notice, restored: bool) -> Any:
        """Another change of an order, or a risk limit that was tripped or reset, as the strategy sees it."""
        order = notice.order
        if order is None:
            return self.word_limit(notice)
        market = self.account.markets[notice.symbol]
        ended = notice.kind == NOTICE_CANCELLED or notice.kind == NOTICE_EXPIRED
        return self.update_class(
            symbol=market.symbol,
            leg=SIDES[notice.side],
            action=ACTIONS[notice.action],
            status=UPDATE_STATUSES[notice.kind],
            filled=to_float(market.lot_grid, notice.filled) if ended else 0.0,
            remaining=to_float(market.lot_grid, notice.remaining) if ended else 0.0,
            reason=order.reason if notice.kind == NOTICE_REQUESTED else notice.reason,
            restored=bool(restored),
            intent_id=intent_name(order),
            order_id=order_name(order),
            at_ns=notice.at_ns,
        )

    def word_limit(self, notice: Notice) -> Any:
        """A risk limit that was tripped or reset."""
        return self.update_class(
            symbol=self.names[notice.symbol] if notice.symbol >= 0 else "",
            leg="",
            action="",
            status=UPDATE_STATUSES[notice.kind],
            filled=0.0,
            remaining=0.0,
            reason=notice.reason,
            restored=False,
            intent_id="",
            order_id="",
            at_ns=notice.at_ns,
        )

    def forget_decision(self) -> None:
        """Begin anew; without a journal nobody asks for the failed calls."""
        PythonDecisions.forget_decision(self)
        if not self.account.journals:
            self.failures.take()
            self.failures.tracebacks.clear()


class RecordedHost(PythonHost):
    """Asks a strategy on the engine that folds its session's messages; the messages carry out what it decides."""

    def observe_earlier(self, bars: list[Any]) -> None:
        """Show bars of a set that the engine has passed."""
        for bar in bars:
            self.show(self.places[bar.symbol], bar)

    def decide_recorded(self, legs: list[Any]) -> tuple[Any, Any, Any]:
        """Observe and decide at the engine's close; ``legs`` are those that ``settled`` shows."""
        if legs:
            self.show_settled(legs)
        self.observe()
        self.decide()
        return self.decision()

    def show_settled(self, legs: list[Any]) -> None:
        """The legs that changed since the last close."""
        shown = list(self.legs_shown)
        for leg in legs:
            at = self.places[leg.symbol]
            side = 0 if leg.leg == SIDES[0] else 1
            market = self.account.markets[at]
            shown[2 * at + side] = live_leg_of(self.account, market, market.leg(side))
        self.legs_shown = shown
        self.current.shown_legs = shown

    def hand_over(self) -> None:
        """The decision is folded as a message."""
