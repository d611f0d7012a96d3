# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False
"""The journal of the compiled execution as typed messages, word for word those of the execution core.

services/execution/core says what each message holds; here the machine's numbers become that text.
"""

from typing import Any

from hashlib import blake2b

from libc.stdint cimport int64_t

from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Expired,
    Filled,
    FundingPaid,
    Incident,
    Liquidated,
    Denied,
    Rejected,
    Requested,
)
from live_runner.hotpath.compiled.execution cimport (
    KIND_MARKET,
    PART_LONG,
    PART_NONE,
    PART_STOP,
    PART_TARGET,
    REASON_NONE,
    STATE_FILLED,
    TOLD_ACCEPTED,
    TOLD_CANCEL_REQUESTED,
    TOLD_CANCELLED,
    TOLD_CROSSES,
    TOLD_DROPPED,
    TOLD_EXPIRED,
    TOLD_FILLED,
    TOLD_FUNDING,
    TOLD_LIQUIDATED,
    TOLD_MARGIN,
    TOLD_REFUSED,
    TOLD_REQUESTED,
    Execution,
    execution_t,
    order_t,
    row_t,
    symbol_t,
)
from live_runner.hotpath.compiled.fixed cimport decimal_text_c, grid_t, int128, money_text_c
from live_runner.hotpath.compiled.fixed import float_text, money_text

__all__ = ["ACTIONS", "KINDS", "LEGS", "STATES", "Journal"]

LEGS = ("long", "short")
ACTIONS = ("open", "add", "partial_close", "close")
KINDS = ("market", "limit", "post_only", "stop", "take_profit")
STATES = ("requested", "accepted", "partly_filled", "cancel_requested", "filled", "cancelled", "expired", "rejected")

cdef tuple _LEGS = LEGS
cdef tuple _ACTIONS = ACTIONS
cdef tuple _KINDS = KINDS
cdef tuple _STATES = STATES


cdef enum:
    NAMES_KEPT = 64  # of the newest orders; a power of two


cdef inline str text_of(const grid_t *grid, int64_t units):
    return decimal_text_c(<int128>units * <int128>grid.mantissa, grid.decimals)


cdef inline str digits_of(int64_t number):
    return decimal_text_c(number, 0)


