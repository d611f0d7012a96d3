"""A trip, a crash and a restart that coincide: the same trip at the same bar, and the same events after it."""

from __future__ import annotations

import pytest
from risk_restarts import TakeOver, hold, refolded, restored


@pytest.mark.parametrize("take_over", [restored, refolded])
def test_a_restart_at_each_trip_and_reset_changes_nothing(take_over: TakeOver) -> None:
    assert hold(range(1000, 1030), take_over) > 50
