"""Bytes of messages.

Every message is one MessagePack map, readable by any plain msgpack library. ``recorded_ns`` is its
last field: an int64 at the very end of the bytes, 0 in the canonical form. ``stamp`` and
``canonical`` turn one into the other without decoding.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, reduce
from typing import Any, Final

import msgspec

from live_runner.contracts import messages, subjects
from live_runner.contracts.bars import check_bar_set
from live_runner.contracts.errors import MessageError
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Event

__all__ = [
    "MESSAGE_TYPES",
    "NAME_LENGTH_MAX",
    "STEPS",
    "Head",
    "beat",
    "canonical",
    "check_content",
    "check_envelope",
    "decode",
    "encode",
    "fields",
    "head",
    "opening",
    "portable",
    "read",
    "stamp",
]


class Head(msgspec.Struct, frozen=True, gc=False):
    """The envelope alone, decoded past the rest: enough to route, order and record a message."""

    type: str
    id: str
    session: str
    source: str
    seq: int
    event_ns: int
    v: int = 1
    cause: str = ""
    recorded_ns: int = 0


MESSAGE_TYPES: Final[dict[str, type[Event]]] = {
    str(kind.__struct_config__.tag): kind
    for name in messages.__all__
    if isinstance(kind := getattr(messages, name), type) and issubclass(kind, Event) and kind is not Event
}
"""Every message by its ``type``."""

_head_decoder: Final = msgspec.msgpack.Decoder(Head)
_fields_decoder: Final = msgspec.msgpack.Decoder(dict[str, Any])


class _Beat(msgspec.Struct):
    """What is read of heartbeats, each field of one kind. Others may stand beside them."""

    instance: str = ""
    sets: int = 0
    total_sets: int = 0
    close_ns: int = 0
    orders: int = 0
    fills: int = 0
    equity: str = ""
    gate: str = ""
    stored: int = 0
    committed_seq: int = 0
    trouble: str = ""
    fatal: dict[str, str] = {}


_beat_decoder: Final = msgspec.msgpack.Decoder(_Beat)

_OWNERS: Final[dict[type[Event], str]] = {
    messages.BarSet: "market_data",
    messages.FeedEnded: "market_data",
    messages.Decided: "strategy",
    messages.Finished: "strategy",
    messages.Settled: "execution",
    messages.Executed: "execution",
}
"""Steps of a session, each published by one core alone: of another source they would be folded beside the real ones."""
STEPS: Final = frozenset(str(kind.__struct_config__.tag) for kind in _OWNERS)
"""Their types."""

NAME_LENGTH_MAX: Final = 500
"""Characters of a message's source, id and cause: each stands in an index of the database."""

_CANONICAL_END: Final = b"\xabrecorded_ns\x00"
_STAMPED_END: Final = b"\xabrecorded_ns\xcf"
_STAMPED_TAIL: Final = 9  # 0xcf and eight bytes
_INT64_MAX: Final = 2**63 - 1
_INVALID: Final = (ValueError, RecursionError)
"""What msgspec raises for other bytes than those of a message: its own errors, text not in UTF-8, maps within maps."""


@cache
def _decoder() -> msgspec.msgpack.Decoder[Event]:
    """Made when the first message is read: it takes as long as all the rest of a service's contracts."""
    return msgspec.msgpack.Decoder(reduce(operator.or_, MESSAGE_TYPES.values()))


encode: Final[Callable[[Event], bytes]] = msgspec.msgpack.Encoder().encode
"""Bytes of a message; the canonical ones while ``recorded_ns`` is 0."""


def opening(kind: type[Event]) -> bytes:
    """The first bytes of each message of a type as ``encode`` writes it: the size of the map, and ``type``."""
    size = 1 + len(kind.__struct_fields__)
    header = bytes([0x80 + size]) if size < 16 else b"\xde" + size.to_bytes(2, "big")
    return header + b"".join(map(msgspec.msgpack.encode, ("type", kind.__struct_config__.tag)))


def stamp(canonical_bytes: bytes, recorded_ns: int) -> bytes:
    """The canonical bytes with the time of publishing put in."""
    return canonical_bytes[:-1] + b"\xcf" + recorded_ns.to_bytes(8, "big")


