"""A strategy as text: what is collected, what is executed, and what is said when it cannot be."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.strategies.loader import MODULES_MAX, SOURCE_BYTES_MAX, collect, create, load, source_hash

HEAD = "from live_runner.strategies.base import *\n"
PLAIN = HEAD + "class Mine(Strategy):\n    def warmup(self, timeframe):\n        return 7\n"


def write(folder: Path, **files: str) -> Path:
    """Write modules; ``a__b`` is a/b.py."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def warmup(source: Any) -> int:
    return create(load(source.strategy, source.sources), {}, ("A",), "1m").warmup("1m")


def test_a_file_is_collected_with_the_modules_that_it_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        mine=HEAD + "import levels, numpy\nfrom tools.inner import BARS\nclass Mine(Strategy):\n"
        "    def warmup(self, timeframe):\n        from lazy import MORE\n        return BARS + MORE + levels.ONE\n",
        levels="ONE = 1\n",
        lazy="MORE = 10\n",
        tools__inner="from . import deep\nfrom .deep import HUNDRED\nBARS = HUNDRED\n",
        tools__deep="HUNDRED = 100\n",
        unused="1/0\n",
    )

    source = collect(path=tmp_path / "mine.py")

    assert source.strategy == "mine:Mine"
    assert sorted(source.sources) == ["lazy", "levels", "mine", "tools.deep", "tools.inner"]
    assert source.imports == ("numpy",)
    assert warmup(source) == 111


def test_a_package_s_own_init_is_collected(tmp_path: Path) -> None:
    write(tmp_path, mine=PLAIN + "import tools.inner\n", tools__inner="", tools____init__="")
    (tmp_path / "tools" / "__init__.py").write_text("READY = True\n", encoding="utf-8")

    assert sorted(collect(path=tmp_path / "mine.py").sources) == ["mine", "tools", "tools.inner"]


def test_the_hash_knows_names_and_texts_and_no_folder(tmp_path: Path) -> None:
    one = collect(path=write(tmp_path / "one", mine=PLAIN) / "mine.py")
    two = collect(path=write(tmp_path / "two", mine=PLAIN) / "mine.py")
    other = collect(path=write(tmp_path / "three", mine=PLAIN + "\n") / "mine.py")

    assert one.hash == two.hash == source_hash({"mine": PLAIN})
    assert other.hash != one.hash
    assert source_hash({"a": "b"}) != source_hash({"ab": ""})


def test_an_edited_helper_changes_the_hash(tmp_path: Path) -> None:
    write(tmp_path, mine=PLAIN + "import levels\n", levels="ONE = 1\n")
    before = collect(path=tmp_path / "mine.py").hash
    write(tmp_path, levels="ONE = 2\n")

    assert collect(path=tmp_path / "mine.py").hash != before


def test_what_runs_is_the_announced_text_and_not_the_file(tmp_path: Path) -> None:
    source = collect(path=write(tmp_path, mine=PLAIN) / "mine.py")
    write(tmp_path, mine="1/0\n")

    assert warmup(source) == 7


def test_a_file_named_like_an_installed_module_disturbs_nobody(tmp_path: Path) -> None:
    import signal

    source = collect(path=write(tmp_path, signal=PLAIN) / "signal.py")

    assert warmup(source) == 7
    assert sys.modules["signal"] is signal


def test_two_versions_live_in_one_process(tmp_path: Path) -> None:
    old = collect(path=write(tmp_path / "a", mine=PLAIN + "import levels\n", levels="ONE = 1\n") / "mine.py")
    new = collect(path=write(tmp_path / "b", mine=PLAIN + "import levels\n", levels="ONE = 2\n") / "mine.py")

    first, second = load(old.strategy, old.sources), load(new.strategy, new.sources)

    values = [sys.modules[kind.__module__].__dict__["levels"].ONE for kind in (first, second)]
    assert values == [1, 2]


def test_a_shipped_strategy_is_collected_by_module() -> None:
    source = collect(module="live_runner.strategies.dual_lifo")

    assert source.strategy == "live_runner.strategies.dual_lifo:DualLifo"
    assert list(source.sources) == ["live_runner.strategies.dual_lifo"]
    kind = load(source.strategy, source.sources)
    assert kind.__module__.startswith("live_runner_strategy_")
    assert create(kind, {}, ("A",), "1m").warmup("1m") == 1441


