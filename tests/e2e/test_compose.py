"""The stack as an operator has it: built, healthy, hardened, one service at a time stopped, killed and replaced.

Needs a Docker engine with Compose. The project has a name and ports of its own, and takes everything
it made away again, the images excepted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BUILD_LIMIT_S = 900
HEALTHY_LIMIT_S = 60
"""The stack is healthy within a minute."""
SESSION_LIMIT_S = 240
SERVICES = ("market-data", "strategy", "execution", "recorder")
ALL = ("nats", "timescaledb", *SERVICES, "emulator")
SESSION = "compose-session"
LIVE = "live-emulator"

# Long enough to be under way while four services are killed in turn, whatever the machine is doing.
BARS = 8000
SETS_PER_S = 100
CONFIG = f"""
session: {SESSION}
strategy:
  module: live_runner.strategies.ema_cross
  parameters: {{fast: 20, slow: 50, short: true, notional: 500}}
market:
  venue: simulated
  source: simulated
  bars: {BARS}
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT, SOL/USDT:USDT]
  timeframe: 1m
  speed: {SETS_PER_S * 60}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(BUILD_LIMIT_S + 600)]


class Stack:
    """One Compose project."""

    def __init__(self, repository: Path, name: str) -> None:
        self.repository = repository
        self.name = name
        # An empty port is any free one.
        self.environment = {
            **os.environ,
            "LIVE_RUNNER_NATS_PORT": "",
            "LIVE_RUNNER_DB_PORT": "",
            "LIVE_RUNNER_EMULATOR_PORT": "",
        }

    def compose(self, *arguments: str, limit_s: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.name, *arguments],
            cwd=self.repository,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=limit_s,
        )
        if check and done.returncode:
            pytest.fail(
                f"docker compose {' '.join(arguments)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done

    def runner(self, *arguments: str, limit_s: float = 120) -> subprocess.CompletedProcess[str]:
        return self.compose("run", "--rm", "-T", "runner", *arguments, limit_s=limit_s)

    def sql(self, query: str) -> str:
        psql = ("psql", "-h", "127.0.0.1", "-U", "runner", "-d", "runner", "-Atc", query)
        return self.compose("exec", "-T", "-e", "PGPASSWORD=live-runner", "timescaledb", *psql).stdout.strip()

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "--quiet", service).stdout.strip()
        found: dict[str, Any] = json.loads(docker("inspect", container).stdout)[0]
        return found

    def dsn(self) -> str:
        """The stack's database, as its host reaches it."""
        address = self.compose("port", "timescaledb", "5432").stdout.strip()
        return f"postgresql://runner:live-runner@{address}/runner"

    def events(self, type_: str, session: str = SESSION) -> int:
        return int(self.sql(f"select count(*) from event where session = '{session}' and type = '{type_}'"))

    def begin(self, *arguments: str) -> str:
        """Start a command in a container of its own; the container's id."""
        return self.compose("run", "--detach", "-T", *arguments).stdout.strip().splitlines()[-1]

    def end_of(self, container: str) -> tuple[int, str]:
        """Exit code and output of a container that was begun, once it has ended."""
        done = docker("wait", container)
        said = docker("logs", container)
        docker("rm", "--force", container)
        return int(done.stdout.strip()), said.stdout + said.stderr


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=SESSION_LIMIT_S)


