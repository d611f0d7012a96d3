"""``sweep`` as a user has it: worker processes, files, interruptions, and the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from fix_terminal import direct_children

from live_runner.contracts.errors import ConfigError
from live_runner.services.backtest.sweep.file_store import FileStore, read_parquet_header
from live_runner.services.backtest.sweep.rows import COLUMNS, FIGURES, manifest_of
from live_runner.services.backtest.sweep.store import Header
from live_runner.services.runtime.embedded.process import wait_until_gone

pytestmark = pytest.mark.slow

LIMIT_S = 120.0
CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {notional: 100, short: true}}
market:
  venue: simulated
  source: simulated
  bars: %d
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT]
  timeframe: 1m
"""
LONG = 100_000
"""Bars: so many that several batches of results are stored before the last run ends."""
SPACE = """\
fast: [3, 5, 12]
slow: {from: 8, to: 20, step: 4}
"""
MOODY = """
import os, signal
from live_runner.strategies.base import LegState, Parameters, Strategy


class MoodyParameters(Parameters, frozen=True, kw_only=True):
    mood: str = "calm"


class Moody(Strategy[MoodyParameters, LegState]):
    def warmup(self, timeframe):
        return 0

    def observe(self, bar):
        mood = self.parameters.mood
        if mood == "deadly" or (mood == "once" and not os.path.exists("died")):
            open("died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        while mood == "endless":
            pass

    def on_bar(self, bar, view):
        return []
"""


class Terminal:
    """Runs the command in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self.write("c.yaml", CONFIG % 400)
        self.write("space.yaml", SPACE)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN")}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "live_runner.services.cli.main", "sweep", "c.yaml", *arguments],
            env={**kept, "LIVE_RUNNER_HOME": str(self.folder / "home"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )
        self.started.append(process)
        return process

    def do(self, *arguments: str, **environment: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, what --json told, and stderr."""
        process = self.begin("--space", "space.yaml", "--jobs", "2", "--json", *arguments, **environment)
        out, err = process.communicate(timeout=LIMIT_S)
        return process.returncode, json.loads(out) if out else {}, err

    @property
    def parquet(self) -> Path:
        return self.folder / "home" / "sweeps" / "alpha.parquet"

    def stored(self) -> list[dict[str, Any]]:
        """Whole lines of the journal, without its header."""
        journal = self.parquet.with_name(".alpha.parquet.journal")
        text = journal.read_text() if journal.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True)[1:] if line.endswith("\n")]

    def rows(self, path: Path | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(path or self.parquet).to_pylist()
        return found

    def until(self, is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def children(self, pid: int) -> list[int]:
        return direct_children(pid)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "stored_at")} for row in rows]


def test_a_sweep_gives_a_row_for_every_set_and_runs_none_twice(terminal: Terminal) -> None:
    code, told, err = terminal.do("--sort", "fees", "--best", "3")

    assert (code, err) == (0, "")
    assert {key: told[key] for key in ("runs", "ran", "done", "refused", "failed")} == {
        "runs": 12, "ran": 12, "done": 10, "refused": 2, "failed": 0,
    }  # fmt: skip
    rows = terminal.rows()
    assert [row["number"] for row in rows] == list(range(1, 13))
    assert [json.loads(row["parameters"]) for row in rows] == [
        {"fast": fast, "slow": slow} for fast in (3, 5, 12) for slow in (8, 12, 16, 20)
    ]
    assert [row["number"] for row in rows if row["status"] == "refused"] == [9, 10]
    assert "fast (12) must be below slow (8)" in rows[8]["message"]
    cheapest = sorted((row["fees"], row["number"]) for row in rows if row["status"] == "done")[:3]
    assert [(Decimal(row["fees"]), row["number"]) for row in told["best"]] == cheapest

    before = terminal.parquet.read_bytes()
    code, again, _ = terminal.do("--sort", "fees", "--best", "3")

    assert (code, again["ran"], again["best"]) == (0, 0, told["best"])
    assert terminal.parquet.read_bytes() == before


