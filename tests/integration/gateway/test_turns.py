"""What waits for what at the gateway: nothing that is sent for what only asks, and no symbol for another one."""

from __future__ import annotations

import asyncio

from fix_gateway import listing, query, requested, send, trading_venue

from live_runner.services.gateway.requests import READS_MAX, READS_OF_A_SYMBOL_MAX

ETH_SYMBOL = "ETH/USDT:USDT"
DEADLINE_S = 30.0
NEVER_MS = 600_000


def test_a_close_leaves_before_the_queries_that_wait() -> None:
    """O13: closes first, in what is under way as in the budget."""

    async def work() -> list[str]:
        async with trading_venue() as trading, asyncio.timeout(DEADLINE_S):
            answerer = trading.answerer()
            orders = [requested(), requested(symbol=ETH_SYMBOL, price="1500")]
            for order in orders:
                await answerer.answer(send(order))
            asked = [asyncio.create_task(answerer.answer(query(orders[at % 2]))) for at in range(50)]
            await asyncio.sleep(0)  # each has begun
            close = requested(action="close", side="sell", kind="market", reduce_only=True)
            await answerer.answer(send(close))
            await asyncio.gather(*asked)
            seen = await trading.client.get("requests", path="/fapi/v1/order")
            return [request["method"] for request in seen]

    methods = asyncio.run(work())

    assert methods.count("GET") == 50
    at = len(methods) - 1 - methods[::-1].index("POST")
    assert methods[:at].count("GET") <= READS_MAX


def test_a_symbol_without_an_answer_holds_up_no_other() -> None:
    """LIVE.md 8: more queries of one symbol than there are turns; the venue answers none of them."""

    async def work() -> tuple[list[str], int]:
        async with trading_venue() as trading, asyncio.timeout(DEADLINE_S):
            answerer = trading.answerer()
            silent, other = requested(), requested(symbol=ETH_SYMBOL, price="1500")
            for order in (silent, other):
                await answerer.answer(send(order))
            match = {"method": "GET", "path": "/fapi/v1/order", "symbol": "BTCUSDT"}
            await trading.client.add_fault(match, before={"delay_ms": NEVER_MS})
            waiting = [asyncio.create_task(answerer.answer(query(silent))) for _ in range(READS_MAX + 1)]
            await trading.client.requests(READS_OF_A_SYMBOL_MAX, method="GET", path="/fapi/v1/order")
            found = await answerer.answer(query(other))
            listed = await answerer.answer(listing("positions"))
            unanswered = sum(not task.done() for task in waiting)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            return [found.fate, listed.fate], unanswered

    assert asyncio.run(work()) == (["done", "done"], READS_MAX + 1)
