"""Messages in, packed rows out: the recorder's inner loop.

``Packer`` turns each message into bytes of COPY at once, while the database is still busy with the
batch before. Event rows and bars are nine tenths of all rows, so each has a packer of its own that
remembers what does not change; everything else goes by the tables in rows.py.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.codec import NAME_LENGTH_MAX, STEPS, Head, check_envelope, head, read
from live_runner.contracts.errors import MessageError
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import Announced, BarSet, Event, FeedEnded, JoinDeclined, Started, Stopped
from live_runner.contracts.sequence import Sequences, Verdict
from live_runner.contracts.subjects import event_subject, is_session, session_of
from live_runner.services.recorder.core.findings import Findings
from live_runner.services.recorder.core.packing import COPY_HEADER, COPY_TRAILER, PG_EPOCH_US, bytea, text, token
from live_runner.services.recorder.core.rows import ROWS
from live_runner.services.recorder.core.session_rows import SESSION_KINDS, Change, changes
from live_runner.services.recorder.core.tables import TABLES

__all__ = ["BYTES_MAX", "EVENTS_MAX", "Batch", "Packer", "Stored"]

EVENTS_MAX: Final = 2_000
"""Events in one transaction."""
BYTES_MAX: Final = 16 * 1024 * 1024
"""Packed bytes in one transaction, but for the last message."""

_EVENT: Final = struct.Struct(">iqiqiqiqiqiq")
_EVENT_HEAD: Final = struct.pack(">h", len(TABLES["event"].columns))
_BAR: Final = struct.Struct(">iqiqidididididi?i?iqiq")
_BAR_HEAD: Final = struct.pack(">h", len(TABLES["bars"].columns))
_ORDER: Final = {name: at for at, name in enumerate(TABLES)}
_ENDING: Final = (Stopped, JoinDeclined)
_FEED: Final = (BarSet, FeedEnded)
_ORDERED: Final = (*_FEED, Announced, Started, Stopped)
_MAY_BE_REFUSED: Final = (*_FEED, Started)

# What a value that does not fit its column raises.
_UNFIT: Final = (ValueError, TypeError, AttributeError, OverflowError, RecursionError, struct.error)


class Stored(msgspec.Struct):
    """Events that one batch adds for one source of one session."""

    seq: int = 0
    events: int = 0
    bytes: int = 0
    stream_seq: int = 0


class Batch(msgspec.Struct, frozen=True):
    """One transaction."""

    last_stream_seq: int
    messages: list[tuple[int, str, bytes]]
    """Stream sequence, subject and bytes of everything that was packed, for when the database refuses some of it."""
    events: int
    copies: list[tuple[str, bytes]]
    """Table and its rows, header and trailer included."""
    stored: dict[tuple[str, str], Stored]
    changes: list[Change]
    findings: Findings
    announced: list[Announced]
    ended: list[str]
    """Sessions that stopped or were refused."""
    first_recorded_ns: int


class Packer:
    """Packs what is read from the stream, in order, into batches.

    ``bars`` are the sessions that the database knows, each where its stored bar sets stand.
    """

    def __init__(self, epoch_ns: int, sequences: Sequences, bars: Mapping[str, BarSequence] | None = None) -> None:
        self._epoch_ns = epoch_ns
        self._epoch_us = epoch_ns // 1000 - PG_EPOCH_US
        self.sequences = sequences
        self.bars = {session: known.copy() for session, known in (bars or {}).items()}
        self._ahead_of: dict[tuple[str, str], int] = {}
        """The last number of a source that had a later one come too early: one incident while it stands there."""
        self._event_heads: dict[tuple[str, str, str], bytes] = {}
        self._bar_heads: dict[tuple[str, str], bytes] = {}
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, list[bytes]] = {}
        self._stored: dict[tuple[str, str], Stored] = {}
        self._changes: list[Change] = []
        self._findings = Findings()
        self._announced: list[Announced] = []
        self._ended: list[str] = []
        self._last_stream_seq = 0
        self._first_recorded_ns = 0
        self._messages: list[tuple[int, str, bytes]] = []
        self.bytes = 0

    @property
    def messages(self) -> int:
        """Messages packed so far."""
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """Whether the batch has reached a bound."""
        return self.messages >= EVENTS_MAX or self.bytes >= BYTES_MAX

    def take(self) -> Batch:
        """Everything packed so far; the next batch begins empty."""
        copies = [
            (name, b"".join((COPY_HEADER, *rows, COPY_TRAILER)))
            for name, rows in sorted(self._rows.items(), key=lambda item: _ORDER[item[0]])
        ]
        batch = Batch(
            self._last_stream_seq,
            self._messages,
            sum(stored.events for stored in self._stored.values()),
            copies,
            self._stored,
            self._changes,
            self._findings,
            self._announced,
            self._ended,
            self._first_recorded_ns,
        )
        if len(self._bar_heads) > EVENTS_MAX or len(self._event_heads) > EVENTS_MAX:
            self._bar_heads.clear()
            self._event_heads.clear()
        self._clear()
        return batch

    def add(self, stream_seq: int, subject: str, data: bytes) -> None:
        """Pack one message; whatever it is, the position moves past it."""
        self._messages.append((stream_seq, subject, data))
        self._last_stream_seq = stream_seq
        event: Event | Head
        reason = ""
        try:
            event = read(subject, data)
            type_ = str(event.__struct_config__.tag)
        except MessageError as error:
            reason = str(error)
            try:
                event = _envelope(subject, data)
                type_ = event.type
            except MessageError:
                self._unreadable(stream_seq, subject, data, reason)
                return
        try:
            row = self._event_row(event, type_, stream_seq, data)
        except _UNFIT as error:
            self._unreadable(stream_seq, subject, data, str(error))
            return
        if isinstance(event, Head) and (event.source in CORE_ROLES or event.type in STEPS):
            # No reader takes it for an event of a core, so it does not take the place of one.
            self._unreadable(stream_seq, subject, data, reason, event)
            return
        if isinstance(event, _MAY_BE_REFUSED) and (reason := self._refused(event)):
            self._unreadable(stream_seq, subject, data, reason, event)
            return
        if not self._is_new(event, stream_seq):
            return
        if isinstance(event, _ORDERED):
            self._follow(event)
        self._put("event", row)
        self._count(event, stream_seq, len(data))
        if isinstance(event, Event):
            try:
                self._typed_rows(event, stream_seq)
            except _UNFIT as error:
                self._findings.rowless(event.session, type_, event.id, str(error), stream_seq=stream_seq)
        else:
            self._findings.rowless(event.session, type_, event.id, reason, stream_seq=stream_seq)

    def add_refused(self, stream_seq: int, subject: str, data: bytes, reason: str) -> None:
        """Pack a message that the database does not take: its bytes in a finding, and the number that it has."""
        self._messages.append((stream_seq, subject, data))
        self._last_stream_seq = stream_seq
        self._unreadable(stream_seq, subject, data, reason)
        try:
            event = read(subject, data)
        except MessageError:
            return
        if isinstance(event, _MAY_BE_REFUSED) and self._refused(event):
            return
        if self._is_new(event, stream_seq):
            if isinstance(event, _ORDERED):
                self._follow(event)
            self._count(event, stream_seq, 0, events=0)

    def _refused(self, event: Event) -> str:
        """Why an event that has the next number cannot follow; "" when it can, or has another number."""
        bars = self.bars.get(event.session)
        if bars is None or event.seq != self.sequences.last(event.session, event.source) + 1:
            return ""
        try:
            bars.refuse(event)
        except MessageError as error:
            return str(error)
        return ""

    def _follow(self, event: Event) -> None:
        bars = self.bars.get(event.session)
        if isinstance(event, Announced | Started):
            # From here on the session's sets are known. Of one that nobody has announced they are stored as they come.
            bars = self.bars.setdefault(event.session, BarSequence())
        if bars is not None:
            bars.follow(event)

    def _is_new(self, event: Event | Head, stream_seq: int) -> bool:
        """Whether the event counts as the next of its source; the finding of a number that is not the next."""
        key = (event.session, event.source)
        last = self.sequences.last(*key)
        verdict = self.sequences.check(*key, event.seq)
        if verdict is Verdict.REPEATED:
            self._findings.repeated(*key, last=last, found=event.seq, event_id=event.id, stream_seq=stream_seq)
        elif verdict is Verdict.GAP:
            if event.session in self.bars:
                self.bars[event.session].forget()
            self._findings.gap(*key, expected=last + 1, found=event.seq, stream_seq=stream_seq)
        elif verdict is Verdict.AHEAD and self._ahead_of.get(key) != last:
            if len(self._ahead_of) >= EVENTS_MAX:
                self._ahead_of.clear()
            self._ahead_of[key] = last
            self._findings.ahead(*key, expected=last + 1, found=event.seq, event_id=event.id, stream_seq=stream_seq)
        return verdict.is_new

    def _count(self, event: Event | Head, stream_seq: int, size: int, *, events: int = 1) -> None:
        key = (event.session, event.source)
        stored = self._stored.get(key)
        if stored is None:
            stored = self._stored[key] = Stored()
        stored.seq = event.seq
        stored.events += events
        stored.bytes += size
        stored.stream_seq = stream_seq
        if not self._first_recorded_ns:
            self._first_recorded_ns = event.recorded_ns

    def _put(self, table: str, row: bytes) -> None:
        self.bytes += len(row)
        try:
            self._rows[table].append(row)
        except KeyError:
            self._rows[table] = [row]

    def _event_row(self, event: Event | Head, type_: str, stream_seq: int, data: bytes) -> bytes:
        key = (event.session, event.source, type_)
        start = self._event_heads.get(key)
        if start is None:
            start = self._event_heads[key] = _EVENT_HEAD + b"".join(map(token, key))
        event_ns = event.event_ns
        return b"".join(
            (
                start,
                _EVENT.pack(
                    *(8, event.seq, 8, event_ns // 1000 - PG_EPOCH_US, 8, event_ns),
                    *(8, event.recorded_ns, 8, self._epoch_us, 8, stream_seq),
                ),
                text(event.id),
                text(event.cause),
                token(getattr(event, "symbol", None)),
                bytea(data),
            )
        )

    def _typed_rows(self, event: Event, stream_seq: int) -> None:
        kind = type(event)
        rows = ROWS.get(kind)
        if rows is not None:
            packed = [(table, TABLES[table].pack(values)) for table, values in rows(event, stream_seq)]
            if kind is BarSet:
                packed.append(("bars", self._bars(event, stream_seq)))
            for table, row in packed:
                self._put(table, row)
        elif kind in SESSION_KINDS:
            self._changes.extend(changes(event, stream_seq, self._epoch_ns))
            if isinstance(event, Announced):
                self._announced.append(event)
            elif isinstance(event, _ENDING):
                self._ended.append(event.session)

    def _bars(self, event: Any, stream_seq: int) -> bytes:
        open_us = event.open_ns // 1000 - PG_EPOCH_US
        close_us = event.close_ns // 1000 - PG_EPOCH_US
        session, warmup, number = event.session, event.warmup, event.number
        heads, pack = self._bar_heads, _BAR.pack
        parts: list[bytes] = []
        for bar in event.bars:
            key = (session, bar.symbol)
            start = heads.get(key)
            if start is None:
                start = heads[key] = _BAR_HEAD + token(session) + token(bar.symbol)
            parts.append(start)
            parts.append(
                pack(
                    *(8, open_us, 8, close_us, 8, bar.open, 8, bar.high, 8, bar.low, 8, bar.close, 8, bar.volume),
                    *(1, bar.late, 1, warmup, 8, number, 8, stream_seq),
                )
            )
        return b"".join(parts)

    def _unreadable(
        self, stream_seq: int, subject: str, data: bytes, reason: str, event: Event | Head | None = None
    ) -> None:
        try:
            session = session_of(subject)
        except MessageError:
            session = ""
        session = session if is_session(session) else ""
        named = {} if event is None else {"id": event.id, "source": event.source}
        self._findings.unreadable(session, subject, data, reason, stream_seq=stream_seq, **named)


def _envelope(subject: str, data: bytes) -> Head:
    """The envelope of a message of its subject whose type or fields are not known; MessageError for anything else."""
    envelope = head(data)
    check_envelope(envelope)
    whole = event_subject(envelope.type, envelope.session)
    if subject != whole and not subject.startswith(f"{whole}."):
        raise MessageError(f"A message of type {envelope.type[:NAME_LENGTH_MAX]} is not one of its subject")
    return envelope
