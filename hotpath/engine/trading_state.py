# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The trading state of a session: whether new risk may be taken. Operators move it; a restart does not.

STOP holds back opens, adds and their fallbacks. KILL also takes resting entries off the book. FLATTEN does both
and closes every leg. RESUME lifts all three. Stops, targets and closes always go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from live_runner.contracts.vocabulary import TRADING_STATES

if TYPE_CHECKING:
    from live_runner.hotpath.engine.state import State

__all__ = ["COMMANDS", "REASONS", "move_trading", "trading_reason", "trading_word"]

COMMANDS: Final = {"resume": 0, "stop": 1, "kill": 2, "flatten": 3}
"""Command to trading state."""
REASONS: Final = ("", "entries_stopped", "killed", "flattening")
"""Why an entry is denied in each state."""


def trading_reason(state: State) -> str:
    """Why an entry is denied now, "" while it is not."""
    return REASONS[state.trading]


def trading_word(state: State) -> str:
    """The state in messages."""
    return TRADING_STATES[state.trading]


def move_trading(state: State, command: str, author: str, reason: str) -> bool:
    """Follow an operator's command; False for one that does not concern the trading state."""
    if command not in COMMANDS:
        return False
    state.trading = COMMANDS[command]
    state.trading_author = author
    state.trading_reason = reason
    return True
