"""The venue as a whole: its market moves with its time, and its inputs make it again."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.binance import Options, Refused, Row
from live_runner.services.emulator.clock import EmulatorClock
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.emulator.listen_keys import VALID_MS, ListenKeys
from live_runner.services.emulator.market_source import Recorded, Seeded
from live_runner.services.emulator.subscriptions import STREAMS_MAX, Subscriptions
from live_runner.services.emulator.venue import Venue

BTC = "BTC/USDT:USDT"
MINUTE_MS = 60_000
START_MS = 1_748_772_010_000
ACCOUNT = {"key": "a", "secret": "s"}
MARKET_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


def venue() -> Venue:
    """Bitcoin in minutes of the seeded market."""
    return Venue(Seeded(EmulatedMarket(1, [BTC]), "1m"), Options(), 1, START_MS)


def rows(made: Venue, now_ms: int) -> Any:
    return made.handle("GET /fapi/v1/klines", None, {"symbol": "BTCUSDT", "interval": "1m", "limit": "6"}, now_ms)


def test_served_candles_are_the_sources_however_time_is_cut_up() -> None:
    at_once, in_steps = venue(), venue()
    end_ms = START_MS + 5 * MINUTE_MS
    at_once.advance(end_ms)
    for now_ms in range(START_MS, end_ms + 1, 7_000):
        in_steps.advance(now_ms)
    in_steps.advance(end_ms)
    source = Seeded(EmulatedMarket(1, [BTC]), "1m").rows("BTCUSDT", START_MS - MINUTE_MS, end_ms - MINUTE_MS)

    assert rows(at_once, end_ms) == rows(in_steps, end_ms)
    served = {row[0]: tuple(row[1:6]) for row in rows(at_once, end_ms)}
    for row in source:
        assert served[row.open_ms] == (row.open, row.high, row.low, row.close, row.volume)
    assert at_once.driver.done_ms == end_ms


def test_time_does_not_go_back() -> None:
    made = venue()
    made.advance(START_MS + MINUTE_MS)
    assert made.advance(START_MS) == []
    assert made.now_ms == START_MS + MINUTE_MS


def test_the_same_inputs_make_the_same_venue() -> None:
    entries: list[list[Any]] = [
        ["account", START_MS, ACCOUNT],
        ["handle", START_MS + 1, "POST /fapi/v1/order", "a", MARKET_ORDER],
        ["handle", START_MS + 1, "POST /fapi/v1/order", "a", {**MARKET_ORDER, "quantity": "9999"}],  # refused
        ["advance", START_MS + 3 * MINUTE_MS],
        ["handle", START_MS + 3 * MINUTE_MS, "POST /fapi/v1/listenKey", "a", {}],
        ["act", START_MS + 4 * MINUTE_MS, "transfer", {"account": "a", "amount": "5"}],
        ["act", START_MS + 4 * MINUTE_MS, "explode", {}],  # refused
    ]
    first, second = venue(), venue()
    for entry in entries:
        first.replay(entry)
    for number, entry in enumerate(entries):
        if number == 3:  # a snapshot on the way
            stored = json.loads(json.dumps(second.snapshot()))
            second = venue()
            second.restore(stored)
        second.replay(entry)

    assert first.snapshot() == second.snapshot()
    assert len(first.exchange.ledger()["orders"]) == 1


def test_funding_has_the_sources_rate_and_moment() -> None:
    source = Seeded(EmulatedMarket(1, [BTC]), "1m")
    made = venue()
    made.open_account(ACCOUNT, START_MS)
    made.advance(START_MS)
    made.handle("POST /fapi/v1/order", "a", MARKET_ORDER, START_MS)
    end_ms = START_MS + 20 * 3_600_000
    made.advance(end_ms)
    paid = [i for i in made.exchange.ledger()["accounts"]["a"]["incomes"] if i["kind"] == "FUNDING_FEE"]
    stamps = source.funding("BTCUSDT", START_MS, end_ms)

    assert [income["at_ms"] for income in paid] == [stamp.at_ms for stamp in stamps]
    assert len(paid) == 2
    assert [Decimal(income["amount"]) < 0 for income in paid] == [stamp.rate > 0 for stamp in stamps]


def test_a_recorded_symbol_trades_on_the_finest_step_that_its_rows_show() -> None:
    found = Recorded({BTC: [Row(0, "1.5", "2.25", "1", "2", "7.125")]}, MINUTE_MS, {})
    (rules,) = found.symbols()

    assert (rules.symbol, rules.tick, rules.step) == ("BTCUSDT", Decimal("0.01"), Decimal("0.001"))
    assert found.rows("BTCUSDT", 1, MINUTE_MS) == []


@pytest.mark.parametrize(
    ("params", "what"),
    [({"what": "expire"}, "needs an 'account'"), ({"account": "a", "what": "x"}, "expire, delete or steal")],
)
def test_a_wrong_act_on_a_listen_key_is_refused(params: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        venue().act("listen_key", params, START_MS)


def test_a_listen_key_is_one_per_account_and_lives_an_hour() -> None:
    keys = ListenKeys(1)
    first = keys.handle("POST", "a", 0)["listenKey"]

    assert len(first) == 64
    assert keys.handle("POST", "a", VALID_MS - 1)["listenKey"] == first
    assert keys.account(first, 2 * VALID_MS - 2) == "a"
    assert keys.account(first, 2 * VALID_MS - 1) is None
    assert keys.handle("POST", "b", 0)["listenKey"] != first
    assert keys.expire(2 * VALID_MS) != []
    for method in ("PUT", "DELETE"):
        with pytest.raises(Refused, match="-1125"):
            keys.handle(method, "a", 2 * VALID_MS)
    again = ListenKeys(1)
    again.restore(json.loads(json.dumps(keys.snapshot())))
    assert again.handle("POST", "a", 0) == keys.handle("POST", "a", 0)


def subscriptions(made: Venue) -> Subscriptions:
    return Subscriptions(made.exchange, {"BTCUSDT"}, MINUTE_MS)


def test_a_stream_closes_a_candle_before_it_begins_the_next() -> None:
    made = venue()
    made.advance(START_MS)
    stream = subscriptions(made)
    answer = stream.handle('{"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 7}', START_MS)
    first = [frame["k"] for frame in stream.push([], START_MS)]
    now_ms = START_MS + MINUTE_MS
    later = [frame["k"] for frame in stream.push(made.advance(now_ms), now_ms)]

    assert json.loads(answer) == {"result": None, "id": 7}
    assert [candle["x"] for candle in first] == [False]
    assert [candle["x"] for candle in later] == [True, False]
    assert later[1]["t"] - later[0]["t"] == MINUTE_MS
    assert first[0]["t"] == later[0]["t"]
    assert stream.push([], now_ms) == []


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "7", '{"params": []}', '{"method": "SUBSCRIBE", "params": ["x@kline_1m"]}'),
        '{"method": "SUBSCRIBE", "params": ["btcusdt@kline_1s"]}',
        '{"method": "SUBSCRIBE", "params": ["btcusdt@kline_7m"]}',
        '{"method": "SUBSCRIBE", "params": ["btcusdt@depth7"]}',
    ],
)
def test_a_wrong_stream_request_is_answered_by_an_error(text: str) -> None:
    stream = subscriptions(venue())

    assert "error" in json.loads(stream.handle(text, START_MS))
    assert stream.push([], START_MS) == []


def test_a_connection_has_a_bound_of_streams() -> None:
    names = [f"btcusdt@kline_{frame}" for frame in ("5m", "1m")] * STREAMS_MAX
    request = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1})

    assert "error" in json.loads(subscriptions(venue()).handle(request, START_MS))


def test_a_book_stream_takes_back_the_levels_that_are_gone() -> None:
    made = venue()
    made.advance(START_MS)
    stream = subscriptions(made)
    stream.add(["btcusdt@depth@100ms"], START_MS)
    held: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    last = None
    for minute in range(1, 4):
        now_ms = START_MS + minute * MINUTE_MS
        for frame in stream.push(made.advance(now_ms), now_ms):
            assert last is None or frame["pu"] == last
            last = frame["u"]
            for side, levels in held.items():
                for price, quantity in frame[side]:
                    levels[price] = quantity
    book = made.handle("GET /fapi/v1/depth", None, {"symbol": "BTCUSDT", "limit": "20"}, now_ms)

    for side, name in (("b", "bids"), ("a", "asks")):
        assert {p: q for p, q in held[side].items() if Decimal(q)} == dict(map(tuple, book[name]))


def test_a_clock_runs_stands_or_hurries() -> None:
    wall = [1_000_000_000]
    fast = EmulatorClock(60, lambda: wall[0], 0)
    still = EmulatorClock(0, lambda: wall[0], 0)
    real = EmulatorClock(1, lambda: wall[0])
    wall[0] += 1_000_000

    assert (fast.now_ns(), still.now_ns(), real.now_ns()) == (60_000_000, 0, wall[0])
    still.advance(5)
    fast.set_rate(0)
    wall[0] += 1_000_000
    real.skew_ms = -1
    assert (fast.now_ns(), still.now_ns(), real.now_ns()) == (60_000_000, 5, wall[0] - 1_000_000)
    with pytest.raises(ConfigError, match="cannot be advanced"):
        real.advance(1)


def test_who_waits_for_a_moment_is_woken_when_the_clock_comes_there() -> None:
    async def run() -> None:
        clock = EmulatorClock(0, lambda: 0, 0)
        waiting = asyncio.create_task(clock.until(10))
        await asyncio.sleep(0)
        clock.advance(9)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(1)
        await asyncio.wait_for(waiting, 5)

    asyncio.run(run())


def test_candles_that_are_not_kept_come_from_the_source() -> None:
    made = venue()
    end_ms = START_MS + 30 * MINUTE_MS
    made.advance(end_ms)
    before = made.exchange.market_data.rows("BTCUSDT", "1m", START_MS, end_ms)
    made.exchange.forget(10)

    assert len(made.snapshot()["exchange"]["markets"]["BTCUSDT"]["rows"]) == 10
    assert made.exchange.market_data.rows("BTCUSDT", "1m", START_MS, end_ms) == before
