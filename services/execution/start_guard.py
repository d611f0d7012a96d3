"""Asks the venue, through the account's gateway, for what the start guard looks at; refuses a session by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.errors import SessionRefused
from live_runner.contracts.gateway import GatewayRequest, Outcome, Verb
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import Announced
from live_runner.contracts.stages import SENDING_STAGES
from live_runner.services.execution.core.guard import (
    UNPROVEN,
    Finding,
    Found,
    Known,
    findings,
    symbols_of,
    unlisted,
)
from live_runner.services.execution.gateway_client import ask_gateway
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import moment

__all__ = ["Ask", "asking", "check_start", "look_at", "owners_of"]

TRY_AGAIN_FIRST_S: Final = 1.0
"""What the venue does not prove is asked for again after so long, then each time after twice the pause."""
SHOWN_MAX: Final = 5
"""Findings in the sentence of a refusal; its details have all of them."""


class Ask(Protocol):
    """One request to the gateway."""

    async def __call__(self, verb: Verb, **fields: Any) -> Outcome:
        """``fields`` are those of ``GatewayRequest``."""


def asking(bus: Bus, config: Config, session: str) -> Ask:
    """Requests of a session to the gateway of its account."""

    async def ask(verb: Verb, **fields: Any) -> Outcome:
        named = {"session": session, "position_mode": config.account.position_mode, **fields}
        request = GatewayRequest(verb=verb, account=str(config.account.name), made=moment(), **named)
        return await ask_gateway(bus, request)

    return ask


def owners_of(announced: Announced, under_way: Iterable[Announced]) -> Mapping[str, str]:
    """By symbol the other session of the same account that trades it, of those that are under way."""
    account = announced.config["account"].get("name")
    owners: dict[str, str] = {}
    for other in under_way:
        if other.session == announced.session or other.stage not in SENDING_STAGES:
            continue
        if other.config["account"].get("name") == account:
            owners |= dict.fromkeys(config_of(other.config).market.symbols, other.session)
    return owners


async def look_at(ask: Ask, known: Known) -> Found:
    """Everything that the rules are about. What changes by itself is asked for last."""
    symbols = tuple(known.config.market.symbols)
    account = await ask("account", symbols=symbols)
    if account.code == "gateway_away":
        return Found(account, account, account, account, account)
    rules = await ask("rules", symbols=symbols)
    listed = tuple(instrument.symbol for instrument in rules.rules)
    balances = await ask("balances")
    positions = await ask("positions")
    every_order = await ask("open_orders")
    # A symbol that the venue does not have cannot be asked for, and blocks by itself.
    asked = [symbol for symbol in symbols_of(known, positions) if symbol in listed or symbol not in symbols]
    orders_of = {symbol: await ask("open_orders", symbols=(symbol,)) for symbol in asked}
    found = Found(account, rules, balances, positions, every_order, orders_of)
    lookups = {
        order.client_order_id: await ask("query", effect=order, since_ns=order.requested_ns)
        for order in unlisted(known, found)
    }
    return Found(account, rules, balances, positions, every_order, orders_of, lookups)


async def check_start(ask: Ask, known: Callable[[], Known], *, limit_s: float) -> Sequence[Finding]:
    """What should be known and does not block; SessionRefused with every finding otherwise.

    What is not proven is asked for again for so long; ``known`` is read each time.
    """
    pause_s, deadline = TRY_AGAIN_FIRST_S, asyncio.get_running_loop().time() + limit_s
    while True:
        now = known()
        found = findings(now, await look_at(ask, now))
        blocking = [finding for finding in found if finding.blocks]
        if not blocking:
            return found
        may_pass = any(finding.kind in (*UNPROVEN, "tracked_order_missing_at_venue") for finding in blocking)
        if not may_pass or asyncio.get_running_loop().time() + pause_s > deadline:
            raise _refusal(str(now.config.account.name), blocking, found)
        await asyncio.sleep(pause_s)
        pause_s *= 2


def _refusal(account: str, blocking: Sequence[Finding], found: Sequence[Finding]) -> SessionRefused:
    more = f"; and {len(blocking) - SHOWN_MAX} more" if len(blocking) > SHOWN_MAX else ""
    shown = "; ".join(finding.what for finding in blocking[:SHOWN_MAX])
    remedies = list(dict.fromkeys(finding.remedy for finding in blocking[:SHOWN_MAX]))
    return SessionRefused(
        f"The account {account} is not as the session has to find it: {shown}{more}",
        remedy=". ".join(remedies),
        reason=blocking[0].kind,
        account=account,
        findings=msgspec.to_builtins(found),
    )
