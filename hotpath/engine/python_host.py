# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""A Python strategy over the engine, in a backtest: what it is shown, and the intents that it asks for.

What it is shown stands for the structs of strategies/base.py, strategies/view.py and strategies/news.py: the same
attributes, methods and text, made when something changed and worded when asked for. Whatever a strategy keeps goes on
saying what it said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

import cython

from live_runner.contracts.vocabulary import ACTIONS, KINDS, ORDER_STATES, SIDES
from live_runner.hotpath.engine.python_calls import ACTION_NUMBERS, NO_ACTION, PythonDecisions

if not cython.compiled:
    import sys

    from live_runner.hotpath.engine.columns import Columns
    from live_runner.hotpath.engine.decisions import Decisions
    from live_runner.hotpath.engine.ledger import Leg, Lot
    from live_runner.hotpath.engine.notices import Notice
    from live_runner.hotpath.engine.orders import Order, intent_name, order_name
    from live_runner.hotpath.engine.plain_money import money_float, to_float
    from live_runner.hotpath.engine.pretrade import Asked, new_asked, take_words
    from live_runner.hotpath.engine.session import Session
    from live_runner.hotpath.engine.state import Market
    from live_runner.hotpath.engine.trading_state import trading_word
    from live_runner.hotpath.engine.words import (
        AVERAGE,
        FILLED,
        NOTICE_BLOCKED,
        NOTICE_CANCELLED,
        NOTICE_EXPIRED,
        NOTICE_REJECTED,
        NOTICE_REQUESTED,
    )

    owners_of = sys.getrefcount

__all__ = ["LiveBar", "LiveFill", "LiveLeg", "LiveLot", "LiveOrder", "LiveView", "PythonHost"]

MONEY_DECIMALS: Final = 12
BAR_FIELDS: Final = ("symbol", "open_ns", "close_ns", "open", "high", "low", "close", "volume", "late")
LOT_FIELDS: Final = ("quantity", "price", "opened_ns", "order_id")
LEG_FIELDS: Final = ("quantity", "average", "lots", "realised", "blocked")
ORDER_FIELDS: Final = (
    "order_id", "intent_id", "symbol", "leg", "side", "kind", "action", "remaining", "price", "status", "expires_ns",
)  # fmt: skip
FILL_FIELDS: Final = (
    "symbol", "leg", "action", "side", "kind", "quantity", "price", "notional", "fee", "fee_currency", "liquidity",
    "realised", "slippage", "filled", "remaining", "is_done", "leg_quantity", "order_id", "intent_id", "reason",
    "at_ns",
)  # fmt: skip
VIEW_FIELDS: Final = (
    "now_ns", "equity", "cash", "exposure", "margin", "gate", "legs", "orders", "rules", "backoffs",
)  # fmt: skip
UPDATE_STATUSES: Final = (
    "requested", "submitted", "accepted", "", "cancel_requested", "cancelled", "expired", "", "", "unknown", "",
)  # fmt: skip
"""By the number of the notice."""


class LiveBar:
    """One bar: ``strategies.base.Bar``."""

    symbol: str
    open_ns: int
    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    late: bool

    def _row(self) -> tuple[Any, ...]:
        return (
            self.symbol, self.open_ns, self.close_ns, self.open, self.high, self.low, self.close, self.volume,
            self.late,
        )  # fmt: skip

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveBar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._row())

    def __repr__(self) -> str:
        return described("Bar", BAR_FIELDS, self._row())


class LiveLot:
    """One open piece of a leg: ``strategies.view.LotView``."""

    quantity: float
    price: float
    opened_ns: int
    order: Any

    @property
    def order_id(self) -> str:
        """The order that opened it."""
        return self.order if isinstance(self.order, str) else order_name(self.order)

    def _row(self) -> tuple[Any, ...]:
        return (self.quantity, self.price, self.opened_ns, self.order_id)

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveLot) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._row())

    def __repr__(self) -> str:
        return described("LotView", LOT_FIELDS, self._row())


class LiveLeg:
    """One side of a symbol's position: ``strategies.view.LegView``."""

    quantity: float
    realised: float
    average: Any
    lots: Any
    blocked: str

    @property
    def is_open(self) -> bool:
        """Whether there is a position."""
        return len(self.lots) > 0

    def _row(self) -> tuple[Any, ...]:
        return (self.quantity, self.average, self.lots, self.realised, self.blocked)

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveLeg) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._row())

    def __repr__(self) -> str:
        return described("LegView", LEG_FIELDS, self._row())


