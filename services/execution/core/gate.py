"""The gate: whether new risk may be taken. Operators move it; a restart does not.

STOP holds back opens, adds and their fallbacks. KILL also takes resting entries off the book. FLATTEN
does both and closes every leg. RESUME lifts all three. Stops, targets and closes always go on.
"""

from __future__ import annotations

from typing import Final

__all__ = ["GATES", "Gate"]

GATES: Final[dict[str, tuple[str, str]]] = {
    "stop": ("stopped", "entries_stopped"),
    "kill": ("killed", "killed"),
    "flatten": ("flattening", "flattening"),
    "resume": ("open", ""),
}
"""Command to gate, and the token of an entry that is refused there."""


class Gate:
    """One session's gate."""

    def __init__(self) -> None:
        self.state = "open"
        self.author = ""
        self.reason = ""

    @property
    def is_open(self) -> bool:
        """Whether entries may pass."""
        return self.state == "open"

    @property
    def token(self) -> str:
        """Why an entry is refused, empty while it is not."""
        return next(token for state, token in GATES.values() if state == self.state)

    def move(self, command: str, author: str, reason: str) -> bool:
        """Follow an operator's command; False for one that does not concern the gate."""
        if command not in GATES:
            return False
        self.state, self.author, self.reason = GATES[command][0], author, reason
        return True

    def row(self) -> list[str]:
        """Plain data for a snapshot."""
        return [self.state, self.author, self.reason]

    def restore(self, row: list[str]) -> None:
        """Go on from a snapshot."""
        self.state, self.author, self.reason = row