def test_postponed_annotations_find_their_module(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\n" + HEAD + "from levels import Step\n"
        "class Given(Parameters):\n    step: Step = 2.0\n"
        "class Mark(LegState):\n    best: Step | None = None\n"
        "class Mine(Strategy[Given, Mark]):\n    pass\n"
    )
    write(tmp_path, mine=text, levels="Step = float\n")

    source = collect(path=tmp_path / "mine.py")

    assert create(load(source.strategy, source.sources), {"step": 3}, ("A",), "1m").parameters.step == 3.0


def test_a_traceback_shows_module_and_source_line(tmp_path: Path) -> None:
    text = PLAIN + "    def policy(self):\n        return self.nothing  # the line\n"
    write(tmp_path, mine=text)
    source = collect(path=tmp_path / "mine.py")

    with pytest.raises(StrategyError) as caught:
        create(load(source.strategy, source.sources), {}, ("A",), "1m")

    assert linecache.getline("mine.py", 6) == "        return self.nothing  # the line\n"
    assert "has no attribute 'nothing'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class Mine(:\n", r"mine\.py, line 1"),
        (PLAIN + "\n1/0\n", r"mine\.py, line 6: ZeroDivisionError"),
        (PLAIN + "import nowhere_at_all\n", r"mine\.py, line 5: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        (PLAIN + "from . import nowhere\n", r"mine\.py, line 5: ImportError"),
        (PLAIN + "raise SystemExit(2)\n", r"mine\.py, line 5: SystemExit"),
        (HEAD, "holds 0 strategies"),
        (PLAIN + "class Yours(Strategy):\n    pass\n", "holds 2 strategies: Mine, Yours"),
        (PLAIN.replace("Strategy)", "Strategy[Parameters, int])") + "    Leg = int\n", "Mine.Leg is not a subclass"),
        ("\0", "mine.py"),
    ],
)
def test_what_does_not_load_is_named_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    write(tmp_path, mine=text)

    with pytest.raises(StrategyError, match=sentence) as caught:
        collect(path=tmp_path / "mine.py")

    assert caught.value.remedy


def test_a_name_chooses_among_several_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path, mine=PLAIN + "class Yours(Mine):\n    pass\n")

    assert collect(path=tmp_path / "mine.py", name="Yours").strategy == "mine:Yours"
    with pytest.raises(StrategyError, match=r"no class 'Ours'\. Strategies in it: Mine, Yours"):
        collect(path=tmp_path / "mine.py", name="Ours")
    with pytest.raises(StrategyError, match="is not a strategy"):
        collect(path=tmp_path / "mine.py", name="Bar")


def test_paths_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    write(tmp_path, mine=PLAIN)
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")

    for path, sentence in [
        (tmp_path / "absent.py", "There is no strategy file"),
        (tmp_path, "is a folder"),
        (tmp_path / "binary.py", "cannot be read"),
        (tmp_path / "mine.txt", "cannot be imported"),
        (tmp_path / "my-strategy.py", "cannot be imported"),
    ]:
        with pytest.raises(StrategyError, match=sentence):
            collect(path=path)
    with pytest.raises(StrategyError, match="is outside"):
        collect(path=tmp_path / "mine.py", root=tmp_path / "elsewhere")
    with pytest.raises(StrategyError, match="exactly one of them"):
        collect()
    with pytest.raises(StrategyError, match=r"module 'nowhere\.at\.all' cannot be found"):
        collect(module="nowhere.at.all")


def test_a_strategy_too_large_for_one_message_is_refused(tmp_path: Path) -> None:
    write(tmp_path, mine=PLAIN + "#" * SOURCE_BYTES_MAX)

    with pytest.raises(StrategyError, match=f"more than {MODULES_MAX} modules or {SOURCE_BYTES_MAX} bytes"):
        collect(path=tmp_path / "mine.py")


def test_sources_without_the_strategy_are_refused() -> None:
    with pytest.raises(StrategyError, match="has no source 'mine'"):
        load("mine:Mine", {"other": ""})


def test_parameters_are_checked_when_it_is_made(tmp_path: Path) -> None:
    source = collect(path=write(tmp_path, mine=PLAIN) / "mine.py")

    with pytest.raises(ConfigError, match=r"strategy\.parameters\.fast"):
        create(load(source.strategy, source.sources), {"fast": 1}, ("A",), "1m")
