"""Errors of a session that does not end normally: refused, unable to continue, or ended by its strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from live_runner.contracts import errors
from live_runner.contracts.errors import BusUnavailable, RunnerError, SessionRefused, StrategyError
from live_runner.contracts.messages import Announced, Incident, JoinDeclined, Stopped

__all__ = ["RefusedInLogError", "SessionStuckError", "cannot_go_on", "failure", "fatal", "refused", "stuck"]

FAILED: Final = "strategy_failed"
"""Code of the incident of a failed call; it ends the session where the configuration says so."""
GIVEN_UP: Final = "strategy_given_up"
"""Code of the incident after which the session is ended where it is."""


class RefusedInLogError(SessionRefused):
    """A service said so in the log."""

    @property
    def code(self) -> str:
        """As every refusal."""
        return "session_refused"


class SessionStuckError(BusUnavailable):
    """NATS answers and stores nothing, so that the session stands still."""

    @property
    def code(self) -> str:
        """As every error of the bus."""
        return "bus_unavailable"


def stuck(session: str, role: str, trouble: str, waited_s: float) -> SessionStuckError:
    """The error of a session that has not gone on for so long; what is in the log is kept."""
    return SessionStuckError(
        f"The session {session} is stuck: {role} has been refused for {waited_s:g} s. {trouble.rstrip('.')}",
        remedy="Nothing that was accepted is lost: run the same command again, and the session continues from there",
        session=session,
        role=role,
    )


def refused(event: JoinDeclined) -> SessionRefused:
    """A service's refusal as the error of ``run``."""
    return RefusedInLogError(
        f"The {event.role} service refused the session {event.session}: {event.message.rstrip('.')}",
        remedy="Correct it and run it again",
        reason=event.reason,
        role=event.role,
        details=event.details,
    )


def fatal(event: Incident) -> RunnerError:
    """An incident after which the session cannot go on, as the error that it was."""
    return cannot_go_on(event.session, event.code, event.message, incident=event.id, details=event.details)


def cannot_go_on(session: str, code: str, message: str, **fields: Any) -> RunnerError:
    """The error of a session that cannot go on, of the kind that has this code."""
    kinds: list[type[RunnerError]] = [getattr(errors, name) for name in errors.__all__]
    by_code = {kind("").code: kind for kind in kinds if kind is not errors.NormalizationRefused}
    kind = by_code.get(code, errors.OurFault)
    return kind(
        f"The session {session} cannot go on: {message.rstrip('.')}",
        remedy=f"See `live-runner tail ops.evt.incident.{session} --no-follow` and the service's log; "
        f"close it with `live-runner end {session}`",
        **fields,
    )


def failure(announced: Announced, stopped: Stopped, incidents: Mapping[str, str]) -> StrategyError | None:
    """The error of a session that its strategy ended before its time; None for one that ended otherwise.

    ``incidents`` has the message of the session's first incident by code.
    """
    session, strategy = announced.session, announced.strategy
    if GIVEN_UP in incidents:
        return StrategyError(
            f"The session {session} was {stopped.reason.rstrip('.')}",
            remedy="Fix the strategy (or raise limits.decide_timeout_s if it only is slow) and run it as a new session",
            session=session,
            strategy=strategy,
        )
    if FAILED in incidents and announced.config["strategy"]["on_error"] == "stop":
        return StrategyError(
            f"The session {session} was ended because the strategy {strategy} failed (strategy.on_error is "
            f"stop): {incidents[FAILED].rstrip('.')}",
            remedy="Fix the strategy and run it as a new session; the traceback is in the session's incident",
            session=session,
            strategy=strategy,
        )
    return None
