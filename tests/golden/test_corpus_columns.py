"""The corpus over columns, with the Python strategy and with its compiled twin."""

from __future__ import annotations

import pytest
from corpus import adapter, check


@pytest.mark.parametrize("name", check.cases("columns"))
def test_a_session_is_what_was_recorded(name: str) -> None:
    check.hold_to_record(name, "columns")


if "compiled" in adapter.available():

    @pytest.mark.parametrize("name", check.cases("compiled"))
    def test_a_session_of_a_compiled_strategy_is_what_was_recorded(name: str) -> None:
        check.hold_to_record(name, "compiled")
