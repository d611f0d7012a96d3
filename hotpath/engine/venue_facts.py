# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""What a real venue says beside its reports on orders: the account, its income, silent streams; and a new owner.

Each is folded at its place in the log, so a replay makes the same of it. What differs from the ledger is named, once,
and reconciliation (reconcile.py) does what the operator has written. One thing here changes a position: a leg that the
strategy asked to be closed, and taken for closed where the venue proves that it holds nothing.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

import cython
import msgspec

from live_runner.contracts.errors import LedgerOverflow
from live_runner.contracts.messages import (
    AccountReported,
    Command,
    Event,
    Income,
    Instrument,
    Owned,
    Quote,
    RulesReported,
    StreamGap,
    Traded,
)
from live_runner.contracts.vocabulary import RISK_AUTHOR, SIDES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.rules import changes_of, fitted, steps_of

if not cython.compiled:
    from live_runner.hotpath.engine.at_venue import owed_lots, waits_since
    from live_runner.hotpath.engine.orders import client_name
    from live_runner.hotpath.engine.python_money import money_text, of_whole, units_text
    from live_runner.hotpath.engine.reconcile import Reconciler
    from live_runner.hotpath.engine.reports import Reports
    from live_runner.hotpath.engine.rules import take_over
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.venue import RemoteVenue
    from live_runner.hotpath.engine.venue_protection import VenueProtection
    from live_runner.hotpath.engine.words import CANCEL_REQUESTED, REQUESTED, SUBMITTED

__all__ = ["INCOMES_KEPT_MAX", "VenueFacts"]

INCOMES_KEPT_MAX: Final = 10_000
"""Entries of income whose ids are remembered, so that one which is asked for twice is booked once."""