def until(holds: Callable[[], bool], what: str, limit_s: float = SESSION_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come about within {limit_s:g} s")


def docker_answers() -> bool:
    try:
        for command in (["docker", "version"], ["docker", "compose", "version"]):
            subprocess.run(command, check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


@pytest.fixture(scope="module")
def stack(repository: Path) -> Iterator[Stack]:
    if not docker_answers():
        pytest.skip("needs a Docker engine with Compose")
    stack = Stack(repository, f"live-runner-test-{os.getpid()}")
    try:
        stack.compose("build", limit_s=BUILD_LIMIT_S)
        stack.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_LIMIT_S), limit_s=HEALTHY_LIMIT_S + 60)
        yield stack
    finally:
        stack.compose("--profile", "runner", "down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)


@pytest.fixture(scope="module")
def finished(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack after a session in the middle of which each service was killed and replaced."""
    config = tmp_path_factory.mktemp("config") / "session.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    config.parent.chmod(0o755)
    container = stack.begin("--volume", f"{config}:/config/session.yaml:ro", "runner", "run", "/config/session.yaml",
                            "--stage", "paper", "--services", "running")  # fmt: skip
    until(lambda: stack.events("strategy.decided") > SETS_PER_S, "the first decisions")
    for service in SERVICES:
        stack.compose("kill", "--signal", "KILL", service)
        seen = stack.events("strategy.decided")
        assert seen < BARS - 2 * SETS_PER_S, "the session ended before every service was killed"
        stack.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_LIMIT_S), "--no-deps", service)
        until(lambda seen=seen: stack.events("strategy.decided") > seen, f"progress after {service} was killed")  # type: ignore[misc]  # bound now
    code, said = stack.end_of(container)
    assert code == 0, said[-4000:]
    return stack


def test_every_service_is_healthy_within_a_minute(stack: Stack) -> None:
    states = {service: stack.inspect(service)["State"]["Health"]["Status"] for service in ALL}

    assert set(states.values()) == {"healthy"}, states


def test_no_container_is_root_or_may_become_it(stack: Stack) -> None:
    for service in ALL:
        found = stack.inspect(service)
        host = found["HostConfig"]

        assert found["Config"]["User"] not in ("", "0", "root"), service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert not host["Privileged"], service
        assert host["Memory"] > 0, service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service


def test_ports_are_open_on_loopback_alone(stack: Stack) -> None:
    for service in ALL:
        bindings = stack.inspect(service)["NetworkSettings"]["Ports"] or {}
        addresses = {binding["HostIp"] for bound in bindings.values() for binding in bound or []}

        assert addresses <= {"127.0.0.1"}, service


def test_a_session_survives_the_death_of_each_service(finished: Stack) -> None:
    """P11: killed with SIGKILL in turn, started again, and the session ends as if nothing had happened."""
    sets = finished.events("market.bar_set")

    assert finished.events("session.stopped") == 1
    assert sets == int(finished.sql(f"select max(set_number) from bars where session = '{SESSION}'"))
    assert finished.sql(f"select count(*) from fills where session = '{SESSION}'") != "0"
    counts = f"select source, max(seq), count(*) from event where session = '{SESSION}' group by source"
    gaps = f"select count(*) from ({counts}) as c where c.max <> c.count"
    assert finished.sql(gaps) == "0"


def test_it_replays_and_compares_without_a_difference(finished: Stack) -> None:
    """R01."""
    finished.runner("replay", SESSION)
    finished.runner("compare", SESSION)


def test_it_compares_without_a_difference_on_the_host_of_the_stack(finished: Stack, tmp_path: Path) -> None:
    """R01, R02: image and checkout are one build, though compiler, C library and perhaps Python are not the same."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "live_runner.services.cli.main", "compare", SESSION],
        env={**os.environ, "TIMESCALE_DSN": finished.dsn(), "LIVE_RUNNER_HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=SESSION_LIMIT_S,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The session and its backtest are the same, to the bit" in done.stdout


def test_a_live_session_trades_on_the_candles_of_the_simulated_exchange(stack: Stack) -> None:
    """D01: closed bars alone, through unmodified ccxt, one a second."""
    container = stack.begin(
        "runner", "run", f"/config/{LIVE.replace('-', '_')}.yaml", "--stage", "paper", "--services", "running"
    )
    until(lambda: stack.events("strategy.decided", LIVE) >= 5, "five decisions")
    stack.runner("end", LIVE, "--reason", "seen enough")
    code, said = stack.end_of(container)

    assert code == 0, said[-4000:]
    assert stack.events("session.stopped", LIVE) == 1
    assert stack.sql(f"select count(*) from bars where session = '{LIVE}' and ts >= close_ts") == "0"
    stack.runner("replay", LIVE)


def test_a_stopped_service_starts_again_healthy(stack: Stack) -> None:
    for service in SERVICES:
        stack.compose("stop", service)
        stack.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_LIMIT_S), "--no-deps", service)

        assert stack.inspect(service)["State"]["Health"]["Status"] == "healthy"


def test_every_part_comes_back_from_a_restart_and_a_kill(stack: Stack) -> None:
    """Also the database and NATS, and more than once: what a first start prepares may be gone at the second."""
    for service in ALL:
        for command in (("restart",), ("kill", "--signal", "KILL"), ("restart",)):
            stack.compose(*command, service)
            stack.compose("up", "--detach", "--wait", "--wait-timeout", str(HEALTHY_LIMIT_S), "--no-deps", service)

            assert stack.inspect(service)["State"]["Health"]["Status"] == "healthy", (service, command)
