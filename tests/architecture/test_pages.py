"""The pages that are made from the code are what the code makes of them now."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from pages.made import PAGES

from live_runner.contracts.codec import MESSAGE_TYPES
from live_runner.contracts.vocabulary import ORDER_STATES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_makes_of_it(name: str, repository: Path) -> None:
    """`make pages` makes them anew."""
    assert (repository / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_event_has_its_section() -> None:
    headings = [line.removeprefix("### ") for line in PAGES["events.md"]().splitlines() if line.startswith("### ")]

    assert set(MESSAGE_TYPES) <= set(headings)
    assert len(headings) == len(set(headings))


def test_the_drawing_names_every_state_and_loads_nothing() -> None:
    root = ElementTree.fromstring(PAGES["order_life.svg"]())
    texts = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    kinds = {node.tag.rpartition("}")[2] for node in root.iter() if isinstance(node.tag, str)}

    assert {state.replace("_", " ") for state in ORDER_STATES} <= texts
    assert kinds <= {"svg", "title", "style", "defs", "marker", "path", "rect", "text"}
