"""``python -m tests.budget_table JUNIT_XML``: what the tests of each budget took, beside what they may take.

The report is pytest's own (``--junitxml``). Nothing fails here: a machine under load takes longer.
"""

from __future__ import annotations

import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["table"]

BUDGETS = Path(__file__).with_name("budgets.toml")
OTHERS = "all others"


def table(report: Path) -> list[str]:
    """One line for each budget, and one for the tests that no budget names."""
    budgets = tomllib.loads(BUDGETS.read_text(encoding="utf-8"))["budget"]
    took = dict.fromkeys([*(budget["name"] for budget in budgets), OTHERS], 0.0)
    tests = dict.fromkeys(took, 0)
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.get("file") or str(case.get("classname")).replace(".", "/") + ".py"
        name = next((b["name"] for b in budgets if any(fnmatch(file, pattern) for pattern in b["files"])), OTHERS)
        took[name] += float(case.get("time") or 0.0)
        tests[name] += 1
    may = {budget["name"]: f"{budget['seconds']:>8}" for budget in budgets}
    lines = [f"{'tests of':<24} {'tests':>6} {'seconds':>8} {'budget':>8}"]
    for name, seconds in took.items():
        lines.append(f"{name:<24} {tests[name]:>6} {seconds:>8.0f} {may.get(name, '')}".rstrip())
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(table(Path(sys.argv[1]))) + "\n")
