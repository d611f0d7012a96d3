"""Numbers and the running hash of one core's outputs.

    hash(n) = blake2b-128(hash(n-1) || for each output of the step: its length as 4 bytes big endian,
                                       its canonical bytes)

A step ends with the message that carries the hash (``settled``, ``decided``, ``finished``,
``stopped``), whose own canonical bytes enter with an empty ``hash``. The first hash is 32 zeros.

Bar sets have a running hash of their own, ``bar_hash``: they are inputs of the cores, which no replay makes again.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

from msgspec.structs import force_setattr, replace

from live_runner.contracts.codec import encode
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Event

__all__ = ["FIRST_HASH", "Numbering", "bar_hash", "step_hash", "with_hash"]

FIRST_HASH: Final = "0" * 32
_NO_HASH: Final = b"\xa4hash\xa0"
_HASH: Final = b"\xa4hash\xd9\x20"
_blake2b_128: Final = blake2b(digest_size=16).copy
"""A new one: half of what it takes to make one with its parameters."""
_from_hex: Final = bytes.fromhex


def bar_hash(before: str, bars: BarSet) -> str:
    """Of a bar set and all before it: blake2b-128(hash of the set before || its canonical bytes without a hash)."""
    digest = _blake2b_128()
    digest.update(_from_hex(before) + encode(replace(bars, hash="", recorded_ns=0)))
    return digest.hexdigest()


def step_hash(before: str, step: Iterable[bytes]) -> str:
    """Of a step and all before it, from the canonical bytes of its messages."""
    digest = _blake2b_128()
    start = _from_hex(before)
    for data in step:
        digest.update(start + len(data).to_bytes(4) + data)  # most steps are one message: a call less
        start = b""
    return digest.hexdigest()


def with_hash(data: bytes, hash: str) -> bytes:
    """The canonical bytes of a message that ends a step, made of those with an empty hash."""
    before, _, after = data.rpartition(_NO_HASH)
    return before + _HASH + hash.encode() + after


class Numbering:
    """Makes the events of one source in one session: number, id, cause and the running hash.

    Without ``hashing`` (a backtest that nobody compares) every hash stays empty.
    """

    __slots__ = ("_step", "hash", "hashing", "seq", "session", "source")

    def __init__(
        self, session: str, source: str, *, seq: int = 0, hash: str = FIRST_HASH, hashing: bool = True
    ) -> None:
        self.session = session
        self.source = source
        self.seq = seq
        self.hash = hash
        self.hashing = hashing
        self._step: list[bytes] = []

    def make[E: Event](self, kind: type[E], /, *values: Any, cause: str, event_ns: int, **fields: Any) -> E:
        """The next event of this source. Its own fields are given in their order, or by name."""
        self.seq += 1
        event = kind(
            *values,
            **fields,
            v=kind.VERSION,
            id=event_id(self.session, self.source, self.seq),
            session=self.session,
            source=self.source,
            seq=self.seq,
            cause=cause,
            event_ns=event_ns,
        )
        if self.hashing:
            self._step.append(encode(event))
        return event

    def close[E: Event](self, kind: type[E], /, *values: Any, cause: str, event_ns: int, **fields: Any) -> E:
        """The next event, ending a step: it carries the running hash up to and including itself."""
        event = self.make(kind, *values, cause=cause, event_ns=event_ns, **fields)
        if not self.hashing:
            return event
        self.hash = step_hash(self.hash, self._step)
        self._step.clear()
        force_setattr(event, "hash", self.hash)  # nobody else has it yet
        return event

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {"seq": self.seq, "hash": self.hash, "step": list(self._step)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self.seq = state["seq"]
        self.hash = state["hash"]
        self._step = list(state["step"])
