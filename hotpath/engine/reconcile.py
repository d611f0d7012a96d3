# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""What a real venue holds beside the ledger: differences of positions, closes by force, settings that were changed.

A difference is believed when two complete answers in a row name the same quantity, nothing was booked on the leg in
between, and every order of the leg was seen since the first of them was asked for: what could still explain it does
not. Then the operator's policy of its kind is carried out, and nothing else. An answer that is incomplete, or older
than the last one, changes nothing.

A trade that closes a position by force is booked by its id, with its cause and fee, as soon as the ledger holds its
lots, and its leg is halted: entries are refused until an operator's ``resume``. Trades that others made are kept; they
are booked where a difference that is adopted is just their sum.
"""

from __future__ import annotations

from typing import Any, Final

import cython
import msgspec

from live_runner.contracts.config import Reconcile
from live_runner.contracts.errors import LedgerOverflow
from live_runner.contracts.messages import AccountReported, Trade, Traded
from live_runner.contracts.vocabulary import SIDES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.state import half_even

if not cython.compiled:
    from live_runner.hotpath.engine.at_venue import AtVenue, owed_lots
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, client_name, new_order
    from live_runner.hotpath.engine.python_money import money_text, of_whole, units_text, whole
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.venue import RemoteVenue
    from live_runner.hotpath.engine.whole_legs import follow
    from live_runner.hotpath.engine.words import MARKET, PARTIAL_CLOSE

__all__ = ["TRADES_KEPT_MAX", "Reconciler"]

TRADES_KEPT_MAX: Final = 10_000
"""Trades without an order of the session whose ids are remembered, and which may wait to be booked."""
FORCED: Final = ("liquidation", "adl", "settlement")


class Difference:
    """A leg of which the venue holds another quantity: ``theirs`` in lots (-1 off the grid) and as its text.

    ``since_ns`` is when the first answer was asked for that named it, ``asked_ns`` the last one, ``report`` that one's
    id, ``average`` the venue's entry price. ``done`` is what was done about it, "" while it is not believed; ``asked``
    what an operator wants to be done once it is.
    """

    theirs: int
    ours: int
    text: str
    average: str
    since_ns: int
    asked_ns: int
    report: str
    done: str
    asked: str


def new_difference(row: list[Any]) -> Difference:
    """From its fields, in their order; as a snapshot has them."""
    found = Difference.__new__(Difference)
    (
        found.theirs, found.ours, found.text, found.average, found.since_ns, found.asked_ns, found.report, found.done,
        found.asked,
    ) = row  # fmt: skip
    return found


def difference_row(found: Difference) -> list[Any]:
    """Plain data for a snapshot."""
    return [
        found.theirs, found.ours, found.text, found.average, found.since_ns, found.asked_ns, found.report, found.done,
        found.asked,
    ]  # fmt: skip


class Reconciler:
    """The positions of one session's legs beside the venue's."""

    policy: dict[str, str]
    found: dict[int, Any]
    trades: list[Any]
    taken: dict[str, Any]
    settings: dict[str, str]

    def __init__(self, state: State, manager: Manager, venue: RemoteVenue) -> None:
        self.state = state
        self.manager = manager
        self.venue = venue
        given: Any = state.config.reconcile
        section = given if isinstance(given, Reconcile) else Reconcile()
        self.policy = {name: getattr(section.policy, name) for name in section.policy.__struct_fields__}
        self.tolerance = section.tolerance
        self.asked_ns = 0
        """Of the last answer that was folded; an older one is passed over."""
        self.found = {}
        """Differences by leg (symbol * 2 + side)."""
        self.trades = []
        """Trades that are not booked, oldest first: the message each came by."""
        self.taken = {}
        """Symbols and ids of trades that have come: a venue numbers them by symbol."""
        self.settings = {}
        """What the venue said first, or last, of mode and leverage."""

    # -- answers of the account -------------------------------------------------------------------

    def is_older(self, reported: AccountReported) -> bool:
        """Whether an answer that was asked for later has been folded."""
        if 0 < reported.positions_asked_ns < self.asked_ns:
            return True
        self.asked_ns = max(self.asked_ns, reported.positions_asked_ns)
        return False

    def is_within(self, lots: int, held: int) -> bool:
        """Whether two quantities agree."""
        return lots >= 0 and abs(lots - held) <= self.tolerance

    def agrees(self, market: Market, side: int) -> None:
        """The venue holds what the ledger does."""
        self.found.pop(2 * market.index + side, None)

    def booked(self, symbol: int, side: int) -> None:
        """Something was booked on the leg: what was not believed before has to be seen anew."""
        found = self.found.get(2 * symbol + side)
        if found is not None and not found.done:
            del self.found[2 * symbol + side]

    def differs(self, reported: AccountReported, market: Market, side: int, lots: int, row: list[str]) -> bool:
        """Whether it is believed now that the venue holds that many lots; ``row`` is its text and entry price."""
        key = 2 * market.index + side
        leg = market.leg(side)
        asked_ns = reported.positions_asked_ns
        found: Difference | None = self.found.get(key)
        if found is None or found.text != row[0] or found.ours != leg.quantity:
            asked = "" if found is None else found.asked
            found = new_difference(
                [lots, leg.quantity, row[0], row[1], asked_ns, asked_ns, reported.id, "", asked]
            )  # fmt: skip
            self.found[key] = found
            self.is_sure(market, side, asked_ns)  # asks for the leg's orders
            return False
        found.asked_ns = asked_ns
        found.report = reported.id
        found.average = row[1]
        return found.done != "" or self.is_sure(market, side, found.since_ns)

    def is_sure(self, market: Market, side: int, since_ns: int) -> bool:
        """Whether all that the leg's orders had filled by a time is booked; else the order is asked for."""
        leg = market.leg(side)
        sure = leg.unresolved == 0
        for order in list(market.open_orders):
            if order.side == side:
                at: AtVenue = self.venue.open[client_name(order)]
                if owed_lots(at) > 0 or not (at.shown_ns >= since_ns or at.requested_ns > since_ns):
                    sure = False
                    self.venue.ask(at)
        for at in self.venue.closed.values():
            if at.order.symbol == market.index and at.order.side == side and owed_lots(at) > 0:
                sure = False
        return sure

    def kind_of(self, found: Difference) -> str:
        """One of the names in the policy."""
        if found.ours == 0:
            return "foreign_position"
        return "position_more" if found.theirs > found.ours else "position_less"

    def settle(self, market: Market, side: int) -> None:
        """Do what the policy of its kind says about a difference that is believed, once."""
        found: Difference = self.found[2 * market.index + side]
        if not found.done:
            self.carry_out(market, side, found.asked if found.asked else self.policy[self.kind_of(found)])

    def carry_out(self, market: Market, side: int, remedy: str) -> None:
        """Adopt, flatten or halt."""
        key = 2 * market.index + side
        found: Difference = self.found[key]
        kind = self.kind_of(found)
        found.done = remedy
        found.asked = ""
        if remedy == "halt" or found.theirs < 0:
            found.done = "halt"
            ours = units_text(market.lot_grid, found.ours)
            self.halt(market, side, kind, found.text, ours, found.report)
            return
        more = found.theirs - found.ours
        self.adopt(market, side, found, kind)
        del self.found[key]
        self.lift(key)
        if remedy == "flatten":
            self.close(market, side, more if more > 0 else market.leg(side).quantity)

    def close(self, market: Market, side: int, lots: int) -> None:
        """A market close of lots that are not the session's own, as far as no other close may fill them."""
        state = self.state
        whole_leg = lots >= market.leg(side).quantity
        name = f"{state.event_id()}/1"
        lots = min(lots, market.closable(side))
        if whole_leg:
            self.venue.close_leg(market, side, name)
        elif lots > 0:
            order = new_order(
                state.name, 0, 0, 1, market.index, side, PARTIAL_CLOSE, MARKET, lots, 0, market.close_ticks(), True,
                "reconcile",
            )  # fmt: skip
            order.intent_text = name
            order.policy = state.policy
            self.manager.request(order)

    # -- the operator -----------------------------------------------------------------------------

    def obey(self, command: str, remedy: str) -> None:
        """``reconcile``: do this about every difference, now or once it is believed. ``resume``: no leg is halted."""
        if command == "resume":
            for key in list(self.state.halts):
                self.lift(key)
            return
        for key in list(self.found):
            found: Difference = self.found[key]
            if not found.done:
                found.asked = remedy
            elif remedy in ("adopt", "flatten") or key not in self.state.halts:
                self.carry_out(self.state.markets[key // 2], key % 2, remedy)

    def halt(self, market: Market, side: int, kind: str, theirs: str, ours: str, report: str) -> None:
        """No entry of the leg goes out any more, until an operator's ``resume``."""
        key = 2 * market.index + side
        state = self.state
        state.halts[key] = kind
        state.change(market, side)
        state.seq += 1
        state.sink.incident(
            state.now_ns,
            "error",
            "leg_halted",
            f"Entries of the {SIDES[side]} leg of {market.symbol} are halted ({kind}): "
            f"the venue has {theirs or 'nothing'}, the session {ours or 'nothing'}",
            {
                "symbol": market.symbol, "leg": SIDES[side], "kind": kind, "venue": theirs, "ledger": ours,
                "report": report,
            },
        )  # fmt: skip

    def lift(self, key: int) -> None:
        """The leg is not halted any more."""
        if self.state.halts.pop(key, None) is not None:
            self.state.change(self.state.markets[key // 2], key % 2)

    # -- the ledger -------------------------------------------------------------------------------

    def adopt(self, market: Market, side: int, found: Difference, kind: str) -> None:
        """Take the venue's quantity over: by the trades that make the difference, else at a price."""
        more = found.theirs - found.ours
        explained = 0
        rows = []
        for event in self.trades:
            if self.key_of(event) == 2 * market.index + side and not self.is_ours(event):
                rows.append(event)
                lots = market.lot_grid.units(event.trade.quantity)
                explained += lots if self.adds(event, side) else -lots
        if rows and explained == more:
            for event in rows:
                self.book(market, side, event, "adopted", kind)
                self.trades.remove(event)
            return
        for event in rows:
            self.trades.remove(event)  # they do not explain it: the quantity is taken over, once
        ticks = 0
        if more > 0 and found.average:
            ticks = self.ticks_of(market, found.average)
        if ticks <= 0:
            ticks = market.close_ticks()
        fields = ["adopted", "", found.report, found.asked_ns, kind, "", "0", "", self.state.now_ns]
        self.move(market, side, more, ticks, False, of_whole(0), found.asked_ns, fields)

    def ticks_of(self, market: Market, price: str) -> int:
        """The tick that is nearest to a price, 0 for text that is not one."""
        try:
            return int(market.grid.nearest(price))
        except ValueError:
            return 0

    def move(
        self, market: Market, side: int, lots: int, ticks: int, maker: bool, fee: int, at_ns: int, fields: list[Any]
    ) -> None:
        """Lots come into a leg of the ledger, or leave it, and an event says so."""
        state = self.state
        leg = market.leg(side)
        before = leg.quantity
        rate, scale = state.taker_rate, state.taker_scale
        if lots > 0:
            order = f"{state.name}/reconciled/{state.seq + 1}"
            state.ledger.increase(market, leg, lots, ticks, ticks, rate, scale, maker, True, fee, at_ns, order)
        else:
            state.ledger.reduce(market, leg, -lots, ticks, ticks, rate, scale, maker, True, fee)
        state.change(market, side)
        follow(market, side)
        if leg.quantity == 0:
            self.manager.risk.ended_elsewhere(market.index, side)
        state.moved = True
        state.seq += 1
        state.sink.reconciled(market, side, before, ticks, state.ledger.filled_realised, fields)

    # -- trades without an order of ours ----------------------------------------------------------

    def traded(self, event: Traded) -> None:
        """Keep it, once; one that closed a position by force is booked as soon as the ledger holds its lots."""
        name = f"{event.symbol} {event.trade.id}"
        if name in self.taken or self.is_ours(event):
            return
        self.taken[name] = None
        if len(self.taken) > TRADES_KEPT_MAX:
            del self.taken[next(iter(self.taken))]
        why = self.reason_against(event)
        if why:
            self.state.seq += 1
            details = {"trade": event.trade.id, "symbol": event.symbol, "forced": event.forced}
            message = f"Trade {event.trade.id} of the account is not booked: {why}"
            self.state.sink.incident(event.event_ns, "warning", "trade_not_booked", message, details)
            return
        self.trades.append(event)
        if len(self.trades) > TRADES_KEPT_MAX:
            del self.trades[0]
        self.book_forced()

    def reason_against(self, event: Traded) -> str:
        """Why it cannot be booked, "" where it can."""
        index = self.state.index.get(event.symbol)
        if index is None:
            return f"{event.symbol} is not a symbol of the session"
        if event.side not in ("buy", "sell") or event.forced not in ("", *FORCED):
            return f"'{event.side}' and '{event.forced}' are not a valid side and cause"
        market: Market = self.state.markets[index]
        trade = event.trade
        try:
            lots = market.lot_grid.units(trade.quantity)
            fee_of(trade)
        except (ValueError, LedgerOverflow):
            lots = 0
        if lots <= 0 or self.ticks_of(market, trade.price) <= 0:
            return f"{trade.quantity} at '{trade.price}' with the fee '{trade.fee}' is not a valid trade"
        return ""

    def is_ours(self, event: Traded) -> bool:
        """Whether it belongs to an order of the session, which is asked for where it does not have it yet."""
        index = self.state.index.get(event.symbol, -1)
        for at in [*self.venue.open.values(), *self.venue.closed.values()]:
            if at.order.symbol != index:
                continue
            if event.trade.id in at.trades:
                return True
            if event.venue_order_id and at.order.venue_order_id == event.venue_order_id:
                self.venue.ask(at)
                return True
        return False

    def key_of(self, event: Traded) -> int:
        """The leg of a trade; without one (one-way mode) the leg that it closes, else the one that it opens."""
        index: int = self.state.index[event.symbol]
        if event.leg in SIDES:
            return 2 * index + SIDES.index(event.leg)
        market: Market = self.state.markets[index]
        side = 0 if event.side == "buy" else 1
        other = 1 - side
        closes = market.leg(other).quantity > 0 or event.forced != ""
        return 2 * index + (other if closes else side)

    def adds(self, event: Traded, side: int) -> bool:
        """Whether it enlarges the leg."""
        return (event.side == "buy") == (side == 0)

    def book_forced(self) -> None:
        """Book the forced closes whose lots the ledger holds: those of fills that are still to come wait for them."""
        for event in list(self.trades):
            if not event.forced:
                continue
            key = self.key_of(event)
            market: Market = self.state.markets[key // 2]
            side = key % 2
            lots = market.lot_grid.units(event.trade.quantity)
            if lots <= market.leg(side).quantity and not self.adds(event, side):
                ours = units_text(market.lot_grid, market.leg(side).quantity)
                self.trades.remove(event)
                self.book(market, side, event, event.forced, "")
                self.found.pop(key, None)
                theirs = units_text(market.lot_grid, market.leg(side).quantity)
                self.halt(market, side, event.forced, theirs, ours, event.id)

    def book(self, market: Market, side: int, event: Traded, reason: str, kind: str) -> None:
        """One trade into the ledger, at its price and with its fee."""
        trade = event.trade
        lots = market.lot_grid.units(trade.quantity)
        fee = fee_of(trade)
        currency = trade.fee_currency if trade.fee else ""
        is_foreign = currency not in ("", market.instrument.settle)
        if is_foreign:
            fees = self.state.foreign_fees
            fees[currency] = money_text(of_whole(fixed.money(fees.get(currency, "0")) + whole(fee)))
            fee = of_whole(0)
        fields = [
            reason, "", event.id, trade.at_ns, kind, trade.id, trade.fee or "0", currency, trade.at_ns
        ]  # fmt: skip
        signed = lots if self.adds(event, side) else -lots
        ticks = market.grid.nearest(trade.price)
        self.move(market, side, signed, ticks, trade.liquidity == "maker", fee, trade.at_ns, fields)

    # -- settings of the account ------------------------------------------------------------------

    def compare_settings(self, reported: AccountReported) -> None:
        """Mode, margin mode and leverage, changed outside: the legs concerned are halted, with both values."""
        if reported.position_mode:
            mode = self.state.config.account.position_mode
            if self.settings.get("position_mode", mode) != reported.position_mode:
                for market in self.state.markets:
                    self.halt_both(market, "position_mode", reported.position_mode, mode, reported.id)
            if "position_mode" in self.settings or reported.position_mode != mode:
                self.settings["position_mode"] = reported.position_mode
        for market in self.state.markets:
            leverage = reported.leverage.get(market.symbol, "")
            margin_mode = reported.margin_mode.get(market.symbol, "")
            for position in reported.positions:
                if position.symbol == market.symbol:
                    leverage = leverage or position.leverage
                    margin_mode = margin_mode or position.margin_mode
            self.compare_setting(market, "leverage", leverage, reported.id)
            self.compare_setting(market, "margin_mode", margin_mode, reported.id)

    def compare_setting(self, market: Market, name: str, value: str, report: str) -> None:
        """One setting of one symbol, beside what it was."""
        if not value:
            return
        key = f"{name} {market.symbol}"
        before = self.settings.get(key, value)
        self.settings[key] = value
        if before != value:
            self.halt_both(market, name, value, before, report)

    def refused(self, order: Order, message: str) -> None:
        """The venue refused an order since the account is not set as the session has it."""
        account = self.state.config.account
        ours = f"{account.position_mode}, leverage {account.leverage}"
        self.halt_both(self.state.markets[order.symbol], "account_differs", message, ours, "")

    def halt_both(self, market: Market, kind: str, theirs: str, ours: str, report: str) -> None:
        """Both legs of a symbol."""
        for side in range(2):
            self.halt(market, side, kind, theirs, ours, report)

    # -- snapshots --------------------------------------------------------------------------------

    def row(self) -> list[Any]:
        """Plain data for a snapshot; nothing of a session of whose account nothing was said."""
        halts = [[key, kind] for key, kind in self.state.halts.items()]
        found = [[key, difference_row(each)] for key, each in self.found.items()]
        if not (self.asked_ns or halts or found or self.taken or self.settings):
            return []
        return [self.asked_ns, halts, found, self.trades, list(self.taken), self.settings]

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.asked_ns, halts, found, trades, taken, self.settings = row
        self.state.halts.update(dict(halts))
        self.found = {key: new_difference(each) for key, each in found}
        self.trades = [restored_trade(each) for each in trades]
        self.taken = dict.fromkeys(taken)


def restored_trade(stored: Any) -> Traded:
    """A trade from a snapshot."""
    event: Traded = msgspec.convert(stored, Traded)
    return event


def fee_of(trade: Trade) -> int:
    """The fee of a trade in 1e-12 of its currency, 0 where it names none."""
    if not trade.fee:
        return 0
    mantissa, decimals = fixed.parse_decimal(trade.fee)
    return of_whole(half_even(mantissa * 10**fixed.MONEY_DECIMALS, 10**decimals))
