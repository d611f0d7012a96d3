"""``live-runner account check`` at the local exchange: 0, 64 or 66, with everything that is wrong, and nothing sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fix_exchange_process import KEY, SECRET, ExchangeProcess, exchange_process, live_config

LIMIT_S = 120
ACCOUNT: dict[str, Any] = {"key": KEY, "secret": SECRET, "balances": {"USDT": "10000"}, "hedge": True}
ACCOUNTS = [
    ACCOUNT,
    ACCOUNT | {"key": "key-that-may-not-trade", "may_trade": False},
    ACCOUNT | {"key": "key-that-may-withdraw", "may_withdraw": True},
    ACCOUNT | {"key": "key-in-one-way-mode", "hedge": False, "leverage": 5},
    ACCOUNT | {"key": "key-with-orders"},
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    with exchange_process(tmp_path_factory.mktemp("exchange"), accounts=ACCOUNTS) as running:
        yield running


def check(home: Path, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "live_runner.services.cli.main", "account", "check", str(config)]
    environment = {**os.environ, "LIVE_RUNNER_HOME": str(home)}
    environment.pop("NATS_URL", None)
    return subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def kinds(answer: subprocess.CompletedProcess[str]) -> list[str]:
    found: list[str] = [finding["kind"] for finding in json.loads(answer.stdout)["findings"]]
    return found


def test_an_account_as_it_has_to_be(exchange: ExchangeProcess, tmp_path: Path) -> None:
    """Without NATS, database or services; neither key nor secret is shown, and nothing is sent."""
    exchange.describe(tmp_path)
    config = live_config(tmp_path / "alpha.yaml", exchange)
    shown, facts = check(tmp_path, config), check(tmp_path, config, "--json")

    assert (shown.returncode, facts.returncode) == (0, 0), shown.stderr + facts.stderr
    assert "A session may begin." in shown.stdout
    assert "10000 USDT" in shown.stdout
    found = json.loads(facts.stdout)
    assert found["may_begin"] is True
    assert found["settings"]["leverage"] == {"BTC/USDT:USDT": "20", "ETH/USDT:USDT": "20"}
    assert [rules["symbol"] for rules in found["rules"]] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert (found["key"], found["positions"], found["open_orders"]) == (f"...{KEY[-4:]}", [], [])
    assert abs(found["clock_ahead_s"]) < 60
    for secret in (KEY, SECRET):
        assert secret not in shown.stdout + shown.stderr + facts.stdout
    assert exchange.call("requests?method=POST") == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("key-that-may-not-trade", ["no_trade_permission"]),
        ("key-in-one-way-mode", ["position_mode_differs", "leverage_differs", "leverage_differs"]),
        ("key-of-nobody", ["keys_refused"]),
    ],
)
def test_what_the_venue_says_against_it_ends_with_66(
    exchange: ExchangeProcess, tmp_path: Path, key: str, expected: list[str]
) -> None:
    """G11: mode, leverage and permission at the start, everything at once."""
    exchange.describe(tmp_path, key=key)
    answer = check(tmp_path, live_config(tmp_path / "alpha.yaml", exchange), "--json")

    assert answer.returncode == 66, answer.stderr
    assert kinds(answer)[: len(expected)] == expected
    assert json.loads(answer.stdout)["may_begin"] is False


def test_a_key_that_may_withdraw_is_said_and_with_strict_refused(exchange: ExchangeProcess, tmp_path: Path) -> None:
    exchange.describe(tmp_path, key="key-that-may-withdraw")
    config = live_config(tmp_path / "alpha.yaml", exchange)
    noted, refused = check(tmp_path, config), check(tmp_path, config, "--strict")

    assert (noted.returncode, refused.returncode) == (0, 66)
    assert "note: withdrawals_permitted" in noted.stdout
    assert "refused: withdrawals_permitted" in refused.stdout


def test_orders_and_positions_are_listed_with_every_id(exchange: ExchangeProcess, tmp_path: Path) -> None:
    """G05."""
    exchange.describe(tmp_path, key="key-with-orders")
    order = {"symbol": "ETHUSDT", "side": "BUY", "positionSide": "LONG", "quantity": "0.02"}
    placed = exchange.call(
        "accounts/key-with-orders/manual_order",
        {**order, "type": "LIMIT", "timeInForce": "GTC", "price": "1000"},
    )
    exchange.call("accounts/key-with-orders/manual_order", {**order, "type": "MARKET"})
    answer = check(tmp_path, live_config(tmp_path / "alpha.yaml", exchange))

    assert answer.returncode == 66, answer.stderr
    for text in ("untracked_order", "foreign_position", str(placed["orderId"]), placed["clientOrderId"]):
        assert text in answer.stdout
    assert "0.02 ETH/USDT:USDT long" in answer.stdout


@pytest.mark.parametrize(
    ("described", "changed", "text"),
    [
        ({"mode": 0o644}, {}, "can be read by others"),
        ({"environment": "real"}, {}, "lead to an emulator"),
        ({"venue": "bybit"}, {}, "venue_not_rehearsed"),
        ({"venue": "okx"}, {}, "The account main is at okx"),
        ({}, {"caps": {"total_notional": None}}, "caps.total_notional"),
        ({}, {"account": {"name": "nobody"}}, "nobody is not described"),
        ({}, {"market": {"options": {"maxRetriesOnFailure": 3}}}, "maxRetriesOnFailure"),
    ],
)
def test_a_configuration_that_keeps_it_from_beginning_ends_with_64(
    exchange: ExchangeProcess, tmp_path: Path, described: dict[str, Any], changed: dict[str, Any], text: str
) -> None:
    exchange.describe(tmp_path, **described)
    answer = check(tmp_path, live_config(tmp_path / "alpha.yaml", exchange, **changed))

    assert answer.returncode == 64, answer.stdout + answer.stderr
    assert text in answer.stderr
    assert answer.stderr.count("\n") == 1
