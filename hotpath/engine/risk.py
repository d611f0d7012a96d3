# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The risk limits of one session: section ``risk`` of its configuration, evaluated the same in every mode.

They are evaluated on the mark-to-market account at each settle, at each fill and, with a real venue, at each timer and
report. A limit that trips is an event with its numbers. ``stop``, ``kill`` and ``flatten`` move the trading state as an
operator's command would, until the limit is reset; what the state asks for (orders off the book, closes) is carried out
at the end of the input, so that the bar in which a limit trips is matched to its end. ``notify`` is the event alone.

An operator's ``resume`` resets every limit. A reset begins the count anew: losses from the equity of that moment, the
streak and the slippages from none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cython
from msgspec import UNSET

from live_runner.contracts.vocabulary import RISK_AUTHOR, SIDES

if TYPE_CHECKING:
    from live_runner.hotpath.engine.ledger import Leg
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.state import Market, State
if not cython.compiled:
    from live_runner.hotpath.engine.limits import Equity, Limit, limit_of
    from live_runner.hotpath.engine.notices import new_notice
    from live_runner.hotpath.engine.orders import order_name
    from live_runner.hotpath.engine.python_money import money_text, of_whole, whole
    from live_runner.hotpath.engine.words import (
        NOTICE_LIMIT_RESET,
        NOTICE_LIMIT_TRIPPED,
        TRADING_FLATTENING,
        TRADING_KILLED,
        TRADING_OPEN,
    )

__all__ = ["AUTHOR", "TOO_SMALL", "Risk"]

AUTHOR: Final = "risk"
ONE: Final = 10**12
"""One of anything in the units of a limit."""
BASIS_POINT: Final = 10**16
"""A share in basis points, in the units of a limit."""
PER_NS: Final = 1000
TOO_SMALL: Final = frozenset({"below_min_amount", "below_min_notional", "amount_rounds_to_zero"})
"""Refusals that the limit ``minimum_size`` counts."""