def canonical(wire: bytes) -> bytes:
    """The bytes without the time of publishing."""
    if wire[-1:] == b"\x00" and wire[-12:-1] == b"recorded_ns":
        return wire
    return wire[:-_STAMPED_TAIL] + b"\x00"


def decode(data: bytes) -> Event:
    """The typed message; MessageError when the bytes are not a valid message."""
    try:
        return _decoder().decode(data)
    except _INVALID as error:
        raise MessageError(
            f"A message of {len(data)} bytes cannot be read: {error}",
            remedy="Check which program publishes on this subject and its version",
            size=len(data),
        ) from error


def read(subject: str, data: bytes) -> Event:
    """The message on a subject of the log, as every reader of the log takes it.

    MessageError for whatever a reader passes over (rule 4 of README.md): junk, a type that this build does not know,
    a valid message that belongs to another subject, a number or time beyond 64 bits.
    """
    event = decode(data)
    check_content(event)
    if not data.endswith(_CANONICAL_END) and data[:-8][-len(_STAMPED_END) :] != _STAMPED_END:
        raise _unfit(f"recorded_ns is not the last thing in the bytes of {event.id} of {event.source}")
    if subjects.of(event) != subject:
        raise _unfit(f"{event.__struct_config__.tag} of session {event.session} is published on another subject")
    return event


def check_content(event: Event) -> None:
    """MessageError for what no reader takes, whatever subject it is on: names, numbers and bars that cannot be."""
    check_envelope(event)
    kind = type(event)
    if kind in _OWNERS:
        owner = _OWNERS[kind]
        if event.source != owner:
            raise _unfit(f"{event.id} of {event.source} is of a type that only {owner} publishes")
        if event.id != event_id(event.session, owner, event.seq):
            raise _unfit(f"Number {event.seq} of {event.source} has another id: {event.id}")
    if kind is BarSet:
        check_bar_set(event)  # type: ignore[arg-type]  # kind says so


def check_envelope(event: Event | Head) -> None:
    """MessageError for a session that cannot be, a text too long or a number beyond 64 bits."""
    if not subjects.is_session(event.session):
        raise _unfit("The session of a message is not a valid session name")
    longest = NAME_LENGTH_MAX
    if len(event.source) > longest or len(event.id) > longest or len(event.cause) > longest:
        raise _unfit(f"The source, id or cause of a message is longer than {NAME_LENGTH_MAX} characters")
    if not 0 < event.seq <= _INT64_MAX:
        raise _unfit(f"Message number {event.seq} is out of range")
    if not (-_INT64_MAX <= event.event_ns <= _INT64_MAX and 0 <= event.recorded_ns <= _INT64_MAX):
        raise _unfit("A time of a message is out of range")


def head(data: bytes) -> Head:
    """The envelope alone; MessageError when the bytes are not a valid message."""
    try:
        return _head_decoder.decode(data)
    except _INVALID as error:
        raise MessageError(
            f"A message of {len(data)} bytes has no valid envelope: {error}",
            remedy="Check which program publishes on this subject and its version",
            size=len(data),
        ) from error


def fields(data: bytes) -> dict[str, Any]:
    """The fields of a heartbeat or an answer outside the log; none where the bytes are something else."""
    try:
        return _fields_decoder.decode(data)
    except _INVALID:
        return {}


def beat(subject: str, data: bytes) -> tuple[str, str, dict[str, Any]] | None:
    """Role, session and fields of a heartbeat, the first two from its subject; None where the bytes are not one."""
    tokens = subject.split(".")
    try:
        _beat_decoder.decode(data)
    except _INVALID:
        return None
    if len(tokens) != 3 or not subjects.is_session(tokens[2]):
        return None
    return tokens[1], tokens[2], fields(data)


def _unfit(what: str) -> MessageError:
    return MessageError(what, remedy="Check which program publishes on this subject and its version")


def portable(value: Any) -> Any:
    """Fields of an error as values that every MessagePack library reads: what it does not know becomes text."""
    if value is None or isinstance(value, (str, int, float, bool, bytes)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [portable(item) for item in value]
    if isinstance(value, dict):
        return {str(key): portable(item) for key, item in value.items()}
    return str(value)
