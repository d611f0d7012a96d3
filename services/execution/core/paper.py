"""The paper venue: what a bar does to orders and positions, in the order that the manifest's models name.

For one symbol's bar: (1) funding due by its open, on the position held before, at the given mark, else the
open; (2) market orders at the open; (3) resting orders that the open already crosses; (4) liquidation,
then stops, targets and limits against high and low; (5) funding inside the bar, at the given mark, else
the close; (6) the mark to the close. A symbol without position, orders and funding costs nothing.

Plain limits that rested at least one bar, post-only orders and targets pay the maker's fee, market
orders, stops, liquidations and a limit that is marketable at its first open the taker's. A post-only
order that would cross the last close is rejected. An entry whose initial margin exceeds equity less the
margin that positions and other open entries bind is rejected.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.errors import OurFault
from live_runner.contracts.ids import client_order_id, order_id
from live_runner.contracts.messages import BarSet, FundingPaid, FundingRate, Liquidated, Requested, SetBar
from live_runner.hotpath import fixed, matching
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.intents import order_side
from live_runner.services.execution.core.manager import OrderManager
from live_runner.services.execution.core.margin import Liquidation, Margin
from live_runner.services.execution.core.market import FUNDING_WAITING_MAX, LEGS, Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import REPORT_IT, Session

__all__ = ["PaperVenue", "funding_number"]

RATE_DECIMALS: Final = 18
"""Of a funding rate; venues give eight."""

_KINDS: Final = {"market": matching.MARKET, "limit": matching.LIMIT, "post_only": matching.POST_ONLY}
_PARTS: Final = {matching.STOP: ("stop", "sl"), matching.TAKE_PROFIT: ("take_profit", "tp")}
_WHY: Final = {
    matching.OCO: "oco",
    matching.LEG_FLAT: "leg_flat",
    matching.ONE_WAY: "one_way_conflict",
    matching.LIQUIDATION: "liquidation",
}


class PaperVenue:
    """Margin, acceptance and the bars of one session; the gateway of its order manager."""

    def __init__(self, session: Session, account: Account, manager: OrderManager) -> None:
        self._session: Final = session
        self._account: Final = account
        self._manager: Final = manager
        self._margin: Final = Margin(session, account)
        self.numbered = 0
        """Orders that the venue has numbered."""
        self.liquidations = 0

    # -- the gateway ----------------------------------------------------------------------------

    def submit(self, order: Order, requested: Requested) -> None:
        """Accept or reject an order, and put it on the book."""
        market = self._session.markets[order.symbol]
        if order.kind == "post_only" and order.price is not None:
            close = market.close_ticks
            if close <= order.price if order.side == "buy" else close >= order.price:
                self._manager.reject(
                    order,
                    "post_only_would_cross",
                    f"A post-only {order.side} at {requested.price} would take at {market.grid.text(close)}",
                )
                return
        if order.is_entry:
            missing = self._margin.shortfall(order, self._manager.orders.values())
            if missing > 0:
                self._manager.reject(
                    order, "insufficient_margin", f"The account lacks {fixed.money_text(missing)} of initial margin"
                )
                return
        self._accept(order)
        order.key = market.book.add(
            LEGS.index(order.leg),
            _KINDS[order.kind],
            order.reduce_only,
            order.quantity,
            order.price or 0,
            order.stop,
            order.target,
            order.waits,
        )
        market.by_key[order.key] = order.order_id
        if self._session.at_close and order.kind == "market" and self._is_at_its_close(order, market):
            close = market.close_ticks
            happened = market.book.at_close(order.key, close, market.cap, *self._position(market))
            self._follow(market, happened, self._session.now_ns)

    def _is_at_its_close(self, order: Order, market: Market) -> bool:
        """Whether the symbol's last close is now, and not past or late."""
        return not order.waits and not order.at_next_open and market.bar_set == self._session.bar_set

    def cancel(self, order: Order, reason: str) -> None:
        """The paper venue confirms at once."""
        self._take_off(order)
        self._manager.cancelled(order, reason)

    def expire(self, order: Order) -> None:
        """The order leaves the book by itself when its time is over."""
        self._take_off(order)
        self._manager.expired(order, "time_to_live")

    def is_irrevocable(self, order: Order) -> bool:
        """A market order belongs to the open that follows its decision."""
        return order.kind == "market" and not order.fills and not order.waits

    def _take_off(self, order: Order) -> None:
        market = self._session.markets[order.symbol]
        market.book.cancel(order.key)
        market.by_key.pop(order.key, None)

    def _accept(self, order: Order) -> None:
        self.numbered += 1
        self._manager.accept(order, f"paper-{self.numbered}")

    # -- bars -----------------------------------------------------------------------------------

    def fold(self, bars: BarSet) -> None:
        """One close time: every symbol's bar, in the set's order."""
        ledger = self._account.ledger
        market_of = self._session.market_of
        for rate in bars.funding:
            self._await_funding(market_of(rate.symbol), rate)
        for bar in bars.bars:
            market = market_of(bar.symbol)
            market.note(bar, bars.number)
            if market.by_key or market.funding or ledger.is_open(market.index):
                self._run(market, bar, bars)

    def _await_funding(self, market: Market, rate: FundingRate) -> None:
        waiting = market.funding
        if len(waiting) >= FUNDING_WAITING_MAX:
            raise OurFault(
                f"{len(waiting)} funding rates of {rate.symbol} wait for a bar of it",
                remedy="Check the feed: the symbol has had no bar for a long time",
                symbol=rate.symbol,
            )
        waiting.append(rate)

    def _run(self, market: Market, bar: SetBar, bars: BarSet) -> None:
        """One symbol's bar, steps 1 to 6."""
        open_ticks, high, low, close = (market.ticks(price) for price in (bar.open, bar.high, bar.low, bar.close))
        ledger = self._account.ledger
        if market.funding:
            self._fund(market, bars.open_ns + 1, open_ticks)
        if len(market.book):
            happened = market.book.at_open(open_ticks, market.cap, bar.late, *self._position(market))
            self._follow(market, happened, bars.open_ns)
        if self._margin.is_on and ledger.is_open(market.index):
            ledger.mark(market.index, open_ticks)
            liquidation = self._margin.liquidation(market, open_ticks, high, low)
            if liquidation is not None:
                self._liquidate(market, liquidation, bars.close_ns)
        if len(market.book):
            self._follow(market, market.book.inside(high, low), bars.close_ns)
        if market.funding:
            self._fund(market, bars.close_ns, close)
        ledger.mark(market.index, close)

    def _position(self, market: Market) -> tuple[int, int]:
        ledger = self._account.ledger
        return ledger.quantity(market.index, 0), ledger.quantity(market.index, 1)

    def _follow(self, market: Market, happened: list[tuple[int, int, int, int, int, int]], at_ns: int) -> None:
        """Carry what happened on the book into orders and ledger, in its order."""
        orders = self._manager.orders
        filled: Order | None = None
        for what, key, first, second, third, fourth in happened:
            if what == matching.FILLED:
                filled = orders[market.by_key[key]]
                self._manager.fill(filled, first, second, third, maker=fourth == 1, at_ns=at_ns)
                if filled.is_closed:
                    del market.by_key[key]
            elif what == matching.CANCELLED:
                self._manager.cancelled(orders[market.by_key.pop(key)], _WHY[first])
            elif filled is None:
                raise OurFault("A protective order was born without a fill", remedy=REPORT_IT, symbol=market.symbol)
            else:
                self._bear(market, filled, key, second, third, fourth)

    def _bear(self, market: Market, entry: Order, key: int, kind: int, lots: int, ticks: int) -> None:
        """Write down a stop or target that came to stand with one fill of an entry."""
        name, part = _PARTS[kind]
        identity = order_id(entry.intent_id, entry.attempt, part if entry.fills == 1 else f"{part}{entry.fills}")
        order = self._own(
            market, identity, entry.intent_id, entry.leg, name, lots, ticks, entry.reason, parent=entry.order_id
        )
        order.key = key
        market.by_key[key] = identity

    def _own(
        self,
        market: Market,
        identity: str,
        intent: str,
        leg: str,
        kind: str,
        lots: int,
        price: int | None,
        why: str,
        *,
        parent: str = "",
    ) -> Order:
        """An order that stands at the venue without having been sent: requested and accepted in one."""
        self.numbered += 1
        order = Order(
            order_id=identity,
            client_order_id=client_order_id(identity),
            intent_id=intent,
            attempt=1,
            symbol=market.symbol,
            leg=leg,
            side=order_side(leg, True),
            action="close",
            kind=kind,
            quantity=lots,
            price=price,
            reduce_only=True,
            reference=market.close_ticks,
            expires_ns=None,
            reason=why,
            venue_order_id=f"paper-{self.numbered}",
            parent=parent,
        )
        self._manager.born(order)
        return order

    # -- account --------------------------------------------------------------------------------

    def _fund(self, market: Market, before_ns: int, price: int) -> None:
        """Pay or receive what is due before a time; what is due later goes on waiting."""
        due = [rate for rate in market.funding if rate.funding_ns < before_ns]
        if not due:
            return
        market.funding = [rate for rate in market.funding if rate.funding_ns >= before_ns]
        for rate in due:
            ticks = price if rate.mark is None else market.ticks(rate.mark)
            mantissa, decimals = funding_number(rate.rate)
            for side, lots in enumerate(self._position(market)):
                if not lots:
                    continue
                amount = self._account.ledger.fund(market.index, side, ticks, mantissa, decimals)
                self._session.emit(
                    FundingPaid,
                    rate.funding_ns,
                    symbol=market.symbol,
                    leg=LEGS[side],
                    funding_ns=rate.funding_ns,
                    rate=rate.rate,
                    mark=market.grid.text(ticks),
                    quantity=market.lot_grid.text(lots),
                    amount=fixed.money_text(amount),
                )

    def _liquidate(self, market: Market, liquidation: Liquidation, at_ns: int) -> None:
        """Close the symbol's legs at a price; its other orders leave the book first."""
        ticks = liquidation.ticks
        event = self._session.emit(
            Liquidated,
            at_ns,
            symbol=market.symbol,
            price=market.grid.text(ticks),
            equity=fixed.money_text(liquidation.equity),
            maintenance=fixed.money_text(liquidation.maintenance),
        )
        self.liquidations += 1
        self._account.ledger.call_margin()
        self._follow(market, market.book.clear(matching.LIQUIDATION), at_ns)
        for side, lots in enumerate(self._position(market)):
            if lots:
                identity = order_id(event.id, 1, LEGS[side])
                order = self._own(market, identity, event.id, LEGS[side], "market", lots, None, "liquidation")
                self._manager.fill(order, lots, ticks, ticks, maker=False, at_ns=at_ns)

    def state(self) -> list[int]:
        """Plain data for a snapshot."""
        return [self.numbered, self.liquidations]

    def restore(self, state: list[int]) -> None:
        """Go on from a snapshot."""
        self.numbered, self.liquidations = state


def funding_number(text: str) -> tuple[int, int]:
    """A funding rate with at most ``RATE_DECIMALS``: an observation, rounded once, half-even."""
    mantissa, decimals = fixed.parse_decimal(text)
    if decimals <= RATE_DECIMALS:
        return mantissa, decimals
    return fixed.div_half_even(mantissa, 10 ** (decimals - RATE_DECIMALS)), RATE_DECIMALS
