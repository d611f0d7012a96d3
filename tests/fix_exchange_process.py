"""The local exchange as a process of its own, and the configuration with which a whole house trades there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

__all__ = ["KEY", "SECRET", "ExchangeProcess", "exchange_process", "live_config"]

KEY = "key-of-the-house"
SECRET = "secret-of-the-house"
STOP_LIMIT_S = 20.0
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
PROFILE: dict[str, Any] = {
    "symbols": [BTC, ETH],
    "timeframe": "1s",
    "accounts": [{"key": KEY, "secret": SECRET, "balances": {"USDT": "10000"}, "hedge": True}],
}
LIMIT_S = 10.0


class ExchangeProcess:
    """Where it is, and its admin calls."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    @property
    def options(self) -> dict[str, str]:
        """The way there, as ``market.options`` and an account's file have it."""
        return {"httpsProxy": self.facts["proxy"], "wssProxy": self.facts["proxy"], "cafile": self.facts["ca"]}

    def call(self, path: str, body: Any = None) -> Any:
        """One admin call, GET without a body; fails on an error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.facts['admin']}/_/{path}", data)
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return json.loads(answer.read())

    def account(self) -> dict[str, Any]:
        """Trades, positions, balances and incomes of the account, by the exchange's own ledger."""
        account: dict[str, Any] = self.call("ledger")["accounts"][KEY]
        return account

    def describe(self, home: Path, name: str = "main", key: str = KEY, mode: int = 0o600, **changed: Any) -> None:
        """Write the account's file and its keys, whose file has this ``mode``."""
        folder = home / "accounts"
        folder.mkdir(parents=True, exist_ok=True)
        keys = folder / f"{name}.json"
        keys.write_text(json.dumps({"key": key, "secret": SECRET}))
        keys.chmod(mode)
        described = {
            "venue": "binanceusdm",
            "environment": "emulator",
            "keys": {"file": keys.name},
            "options": self.options,
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(described | changed))


@contextmanager
def exchange_process(folder: Path, **profile: Any) -> Iterator[ExchangeProcess]:
    """A running one, on the wall's clock, with candles of a second."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "profile.yaml"
    path.write_text(yaml.safe_dump(PROFILE | profile))
    command = [
        sys.executable,
        "-P",
        "-m",
        "live_runner.services.cli.entry",
        "serve",
        "emulator",
        "--profile",
        str(path),
    ]
    process = subprocess.Popen(
        [*command, "--port=0", "--admin-port=0"],
        env={**os.environ, "LIVE_RUNNER_HOME": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield ExchangeProcess(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=STOP_LIMIT_S)


def live_config(path: Path, exchange: ExchangeProcess, session: str = "alpha", **changed: dict[str, Any]) -> Path:
    """A session of two symbols that crosses often; ``changed`` goes into its sections."""
    trip = {"limit": "5000", "action": "stop", "reset": "operator"}
    tree: dict[str, Any] = {
        "session": session,
        "strategy": {
            "module": "live_runner.strategies.ema_cross",
            "parameters": {"fast": 2, "slow": 4, "notional": 1000, "short": True},
        },
        "market": {
            "venue": "binanceusdm",
            "source": "ccxt",
            "symbols": [BTC, ETH],
            "timeframe": "1s",
            "options": exchange.options,
        },
        "account": {"name": "main", "equity": "10000", "leverage": "20"},
        "caps": {"order_notional": "2000", "total_notional": "8000", "open_orders": 20, "orders_per_minute": 300},
        "risk": {"daily_loss": trip},
        "execution": {"late_decision": "send", "poll_s": 0.5, "account_every_s": 2.0},
    }
    for section, fields in changed.items():
        tree[section] = tree.get(section, {}) | fields
    path.write_text(yaml.safe_dump(tree))
    return path
