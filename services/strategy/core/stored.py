"""The host's state as MessagePack: equal states give equal bytes, also right after they were restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts.codec import decode, encode
from live_runner.contracts.errors import SnapshotLayout, SnapshotMismatch, StrategyError
from live_runner.contracts.messages import Event

__all__ = ["VERSION", "events_of", "events_plain", "pack", "plain_state", "unpack"]

VERSION: Final = 2
"""Of the layout; another one is refused."""

_PLAIN: Final = frozenset({bool, int, float, str, bytes, type(None)})


def pack(state: dict[str, Any]) -> bytes:
    """Bytes of a snapshot."""
    return msgspec.msgpack.encode({"version": VERSION, **state})


def unpack(data: bytes) -> dict[str, Any]:
    """The state in a snapshot; SnapshotMismatch when it is none of this version."""
    try:
        state: Any = msgspec.msgpack.decode(data)
    except msgspec.MsgspecError as error:
        raise SnapshotMismatch(
            f"A strategy snapshot of {len(data)} bytes cannot be read: {error}",
            remedy="Delete it; the state is then made again from the log",
        ) from error
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise SnapshotLayout(
            "A strategy snapshot has another layout",
            remedy="Delete it; the state is then made again from the log",
            expected=VERSION,
        )
    return state


def events_plain(events: Sequence[Event | None]) -> list[bytes | None]:
    """Events as their bytes."""
    return [None if event is None else encode(event) for event in events]


def events_of(stored: Sequence[bytes | None]) -> list[Any]:
    """The events that ``events_plain`` stored."""
    return [None if data is None else decode(data) for data in stored]


def plain_state(state: Any, strategy: str) -> Any:
    """The result of ``Strategy.state`` when it is plain data; StrategyError otherwise.

    A set, a Decimal or an object would be written, but read back as something else.
    """
    _check(state, "state()", strategy)
    if not isinstance(state, dict):
        raise StrategyError(f"state() of {strategy} gives no dict", remedy="Return a dict of plain data")
    return state


def _check(value: Any, where: str, strategy: str) -> None:
    if type(value) in _PLAIN:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise StrategyError(
                    f"{where} of {strategy} has the key {key!r}, which is not text", remedy="Use text as keys"
                )
            _check(inner, f"{where}[{key!r}]", strategy)
        return
    if isinstance(value, list | tuple):
        if _PLAIN.issuperset(map(type, value)):  # A history of thousands of numbers, at the speed of C.
            return
        for number, inner in enumerate(value):
            _check(inner, f"{where}[{number}]", strategy)
        return
    raise StrategyError(
        f"{where} of {strategy} is a {type(value).__name__}",
        remedy="Use numbers, text, lists and dicts; a snapshot has to be readable everywhere",
        strategy=strategy,
    )
