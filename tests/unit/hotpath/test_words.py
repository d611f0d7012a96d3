"""The engine's numbers are the same for the compiler and the interpreter, and stand for the words of the contracts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from live_runner.contracts import vocabulary
from live_runner.hotpath.engine import orders, words

DECLARED = Path(__file__).parents[3] / "hotpath/engine/words.pxd"
INSIDE = ("INTENT_", "LEG_", "NOTICE_")
"""Families of numbers that stand for no word of a message."""
PARTS = ("NO_PART", "STOP_PART", "TARGET_PART", "LONG_PART", "SHORT_PART")
END_REASONS = {"ioc": "IOC_REMAINDER"}
"""The kind has the word's own name."""
NAMES = {
    "SIDES": [word.upper() for word in vocabulary.SIDES],
    "ACTIONS": [word.upper() for word in vocabulary.ACTIONS],
    "KINDS": [word.upper() for word in vocabulary.KINDS],
    "ORDER_STATES": [word.upper() for word in vocabulary.ORDER_STATES],
    "END_REASONS": [END_REASONS.get(word, word.upper()) for word in vocabulary.END_REASONS],
    "LOT_METHODS": [word.upper() for word in vocabulary.LOT_METHODS],
    "SIZINGS": [word.upper() for word in vocabulary.SIZINGS],
    "TRADING_STATES": [f"TRADING_{word.upper()}" for word in vocabulary.TRADING_STATES],
    "PARTS": list(PARTS),
    "REPORTS": [f"REPORT_{word.upper()}" for word in orders.REPORTS],
}
"""The engine's names of each family, in the order of its words."""


def numbers() -> dict[str, int]:
    """The interpreter's."""
    return {name: value for name, value in vars(words).items() if name.isupper()}


def test_the_compiler_has_the_numbers_of_the_interpreter() -> None:
    declared = re.findall(r"^    ([A-Z_]+) = (\d+)$", DECLARED.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(dict(declared)) == len(declared)
    assert {name: int(value) for name, value in declared} == numbers()


@pytest.mark.parametrize("family", sorted(NAMES))
def test_a_number_is_the_place_of_its_word(family: str) -> None:
    assert [getattr(words, name) for name in NAMES[family]] == list(range(len(NAMES[family])))


def test_every_part_of_an_order_id_has_a_number() -> None:
    assert len(PARTS) == len(vocabulary.PARTS)


def test_permissions_to_fall_back_are_bits() -> None:
    bits = [getattr(words, f"FALLBACK_{word.upper()}") for word in vocabulary.FALLBACKS]

    assert bits == [1 << place for place in range(len(bits))]


def test_no_number_is_without_a_word() -> None:
    """But those that never leave the engine; they count from 0 like the others."""
    named = {name for names in NAMES.values() for name in names}
    rest = {name: n for name, n in numbers().items() if name not in named and not name.startswith("FALLBACK_")}
    for prefix in INSIDE:
        family = sorted(rest.pop(name) for name in list(rest) if name.startswith(prefix))
        assert family == list(range(len(family)))

    assert rest == {}
