"""Every situation that must work is shown by a test that names its id, and tests/README.md says which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS / "README.md"
IDS = {
    *(f"I{number:02}" for number in range(1, 15)),
    *(f"G{number:02}" for number in range(1, 13)),
    *(f"L{number:02}" for number in range(1, 6)),
    *(f"S{number:02}" for number in (1, 2, 3, 4, 6)),
    *(f"D{number:02}" for number in (*range(1, 7), 8)),
    *(f"X{number:02}" for number in range(1, 16)),
    *(f"O{number:02}" for number in range(1, 28)),
    *(f"P{number:02}" for number in range(1, 15)),
    *("R01", "R02", "R04", "R07"),
}
ROW = re.compile(r"^\| ([A-Z]\d\d) \|.*\|(.*)\|$", flags=re.MULTILINE)


def docstrings() -> dict[str, str]:
    """What each test says of itself, by ``file::name``; the file's own docstring counts for all in it."""
    said: dict[str, str] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(TESTS).as_posix()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                own = ast.get_docstring(node) or ""
                said[f"{name}::{node.name}"] = f"{ast.get_docstring(tree) or ''} {own}"
    return said


def test_every_situation_is_named_by_a_test() -> None:
    named = set(re.findall(r"\b[A-Z]\d\d\b", " ".join(docstrings().values())))

    assert IDS - named == set()


def test_the_page_lists_every_situation_once_with_tests_that_name_it() -> None:
    said = docstrings()
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))

    assert sorted(id_ for id_, _ in rows) == sorted(IDS)
    wrong = []
    for id_, cell in rows:
        tests = re.findall(r"`([^`]+)`", cell)
        assert tests, id_
        wrong += [f"{id_}: {test} is not there" for test in tests if test not in said]
        wrong += [
            f"{id_}: {test} does not name it" for test in tests if not re.search(rf"\b{id_}\b", said.get(test, id_))
        ]
    assert wrong == []
