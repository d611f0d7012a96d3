"""The venue's time, from answers to "what time is it" and a clock that goes on while the machine sleeps.

Pure. The venue's clock is read somewhere between asking and answer; half the way is the estimate and half the way its
error. Wall clocks are not used: one that jumps changes no signature and no send window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["AGE_MAX_NS", "ERROR_MAX_NS", "VenueTime"]

AGE_MAX_NS: Final = 300_000_000_000
"""An estimate that is older gives way to any newer one: clocks drift."""
ERROR_MAX_NS: Final = 1_000_000_000
"""A reading that may be off by more is not taken."""


@dataclass(slots=True)
class VenueTime:
    """The offset of the venue's clock from ours. All times are nanoseconds."""

    offset_ns: int = 0
    error_ns: int = -1
    """How far off the estimate may be; -1 while there is none."""
    read_ns: int = 0

    @property
    def is_known(self) -> bool:
        """Whether the venue's clock was read."""
        return self.error_ns >= 0

    def read(self, asked_ns: int, answered_ns: int, venue_ns: int) -> bool:
        """An answer: taken where it is better than the estimate, or that is old. Whether it was taken."""
        error_ns = (answered_ns - asked_ns) // 2
        is_old = not self.is_known or answered_ns - self.read_ns > AGE_MAX_NS
        if not 0 <= error_ns <= ERROR_MAX_NS or not (is_old or error_ns <= self.error_ns):
            return False
        self.offset_ns = venue_ns - (asked_ns + error_ns)
        self.error_ns, self.read_ns = error_ns, answered_ns
        return True

    def doubt(self) -> None:
        """The venue refused a timestamp: the next reading is taken, whatever it is."""
        self.error_ns = -1 if self.error_ns < 0 else ERROR_MAX_NS

    def at(self, boot_ns: int) -> int:
        """The venue's time at a moment of our clock."""
        return boot_ns + self.offset_ns
