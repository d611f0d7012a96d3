"""What went wrong in a session, by kind and reason: failed calls, refused intents, rejected orders, cold indicators.

A backtest counts it in the engine, a session reads it from the view ``failures`` of the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import StrategyError
from live_runner.services.strategy.core.failures import Unasked
from live_runner.strategies.repeatability import suspects

__all__ = [
    "FAILED_CALL",
    "NEVER_ASKED",
    "NEVER_WARM",
    "NOT_REPEATABLE",
    "NOT_RESTARTABLE",
    "ONLY_TRIED",
    "STATE_LOST",
    "Failure",
    "cold",
    "counted",
    "failed_calls",
    "failure_lines",
    "head_of_on_bar",
    "not_repeatable",
    "not_restartable",
    "state_lost",
    "unasked",
    "verdict",
]

FAILED_CALL: Final = "failed_call"
"""Strategy code raised, or returned what it may not."""
NEVER_ASKED: Final = "never_asked"
"""The strategy defines no ``on_bar``, or its ``select`` chose nothing at any close."""
NEVER_WARM: Final = "never_warm"
"""An indicator had no value at the end."""
NOT_REPEATABLE: Final = "not_repeatable"
"""The strategy decided differently on the same bars and events."""
NOT_RESTARTABLE: Final = "not_restartable"
"""The strategy decided differently after it had been put back from a snapshot."""
STATE_LOST: Final = "state_lost"
"""A restart does not bring back all that the strategy keeps, and what was played does not depend on it."""
ONLY_TRIED: Final = (NOT_REPEATABLE, NOT_RESTARTABLE, STATE_LOST)
"""What shows only where a strategy is played more than once."""
SUSPECTS_SHOWN: Final = 5


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of failure for one reason: how often, and the first in words.

    ``kind`` is ``failed_call``, ``refused`` (an intent, before it became an order), ``rejected`` (an order, by the
    venue), ``never_asked``, ``never_warm``, ``not_repeatable``, ``not_restartable`` or ``state_lost``. ``where`` is a
    file and line of the strategy, "" where none is known.
    """

    kind: str
    reason: str
    count: int
    first: str
    where: str = ""


def counted(kind: str, counts: Mapping[str, Any], where: str = "") -> list[Failure]:
    """Failures of one kind, from how often each reason came and the first of each."""
    return [
        Failure(kind=kind, reason=reason, count=each[0], first=each[1], where=where) for reason, each in counts.items()
    ]


def failed_calls(counts: Mapping[str, tuple[int, str, str]]) -> list[Failure]:
    """Failed calls by call and class of error: how many, the first in words, and where."""
    return [
        Failure(kind=FAILED_CALL, reason=reason, count=count, first=first, where=where)
        for reason, (count, first, where) in counts.items()
    ]


def head_of_on_bar(strategy_class: type[Any]) -> str:
    """File and line of the method that asks: where to look for what was refused."""
    code = strategy_class.on_bar.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def cold(names: Iterable[str]) -> list[Failure]:
    """Indicators that had no value at the end, by their names."""
    return [
        Failure(kind=NEVER_WARM, reason=name, count=1, first=f"The indicator '{name}' never had a value")
        for name in names
    ]


def unasked(why: Unasked | None) -> list[Failure]:
    """The failure of a strategy that was never asked for an intent."""
    if why is None:
        return []
    return [Failure(kind=NEVER_ASKED, reason=why.reason, count=1, first=why.first, where=why.where)]


def not_repeatable(sources: Mapping[str, str], what: str) -> Failure:
    """The strategy decided differently on the same inputs; with the lines of its source that may be why."""
    found = suspects(sources)
    where = f"; look at {'; '.join(found[:SUSPECTS_SHOWN])}" if found else ""
    return Failure(
        kind=NOT_REPEATABLE,
        reason="decision",
        count=1,
        first=f"The strategy does not decide the same twice: {what}. Look for random numbers, the clock, files, and "
        f"loops over sets{where}",
    )


def not_restartable(what: str, lost: Sequence[str] = ()) -> Failure:
    """The strategy decided differently after a restart; ``lost`` are attributes that were not as before it."""
    names = f" ({', '.join(lost)})" if lost else ""
    return Failure(
        kind=NOT_RESTARTABLE,
        reason="state",
        count=1,
        first=f"The strategy does not go on after a restart as it would have without one: {what}. What it keeps on "
        f"self{names} and decides by belongs into state() and restore(), or into the leg state",
    )


def state_lost(lost: Sequence[str]) -> Failure:
    """Attributes that a restart does not bring back; nothing was decided by them in what was played."""
    return Failure(
        kind=STATE_LOST,
        reason="state",
        count=len(lost),
        first=f"After a restart {', '.join(lost)} would not be as before: what a decision depends on belongs into "
        "state() and restore()",
    )


def verdict(session: str, failures: Iterable[Failure], summary: Mapping[str, Any]) -> StrategyError | None:
    """The error of a session whose strategy does not work; None for one that does, refusals now and then included.

    It does not work when it cannot be repeated or restarted, when a call failed, when all that it asked for was refused
    or rejected, when it was never asked, or when it asked for nothing and an indicator never had a value.
    """
    rows = list(failures)
    broken = [row for row in rows if row.kind in (NOT_REPEATABLE, NOT_RESTARTABLE)]
    calls = [row for row in rows if row.kind == FAILED_CALL]
    never_asked = [row for row in rows if row.kind == NEVER_ASKED]
    never_warm = [row for row in rows if row.kind == NEVER_WARM]
    refused = [row for row in rows if row.kind == "refused"]
    rejected = [row for row in rows if row.kind == "rejected"]
    intents, orders = summary.get("intents", 0), summary.get("orders", 0)
    if broken:
        return _error(session, broken[0].first.rstrip("."), rows)
    if calls:
        what = f"{sum(row.count for row in calls)} calls of the strategy failed"
        first = calls[0]
    elif refused and intents and not orders:
        what = f"All {intents} intents of the strategy were refused"
        first = refused[0]
    elif rejected and orders == summary.get("rejected", 0):
        what = f"All {orders} orders of the strategy were rejected"
        first = rejected[0]
    elif never_asked and not intents:
        what = "The strategy was never asked for an intent"
        first = never_asked[0]
    elif never_warm and not intents:
        what = "The strategy asked for nothing, and not all of its indicators ever had a value"
        first = never_warm[0]
    else:
        return None
    return _error(session, f"{what} in the session {session}, first: {_sentence(first)}", rows)


def _error(session: str, what: str, rows: list[Failure]) -> StrategyError:
    return StrategyError(
        what,
        remedy="Correct the strategy, or accept it with --allow-failures",
        session=session,
        failures=[msgspec.to_builtins(row) for row in rows],
    )


def failure_lines(failures: Iterable[Failure]) -> list[str]:
    """One line each, for a terminal."""
    return [f"{row.count} x {row.kind} ({row.reason}), first: {_sentence(row)}" for row in failures]


def _sentence(row: Failure) -> str:
    return f"{row.where}: {row.first.rstrip('.')}" if row.where else row.first.rstrip(".")