class LiveOrder:
    """An order that is not finished, as of one close: ``strategies.view.OrderView``."""

    order: Order
    state: int
    filled: int
    symbol: str
    leg: str
    remaining: float
    price: Any

    @property
    def order_id(self) -> str:
        """Its id."""
        return order_name(self.order)

    @property
    def intent_id(self) -> str:
        """The intent that it belongs to."""
        return intent_name(self.order)

    @property
    def side(self) -> str:
        """``buy`` or ``sell``."""
        return "buy" if self.order.buy else "sell"

    @property
    def kind(self) -> str:
        """``market``, ``limit``, ``post_only``, ``stop`` or ``take_profit``."""
        return KINDS[self.order.kind]

    @property
    def action(self) -> str:
        """What its intent asked for."""
        return ACTIONS[self.order.action]

    @property
    def status(self) -> str:
        """Its state at that close."""
        return ORDER_STATES[self.state]

    @property
    def expires_ns(self) -> int | None:
        """The end of its life."""
        return self.order.expires_ns if self.order.expires_ns >= 0 else None

    def _row(self) -> tuple[Any, ...]:
        return (
            self.order_id, self.intent_id, self.symbol, self.leg, self.side, self.kind, self.action, self.remaining,
            self.price, self.status, self.expires_ns,
        )  # fmt: skip

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveOrder) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._row())

    def __repr__(self) -> str:
        return described("OrderView", ORDER_FIELDS, self._row())


class LiveFill:
    """One fill: ``strategies.news.Fill``. Its numbers are those of the notice."""

    notice: Notice
    order: Order
    market: Market

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.market.symbol

    @property
    def leg(self) -> str:
        """``long`` or ``short``."""
        return SIDES[self.order.side]

    @property
    def action(self) -> str:
        """``open``, ``add``, ``partial_close`` or ``close``."""
        return ACTIONS[self.order.action]

    @property
    def side(self) -> str:
        """``buy`` or ``sell``."""
        return "buy" if self.order.buy else "sell"

    @property
    def kind(self) -> str:
        """The order's kind."""
        return KINDS[self.order.kind]

    @property
    def quantity(self) -> float:
        """Of this fill."""
        return to_float(self.market.lot_grid, self.notice.lots)

    @property
    def price(self) -> float:
        """Of this fill."""
        return to_float(self.market.grid, self.notice.ticks)

    @property
    def notional(self) -> float:
        """Its money."""
        return money_float(self.notice.notional)

    @property
    def fee(self) -> float:
        """What it cost."""
        return money_float(self.notice.fee)

    @property
    def fee_currency(self) -> str:
        """The settle currency."""
        return self.market.instrument.settle

    @property
    def liquidity(self) -> str:
        """``maker`` or ``taker``."""
        return "maker" if self.notice.maker else "taker"

    @property
    def realised(self) -> float:
        """Realised PnL of this fill before fees."""
        return money_float(self.notice.realised)

    @property
    def slippage(self) -> float:
        """Cost against the reference price; positive is adverse."""
        return money_float(self.notice.slippage)

    @property
    def filled(self) -> float:
        """Of the order, this fill included."""
        return to_float(self.market.lot_grid, self.notice.filled)

    @property
    def remaining(self) -> float:
        """Of the order."""
        return to_float(self.market.lot_grid, self.order.quantity - self.notice.filled)

    @property
    def is_done(self) -> bool:
        """Whether the order is filled completely."""
        return self.notice.state == FILLED

    @property
    def leg_quantity(self) -> float:
        """The leg's quantity after this fill."""
        return to_float(self.market.lot_grid, self.notice.leg_lots)

    @property
    def order_id(self) -> str:
        """The order's id."""
        return order_name(self.order)

    @property
    def intent_id(self) -> str:
        """The intent's id."""
        return intent_name(self.order)

    @property
    def reason(self) -> str:
        """Why the order was placed."""
        return self.order.reason

    @property
    def at_ns(self) -> int:
        """When."""
        return self.notice.at_ns

    def _row(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in FILL_FIELDS])

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveFill) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._row())

    def __repr__(self) -> str:
        return described("Fill", FILL_FIELDS, self._row())


