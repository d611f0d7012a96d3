"""The two tables of leg rollback, whole; what the host makes of them: tests/unit/strategy/test_rollback.py."""

from __future__ import annotations

from itertools import product

import pytest

from live_runner.hotpath.engine import words
from live_runner.hotpath.engine.groups import new_group, outcome

KINDS = {name: number for name, number in vars(words).items() if name.startswith("NOTICE_")}

# Event, anything filled, a further try follows: what it means. None of these: nothing has become of the intent yet.
MEANINGS = {
    **{("NOTICE_FILLED", filled, retrying): "ACTED" for filled, retrying in product((False, True), repeat=2)},
    **{("NOTICE_DENIED", filled, retrying): "VOID" for filled, retrying in product((False, True), repeat=2)},
    **{("NOTICE_BLOCKED", filled, retrying): "VOID" for filled, retrying in product((False, True), repeat=2)},
    **{("NOTICE_REJECTED", filled, False): "VOID" for filled in (False, True)},
    ("NOTICE_CANCELLED", False, False): "VOID",
    ("NOTICE_CANCELLED", True, False): "ACTED",
    ("NOTICE_CANCELLED", True, True): "ACTED",
    ("NOTICE_EXPIRED", False, False): "VOID",
    ("NOTICE_EXPIRED", True, False): "ACTED",
    ("NOTICE_EXPIRED", True, True): "ACTED",
}


@pytest.mark.parametrize(("kind", "filled", "retrying"), list(product(KINDS, (False, True), (False, True))))
def test_every_event_means_what_the_first_table_says(kind: str, filled: bool, retrying: bool) -> None:
    meant = MEANINGS.get((kind, filled, retrying), "OPEN")

    assert outcome(KINDS[kind], filled, retrying) == getattr(words, f"INTENT_{meant}")


@pytest.mark.parametrize(
    "outcomes",
    [outcomes for count in (1, 2, 3) for outcomes in product(("OPEN", "VOID", "ACTED", "WITHOUT_ORDER"), repeat=count)],
)
def test_the_intents_of_a_leg_decide_together_as_the_second_table_says(outcomes: tuple[str, ...]) -> None:
    group = new_group(1000, 1, 0, b"before")
    for number, name in enumerate(outcomes, start=1):
        group.add(number, getattr(words, f"INTENT_{name}"))

    if "ACTED" in outcomes:
        expected = words.LEG_KEPT
    elif set(outcomes) == {"VOID"}:
        expected = words.LEG_PUT_BACK
    else:
        expected = words.LEG_WAITS
    assert group.verdict() == expected


def test_a_group_holds_its_own_intents_only_where_both_legs_take_turns() -> None:
    group = new_group(1000, 2, 0, b"")
    group.add(2, words.INTENT_OPEN)
    group.add(4, words.INTENT_VOID)

    assert [number for number in range(7) if group.holds(1000, number)] == [2, 4]
    assert not group.holds(2000, 2)
    assert group.verdict() == words.LEG_WAITS
