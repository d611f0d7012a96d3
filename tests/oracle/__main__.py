"""``python -m tests.oracle 0:1000``: more sessions than the tests play."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from oracle.sessions import play

first, last = map(int, sys.argv[1].split(":"))
total: Counter[str] = Counter()
for number in range(first, last):
    total += play(f"{number:05}")
print(", ".join(f"{count} {what}" for what, count in total.items()))
