"""User data streams and their faults, through unmodified ccxt.pro and on the bare socket."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import ccxt
import pytest
from fix_emulator import ACCOUNT, EmulatorClient, emulated

BTC = "BTC/USDT:USDT"
WAIT_S = 30.0
TRADE = "ORDER_TRADE_UPDATE"
HOUR_MS = 3_600_000

type Work = Callable[[EmulatorClient, Any], Awaitable[None]]


def run_with(work: Work, clock: str = "manual") -> None:
    """Run a test's work beside an emulator, with an account in ccxt."""

    async def run() -> None:
        given: dict[str, Any] = {"symbols": [BTC], "accounts": [ACCOUNT]}
        if clock == "manual":
            given["start"] = "2025-06-01T10:00:10Z"
        async with emulated(clock, **given) as venue, venue.exchange(ACCOUNT) as exchange:
            await exchange.load_time_difference()
            await work(venue, exchange)

    asyncio.run(run())


class Listener:
    """A user data stream on a bare socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, key: str) -> None:
        self.socket = socket
        self.key = key

    async def frame(self) -> Any:
        """The next frame: JSON values, the text where it is not JSON, or the code of the close."""
        message = await asyncio.wait_for(self.socket.receive(), WAIT_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return message.data if message.type is aiohttp.WSMsgType.CLOSE else self.socket.close_code
        try:
            return json.loads(message.data)
        except ValueError:
            return message.data

    async def frames(self, count: int) -> list[Any]:
        """So many frames."""
        return [await self.frame() for _ in range(count)]


@asynccontextmanager
async def listening(venue: EmulatorClient, exchange: Any, **options: Any) -> AsyncIterator[Listener]:
    """A connection to the account's stream."""
    key = (await exchange.fapiPrivatePostListenKey())["listenKey"]
    context = ssl.create_default_context(cafile=venue.facts["ca"])
    address = f"wss://fstream.binance.com/private/ws?listenKey={key}"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(address, proxy=venue.facts["proxy"], ssl=context, **options) as socket,
    ):
        yield Listener(socket, key)


async def buy(exchange: Any) -> None:
    """A market order: an order that is accepted, its trade, and the balance."""
    await exchange.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "s1"})


def names(frames: list[Any]) -> list[str]:
    """What each frame is: of an order also its status."""
    return [f"{frame['e']} {frame['o']['X']}" if frame["e"] == TRADE else frame["e"] for frame in frames]


WHOLE = ["ORDER_TRADE_UPDATE NEW", "TRADE_LITE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE FILLED"]


def test_an_order_is_heard_of_frame_by_frame() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            assert sorted(names(await stream.frames(4))) == sorted(WHOLE)
            assert {frame["sent"] for frame in await venue.frames(4)} == {"yes"}

    run_with(work)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"match": {"event": TRADE, "count": 1}, "drop": True}, 3),
        ({"match": {"event": TRADE, "count": 1}, "duplicate": {"times": 2, "after_ms": 0}}, 6),
        ({"match": {"event": "TRADE_LITE", "client_id": "s1"}, "drop": True}, 3),
        ({"match": {"event": TRADE, "client_id": "s1", "nth": 2}, "drop": True}, 3),
        ({"match": {"symbol": "BTCUSDT"}, "drop": True}, 1),
    ],
)
def test_frames_are_lost_and_doubled(fault: dict[str, Any], expected: int) -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("streams", fault)
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            await stream.frames(expected)
            await venue.post("streams/close", {"code": 1001})
            assert await stream.frame() == 1001  # and no frame more
        (active,) = await venue.get("streams/faults")
        assert active["fired"] > 0
        (lifted,) = await venue.call("DELETE", f"/_/streams/{active['id']}")
        assert lifted["fired"] == active["fired"]

    run_with(work)


def test_frames_come_in_another_order() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            straight = names(await stream.frames(4))
            await venue.post("streams", {"reorder": 4})
            await buy(exchange)
            assert names(await stream.frames(4)) == straight[::-1]

    run_with(work)


def test_a_frame_comes_late_by_the_venues_clock() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("streams", {"match": {"event": "ACCOUNT_UPDATE"}, "delay_ms": 5_000})
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            assert "ACCOUNT_UPDATE" not in names(await stream.frames(3))
            await venue.post("clock", {"advance_ms": 5_000})
            assert names([await stream.frame()]) == ["ACCOUNT_UPDATE"]

    run_with(work)


def test_text_that_is_not_json_comes_in_the_place_of_a_frame() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("streams", {"match": {"event": TRADE, "count": 1}, "garbage": True})
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            assert [type(frame) for frame in await stream.frames(4)].count(str) == 1

    run_with(work)


def test_a_connection_is_closed_in_the_place_of_a_frame() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("streams", {"match": {"event": TRADE, "count": 1}, "close": 1006 + 5})
        async with listening(venue, exchange) as stream:
            await buy(exchange)
            while isinstance(await stream.frame(), dict):
                pass
            assert stream.socket.close_code == 1011

    run_with(work)


