"""Positions that the local exchange holds otherwise than a live session, through the gateway and unmodified ccxt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fix_gateway import KEY, TradingAccount
from fix_live_session import DEADLINE_S, NAME, LiveSession
from fix_play import Play

from live_runner.contracts import subjects
from live_runner.services.execution.command import CommandAnswer, CommandRequest

MANUAL: dict[str, Any] = {"symbol": "BTCUSDT", "type": "MARKET"}
OTHERS = {"trades", "cash", "fees"}
"""What somebody else's trades move at the venue."""

KINDS = {
    "position_more": {"side": "BUY", "positionSide": "LONG", "quantity": "0.005"},
    "position_less": {"side": "SELL", "positionSide": "LONG", "quantity": "0.004"},
    "foreign_position": {"side": "SELL", "positionSide": "SHORT", "quantity": "0.003"},
}
LEGS = {"position_more": "long", "position_less": "long", "foreign_position": "short"}
BEFORE = {"position_more": "0.01", "position_less": "0.01", "foreign_position": "0"}
AFTER = {"position_more": "0.015", "position_less": "0.006", "foreign_position": "0.003"}


async def held(session: LiveSession) -> None:
    """A long leg of 0.01, by a market order."""
    await session.ask(quantity="0.01")
    await session.until("order.filled", lambda fill: fill.remaining == "0")


async def traded(trading: TradingAccount, kind: str) -> None:
    """Somebody trades by hand so that the difference is of that kind."""
    await trading.client.post(f"accounts/{KEY}/manual_order", MANUAL | KINDS[kind])


async def reconcile(session: LiveSession) -> list[dict[str, Any]]:
    """What the session says that differs."""
    asked = msgspec.msgpack.encode(CommandRequest(author="operator", reason="a test"))
    data = await session.bus.request(subjects.command("reconcile", NAME), asked, timeout_s=DEADLINE_S)
    answer = msgspec.msgpack.decode(data, type=CommandAnswer)
    assert answer.accepted, answer.message
    return answer.differences


def summed(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(each["leg"], each["kind"], each["ledger"], each["venue"], each["done"]) for each in found]


@pytest.mark.parametrize("remedy", ["adopt", "flatten", "halt"])
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("way", ["policy", "command"])
def test_a_difference_is_settled_as_the_operator_says(play: Play, kind: str, remedy: str, way: str) -> None:
    """G08: named with both values; adopted by the trade that made it, or flattened, once: then nothing differs.

    A halt leaves both.
    """

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        await traded(trading, kind)
        if way == "command":
            await session.until("ops.incident", lambda event: event.code == "leg_halted")
            row = (LEGS[kind], kind, BEFORE[kind], AFTER[kind], "halt")
            assert summed(await reconcile(session)) == [row]
            await session.command(f"reconcile_{remedy}")
        if remedy != "halt":
            taken = await session.until("account.reconciled")
            assert (taken.leg, taken.reason, taken.difference) == (LEGS[kind], "adopted", kind)
            assert (taken.quantity_before, taken.quantity) == (BEFORE[kind], AFTER[kind])
        if remedy == "flatten":
            await session.until("order.filled", lambda fill: fill.action != "open" and fill.remaining == "0")
        left = await reconcile(session)
        assert summed(left) == ([(LEGS[kind], kind, BEFORE[kind], AFTER[kind], "halt")] if remedy == "halt" else [])
        assert len(session.of("account.reconciled")) == (remedy != "halt")

    incidents = {"position_differs"} | ({"leg_halted"} if remedy == "halt" or way == "command" else set())
    policy = {kind: remedy} if way == "policy" else {}
    play(
        work, incidents=incidents, reconcile={"policy": policy},
        unlike=OTHERS | {"positions"} if remedy == "halt" else (),
    )  # fmt: skip


