"""The way of an order in bare processes: no core, no typed messages, no ownership; the same NATS, proxy and ccxt.

    python bare_orders.py execution URL
    python bare_orders.py gateway URL OPTIONS KEY SECRET

``execution`` answers ``bare.set`` with ``bare.settled`` and ``bare.decided`` with ``bare.requested``, each in a stream
and acknowledged, then asks the gateway on ``bare.order``. ``gateway`` places what it is asked for with ccxt's
``create_order`` and answers. Both print ``ready`` when they listen. An order is JSON: symbol, side, amount, price, leg.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import ccxt.async_support as ccxt
import nats
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

__all__ = ["STREAM", "bare_exchange", "make_stream", "place"]

STREAM = "BARE_ORDERS"
ANSWER_LIMIT_S = 30.0


def bare_exchange(options: dict[str, Any], key: str, secret: str) -> Any:
    """ccxt as it comes, at the emulator's proxy."""
    own = {"fetchCurrencies": False, "fetchMargins": False, "warnOnFetchOpenOrdersWithoutSymbol": False}
    return ccxt.binanceusdm({**options, "enableRateLimit": False, "apiKey": key, "secret": secret, "options": own})


async def place(exchange: Any, order: dict[str, Any]) -> Any:
    """One order in hedge mode, by ccxt."""
    kind = "market" if order["price"] is None else "limit"
    given = {"positionSide": order["leg"].upper(), "newOrderRespType": "RESULT"}
    return await exchange.create_order(order["symbol"], kind, order["side"], order["amount"], order["price"], given)


async def make_stream(url: str) -> None:
    """An empty stream for the messages."""
    client = await nats.connect(url)
    await client.jetstream().add_stream(StreamConfig(name=STREAM, subjects=["bare.set", "bare.settled", "bare.decided",
                                                                           "bare.requested"]))  # fmt: skip
    await client.close()


async def execution(url: str) -> None:
    """Settle each set, and hand on what each decision asks for."""
    client = await nats.connect(url)
    log = client.jetstream()

    async def on_set(message: Msg) -> None:
        await log.publish("bare.settled", message.data)

    async def on_decided(message: Msg) -> None:
        for order in json.loads(message.data):
            data = json.dumps(order).encode()
            await log.publish("bare.requested", data)
            await client.request("bare.order", data, timeout=ANSWER_LIMIT_S)

    await log.subscribe("bare.set", ordered_consumer=True, cb=on_set)
    await log.subscribe("bare.decided", ordered_consumer=True, cb=on_decided)
    await _ready()


async def gateway(url: str, options: str, key: str, secret: str) -> None:
    """Place what is asked for."""
    client = await nats.connect(url)
    exchange = bare_exchange(json.loads(options), key, secret)
    await exchange.load_markets()

    async def on_order(message: Msg) -> None:
        await message.respond((await place(exchange, json.loads(message.data)))["id"].encode())

    await client.subscribe("bare.order", cb=on_order)
    await _ready()
    await exchange.close()


async def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(execution(*sys.argv[2:]) if sys.argv[1] == "execution" else gateway(*sys.argv[2:]))
