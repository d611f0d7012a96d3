"""Naming the numbers of a core that stand in the log before their time (contracts/sequence.py)."""

from __future__ import annotations

from live_runner.contracts import subjects
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import Incident, Voided
from live_runner.contracts.sequence import Tail, Voids
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.nats.publisher import Publisher
from live_runner.services.runtime.service.ownership import Ownership

__all__ = ["publish_void", "read_voids", "void_rest"]

_DOMAINS = {"market_data": ("market",), "strategy": ("strategy",), "execution": ("order", "account", "session")}
"""Of the subjects that each core publishes on."""


async def publish_void(publisher: Publisher, ownership: Ownership, role: str, from_seq: int, to_seq: int) -> None:
    """Publish ``voided`` and its incident; returns when the log has them, before anything is published anew."""
    voided = ownership.note(Voided, role=role, from_seq=from_seq, to_seq=to_seq)
    await publisher.publish(voided)
    await publisher.flush()
    await publisher.publish(
        ownership.note(
            Incident,
            cause=voided.id,
            severity="warning",
            code="numbers_voided",
            message=f"The stream refused number {from_seq} of {role} and took later ones; they are void up to {to_seq}",
            details={"source": role, "from": from_seq, "to": to_seq},
        )
    )
    await publisher.flush()


async def read_voids(bus: Bus, session: str, role: str, owned: tuple[str, int], start_seq: int) -> Voids:
    """The ``voided`` messages of a role up to its ``owned`` event, which is given by subject and place."""
    voids = Voids()
    subject, end_seq = owned
    reader = await bus.reader([subjects.owned(session, role, "voided"), subject], start_seq)
    try:
        async for message in reader:
            if message.stream_seq >= end_seq:
                break
            event = event_of(message)
            if isinstance(event, Voided):
                voids.add(message.stream_seq, event.from_seq, event.to_seq)
    finally:
        await reader.close()
    return voids


async def void_rest(bus: Bus, ownership: Ownership, roles: tuple[str, ...] = CORE_ROLES) -> None:
    """Name what the cores of a session that ends here left in the log before its time; nothing is published anew."""
    publisher = await bus.publisher(ownership.guard)
    try:
        for role in roles:
            span = await _span(bus, ownership, role)
            if span is not None:
                await publish_void(publisher, ownership, role, *span)
    finally:
        await publisher.close()


async def _span(bus: Bus, ownership: Ownership, role: str) -> tuple[int, int] | None:
    owned = ownership.guard.subject, ownership.stream_seq
    voids = await read_voids(bus, ownership.session, role, owned, 1)
    tail = Tail()
    last = 0
    filters = subjects.of_domains(_DOMAINS[role], ownership.session)
    reader = await bus.reader((*filters, ownership.guard.subject) if role != "execution" else filters, 1)
    try:
        async for message in reader:
            if message.stream_seq >= ownership.stream_seq:
                break
            event = event_of(message)
            if event is None or event.source != role or voids.cover(message.stream_seq, event.seq):
                continue
            if last in (0, event.seq - 1):  # the stream may have been purged of the first ones
                last = event.seq
            elif event.seq > last:
                tail.came_early(event.seq, last + 1)
    finally:
        await reader.close()
    return tail.span(last + 1)
