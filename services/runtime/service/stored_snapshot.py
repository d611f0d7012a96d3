"""What a shell stores of its core in the object store: the core's state, and how far it has read each source."""

from __future__ import annotations

import msgspec

from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.errors import SnapshotLayout

__all__ = ["StoredSnapshot", "unpack"]


class StoredSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object."""

    core: bytes
    numbers: dict[str, int]
    """The last number of each source of the session that was read."""
    bars: BarSequence
    """Where the bar sets stand that were read."""

    def pack(self) -> bytes:
        """Its bytes."""
        return msgspec.msgpack.encode(self)


def unpack(data: bytes) -> StoredSnapshot:
    """SnapshotLayout for the object of a build that stored something else."""
    try:
        return msgspec.msgpack.decode(data, type=StoredSnapshot)
    except (ValueError, RecursionError) as error:
        raise SnapshotLayout(
            "The snapshot has another layout", remedy="Nothing to do: the log is folded from its start"
        ) from error
