"""Which engine plays which session, and what is said of a session that is another one's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from live_runner.contracts.engine import ENGINE, RELEASES, check_engine
from live_runner.contracts.errors import VersionMismatch


def test_a_session_of_this_engine_is_played() -> None:
    check_engine("monday", ENGINE)


@pytest.mark.parametrize(
    ("engine", "player"), [(1, r"commit 4072634 \(never released\)"), (ENGINE + 1, "a newer release")]
)
def test_another_engines_session_is_refused_with_the_release_that_plays_it(engine: int, player: str) -> None:
    """X12"""
    with pytest.raises(VersionMismatch, match=f"^The session monday is of engine {engine}, which {player} plays"):
        check_engine("monday", engine)


def test_every_engine_up_to_this_one_has_its_release_in_the_table_and_on_the_page(repository: Path) -> None:
    page = (repository / "docs/versions.md").read_text(encoding="utf-8")
    rows = {int(number): release for number, release in re.findall(r"^\| (\d+) \| (.+?) \|", page, flags=re.MULTILINE)}

    assert sorted(RELEASES) == list(range(1, ENGINE + 1))
    assert rows == RELEASES
