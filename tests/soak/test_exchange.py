"""The local exchange over 100,000 random operations, and against the slow one over 2,000 draws."""

from __future__ import annotations

import pytest
from exchange_pair import Both
from exchange_storm import Storm


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_adds_up_after_a_hundred_thousand_operations(seed: int) -> None:
    assert Storm(1_000 + seed).go(25_000, check_every=2_500) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2_000, 100))
def test_both_exchanges_make_the_same_trades(first: int) -> None:
    for seed in range(10_000 + first, 10_100 + first):
        both = Both(seed)
        for _ in range(120):
            both.one()
        both.compare()
