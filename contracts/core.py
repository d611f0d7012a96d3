"""The one shape of every core, and what a core may ask of its shell.

A core folds events in stream order and answers with effects. An ``Event`` among the effects is to
be published; the others are calls to a venue or a timer, of which the shell publishes what came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from live_runner.contracts.messages import Event, Requested

__all__ = ["CancelOrder", "Core", "Effect", "QueryOrder", "SendOrder", "SetTimer"]


class SendOrder(msgspec.Struct, frozen=True, gc=False, tag=True, omit_defaults=True):
    """Hand an order to the venue, after its request is acknowledged by the log."""

    order: Requested
    by_side: bool = False
    """A close that names the side of the position instead of the reduce-only flag (hedge mode only)."""


class CancelOrder(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Take an order off the book."""

    order_id: str
    client_order_id: str
    symbol: str
    kind: str = ""
    """Stops and targets have ids of their own at some venues."""
    venue_order_id: str = ""
    triggered: bool = False
    """Whether a stop or target has become another order, whose id at the venue is ``venue_order_id``."""
    leg: str = ""


class QueryOrder(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Ask the venue for an order by its client order id."""

    order_id: str
    client_order_id: str
    symbol: str
    kind: str = ""
    """Stops and targets have ids of their own at some venues."""
    venue_order_id: str = ""
    triggered: bool = False
    """Whether a stop or target has become another order, whose id at the venue is ``venue_order_id``."""
    leg: str = ""
    requested_ns: int = 0
    """It did not leave before this: its trades are not older."""


class SetTimer(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Publish a ``Timer`` at ``due_ns`` (real venues only)."""

    name: str
    due_ns: int


type Effect = Event | SendOrder | CancelOrder | QueryOrder | SetTimer


class Core(Protocol):
    """A pure state machine: no clock, randomness, socket, file or environment."""

    @property
    def source(self) -> str:
        """The role: what its outputs name as their source."""

    @property
    def seq(self) -> int:
        """Number of the last output."""

    def handle(self, event: Event) -> Sequence[Effect]:
        """Fold one input; the effects it leads to, in order."""

    def snapshot(self) -> bytes:
        """The whole state as MessagePack: equal states give equal bytes."""

    def restore(self, data: bytes) -> None:
        """Take over a state that ``snapshot`` gave, on a fresh core."""

    def state_hash(self) -> str:
        """blake2b-128 of ``snapshot()``, in hex."""
