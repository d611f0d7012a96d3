"""Errors say who acts, what happened and what to do."""

from __future__ import annotations

import pytest

from live_runner.contracts import errors
from live_runner.contracts.codec import decode, head

KINDS = [getattr(errors, name) for name in errors.__all__ if name != "RunnerError"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_on_one_of_the_three_branches(kind: type[errors.RunnerError]) -> None:
    branches = (errors.OurFault, errors.TheirFault, errors.Unavailable)

    assert sum(issubclass(kind, branch) for branch in branches) == 1
    assert kind.exit_code not in (0, 1, 2)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_tree_at_the_top_of_the_file(kind: type[errors.RunnerError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__doc__


def test_an_error_is_one_sentence_and_a_remedy() -> None:
    error = errors.ConfigError("'0.5m' is not a valid timeframe", remedy="Write 30s", timeframe="0.5m")

    assert str(error) == "'0.5m' is not a valid timeframe. Write 30s."
    assert error.code == "config_error"
    assert error.fields == {"timeframe": "0.5m"}


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x80", b"{}", b"\x81\xa4type\xa4nope", b"\xc1", b"\xff" * 100])
def test_foreign_bytes_are_an_error_of_theirs(data: bytes) -> None:
    with pytest.raises(errors.MessageError, match="Check which program publishes"):
        decode(data)


def test_a_message_without_envelope_has_no_head() -> None:
    with pytest.raises(errors.MessageError):
        head(b"\x81\xa4type\xaeorder.accepted")
