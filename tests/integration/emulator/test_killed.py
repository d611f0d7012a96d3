"""A venue that is killed is the same venue when it starts again: orders, fills, balances, keys, the clock."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from fix_emulator import ACCOUNT, EmulatorClient

from live_runner.services.emulator import journal

BTC = "BTC/USDT:USDT"
LIMIT_S = 60
PROFILE = {"symbols": [BTC], "accounts": [ACCOUNT], "start": "2025-06-01T10:00:10Z"}


@contextmanager
def served(folder: Path, **profile: Any) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """An emulator as a process, killed at the end."""
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(PROFILE | profile))
    command = ["-P", "-m", "live_runner.services.cli.entry", "serve", "emulator", "--port=0", "--admin-port=0"]
    options = [f"--profile={path}", "--clock=manual", f"--state={folder / 'state'}"]
    process = subprocess.Popen(
        [sys.executable, *command, *options],
        env={**os.environ, "LIVE_RUNNER_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, yaml.safe_load(line) if line else {}
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


async def trade(facts: dict[str, Any], number: int) -> dict[str, Any]:
    """Orders of every kind, some time, and then what the venue knows."""
    async with aiohttp.ClientSession() as http:
        venue = EmulatorClient(facts, http)
        async with venue.exchange(ACCOUNT) as exchange:
            await exchange.load_time_difference()
            price = (await exchange.fetch_ticker(BTC))["last"]
            await exchange.create_order(BTC, "market", "buy", 0.01)
            await exchange.create_order(
                BTC, "limit", "buy", 0.01, round(price * 0.97, 1), {"clientOrderId": f"k{number}"}
            )
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": round(price * 0.98, 1)})
            await exchange.fapiPrivatePostListenKey()
            await venue.post("clock", {"advance_ms": 150_000})
            await venue.post(f"orders/k{number}/fill", {"quantity": "0.002"})
            return await state_of(venue)


async def state_of(venue: EmulatorClient) -> dict[str, Any]:
    """What must not be lost."""
    assert await venue.get("invariants") == []
    return {"ledger": await venue.get("ledger"), "now_ms": (await venue.get("clock"))["now_ms"]}


async def looked_at(facts: dict[str, Any]) -> dict[str, Any]:
    """The state of a venue that has just started."""
    async with aiohttp.ClientSession() as http:
        return await state_of(EmulatorClient(facts, http))


def test_a_killed_venue_goes_on_where_it_was(tmp_path: Path) -> None:
    with served(tmp_path) as (_, facts):
        first = asyncio.run(trade(facts, 1))
    with served(tmp_path) as (_, facts):
        assert asyncio.run(looked_at(facts)) == first
        second = asyncio.run(trade(facts, 2))
    with served(tmp_path) as (_, facts):
        assert asyncio.run(looked_at(facts)) == second

    assert len(second["ledger"]["orders"]) > len(first["ledger"]["orders"]) > 1


def test_a_line_that_was_cut_off_is_of_an_input_that_nobody_was_told_of(tmp_path: Path) -> None:
    with served(tmp_path) as (_, facts):
        first = asyncio.run(trade(facts, 1))
    (path,) = (tmp_path / "state").glob("venue-*.jsonl")
    with path.open("ab") as file:
        file.write(b'["handle",17')
    with served(tmp_path) as (_, facts):
        assert asyncio.run(looked_at(facts)) == first


def test_a_state_of_another_profile_is_refused(tmp_path: Path) -> None:
    with served(tmp_path):
        pass
    with served(tmp_path, seed=2) as (process, facts):
        assert facts == {}
        _, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 64
        assert "another profile" in errors


def test_a_snapshot_takes_the_place_of_a_long_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LINES_MAX", 3)
    kept = journal.Journal(tmp_path, "a")
    kept.begin({"orders": 0})
    for number in range(3):
        assert not kept.is_full
        kept.append(["act", number], durable=True)
    assert kept.is_full
    kept.begin({"orders": 3})
    kept.append(["act", 3], durable=False)
    kept.close()

    stored, entries = journal.Journal(tmp_path, "a").load()
    assert (stored, list(entries)) == ({"orders": 3}, [["act", 3]])
    assert len(list(tmp_path.glob("venue-*.jsonl"))) == 1
