"""A session's events as they were recorded: read, checked and sorted by kind before anything is folded.

A recording is an iterable of wire bytes in stream order, from the database, the stream or a bundle.
What a reader cannot see from one event alone is checked here: that every source counts from 1 without
a gap (but for what a service observed while the stream was full), that ids are what source and number
make them, and that all events are of one session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from live_runner.contracts import codec
from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.codec import Head
from live_runner.contracts.errors import MessageError
from live_runner.contracts.ids import CORE_ROLES, event_id
from live_runner.contracts.manifest import SOURCE as RUN
from live_runner.contracts.manifest import config_hash
from live_runner.contracts.messages import Announced, BarSet, Started, Voided
from live_runner.contracts.sequence import IN_FLIGHT_MAX
from live_runner.contracts.subjects import is_session
from live_runner.services.forensics.errors import RecordingError
from live_runner.strategies import loader

__all__ = ["CORES", "FEED", "MANIFEST", "Again", "Recording", "Wire", "check_announced"]

_encode: Final = msgspec.msgpack.Encoder().encode

FEED: Final = "market_data"
"""Source of the bar sets."""
_FEED_TYPES: Final = frozenset({"market.bar_set", "market.feed_ended"})
_SHELL: Final = ".shell."
"""In the name of a source that numbers what one process observed."""

type Wire = bytes | tuple[int, bytes]
"""Wire bytes of one event, alone or with its stream sequence."""

MANIFEST: Final = frozenset({"session.announced", "session.started"})

CORES: Final = ("execution", "strategy")
"""Sources that a replay reproduces."""


class Again[Item]:
    """Events that are read anew by each loop over them, as those of a list are."""

    def __init__(self, read: Callable[[], Iterator[Item]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Item]:
        return self._read()


class Recording:
    """Checks the envelope of each event as it passes; ``announced`` and ``started`` are kept.

    RecordingError for what is empty, cut off, foreign or tampered with.
    """

    def __init__(self) -> None:
        self.session = ""
        self.announced: Announced | None = None
        self.started: Started | None = None
        self.stopped = False
        self.events = 0
        self.first_doubled = ""
        """Id of the first event that was delivered twice."""
        self.doubled = 0
        """Deliveries that repeat a number already seen; they are dropped."""
        self.unknown = 0
        """Messages of a type that this build does not know and that no core of it said; they are passed over."""
        self.ahead = 0
        """Messages with a number that their core had not reached yet; they are passed over."""
        self.voided = 0
        """Those of them that a ``voided`` names: the stream had refused the number before them."""
        self.lost = 0
        """Observations of services that the stream refused, by the numbers that are missing."""
        self.first_lost = ""
        """Id of the first of them."""
        self._lost_at: dict[str, int] = {}
        """By source the first of them."""
        self._last: dict[str, int] = {}
        self._awaited: dict[str, tuple[int, int]] = {}
        """By core the number that is next and the first one that came before it."""
        self.refused = 0
        """Bar sets and ends of the feed that cannot follow those before them; they are passed over."""
        self._bars = BarSequence()
        self._refusals: dict[str, MessageError] = {}
        """By source why the event that had the next number was not taken, until one of that number is."""
        self._early: dict[str, list[int]] = {}
        """By core the numbers that came before their time and that no ``voided`` names yet."""

    def pieces(self, events: Iterable[Wire]) -> Iterator[bytes]:
        """The wire bytes alone."""
        for entry in events:
            yield entry[1] if isinstance(entry, tuple) else entry

    def head(self, wire: bytes) -> Head | None:
        """The checked envelope of the next event; None for a repeated delivery."""
        try:
            head = codec.head(wire)
        except MessageError as error:
            raise RecordingError(
                f"Event {self.events + 1} of the recording is not a valid message ({len(wire)} bytes)",
                remedy="The recording is damaged; export it again",
                reason="unreadable",
                position=self.events + 1,
            ) from error
        if not self.session and is_session(head.session):
            self.session = head.session
        elif head.session != self.session:
            raise RecordingError(
                f"Event {self.events + 1} belongs to session {head.session}, the recording to {self.session}",
                remedy="Read one session at a time",
                reason="foreign",
                position=self.events + 1,
            )
        last = self._last.get(head.source, 0)
        if head.type not in codec.MESSAGE_TYPES and (head.source in CORE_ROLES or head.seq != last + 1):
            self.unknown += 1
            return None
        if head.seq <= last and head.id == event_id(head.session, head.source, head.seq):
            self.first_doubled = self.first_doubled or head.id
            self.doubled += 1
            return None
        if head.seq > last + 1 and head.source in CORE_ROLES:
            # Somebody else's, if the number in between still comes or the session is over; a hole otherwise.
            self.ahead += 1
            self._early.setdefault(head.source, []).append(head.seq)
            if not self.stopped:
                self._awaited.setdefault(head.source, (last + 1, head.seq))
            return None
        is_next = head.seq == last + 1 or head.source not in CORE_ROLES
        if head.type in _FEED_TYPES and is_next and not self._takes(wire, head):
            return None
        self._check_number(head, last)
        self.passed(head.source, head.seq, stopped=head.type == "session.stopped")
        if head.type == "session.voided":
            self._void(wire)
        return head

    def _takes(self, wire: bytes, head: Head) -> bool:
        """Whether an event of the feed is one; the number counts where the source is not market_data."""
        try:
            event = codec.decode(wire)
            codec.check_content(event)
            self._bars.refuse(event)
            self._bars.follow(event)
            return True
        except MessageError as error:
            self._refuse(head.source, error)
        if head.source not in CORE_ROLES:
            self.passed(head.source, head.seq)
        return False

    def takes_number(self, source: str, seq: int, *, stopped: bool) -> bool:
        """Whether this number is the next of its source, which then has passed."""
        if seq != self._last.get(source, 0) + 1:
            return False
        self.passed(source, seq, stopped=stopped)
        return True

    def next_mark(self, source: str) -> bytes:
        """Bytes of the id that the next event of the source has: no earlier message of it contains them."""
        return b"\xa2id" + _encode(event_id(self.session, source, self._last.get(source, 0) + 1))

    def takes_next_set(self, bars: BarSet) -> bool | None:
        """Whether the next bar set of this session's feed can follow, and so has passed; None for any other set."""
        if bars.source != FEED or bars.seq != self._last.get(FEED, 0) + 1 or bars.session != self.session:
            return None
        try:
            codec.check_content(bars)
            self._bars.take(bars)
        except MessageError as error:
            self._refuse(FEED, error)
            return False
        self.passed(FEED, bars.seq)
        return True

    def passed(self, source: str, seq: int, *, stopped: bool = False) -> None:
        """The next event is known to be in order; used where the bytes themselves were compared."""
        self._last[source] = seq
        if self._awaited or self._refusals:
            self._awaited.pop(source, None)
            self._refusals.pop(source, None)
        self.events += 1
        if stopped:
            self.stopped = True

    def _refuse(self, source: str, error: MessageError) -> None:
        self.refused += 1
        if not self._bars.is_over:  # nothing of that number is to come otherwise
            self._refusals.setdefault(source, error)

    def manifest(self, wire: bytes) -> None:
        """Keep what ``run`` said: the announcement and the manifest."""
        event = codec.decode(wire)
        if isinstance(event, Announced):
            check_announced(event)
            self.announced = event
        elif isinstance(event, Started):
            self.started = event
            self._bars.follow(event)

    def check_whole(self, *, partial: bool = False, is_cut_short: bool = False) -> None:
        """Whether it begins with its manifest and, unless ``partial``, ends with its stop.

        ``is_cut_short`` is a session that was closed or aborted: a core of it may have had no chance to publish anew
        what the stream had refused.
        """
        if not self.events:
            raise RecordingError("The recording is empty", remedy="Check the session's name", reason="empty")
        if self.announced is None or self.started is None:
            what = "announcement" if self.announced is None else "manifest"
            raise RecordingError(
                f"The recording of {self.session} has no {what}, so it cannot be replayed",
                remedy="Read the session from its first event",
                reason="no_manifest",
            )
        for source, error in self._refusals.items():
            if source in CORE_ROLES:
                raise RecordingError(
                    error.what,
                    remedy="Read the recording again from the database or the stream",
                    reason="tampered",
                    source=source,
                    id=error.fields.get("id", ""),
                ) from error
        for source, (expected, got) in self._awaited.items():
            if not is_cut_short or got - expected >= IN_FLIGHT_MAX:
                raise _hole(self.session, source, expected, got)
        if not self.stopped and not partial:
            raise RecordingError(
                f"The recording of {self.session} ends after {self.events} events, before the session stopped",
                remedy="Read it to its end, or allow a partial recording with --partial",
                reason="truncated",
                events=self.events,
            )

    def _void(self, wire: bytes) -> None:
        """The numbers that the stream took behind one that it refused need no other explanation."""
        event = codec.decode(wire)
        assert isinstance(event, Voided), "the envelope says so"
        early = self._early.get(event.role, [])
        kept = [seq for seq in early if not event.from_seq <= seq <= event.to_seq]
        self.ahead -= len(early) - len(kept)
        self.voided += len(early) - len(kept)
        self._early[event.role] = kept
        if not any(seq > event.from_seq for seq in kept):
            self._awaited.pop(event.role, None)

    def _check_number(self, head: Head, last: int) -> None:
        if head.seq != last + 1 and _SHELL in head.source and head.seq - last <= IN_FLIGHT_MAX:
            # The stream refused what a service had observed and took later ones; nobody can publish that anew.
            self.first_lost = self.first_lost or event_id(self.session, head.source, last + 1)
            self.lost += head.seq - last - 1
            self._lost_at.setdefault(head.source, last + 1)
        elif head.seq != last + 1:
            raise _hole(self.session, head.source, last + 1, head.seq)
        lost_at = self._lost_at.get(head.source, head.seq)
        if head.seq - lost_at >= IN_FLIGHT_MAX:  # a process that is refused gets no further
            raise _hole(self.session, head.source, lost_at, head.seq)
        if head.id != event_id(head.session, head.source, head.seq):
            raise RecordingError(
                f"Number {head.seq} of {head.source} has id {head.id}: the recording was changed",
                remedy="Read the recording again from the database or the stream",
                reason="tampered",
                source=head.source,
                seq=head.seq,
            )


def _hole(session: str, source: str, expected: int, got: int) -> RecordingError:
    return RecordingError(
        f"Source {source} goes from number {expected - 1} to {got}: {event_id(session, source, expected)} is missing "
        "from the recording",
        remedy="Where its stream was full, start its services again, which publish what it refused; otherwise read the "
        "recording again from the database or the stream",
        reason="gap",
        source=source,
        expected=expected,
        got=got,
    )


def check_announced(announced: Announced) -> None:
    """That configuration and strategy source are those of their hashes; RecordingError otherwise."""
    checks: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("configuration", announced.config_hash, lambda: config_hash(announced.config)),
        ("strategy source", announced.strategy_hash, lambda: loader.source_hash(announced.sources)),
    )
    for what, announced_hash, made in checks:
        if made() != announced_hash:
            raise RecordingError(
                f"The {what} in the announcement of {announced.session} does not match its hash {announced_hash}",
                remedy="The recording was changed; read it again from the database or the stream",
                reason="tampered",
                source=RUN,
            )
