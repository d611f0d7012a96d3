"""The table of test times that CI prints: every test in one line of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from budget_table import BUDGETS, table

REPORT = """\
<testsuites><testsuite name="pytest">
<testcase classname="tests.unit.cli.test_failing_strategies" name="test_a" time="1.5"/>
<testcase classname="tests.unit.cli.test_failing_strategies" name="test_b" time="2.0"/>
<testcase classname="tests.golden.test_corpus_columns" name="test_c" time="40"/>
<testcase classname="tests.e2e.test_house" name="test_d" time="10"/>
</testsuite></testsuites>
"""


def test_each_test_counts_for_the_budget_that_names_its_file(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(REPORT)

    lines = [line.split() for line in table(report)]

    assert [(line[-4:] if "(" in "".join(line) else line[-2:]) for line in lines[1:]] == [
        ["(8)", "1", "40", "180"],
        ["(9)", "2", "4", "300"],
        ["(10)", "0", "0", "240"],
        ["(11)", "0", "0", "480"],
        ["1", "10"],
    ]


def test_every_budget_names_files_that_are_there() -> None:
    folder = BUDGETS.parent.parent
    budgets = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))["budget"]

    assert [pattern for budget in budgets for pattern in budget["files"] if not list(folder.glob(pattern))] == []