def test_an_order_of_ours_that_has_filled_is_no_difference(play: Play) -> None:
    """G08: fills whose answers are lost are looked up before anything is named."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await trading.client.add_fault({"method": "POST", "path": "/fapi/v1/order", "count": 1}, after={"drop": True})
        await held(session)
        assert summed(await reconcile(session)) == []

    play(work, reconcile={"policy": {"position_more": "flatten", "foreign_position": "flatten"}})


def test_leverage_that_is_changed_outside_halts_both_legs(play: Play) -> None:
    """G11: with both values; closes go out, and a resume lifts it."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        await session.next("account.reported")
        await trading.client.post(f"accounts/{KEY}/leverage", {"symbol": "BTCUSDT", "leverage": "7"})
        halted = await session.until("ops.incident", lambda event: event.details.get("leg") == "short")
        assert (halted.code, halted.details["kind"]) == ("leg_halted", "leverage")
        assert (halted.details["venue"], halted.details["ledger"]) == ("7", "20")
        await session.ask("add", quantity="0.01", style="market")
        refused = await session.until("order.refused")
        assert refused.reason == "leg_halted"
        await session.command("resume")
        await session.ask("close", quantity=None)
        await session.until("order.filled", lambda fill: fill.action == "close")

    play(work, incidents={"leg_halted"})


def test_a_tick_that_changes_in_mid_session_is_taken_over_once(play: Play) -> None:
    """D08: refused by the venue's new tick, reloaded, and the next intent is valid."""
    limit = {"style": "limit", "limit_price": "49000.3"}

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await trading.client.post("rules/BTCUSDT", {"tick": "0.5"})
        await session.ask(**limit)
        refused = await session.until("order.rejected")
        assert refused.code == "-4014"
        changed = await session.until("ops.incident")
        assert changed.details["changes"]["price_precision"] == ["0.1", "0.5"]
        await session.ask(**limit)
        accepted = await session.until("order.accepted")
        (stands,) = await trading.standing()
        assert (str(stands["id"]), float(stands["price"])) == (accepted.venue_order_id, 49000.5)
        assert len(session.of("market.rules_reported")) == 1

    play(work, incidents={"rules_changed"})


def test_a_market_that_is_being_settled_takes_no_entries(play: Play) -> None:
    """G10: the first refusal that says so is followed by the venue's word on the market."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await trading.client.post("rules/BTCUSDT", {"status": "SETTLING"})
        await session.ask()
        await session.until("order.rejected")
        halted = await session.until("ops.incident")
        assert (halted.code, halted.details["kind"], halted.details["venue"]) == ("leg_halted", "delisting", "SETTLING")
        await session.ask()
        refused = await session.until("order.refused")
        assert refused.reason == "leg_halted"
        assert len(await trading.sent()) == 1

    # The session begins without minima here: the venue's come with its word on the market.
    play(work, incidents={"leg_halted", "rules_changed"})


FORCED = {
    "liquidation": ("liquidate", {"symbol": "BTCUSDT"}),
    "adl": ("adl", {"symbol": "BTCUSDT", "quantity": "0.006", "price": "49500"}),
    "settlement": ("settle", {"symbol": "BTCUSDT", "price": "49900"}),
}


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("forced", list(FORCED))
def test_a_close_by_force_ends_with_the_venues_ledger(play: Play, forced: str, is_down: bool) -> None:
    """G09: while the session runs and while nobody does; fill, fee and cause are booked once and the leg is halted."""
    act, given = FORCED[forced]

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await held(session)
        if is_down:
            await session.kill()
        await trading.client.post("market/BTCUSDT/settle" if act == "settle" else f"accounts/{KEY}/{act}", given)
        if is_down:
            session.execute("two")
        booked = await session.until("account.reconciled", lambda event: event.reason == forced)
        assert (booked.leg, booked.quantity_before) == ("long", "0.01")
        assert booked.quantity == ("0.004" if forced == "adl" else "0")
        halted = await session.until("ops.incident", lambda event: event.code == "leg_halted")
        assert halted.details["kind"] == forced
        if forced == "liquidation":
            await session.until("account.reconciled", lambda event: event.reason == "insurance")
        assert len([event for event in session.of("account.reconciled") if event.reason == forced]) == 1

    play(work, incidents={"leg_halted"})
