"""Whatever happens at the local exchange, its ledger adds up and its streams agree with it.

The sum of the trades is the position, the balance is what was booked, no order fills beyond its quantity, client ids
are unique among open orders, and the streams alone show what the requests answer. 100,000 operations run in
tests/soak.
"""

from __future__ import annotations

import pytest
from exchange_storm import Storm


@pytest.mark.parametrize("seed", range(12))
def test_the_ledger_adds_up_and_the_streams_agree_with_it(seed: int) -> None:
    storm = Storm(seed)

    assert storm.go(500, check_every=100) == []
    assert sum(len(view.trades) for view in storm.views.values()) > 50


def test_the_same_seed_makes_the_same_life() -> None:
    first, second = Storm(3), Storm(3)
    first.go(300)
    second.go(300)

    assert first.exchange.snapshot() == second.exchange.snapshot()


def test_a_life_goes_on_from_a_snapshot_as_it_would_have() -> None:
    kept, restored = Storm(5), Storm(5)
    kept.go(300)
    restored.go(300)
    restored.exchange.restore(restored.exchange.snapshot())
    kept.go(300)

    assert restored.go(300) == []
    assert restored.exchange.snapshot() == kept.exchange.snapshot()
