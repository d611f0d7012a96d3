from __future__ import annotations

from typing import Any

import msgspec
import pytest

from live_runner.contracts.messages import Decided, Denied, Executed, Filled, Intent
from live_runner.services.forensics.difference import (
    MAX_KEPT,
    Differences,
    FieldDifference,
    changed,
    extra,
    fields,
    missing,
)


def _envelope(seq: int, source: str = "execution") -> dict[str, Any]:
    return {"id": f"s/{source}/{seq}", "session": "s", "source": source, "seq": seq, "cause": "c", "event_ns": 9}


def _executed(requested: int, seq: int = 1) -> Executed:
    return Executed(close_ns=60, requested=requested, refused=0, **_envelope(seq))


def _decided(*quantities: str) -> Decided:
    intents = [
        Intent(id=f"i{number}", symbol="A", leg="long", action="open", quantity=quantity)
        for number, quantity in enumerate(quantities)
    ]
    return Decided(close_ns=60, intents=intents, **_envelope(1, "strategy"))


def test_every_differing_leaf_is_named_by_its_path() -> None:
    found = fields({"a": 1, "b": {"c": [1, 2]}, "gone": None}, {"a": 1, "b": {"c": [1, 3, 4]}, "new": "x"})

    assert found == [
        FieldDifference("b.c[1]", "2", "3"),
        FieldDifference("b.c[2]", "absent", "4"),
        FieldDifference("gone", "null", "absent"),
        FieldDifference("new", "absent", "'x'"),
    ]


@pytest.mark.parametrize(("left", "right"), [(0.0, -0.0), (1, 1.0), (1, True), ("1", 1), (None, 0), ("", None)])
def test_values_that_are_other_bytes_differ(left: Any, right: Any) -> None:
    assert fields({"x": left}, {"x": right})


def test_time_of_publishing_is_no_difference() -> None:
    assert fields({"x": 1, "recorded_ns": 5}, {"x": 1, "recorded_ns": 6}) == []


def test_changed_event_names_source_number_type_bar_and_fields() -> None:
    """R02 the difference names what was changed."""
    difference = changed(_decided("1", "2"), _decided("1", "3"), (_executed(1),))

    assert (difference.kind, difference.source, difference.seq) == ("changed", "strategy", 1)
    assert (difference.type, difference.close_ns) == ("strategy.decided", 60)
    assert difference.fields == [FieldDifference("intents[1].quantity", "'2'", "'3'")]
    assert difference.inputs[0]["type"] == "account.executed"
    assert "intents[1].quantity: expected '2', got '3'" in str(difference)


def test_another_type_of_event_differs_as_a_whole() -> None:
    refused = Denied(intent_id="i", symbol="A", leg="long", action="open", reason="r", message="m", **_envelope(1))

    (field,) = changed(_executed(1), refused).fields

    assert "account.executed" in field.expected
    assert "order.refused" in field.got


def test_missing_and_extra_events_show_their_payload() -> None:
    assert missing(_executed(3)).fields == [FieldDifference("", '{"close_ns":60,"requested":3,"refused":0}', "absent")]
    assert extra(_executed(3)).fields == [FieldDifference("", "absent", '{"close_ns":60,"requested":3,"refused":0}')]


def test_symbol_stands_in_the_difference_of_an_order() -> None:
    names = [name for name in Filled.__struct_fields__ if name not in _envelope(1) and name not in ("v", "recorded_ns")]
    payload: dict[str, Any] = dict.fromkeys(names, "1")
    fill = Filled(**payload, **_envelope(1))

    assert changed(fill, msgspec.structs.replace(fill, price="2", symbol="1")).symbol == "1"


def test_differences_beyond_the_bound_are_counted_only() -> None:
    found = Differences()
    for number in range(MAX_KEPT + 7):
        found.add(missing(_executed(number)))
    found.skip("strategy", 2)

    assert found.count == MAX_KEPT + 9
    assert len(found.kept) == MAX_KEPT
    assert found.full
    assert found.by_source == {"execution": MAX_KEPT + 7, "strategy": 2}
    assert found.first is not None
    assert found.first.fields[0].expected.startswith('{"close_ns"')
