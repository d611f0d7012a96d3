"""Differences between two events, field by field.

An event that should be there and is not, or is there and should not be, differs as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import Event

__all__ = [
    "ABSENT",
    "MAX_FIELDS",
    "MAX_KEPT",
    "Difference",
    "Differences",
    "FieldDifference",
    "changed",
    "extra",
    "fields",
    "missing",
]

MAX_KEPT: Final = 20
"""Differences kept in full; beyond these they are counted only (after one, a running hash differs for ever)."""

MAX_FIELDS: Final = 50
"""Fields told of one difference."""

_HIDDEN: Final = frozenset({"recorded_ns"})


class _Absent:
    """No value at all, which is not the same as null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


class FieldDifference(msgspec.Struct, frozen=True):
    """One field: where it is, what it should be and what it is, as text."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One event that is not as it should be.

    ``expected`` is what the recording holds, ``got`` what the cores make of the same inputs now.
    """

    kind: str
    """``changed``, ``missing`` (recorded, not made again), ``extra`` (made, not recorded) or ``raised``."""
    source: str
    seq: int
    type: str
    event_ns: int
    close_ns: int
    """Close of the bar it belongs to; its market time where it has none."""
    symbol: str
    fields: list[FieldDifference]
    cause: str = ""
    """Id of the input that led to it."""
    inputs: list[dict[str, Any]] = []
    """The inputs that led to it, as plain data."""

    def __str__(self) -> str:
        what = f"{self.type} (number {self.seq} of {self.source}"
        what += f", {self.symbol})" if self.symbol else ")"
        return f"{what} is {self.kind}: " + "; ".join(str(field) for field in self.fields[:5])


class Differences:
    """Counts all differences and keeps the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.kept: list[Difference] = []
        self.by_source: dict[str, int] = {}

    def add(self, difference: Difference) -> None:
        """One more."""
        self.count += 1
        self.by_source[difference.source] = self.by_source.get(difference.source, 0) + 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(difference)

    def skip(self, source: str, number: int = 1) -> None:
        """Count differences that are not described."""
        self.count += number
        self.by_source[source] = self.by_source.get(source, 0) + number

    @property
    def full(self) -> bool:
        """Whether a further one would only be counted."""
        return len(self.kept) >= MAX_KEPT

    @property
    def first(self) -> Difference | None:
        """The earliest one."""
        return self.kept[0] if self.kept else None


def changed(expected: Event, got: Event, inputs: Sequence[Event] = ()) -> Difference:
    """The same number of the same source says something else."""
    if type(expected) is not type(got):
        differing = [FieldDifference("", _text(_without_envelope(expected)), _text(_without_envelope(got)))]
    else:
        differing = fields(_plain(expected), _plain(got))
    if not differing:
        # Same meaning, other bytes: written by a version that had fewer fields, or by another encoder.
        differing = [FieldDifference("", "different bytes of the same meaning", "the canonical bytes")]
    return _difference("changed", expected, differing, inputs)


def missing(expected: Event, inputs: Sequence[Event] = ()) -> Difference:
    """In the recording, and not made again."""
    return _difference("missing", expected, [FieldDifference("", _text(_payload(expected)), "absent")], inputs)


def extra(got: Event, inputs: Sequence[Event] = ()) -> Difference:
    """Made now, and not in the recording."""
    return _difference("extra", got, [FieldDifference("", "absent", _text(_payload(got)))], inputs)


def fields(expected: Any, got: Any) -> list[FieldDifference]:
    """Every leaf in which two plain values differ, in the order of the expected one."""
    found: list[FieldDifference] = []
    _walk("", expected, got, found)
    return found[:MAX_FIELDS]


def _walk(path: str, expected: Any, got: Any, found: list[FieldDifference]) -> None:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in [*expected, *(key for key in got if key not in expected)]:
            if key not in _HIDDEN:
                step = f"{path}.{key}" if path else str(key)
                _walk(step, expected.get(key, ABSENT), got.get(key, ABSENT), found)
    elif isinstance(expected, list) and isinstance(got, list):
        for index in range(max(len(expected), len(got))):
            left = expected[index] if index < len(expected) else ABSENT
            right = got[index] if index < len(got) else ABSENT
            _walk(f"{path}[{index}]", left, right, found)
    elif not _equal(expected, got):
        found.append(FieldDifference(path, _text(expected), _text(got)))


def _equal(expected: Any, got: Any) -> bool:
    """Equal as bytes: -0.0 is not 0.0, 1 is not 1.0, and nan is itself."""
    if isinstance(expected, _Absent) or isinstance(got, _Absent):
        return expected is got
    return msgspec.msgpack.encode(expected) == msgspec.msgpack.encode(got)


def _difference(kind: str, event: Event, differing: list[FieldDifference], inputs: Sequence[Event]) -> Difference:
    return Difference(
        kind=kind,
        source=event.source,
        seq=event.seq,
        type=str(event.__struct_config__.tag),
        event_ns=event.event_ns,
        close_ns=getattr(event, "close_ns", event.event_ns),
        symbol=getattr(event, "symbol", ""),
        fields=differing,
        cause=event.cause,
        inputs=[_plain(entry) for entry in inputs],
    )


def _plain(event: Event) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(event))
    return plain


def _without_envelope(event: Event) -> dict[str, Any]:
    return {"type": str(event.__struct_config__.tag), **_payload(event)}


def _payload(event: Event) -> dict[str, Any]:
    envelope = ("type", *Event.__struct_fields__)
    return {key: value for key, value in _plain(event).items() if key not in envelope}


def _text(value: Any) -> str:
    if isinstance(value, _Absent):
        return "absent"
    if isinstance(value, str):
        return repr(value)
    return msgspec.json.encode(value).decode()