def test_a_row_is_what_the_backtest_of_its_manifest_says(terminal: Terminal) -> None:
    assert terminal.do()[0] == 0
    row = terminal.rows()[6]
    manifest = manifest_of(read_parquet_header(terminal.parquet).manifest, json.loads(row["manifest"]))
    (terminal.folder / "one.yaml").write_text(json.dumps(manifest["config"]))

    done = subprocess.run(
        [sys.executable, "-P", "-m", "live_runner.services.cli.main", "backtest", "one.yaml", "--json"],
        capture_output=True, text=True, timeout=LIMIT_S, check=True, cwd=terminal.folder,
    )  # fmt: skip
    told = json.loads(done.stdout)

    assert row["fills"] > 0
    for figure in FIGURES:
        expected = Decimal(told[figure.name]) if figure.kind == "money" else told[figure.name]
        assert row[figure.name] == expected, figure.name
    for name in ("config_hash", "strategy_hash", "engine_version", "engine_hash"):
        assert row[name] == manifest[name]
    assert row["dataset_hash"] == manifest["dataset"]["hash"]


def test_one_process_and_two_give_the_same_rows(terminal: Terminal) -> None:
    assert terminal.do("--jobs", "1", "--out", "one.parquet")[0] == 0
    assert terminal.do("--jobs", "2", "--out", "two.parquet")[0] == 0

    one, two = (terminal.rows(terminal.folder / f"{name}.parquet") for name in ("one", "two"))
    assert without_time(one) == without_time(two)


def test_a_sweep_names_account_limits_as_not_applied(terminal: Terminal) -> None:
    """S04: a limit that a mode cannot apply is named."""
    limits = "{drawdown: {limit: 5, action: stop, reset: operator}}"
    terminal.write("c.yaml", f"{CONFIG % 100}account: {{name: main, limits: {limits}}}\n")
    terminal.write("space.yaml", "fast: [3]\n")
    code, told, _ = terminal.do("--jobs", "1")

    assert (code, told["done"]) == (0, 1)
    assert "account limits are not applied" in told["not_applied"]["account.limits"]


def test_parts_together_are_the_whole(terminal: Terminal) -> None:
    assert terminal.do()[0] == 0
    parts = []
    for part in ("1/2", "2/2"):
        code, told, _ = terminal.do("--part", part)
        assert (code, told["runs"], told["part"]) == (0, 6, part)
        parts += terminal.rows(Path(told["results"]))
    terminal.parquet.unlink()
    assert pq.read_table(terminal.parquet.parent).num_rows == 12
    assert terminal.do()[1]["ran"] == 0

    assert without_time(sorted(parts, key=lambda row: row["number"])) == without_time(terminal.rows())


def test_a_killed_sweep_leaves_no_worker_and_goes_on_with_what_is_missing(terminal: Terminal) -> None:
    terminal.write("c.yaml", CONFIG % LONG)
    first = terminal.begin("--space", "space.yaml", "--jobs", "2")
    terminal.until(lambda: len(terminal.stored()) >= 3, first)
    below = terminal.children(first.pid)
    first.kill()

    assert len(below) >= 2
    assert all(wait_until_gone(pid, 30.0) for pid in below)
    before = {row["number"]: row for row in terminal.stored()}
    assert len(before) < 12

    code, told, err = terminal.do()

    assert (code, told["ran"]) == (0, 12 - len(before)), err
    # A run that was stored keeps the seconds it took then: it was not run again.
    assert {row["number"]: row["seconds"] for row in terminal.rows() if row["number"] in before} == {
        number: row["seconds"] for number, row in before.items()
    }
    assert len(terminal.stored()) == 12


def test_ctrl_c_stores_what_is_there_and_the_same_command_goes_on(terminal: Terminal) -> None:
    terminal.write("c.yaml", CONFIG % LONG)
    first = terminal.begin("--space", "space.yaml", "--jobs", "2")
    terminal.until(lambda: len(terminal.stored()) >= 3, first)
    below = terminal.children(first.pid)
    first.send_signal(signal.SIGINT)
    for pid in below:
        os.kill(pid, signal.SIGINT)  # a terminal sends it to everybody
    _, err = first.communicate(timeout=LIMIT_S)

    assert first.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert all(wait_until_gone(pid, 30.0) for pid in below)
    stored = len(terminal.rows())
    assert 3 <= stored == len(terminal.stored()) < 12

    code, told, _ = terminal.do()
    assert (code, told["ran"], told["done"]) == (0, 12 - stored, 10)


