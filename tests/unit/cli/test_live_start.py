"""The session's name before stage ``live``: given, typed, or refused."""

from __future__ import annotations

import io
import sys

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.cli.live_start import check_name, confirm


class Terminal(io.StringIO):
    """Somebody sits before it."""

    def isatty(self) -> bool:
        return True


def test_only_live_asks_for_the_name_and_only_where_it_was_not_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))

    for stage, given in (("live_small", None), ("live", "alpha"), ("paper", None)):
        check_name("alpha", stage, given)
        confirm("alpha", stage, given)
    assert capsys.readouterr().err == ""


def test_the_name_is_typed_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("alpha\n"))

    check_name("alpha", "live", None)
    confirm("alpha", "live", None)
    assert "Type the session's name to let it trade: alpha" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "Alpha\n", "alpha2\n"])
def test_anything_else_does_not_let_it_trade(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    with pytest.raises(ConfigError, match="--yes alpha"):
        confirm("alpha", "live", None)


@pytest.mark.parametrize("given", [None, "", "beta"])
def test_where_nobody_can_type_it_has_to_be_given_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("alpha\n"))

    with pytest.raises(ConfigError, match="--yes alpha"):
        check_name("alpha", "live", given)
