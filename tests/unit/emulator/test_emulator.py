"""The local exchange shows one endless market, and its answers are Binance's."""

from __future__ import annotations

import json

import pytest

from live_runner.services.emulator.emulated_market import FUNDING_NS, EmulatedMarket
from live_runner.services.emulator.rest import Refused, Rest
from live_runner.services.emulator.websocket import STREAMS_MAX, Subscriptions
from live_runner.services.market_data.core.simulation import BLOCK_BARS, EPOCH_NS

BTC = "BTC/USDT:USDT"
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
NOW_NS = EPOCH_NS + 500_000 * MINUTE_NS + 20 * SECOND_NS


def market() -> EmulatedMarket:
    """BTC and ETH of seed 1."""
    return EmulatedMarket(1, [BTC, "ETH/USDT:USDT"])


def rest() -> Rest:
    """The REST side of it."""
    return Rest(market())


def test_a_restarted_emulator_shows_the_same_candles() -> None:
    span = (BTC, "1m", NOW_NS - 100 * MINUTE_NS, NOW_NS, NOW_NS)

    assert market().candles(*span) == market().candles(*span)
    assert market().candles(*span) != EmulatedMarket(2, [BTC]).candles(*span)


@pytest.mark.parametrize("timeframe", ["1s", "15s", "1m"])
def test_the_last_candle_is_forming_and_becomes_another_one(timeframe: str) -> None:
    """D01: what a poll would take for a bar is not yet one."""
    at_ns = NOW_NS + SECOND_NS // 3
    rows = market().candles(BTC, timeframe, at_ns - MINUTE_NS, at_ns, at_ns)
    final = market().candles(BTC, timeframe, rows[-1][0], rows[-1][0] + 1, at_ns + MINUTE_NS)

    assert rows[-1][0] == final[0][0]
    assert rows[-1] != final[0]
    assert float(rows[-1][5]) < float(final[0][5])


def test_a_forming_candle_stays_inside_its_own_range() -> None:
    shown, open_ns = market(), NOW_NS - 20 * SECOND_NS
    for elapsed in range(60):
        row = shown.candles(BTC, "1m", open_ns, open_ns + 1, open_ns + elapsed * SECOND_NS)[-1]
        opened, high, low, close = (float(text) for text in row[1:5])
        assert low <= min(opened, close)
        assert high >= max(opened, close)


def test_candles_go_on_across_the_blocks_of_the_simulation() -> None:
    seam_ns = EPOCH_NS + 3 * BLOCK_BARS * MINUTE_NS
    rows = market().candles(BTC, "1m", seam_ns - 5 * MINUTE_NS, seam_ns + 5 * MINUTE_NS, NOW_NS)

    assert [row[0] for row in rows] == [seam_ns + n * MINUTE_NS for n in range(-5, 5)]


def test_klines_are_limited_and_end_with_the_forming_one() -> None:
    """D02: at most 1000 an answer, whatever is asked for."""
    latest = rest().klines({"symbol": "BTCUSDT", "interval": "1m", "limit": "5000"}, NOW_NS)
    since = rest().klines({"symbol": "BTCUSDT", "interval": "1m", "startTime": "1748000000001"}, NOW_NS)

    assert (len(latest), len(latest[-1])) == (1000, 12)
    assert latest[-1][0] * 1_000_000 == NOW_NS - 20 * SECOND_NS
    assert len(since) == 500
    assert since[0][0] == 1_748_000_040_000


def test_an_end_time_bounds_the_answer() -> None:
    query = {"symbol": "BTCUSDT", "interval": "1m", "startTime": "1748000040000", "endTime": "1748000160000"}

    assert [row[0] for row in rest().klines(query, NOW_NS)] == [1_748_000_040_000 + n * 60_000 for n in range(3)]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOPE", "interval": "1m"}, -1121),
        ({"interval": "1m"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ({"symbol": "BTCUSDT", "interval": "1m", "limit": "x"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "1m", "limit": "0"}, -1130),
    ],
)
def test_a_wrong_request_is_refused_with_the_venues_code(query: dict[str, str], code: int) -> None:
    with pytest.raises(Refused) as caught:
        rest().klines(query, NOW_NS)

    assert caught.value.code == code


def test_funding_is_stamped_a_little_after_its_hour_and_never_ahead_of_time() -> None:
    answer = rest().funding_rate({"symbol": "BTCUSDT", "limit": "5"}, NOW_NS)
    jitters = [entry["fundingTime"] % (FUNDING_NS // 1_000_000) for entry in answer]

    assert len(answer) == 5
    assert all(0 <= jitter < 20 for jitter in jitters)
    assert all(entry["fundingTime"] * 1_000_000 <= NOW_NS and float(entry["markPrice"]) > 0 for entry in answer)


def test_a_stream_closes_a_candle_before_it_begins_the_next() -> None:
    listening = Subscriptions(market())
    answer = listening.handle('{"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 7}', NOW_NS)
    first = [json.loads(text)["k"] for text in listening.push(NOW_NS)]
    later = [json.loads(text)["k"] for text in listening.push(NOW_NS + MINUTE_NS)]

    assert json.loads(answer) == {"result": None, "id": 7}
    assert [candle["x"] for candle in first] == [False]
    assert [candle["x"] for candle in later] == [True, False]
    assert later[1]["t"] - later[0]["t"] == 60_000
    assert first[0]["t"] == later[0]["t"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "7", '{"params": []}', '{"method": "SUBSCRIBE", "params": ["x@kline_1m"]}']
)
def test_a_wrong_stream_request_is_answered_by_an_error(text: str) -> None:
    listening = Subscriptions(market())

    assert "error" in json.loads(listening.handle(text, NOW_NS))
    assert listening.push(NOW_NS) == []


def test_a_connection_has_a_bound_of_streams() -> None:
    names = [f"btcusdt@kline_{frame}" for frame in ("1s", "1m")] * STREAMS_MAX
    request = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1})

    assert "error" in json.loads(Subscriptions(market()).handle(request, NOW_NS))
