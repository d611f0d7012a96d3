"""Everything that can happen between the core and its venue on one leg, one step at a time.

A world is a value: the core's state, the venue, the calls that the shell has not made yet, what is on its way to the
core, requests that may still arrive, timers, and what the core's events add up to for each order. ``steps`` gives
everything that may happen next, ``after`` the world to which it leads. What must never be raises ``BrokenRuleError``;
``next_to_rest`` lets everything arrive and end; checks.py compares what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from model import venue as venues
from model.engine import Engine, Outcome, Reported
from model.values import (
    CLOSING,
    OPENING,
    BrokenRuleError,
    Move,
    Row,
    Rules,
    State,
    Step,
    decision,
    is_child,
    of_stops,
    row_of,
    with_lots,
    with_message,
    without,
)
from model.venue import Venue
from msgspec.structs import replace

__all__ = ["BrokenRuleError", "Move", "Rules", "State", "Step", "World", "decision"]

SEND_WINDOW_S = 2
ARRIVAL_S = 5
"""After its request an order may reach the venue for so long: send window and receive window."""
REST_STEPS_MAX = 200


class World:
    """The steps of worlds with one engine and one set of rules."""

    def __init__(self, engine: Engine, rules: Rules, held: int) -> None:
        self.engine = engine
        self.rules = rules
        self.held = held
        self.outcomes: list[Outcome] = []
        """What the core did in the last step."""
        self._shared: dict[Any, Any] = {}

    def forget(self, but: Iterable[int]) -> None:
        """Keep of the core no states but these, and what costs memory to be quick not at all."""
        self.engine.retain(but)
        self._shared.clear()

    # -- steps ----------------------------------------------------------------------------------

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that may happen next."""
        sending = {client for what, client, _ in state.calls if what == "send"}
        for call in dict.fromkeys(state.calls):
            what, client, since = call
            if what != "send" and client in sending:
                continue  # calls about one order are made in the order in which they are asked for
            if what == "query":
                yield Step("ask", call)
                continue
            yield Step("unknown", call)
            if what == "cancel" or state.now < since + SEND_WINDOW_S:
                yield Step(what, call)
                if what == "send" and state.mishaps < self.rules.mishaps:
                    if row_of(state.book, client).trigger:
                        yield Step("refuse for good", call)
                    yield Step("refuse", call)
                if state.doubles < self.rules.doubles:
                    yield Step("duplicate", call)
        for message in dict.fromkeys(state.messages):
            report, awaited = message
            yield Step("absent" if report.status == "absent" else "ack", message)
            if state.doubles < self.rules.doubles:
                yield Step("duplicate", message)
            yield Step("unknown" if awaited else "drop", message)
        for order in state.venue.orders:
            if order.stands and state.mishaps < self.rules.mishaps:
                yield Step("take off", order.client)
            if order.remaining:
                yield Step("fill", (order.client, order.remaining))
            if order.remaining > 1:
                yield Step("fill", (order.client, 1))
            if order.trigger and order.stands:
                yield Step("trigger" if order.waits else "expire", (order.client,))
        for request in dict.fromkeys(state.late):
            yield Step("arrive", request)
        if state.timers:
            yield Step("timer", state.timers[0])
        if state.epoch <= self.rules.restarts:
            yield Step("restart")
        for move in self.rules.moves:
            if move.name not in state.moves:
                yield Step("move", move)

    def after(self, state: State, step: Step) -> State:
        """The world after a step, made of parts that equal worlds share."""
        self.outcomes = []
        after = self._after(state, step)
        share = self._shared.setdefault
        return replace(
            after,
            venue=share(after.venue, after.venue),
            book=share(after.book, after.book),
            calls=share(after.calls, after.calls),
            messages=share(after.messages, after.messages),
            timers=share(after.timers, after.timers),
        )

    def _after(self, state: State, step: Step) -> State:
        verb, subject = step
        if verb == "send":
            return self._send(state, subject)
        if verb == "refuse":
            return self._refuse(state, subject, for_good=False)
        if verb == "refuse for good":
            return self._refuse(state, subject, for_good=True)
        if verb == "take off":
            return self._take_off(state, subject)
        if verb in ("trigger", "expire"):
            return self._trigger(state, subject[0], ends=verb == "expire")
        if verb in ("cancel", "ask"):
            return self._ask(state, subject, cancel=verb == "cancel")
        if verb == "duplicate" and not isinstance(subject[0], Reported):
            return self._twice(state, subject)
        if verb in ("ack", "absent", "duplicate"):
            kept = state.messages if verb == "duplicate" else without(state.messages, subject)
            state = replace(state, messages=kept, doubles=state.doubles + (verb == "duplicate"))
            return self.fold(state, subject[0])
        if verb == "drop":
            return replace(state, messages=without(state.messages, subject), missed=True)
        if verb == "unknown":
            return self._unknown(state, subject)
        if verb == "fill":
            return self._fill(state, *subject)
        if verb == "arrive":
            state = replace(state, late=without(state.late, subject))
            return self._place(state, subject[0])[0]
        if verb == "lose":
            return replace(state, late=without(state.late, subject))
        if verb == "timer":
            due_s, name = subject
            state = self._at(replace(state, timers=without(state.timers, subject)), due_s)
            return self.fold(state, ("timer", name, due_s * 1_000_000_000))
        if verb == "restart":
            return self._restart(state)
        if verb == "listing":
            return self._listing(state)
        assert verb == "move", step
        state = self._at(replace(state, moves=tuple(sorted([*state.moves, subject.name]))), state.now + subject.after_s)
        for given in subject.inputs:
            state = self.fold(state, given)
        return state

    def _at(self, state: State, now: int) -> State:
        now = max(now, state.now)
        return replace(state, now=now, late=tuple(request for request in state.late if request[1] > now))

    def _send(self, state: State, call: tuple[str, str, int]) -> State:
        client = call[1]
        state = replace(state, calls=without(state.calls, call))
        state = self.fold(state, Reported(client, "submitted", "send", sent=state.now))
        state, refused = self._place(state, client)
        if refused:
            report = Reported(client, "rejected", "send", code=refused, meaning=refused)
        else:
            report = Reported(client, "accepted", "send")
        return with_message(state, report, awaited=True)

    def _refuse(self, state: State, call: tuple[str, str, int], *, for_good: bool) -> State:
        """The venue does not take the order: now, when it may be tried again, or at all."""
        client = call[1]
        state = replace(state, calls=without(state.calls, call), mishaps=state.mishaps + 1)
        state = self.fold(state, Reported(client, "submitted", "send", sent=state.now))
        report = Reported(client, "rejected", "send", code="refused" if for_good else "busy", retryable=not for_good)
        return with_message(state, report, awaited=True)

    def _take_off(self, state: State, client: str) -> State:
        """The venue cancels an order on its own."""
        state = replace(state, venue=venues.cancelled(state.venue, client), mishaps=state.mishaps + 1)
        return with_message(state, self._shown(state, client, "stream")._replace(asked=0), awaited=False)

    def _trigger(self, state: State, client: str, *, ends: bool) -> State:
        """The price of a stop or target is met; or the order that it has become ends with what it has filled."""
        if not ends:
            before = state.venue
            state = replace(state, venue=venues.triggered(before, client))
            quantity = row_of(state.book, client).quantity
            state = with_message(state, Reported(client, "filled", "stream", quantity), awaited=False)
            return self._with_ends(state, before)
        state = replace(state, venue=venues.cancelled(state.venue, client, "expired"))
        return with_message(state, self._told(state, client), awaited=False)

    def _told(self, state: State, client: str) -> Reported:
        """What the stream says of an order, without its trades."""
        order = venues.found(state.venue, client)
        assert order is not None
        filled = order.filled
        return Reported(client, order.status, "stream", filled, quantity=order.quantity, child=is_child(order))

    def _with_ends(self, state: State, before: Venue) -> State:
        """The stream says which orders have ended because there is nothing left to reduce."""
        stood = {order.client for order in before.orders if order.stands}
        for order in state.venue.orders:
            if order.client in stood and order.status == "expired":
                state = with_message(state, self._told(state, order.client), awaited=False)
        return state

    def _twice(self, state: State, call: tuple[str, str, int]) -> State:
        """The transport repeats a request, and the answer is that to the second one."""
        what, client, _ = call
        messages = state.messages
        state = replace(state, doubles=state.doubles + 1)
        state = self._send(state, call) if what == "send" else self._ask(state, call, cancel=True)
        if what == "send":
            report = Reported(client, "rejected", "send", code="duplicate", meaning="duplicate")
        else:
            report = Reported(client, "cancel_refused", "cancel", code="-2011")
        return with_message(replace(state, messages=messages), report, awaited=True)

    def _place(self, state: State, client: str) -> tuple[State, str]:
        """The request reaches the venue; here is what an order must never be when it gets there."""
        row = row_of(state.book, client)
        venue, refused = venues.place(
            state.venue, client, reduce=row.reduce, at_market=row.at_market, quantity=row.quantity,
            trigger=row.trigger, target=row.target,
        )  # fmt: skip
        if row.trigger:
            pass  # it is not held against the position before its price is met
        elif row.reduce:
            lots = row.quantity if refused else 0
            lots += sum(order.remaining for order in venue.orders if order.reduce and not order.trigger)
            surprised = any(is_child(order) for order in venue.orders)  # a stop may trigger while a close is under way
            if refused != "duplicate" and lots > venue.position and not surprised:
                raise BrokenRuleError("closes more than is held", f"closes of {lots} stand, {venue.position} is held")
        elif not refused:
            of_intent = {other.client for other in state.book if other.intent == row.intent}
            orders = [order for order in venue.orders if order.client in of_intent]
            if sum(order.stands for order in orders) > 1:
                names = " and ".join(order.client for order in orders if order.stands)
                raise BrokenRuleError("two orders of one intent", f"{names} stand")
            asked = max(other.quantity for other in state.book if other.intent == row.intent)
            lots = sum(order.filled + order.remaining for order in orders)
            if lots > asked:
                raise BrokenRuleError("orders more than was asked", f"{lots} of {asked}")
        return replace(state, venue=venue), refused

    def _ask(self, state: State, call: tuple[str, str, int], *, cancel: bool) -> State:
        client = call[1]
        state = replace(state, calls=without(state.calls, call))
        if not cancel:
            return with_message(state, self._shown(state, client, "query"), awaited=True)
        order = venues.standing(state.venue, client)
        if order is None:
            report = Reported(client, "cancel_refused", "cancel", code="-2011")
        else:
            before = state.venue
            state = replace(state, venue=venues.cancelled(before, client))
            # What the venue fills or takes off meanwhile, the core cannot have known.
            is_known = self._held(state.book) == before.position
            is_known = is_known and not any(
                other.trigger and other.status in ("cancelled", "expired") for other in before.orders
            )
            if self.rules.protects and is_known and of_stops(before) >= before.position > of_stops(state.venue):
                raise BrokenRuleError("a leg is left without its stop", f"{client} was cancelled")
            filled = order.filled if self.rules.cancel_names_total else 0
            child = is_child(order)
            report = Reported(client, "cancelled", "cancel", filled, quantity=order.quantity, child=child)
        return with_message(state, report, awaited=True)

    def _shown(self, state: State, client: str, via: str) -> Reported:
        """What the venue answers when it is asked for an order now."""
        order = venues.found(state.venue, client)
        if order is None:
            return Reported(client, "absent", via, asked=state.now, complete=True)
        trades = venues.trades(state.venue, client)
        cost = sum(lots * price for _, lots, price in trades)
        named = self.rules.names_trades or via == "listing"
        return Reported(
            client, order.status, via, order.filled, trades if named else (), order.quantity, cost,
            asked=state.now, complete=named, child=is_child(order),
        )  # fmt: skip

    def _unknown(self, state: State, subject: Any) -> State:
        """No answer: of a message that is awaited, or of a call that may or may not arrive."""
        if isinstance(subject[0], Reported):
            report = subject[0]
            state = replace(state, messages=without(state.messages, subject))
            return self.fold(state, Reported(report.client, "unknown", report.via))
        what, client, since = subject
        state = replace(state, calls=without(state.calls, subject))
        if what == "send" and state.now < since + SEND_WINDOW_S:
            state = self.fold(state, Reported(client, "submitted", "send", sent=state.now))
            state = replace(state, late=tuple(sorted([*state.late, (client, state.now + ARRIVAL_S)])))
        return self.fold(state, Reported(client, "unknown", what))

    def _fill(self, state: State, client: str, lots: int) -> State:
        venue = venues.fill(state.venue, client, lots)
        order = venues.found(venue, client)
        assert order is not None
        trade = venues.trades(venue, client)[-1]
        report = Reported(client, order.status, "stream", order.filled, (trade,), order.quantity, child=is_child(order))
        before = state.venue
        return self._with_ends(with_message(replace(state, venue=venue), report, awaited=False), before)

    def _restart(self, state: State) -> State:
        """The process dies: its calls were made or not, what was on its way is lost; another goes on."""
        late = [(client, since + ARRIVAL_S) for what, client, since in state.calls if what == "send"]
        late = sorted({*state.late, *(request for request in late if request[1] > state.now)})
        state = replace(
            state, calls=(), messages=(), late=tuple(late), timers=self.engine.timers(state.engine),
            epoch=state.epoch + 1, missed=True,
        )  # fmt: skip
        return self.fold(state, ("owned", state.epoch))

    def _listing(self, state: State) -> State:
        """The stream is back: the core asks for what is open, and gets the trades since its last one."""
        state = self.fold(replace(state, missed=False), ("gap",))
        for client in dict.fromkeys(order.client for order in state.venue.orders):
            if venues.trades(state.venue, client):
                state = with_message(state, self._shown(state, client, "listing"), awaited=False)
        return state

    # -- the core -------------------------------------------------------------------------------

    def fold(self, state: State, given: Any) -> State:
        """One input of the core, and what it does."""
        number, effects = self.engine.step(state.engine, given, state.now)
        self.outcomes += effects
        state = replace(state, engine=number)
        return self.take(state, effects) if effects else state

    def take(self, state: State, effects: Sequence[Outcome]) -> State:
        """What the core did: calls to make, timers to set, and events to hold against the venue."""
        calls = list(state.calls)
        timers = {name: due for due, name in state.timers}
        book = {row.client: row for row in state.book}
        named, target_named = state.named, state.target_named
        has_failed, is_kept = state.has_failed, state.is_kept
        for what, client, detail in effects:
            if what == "send":
                calls.append((what, client, state.now))
            elif what in ("cancel", "query"):
                if (what, client, 0) not in calls:
                    calls.append((what, client, 0))
            elif what == "timer":
                timers[detail[0]] = detail[1]
            elif what == "requested":
                book[client] = row = Row(client, *detail)
                target_named = target_named and (self.rules.by_fill or not row.target)
            elif what == "filled":
                *fill, leg_quantity = detail
                book[client] = self._booked(state, book[client], *fill)
                held = self._held(book.values())
                if leg_quantity != held:
                    raise BrokenRuleError("a leg is not the sum of its fills", f"{leg_quantity} instead of {held}")
            elif what == "corrected":
                book[client] = self._corrected(state, book[client], *detail)
            elif what in ("ended", "unknown", "accepted"):
                book[client] = book[client]._replace(status="open" if what == "accepted" else what)
            elif what == "incident" and detail[0] in ("stop_failed", "leg_was_unprotected"):
                named = detail[0] == "stop_failed"
                has_failed = has_failed or named
            elif what == "incident" and detail[0] == "target_failed":
                target_named = True
            elif what == "incident" and detail[0] == "replacement_refused":
                is_kept = True
        return replace(
            state,
            named=named,
            has_failed=has_failed,
            is_kept=is_kept,
            target_named=target_named,
            calls=tuple(sorted(calls)),
            timers=tuple(sorted((due, name) for name, due in timers.items())),
            book=tuple(sorted(book.values())),
        )

    def _held(self, rows: Iterable[Row]) -> int:
        """Lots that the core's events add up to."""
        return self.held + sum(-row.filled if row.reduce else row.filled for row in rows)

    def _booked(self, state: State, row: Row, trade: str, lots: int, price: int, provisional: bool, whole: bool) -> Row:
        status = "ended" if whole or row.status == "ended" else "open"
        if provisional:
            row = row._replace(owed=row.owed + lots, cost=row.cost + lots * price, status=status)
        else:
            self._check_trade(state, row, trade, lots, price)
            row = row._replace(booked=with_lots(row.booked, trade, lots), cost=row.cost + lots * price, status=status)
        self._check_total(state, row)
        return row

    def _corrected(self, state: State, row: Row, trade: str, lots: int, before: int, price: int) -> Row:
        self._check_trade(state, row, trade, lots, price)
        row = row._replace(
            booked=with_lots(row.booked, trade, lots), owed=row.owed - lots, cost=row.cost + lots * (price - before)
        )
        self._check_total(state, row)
        return row

    def _check_trade(self, state: State, row: Row, trade: str, lots: int, price: int) -> None:
        venue = {name: (theirs, at) for name, theirs, at in venues.trades(state.venue, row.client)}
        if trade not in venue or venue[trade][1] != price:
            raise BrokenRuleError("books a fill that never was", f"{row.client} {trade}: {lots} at {price}")
        if dict(row.booked).get(trade, 0) + lots > venue[trade][0]:
            raise BrokenRuleError("books a fill twice", f"{row.client} {trade}: {lots} more")

    def _check_total(self, state: State, row: Row) -> None:
        filled = sum(lots for _, lots, _ in venues.trades(state.venue, row.client))
        if row.filled > filled:
            raise BrokenRuleError("books more than was filled", f"{row.client}: {row.filled} of {filled}")

    # -- rest -----------------------------------------------------------------------------------

    def next_to_rest(self, state: State) -> Step | None:
        """What happens next when nothing more goes wrong; None when nothing is left to happen."""
        if state.messages:
            report = state.messages[0][0]
            return Step("absent" if report.status == "absent" else "ack", state.messages[0])
        if state.calls:
            call = max(state.calls, key=lambda call: call[0])  # what is to be sent before what asks about it
            if call[0] == "send" and state.now >= call[2] + SEND_WINDOW_S:
                return Step("unknown", call)
            return Step({"query": "ask"}.get(call[0], call[0]), call)
        if state.late:
            return Step("lose", state.late[0])
        for order in state.venue.orders:
            if order.remaining and (order.at_market or order.trigger):
                return Step("fill", (order.client, order.remaining))
        if state.missed:
            return Step("listing")
        if state.timers:
            return Step("timer", state.timers[0])
        return None

    def probe(self, state: State) -> Step | None:
        """What must still be possible: to close what is held, or else to open."""
        if not {CLOSING.name, OPENING.name}.isdisjoint(state.moves):
            return None
        if state.venue.position:
            return Step("move", CLOSING)
        return None if "flatten" in state.moves else Step("move", OPENING)