class Risk:
    """Limits of one session. ``on``: some are configured."""

    def __init__(self, state: State) -> None:
        self.state = state
        given = state.config.risk
        self.on = given is not UNSET
        self.limits: list[Limit] = []
        self.equity = Equity(state.ledger.start)
        self.operator: list[Any] = [TRADING_OPEN, "", ""]
        self.kills = ""
        """The limit for which entries are to be taken off the book, "" for none."""
        self.flattens = ""
        """The event for which all legs are to be closed, "" for none."""
        self.legs: list[list[Any]] = []
        """Legs to close at the market: symbol, side, id of the event that says why."""
        self.results: dict[int, int] = {}
        self.losses = 0
        self.slippages: list[int] = []
        self.too_small = 0
        self.naked: dict[int, int] = {}
        self.spreads: dict[int, int] = {}
        self.timer_ns = -1
        self.daily_loss: Limit | None = None
        self.drawdown: Limit | None = None
        self.trailing_drawdown: Limit | None = None
        self.loss_streak: Limit | None = None
        self.entry_slippage: Limit | None = None
        self.p95_slippage: Limit | None = None
        self.p95_fills = 0
        self.minimum_size: Limit | None = None
        self.stale_data: Limit | None = None
        self.spread: Limit | None = None
        self.naked_leg: Limit | None = None
        if self.on:
            self.configure(given)

    def configure(self, given: Any) -> None:
        """The limits that the configuration gives, in the order in which they are evaluated."""
        self.daily_loss = self.add("daily_loss", given.daily_loss, "limit")
        self.drawdown = self.add("drawdown", given.drawdown, "limit")
        self.trailing_drawdown = self.add("trailing_drawdown", given.trailing_drawdown, "limit")
        self.loss_streak = self.add("loss_streak", given.loss_streak, "limit")
        self.entry_slippage = self.add("entry_slippage", given.entry_slippage, "limit_bp")
        self.p95_slippage = self.add("p95_slippage", given.p95_slippage, "limit_bp")
        self.p95_fills = given.p95_slippage.fills if given.p95_slippage is not None else 0
        self.minimum_size = self.add("minimum_size", given.minimum_size, "limit")
        self.stale_data = self.add("stale_data", given.stale_data, "after_s")
        if not self.state.simulated:
            self.spread = self.add("spread", given.spread, "limit_bp")
        self.naked_leg = self.add("unprotected", given.unprotected, "after_s")

    def add(self, name: str, given: Any, key: str) -> Limit | None:
        """One more limit, where it is given."""
        if given is None:
            return None
        limit = limit_of(name, given, getattr(given, key))
        self.limits.append(limit)
        return limit

    # -- evaluation -------------------------------------------------------------------------------

    def evaluate(self) -> None:
        """Take the account as it is now, at the last marks."""
        if self.on:
            self.evaluate_at(self.state.equity(), False)

    def evaluate_at(self, equity: int, inside_set: bool) -> None:
        """Take the account with that equity: what is over ends, what reaches its limit trips.

        ``inside_set``: a bar set is being matched. Bars of it may still come, so no symbol is stale for lack of one.
        """
        state = self.state
        now_ns = state.now_ns
        before = self.equity.last
        new_day = self.equity.mark(now_ns, equity)
        if self.stale_data is not None and not inside_set:
            self.stale_data.value = self.oldest_bar() * PER_NS
        if self.spread is not None and self.spreads:
            self.spread.value = of_whole(max(self.spreads.values()))
        if self.naked_leg is not None:
            self.naked_leg.value = self.longest_naked() * PER_NS
        for limit in self.limits:
            if limit.ends(now_ns, new_day):
                self.reset(limit, limit.reset, AUTHOR, before if limit.reset == "day" else self.equity.last)
        if self.daily_loss is not None and self.daily_loss.trips(self.equity.loss_of_day(), now_ns):
            self.trip(self.daily_loss, "", "", "")
        if self.drawdown is not None and self.drawdown.trips(self.equity.loss(), now_ns):
            self.trip(self.drawdown, "", "", "")
        if self.trailing_drawdown is not None and self.trailing_drawdown.trips(self.equity.below_peak(), now_ns):
            self.trip(self.trailing_drawdown, "", "", "")
        if self.stale_data is not None and not inside_set and self.stale_data.trips(self.stale_data.value, now_ns):
            self.trip(self.stale_data, self.oldest_symbol(), "", "")
        if self.spread is not None and self.spread.trips(self.spread.value, now_ns):
            key = max(self.spreads, key=self.spreads.__getitem__)
            self.trip(self.spread, state.markets[key].symbol, "", "")
        if self.naked_leg is not None and self.naked_leg.trips(self.naked_leg.value, now_ns):
            key = min(self.naked, key=self.naked.__getitem__)
            self.trip(self.naked_leg, state.markets[key // 2].symbol, SIDES[key % 2], "")

    def before_fill(self) -> None:
        """What is over by now ends before a fill is booked: the fill belongs to the count that begins."""
        if self.equity.day >= 0 and self.is_over():
            self.evaluate_at(self.equity.last, self.state.simulated)

    def filled(self, order: Order, market: Market, leg: Leg, ticks: int) -> None:
        """One fill has been booked. Its own symbol is valued at its price: the last mark may be of long ago."""
        ledger = self.state.ledger
        self.accepted()
        key = order.symbol * 2 + order.side
        result = self.results.get(key, 0) + whole(ledger.filled_realised) - whole(ledger.filled_fee)
        if order.reduce and leg.quantity == 0:
            self.results.pop(key, None)
            self.end_trade(result, market, order)
        else:
            self.results[key] = result
        if not order.reduce:
            wanted = order.price if order.price else order.reference
            self.slipped(order, market, leg.sign * (ticks - wanted) * BASIS_POINT // wanted)
        equity = self.state.equity() - market.value + ledger.unrealised_at(market, ticks)
        self.evaluate_at(equity, self.state.simulated)

    def is_over(self) -> bool:
        """Whether the day, or the cooldown of a limit, has ended since the last evaluation."""
        now_ns = self.state.now_ns
        over = now_ns >= self.equity.next_day_ns()
        for limit in self.limits:
            over = over or (limit.tripped and 0 <= limit.until_ns <= now_ns)
        return over

    def end_trade(self, result: int, market: Market, order: Order) -> None:
        """A leg is flat: its fills have brought this much after fees, funding apart."""
        self.losses = self.losses + 1 if result < 0 else 0
        if self.loss_streak is not None and self.loss_streak.trips(self.losses * ONE, self.state.now_ns):
            self.trip(self.loss_streak, market.symbol, SIDES[order.side], order_name(order))

    def ended_elsewhere(self, symbol: int, side: int) -> None:
        """A leg is flat without a fill of ours: what its trade brought is not known, and counts in no streak."""
        self.results.pop(symbol * 2 + side, None)

    def slipped(self, order: Order, market: Market, slippage: int) -> None:
        """An entry has filled so many basis points worse than its limit or the close of its decision."""
        now_ns = self.state.now_ns
        if self.entry_slippage is not None and self.entry_slippage.trips(of_whole(slippage), now_ns):
            self.trip(self.entry_slippage, market.symbol, SIDES[order.side], order_name(order))
            if self.entry_slippage.action == "close_leg":
                self.legs.append([order.symbol, order.side, self.state.event_id()])
        if self.p95_slippage is not None:
            self.slippages.append(slippage)
            if len(self.slippages) > self.p95_fills:
                del self.slippages[0]
            if len(self.slippages) == self.p95_fills:
                rank = (95 * self.p95_fills + 99) // 100  # nearest rank
                if self.p95_slippage.trips(of_whole(sorted(self.slippages)[rank - 1]), now_ns):
                    self.trip(self.p95_slippage, market.symbol, SIDES[order.side], order_name(order))

    def accepted(self) -> None:
        """An order stands or fills: the sizes are not too small any more."""
        self.too_small = 0
        if self.minimum_size is not None:
            self.minimum_size.value = of_whole(0)

    def refused(self, reason: str, symbol: str, leg: str) -> None:
        """The runner or the venue refused an intent for this reason."""
        if self.minimum_size is not None and reason in TOO_SMALL:
            self.too_small += 1
            if self.minimum_size.trips(self.too_small * ONE, self.state.now_ns):
                self.trip(self.minimum_size, symbol, leg, "")

    def unprotected(self, symbol: int, side: int, since_ns: int) -> None:
        """A leg that shall have a stop has none at the venue since a time; -1: it has one again, or needs none."""
        key = symbol * 2 + side
        if since_ns < 0:
            self.naked.pop(key, None)
        else:
            self.naked[key] = since_ns

    def quoted(self, symbol: int, bid: float, ask: float) -> None:
        """The best bid and ask of a symbol: the spread is their distance, of their middle."""
        if self.spread is not None:
            self.spreads[symbol] = round((ask - bid) / ((ask + bid) / 2) * BASIS_POINT)

    def oldest_bar(self) -> int:
        """Nanoseconds since the close of the last bar of the symbol that has waited longest for one."""
        state = self.state
        oldest = 0
        for market in state.markets:
            oldest = max(oldest, self.age_of(market))
        return oldest

    def oldest_symbol(self) -> str:
        """The first symbol whose last bar is as old as the oldest one."""
        oldest = self.oldest_bar()
        symbol = ""
        for market in self.state.markets:
            if not symbol and self.age_of(market) == oldest:
                symbol = market.symbol
        return symbol

    def age_of(self, market: Market) -> int:
        """Nanoseconds since the close of the symbol's last bar; 0 where it has had none."""
        bars = self.state.columns.bars
        at = market.index
        return self.state.now_ns - bars[at].close_ns if bars[at].number else 0

    def longest_naked(self) -> int:
        """For how long the leg that stands longest without its stop does."""
        longest = 0
        for since_ns in self.naked.values():
            longest = max(longest, self.state.now_ns - since_ns)
        return longest

    # -- trips and resets -------------------------------------------------------------------------

    def trip(self, limit: Limit, symbol: str, leg: str, order_id: str) -> None:
        """A limit has tripped: an event, and from now on its trading state."""
        state = self.state
        state.seq += 1
        if state.journals:
            state.sink.limit_tripped(limit, symbol, leg, order_id)
        self.note(NOTICE_LIMIT_TRIPPED, limit, state.index.get(symbol, -1))
        if limit.trading >= TRADING_KILLED and not self.kills:
            self.kills = limit.name
        if limit.trading == TRADING_FLATTENING and not self.flattens:
            self.flattens = state.event_id()
        self.apply()

    def reset(self, limit: Limit, why: str, author: str, equity: int) -> None:
        """A tripped limit is reset: its count begins anew, losses from that equity."""
        limit.clear()
        if limit is self.daily_loss:
            self.equity.day_start = equity
        elif limit is self.drawdown:
            self.equity.start = equity
        elif limit is self.trailing_drawdown:
            self.equity.peak = max(equity, self.equity.last)
        elif limit is self.loss_streak:
            self.losses = 0
            limit.value = of_whole(0)
        elif limit is self.p95_slippage:
            self.slippages.clear()
            limit.value = of_whole(0)
        elif limit is self.minimum_size:
            self.too_small = 0
            limit.value = of_whole(0)
        state = self.state
        state.seq += 1
        if state.journals:
            state.sink.limit_reset(limit, why, author)
        self.note(NOTICE_LIMIT_RESET, limit, -1)
        self.apply()

    def note(self, kind: int, limit: Limit, symbol: int) -> None:
        """Let the strategy know."""
        state = self.state
        if state.notes_updates:
            notice = new_notice(kind, None, symbol, -1, -1, 0, 0, state.now_ns)
            notice.reason = limit.name
            state.notices.append(notice)
            state.has_notices = True

    def obey(self, command: str) -> None:
        """A command has moved the trading state. An operator's ``resume`` resets the limits, that of an account not."""
        state = self.state
        self.operator = [state.trading, state.trading_author, state.trading_reason]
        author = state.trading_author
        if command == "resume" and not author.startswith(RISK_AUTHOR):
            for limit in self.limits:
                if limit.tripped:
                    self.reset(limit, "resume", author, self.equity.last)
        self.apply()

    def apply(self) -> None:
        """The trading state is the strictest of the operator's and of the limits that have tripped."""
        state = self.state
        state.trading, state.trading_author, state.trading_reason = self.operator
        for limit in self.limits:
            if limit.tripped and limit.trading > state.trading:
                state.trading = limit.trading
                state.trading_author = AUTHOR
                state.trading_reason = f"{limit.name} is {money_text(limit.value)}, the limit {money_text(limit.most)}"

    # -- timers and snapshots ---------------------------------------------------------------------

    def set_timer(self) -> None:
        """With a real venue: have the limits evaluated when one may trip or end though nothing happens."""
        due_ns = self.due_ns()
        if due_ns >= 0 and due_ns != self.timer_ns:
            self.timer_ns = due_ns
            self.state.sink.set_timer("risk", due_ns)

    def timers(self) -> list[Any]:
        """The timer of the limits, for a process that takes over."""
        return [("risk", self.timer_ns)] if self.timer_ns >= 0 else []

    def due_ns(self) -> int:
        """When a limit may trip or end though nothing happens, -1 for never."""
        state = self.state
        due = -1
        for limit in self.limits:
            if not limit.tripped:
                continue
            ends = limit.until_ns
            if limit.reset == "day":
                ends = self.equity.next_day_ns()
            if ends >= 0 and (due < 0 or ends < due):
                due = ends
        if self.stale_data is not None and not self.stale_data.tripped:
            ends = state.now_ns - self.oldest_bar() + whole(self.stale_data.most) // PER_NS
            if due < 0 or ends < due:
                due = ends
        if self.naked_leg is not None and not self.naked_leg.tripped and self.naked:
            ends = min(self.naked.values()) + whole(self.naked_leg.most) // PER_NS
            if due < 0 or ends < due:
                due = ends
        return due

    def row(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {
            "limits": [limit.row() for limit in self.limits],
            "equity": self.equity.row(),
            "operator": list(self.operator),
            "results": [[key, str(result)] for key, result in self.results.items()],
            "counts": [self.losses, self.too_small],
            "slippages": [str(slippage) for slippage in self.slippages],
            "naked": [[key, since_ns] for key, since_ns in self.naked.items()],
            "spreads": [[key, str(spread)] for key, spread in self.spreads.items()],
            "timer_ns": self.timer_ns,
            "closes": self.closes(),
        }

    def closes(self) -> list[int]:
        """When the last bar of each symbol closed."""
        state = self.state
        found = []
        for market in state.markets:
            found.append(state.columns.bars[market.index].close_ns)
        return found

    def restore(self, row: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        for limit, stored in zip(self.limits, row["limits"], strict=True):
            limit.restore(stored)
        self.equity.restore(row["equity"])
        self.operator = list(row["operator"])
        self.results = {key: int(result) for key, result in row["results"]}
        self.losses, self.too_small = row["counts"]
        self.slippages = [int(slippage) for slippage in row["slippages"]]
        self.naked = dict(row["naked"])
        self.spreads = {key: int(spread) for key, spread in row["spreads"]}
        self.timer_ns = row["timer_ns"]
        for at in range(len(row["closes"])):
            self.state.columns.bars[at].close_ns = row["closes"][at]
