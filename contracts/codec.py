"""Bytes of messages.

Every message is one MessagePack map, readable by any plain msgpack library. ``recorded_ns`` is its
last field: an int64 at the very end of the bytes, 0 in the canonical form. ``stamp`` and
``canonical`` turn one into the other without decoding.
"""

from __future__ import annotations

import operator
from functools import cache, reduce
from typing import Any, Final

import msgspec

from live_runner.contracts import messages
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import Event

__all__ = ["MESSAGE_TYPES", "Head", "canonical", "decode", "encode", "head", "portable", "stamp"]


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

_encoder: Final = msgspec.msgpack.Encoder()
_head_decoder: Final = msgspec.msgpack.Decoder(Head)

_STAMPED_TAIL: Final = 9  # 0xcf and eight bytes


@cache
def _decoder() -> msgspec.msgpack.Decoder[Event]:
    """Made when the first message is read: it takes as long as all the rest of a service's contracts."""
    return msgspec.msgpack.Decoder(reduce(operator.or_, MESSAGE_TYPES.values()))


def encode(event: Event) -> bytes:
    """Bytes of a message; the canonical ones while ``recorded_ns`` is 0."""
    return _encoder.encode(event)


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
    except msgspec.MsgspecError as error:
        raise MessageError(
            f"A message of {len(data)} bytes cannot be read: {error}",
            remedy="Check which program publishes on this subject and its version",
            size=len(data),
        ) from error


def head(data: bytes) -> Head:
    """The envelope alone; MessageError when the bytes are not a valid message."""
    try:
        return _head_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise MessageError(
            f"A message of {len(data)} bytes has no valid envelope: {error}",
            remedy="Check which program publishes on this subject and its version",
            size=len(data),
        ) from error


def portable(value: Any) -> Any:
    """Fields of an error as values that every MessagePack library reads: what it does not know becomes text."""
    if value is None or isinstance(value, (str, int, float, bool, bytes)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [portable(item) for item in value]
    if isinstance(value, dict):
        return {str(key): portable(item) for key, item in value.items()}
    return str(value)
