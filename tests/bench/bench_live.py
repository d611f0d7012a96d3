"""Orders at a venue: how long one takes from the bar to the wire, and what the way through our processes costs.

Execution, the account's gateway, NATS and the emulator are processes of their own; the bench is market data and
strategy. Beside each figure, in the same run and at the same emulator: the same with bare processes (bare_orders.py),
or unmodified ccxt called from here. The emulator's wire log has the moment of each request in whole milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ccxt.pro
import nats
import uvloop
from bench.bare_orders import make_stream, place
from bench.house import resident_mib
from bench.live_house import BARE_KEY, BARE_SECRET, POLL_S, READY_LIMIT_S, TEN, Bench, bench, program
from bench.live_inputs import Inputs
from bench.table import Row, entry, note, percentile

from live_runner.contracts.core import QueryOrder, SendOrder
from live_runner.contracts.ids import client_order_id
from live_runner.contracts.messages import Accepted, Filled, Instrument, Owned, Report, Requested, Settled
from live_runner.services.runtime.config.settings import NatsSync

NOTIONAL = Decimal(200)
WINDOW_S = 61
"""The venue counts the weight of requests by the minute."""
QUERIES = 50
"""That wait while one close is sent."""
RESTING = 120
"""Open orders over a restart."""
OTHER = {"buy": "sell", "sell": "buy"}
WARMING = 6
"""Rounds at the beginning that do not count: an even number, so that a leg is flat after them."""


# -- from a bar to the wire ------------------------------------------------------------------------


def amount(inputs: Inputs, instrument: Instrument) -> str:
    """A quantity worth about ``NOTIONAL``, in whole lots."""
    lot = Decimal(instrument.lot_size)
    return format(max(lot, NOTIONAL / Decimal(str(inputs.prices[instrument.symbol])) // lot * lot), "f")


async def way_of_an_order(made: Bench, inputs: Inputs, rounds: int) -> list[float]:
    """Milliseconds from a bar set's publishing to its order at the emulator; a leg is opened and closed in turns."""
    symbol = TEN[0]
    quantity = amount(inputs, inputs.started.instruments[0])
    number, found = await made.venue.last(), []
    for at in range(rounds):
        start = len(inputs.log)
        published_ns = await inputs.bar()
        await inputs.next(start, Settled)
        action = {"action": "close"} if at % 2 else {"action": "open", "quantity": quantity, "style": "market"}
        await inputs.decide({"symbol": symbol, "leg": "long", **action})
        (order,) = await made.venue.orders(number)
        number = order["n"]
        await inputs.next(start, Filled)
        found.append(order["at_ms"] - published_ns / 1e6)
    return found[WARMING:]


async def bare_way(made: Bench, inputs: Inputs, rounds: int) -> list[float]:
    """The same through bare processes: the messages' bytes, three acknowledged publishes and a request."""
    url = made.home.url
    await make_stream(url)
    logs = made.home.settings.logs
    script = str(Path(__file__).with_name("bare_orders.py"))
    options = json.dumps(made.venue.options)
    with (
        program(script, "gateway", url, options, BARE_KEY, BARE_SECRET, output=logs / "bare_gateway.out"),
        program(script, "execution", url, output=logs / "bare_execution.out"),
    ):
        client = await nats.connect(url)
        log = client.jetstream()
        settled = await log.subscribe("bare.settled", ordered_consumer=True)
        quantity = float(amount(inputs, inputs.started.instruments[0]))
        number, found = await made.venue.last(), []
        for at in range(rounds):
            published_ns = time.time_ns()
            await log.publish("bare.set", b"x" * 600)
            await settled.next_msg(timeout=READY_LIMIT_S)
            order = {"symbol": TEN[0], "side": "sell" if at % 2 else "buy", "amount": quantity, "price": None}
            await log.publish("bare.decided", json.dumps([order | {"leg": "long"}]).encode())
            (came,) = await made.venue.orders(number)
            number = came["n"]
            found.append(came["at_ms"] - published_ns / 1e6)
        await client.close()
    return found[WARMING:]


