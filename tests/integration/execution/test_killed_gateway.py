"""P11: `kill -9` of the gateway between every two of its effects, and another one in its place."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fix_gateway import trading_venue
from fix_live_session import LiveSession, announced_session
from fix_nats import BusFactory
from killed_gateway import ORDER, RECV_WINDOW_MS, KilledGateway
from killed_session import Point, asked, replies
from nats_gate import nats_gate

DEADLINE_S = 60.0
FAST: dict[str, Any] = {"send_window_s": 0.5, "recv_window_ms": RECV_WINDOW_MS, "max_resend_age_s": 600.0}
LIMIT = {"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "30000"}


POINTS: dict[str, Point | str] = {
    "order asked for, not sent": asked("send"),
    "order sent, not answered": "POST",
    "order answered by the venue, not by the gateway": replies("send"),
    "cancel asked for, not sent": asked("cancel"),
    "cancel sent, not answered": "DELETE",
    "cancel answered by the venue, not by the gateway": replies("cancel"),
}


@pytest.mark.parametrize("name", POINTS)
def test_a_gateway_that_is_killed_loses_and_doubles_no_order(
    name: str, bus_factory: BusFactory, tmp_path: Path
) -> None:
    """P11, O12: what it was asked is not waited for once another one answers; then the order is looked up."""
    point = POINTS[name]

    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue("wall") as trading,
            nats_gate(bus_factory.url) as (gate, url),
        ):  # fmt: skip
            gateway = KilledGateway(bus, tmp_path, gate, url)
            gateway.describe(trading)
            await gateway.start()
            async with announced_session(bus, trading, tmp_path, gateway=False, **FAST) as session:
                await begin(session)
                entry = {**LIMIT, "time_to_live_ns": 300_000_000} if "cancel" in name else LIMIT

                async def decide() -> None:
                    await session.decide(entry)

                await gateway.killed_at(point, trading, decide)
                await gateway.start()
                await session.until("order.cancelled" if "cancel" in name else "order.accepted")
                sent = await trading.client.get("requests", method="POST", path=ORDER)
                assert [request["executed"] for request in sent] == [True]
                await session.agree(trading)
            await gateway.kill()

    asyncio.run(run())


async def begin(session: LiveSession) -> None:
    session.execute()
    await session.until("session.joined")
    await session.bus.publish(session.started)
    await session.bar()
