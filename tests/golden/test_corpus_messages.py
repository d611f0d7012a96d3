"""The corpus through the services' cores, message by message: live stages, commands and late bars too."""

from __future__ import annotations

import pytest
from corpus import check


@pytest.mark.parametrize("name", check.cases("messages"))
def test_a_session_is_what_was_recorded(name: str) -> None:
    check.hold_to_record(name, "messages")


@pytest.mark.parametrize("name", check.cases("restarted"))
def test_a_session_whose_cores_are_restarted_is_the_same(name: str) -> None:
    check.hold_to_record(name, "restarted")
