"""From messages to rows: what each message means to somebody who reads tables.

Most columns are called as the message's field is, so a table of the exceptions is enough. Messages
that nobody asks for in a table (a timer that fired) have their event row alone. Sessions and
datasets are few and change, so they are in session_rows.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from live_runner.contracts.messages import (
    Accepted,
    AccountReported,
    BarRevised,
    BarSet,
    Cancelled,
    CancelRequested,
    Command,
    Corrected,
    Decided,
    Denied,
    Event,
    Expired,
    Filled,
    FundingPaid,
    Gap,
    Incident,
    Income,
    Intent,
    LimitReset,
    LimitTripped,
    Liquidated,
    Quote,
    Reconciled,
    Rejected,
    Report,
    Requested,
    RiskLevels,
    RulesReported,
    Settled,
    Snapshot,
    StreamGap,
    Submitted,
    Theoretical,
    Traded,
    Unknown,
    VenueCall,
)
from live_runner.services.recorder.core.tables import TABLES

__all__ = ["ROWS", "Row", "Rows"]

type Row = tuple[str, Sequence[Any]]
type Rows = Callable[[Any, int], Iterator[Row]]
"""The rows of a message, given its place in the stream."""


def _fields(table: str, *own: str, **renamed: str) -> Callable[[Any], tuple[Any, ...]]:
    """Reads a message's values for a table's columns, but for ``own`` ones and the last, stream_seq."""
    columns = [name for name in list(TABLES[table].columns)[:-1] if name not in own]
    renamed = {"ts": "event_ns", "event_id": "id"} | renamed
    read: Callable[[Any], tuple[Any, ...]] = attrgetter(*(renamed.get(name, name) for name in columns))
    return read


def _one(table: str, **renamed: str) -> Rows:
    """One row, each column a field of the message."""
    read = _fields(table, **renamed)

    def rows(event: Any, stream_seq: int) -> Iterator[Row]:
        yield table, (*read(event), stream_seq)

    return rows


def _order_event(kind: type[Event], *, status: str | None = None, **renamed: str) -> Rows:
    """An ``order_events`` row: the columns that this kind of message has, and null in the others."""
    renamed = {"ts": "event_ns", "event_id": "id"} | renamed
    constants = {"event": str(kind.__struct_config__.tag).partition(".")[2]}
    if status is not None:
        constants["status"] = status
    fields = [
        None if name in constants else renamed.get(name, name) for name in list(TABLES["order_events"].columns)[:-1]
    ]
    values = [constants.get(name) for name in TABLES["order_events"].columns]
    filled_in = [(at, name) for at, name in enumerate(fields) if name in kind.__struct_fields__]

    def rows(event: Any, stream_seq: int) -> Iterator[Row]:
        row: list[Any] = values.copy()
        for at, name in filled_in:
            row[at] = getattr(event, name)
        row[-1] = stream_seq
        yield "order_events", row

    return rows


_filled_order: Final = _order_event(Filled)


def _with_fee_rate(table: str) -> Rows:
    """One row whose foreign fee has its rate beside it, where that is known."""
    read = _fields(table, "fee_rate", "fee_rate_source")

    def rows(event: Filled | Corrected, stream_seq: int) -> Iterator[Row]:
        rate = event.fee_rate
        known = (None, None) if rate is None else (rate.rate, rate.source)
        yield table, (*read(event), *known, stream_seq)

    return rows


_fill: Final = _with_fee_rate("fills")


def _filled(event: Filled, stream_seq: int) -> Iterator[Row]:
    yield from _filled_order(event, stream_seq)
    yield from _fill(event, stream_seq)


_bar: Final = attrgetter("symbol", "open", "high", "low", "close", "volume", "late")


def _bar_set(event: BarSet, stream_seq: int) -> Iterator[Row]:
    # Bars themselves are packed by the batch, many times as fast; see batch.py.
    for rate in event.funding:
        yield "funding_rates", (event.session, rate.symbol, rate.funding_ns, rate.rate, rate.mark, stream_seq)


def _bar_revised(event: BarRevised, stream_seq: int) -> Iterator[Row]:
    _, *before, _ = _bar(event.before)
    _, *after, _ = _bar(event.after)
    yield "bar_revisions", (event.session, event.symbol, event.open_ns, *before, *after, event.id, stream_seq)


_intent: Final = _fields(
    "intents",
    *("session", "ts", "blocked", "blocked_detail", "event_id"),
    intent_id="id",
    time_to_live="time_to_live_ns",
    bar_ts="bar_open_ns",
)


def _decided(event: Decided, stream_seq: int) -> Iterator[Row]:
    counts = len(event.intents), len(event.blocked), len(event.failed)
    yield (
        "decisions",
        (
            *(event.session, event.close_ns, *counts),
            *(event.failed, event.hash, event.state_hash, event.id, stream_seq),
        ),
    )
    passed: list[tuple[Intent, str | None, str | None]] = [(intent, None, None) for intent in event.intents]
    held_back = [(blocked.intent, blocked.reason, blocked.detail) for blocked in event.blocked]
    for intent, reason, detail in passed + held_back:
        yield (
            "intents",
            (event.session, event.close_ns, *_intent(intent), reason, detail, event.id, stream_seq),
        )


def _limit_tripped(trip: LimitTripped, stream_seq: int) -> Iterator[Row]:
    what = ("limit_tripped", trip.limit, trip.action, trip.author, trip.value, trip.most, trip.reset, trip.until_ns)
    place = (trip.symbol, trip.leg, trip.order_id, None)
    yield "limit_events", (trip.session, trip.event_ns, *what, *place, trip.id, stream_seq)


def _limit_reset(reset: LimitReset, stream_seq: int) -> Iterator[Row]:
    what = ("limit_reset", reset.limit, reset.action, reset.author, None, None, None, None)
    yield "limit_events", (reset.session, reset.event_ns, *what, None, None, None, reset.why, reset.id, stream_seq)


def _risk_levels(event: RiskLevels, stream_seq: int) -> Iterator[Row]:
    for level in event.levels:
        values = (level.name, level.value, level.limit, level.left, level.tripped, level.not_applied)
        yield "risk_levels", (event.session, event.close_ns, *values, event.id, stream_seq)


_leg: Final = _fields("positions", "session", "ts", "lots", "event_id", "blocked", "open_lots")
_account: Final = _fields("equity", "pending", "hash", "state_hash", "event_id", ts="close_ns")


def _settled(event: Settled, stream_seq: int) -> Iterator[Row]:
    for leg in event.legs:
        yield (
            "positions",
            (
                *(event.session, event.close_ns, *_leg(leg)),
                *(len(leg.lots), leg.lots, leg.blocked, event.id, stream_seq),
            ),
        )
    yield (
        "equity",
        (*_account(event), len(event.pending), event.hash, event.state_hash, event.id, stream_seq),
    )


ROWS: Final[dict[type[Event], Rows]] = {
    BarSet: _bar_set,
    Gap: _one("gaps", ts="from_ns", until_ts="to_ns"),
    BarRevised: _bar_revised,
    Decided: _decided,
    Requested: _order_event(Requested, status="requested", expires_ts="expires_ns"),
    Submitted: _order_event(Submitted, status="submitted"),
    Accepted: _order_event(Accepted, status="accepted"),
    Filled: _filled,
    CancelRequested: _order_event(CancelRequested, status="cancel_requested"),
    Cancelled: _order_event(Cancelled, status="cancelled"),
    Expired: _order_event(Expired, status="expired"),
    Rejected: _order_event(Rejected, status="rejected"),
    Denied: _order_event(Denied, status="refused"),
    Unknown: _order_event(Unknown, status="unknown"),
    Report: _order_event(Report, price="last_price", quantity="last_quantity"),
    FundingPaid: _one("funding", ts="funding_ns"),
    Liquidated: _one("liquidations"),
    Corrected: _with_fee_rate("corrections"),
    Theoretical: _one("theoretical_fills"),
    Quote: _one("quotes"),
    Reconciled: _one("reconciliations", asked_ts="asked_ns"),
    AccountReported: _one(
        "account_reports",
        positions_asked_ts="positions_asked_ns",
        balances_asked_ts="balances_asked_ns",
        orders_asked_ts="orders_asked_ns",
    ),
    Traded: _one("account_trades"),
    RulesReported: _one("market_rules", symbol="instrument.symbol"),
    Income: _one("income"),
    StreamGap: _one("stream_gaps", from_ts="from_ns", until_ts="to_ns"),
    LimitTripped: _limit_tripped,
    LimitReset: _limit_reset,
    RiskLevels: _risk_levels,
    Settled: _settled,
    VenueCall: _one("venue_calls", started_ts="started_ns", latency="latency_ns"),
    Incident: _one("incidents"),
    Snapshot: _one("snapshots", input_seq="stream_seq"),
    Command: _one("commands"),
}
"""By message; the bars of a BarSet are packed in batch.py."""
