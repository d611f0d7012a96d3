"""Calls to a venue: its clock, and how often a call is tried.

Whatever goes wrong is one of the port's three errors: worth another try, worth one after a pause, or final. Each
failed call is kept for the log; nothing is swallowed, and "the venue did not answer" never becomes "there is nothing".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from live_runner.contracts.errors import VenueUnavailable
from live_runner.services.venues.port import VenueBusy, VenueRefused, VenueSilent

__all__ = ["BACKOFF_FIRST_S", "BACKOFF_MAX_S", "TRIES_MAX", "Caller", "FailedCall", "VenueClock"]

TRIES_MAX: Final = 5
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 8.0
BUSY_PAUSE_S: Final = 30.0
CALL_TIMEOUT_S: Final = 30.0
"""A call that takes longer than this is given up, whatever the library below it does."""
OBSERVATIONS_MAX: Final = 1000
"""Failed calls that wait to be published; older ones go first."""


class FailedCall(NamedTuple):
    """A call that had no answer, for the log: the fields of a ``VenueCall`` and the venue's time."""

    at_ns: int
    fields: dict[str, Any]


@dataclass(slots=True)
class VenueClock:
    """The venue's time on our monotonic clock, so that a wrong or jumping wall clock here harms nothing."""

    margin_ns: int = 0
    """Taken off when only our wall clock is known."""
    _venue_ns: int | None = None
    _monotonic_ns: int = 0

    def set(self, venue_ns: int) -> None:
        """The venue said ``venue_ns`` in an answer that has just come: its clock is that far, or further."""
        self._venue_ns, self._monotonic_ns = venue_ns, time.monotonic_ns()

    @property
    def age_s(self) -> float:
        """Seconds since it was set."""
        if self._venue_ns is None:
            return float("inf")
        return (time.monotonic_ns() - self._monotonic_ns) / 1e9

    def now_ns(self) -> int:
        """A lower bound of the venue's time."""
        if self._venue_ns is None:
            return time.time_ns() - self.margin_ns
        return self._venue_ns + time.monotonic_ns() - self._monotonic_ns


@dataclass(slots=True)
class Caller:
    """Calls a venue with bounded tries, and keeps what failed until it is drained."""

    clock: VenueClock
    tries: int = TRIES_MAX
    backoff_s: float = BACKOFF_FIRST_S
    _observations: list[FailedCall] = field(default_factory=list)

    async def call[R](self, name: str, arguments: dict[str, Any], call: Callable[[], Awaitable[R]]) -> R:
        """The answer; the last error after ``tries`` tries, at once when the venue refuses."""
        pause_s = self.backoff_s
        for number in range(1, self.tries + 1):
            try:
                return await self.once(name, arguments, call)
            except VenueRefused:
                raise
            except VenueUnavailable as error:
                if number == self.tries:
                    raise
                is_busy = isinstance(error, VenueBusy)
                wait_s = max(BUSY_PAUSE_S, error.fields.get("pause_s", 0.0)) if is_busy else pause_s
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)
        raise AssertionError("the last try returns or raises")

    def drain(self) -> list[FailedCall]:
        """Failed calls since the last time."""
        calls, self._observations = self._observations, []
        return calls

    async def once[R](
        self,
        name: str,
        arguments: dict[str, Any],
        call: Callable[[], Awaitable[R]],
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
    ) -> R:
        """One try. A stream waits without ``timeout_s``: a quiet market sends nothing."""
        started_ns = time.time_ns()
        begun = time.monotonic_ns()
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    return await call()
            except TimeoutError as error:
                raise VenueSilent(
                    f"{name} had no answer in {timeout_s:g} s", remedy="Check the venue's status and the network"
                ) from error
        except VenueUnavailable as error:
            self._observe(name, arguments, error, started_ns, time.monotonic_ns() - begun)
            raise

    def _observe(
        self, name: str, arguments: dict[str, Any], error: VenueUnavailable, started_ns: int, latency_ns: int
    ) -> None:
        fields = {
            "call": name,
            "arguments": arguments,
            "outcome": error.code,
            "error": str(error),
            "started_ns": started_ns,
            "latency_ns": latency_ns,
        }
        if isinstance(error, VenueBusy) and "venue" in error.fields:
            # The gateway of an account there, on the same address, holds its own requests back.
            fields["result"] = {"venue": error.fields["venue"], "pause_s": error.fields["pause_s"]}
        self._observations.append(FailedCall(self.clock.now_ns(), fields))
        del self._observations[:-OBSERVATIONS_MAX]