def test_a_line_that_a_crash_cut_off_is_run_again(terminal: Terminal) -> None:
    assert terminal.do()[0] == 0
    expected = without_time(terminal.rows())
    journal = terminal.parquet.with_name(".alpha.parquet.journal")
    journal.write_bytes(journal.read_bytes()[:-40])

    code, told, _ = terminal.do()

    assert (code, told["ran"]) == (0, 1)
    assert without_time(terminal.rows()) == expected


def test_a_damaged_journal_names_its_line(terminal: Terminal) -> None:
    assert terminal.do()[0] == 0
    journal = terminal.parquet.with_name(".alpha.parquet.journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:4], b"{\n", *lines[5:]]))

    code, _, err = terminal.do()

    assert code == 65
    assert "/.alpha.parquet.journal, line 5 is damaged" in err


def test_results_of_another_sweep_are_not_mixed_in(terminal: Terminal) -> None:
    assert terminal.do()[0] == 0
    before = terminal.parquet.read_bytes()
    for file, old, new, told in (
        ("c.yaml", "notional: 100", "notional: 200", "another configuration"),
        ("c.yaml", "bars: 400", "bars: 500", "another configuration and dataset"),
        ("space.yaml", "to: 20", "to: 28", "another space and warmup"),
        ("space.yaml", "[3, 5, 12]", "[3, 5]", "another space"),
    ):
        text = (terminal.folder / file).read_text()
        terminal.write(file, text.replace(old, new))
        code, _, err = terminal.do()
        terminal.write(file, text)

        assert code == 64
        assert f"were made with {told}. " in json.loads(err)["error"]["message"]
        assert "--fresh" in err
        assert terminal.parquet.read_bytes() == before

    terminal.write("space.yaml", SPACE.replace("[3, 5, 12]", "[3]"))
    code, again, _ = terminal.do("--fresh")
    assert (code, again["ran"], len(terminal.rows())) == (0, 4, 4)


def test_a_changed_strategy_is_another_sweep(terminal: Terminal) -> None:
    terminal.write("moody.py", MOODY)
    terminal.write(
        "c.yaml",
        (CONFIG % 50).replace(
            "module: live_runner.strategies.ema_cross, parameters: {notional: 100, short: true}", "path: moody.py"
        ),
    )
    terminal.write("space.yaml", "mood: [calm, quiet]")
    assert terminal.do()[0] == 0
    terminal.write("moody.py", MOODY + "\n")

    code, _, err = terminal.do()

    assert code == 64
    assert "were made with another strategy. " in err


def test_a_random_search_can_be_prolonged(terminal: Terminal) -> None:
    terminal.write("space.yaml", "fast: {from: 2, to: 6}\nslow: {from: 7, to: 20}")
    terminal.write("c.yaml", (CONFIG % 400) + "  warmup_bars: 40\n")
    code, told, _ = terminal.do("--random", "4", "--seed", "3")
    first = terminal.rows()
    code, told, err = terminal.do("--random", "7", "--seed", "3")

    assert (code, told["ran"], told["runs"]) == (0, 3, 7), err
    assert terminal.rows()[:4] == first

    code, _, err = terminal.do("--random", "7", "--seed", "4")
    assert code == 64
    assert "another search" in err


def moody(terminal: Terminal, *moods: str) -> None:
    terminal.write("moody.py", MOODY)
    choice = "module: live_runner.strategies.ema_cross, parameters: {notional: 100, short: true}"
    terminal.write("c.yaml", (CONFIG % 50).replace(choice, "path: moody.py"))
    terminal.write("space.yaml", f"mood: [{', '.join(moods)}]")


def test_a_worker_that_dies_is_named_and_its_run_is_tried_again(terminal: Terminal) -> None:
    moody(terminal, "once", "calm", "quiet", "still")

    code, told, err = terminal.do()

    assert (code, told["done"], told["failed"]) == (0, 4, 0)
    assert "was ended by SIGKILL in run 1, which is tried again (2 of 3)" in err


def test_a_run_that_kills_every_worker_has_failed_and_the_others_go_on(terminal: Terminal) -> None:
    moody(terminal, "calm", "deadly", "quiet", "still")

    code, told, err = terminal.do()

    assert (code, told["done"], told["failed"]) == (1, 3, 1)
    row = terminal.rows()[1]
    assert (row["status"], row["equity"]) == ("failed", None)
    assert row["message"] == "3 workers ended in this run, the last one was ended by SIGKILL"
    assert told["failures"] == [{"number": 2, "message": row["message"]}]
    assert err.count("was ended by SIGKILL") == 3


def test_a_run_that_does_not_end_is_ended(terminal: Terminal) -> None:
    moody(terminal, "calm", "endless", "quiet")

    code, told, err = terminal.do("--timeout", "3")

    assert (code, told["done"], told["failed"]) == (1, 2, 1), err
    assert terminal.rows()[1]["message"] == "It took longer than --timeout, 3 s"


def test_two_sweeps_do_not_write_the_same_file(tmp_path: Path) -> None:
    header = Header(sweep="a", made_of={"space": "1"}, space=[], manifest={})
    path = tmp_path / "a.parquet"
    first = FileStore(path, header)
    with pytest.raises(ConfigError, match="Another sweep is writing"):
        FileStore(path, header)
    first.close()
    FileStore(path, header).close()


def test_a_file_that_is_no_sweeps_is_not_replaced(terminal: Terminal) -> None:
    terminal.write("mine.parquet", "precious")

    code, _, err = terminal.do("--out", "mine.parquet")

    assert code == 64
    assert "no journal beside it" in err
    assert (terminal.folder / "mine.parquet").read_text() == "precious"
    assert not (terminal.folder / ".mine.parquet.journal").exists()


def test_the_database_holds_the_same_rows_and_parts_of_it_meet_there(terminal: Terminal, dsn: str) -> None:
    assert terminal.do()[0] == 0
    code, told, err = terminal.do("--database", "--part", "2/3", TIMESCALE_DSN=dsn)
    assert (code, told["ran"], told["runs"]) == (0, 4, 4), err
    code, told, err = terminal.do("--database", TIMESCALE_DSN=dsn)
    assert (code, told["ran"], told["done"]) == (0, 8, 10), err

    names = [column.name for column in COLUMNS]
    with psycopg.connect(dsn) as connection:
        found = connection.execute(f"select {', '.join(names)} from sweep_run where sweep = 'alpha' order by number")
        rows = [dict(zip(names, row, strict=True)) for row in found]
        manifests: dict[int, Any] = dict(connection.execute("select number, manifest from sweep_manifest").fetchall())
        columns = connection.execute(
            "select column_name from information_schema.columns where table_name = 'sweep_run'"
            " order by ordinal_position"
        ).fetchall()
    parquet = terminal.rows()
    for row in parquet:
        row["parameters"] = json.loads(row["parameters"])
        row["manifest"] = row["manifest"] and json.loads(row["manifest"])
    assert without_time(rows) == without_time(parquet)
    assert [name for (name,) in columns] == ["sweep", *names, "stored_at"]
    assert sorted(manifests) == [row["number"] for row in parquet if row["status"] == "done"]
    assert manifests[1] == manifest_of(read_parquet_header(terminal.parquet).manifest, parquet[0]["manifest"])

    terminal.write("space.yaml", SPACE.replace("[3, 5, 12]", "[3]"))
    code, _, err = terminal.do("--database", TIMESCALE_DSN=dsn)
    assert code == 64
    assert "in the database under the name alpha were made with another space" in err
    assert terminal.do("--database", "--name", "beta", TIMESCALE_DSN=dsn)[0] == 0
    code, told, err = terminal.do("--database", "--fresh", TIMESCALE_DSN=dsn)
    assert (code, told["ran"]) == (0, 4), err
