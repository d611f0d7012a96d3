"""What ended a session is told from its incidents and its configuration, never from the text of a reason."""

from __future__ import annotations

import msgspec
import pytest

from live_runner.contracts.messages import Announced, Event, Stopped
from live_runner.services.cli.session_errors import failure

FAILED = {"strategy_failed": "on_bar of BTC raised ValueError: x"}
GIVEN_UP = {"strategy_given_up": "The strategy mine:S of session demo was given up"}


def error_of(samples: dict[str, Event], reason: str, incidents: dict[str, str], on_error: str) -> str:
    """The message of the error, "" when there is none."""
    announced, stopped = samples["session.announced"], samples["session.stopped"]
    assert isinstance(announced, Announced)
    assert isinstance(stopped, Stopped)
    strategy = announced.config["strategy"] | {"on_error": on_error}
    announced = msgspec.structs.replace(announced, config=announced.config | {"strategy": strategy})
    error = failure(announced, msgspec.structs.replace(stopped, reason=reason), incidents)
    return "" if error is None else str(error)


@pytest.mark.parametrize("reason", ["ended by strategy", "aborted by me: seen enough", "end_of_recording", ""])
@pytest.mark.parametrize("on_error", ["manage_only", "stop"])
def test_an_operator_of_any_name_ends_a_session_that_is_no_failure(
    samples: dict[str, Event], reason: str, on_error: str
) -> None:
    assert error_of(samples, reason, {"session_stalled": "x"}, on_error) == ""


@pytest.mark.parametrize("reason", ["ended by strategy", "ended by the strategy, as configured"])
def test_code_that_raised_ends_the_session_where_the_configuration_says_so(
    samples: dict[str, Event], reason: str
) -> None:
    assert "raised ValueError: x" in error_of(samples, reason, FAILED, "stop")
    assert error_of(samples, reason, FAILED, "manage_only") == ""


@pytest.mark.parametrize("reason", ["aborted by strategy service: it hung", "given up: it hung"])
def test_a_strategy_that_was_given_up_is_a_failure_whatever_the_reason_says(
    samples: dict[str, Event], reason: str
) -> None:
    assert reason in error_of(samples, reason, GIVEN_UP | FAILED, "manage_only")
