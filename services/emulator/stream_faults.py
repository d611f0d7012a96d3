"""Faults of streams: which frames they meet, and what becomes of the frame or of its connection.

    {"match": {"event": "ORDER_TRADE_UPDATE", "nth": 2, "count": 1}, "duplicate": {"times": 1, "after_ms": 500}}

Pure: what is to be done comes out; the connection does it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.faults import converted
from live_runner.services.market_data.core.randomness import key

__all__ = ["Frame", "StreamFault", "StreamFaults"]

FAULTS_MAX: Final = 1000
REORDER_MAX: Final = 1000
GARBAGE: Final = '{"e":"ORDER_TRADE_UPDATE","E":17'
"""What goes out in the place of a frame: JSON that breaks off."""
_DRAW: Final = 2**53


class StreamMatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frames that a fault meets; what is not given matches all."""

    event: str | None = None
    """Its type ``e``: ORDER_TRADE_UPDATE, kline ..."""
    account: str | None = None
    client_id: str | None = None
    symbol: str | None = None
    nth: int = 1
    count: int | None = None
    probability: float = 1.0
    from_ms: int = 0


class Duplicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Further copies of a frame."""

    times: int = 1
    after_ms: int = 0


class StreamFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault as it is given. Several things may be given; a frame that is dropped is not delayed."""

    match: StreamMatch = StreamMatch()
    drop: bool = False
    delay_ms: int = 0
    """This frame comes later; those after it do not wait."""
    duplicate: Duplicate | None = None
    reorder: int = 0
    """So many frames are held and then sent in the opposite order."""
    mute: bool = False
    """From this frame on the connection sends nothing but pongs."""
    no_pong: bool = False
    """From this frame on the connection answers no ping."""
    close: int | None = None
    """The connection is closed with this code, in the place of the frame."""
    garbage: bool = False
    """Text that is not JSON goes out in its place."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a match looks at."""

    event: str
    account: str | None
    payload: dict[str, Any]
    now_ms: int

    @property
    def client_ids(self) -> tuple[str, ...]:
        """Client ids of the order or trigger order that this is about."""
        order = self.payload.get("o")
        inner = order if isinstance(order, dict) else self.payload
        return tuple(str(inner[name]) for name in ("c", "caid") if inner.get(name))

    @property
    def symbol(self) -> str | None:
        """The symbol that this is about."""
        order = self.payload.get("o")
        found = order.get("s") if isinstance(order, dict) else self.payload.get("s")
        return None if found is None else str(found)


@dataclass(slots=True)
class _Active:
    id: int
    posted: StreamFault
    seen: int = 0
    fired: int = 0

    def view(self) -> dict[str, Any]:
        return {"id": self.id, **msgspec.to_builtins(self.posted), "seen": self.seen, "fired": self.fired}


@dataclass(slots=True)
class StreamFaults:
    """Every stream fault that is in force."""

    seed: int = 0
    _faults: dict[int, _Active] = field(default_factory=dict)
    _last_id: int = 0

    def add(self, given: Any) -> dict[str, Any]:
        """A fault from its JSON object; ConfigError names what is not part of one."""
        posted = checked(given)
        if len(self._faults) >= FAULTS_MAX:
            raise ConfigError(f"There are {FAULTS_MAX} stream faults already", remedy="Lift some")
        self._last_id += 1
        active = self._faults[self._last_id] = _Active(self._last_id, posted)
        return active.view()

    def lift(self, fault_id: int | None = None) -> list[dict[str, Any]]:
        """Take one fault away, or all; what they were, with their counts."""
        ids = list(self._faults) if fault_id is None else [fault_id]
        return [active.view() for each in ids if (active := self._faults.pop(each, None)) is not None]

    def view(self) -> list[dict[str, Any]]:
        """Every fault with its counts."""
        return [active.view() for active in self._faults.values()]

    def met(self, frame: Frame) -> StreamFault | None:
        """The first fault that meets this frame. Counts it."""
        for active in self._faults.values():
            match = active.posted.match
            if not _fits(match, frame):
                continue
            active.seen += 1
            is_in_turn = active.seen >= match.nth and (match.count is None or active.fired < match.count)
            if is_in_turn and self._drawn(active):
                active.fired += 1
                return active.posted
        return None

    def _drawn(self, active: _Active) -> bool:
        probability = active.posted.match.probability
        draw = key(self.seed, "stream fault", active.id, active.seen) % _DRAW if probability < 1.0 else 0
        return draw < probability * _DRAW


def checked(given: Any) -> StreamFault:
    """A stream fault from its JSON object; ConfigError names what is not part of one."""
    posted = converted(given, StreamFault, "stream fault")
    if msgspec.structs.replace(posted, match=StreamMatch()) == StreamFault():
        raise ConfigError("A stream fault needs something that goes wrong", remedy='Write for example {"drop": true}')
    if not 0.0 < posted.match.probability <= 1.0 or posted.match.nth < 1 or not 0 <= posted.reorder <= REORDER_MAX:
        raise ConfigError(
            "A stream fault's 'probability' is above 0 and at most 1, its 'nth' at least 1, its 'reorder' at most "
            f"{REORDER_MAX}",
            remedy="Change it",
        )
    return posted


def _fits(match: StreamMatch, frame: Frame) -> bool:
    return (
        (match.event is None or match.event == frame.event)
        and (match.account is None or match.account == frame.account)
        and (match.client_id is None or match.client_id in frame.client_ids)
        and (match.symbol is None or match.symbol == frame.symbol)
        and frame.now_ms >= match.from_ms
    )
