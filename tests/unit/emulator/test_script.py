"""What a script may hold, and what is refused before its first line is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.admin import check_call
from live_runner.services.emulator.script import Script, drawn, parse, text_of

FAULT = {"match": {}, "before": {"drop": True}}


def parsed(*lines: Any) -> Any:
    return parse("\n".join(json.dumps(line) for line in lines), check_call, "storm.jsonl")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ({"at_ms": 1, "do": "POST /_/explode"}, "'POST /_/explode' is not an admin call"),
        ({"at_ms": 1, "do": "POST /_/orders/17/eat"}, "'POST /_/orders/17/eat' is not an admin call"),
        ({"at_ms": 1, "do": "POST /_/faults", "with": {"before": {"explode": 1}}}, "explode"),
        ({"at_ms": 1, "do": "POST /_/streams", "with": {"explode": 1}}, "explode"),
        ({"at_ms": 1, "do": "POST /_/faults", "when": 1}, "when"),
        ({"do": "POST /_/faults", "with": FAULT}, "needs 'at_ms' or 'on'"),
        ({"at_ms": 1, "on": {"event": "x"}, "do": "GET /health"}, "needs 'at_ms' or 'on'"),
        ({"on": {}, "do": "GET /health"}, "needs 'event' or 'request'"),
        ({"at_ms": 1}, "do"),
    ],
)
def test_a_line_that_is_wrong_is_named(line: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed({"at_ms": 0, "do": "GET /health"}, line)

    assert "storm.jsonl, line 2" in str(caught.value)
    assert what in str(caught.value)
    assert caught.value.remedy


def test_a_script_out_of_order_is_refused() -> None:
    with pytest.raises(ConfigError, match="line 3: at_ms 5 is before that of line 2, 10"):
        parsed(*({"at_ms": at_ms, "do": "GET /health"} for at_ms in (10, 10, 5)))


def test_lines_are_due_once_in_their_order() -> None:
    script = Script(parsed(*TIMED), 1_000)

    assert script.next_ms == 1_010
    assert [line.at_ms for line in script.due(1_020)] == [10, 20]
    assert list(script.due(1_020)) == []
    assert (script.next_ms, script.left) == (1_030, 1)


TIMED = tuple({"at_ms": at_ms, "do": "GET /health"} for at_ms in (10, 20, 30))


def test_a_line_waits_for_the_nth_frame_or_request() -> None:
    waits = [{"on": {"event": "e", "nth": 2}, "do": "GET /health"}, {"on": {"request": "r"}, "do": "GET /health"}]
    script = Script(parsed(*waits), 0)

    assert script.seen(event="e") == []
    assert script.seen(request="e") == []
    assert len(script.seen(event="e")) == 1
    assert len(script.seen(request="r")) == 1
    assert (script.seen(event="e"), script.left) == ([], 0)


def test_every_line_that_a_seed_draws_is_a_line_of_a_script() -> None:
    lines = drawn(7, 500, 60_000)

    assert parse(text_of(lines), check_call, "drawn") == lines
    assert len({line.do for line in lines}) == 3
    assert lines == drawn(7, 500, 60_000) != drawn(8, 500, 60_000)