async def several(made: Bench, inputs: Inputs, count: int, rounds: int) -> tuple[float, float]:
    """Milliseconds from the first to the last of so many orders of one bar at the emulator, ours and bare ccxt's."""
    legs = [(instrument, leg) for leg in ("long", "short") for instrument in inputs.started.instruments][:count]
    ours, bare = [], []
    async with made.exchange() as exchange:
        for at in range(rounds):
            start, number = len(inputs.log), await made.venue.last()
            await inputs.bar()
            await inputs.next(start, Settled)
            asked: list[dict[str, Any]] = []
            for instrument, leg in legs:
                action = {"action": "open", "quantity": amount(inputs, instrument), "style": "market"}
                asked.append({"symbol": instrument.symbol, "leg": leg, **({"action": "close"} if at % 2 else action)})
            decided_ms = time.time_ns() / 1e6
            await inputs.decide(*asked)
            came = await made.venue.orders(number, count)
            ours.append(came[-1]["at_ms"] - decided_ms)
            await inputs.count(start, Filled, count)
            if at % 2:
                continue
            number = await made.venue.last()
            orders: list[dict[str, Any]] = [
                {"symbol": instrument.symbol, "side": "buy" if leg == "long" else "sell", "price": None, "leg": leg,
                 "amount": float(amount(inputs, instrument))}
                for instrument, leg in legs
            ]  # fmt: skip
            began_ms = time.time_ns() / 1e6
            await asyncio.gather(*(place(exchange, order) for order in orders))
            came = await made.venue.orders(number, count)
            bare.append(came[-1]["at_ms"] - began_ms)
            await asyncio.gather(*(place(exchange, order | {"side": OTHER[order["side"]]}) for order in orders))
    return median(ours), median(bare)


# -- the gateway -----------------------------------------------------------------------------------


async def timed(call: Callable[[], Awaitable[Any]], rounds: int) -> list[float]:
    """Milliseconds of a call, one after another."""
    found = []
    for _ in range(rounds + WARMING):
        began = time.perf_counter()
        await call()
        found.append((time.perf_counter() - began) * 1e3)
    return found[WARMING:]


async def rest(made: Bench, inputs: Inputs, count: int) -> list[Requested]:
    """So many limits of our session that stand at the venue, a tenth below the price: adds to ten legs."""
    found: list[Requested] = []
    start = len(inputs.log)
    await inputs.bar()
    await inputs.next(start, Settled)
    market = {"leg": "long", "action": "open", "style": "market"}
    legs = inputs.started.instruments
    await inputs.decide(*({"symbol": each.symbol, "quantity": amount(inputs, each), **market} for each in legs))
    await inputs.count(start, Filled, len(legs))
    while len(found) < count:
        start = len(inputs.log)
        await inputs.bar()
        await inputs.next(start, Settled)
        asked: list[dict[str, Any]] = []
        for each in legs[: count - len(found)]:
            price = Decimal(str(inputs.prices[each.symbol] * 0.9)) // Decimal(each.tick_size) * Decimal(each.tick_size)
            limit = {"quantity": amount(inputs, each), "style": "limit", "limit_price": format(price, "f")}
            asked.append({"symbol": each.symbol, "leg": "long", "action": "add", **limit})
        await inputs.decide(*asked)
        found += await inputs.count(start, Requested, len(asked))
        await inputs.count(start, Accepted, len(asked))
    return found


