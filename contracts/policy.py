"""The strategy's execution policy: what the order manager may do on its behalf, and nothing else."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from live_runner.contracts.errors import StrategyError

__all__ = [
    "ENTRIES",
    "BackoffState",
    "ExecutionPolicy",
    "after_fill",
    "after_rejection",
    "check_policy",
    "is_blocked",
    "is_encodable",
]

ENTRIES: Final = ("open", "add")
"""Actions that open or enlarge a position: what a backoff, a stop or an error holds back."""


_TEXTS_MAX: Final = 10
_TEXT_LENGTH_MAX: Final = 100


class ExecutionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stated beforehand by the strategy, per strategy or per intent.

    Attempts and spacing are those of one intent; a close is retried on retryable errors until it
    is done, spaced by ``retry_spacing_s``, whatever ``attempts`` is. So is a market close that the venue
    takes off its book without being asked to.
    """

    add_style: str | None = None
    """Order style of adds that name none, one of ``contracts.vocabulary.STYLES``."""
    attempts: int = 1
    """Number of times an open or add is tried on retryable errors."""
    retry_spacing_s: float = 1.0
    fallback: tuple[str, ...] = ()
    """Reasons for which a limit may become a market order: ``reject``, ``timeout``."""
    time_to_live_s: float | None = None
    """Of limit orders whose intent names none; None rests until cancelled."""
    max_failures: int = 0
    """Rejections in a row after which opens and adds of the leg are blocked; 0 never blocks."""
    backoff_s: float | None = None
    """Seconds that the block lasts; None until an open or add of the leg fills."""
    open_rounding: str = "down"
    """``down`` or ``nearest``: how opens and adds meet the lot size. Closes always round down."""

    def __post_init__(self) -> None:
        """A member of an enumeration becomes its text: the engine takes nothing else."""
        for name in ("add_style", "open_rounding"):
            if isinstance(value := getattr(self, name), StrEnum):
                force_setattr(self, name, str(value))
        if isinstance(self.fallback, tuple | list) and any(isinstance(reason, StrEnum) for reason in self.fallback):
            texts = (str(reason) if isinstance(reason, StrEnum) else reason for reason in self.fallback)
            force_setattr(self, "fallback", tuple(texts))


def check_policy(policy: ExecutionPolicy) -> None:
    """StrategyError for a policy with a value that its field does not take; it would be recorded and never read."""
    if not isinstance(policy, ExecutionPolicy):
        raise StrategyError(f"The policy is a {type(policy).__name__}", remedy="Give an ExecutionPolicy")
    fields = msgspec.structs.asdict(policy)
    try:
        msgspec.convert(fields, ExecutionPolicy)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise StrategyError(f"The execution policy has a value of a wrong type: {error}") from error
    for name, value in fields.items():
        if isinstance(value, int | float) and not -(2.0**63) < value < 2.0**63 and abs(value) != math.inf:
            raise StrategyError(f"{name} of the execution policy is {value}", remedy="Give a number within 64 bits")
        texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple | list) else ()
        if len(texts) > _TEXTS_MAX or not all(len(text) <= _TEXT_LENGTH_MAX and is_encodable(text) for text in texts):
            raise StrategyError(f"{name} of the execution policy is not valid", remedy="See contracts/policy.py")


def is_encodable(text: str) -> bool:
    """Whether a text can be written in UTF-8, as messages are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class BackoffState(msgspec.Struct, frozen=True, kw_only=True):
    """Rejections of one symbol and leg, and what the last one was."""

    failures: int = 0
    blocked: bool = False
    blocked_until_ns: int | None = None
    """When the block ends, or has ended; None for one that lasts until an open or add fills."""
    event_id: str = ""
    detail: str = ""
    at_ns: int = 0


def after_rejection(
    state: BackoffState, policy: ExecutionPolicy, *, event_id: str, detail: str, at_ns: int
) -> BackoffState:
    """The state after the venue rejected an open or add of the leg."""
    failures = state.failures + 1
    blocked = policy.max_failures > 0 and failures >= policy.max_failures
    until = None
    if blocked and policy.backoff_s is not None:
        until = at_ns + round(policy.backoff_s * 1e9)
    return BackoffState(
        failures=failures, blocked=blocked, blocked_until_ns=until, event_id=event_id, detail=detail, at_ns=at_ns
    )


def after_fill(state: BackoffState, action: str) -> BackoffState:
    """The state after a fill: an open or add clears it, a close does not."""
    return BackoffState() if action in ENTRIES else state


def is_blocked(state: BackoffState, now_ns: int) -> bool:
    """Whether opens and adds of the leg are held back at ``now_ns``."""
    return state.blocked and (state.blocked_until_ns is None or now_ns < state.blocked_until_ns)
