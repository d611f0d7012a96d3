"""What the pages have in common: text of docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

MADE = "<!-- Made by `make pages`; a change here is lost. -->"


def text(docstring: str | None) -> str:
    """A docstring in one line, its literals as Markdown has them, safe inside a table."""
    plain = " ".join(inspect.cleandoc(docstring or "").split())
    return re.sub(r"``(.+?)``", r"`\1`", plain).replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table, and an empty one after it."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]
