# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""One session on the engine: its parts wired together, and what each input does to them.

A backtest plays columns (``play``), a service folds messages one by one (``begin_set``, ``put_bar``, ``settle``,
``carry_out``, ``obey``, ``report``, ``timer``). Both go through the same steps of a close:

    match and mark every symbol's bar, expire, end backoffs, settle the account      settle
    the strategy observes every bar, gets its order events and decides                host.observe, host.decide
    closes, then opens and adds, each in the order given                              carry_out
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cython

from live_runner.contracts.messages import Command, Event, Report, Started
from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine.columns import Columns
from live_runner.hotpath.engine.journal import Journal
from live_runner.hotpath.engine.manager import Manager
from live_runner.hotpath.engine.paper import Paper
from live_runner.hotpath.engine.pretrade import PreTrade
from live_runner.hotpath.engine.protection import Protection
from live_runner.hotpath.engine.reports import Reports
from live_runner.hotpath.engine.state import State
from live_runner.hotpath.engine.venue import RemoteVenue
from live_runner.hotpath.engine.venue_facts import VenueFacts

if not cython.compiled:
    from live_runner.hotpath.engine.columns import unfit
    from live_runner.hotpath.engine.host import Host
    from live_runner.hotpath.engine.levels import levels_of
    from live_runner.hotpath.engine.orders import Order, order_name
    from live_runner.hotpath.engine.pretrade import Asked
    from live_runner.hotpath.engine.snapshots import manager_row, market_row, restore_manager, restore_market
    from live_runner.hotpath.engine.state import new_funding
    from live_runner.hotpath.engine.summary import summary_of
    from live_runner.hotpath.engine.trading_state import move_trading
    from live_runner.hotpath.engine.words import CANCEL, CLOSE, HOLD, MARKET, PARTIAL_CLOSE, PROTECT, SYNC_STATE

__all__ = ["PAUSE_SETS", "Session"]

PAUSE_SETS: Final = 4096
"""Sets between two looks at signals (Ctrl-C) and calls of ``progress``."""