async def cost_of_the_gateway(made: Bench, order: Requested, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of a query of one order that stands: through the gateway, and by bare ccxt in this process."""
    effect = QueryOrder(order.order_id, order.client_order_id, order.symbol, order.kind)
    async with made.exchange() as exchange:
        placed = await place(exchange, {"symbol": order.symbol, "side": "buy", "amount": float(order.quantity),
                                        "price": float(order.price or 0), "leg": "long"})  # fmt: skip
        ours = await timed(lambda: made.ask("query", effect=effect), rounds)
        bare = await timed(lambda: exchange.fetch_order(placed["id"], order.symbol), rounds)
        await exchange.cancel_order(placed["id"], order.symbol)
    return ours, bare


async def close_among_queries(made: Bench, inputs: Inputs, order: Requested, rounds: int) -> tuple[float, float]:
    """Milliseconds until a close has its answer: while ``QUERIES`` queries wait at the gateway, and alone."""
    effect = QueryOrder(order.order_id, order.client_order_id, order.symbol, order.kind)
    epoch = [event for event in inputs.log if isinstance(event, Owned) and event.role == "execution"][-1].epoch
    alone: list[float] = []
    among: list[float] = []
    for at in range(rounds):
        for queries, found in ((0, alone), (QUERIES, among)):
            waiting = [asyncio.create_task(made.ask("query", effect=effect)) for _ in range(queries)]
            await asyncio.sleep(0)
            close = refused_close(order, f"{queries}{at}")
            began = time.perf_counter()
            await made.ask("send", effect=SendOrder(close, False), session=inputs.session, epoch=epoch, stream_seq=1)
            found.append((time.perf_counter() - began) * 1e3)
            await asyncio.gather(*waiting)
    return median(among), median(alone)


def refused_close(order: Requested, number: str) -> Requested:
    """A close of a leg that is flat: the venue answers it, and nothing changes."""
    return Requested(
        id=f"bench/execution/{number}", session=order.session, source="execution", seq=1, event_ns=order.event_ns,
        order_id=f"bench/{number}", client_order_id=client_order_id(f"bench/{number}"), intent_id="bench", attempt=1,
        symbol=order.symbol, leg="short", side="buy", action="close", kind="market", quantity=order.quantity,
        price=None, reduce_only=True, reference_price="1", expires_ns=None, reason="",
    )  # fmt: skip


# -- fills and restarts ----------------------------------------------------------------------------


async def way_of_a_fill(made: Bench, inputs: Inputs, orders: Sequence[Requested]) -> list[float]:
    """Milliseconds from the frame of a trade at the emulator to its ``order.filled`` in the log."""
    found = []
    for order in orders:
        start, last = len(inputs.log), await made.venue.last_frame()
        await made.venue.post(f"orders/{order.client_order_id}/fill", {"quantity": order.quantity})
        filled = await inputs.next(start, Filled)
        found.append(filled.recorded_ns / 1e6 - await made.venue.frame_ms(last))
    return found


async def bare_fill(made: Bench, order: Requested, rounds: int) -> list[float]:
    """The same to the return of ``watch_my_trades`` of ccxt.pro."""
    found: list[float] = []
    pro = lambda options, key, secret: ccxt.pro.binanceusdm(  # noqa: E731  # one line, used once
        {**options, "enableRateLimit": False, "apiKey": key, "secret": secret, "options": {"fetchCurrencies": False}}
    )
    async with made.exchange(pro) as exchange:
        before = (await made.venue.get("health"))["connections"]
        watching = asyncio.create_task(exchange.watch_my_trades())
        while (await made.venue.get("health"))["connections"] == before:  # noqa: ASYNC110  # it is another process's
            await asyncio.sleep(POLL_S)
        for _ in range(rounds):
            placed = await place(exchange, {"symbol": order.symbol, "side": "buy", "amount": float(order.quantity),
                                            "price": float(order.price or 0), "leg": "long"})  # fmt: skip
            last = await made.venue.last_frame()
            await made.venue.post(f"orders/{placed['id']}/fill", {"quantity": order.quantity})
            await asyncio.wait_for(watching, READY_LIMIT_S)
            at_ms = time.time_ns() / 1e6
            found.append(at_ms - await made.venue.frame_ms(last))
            watching = asyncio.create_task(exchange.watch_my_trades())
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return found


async def restart(made: Bench, inputs: Inputs, orders: Sequence[Requested]) -> tuple[float, float]:
    """Seconds from a ``kill -9`` of execution to the report on every open order; and of as many bare calls."""
    start = len(inputs.log)
    began = time.perf_counter()
    made.restart(inputs.session)
    await inputs.next(start, Owned)
    waiting = {order.client_order_id for order in orders}
    while waiting:
        report = await inputs.next(start, Report)
        start = inputs.log.index(report) + 1
        waiting.discard(report.client_order_id)
    ours = time.perf_counter() - began
    async with made.exchange() as exchange:
        order = orders[0]
        placed = await place(exchange, {"symbol": order.symbol, "side": "buy", "amount": float(order.quantity),
                                        "price": float(order.price or 0), "leg": "long"})  # fmt: skip
        began = time.perf_counter()
        for _ in orders:
            await exchange.fetch_order(placed["id"], order.symbol)
        bare = time.perf_counter() - began
        await exchange.cancel_order(placed["id"], order.symbol)
    return ours, bare


def import_cost() -> tuple[float, float]:
    """Seconds and MiB of a process that has imported ccxt's Binance alone."""
    statement = (
        "import ccxt.async_support.binance, sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()"
    )
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-P", "-c", statement], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        took, mib = time.perf_counter() - began, resident_mib(child.pid)
        child.communicate(timeout=READY_LIMIT_S)
    return took, mib


async def with_a_full_budget() -> None:
    """Wait until the venue's window is over: what came before would be the next figure's delay."""
    note(f"waiting {WINDOW_S} s for the venue's budget of requests")
    await asyncio.sleep(WINDOW_S)


# -- the table -------------------------------------------------------------------------------------


def rows(quick: bool) -> list[Row]:
    """Both sync settings; what does not depend on it with the default alone."""
    found: list[Row] = []
    for sync in ("default", "always"):
        found += uvloop.run(measured(sync, quick))
    return found


async def measured(sync: NatsSync, quick: bool) -> list[Row]:
    """One setting's figures."""
    rounds = WARMING + (20 if quick else 60)
    note(f"orders, sync {sync}")
    async with bench(sync) as made, made.session(f"live-{sync}") as inputs:
        ours = await way_of_an_order(made, inputs, rounds)
        floor = await bare_way(made, inputs, rounds)
        found = [
            Row(
                what=f"bar set published to order at the venue, p{percent}, sync {sync}",
                figure=percentile(ours, percent), unit="ms", floor=percentile(floor, percent),
                beside="bare chain: three publishes, a request, ccxt", better="less", goal_is="ratio",
                goal=None if percent == 50 else 2.0 if sync == "default" else 3.0, details=f"{len(ours)} orders",
            )
            for percent in (50, 99)
        ]  # fmt: skip
        if sync == "default":
            found += await of_the_gateway(made, inputs, quick)
    return found


async def of_the_gateway(made: Bench, inputs: Inputs, quick: bool) -> list[Row]:
    """Figures that hang on the gateway and the venue alone."""
    found: list[Row] = []

    def row(
        what: str, figure: float, floor: float, beside: str, goal: float | None, unit: str = "ms", details: str = ""
    ) -> None:
        found.append(
            Row(what=what, figure=figure, unit=unit, floor=floor, beside=beside, goal=goal, goal_is="ratio",
                better="less", details=details)
        )  # fmt: skip

    for count in (1, 5, 20):
        if count != 1:
            await with_a_full_budget()
        ours, bare = await several(made, inputs, count, 2 if quick else 6)
        row(f"{count} orders of one bar, decision to the last at the venue", ours, bare, "bare ccxt, gathered", 1.5)
    await with_a_full_budget()
    orders = await rest(made, inputs, 20 if quick else RESTING)
    note("queries, fills, a restart")
    asked, bare_asked = await cost_of_the_gateway(made, orders[0], 20 if quick else 100)
    row("query through the gateway, p50", percentile(asked, 50), percentile(bare_asked, 50), "bare ccxt", None,
        details=f"{percentile(asked, 50) - percentile(bare_asked, 50):.2f} ms more; the goal is 0.5")  # fmt: skip
    among, alone = await close_among_queries(made, inputs, orders[0], 2 if quick else 6)
    row(f"close while {QUERIES} queries wait", among, alone, "one close alone", 1.2)
    await with_a_full_budget()
    took, bare_took = await restart(made, inputs, orders)
    row(f"kill -9 with {len(orders)} open orders to all of them known", took, bare_took, "as many bare calls", 1.5, "s")
    fills = await way_of_a_fill(made, inputs, orders[: 10 if quick else 40])
    bare_fills = await bare_fill(made, orders[0], 10 if quick else 40)
    for percent, goal in ((50, None), (99, 2.0)):
        row(f"trade at the venue to order.filled, by stream, p{percent}", percentile(fills, percent),
            percentile(bare_fills, percent), "watch_my_trades returns", goal)  # fmt: skip
    import_s, import_mib = import_cost()
    row("start of the gateway to its first answer", made.gateway_s, import_s, "import of ccxt's binance", None, "s")
    row("memory of the gateway", made.gateway_mib, import_mib, "import of ccxt's binance", 1.2, "MiB")
    return found


if __name__ == "__main__":
    entry("orders at a venue", rows)