@pytest.mark.parametrize("no_pong", [False, True])
def test_a_connection_may_fall_silent_with_or_without_pongs(no_pong: bool) -> None:
    """S07: the socket is open, and nothing comes."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("streams", {"match": {"event": TRADE, "count": 1}, "mute": True, "no_pong": no_pong})
        async with listening(venue, exchange, autoping=False) as stream:
            await buy(exchange)
            await venue.frames(4, sent="muted")
            await stream.socket.ping()
            if no_pong:
                await venue.post("streams/close", {"code": 1001})
            message = await asyncio.wait_for(stream.socket.receive(), WAIT_S)
            assert (message.type is aiohttp.WSMsgType.PONG) is not no_pong

    run_with(work)


@pytest.mark.parametrize("what", ["expire", "delete", "steal"])
def test_a_listen_key_ends_and_the_connection_stays_open_and_silent(what: str) -> None:
    """Incident 12: fills go unseen, and only an expiry says so."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        async with listening(venue, exchange) as stream:
            assert (await venue.post("listen_key", {"account": ACCOUNT["key"], "what": what}))["keys"] == [stream.key]
            await buy(exchange)
            if what == "expire":
                assert (await stream.frame())["e"] == "listenKeyExpired"
            await venue.post("streams/close", {"code": 1001})
            assert await stream.frame() == 1001
            with pytest.raises(ccxt.BaseError, match="-1125"):
                await exchange.fapiPrivatePutListenKey()
            fresh = (await exchange.fapiPrivatePostListenKey())["listenKey"]
            assert fresh != stream.key

    run_with(work)


def test_a_listen_key_lives_for_an_hour_after_it_was_last_kept_alive() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        async with listening(venue, exchange) as stream:
            await venue.post("clock", {"advance_ms": HOUR_MS - 1_000})
            await exchange.load_time_difference()
            await exchange.fapiPrivatePutListenKey()
            await venue.post("clock", {"advance_ms": HOUR_MS - 1_000})
            await exchange.load_time_difference()
            assert (await exchange.fapiPrivatePostListenKey())["listenKey"] == stream.key
            await venue.post("clock", {"advance_ms": HOUR_MS})
            assert (await stream.frame())["e"] == "listenKeyExpired"

    run_with(work)


def test_ccxt_subscribes_again_after_a_close_and_what_happened_between_is_lost() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        watching = asyncio.create_task(exchange.watch_my_trades())
        await venue.requests(path="/private/ws")
        await venue.close_streams()
        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(watching, WAIT_S)
        await exchange.create_order(BTC, "market", "buy", 0.01)
        watching = asyncio.create_task(exchange.watch_my_trades())
        await venue.requests(2, path="/private/ws")
        order = await exchange.create_order(BTC, "market", "buy", 0.02)
        trades = await asyncio.wait_for(watching, WAIT_S)

        assert [trade["order"] for trade in trades] == [order["id"]]
        assert len(await exchange.fetch_my_trades(BTC)) == 2

    run_with(work, "wall")


def test_a_conditional_orders_child_comes_before_its_parent_says_triggered() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.02)
        level = round((await exchange.fetch_ticker(BTC))["last"] * 0.98, 1)
        params = {"stopLossPrice": level, "reduceOnly": True, "clientOrderId": "t1"}
        await exchange.create_order(BTC, "market", "sell", 0.02, None, params)
        async with listening(venue, exchange) as stream:
            await venue.post("market/BTCUSDT/price", {"price": str(level)})
            frames: list[Any] = []
            while not any(frame["e"] == "ALGO_UPDATE" and frame["o"]["X"] == "FINISHED" for frame in frames):
                frames.append(await stream.frame())
        seen = [f"{frame['e']} {frame['o']['X']}" for frame in frames if frame["e"] in (TRADE, "ALGO_UPDATE")]

        assert seen.index("ORDER_TRADE_UPDATE NEW") < seen.index("ALGO_UPDATE TRIGGERED")

    run_with(work)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("btcusdt@aggTrade", "aggTrade"),
        ("btcusdt@trade", "trade"),
        ("btcusdt@bookTicker", "bookTicker"),
        ("btcusdt@markPrice@1s", "markPriceUpdate"),
        ("btcusdt@depth@100ms", "depthUpdate"),
        ("btcusdt@kline_5m", "kline"),
    ],
)
def test_market_streams_have_the_keys_of_recorded_frames(name: str, event: str, shared_data: Any) -> None:
    recorded = {
        "aggTrade": "agg_trade",
        "trade": "trade",
        "bookTicker": "book_ticker",
        "markPriceUpdate": "mark_price",
        "depthUpdate": "depth_update",
        "kline": "kline_stream_open",
    }[event]
    stem = recorded if recorded.endswith("open") else f"{recorded}_stream"
    folder = shared_data / "venue_responses" / "binance"
    expected = json.loads((folder / f"futures__market_data_json__{stem}.json").read_text("utf-8"))

    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        context = ssl.create_default_context(cafile=venue.facts["ca"])
        address = f"wss://fstream.binance.com/market/ws/{name}"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(address, proxy=venue.facts["proxy"], ssl=context) as socket,
        ):
            await venue.post("clock", {"advance_ms": 60_000})
            frame = await Listener(socket, "").frame()

        assert shape(frame) == shape(expected)

    run_with(work)


def shape(value: Any) -> Any:
    """Keys and types of a payload; of a list that of its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__