class LiveView:
    """The account at one close: ``strategies.view.View``.

    Money is copied at the close. What is made only when somebody asks is made while its close lasts; of a view that
    strategy code keeps, everything is made before its close ends (``finish``).
    """

    host: PythonHost
    now_ns: int
    cash_units: int
    equity_units: int
    exposure_units: int
    shown_legs: list[Any]
    shown_orders: Any
    shown_backoffs: Any
    complete: bool
    gate: str
    rules: Any

    @property
    def equity(self) -> float:
        """Mark to market."""
        return money_float(self.equity_units)

    @property
    def cash(self) -> float:
        """Starting equity + realised - fees + funding."""
        return money_float(self.cash_units)

    @property
    def exposure(self) -> float:
        """Sum of the open notional of all legs."""
        return money_float(self.exposure_units)

    @property
    def margin(self) -> float:
        """What the open notional binds."""
        return money_float(self.host.account.initial_margin(self.exposure_units))

    @property
    def legs(self) -> Mapping[tuple[str, str], LiveLeg]:
        """Every leg that ever had a position, by symbol and side."""
        names = self.host.names
        return MappingProxyType(
            {(names[at // 2], SIDES[at % 2]): leg for at, leg in enumerate(self.shown_legs) if leg is not None}
        )

    @property
    def orders(self) -> Mapping[str, tuple[LiveOrder, ...]]:
        """Orders that are not finished, by symbol."""
        pending = [(symbol, self.pending(symbol)) for symbol in self.host.names]
        return MappingProxyType({symbol: orders for symbol, orders in pending if orders})

    @property
    def backoffs(self) -> Mapping[tuple[str, str], Any]:
        """Rejections in a row, by symbol and side."""
        shown = {}
        for symbol in self.host.names:
            for side in SIDES:
                backoff = self.backoff(symbol, side)
                if backoff.failures:
                    shown[symbol, side] = backoff
        return MappingProxyType(shown)

    def leg(self, symbol: str, side: str) -> LiveLeg:
        """The leg; flat when there is no position."""
        place = self.host.places.get(symbol)
        if place is None:
            return FLAT
        leg = self.shown_legs[2 * place + (side != "long")] if side == "long" or side == "short" else None
        return FLAT if leg is None else leg

    def pending(self, symbol: str) -> tuple[LiveOrder, ...]:
        """Orders of the symbol that are not finished, oldest first."""
        shown: tuple[LiveOrder, ...] | None = self.shown_orders.get(symbol)
        if shown is None:
            shown = () if self.complete else self.orders_of(symbol)
        return shown

    def instrument(self, symbol: str) -> Any:
        """The market's rules."""
        return self.rules[symbol]

    def backoff(self, symbol: str, side: str) -> Any:
        """The leg's rejections in a row."""
        place = self.host.places.get(symbol)
        if place is None or side not in SIDES:
            return self.host.no_backoff
        if self.complete:
            return self.shown_backoffs.get((symbol, side), self.host.no_backoff)
        return self.host.show_backoff(2 * place + SIDES.index(side))

    def orders_of(self, symbol: str) -> tuple[LiveOrder, ...]:
        """The symbol's orders as they are now."""
        place = self.host.places.get(symbol)
        if place is None:
            return ()
        market = self.host.account.markets[place]
        if len(market.open_orders) == 0:
            return ()
        found = []
        for order in market.open_orders:
            found.append(live_order(market, order))
        shown = tuple(found)
        self.shown_orders[symbol] = shown
        return shown

    def finish(self) -> None:
        """Make everything now: the close ends, and strategy code has kept this view."""
        for symbol in self.host.names:
            self.orders_of(symbol)
        for index in range(len(self.shown_legs)):
            backoff = self.host.show_backoff(index)
            if backoff.failures:
                self.shown_backoffs[self.host.names[index // 2], SIDES[index % 2]] = backoff
        self.complete = True

    def _row(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in VIEW_FIELDS])

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveView) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # views are compared by value

    def __repr__(self) -> str:
        return described("View", VIEW_FIELDS, self._row())


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
        self.account.notes_updates = self.hears_updates
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
        view.host = self
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
                shown[2 * at] = self.show_leg(market, market.long)
            if market.short.changed:
                shown[2 * at + 1] = self.show_leg(market, market.short)
        self.legs_shown = shown
        self.current.shown_legs = shown
        self.engine.clear_changes()

    def show_leg(self, market: Market, leg: Leg) -> LiveLeg:
        """A leg as the strategy sees it from now on; lots that did not change are the same objects."""
        blocked = ""
        if leg.unresolved:
            blocked = "leg_blocked"
        elif leg.backoff is not None and leg.backoff.blocks(self.account.now_ns):
            blocked = "backoff"
        lots = leg.lots
        for at in range(len(lots)):
            lot = lots[at]
            if lot.view is None:
                lot.view = self.show_lot(market, lot)
        return live_leg(
            to_float(market.lot_grid, leg.quantity),
            money_float(market.average(leg.cost, leg.quantity)) if leg.quantity else None,
            lot_views(lots),
            money_float(leg.realised),
            blocked,
        )

    def show_lot(self, market: Market, lot: Lot) -> LiveLot:
        """A lot as the strategy sees it."""
        shown = LiveLot.__new__(LiveLot)
        shown.quantity = to_float(market.lot_grid, lot.quantity)
        if self.account.ledger.method != AVERAGE and market.grid.decimals <= MONEY_DECIMALS:
            shown.price = to_float(market.grid, lot.ticks)
        else:
            shown.price = money_float(market.average(lot.cost, lot.quantity))
        shown.opened_ns = lot.opened_ns
        shown.order = lot.order
        return shown

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

    def show_backoff(self, index: int) -> Any:
        """A leg's rejections in a row as the strategy sees them."""
        if not self.account.backoffs:
            return self.no_backoff
        market = self.account.markets[index // 2]
        leg = market.leg(index % 2)
        backoff = leg.backoff
        if backoff is None:
            return self.no_backoff
        return self.backoff_class(
            backoff.failures,
            bool(backoff.blocks(self.account.now_ns)),
            backoff.until_ns if backoff.until_ns >= 0 else None,
            backoff.detail,
        )

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
        """Another change of an order as the strategy sees it."""
        order = notice.order
        market = self.account.markets[notice.symbol]
        ended = notice.kind == NOTICE_CANCELLED or notice.kind == NOTICE_EXPIRED
        return self.update_class(
            symbol=market.symbol,
            leg=SIDES[notice.side],
            action=ACTIONS[notice.action],
            status=UPDATE_STATUSES[notice.kind],
            filled=to_float(market.lot_grid, notice.filled) if ended else 0.0,
            remaining=to_float(market.lot_grid, order.quantity - notice.filled) if ended else 0.0,
            reason=order.reason if notice.kind == NOTICE_REQUESTED else notice.reason,
            restored=bool(restored),
            intent_id=intent_name(order),
            order_id=order_name(order),
            at_ns=notice.at_ns,
        )

    def forget_decision(self) -> None:
        """Begin anew; without a journal nobody asks for the failed calls."""
        PythonDecisions.forget_decision(self)
        if not self.account.journals:
            self.failures.take()
            self.failures.tracebacks.clear()


def live_bar(symbol: str, columns: Columns, at: int) -> LiveBar:
    """The symbol's last bar."""
    shown = LiveBar.__new__(LiveBar)
    shown.symbol = symbol
    shown.open_ns = columns.bars[at].open_ns
    shown.close_ns = columns.bars[at].close_ns
    shown.open = columns.bars[at].open
    shown.high = columns.bars[at].high
    shown.low = columns.bars[at].low
    shown.close = columns.bars[at].close
    shown.volume = columns.bars[at].volume
    shown.late = columns.bars[at].late
    return shown


def live_leg(
    quantity: float, average: float | None, lots: tuple[LiveLot, ...], realised: float, blocked: str
) -> LiveLeg:
    """A leg as a strategy sees it."""
    leg = LiveLeg.__new__(LiveLeg)
    leg.quantity = quantity
    leg.average = average
    leg.lots = lots
    leg.realised = realised
    leg.blocked = blocked
    return leg


def lot_views(lots: list[Lot]) -> tuple[LiveLot, ...]:
    """Lots as a strategy sees them, oldest first."""
    views = []
    for at in range(len(lots)):
        lot = lots[at]
        views.append(lot.view)
    return tuple(views)


def live_order(market: Market, order: Order) -> LiveOrder:
    """An order as a strategy sees it; the one shown before where nothing changed."""
    if order.view is not None:
        shown: LiveOrder = order.view
        if shown.state == order.state and shown.filled == order.filled:
            return shown
    shown = LiveOrder.__new__(LiveOrder)
    shown.order = order
    shown.state = order.state
    shown.filled = order.filled
    shown.symbol = market.symbol
    shown.leg = SIDES[order.side]
    shown.remaining = to_float(market.lot_grid, order.quantity - order.filled)
    shown.price = to_float(market.grid, order.price) if order.price else None
    order.view = shown
    return shown


def described(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """Text like that of a struct."""
    return f"{name}({', '.join([f'{field}={value!r}' for field, value in zip(fields, values, strict=True)])})"


FLAT: Final = live_leg(0.0, None, (), 0.0, "")
