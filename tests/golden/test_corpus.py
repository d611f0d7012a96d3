"""The corpus as a whole, and that it finds what it is there for.

A session that differs is renewed by name, in the commit that changes the rule, and by nothing else:

    python -m tests.corpus show NAME STEP
    python -m tests.corpus update NAME... --reason TEXT
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpus import adapter, check, sessions, store
from corpus.adapter import Player
from corpus.chain import Output, ends_step
from msgspec.structs import replace

from live_runner.contracts.engine import ENGINE
from live_runner.contracts.messages import Filled

_NAME = "funding-00"


def _with_another_fee(outputs: list[Output]) -> list[Output]:
    """The same session, but for the fee of its third fill."""
    at = [number for number, output in enumerate(outputs) if isinstance(output, Filled)][2]
    fill = outputs[at]
    assert isinstance(fill, Filled)
    return [*outputs[:at], replace(fill, fee="0.123"), *outputs[at + 1 :]]


def _wrongly(play: Player) -> Player:
    def wrong(session: sessions.Session) -> list[Output] | None:
        outputs = play(session)
        return None if outputs is None else _with_another_fee(outputs)

    return wrong


@pytest.fixture
def wrong_player(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a player of this name, which gets one fee wrong."""

    def add(name: str) -> None:
        players = {**adapter.available(), name: _wrongly(adapter.play_messages)}
        monkeypatch.setattr(adapter, "available", lambda: players)

    return add


def test_the_corpus_holds_every_session_that_is_drawn() -> None:
    assert sorted(store.read()) == sorted(sessions.names())


def test_the_index_names_these_files_and_this_engine() -> None:
    index = store.read_index()

    assert index.engine == ENGINE
    assert index.digest == store.digest_of_files()
    assert index.sessions == len(sessions.names())
    assert index.groups == {group: count for group, (count, _) in sessions.GROUPS.items()}


def test_a_wrong_fee_is_found_at_its_step_and_shown_beside_the_right_one(wrong_player: Callable[[str], None]) -> None:
    outputs = adapter.play_messages(sessions.session(_NAME)) or []
    fills = [number for number, output in enumerate(outputs) if isinstance(output, Filled)]
    step = sum(ends_step(output) for output in outputs[: fills[2]])
    wrong_player("wrong")

    found = check.fault(_NAME, "wrong", store.read()[_NAME])

    assert f"{_NAME}, played by wrong, is not what was recorded: step {step}, tradable bar" in found
    assert f"event {fills[2]}: step {step}" in found
    assert "fee: '0.123' and " in found


def test_engines_that_differ_are_not_recorded(wrong_player: Callable[[str], None]) -> None:
    wrong_player("wrong")

    with pytest.raises(check.DisagreementError, match=r"(?s)funding-00: .* and wrong differ at event .*fee: "):
        check.recorded(_NAME)


def test_a_player_that_gives_up_where_it_played_before_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "available", lambda: {"columns": lambda session: None})

    assert "cannot play it now" in check.fault(_NAME, "columns", store.read()[_NAME])
