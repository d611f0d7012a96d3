"""The cards that every venue passes, over loopback through unmodified ccxt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fix_emulator import venue_of

from live_runner.contracts.config import check_rules
from live_runner.contracts.errors import ConfigError
from live_runner.services.venues.calls import Caller, VenueClock
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt
from live_runner.services.venues.ccxt_venue import CcxtVenue
from live_runner.services.venues.port import VenueBusy, VenueSilent
from live_runner.services.venues.profile import VenueProfile
from live_runner.services.venues.registry import PROFILES, profile_of

VENUES = sorted({*PROFILES, "binance", "binanceusdm", "bybit", "gate", "kraken", "kucoin", "okx"})
"""Those with a profile of their own, and some that do as most venues do."""
BTC = "BTC/USDT:USDT"


def answered(name: str, status: int, body: str, work: Callable[[CcxtVenue], Awaitable[Any]]) -> Any:
    """Work with a venue that answers everything so."""

    async def handle(_: web.BaseRequest) -> web.Response:
        kind = "application/json" if body[:1] == "{" else "text/html"
        return web.Response(status=status, text=body, content_type=kind)

    async def run() -> Any:
        async with venue_of(handle) as options:
            venue = CcxtVenue(name, options)
            try:
                return await work(venue)
            finally:
                await venue.close()

    return asyncio.run(run())


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, "{}", VenueBusy),
        (418, "<html>banned</html>", VenueBusy),
        (500, "{}", VenueSilent),
        (503, "<html>Service Unavailable</html>", VenueSilent),
        (504, "", VenueSilent),
        (200, "<html>maintenance</html>", VenueSilent),
        (200, '{"cut": ', VenueSilent),
    ],
)
def test_what_is_not_an_answer_is_one_of_the_errors_of_the_port(
    name: str, status: int, body: str, expected: type[Exception]
) -> None:
    caller = Caller(VenueClock(), tries=1)

    async def work(venue: CcxtVenue) -> None:
        with pytest.raises(expected):
            await caller.call("load_markets", {"venue": name}, lambda: venue.open([BTC], "1m"))

    answered(name, status, body, work)

    assert [call.fields["call"] for call in caller.drain()] == ["load_markets"]


@pytest.mark.parametrize("name", VENUES)
def test_secrets_in_the_options_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="market data needs no secret"):
        CcxtVenue(name, {"apiKey": "x"})


@pytest.mark.parametrize("name", VENUES)
def test_the_library_is_named_for_the_manifest(name: str) -> None:
    async def work(venue: CcxtVenue) -> str:
        return venue.libraries["ccxt"]

    assert answered(name, 200, "{}", work).startswith("4.")


def test_recorded_markets_are_inside_the_bounds_and_on_their_own_grid(shared_data: Path) -> None:
    """Every recorded market of every venue: what the venue states as a step is a whole number of ticks and lots."""
    seen = set()
    for line in (shared_data / "markets" / "markets.jsonl").read_text("utf-8").splitlines():
        market = json.loads(line)
        rules = instrument_from_ccxt(market, venue=market["exchange"], precision_mode=market["precisionMode"])
        check_rules(rules)
        seen.add(rules.venue)
        if rules.precision_mode == "tick_size":
            assert (Fraction(rules.amount_precision) / Fraction(rules.lot_size)).denominator == 1
            if profile_of(rules.venue).tick_size is VenueProfile().tick_size:
                assert (Fraction(rules.price_precision) / Fraction(rules.tick_size)).denominator == 1

    assert {"bitfinex", "hyperliquid"} <= seen