class Session:
    """Orders, positions and account of one session, from its manifest.

    ``columns`` as ``Columns`` takes them, None where bars come from messages. With ``journals`` every event becomes a
    message in ``journal.out``; with ``hashing`` they carry the running hash.
    """

    due: list[Any]

    def __init__(self, started: Started, columns: list[tuple[Any, ...]] | None, journals: bool, hashing: bool) -> None:
        self.columns = Columns(len(started.config["market"]["symbols"]), columns)
        self.state = State(started, self.columns)
        self.manager = Manager(self.state)
        self.paper = Paper(self.state, self.manager)
        self.venue = RemoteVenue(self.state, self.manager)
        self.manager.gateway = self.paper if self.state.simulated else self.venue
        self.reports = Reports(self.state, self.manager, self.venue)
        self.facts = VenueFacts(self.state, self.venue, self.reports)
        self.pretrade = PreTrade(self.state)
        self.protection = Protection(self.state, self.manager, self.paper, self.reports.protection)
        self.risk = self.manager.risk
        self.caps = self.manager.caps
        self.journal: Any = None
        if journals:
            self.journal = Journal(self.state, hashing)
            self.state.sink = self.journal
            self.state.journals = True
        self.due = []
        self.due_at = 0
        self.due_set = -1
        self.set_cause = ""
        self.settled_fills = 0
        self.is_late = False
        """The decision that is carried out came after the next bar (real venues only)."""

    # -- a backtest -------------------------------------------------------------------------------

    def play(
        self,
        host: Host,
        grid: Any,
        length_ns: int,
        warmup_sets: int,
        due: list[tuple[int, int, int, str, float | None]],
        progress: Callable[[int], None] | None,
        sink: Callable[[int], None] | None,
    ) -> None:
        """Every set of the columns. ``grid`` has their open times.

        ``due`` are the funding rates in the order of their sets: number of the set (from 0), symbol, time, rate, mark.
        ``progress`` is called with the number of the set now and then, ``sink`` after each set, to take
        ``journal.out``.
        """
        if host is None:
            raise TypeError("A session is played with a host, not with None")
        self.check(grid, length_ns, warmup_sets, due)
        self.due = due
        self.due_at = 0
        self.due_set = due[0][0] if due else -1
        sets = len(grid)
        pause_at = 0
        times = grid if cython.compiled else grid.tolist()
        for number in range(sets):
            if number == pause_at:
                pause_at += PAUSE_SETS
                self.pause(number, progress)
            self.step(host, times[number], times[number] + length_ns, number + 1, number >= warmup_sets)
            if sink is not None:
                sink(number)
        self.pause(sets, progress)

    def check(
        self, grid: Any, length_ns: int, warmup_sets: int, due: list[tuple[int, int, int, str, float | None]]
    ) -> None:
        """Refuse columns, sets and funding rates that do not fit together: a DataError with symbol and row."""
        self.columns.check(grid, length_ns, warmup_sets)
        last = 0
        for row in range(len(due)):
            number, symbol = due[row][0], due[row][1]
            if not 0 <= symbol < self.columns.symbols:
                what = f"Funding rate {row} is of symbol {symbol} of {self.columns.symbols}"
                raise unfit(what, "funding", symbol, row)
            if number < last:
                raise unfit(f"Funding rate {row} is due before the one before it", "funding", symbol, row)
            last = number

    def pause(self, number: int, progress: Callable[[int], None] | None) -> None:
        """Let Ctrl-C through, which compiled code would not see, and report how far the run is."""
        if cython.compiled:
            PyErr_CheckSignals()
        if progress is not None:
            progress(number)

    def step(self, host: Host, open_ns: int, close_ns: int, number: int, tradable: bool) -> None:
        """One set: match and mark, settle, observe, decide."""
        self.state.now_ns = close_ns
        self.state.close_ns = close_ns
        self.state.set_number = number
        if self.state.journals:
            self.journal.cause = self.set_cause
        if 0 <= self.due_set < number:
            self.await_due(number, tradable)
        for at in range(self.columns.symbols):
            if self.columns.take(at, open_ns, close_ns, number) and tradable and self.columns.busy[at]:
                self.paper.run_bar(self.state.markets[at])
        if tradable:
            self.end_set()
        host.observe()
        if tradable:
            if self.state.journals:
                self.decide_in_messages(host)
            else:
                self.state.seq += 1  # settled
                host.decide()

    def await_due(self, number: int, tradable: bool) -> None:
        """Funding rates that come with this set or came before it."""
        self.due_set = -1
        while self.due_at < len(self.due):
            row = self.due[self.due_at]
            if row[0] >= number:
                self.due_set = row[0]
                break
            self.due_at += 1
            if tradable:
                self.paper.await_funding(self.state.markets[row[1]], new_funding(row[2], row[3], row[4]))

    def decide_in_messages(self, host: Host) -> None:
        """The close and its decision, with their messages."""
        self.journal.settled()
        self.journal.expect_decision()
        at = len(self.journal.out)
        asked = self.state.intents
        try:
            host.decide()
        except BaseException:
            if self.state.intents > asked:  # the decision was made; carrying it out ended the session
                del self.journal.out[at:]
                self.journal.decided(host.decision(), at)
            raise
        self.journal.decided(host.decision(), at)

    # -- a close --------------------------------------------------------------------------------

    def begin_set(self, close_ns: int, number: int) -> None:
        """The next close time: everything until the one after it happens there."""
        self.state.advance(close_ns)
        self.state.close_ns = close_ns
        self.state.set_number = number

    def await_funding(self, symbol: str, funding_ns: int, rate: str, mark: float | None) -> None:
        """A funding rate that came with the set."""
        self.paper.await_funding(self.state.market_of(symbol), new_funding(funding_ns, rate, mark))

    def put_bar(
        self,
        symbol: str,
        open_ns: int,
        close_ns: int,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        late: bool,
        tradable: bool,
    ) -> None:
        """One symbol's bar of the set: matched and marked on the paper venue, a mark only with a real one."""
        state = self.state
        market = state.market_of(symbol)
        at = market.index
        self.columns.put(at, open_ns, close_ns, open, high, low, close, volume, late, state.set_number)
        if not tradable:
            return
        if state.simulated:
            if self.columns.busy[at]:
                self.paper.run_bar(market)
            return
        self.venue.theory.run_bar(market)
        state.ledger.mark_at(market, market.close_ticks())
        if market.long.quantity or market.short.quantity:
            state.moved = True

    def end_set(self) -> None:
        """After the bars of a set: what ran out of time, backoffs, peaks and drawdowns."""
        if self.manager.next_expiry >= 0:
            self.manager.expire()
        if self.state.backoffs:
            self.end_backoffs()
        if self.state.moved:
            self.state.moved = False
            self.state.ledger.settle()
        self.settled_fills = self.state.fills
        self.watch()
        self.name_levels()

    def end(self) -> bool:
        """Settle the account once more where something was filled after the last close; whether it was."""
        if self.state.fills == self.settled_fills:
            return False
        self.state.ledger.settle()
        self.risk.evaluate()  # what has tripped is named; no order follows the end
        self.name_levels()
        return True

    # -- limits -----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Evaluate the risk limits, and carry out what those that have tripped ask for."""
        self.risk.evaluate()
        self.act()
        if not self.state.simulated:
            self.risk.set_timer()

    def act(self) -> None:
        """Orders off the book and closes, for the limits that have tripped during this input."""
        risk = self.risk
        if risk.kills:
            self.manager.cancel_entries(risk.kills)
            risk.kills = ""
        if risk.flattens:
            self.manager.gateway.flatten(risk.flattens)
            risk.flattens = ""
        legs = risk.legs
        if legs:
            risk.legs = []
            for symbol, side, event_id in legs:
                self.manager.gateway.close_leg(self.state.markets[symbol], side, f"{event_id}/1")

    def name_levels(self) -> None:
        """An event that says how near every limit and cap is, where there are some."""
        if self.risk.on or self.caps.on:
            self.state.seq += 1
            if self.state.journals:
                self.journal.risk_levels(levels_of(self.risk, self.caps))

    def end_backoffs(self) -> None:
        """Backoffs whose time has run out show as a change of their leg, once."""
        for market in self.state.markets:
            for side in range(2):
                leg = market.leg(side)
                backoff = leg.backoff
                if backoff is not None and backoff.blocked and not backoff.blocks(self.state.now_ns):
                    backoff.blocked = False
                    self.state.change(market, side)

    def clear_changes(self) -> None:
        """Every changed leg has been shown."""
        if self.state.changes:
            self.state.changes = 0
            for market in self.state.markets:
                market.long.changed = False
                market.short.changed = False

    # -- a decision -----------------------------------------------------------------------------

    def carry_out_late(self, intents: list[Asked], behind: int) -> None:
        """A decision that comes after the next bar: closes go on, entries as the configuration says."""
        state = self.state
        state.seq += 1
        if state.journals:
            message = f"The decision on the close {state.close_ns} came after the next bar"
            details = {"close_ns": state.close_ns, "sets_waiting": behind, "now_ns": state.now_ns}
            state.sink.incident(state.now_ns, "warning", "late_decision", message, details)
        self.is_late = True
        self.carry_out(intents)
        self.is_late = False

    def carry_out(self, intents: list[Asked]) -> None:
        """Every intent of one decision: closes and cancels first, then the others, each in the order given."""
        state = self.state
        count = len(intents)
        state.intents += count
        requested = state.requested
        denied = state.denied
        for passing in range(2):
            for at in range(count):
                asked = intents[at]
                first = asked.action == PARTIAL_CLOSE or asked.action == CLOSE or asked.action == CANCEL
                if first == (passing == 0):
                    self.place(asked)
        if count > 0:
            state.seq += 1
            if state.journals:
                state.sink.executed(state.requested - requested, state.denied - denied)
            self.act()

    def place(self, asked: Asked) -> None:
        """One intent: requested, denied, cancelled, or nothing to do."""
        if asked.symbol < 0:
            self.deny(asked, "unknown_symbol", f"'{asked.message.symbol}' is not a symbol of this session")
        elif asked.action < 0:
            self.deny(asked, "unknown_action", f"'{asked.message.action}' is not a valid action: {', '.join(ACTIONS)}")
        elif asked.side < 0:
            self.deny(asked, "unknown_leg", f"'{asked.message.leg}' is not a valid leg: long or short")
        elif asked.action == CANCEL:
            self.cancel(asked)
        elif asked.action == PROTECT:
            if not self.protection.carry_out(asked, self.pretrade):
                self.deny(asked, self.pretrade.reason, self.pretrade.message)
        elif asked.action != HOLD and asked.action != SYNC_STATE:
            order = self.pretrade.order_of(asked)
            if order is None:
                self.deny(asked, self.pretrade.reason, self.pretrade.message)
            elif not self.caps.permit(order, False):
                self.deny(asked, self.caps.reason, self.caps.message)
            elif self.state.simulated:
                self.manager.request(order)
            else:
                self.place_at_venue(asked, order)

    def place_at_venue(self, asked: Asked, order: Order) -> None:
        """For a real venue: a whole close minds the other closes of its leg, a late entry the configuration."""
        if not order.reduce and self.is_late and self.venue.denies_late:
            self.deny(asked, "late_decision", "The next bar had come before this decision")
        elif order.reduce and self.venue.closes_later(order.symbol, order.side):
            self.deny(asked, "close_pending", f"The {SIDES[asked.side]} leg is being closed already")
        elif asked.action == CLOSE and order.kind == MARKET:
            order.syncs = asked.message is not None and asked.message.close_semantics == "sync_if_absent"
            self.venue.close(order)
        else:
            self.manager.request(order)

    def cancel(self, asked: Asked) -> None:
        """Take an order of the leg off the book."""
        found = None
        for order in self.state.orders:
            if order.symbol == asked.symbol and order.side == asked.side and order_name(order) == asked.order_id:
                found = order
        if found is None:
            self.deny(asked, "unknown_order", f"'{asked.order_id}' is not an open order of the {SIDES[asked.side]} leg")
        elif not found.cancel_reason:
            self.reports.protection.cancel(found, asked.reason or "intent")

    def deny(self, asked: Asked, reason: str, message: str) -> None:
        """The runner does not carry the intent out."""
        intent_id = asked.intent_text
        if intent_id is None:
            intent_id = f"{self.state.name}/{asked.close_ns}/{asked.number}"
        symbol = self.state.markets[asked.symbol].symbol if asked.symbol >= 0 else asked.message.symbol
        leg = SIDES[asked.side] if asked.side >= 0 else asked.message.leg
        action = ACTIONS[asked.action] if asked.action >= 0 else asked.message.action
        self.manager.deny(
            asked.close_ns,
            asked.number,
            asked.symbol,
            asked.side,
            intent_id,
            symbol,
            leg,
            asked.action,
            action,
            reason,
            message,
            None,
        )

    # -- operators, reports, timers ---------------------------------------------------------------

    def obey(self, command: Command) -> None:
        """An accepted operator command, at its place in the log; others are not execution's matter."""
        if not move_trading(self.state, command.command, command.author, command.reason):
            return
        if self.risk.on:
            self.risk.obey(command.command)
        if command.command in ("kill", "flatten"):
            self.manager.cancel_entries(command.command)
        if command.command == "flatten":
            self.manager.gateway.flatten(command.id)

    def report(self, report: Report) -> None:
        """A real venue's word about an order."""
        self.state.advance(report.event_ns)
        self.reports.fold(report)
        self.watch()

    def fact(self, event: Event) -> None:
        """Something else that a real venue, its stream or a new owner says."""
        self.facts.fold(event)
        self.watch()

    def timer(self, due_ns: int) -> None:
        """A timer has fired."""
        self.state.advance(due_ns)
        self.manager.expire()
        self.manager.retry_due()
        self.reports.timer()
        self.watch()

    def timers(self) -> list[tuple[str, int]]:
        """Names and times of what is due, in nanoseconds: to be set again by a process that takes over."""
        return self.manager.timers() + self.reports.timers() + self.risk.timers()

    # -- results and snapshots ------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """The session in numbers: counts, and money as decimal text."""
        return summary_of(self.state)

    def row(self) -> dict[str, Any]:
        """Plain data for a snapshot, taken between two inputs."""
        state = self.state
        return {
            "times": [state.now_ns, state.close_ns, state.set_number],
            "seq": state.seq,
            "trading": [state.trading, state.trading_author, state.trading_reason],
            "counts": [
                state.intents, state.requested, state.fills, state.rejected, state.denied, state.numbered,
                state.liquidations, self.settled_fills,
            ],
            "markets": [market_row(state, market) for market in state.markets],
            "ledger": state.ledger.state(),
            "manager": manager_row(self.manager),
            "reports": self.reports.row(),
            "journal": self.journal.row() if self.journal is not None else None,
        } | self.rows_of_some()  # fmt: skip

    def rows_of_some(self) -> dict[str, Any]:
        """Plain data of what only some sessions have."""
        rows: dict[str, Any] = {} if self.state.simulated else {"facts": self.facts.row()}
        if self.risk.on:
            rows["risk"] = self.risk.row()
        if self.caps.on:
            rows["caps"] = self.caps.row()
        return rows

    def restore(self, row: dict[str, Any]) -> None:
        """Take over a state that ``row`` gave, on a fresh session."""
        state = self.state
        state.now_ns, state.close_ns, state.set_number = row["times"]
        state.seq = row["seq"]
        state.trading, state.trading_author, state.trading_reason = row["trading"]
        (
            state.intents, state.requested, state.fills, state.rejected, state.denied, state.numbered,
            state.liquidations, self.settled_fills,
        ) = row["counts"]  # fmt: skip
        state.ledger.restore(row["ledger"])
        restore_manager(self.manager, row["manager"])
        for at in range(len(state.markets)):
            restore_market(state, state.markets[at], row["markets"][at])
            self.paper.mark_busy(state.markets[at])
        self.reports.restore(row["reports"])
        if not state.simulated:
            self.facts.restore(row["facts"])
        if self.risk.on:
            self.risk.restore(row["risk"])
        if self.caps.on:
            self.caps.restore(row["caps"])
        state.moved = True  # whether it did is not in the snapshot; settling once more changes nothing
        if self.journal is not None:
            self.journal.restore(row["journal"])
