"""The transition table, walked."""

from __future__ import annotations

import pytest

from live_runner.hotpath.engine.orders import (
    CLOSED,
    KEPT,
    OPEN_STATES,
    REPORTS,
    STATES,
    TRANSITIONS,
    next_state,
)


def test_table_lists_every_pair_of_state_and_report() -> None:
    """O15: nothing that a venue can say is left to chance."""
    assert set(TRANSITIONS) == set(STATES)
    for state in STATES:
        assert set(TRANSITIONS[state]) == set(REPORTS), state


def test_every_row_leads_to_a_state_or_is_kept() -> None:
    for state, row in TRANSITIONS.items():
        for report, following in row.items():
            assert following == KEPT or following in STATES, (state, report)


@pytest.mark.parametrize("state", CLOSED)
def test_nothing_leaves_a_closed_state(state: str) -> None:
    """O15: a late report never changes a closed order."""
    assert {next_state(state, report) for report in REPORTS} == {KEPT}


@pytest.mark.parametrize("state", OPEN_STATES)
def test_open_orders_can_be_filled_and_cancelled_whatever_was_heard_before(state: str) -> None:
    """O04, O12: what the venue did counts, however late we hear of it."""
    assert next_state(state, "filled") == "filled"
    assert next_state(state, "cancelled") == "cancelled"
    assert next_state(state, "expired") == "expired"


def test_only_an_unknown_order_can_be_proven_absent() -> None:
    """O12: a resend needs proven absence; what the venue has had is asked for once more before it is lost."""
    assert next_state("unknown", "absent") == "requested"
    for state in ("accepted", "partly_filled", "cancel_requested"):
        assert next_state(state, "absent") == "unknown"
    for state in ("requested", "submitted", *CLOSED):
        assert next_state(state, "absent") == KEPT


def test_what_has_filled_stays_when_the_rest_is_rejected() -> None:
    assert next_state("partly_filled", "rejected") == "rejected"


def test_cancel_that_is_not_confirmed_leaves_the_order_unknown() -> None:
    """O03."""
    assert next_state("cancel_requested", "unknown") == "unknown"
    assert next_state("cancel_requested", "cancel_refused") == "unknown"


def test_report_that_is_no_word_of_ours_is_kept() -> None:
    assert next_state("accepted", "liquidated") == KEPT


def test_every_open_state_is_reached_from_requested() -> None:
    reached, frontier = {"requested"}, ["requested"]
    while frontier:
        for following in TRANSITIONS[frontier.pop()].values():
            if following != KEPT and following not in reached:
                reached.add(following)
                frontier.append(following)

    assert reached == set(STATES)
