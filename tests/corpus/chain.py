"""The running hash of a session, and its value at the end of every step.

    chain = blake2b-128 over, for each output of the cores: its length as 4 bytes big endian, its canonical bytes

``hash`` and ``state_hash`` enter empty: they depend on how a core lays its snapshot out, and not on what it does.
A step ends with ``settled``, ``decided``, ``finished`` or ``stopped``; its value is the chain's first four bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from live_runner.contracts.codec import encode
from live_runner.contracts.core import Effect
from live_runner.contracts.messages import Decided, Event, Finished, Settled, Stopped

STEP_BYTES = 4
_CLOSING = (Settled, Decided, Finished, Stopped)


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The session ended in this error; its sentence may be worded anew, its type may not change."""

    error: str


type Output = Effect | Failed
"""What the cores give: events, calls to a venue (live stages only), and at the very end an error."""


def failed(outputs: list[Output], error: Exception) -> list[Output]:
    """The outputs of a session that ended in an error: how much of its last step was out by then counts for nothing."""
    while outputs and not isinstance(outputs[-1], Settled):
        outputs.pop()
    return [*outputs, Failed(type(error).__name__)]


@dataclass(frozen=True)
class Chained:
    """A session in short."""

    events: int
    digest: str
    steps: bytes
    """``STEP_BYTES`` per step."""

    def first_difference(self, other: Chained) -> int | None:
        """The first step (from 0) at which two sessions differ; None when they are equal."""
        if self == other:
            return None
        ours, theirs = self._values(), other._values()
        for number, (mine, its) in enumerate(zip(ours, theirs, strict=False)):
            if mine != its:
                return number
        return min(len(ours), len(theirs))

    def _values(self) -> list[bytes]:
        return [self.steps[at : at + STEP_BYTES] for at in range(0, len(self.steps), STEP_BYTES)]


def chained(outputs: Iterable[Output]) -> Chained:
    """The chain over a session's outputs."""
    digest = blake2b(digest_size=16)
    steps = bytearray()
    events = 0
    for output in outputs:
        data = canonical(output)
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
        events += 1
        if ends_step(output):
            steps += digest.digest()[:STEP_BYTES]
    return Chained(events, digest.hexdigest(), bytes(steps))


def canonical(output: Output) -> bytes:
    """The bytes that enter the chain."""
    if not isinstance(output, Event):
        return msgspec.msgpack.encode(output)
    if isinstance(output, _CLOSING) and (output.hash or output.state_hash):
        return encode(msgspec.structs.replace(output, hash="", state_hash=""))
    return encode(output)


def ends_step(output: Output) -> bool:
    """Whether this is the last output of a step."""
    return isinstance(output, (*_CLOSING, Failed))


def steps_of(outputs: Iterable[Output]) -> list[list[Output]]:
    """The outputs by step; what follows the last closing event stands in a step of its own."""
    steps: list[list[Output]] = [[]]
    for output in outputs:
        steps[-1].append(output)
        if ends_step(output):
            steps.append([])
    return steps if steps[-1] else steps[:-1]
