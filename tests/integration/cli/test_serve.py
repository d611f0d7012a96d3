"""Services that stand alone, as in containers: on a NATS and a database of somebody else's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from fix_nats import NatsServer

from live_runner.services.runtime.embedded.postgres_server import start_postgres
from live_runner.services.runtime.services import SESSION_SERVICES
from live_runner.services.strategy.output import FORWARDED_BYTES_MAX

LIMIT_S = 120.0
CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {fast: 3, slow: 8, notional: 100}}
market: {venue: simulated, source: simulated, bars: 300, symbols: [BTC/USDT:USDT], timeframe: 1m}
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(own_nats_server: NatsServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Variables that name a NATS and a PostgreSQL of this test."""
    postgres = start_postgres(tmp_path / "postgres")
    yield {
        **os.environ,
        "NATS_URL": own_nats_server.url,
        "NATS_TOKEN": own_nats_server.token,
        "TIMESCALE_DSN": postgres.dsn,
        "LIVE_RUNNER_HOME": str(tmp_path / "home"),
    }
    assert postgres.process is not None
    postgres.process.stop()


def begin(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "live_runner.services.cli.main", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_healthy(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while True:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)


def test_run_uses_the_services_that_are_there(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    with ExitStack() as stack:
        services = []
        for service in SESSION_SERVICES:
            port = free_port()
            process = begin({**environment, "LIVE_RUNNER_HEALTH_PORT": str(port)}, "serve", service)
            stack.callback(process.communicate)
            stack.callback(process.kill)
            services.append((port, process))
        for port, process in services:
            wait_until_healthy(port, process)

        run = begin(environment, "run", str(tmp_path / "c.yaml"), "--stage", "paper", "--verify", "--json")
        out, err = run.communicate(timeout=LIMIT_S)

        assert run.returncode == 0, err
        told = json.loads(out)
        assert told["replay"]["agrees"]
        assert told["comparison"]["agrees"]
        assert not (tmp_path / "home" / "nats").exists()
        assert not list((tmp_path / "home" / "logs").glob("strategy*"))

        for _, process in services:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(LIMIT_S) for _, process in services] == [0, 0, 0, 0]


LOUD = """
import sys

from live_runner.strategies.ema_cross import EmaCross


class Loud(EmaCross):
    def on_bar(self, bar, view):
        if 100 <= bar.open_ns // 60_000_000_000 % 1440 < 103:
            for stream in (sys.stdout, sys.stderr):
                stream.write(("z" * 999 + "\\n") * 50_000)
        return super().on_bar(bar, view)
"""


def test_a_strategy_that_prints_without_end_fills_no_log_of_a_service_that_stands_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """50 MB a bar to each stream; nobody turns the log of a container over but whoever runs it."""
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "c.yaml").write_text(CONFIG.replace("module: live_runner.strategies.ema_cross", "path: loud.py"))
    with ExitStack() as stack:
        for service in SESSION_SERVICES:
            output = stack.enter_context((tmp_path / f"{service}.out").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "live_runner.services.cli.main", "serve", service],
                env={**environment, "LIVE_RUNNER_HEALTH_PORT": "0"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait, LIMIT_S)
            stack.callback(process.send_signal, signal.SIGTERM)
        run = begin(environment, "run", str(tmp_path / "c.yaml"), "--stage", "paper", "--json")
        _, err = run.communicate(timeout=LIMIT_S)
        assert run.returncode == 0, err

    printed = (tmp_path / "strategy.out").read_bytes()
    assert b"z" * 999 + b"\n" in printed
    assert b"bytes of the output of the strategy of session alpha are left out" in printed
    assert len(printed) < 2 * FORWARDED_BYTES_MAX + 100_000


def test_a_taken_health_port_ends_the_service_with_one_clear_line(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = begin({**environment, "LIVE_RUNNER_HEALTH_PORT": str(port)}, "serve", "execution")
        _, err = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 64
    assert f"cannot listen on 127.0.0.1:{port}" in err.splitlines()[-1]
    assert "LIVE_RUNNER_HEALTH_PORT" in err.splitlines()[-1]


def test_doctor_names_the_servers_and_no_secret(environment: dict[str, str], own_nats_server: NatsServer) -> None:
    process = begin(environment, "doctor", "--json")
    out, _ = process.communicate(timeout=LIMIT_S)
    found = {finding["what"]: finding for finding in json.loads(out)}

    assert found["nats"]["state"] == "warn"  # a foreign server does not report its sync_interval
    assert found["database"]["state"] == "ok"
    assert "PostgreSQL without TimescaleDB" in found["database"]["message"]
    assert own_nats_server.token not in out
    assert environment["TIMESCALE_DSN"].split(":")[2].split("@")[0] not in out
