"""``live-runner serve emulator`` as a process: one line of JSON, and refusals with exit code 64."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest
from fix_emulator import reach

from live_runner.services.emulator import script
from live_runner.services.emulator.script import text_of

LIMIT_S = 60
BASE = ("-P", "-m", "live_runner.services.cli.entry", "serve", "emulator")


def begin(home: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "LIVE_RUNNER_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, *BASE, "--port=0", "--admin-port=0", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    facts: dict[str, Any] = json.loads(process.stdout.readline())
    return facts


async def venue_time(options: dict[str, Any]) -> int:
    exchange = ccxt.binanceusdm(options)
    try:
        at_ms: int = await exchange.fetch_time()
        return at_ms
    finally:
        await exchange.close()


def test_it_says_where_it_is_and_ends_at_sigterm(tmp_path: Path) -> None:
    process = begin(tmp_path, "--venue", "binanceusdm", "--seed", "5", "--clock", "x60")
    try:
        facts = line_of(process)
        first, second = (asyncio.run(venue_time(reach(facts["proxy"], facts["ca"]))) for _ in range(2))
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)

    assert facts["ca"] == str(tmp_path / "emulator" / "ca.pem")
    assert facts["admin"].startswith("http://127.0.0.1:")
    assert {"fapi.binance.com", "fstream.binance.com"} <= set(facts["hosts"])
    assert first < second
    assert (process.returncode, errors) == (0, "")


def test_one_that_starts_again_is_trusted_with_the_certificate_of_before(tmp_path: Path) -> None:
    certificates = []
    for _ in range(2):
        process = begin(tmp_path)
        facts = line_of(process)
        certificates.append(Path(facts["ca"]).read_bytes())
        assert asyncio.run(venue_time(reach(facts["proxy"], facts["ca"]))) > 0
        process.kill()
        process.communicate(timeout=LIMIT_S)

    assert certificates[0] == certificates[1]
    assert (tmp_path / "emulator" / "ca.key").stat().st_mode & 0o077 == 0


def test_a_script_that_the_seed_draws_is_printed_as_it_would_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text("draw: {lines: 3, within_ms: 60000}")
    process = begin(tmp_path, "--profile", str(tmp_path / "profile.yaml"), "--seed", "11")
    assert process.stdout is not None
    line_of(process)
    drawn = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_S)

    assert "".join(drawn) == text_of(script.drawn(11, 3, 60_000))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--admin-port", "0.0.0.0:8091"), "The admin port would listen on 0.0.0.0"),
        (("--venue", "binance"), "does not play 'binance'"),
        (("--clock", "x0"), "'x0' is not a valid clock"),
        (("--profile", "absent.yaml"), "cannot be read"),
        (("--profile", "faults.yaml"), "explode"),
        (("--script", "order.jsonl"), "line 2: at_ms 1 is before that of line 1, 2"),
        (("--script", "verb.jsonl"), "'POST /_/explode' is not an admin call"),
        (("--script", "absent.jsonl"), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_exit_code_64(
    tmp_path: Path, arguments: tuple[str, ...], what: str
) -> None:
    (tmp_path / "faults.yaml").write_text("faults: [{before: {explode: true}}]")
    (tmp_path / "order.jsonl").write_text('{"at_ms": 2, "do": "GET /health"}\n{"at_ms": 1, "do": "GET /health"}\n')
    (tmp_path / "verb.jsonl").write_text('{"at_ms": 2, "do": "POST /_/explode"}\n')
    arguments = tuple(str(tmp_path / part) if (tmp_path / part).exists() else part for part in arguments)
    process = begin(tmp_path, *arguments)
    out, errors = process.communicate(timeout=LIMIT_S)

    assert (process.returncode, out) == (64, "")
    assert errors.startswith("error: ")
    assert what in errors


def test_options_of_the_emulator_are_refused_for_other_services(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, *BASE[:-1], "recorder", "--clock", "manual"],
        env={**os.environ, "LIVE_RUNNER_HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert done.returncode == 2
    assert "--clock is an option of the emulator" in done.stderr
