"""Make the pages that are drawn from the code: ``python -m tests.pages``, or ``make pages``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pages.made import PAGES

DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """Write each page that differs, and name it."""
    for name, make in PAGES.items():
        page = DOCS / name
        text = make()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
