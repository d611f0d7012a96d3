"""Pages that are made from the code; tests/architecture/test_pages.py makes them anew and compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pages import client_id_tables, code_tables, event_reference, order_life

PAGES: Final[dict[str, Callable[[], str]]] = {
    "client_ids.md": client_id_tables.page,
    "codes.md": code_tables.page,
    "events.md": event_reference.page,
    "order_life.svg": order_life.drawing,
}
"""How each page of docs/ is made, by its name."""
