"""A fill of a live session at the local exchange that arrives after its order has ended."""

from __future__ import annotations

import pytest
from fix_gateway import TradingAccount
from fix_live_session import LiveSession
from fix_play import Play

ORDER = "/fapi/v1/order"
REST = {"style": "limit", "limit_price": "49000"}


@pytest.mark.parametrize("part", ["0.004", "0.01"])
def test_a_fill_that_arrives_after_the_end_of_its_order_is_booked_once(play: Play, part: str) -> None:
    """O23: the venue confirms the cancel, and fills the order all the same."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.ask(**REST, time_to_live_ns=30_000_000_000)
        await session.until("order.accepted")
        late = await trading.client.add_fault({"method": "DELETE", "path": ORDER}, after={"fill": part})
        await trading.client.pass_time(31)
        await session.until("order.cancelled")
        fill = await session.until("order.filled")

        assert fill.quantity == part
        assert await trading.client.lift(late) == 1

    play(work, incidents={"fill_after_end"})
