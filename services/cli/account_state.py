"""What stands at a venue account, for people: asked through its gateway, worded line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_runner.contracts.errors import ConfigError

if TYPE_CHECKING:
    from live_runner.contracts.config import Config
    from live_runner.services.execution.core.guard import Found
    from live_runner.services.gateway.account_file import AccountFile

__all__ = ["account_view", "read_account_of", "state_lines"]


def read_account_of(config: Config, home: Path, environ: Mapping[str, str]) -> AccountFile:
    """The file of the session's account, with keys where it says; ConfigError where it does not fit the session."""
    from live_runner.services.gateway.account_file import credentials_of, read_account

    name = str(config.account.name)
    account = read_account(home, name)
    credentials_of(account, home, environ)
    if account.venue != config.market.venue:
        raise ConfigError(
            f"The account {name} is at {account.venue}, the session's market at {config.market.venue}",
            remedy="Set market.venue, or name another account",
            key="account.name",
        )
    is_emulated = "httpsProxy" in config.market.options and "cafile" in config.market.options
    if is_emulated != (account.environment == "emulator"):
        where = "an emulator" if is_emulated else "the venue"
        raise ConfigError(
            f"The market's candles come from {where}, and the account {name} is in the environment "
            f"{account.environment}",
            remedy="Let both lead to one place: market.options, and options and environment of the account's file",
            key="market.options",
        )
    return account


def account_view(found: Found) -> dict[str, Any]:
    """What stands there, for programs; what the venue did not answer is None."""
    facts = found.account.account
    lists = {
        "balances": (found.balances, found.balances.balances),
        "positions": (found.positions, found.positions.positions),
        "open_orders": (found.every_order, _orders(found)),
    }
    return {
        "settings": facts if found.account.fate == "done" else None,
        "rules": found.rules.rules if found.rules.fate == "done" else None,
        **{name: value if outcome.fate == "done" else None for name, (outcome, value) in lists.items()},
    }


def state_lines(found: Found) -> Iterator[str]:
    """What stands there, for people."""
    facts = found.account.account
    if facts is None:
        yield f"settings: not known ({found.account.fate} {found.account.code})"
    else:
        permissions = f"trade {_yes(facts.can_trade)}, withdraw {_yes(facts.can_withdraw)}"
        leverages = ", ".join(
            f"{symbol} x{leverage} {facts.margin_mode.get(symbol, '')}".strip()
            for symbol, leverage in facts.leverage.items()
        )
        yield f"settings: position mode {facts.position_mode}; {leverages}; the key may: {permissions}"
    balances = (f"{each.total} {each.currency}" for each in found.balances.balances if each.total != "0")
    yield _line("balances", found.balances.fate, list(balances))
    held = (f"{each.quantity} {each.symbol} {each.leg} at {each.average or '?'}" for each in found.positions.positions)
    yield _line("positions", found.positions.fate, list(held))
    orders = [
        f"{each['side']} {each['quantity']} {each['kind']} {each['symbol']} {each['leg']} "
        f"at {each['price'] or each['trigger'] or 'market'} ({', '.join(f'{n} {v}' for n, v in each['ids'].items())})"
        for each in _orders(found)
    ]
    yield _line("open orders", found.every_order.fate, orders)


def _line(name: str, fate: str, items: list[str]) -> str:
    if fate != "done":
        return f"{name}: not known ({fate})"
    return f"{name}: {'; '.join(items) or 'none'}"


def _yes(given: bool | None) -> str:
    return {True: "yes", False: "no", None: "not known"}[given]


def _orders(found: Found) -> list[dict[str, Any]]:
    from live_runner.services.execution.core.guard import standing

    return [
        {
            "symbol": order.symbol,
            "side": order.side,
            "leg": order.leg,
            "kind": order.kind,
            "quantity": order.quantity,
            "filled": order.filled,
            "price": order.price,
            "trigger": order.trigger,
            "reduce_only": order.reduce_only,
            "ids": ids,
        }
        for order, ids in standing(found)
    ]
