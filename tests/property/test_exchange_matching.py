"""The local exchange matches as a second, slow and obvious one does, trade by trade and to the last unit of money."""

from __future__ import annotations

import pytest
from exchange_pair import Both


@pytest.mark.parametrize("seed", range(60))
def test_both_exchanges_make_the_same_trades(seed: int) -> None:
    both = Both(seed)
    for number in range(120):
        both.one()
        if number % 10 == 9:
            both.compare()

    assert both.slow.fills