class VenueFacts:
    """Facts of one session whose orders go to a real venue."""

    incomes: dict[str, Any]
    differences: dict[str, Any]
    rules: dict[str, Any]
    statuses: dict[str, str]
    refused_rules: dict[str, str]

    def __init__(self, state: State, venue: RemoteVenue, reports: Reports) -> None:
        self.state = state
        self.venue = venue
        self.protection: VenueProtection = reports.protection
        self.reconciler: Reconciler = reports.reconciler
        self.incomes = {}
        """Ids of booked income, oldest first."""
        self.rules = {}
        """Rules that were taken over since the start, by symbol."""
        self.statuses = {}
        """The venue's last word on a market, by symbol."""
        self.refused_rules = {}
        """Changes that the session's grid cannot take, as they were named last."""
        self.differences = {}
        """By symbol and leg the venue's quantity where it is another one than ours, as it was named last."""

    def fold(self, event: Event) -> None:
        """One of the facts, at its place in the log."""
        self.state.advance(event.event_ns)
        if isinstance(event, Owned):
            self.owned(event)
        elif isinstance(event, StreamGap):
            self.stream_gap(event)
        elif isinstance(event, Income):
            self.income(event)
        elif isinstance(event, AccountReported):
            self.account(event)
        elif isinstance(event, Traded):
            self.reconciler.traded(event)
        elif isinstance(event, RulesReported):
            self.rules_of(event)
        elif isinstance(event, Quote):
            self.quote(event)
        self.protection.reconcile()

    def obey(self, command: Command) -> None:
        """An operator's word on differences, or that halted legs may be traded again."""
        if command.command.startswith("reconcile_"):
            self.reconciler.obey("reconcile", command.command.removeprefix("reconcile_"))
        elif command.command == "resume" and not command.author.startswith(RISK_AUTHOR):
            self.reconciler.obey("resume", "")

    # -- a new owner, a silent stream -------------------------------------------------------------

    def owned(self, owned: Owned) -> None:
        """Another process goes on: what the one before may have sent is unknown, and the rest is asked for."""
        if owned.role != "execution" or owned.epoch < 2:
            return
        for at in list(self.venue.open.values()):
            order = at.order
            if order.state in (REQUESTED, SUBMITTED, CANCEL_REQUESTED):
                # The one before may have sent it, or its cancel, until the moment at which it lost the session.
                at.sent_ns = max(at.sent_ns, owned.event_ns)
                self.venue.query_unknown(order, "restart")
            else:
                self.venue.ask(at)

    def quote(self, quote: Quote) -> None:
        """The spread of a symbol, for the limit on it; an impossible one is named and left out."""
        at = self.state.index.get(quote.symbol, -1)
        if at >= 0 and 0 < quote.bid <= quote.ask < inf:
            self.venue.manager.risk.quoted(at, quote.bid, quote.ask)
            return
        self.state.seq += 1
        details = {"symbol": quote.symbol, "bid": quote.bid, "ask": quote.ask}
        message = f"A quote of {quote.symbol} is not one of the session, or impossible"
        self.state.sink.incident(quote.event_ns, "warning", "report_kept", message, details)

    def rules_of(self, reported: RulesReported) -> None:
        """Rules that have changed are taken over, by an event with before and after; a market that ends is halted."""
        market = self.market_of(reported.instrument.symbol)
        if market is None:
            return
        if reported.status != self.statuses.get(market.symbol, ""):
            self.statuses[market.symbol] = reported.status
            if reported.status:
                self.reconciler.halt_both(market, "delisting", reported.status, "a market that trades", reported.id)
        ours = market.instrument
        changes = changes_of(ours, reported.instrument)
        key = repr(changes)
        if not changes or self.refused_rules.get(market.symbol) == key:
            return
        rules = fitted(ours, reported.instrument)
        if rules is None:
            self.refused_rules[market.symbol] = key
            theirs = ", ".join(steps_of(reported.instrument))
            self.reconciler.halt_both(market, "rules", theirs, f"{ours.tick_size}, {ours.lot_size}", reported.id)
            return
        take_over(market, rules)
        self.rules[market.symbol] = rules
        self.state.seq += 1
        message = f"The venue has changed the rules of {market.symbol}: {', '.join(changes)}"
        details = {"report": reported.id, "symbol": market.symbol, "changes": changes}
        self.state.sink.incident(reported.event_ns, "warning", "rules_changed", message, details)

    def stream_gap(self, gap: StreamGap) -> None:
        """What happened to the open orders meanwhile may have passed unseen: the venue is asked for each."""
        for at in list(self.venue.open.values()):
            self.venue.ask(at)

    # -- income -----------------------------------------------------------------------------------

    def income(self, income: Income) -> None:
        """Funding is booked, each entry once; everything else is named."""
        if income.income_id in self.incomes:
            return
        market = self.market_of(income.symbol)
        is_fee = income.kind in ("insurance", "liquidation")
        if (not is_fee and income.kind != "funding") or market is None or income.currency != market.instrument.settle:
            self.keep(income, f"{income.kind} in {income.currency} is not funding of a market of the session")
            return
        try:
            mantissa, decimals = fixed.parse_decimal(income.amount)
            amount = of_whole(fixed.div_half_even(mantissa * 10**fixed.MONEY_DECIMALS, 10**decimals))
        except (ValueError, LedgerOverflow):
            self.keep(income, f"'{income.amount}' is not a valid amount")
            return
        self.remember(income.income_id)
        if is_fee:
            self.charge(income, market, amount)
            return
        self.state.ledger.pay(amount)
        self.state.moved = True
        side = self.side_of(market, income.leg)
        lots = 0
        if side >= 0:
            leg = market.leg(side)
            lots = leg.quantity
        self.state.seq += 1
        self.state.sink.funded(
            market, SIDES[side] if side >= 0 else "", income.event_ns, income.rate, income.mark, lots, amount
        )

    def charge(self, income: Income, market: Market, amount: int) -> None:
        """What a liquidation costs besides its trades is a fee."""
        state = self.state
        side = self.side_of(market, income.leg)
        leg = market.leg(max(side, 0))
        lots = leg.quantity if side >= 0 else 0
        state.ledger.correct(leg, of_whole(0), of_whole(0), False, -amount, False)
        state.moved = True
        state.seq += 1
        fee = money_text(-amount)
        fields = ["insurance", "", income.id, income.event_ns, "", income.income_id, fee, income.currency]
        state.sink.reconciled(market, side, lots, 0, of_whole(0), [*fields, income.event_ns])

    def market_of(self, symbol: str) -> Market | None:
        """The market of a symbol, None for one that is not of the session."""
        index = self.state.index.get(symbol)
        if index is None:
            return None
        market: Market = self.state.markets[index]
        return market

    def side_of(self, market: Market, leg: str) -> int:
        """The leg that the venue names, else the only one that is held; -1 where neither says which."""
        if leg in SIDES:
            return SIDES.index(leg)
        if (market.long.quantity > 0) == (market.short.quantity > 0):
            return -1
        return 0 if market.long.quantity > 0 else 1

    def remember(self, income_id: str) -> None:
        """The entry has been taken."""
        self.incomes[income_id] = None
        if len(self.incomes) > INCOMES_KEPT_MAX:
            del self.incomes[next(iter(self.incomes))]

    def keep(self, income: Income, why: str) -> None:
        """An incident for an entry that is not booked."""
        self.remember(income.income_id)
        self.state.seq += 1
        self.state.sink.incident(
            income.event_ns,
            "warning",
            "income_not_booked",
            f"Income {income.income_id} of {income.amount} {income.currency} is not booked: {why}",
            {
                "income": income.id, "income_id": income.income_id, "kind": income.kind, "symbol": income.symbol,
                "amount": income.amount, "currency": income.currency,
            },
        )  # fmt: skip

    # -- the account ------------------------------------------------------------------------------

    def account(self, reported: AccountReported) -> None:
        """Name each leg of which the venue holds another quantity than the ledger, when that is first seen."""
        self.reconciler.compare_settings(reported)
        if not reported.positions_complete or self.reconciler.is_older(reported):
            return
        held = {
            (position.symbol, position.leg): [position.quantity, position.average] for position in reported.positions
        }
        for market in self.state.markets:
            for side in range(2):
                self.compare(reported, market, side, held.pop((market.symbol, SIDES[side]), ["0", ""]))

    def compare(self, reported: AccountReported, market: Market, side: int, row: list[str]) -> None:
        """One leg: ours beside the venue's quantity and entry price."""
        theirs = row[0]
        leg = market.leg(side)
        key = f"{market.symbol} {SIDES[side]}"
        try:
            lots = market.lot_grid.units(theirs)
        except ValueError:
            lots = -1  # off the grid, or no number: certainly not ours
        if lots != 0 and key in self.venue.absences and reported.positions_asked_ns > self.venue.absences[key][1]:
            del self.venue.absences[key]  # it holds something after all
        if lots == 0 and leg.quantity > 0 and self.is_closed_elsewhere(reported, market, side, key):
            self.settle_elsewhere(reported, market, side, key)
        elif self.reconciler.is_within(lots, leg.quantity):
            self.differences.pop(key, None)
            self.reconciler.agrees(market, side)
        elif reported.positions_asked_ns == 0:
            self.name(reported, market, side, key, theirs)  # an answer of no known time: nothing follows from it
        elif self.reconciler.differs(reported, market, side, lots, row):
            self.name(reported, market, side, key, theirs)
            self.reconciler.settle(market, side)

    def name(self, reported: AccountReported, market: Market, side: int, key: str, theirs: str) -> None:
        """An incident for a difference, once."""
        leg = market.leg(side)
        if self.differences.get(key) != [theirs, leg.quantity]:
            self.differences[key] = [theirs, leg.quantity]
            ours = units_text(market.lot_grid, leg.quantity)
            self.state.seq += 1
            self.state.sink.incident(
                reported.event_ns,
                "error",
                "position_differs",
                f"The venue holds {theirs} of the {SIDES[side]} leg of {market.symbol}, the ledger {ours}",
                {
                    "report": reported.id, "symbol": market.symbol, "leg": SIDES[side], "venue": theirs,
                    "ledger": ours, "asked_ns": reported.positions_asked_ns,
                },
            )  # fmt: skip

    def is_closed_elsewhere(self, reported: AccountReported, market: Market, side: int, key: str) -> bool:
        """Whether the venue refused a close for lack of a position, and nothing of ours may have closed the leg."""
        absence = self.venue.absences.get(key)
        if absence is None or reported.positions_asked_ns <= absence[1]:
            return False
        are_open = False
        for order in list(market.open_orders):
            at = self.venue.open[client_name(order)]
            if order.side == side and not waits_since(at, absence[1]):
                are_open = True
                self.venue.ask(at)
        for at in self.venue.closed.values():
            order = at.order
            are_open = are_open or (order.symbol == market.index and order.side == side and owed_lots(at) > 0)
        return not are_open

    def settle_elsewhere(self, reported: AccountReported, market: Market, side: int, key: str) -> None:
        """Take a leg out of the ledger, at the last close, and say so."""
        leg = market.leg(side)
        absence = self.venue.absences.pop(key)
        self.differences.pop(key, None)
        self.reconciler.agrees(market, side)
        asked_ns = reported.positions_asked_ns
        fields = ["closed_elsewhere", absence[0], reported.id, asked_ns, "", "", "0", "", reported.event_ns]
        ticks = market.close_ticks()
        self.reconciler.move(market, side, -leg.quantity, ticks, False, of_whole(0), asked_ns, fields)

    # -- snapshots --------------------------------------------------------------------------------

    def row(self) -> list[Any]:
        """Plain data for a snapshot: the model's own orders, what is still to be done and foreign fees included."""
        has_rules = self.rules or self.statuses or self.refused_rules
        rules = [self.rules, self.statuses, self.refused_rules] if has_rules else []
        more = [found] if (found := self.reconciler.row()) or rules else []
        return [
            list(self.incomes), self.differences, self.venue.theory.row(), self.venue.plans(), self.state.foreign_fees,
            self.protection.row(), *more, *([rules] if rules else []),
        ]  # fmt: skip

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.incomes = dict.fromkeys(row[0])
        self.differences = row[1]
        self.venue.theory.restore(row[2])
        self.venue.restore_plans(row[3])
        self.state.foreign_fees.update(row[4])
        self.protection.restore(row[5])
        if len(row) > 6 and row[6]:
            self.reconciler.restore(row[6])
        if len(row) > 7:
            self.rules, self.statuses, self.refused_rules = row[7]
            for symbol in list(self.rules):
                self.rules[symbol] = msgspec.convert(self.rules[symbol], Instrument)
                take_over(self.state.market_of(symbol), self.rules[symbol])
