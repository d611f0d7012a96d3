"""Incidents that the recorder itself raises: gaps, duplicates and unreadable messages."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import msgspec

__all__ = ["Finding", "Findings"]

SHOWN_BYTES_MAX: Final = 65_536
"""Of bytes that are not a valid message, kept in the incident because they have no event row."""


class Finding(msgspec.Struct):
    """One incident of the recorder; ``count`` messages of the same kind are one incident per batch."""

    session: str
    severity: str
    code: str
    message: str
    details: dict[str, Any]
    stream_seq: int
    count: int = 1


class Findings:
    """Of one batch. What repeats is counted, so that a flood of bad messages makes no flood of incidents."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], Finding] = {}

    def __iter__(self) -> Any:
        return iter(self._found.values())

    def gap(self, session: str, source: str, *, expected: int, found: int, stream_seq: int) -> None:
        """Numbers are missing."""
        self._add(
            (session, source, "sequence_gap", str(found)),
            Finding(
                session,
                "error",
                "sequence_gap",
                f"{source} sent number {found} where {expected} was expected: {found - expected} are missing",
                {"source": source, "expected": expected, "found": found},
                stream_seq,
            ),
        )

    def ahead(self, session: str, source: str, *, expected: int, found: int, event_id: str, stream_seq: int) -> None:
        """A number that its source cannot have reached yet."""
        self._add(
            (session, source, "sequence_ahead"),
            Finding(
                session,
                "error",
                "sequence_ahead",
                f"{source} sent number {found} where {expected} is still to come: not stored",
                {"source": source, "expected": expected, "found": found, "id": event_id},
                stream_seq,
            ),
        )

    def repeated(self, session: str, source: str, *, last: int, found: int, event_id: str, stream_seq: int) -> None:
        """A number came that is not above the last one; the message is dropped."""
        self._add(
            (session, source, "sequence_repeated"),
            Finding(
                session,
                "error",
                "sequence_repeated",
                f"{source} sent number {found} after number {last}: not stored again",
                {"source": source, "last": last, "found": found, "id": event_id},
                stream_seq,
            ),
        )

    def unreadable(
        self, session: str, subject: str, data: bytes, reason: str, *, stream_seq: int, **named: str
    ) -> None:
        """Bytes that no reader takes: they have no event row, so they are kept here. ``named``: id and source."""
        self._add(
            (session, subject, "unreadable_message", str(stream_seq)),
            Finding(
                session,
                "error",
                "unreadable_message",
                f"A message of {len(data)} bytes on {subject} is not a valid message",
                {
                    "subject": subject,
                    **named,
                    "reason": reason,
                    "bytes": len(data),
                    "base64": b64encode(data[:SHOWN_BYTES_MAX]).decode(),
                },
                stream_seq,
            ),
        )

    def rowless(self, session: str, type_: str, event_id: str, reason: str, *, stream_seq: int) -> None:
        """A message whose event row is stored, and which could not be made into the other rows."""
        self._add(
            (session, type_, "no_rows"),
            Finding(
                session,
                "warning",
                "no_rows",
                f"{event_id} ({type_}) is stored in the log only: {reason}",
                {"type": type_, "id": event_id, "reason": reason},
                stream_seq,
            ),
        )

    def _add(self, key: tuple[str, ...], finding: Finding) -> None:
        known = self._found.get(key)
        if known is None:
            self._found[key] = finding
        else:
            known.count += 1
            known.details["count"] = known.count
            known.details["last_stream_seq"] = finding.stream_seq
