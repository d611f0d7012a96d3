"""The recorder's position in the stream, and the checks before it continues from there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from live_runner.contracts.errors import OurFault

__all__ = ["LogMismatch", "Position", "epoch_ns", "first_to_read"]

_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_NS_PER_S: Final = 1_000_000_000
_NS_PER_US: Final = 1_000


class LogMismatch(OurFault):
    """The database's position is not in this log; reading on would leave events out or store others."""


class Position(msgspec.Struct, frozen=True):
    """The last message stored. Another creation time of the stream is another log."""

    epoch_ns: int
    """Creation of the stream, Unix time, whole microseconds."""
    stream_seq: int


def epoch_ns(created: str) -> int:
    """NATS' creation time of a stream (ISO 8601, up to nanoseconds), cut to microseconds."""
    match = _ISO.fullmatch(created)
    if match is None:
        raise ValueError(f"'{created}' is not a valid NATS timestamp")
    whole, fraction, zone = match.groups()
    seconds = int(datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp())
    return seconds * _NS_PER_S + int((fraction or "").ljust(9, "0")) // _NS_PER_US * _NS_PER_US


def first_to_read(position: Position | None, log_epoch_ns: int, last_seq: int) -> int:
    """The stream sequence to read on from; LogMismatch when the position is not in this log."""
    if position is None:
        return 1
    if position.epoch_ns != log_epoch_ns:
        raise LogMismatch(
            f"The database was recorded from the log made at {_shown(position.epoch_ns)}, and NATS has the log"
            f" made at {_shown(log_epoch_ns)}",
            remedy="Point NATS_URL and TIMESCALE_DSN at the pair that belongs together, or go on into this"
            " database from the new log: `live-runner db adopt-log`",
            recorded=position.epoch_ns,
            found=log_epoch_ns,
        )
    if position.stream_seq > last_seq:
        raise LogMismatch(
            f"The database has the log up to {position.stream_seq}, and NATS has it only up to {last_seq}:"
            " the log lost its end",
            remedy="Restore the NATS store, or go on from what it has: `live-runner db adopt-log`",
            recorded=position.stream_seq,
            found=last_seq,
        )
    return position.stream_seq + 1


def _shown(ns: int) -> str:
    return datetime.fromtimestamp(ns / _NS_PER_S, UTC).isoformat(timespec="milliseconds")
