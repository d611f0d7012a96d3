"""Every error of live-runner, by who has to act.

    RunnerError
    +-- OurFault        a guarantee of live-runner is broken: the session or service stops
    |   +-- DeterminismViolation   a replayed output differs from the stored one
    |   +-- SequenceGap            a source skipped or repeated a number
    |   +-- OwnershipLost          another process took this role over
    |   +-- SnapshotMismatch       a snapshot does not fit its log
    |   |   +-- SnapshotLayout         it has another layout, and is not read
    |   +-- LedgerOverflow         an amount left the range of the exact integers
    +-- TheirFault      the input is wrong: refused, recorded, and the service continues
    |   +-- ConfigError            a key is unknown, missing or out of range
    |   +-- StrategyError          a strategy does not load, validate or return
    |   +-- DataError              a file or candle is unusable
    |   +-- MessageError           bytes on the bus that are not a valid message
    |   +-- SessionRefused         a service refused the session, with its reason
    |   +-- VersionMismatch        a session of another engine, or services of two builds
    |   +-- CommandRefused         an operator's command was not accepted
    |   +-- NormalizationRefused   a price or amount that the market does not accept
    +-- Unavailable     something cannot be reached: retried a limited number of times, then reported
        +-- BusUnavailable         NATS cannot be reached, or the stream refuses
        +-- DatabaseUnavailable    PostgreSQL cannot be reached, or refuses
        +-- VenueUnavailable       the venue did not answer
        +-- ServiceUnavailable     a service did not answer in time

Each carries its facts as fields and says in one sentence what happened, where, and what to do.
The exit code of the command line is the class's ``exit_code``.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BusUnavailable",
    "CommandRefused",
    "ConfigError",
    "DataError",
    "DatabaseUnavailable",
    "DeterminismViolation",
    "LedgerOverflow",
    "MessageError",
    "NormalizationRefused",
    "OurFault",
    "OwnershipLost",
    "RunnerError",
    "SequenceGap",
    "ServiceUnavailable",
    "SessionRefused",
    "SnapshotLayout",
    "SnapshotMismatch",
    "StrategyError",
    "TheirFault",
    "Unavailable",
    "VenueUnavailable",
    "VersionMismatch",
]


class RunnerError(Exception):
    """A named error: what happened, where (``fields``), and what to do (``remedy``)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, remedy: str = "", **fields: Any) -> None:
        self.what = what
        self.remedy = remedy
        self.fields = fields
        super().__init__(what)

    @property
    def code(self) -> str:
        """The class name as a token, for incidents and JSON: ``config_error``."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    def __str__(self) -> str:
        return " ".join(_sentence(text) for text in (self.what, self.remedy) if text)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


class OurFault(RunnerError):
    """A guarantee of live-runner is broken; continuing would make it worse."""

    exit_code = 70


class DeterminismViolation(OurFault):
    """Folding the same inputs gave another output than the one in the log."""


class SequenceGap(OurFault):
    """A source skipped or repeated a number."""


class OwnershipLost(OurFault):
    """Another process owns this role of the session now."""


class SnapshotMismatch(OurFault):
    """A snapshot does not fit the log it belongs to."""


class SnapshotLayout(SnapshotMismatch):
    """A snapshot of another layout: the state is made from the log, without it."""


class LedgerOverflow(OurFault):
    """An amount left the range of the exact integers."""


class TheirFault(RunnerError):
    """The input is wrong: it is refused and recorded, and the service continues."""

    exit_code = 65


class ConfigError(TheirFault):
    """A configuration key is unknown, missing or out of range."""

    exit_code = 64


class StrategyError(TheirFault):
    """A strategy does not load, validate or answer."""


class DataError(TheirFault):
    """A file, dataset or candle is unusable."""


class MessageError(TheirFault):
    """Bytes on the bus that are not a valid message."""


class SessionRefused(TheirFault):
    """A service refused the session; ``reason`` is its token."""

    exit_code = 66


class VersionMismatch(TheirFault):
    """A session was recorded by another engine or other models, or its services are of two builds."""

    exit_code = 71


class CommandRefused(TheirFault):
    """An operator's command was not accepted."""

    exit_code = 67


class NormalizationRefused(TheirFault):
    """A price or amount that the market does not take; ``reason`` is its token."""

    def __init__(self, what: str, *, reason: str, remedy: str = "", **fields: Any) -> None:
        super().__init__(what, remedy=remedy, reason=reason, **fields)
        self.reason = reason


class Unavailable(RunnerError):
    """Something is away. Tried again up to a bound, then reported."""

    exit_code = 69


class BusUnavailable(Unavailable):
    """NATS cannot be reached, or its stream refuses to store."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL cannot be reached, or refuses."""


class VenueUnavailable(Unavailable):
    """The venue did not answer."""


class ServiceUnavailable(Unavailable):
    """A service did not answer within its deadline."""
