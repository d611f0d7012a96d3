"""Children that are killed come back; children that keep ending are given up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_runner.contracts.errors import ServiceUnavailable
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.process import Program, is_alive
from live_runner.services.runtime.embedded.supervisor import RESTARTS_MAX, Exit, Supervisor

LIMIT_S = 30.0

SLEEPS = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


class Children:
    """A supervisor over small Python programs."""

    def __init__(self, folder: Path) -> None:
        self.exits: list[Exit] = []
        self.code = SLEEPS
        self.folder = folder
        self.supervisor = Supervisor(Settings(home=folder), on_exit=self.exits.append, program=self.program)

    def program(self, settings: Settings, name: str) -> Program:
        return Program(
            name=name,
            arguments=[sys.executable, "-c", self.code],
            output=settings.logs / f"{name}.out",
            stop_timeout_s=0.5 if self.code == STUBBORN else 10.0,
        )

    def until(self, is_so: object) -> None:
        """Let the supervisor look until something is so."""
        assert callable(is_so)
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < deadline
            self.supervisor.check()
            time.sleep(0.01)


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    made = Children(tmp_path)
    yield made
    made.supervisor.stop()


def test_a_killed_child_comes_back_as_another_process(children: Children) -> None:
    """P11: a service that is killed with -9 is started again."""
    children.supervisor.start("a", "b")
    before = children.supervisor.pids
    os.kill(before["a"], signal.SIGKILL)
    children.until(lambda: children.supervisor.pids.get("a", before["a"]) != before["a"])

    assert children.supervisor.pids["b"] == before["b"]
    assert [(ended.name, ended.exit_code, ended.restart) for ended in children.exits] == [("a", -signal.SIGKILL, 1)]


def test_a_child_that_keeps_ending_is_given_up_with_its_last_words(children: Children) -> None:
    children.code = "import sys; sys.exit('no way')"
    children.supervisor.start("a")

    with pytest.raises(ServiceUnavailable, match=rf"a ended {RESTARTS_MAX + 1} times.*no way"):
        children.until(lambda: False)


def test_a_child_with_a_wrong_configuration_is_given_up_at_once(children: Children) -> None:
    children.code = "import sys; print('port taken'); sys.exit(64)"
    children.supervisor.start("a")

    with pytest.raises(ServiceUnavailable, match=r"a ended at once .*port taken"):
        children.until(lambda: False)
    assert children.exits == []


def test_watch_ends_with_the_error_of_a_child_that_is_given_up(children: Children) -> None:
    children.code = "import sys; sys.exit(64)"
    children.supervisor.start("a")

    with pytest.raises(ServiceUnavailable):
        asyncio.run(children.supervisor.watch())


def test_stop_ends_every_child_also_one_that_ignores_it(children: Children) -> None:
    children.code = STUBBORN
    children.supervisor.start("stubborn")
    output = children.folder / "logs" / "stubborn.out"
    children.until(lambda: output.read_text() == "up\n")
    children.code = SLEEPS
    children.supervisor.start("meek")
    pids = children.supervisor.pids
    children.supervisor.stop()

    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids.values())
    assert children.supervisor.pids == {}
