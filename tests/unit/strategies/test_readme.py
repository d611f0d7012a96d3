"""The strategy of the README loads and trades as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from fix_strategy import BTC, Stream, leg

from live_runner.strategies import base
from live_runner.strategies.loader import collect, load


def test_the_example_runs_as_printed(tmp_path: Path) -> None:
    page = Path(base.__file__).with_name("README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "dip.py").write_text(code, encoding="utf-8")
    source = collect(path=tmp_path / "dip.py")
    stream = Stream(load(source.strategy, source.sources), {"period": 4}, symbols=(BTC,)).start()
    for close in (100.0, 99.0, 98.0, 97.0):
        stream.fold(stream.bar_set(close=close, warmup=True))

    (entry,) = stream.step(close=96.0).intents
    stream.step(close=95.0, legs=[leg(BTC, "long", ("1", "96"))])
    exits = [one.action for close in (99.0, 103.0) for one in stream.step(close=close).intents]

    assert (entry.action, entry.stop_loss) == ("open", "93.12")
    assert exits
    assert set(exits) == {"close"}