cdef class Journal:
    """Messages of one session's machine."""

    cdef Execution _machine
    cdef str _session
    cdef str _event_prefix
    cdef tuple _symbols
    cdef tuple _settles
    # Ids of the newest orders, in the place that their number has: an order has three messages, shortly one after
    # the other.
    cdef int64_t[NAMES_KEPT] _named
    cdef list _order_ids
    cdef list _intent_ids

    def __init__(
        self, Execution machine not None, str session, tuple symbols, tuple settles
    ):
        self._machine = machine
        self._session = session
        self._event_prefix = f"{session}/execution/"
        self._symbols = symbols
        self._settles = settles
        self._order_ids = [None] * NAMES_KEPT
        self._intent_ids = [None] * NAMES_KEPT
        for at in range(NAMES_KEPT):
            self._named[at] = -1

    def events(self, first: int, cause: str) -> list[Any]:
        """The messages of the rows from number ``first`` on."""
        cdef int64_t at
        cdef list told = []
        for at in range(first, self._machine.x.told):
            told.append(self._message(&self._machine.x.journal[at], cause))
        return told

    def order_id(self, order: int) -> str:
        """The id of an order."""
        return self._order_id(&self._machine.x.orders[order])

    def rejection(self, backoff: dict[str, Any]) -> tuple[str, str]:
        """Code and sentence of the last rejection of a leg."""
        cdef order_t *order = &self._machine.x.orders[backoff["order"]]
        if backoff["code"] == TOLD_MARGIN:
            return "insufficient_margin", f"The account lacks {money_text(backoff['missing'])} of initial margin"
        return self._crosses(order, backoff["close_ticks"])

    def pending(self, kind: Any, texts: bool) -> list[Any]:
        """Every open order, oldest first, as ``kind``: numbers as decimal text, or as floats."""
        cdef execution_t *x = &self._machine.x
        cdef int64_t at = x.first
        cdef order_t *order
        cdef symbol_t *m
        found = []
        while at >= 0:
            order = &x.orders[at]
            m = &x.markets[order.symbol]
            remaining = text_of(&m.lot_grid, order.quantity - order.filled)
            of_messages = {"parent": self._parent(order)} if texts else {}
            price = text_of(&m.grid, order.price) if order.price else None
            found.append(
                kind(
                    order_id=self._order_id(order),
                    intent_id=self._intent_id(order),
                    symbol=self._symbols[order.symbol],
                    leg=_LEGS[order.leg],
                    side="buy" if (order.leg == 0) != order.reduce else "sell",
                    kind=_KINDS[order.kind],
                    action=_ACTIONS[order.action],
                    remaining=remaining if texts else float(remaining),
                    price=price if texts or price is None else float(price),
                    status=_STATES[order.state],
                    expires_ns=order.expires_ns if order.expires_ns >= 0 else None,
                    **of_messages,
                )
            )
            at = order.next
        return found

    cdef str _intent_id(self, const order_t *order):
        return <str>self._intent_ids[self._name(order)]

    cdef str _order_id(self, const order_t *order):
        return <str>self._order_ids[self._name(order)]

    cdef Py_ssize_t _name(self, const order_t *order) except -1:
        """Where the ids of an order are kept; makes them when they are not there."""
        cdef int64_t number = order - self._machine.x.orders
        cdef Py_ssize_t place = number & (NAMES_KEPT - 1)
        cdef str intent_id
        cdef str name
        if self._named[place] == number:
            return place
        if order.part >= PART_LONG:
            intent_id = self._event_prefix + digits_of(order.close_ns)
        else:
            intent_id = f"{self._session}/{digits_of(order.close_ns)}/{digits_of(order.number)}"
        name = f"{intent_id}/{digits_of(order.named_attempt)}"
        if order.part >= PART_LONG:
            name += <str>_LEGS[order.part - PART_LONG]
        elif order.part != PART_NONE:
            name += "sl" if order.part == PART_STOP else "tp"
            if order.part_number != 1:
                name += digits_of(order.part_number)
        self._order_ids[place] = name
        self._intent_ids[place] = intent_id
        self._named[place] = number
        return place

    cdef str _parent(self, const order_t *order):
        """The entry order that a stop or target protects; "" for every other order."""
        if order.part != PART_STOP and order.part != PART_TARGET:
            return ""
        return f"{self._intent_id(order)}/{digits_of(order.named_attempt)}"

    cdef tuple _crosses(self, const order_t *order, int64_t close_ticks):
        cdef const grid_t *grid = &self._machine.x.markets[order.symbol].grid
        side = "buy" if (order.leg == 0) != order.reduce else "sell"
        return (
            "post_only_would_cross",
            f"A post-only {side} at {text_of(grid, order.price)} would take at {text_of(grid, close_ticks)}",
        )

    cdef object _message(self, const row_t *row, str cause):
        cdef execution_t *x = &self._machine.x
        cdef const order_t *order = NULL
        cdef const grid_t *ticks = &x.markets[row.symbol].grid
        cdef const grid_t *lots = &x.markets[row.symbol].lot_grid
        cdef str symbol = self._symbols[row.symbol]
        cdef str leg = _LEGS[row.leg]
        cdef str id = self._event_prefix + digits_of(row.seq)
        if row.order >= 0:
            order = &x.orders[row.order]
        if row.told == TOLD_REQUESTED:
            return self._requested(row, order, id, cause)
        if row.told == TOLD_ACCEPTED:
            return Accepted(
                self._order_id(order), symbol, "paper-" + digits_of(row.number),
                id=id, session=self._session, source="execution", seq=row.seq, cause=cause, event_ns=row.at_ns,
            )  # fmt: skip
        if row.told == TOLD_FILLED:
            return self._filled(row, order, id, cause)
        envelope = {
            "id": id,
            "session": self._session,
            "source": "execution",
            "seq": row.seq,
            "cause": cause,
            "event_ns": row.at_ns,
        }
        if row.told == TOLD_CANCEL_REQUESTED:
            return CancelRequested(self._order_id(order), symbol, self._machine.texts[row.reason], **envelope)
        if row.told == TOLD_CANCELLED or row.told == TOLD_EXPIRED:
            return (Cancelled if row.told == TOLD_CANCELLED else Expired)(
                self._order_id(order),
                self._intent_id(order),
                symbol,
                leg,
                _ACTIONS[order.action],
                text_of(lots, row.filled),
                text_of(lots, order.quantity - row.filled),
                self._machine.texts[row.reason],
                bool(row.retrying),
                v=2,
                **envelope,
            )
        if row.told == TOLD_CROSSES or row.told == TOLD_MARGIN:
            if row.told == TOLD_CROSSES:
                code, message = self._crosses(order, row.ticks)
            else:
                code = "insufficient_margin"
                message = f"The account lacks {money_text_c(row.notional)} of initial margin"
            return Rejected(
                self._order_id(order), self._intent_id(order), symbol, leg, _ACTIONS[order.action], code, message,
                False, bool(row.retrying), v=2, **envelope,
            )  # fmt: skip
        if row.told == TOLD_DROPPED:
            intent = self._intent_id(order)
            return Incident(
                "warning",
                "fallback_blocked",
                f"No further attempt is made at {intent}: backoff",
                {"intent_id": intent, "symbol": symbol, "leg": leg, "reason": "backoff"},
                **envelope,
            )
        if row.told == TOLD_REFUSED:
            return self._refused(row, order, envelope)
        if row.told == TOLD_FUNDING:
            return FundingPaid(
                symbol, leg, row.at_ns, self._machine.texts[row.number], text_of(ticks, row.ticks),
                text_of(lots, row.lots), money_text_c(row.notional), **envelope,
            )  # fmt: skip
        return Liquidated(
            symbol, text_of(ticks, row.ticks), money_text_c(row.notional), money_text_c(row.fee), **envelope
        )

    cdef object _requested(self, const row_t *row, const order_t *order, str id, str cause):
        cdef const grid_t *ticks = &self._machine.x.markets[order.symbol].grid
        cdef const grid_t *lots = &self._machine.x.markets[order.symbol].lot_grid
        cdef str name = self._order_id(order)
        asked = None
        if order.text:
            asked = self._machine.texts[order.text][1]
        elif order.asked_given:
            asked = float_text(order.asked)
        return Requested(
            name,
            blake2b(name.encode(), digest_size=14).hexdigest(),
            self._intent_id(order),
            order.attempt,
            self._symbols[order.symbol],
            _LEGS[order.leg],
            "buy" if (order.leg == 0) != order.reduce else "sell",
            _ACTIONS[order.action],
            _KINDS[order.kind],
            text_of(lots, order.quantity),
            text_of(ticks, order.price) if order.price else None,
            bool(order.reduce),
            text_of(ticks, order.reference),
            order.expires_ns if order.expires_ns >= 0 else None,
            self._machine.texts[order.reason],
            asked,
            self._parent(order),
            v=2,
            id=id,
            session=self._session,
            source="execution",
            seq=row.seq,
            cause=cause,
            event_ns=row.at_ns,
        )

    cdef object _filled(self, const row_t *row, const order_t *order, str id, str cause):
        cdef const grid_t *ticks = &self._machine.x.markets[order.symbol].grid
        cdef const grid_t *lots = &self._machine.x.markets[order.symbol].lot_grid
        cdef str name = self._order_id(order)
        return Filled(
            name,
            f"{name}/f{digits_of(row.number)}",
            self._intent_id(order),
            self._symbols[order.symbol],
            _LEGS[order.leg],
            "buy" if (order.leg == 0) != order.reduce else "sell",
            _ACTIONS[order.action],
            _KINDS[order.kind],
            text_of(lots, row.lots),
            text_of(ticks, row.ticks),
            money_text_c(row.notional),
            money_text_c(row.fee),
            self._settles[order.symbol],
            "maker" if row.maker else "taker",
            money_text_c(row.realised),
            text_of(ticks, row.reference),
            money_text_c(row.slippage),
            text_of(lots, row.filled),
            text_of(lots, order.quantity - row.filled),
            _STATES[row.state],
            self._machine.texts[order.reason],
            text_of(lots, row.leg_lots),
            v=2,
            id=id,
            session=self._session,
            source="execution",
            seq=row.seq,
            cause=cause,
            event_ns=row.at_ns,
        )

    cdef object _refused(self, const row_t *row, const order_t *order, dict envelope):
        if order != NULL:  # a further attempt that is not made
            intent = self._intent_id(order)
            return Denied(
                intent,
                self._symbols[row.symbol],
                _LEGS[row.leg],
                _ACTIONS[order.action],
                "backoff",
                f"No further attempt is made at {intent}: backoff",
                self._order_id(order),
                **envelope,
            )
        _, symbol, leg, action, reason, message, intent, name = self._machine.texts[row.number]
        return Denied(intent, symbol, leg, action, reason, message, name, **envelope)
