"""Lines of a strategy that may make it decide otherwise on the same bars."""

from __future__ import annotations

import pytest

from live_runner.strategies.repeatability import suspects

LOOP = "a loop over a set (its order differs from process to process; sort it)"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import random\nx = random.random()\n", ["a.py:2: random.random (random numbers)"]),
        ("from random import choice\n", ["a.py:1: from random import choice (random numbers)"]),
        ("import time\n\nnow = time.time()\n", ["a.py:3: time.time (the clock)"]),
        ("from datetime import datetime\nx = datetime.now()\n", ["a.py:2: now() (the clock)"]),
        ("x = hash('a')\n", ["a.py:1: hash() (hashes differ from process to process)"]),
        (
            "for x in {'a', 'b'}:\n    pass\n",
            [f"a.py:1: {LOOP}"],
        ),
        (
            "s = set()\nfor x in s:\n    pass\n",
            [f"a.py:2: {LOOP}"],
        ),
        (
            "y = [x for x in set('ab')]\n",
            [f"a.py:1: {LOOP}"],
        ),
        ("for x in sorted({'a', 'b'}):\n    pass\nfor y in [1]:\n    pass\n", []),
    ],
)
def test_each_line_is_named_with_what_is_used_there(text: str, found: list[str]) -> None:
    assert suspects({"a": text}) == found


def test_every_source_is_read() -> None:
    assert len(suspects({"a": "import os\nos.environ\n", "b.c": "import uuid\nuuid.uuid4()\n"})) == 2
