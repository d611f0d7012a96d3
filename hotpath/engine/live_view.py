# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The view and the news of a Python strategy in a backtest, made of the engine's numbers.

These objects stand for the structs of strategies/base.py, strategies/view.py and strategies/news.py: the same
attributes, methods and text, made when something changed and worded when asked for. Whatever a strategy keeps goes on
showing what it was then.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import cython

from live_runner.contracts.vocabulary import ACTIONS, KINDS, ORDER_STATES, SIDES

if not cython.compiled:
    from live_runner.hotpath.engine.columns import Columns
    from live_runner.hotpath.engine.ledger import Leg, Lot
    from live_runner.hotpath.engine.notices import Notice
    from live_runner.hotpath.engine.orders import Order, intent_name, order_name
    from live_runner.hotpath.engine.python_money import money_float, to_float
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.words import AVERAGE, FILLED

__all__ = ["LiveBar", "LiveFill", "LiveLeg", "LiveLot", "LiveOrder", "LiveView"]

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
        return self._row().__hash__()

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
        return self._row().__hash__()

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
        return self._row().__hash__()

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
        """One of ``contracts.vocabulary.KINDS``: an order style, ``stop`` or ``take_profit``."""
        return KINDS[self.order.kind]

    @property
    def action(self) -> str:
        """The action of its intent."""
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
        return self._row().__hash__()

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
        """The fee of the fill."""
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
        return to_float(self.market.lot_grid, self.notice.remaining)

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
        return self._row().__hash__()

    def __repr__(self) -> str:
        return described("Fill", FILL_FIELDS, self._row())


class LiveView:
    """The account at one close: ``strategies.view.View``.

    Money is copied at the close. What is made only when somebody asks is made while its close lasts; of a view that
    strategy code keeps, everything is made before its close ends (``finish``).
    """

    names: tuple[str, ...]
    places: dict[str, int]
    account: State
    backoff_class: type[Any]
    no_backoff: Any
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
        """The initial margin of the open notional."""
        return money_float(self.account.margin_of(self.exposure_units))

    @property
    def legs(self) -> Mapping[tuple[str, str], LiveLeg]:
        """Every leg that ever had a position, by symbol and side."""
        names = self.names
        shown = list(self.shown_legs)
        return MappingProxyType(
            {(names[at // 2], SIDES[at % 2]): leg for at, leg in enumerate(shown) if leg is not None}
        )

    @property
    def orders(self) -> Mapping[str, tuple[LiveOrder, ...]]:
        """Orders that are not finished, by symbol."""
        pending = [(symbol, self.pending(symbol)) for symbol in self.names]
        return MappingProxyType({symbol: orders for symbol, orders in pending if orders})

    @property
    def backoffs(self) -> Mapping[tuple[str, str], Any]:
        """Rejections in a row, by symbol and side."""
        shown = {}
        for symbol in self.names:
            for side in SIDES:
                backoff = self.backoff(symbol, side)
                if backoff.failures:
                    shown[symbol, side] = backoff
        return MappingProxyType(shown)

    def leg(self, symbol: str, side: str) -> LiveLeg:
        """The leg; flat when there is no position."""
        place, which = self.places.get(symbol), SIDE_PLACES.get(side)
        if place is None or which is None:
            return FLAT
        leg = self.shown_legs[2 * place + which]
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
        place, which = self.places.get(symbol), SIDE_PLACES.get(side)
        if place is None or which is None:
            return self.no_backoff
        if self.complete:
            return self.shown_backoffs.get((symbol, side), self.no_backoff)
        return show_backoff(self, 2 * place + which)

    def orders_of(self, symbol: str) -> tuple[LiveOrder, ...]:
        """The symbol's orders as they are now."""
        place = self.places.get(symbol)
        if place is None:
            return ()
        market = self.account.markets[place]
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
        for symbol in self.names:
            self.orders_of(symbol)
        for index in range(len(self.shown_legs)):
            backoff = show_backoff(self, index)
            if backoff.failures:
                self.shown_backoffs[self.names[index // 2], SIDES[index % 2]] = backoff
        self.complete = True

    def _row(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in VIEW_FIELDS])

    def __eq__(self, other: object) -> Any:
        return self._row() == other._row() if isinstance(other, LiveView) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # views are compared by value

    def __repr__(self) -> str:
        return described("View", VIEW_FIELDS, self._row())


def live_leg_of(state: State, market: Market, leg: Leg) -> LiveLeg:
    """A leg as the strategy sees it from now on; lots that did not change are the same objects."""
    blocked = ""
    if leg.unresolved:
        blocked = "leg_blocked"
    elif leg.backoff is not None and leg.backoff.blocks(state.now_ns):
        blocked = "backoff"
    lots = leg.lots
    for at in range(len(lots)):
        lot = lots[at]
        if lot.view is None:
            lot.view = live_lot(state, market, lot)
    return live_leg(
        to_float(market.lot_grid, leg.quantity),
        money_float(market.average(leg.cost, leg.quantity)) if leg.quantity else None,
        lot_views(lots),
        money_float(leg.realised),
        blocked,
    )


def live_lot(state: State, market: Market, lot: Lot) -> LiveLot:
    """A lot as the strategy sees it."""
    shown = LiveLot.__new__(LiveLot)
    shown.quantity = to_float(market.lot_grid, lot.quantity)
    if state.ledger.method != AVERAGE and market.grid.decimals <= MONEY_DECIMALS:
        shown.price = to_float(market.grid, lot.ticks)
    else:
        shown.price = money_float(market.average(lot.cost, lot.quantity))
    shown.opened_ns = lot.opened_ns
    shown.order = lot.order
    return shown


def show_backoff(view: LiveView, index: int) -> Any:
    """A leg's rejections in a row as the strategy sees them."""
    if not view.account.backoffs:
        return view.no_backoff
    market = view.account.markets[index // 2]
    leg = market.leg(index % 2)
    backoff = leg.backoff
    if backoff is None:
        return view.no_backoff
    return view.backoff_class(
        backoff.failures,
        bool(backoff.blocks(view.account.now_ns)),
        backoff.until_ns if backoff.until_ns >= 0 else None,
        backoff.detail,
    )


def live_bar(symbol: str, columns: Columns, at: int) -> LiveBar:
    """The symbol's last bar."""
    bars = columns.bars
    shown = LiveBar.__new__(LiveBar)
    shown.symbol = symbol
    shown.open_ns = bars[at].open_ns
    shown.close_ns = bars[at].close_ns
    shown.open = bars[at].open
    shown.high = bars[at].high
    shown.low = bars[at].low
    shown.close = bars[at].close
    shown.volume = bars[at].volume
    shown.late = bars[at].late
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


SIDE_PLACES: Final = {side: place for place, side in enumerate(SIDES)}
"""A dictionary, so that a side that cannot be a key raises, as it does in ``View``."""
FLAT: Final = live_leg(0.0, None, (), 0.0, "")
