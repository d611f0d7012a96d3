"""A thousand sessions in which a trip, a crash and a restart coincide."""

from __future__ import annotations

import pytest
from risk_restarts import TakeOver, hold, refolded, restored


@pytest.mark.parametrize("first", range(2000, 3000, 100))
@pytest.mark.parametrize("take_over", [restored, refolded])
def test_a_restart_at_each_trip_and_reset_changes_nothing(take_over: TakeOver, first: int) -> None:
    assert hold(range(first, first + 100), take_over) > 200
