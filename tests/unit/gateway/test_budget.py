"""One budget of an address: closes first, and a ban stops everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_runner.services.gateway.core.budget import CLOSES, ENTRIES, LISTINGS, QUERIES, Budget

S = 1_000_000_000
MINUTE = 60 * S
RANKS = (CLOSES, QUERIES, ENTRIES, LISTINGS)


def spent(rank: int, weight: int = 1) -> tuple[Budget, int]:
    """A budget of 100 of which this rank has taken all that it may, and how much that was."""
    budget = Budget(100, MINUTE)
    taken = 0
    while budget.wait_ns(0, weight, rank) == 0:
        budget.take(0, weight)
        taken += weight
    return budget, taken


@pytest.mark.parametrize(("rank", "share"), [(CLOSES, 100), (QUERIES, 90), (ENTRIES, 80), (LISTINGS, 60)])
def test_each_rank_leaves_a_reserve_for_those_before_it(rank: int, share: int) -> None:
    budget, taken = spent(rank)

    assert taken == share
    assert [budget.wait_ns(0, 1, other) == 0 for other in RANKS] == [other < rank for other in RANKS]


def test_what_waits_may_go_when_the_window_has_moved_on() -> None:
    budget = Budget(10, MINUTE)
    for second in range(10):
        budget.take(second * S, 1)

    assert budget.wait_ns(9 * S, 1, CLOSES) == 51 * S
    assert budget.wait_ns(9 * S, 3, CLOSES) == 53 * S
    assert budget.wait_ns(MINUTE, 1, CLOSES) == 0


def test_a_request_heavier_than_its_share_goes_when_the_window_is_empty() -> None:
    budget = Budget(50, MINUTE)

    assert budget.wait_ns(0, 40, LISTINGS) == 0
    budget.take(0, 1)
    assert budget.wait_ns(S, 40, LISTINGS) == MINUTE - S


def test_what_another_process_of_the_address_has_used_counts() -> None:
    budget = Budget(100, MINUTE)
    budget.take(0, 5)
    budget.observe(S, 95)

    assert budget.used(S) == 95
    assert budget.wait_ns(S, 1, QUERIES) > 0
    assert budget.wait_ns(S, 5, CLOSES) == 0
    assert budget.used(MINUTE + S) == 0


def test_a_ban_stops_closes_too_and_a_shorter_pause_does_not_end_it() -> None:
    budget = Budget(100, MINUTE)
    budget.pause(300 * S)
    budget.pause(10 * S)

    assert [budget.wait_ns(100 * S, 1, rank) for rank in RANKS] == [200 * S] * 4
    assert [budget.wait_ns(300 * S, 1, rank) for rank in RANKS] == [0] * 4


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40), st.integers(0, 30)), max_size=60))
def test_no_window_ever_holds_more_than_the_limit_and_every_wait_is_long_enough(
    asked: list[tuple[int, int, int]],
) -> None:
    budget, now = Budget(100, MINUTE), 0
    went: list[tuple[int, int]] = []
    for rank, weight, pause in asked:
        now += pause * S
        while wait := budget.wait_ns(now, weight, rank):
            now += wait
        budget.take(now, weight)
        went.append((now, weight))

    for at, _ in went:
        assert sum(weight for when, weight in went if at - MINUTE < when <= at) <= 100
