"""Recorded answers of real venues, through unmodified ccxt over loopback (D01, D05, O11's counterpart for data)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fix_emulator import venue_of

from live_runner.contracts.messages import FundingRate
from live_runner.services.market_data.core.live import closed
from live_runner.services.venues.calls import Caller, VenueClock
from live_runner.services.venues.ccxt_venue import CcxtVenue
from live_runner.services.venues.port import Candle, VenueBusy, VenueRefused, VenueSilent

LTC = "LTC/USDT:USDT"
MS = 1_000_000

type Answer = Callable[[web.BaseRequest], web.Response]


def recorded(shared_data: Path, name: str) -> Any:
    """One recorded answer."""
    return json.loads((shared_data / "venue_responses" / name).read_text("utf-8"))


def binance(shared_data: Path) -> dict[str, Answer]:
    """Binance USD-M as it was recorded: markets, candles, funding."""
    info = recorded(shared_data, "binance/gct_fapi_v1_exchangeInfo_GET.json")[0]["response"]
    klines = recorded(shared_data, "binance/gct_fapi_v1_klines_GET.json")[0]["response"]
    funding = recorded(shared_data, "binance/gct_fapi_v1_fundingRate_GET.json")[0]["response"]
    return {
        "/fapi/v1/exchangeInfo": lambda _: web.json_response(info),
        "/fapi/v1/klines": lambda _: web.json_response(klines),
        "/fapi/v1/fundingRate": lambda _: web.json_response(funding),
    }


def with_venue(name: str, answers: Mapping[str, Answer], work: Callable[[CcxtVenue], Any], **options: Any) -> Any:
    """Run a test's work with ccxt pointed at these answers."""

    async def handle(request: web.BaseRequest) -> web.Response:
        return answers[request.path](request)

    async def run() -> Any:
        async with venue_of(handle) as reach:
            venue = CcxtVenue(name, {**reach, **options})
            try:
                return await work(venue)
            finally:
                await venue.close()

    return asyncio.run(run())


def test_recorded_candles_come_out_as_the_venue_wrote_them(shared_data: Path) -> None:
    raw = recorded(shared_data, "binance/gct_fapi_v1_klines_GET.json")[0]["response"]

    async def work(venue: CcxtVenue) -> list[Candle]:
        await venue.open([LTC], "5m")
        return await venue.candles(LTC, "5m", raw[0][0] * MS, 500)

    rows = with_venue("binanceusdm", binance(shared_data), work)

    assert rows == [Candle(row[0] * MS, *(float(value) for value in row[1:6])) for row in raw]


def test_the_last_recorded_candle_is_forming_until_its_interval_has_ended(shared_data: Path) -> None:
    """D01."""
    raw = recorded(shared_data, "binance/gct_fapi_v1_klines_GET.json")[0]["response"]
    length = 300_000 * MS
    last_ns = raw[-1][0] * MS

    async def work(venue: CcxtVenue) -> list[Candle]:
        await venue.open([LTC], "5m")
        return await venue.candles(LTC, "5m", raw[0][0] * MS, 500)

    rows = with_venue("binanceusdm", binance(shared_data), work)

    assert closed(rows, length, last_ns + length - 1) == rows[:-1]
    assert closed(rows, length, last_ns + length) == rows


def test_recorded_rules_become_an_instrument(shared_data: Path) -> None:
    async def work(venue: CcxtVenue) -> Any:
        await venue.open([LTC], "5m")
        return venue.instrument(LTC)

    rules = with_venue("binanceusdm", binance(shared_data), work)

    assert (rules.venue, rules.base, rules.settle, rules.contract) == ("binanceusdm", "LTC", "USDT", True)
    assert (rules.tick_size, rules.lot_size, rules.rules) == ("0.01", "0.001", "venue")


def test_recorded_funding_is_exact_and_on_its_minute(shared_data: Path) -> None:
    """L03: the venue stamped it two milliseconds later."""

    async def work(venue: CcxtVenue) -> list[FundingRate]:
        await venue.open([LTC], "5m")
        return await venue.funding(LTC, 1_602_800_000_000 * MS)

    assert with_venue("binanceusdm", binance(shared_data), work) == [
        FundingRate(LTC, 1_602_806_400_000 * MS, "0.00018534", None)
    ]


def test_a_venue_that_lists_newest_first_comes_out_in_order(shared_data: Path) -> None:
    """D05: OKX, whose rows end in a flag that ccxt drops."""
    answers: dict[str, Answer] = {
        "/api/v5/public/instruments": lambda _: web.json_response(
            recorded(shared_data, "okx/http_get_instruments_swap.json")
        ),
        "/api/v5/market/candles": lambda _: web.json_response(
            recorded(shared_data, "okx/http_get_candlesticks_full.json")
        ),
        "/api/v5/market/history-candles": lambda _: web.json_response(
            recorded(shared_data, "okx/http_get_candlesticks_full.json")
        ),
    }
    symbol = "BTC/USDT:USDT"

    async def work(venue: CcxtVenue) -> tuple[list[Candle], int]:
        await venue.open([symbol], "1m")
        return await venue.candles(symbol, "1m", 1_747_093_980_000 * MS, 100), venue.page_limit

    rows, page_limit = with_venue("okx", answers, work, options={"fetchMarkets": {"types": ["swap"]}})

    assert [(row.open_ns // MS, row.close) for row in rows] == [
        (1_747_093_980_000, 102806.1),
        (1_747_094_040_000, 102820.4),
    ]
    assert page_limit == 300


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "<html>maintenance</html>", VenueSilent),
        (200, "", VenueSilent),
        (200, '[[1602669900000, "50.49", ', VenueSilent),
        (429, "{}", VenueBusy),
        (418, "{}", VenueBusy),
        (503, "<html>Service Unavailable</html>", VenueSilent),
        (500, '{"code": -1000, "msg": "unknown"}', VenueSilent),
        (504, "", VenueSilent),
        (400, '{"code": -1121, "msg": "Invalid symbol."}', VenueRefused),
    ],
)
def test_what_is_no_answer_is_never_taken_for_no_candles(
    shared_data: Path, status: int, body: str, expected: type[Exception]
) -> None:
    """X03: nothing is learnt from it, and it is among the calls that are published."""
    answers = binance(shared_data) | {"/fapi/v1/klines": lambda _: web.Response(status=status, text=body)}
    caller = Caller(VenueClock(), tries=1)

    async def work(venue: CcxtVenue) -> None:
        await venue.open([LTC], "5m")
        with pytest.raises(expected):
            await caller.call("fetch_ohlcv", {}, lambda: venue.candles(LTC, "5m", 0, 10))

    with_venue("binanceusdm", answers, work)

    assert [item.fields["call"] for item in caller.drain()] == ["fetch_ohlcv"]
    assert caller.drain() == []


def test_a_silent_venue_is_asked_again_and_a_refusal_is_not(shared_data: Path) -> None:
    asked: list[int] = []

    def answer(_: web.BaseRequest) -> web.Response:
        asked.append(1)
        if len(asked) < 3:
            return web.Response(status=503)
        return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)

    async def work(venue: CcxtVenue) -> None:
        await venue.open([LTC], "5m")
        caller = Caller(VenueClock(), backoff_s=0.001)
        with pytest.raises(VenueRefused):
            await caller.call("fetch_ohlcv", {}, lambda: venue.candles(LTC, "5m", 0, 10))

    with_venue("binanceusdm", binance(shared_data) | {"/fapi/v1/klines": answer}, work)

    assert len(asked) == 3
