"""Unmodified ccxt against the emulator over loopback: history in pages, closed bars, outages (D01-D04, X01-X03)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fix_emulator import EmulatorClient, emulated
from fix_market import config

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError, DataError, VenueUnavailable
from live_runner.contracts.messages import BarSet, Gap, Incident, SetBar, VenueCall
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.market_data.core.sets import Item
from live_runner.services.market_data.core.warmup import WarmupRefused
from live_runner.services.market_data.feed import Source, open_source

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SECOND_NS = 1_000_000_000
DEADLINE_S = 60.0
SEED = 1
KLINES = "/fapi/v1/klines"
DOWN = {"status": 503, "body": "<html>Service Unavailable</html>"}


def session(exchange: EmulatorClient, *, stream: bool = True, **market: Any) -> Config:
    """One-second bars of two symbols from the emulator."""
    fields: dict[str, Any] = {
        "source": "ccxt",
        "venue": "binanceusdm",
        "symbols": (BTC, ETH),
        "timeframe": "1s",
        "missing_deadline_s": 2.0,
        "options": {**exchange.options, "stream": stream},
    }
    return config(**(fields | market))


async def take(source: Source, count: int, after: tuple[int | None, int] = (None, 0)) -> list[Item]:
    """Items until so many bar sets have come."""
    items: list[Item] = []
    feed = source.live_items(*after)
    async with asyncio.timeout(DEADLINE_S):
        async for item in feed:
            items.append(item)
            count -= item.kind is BarSet
            if count == 0:
                break
    await feed.aclose()
    return items


def with_emulator[R](work: Callable[[EmulatorClient], Any], timeframe: str = "1s") -> Any:
    """Run a test's work beside an emulator that trades in candles of this length."""

    async def run() -> Any:
        async with emulated(symbols=[BTC, ETH], seed=SEED, timeframe=timeframe) as venue:
            return await work(venue)

    return asyncio.run(run())


def final_bar(symbol: str, open_ns: int) -> SetBar:
    """The bar as it stood when it was over."""
    row = EmulatedMarket(SEED, (BTC, ETH)).whole(symbol, "1s", open_ns, open_ns + 1)[0]
    open_, high, low, close, volume = (float(text) for text in row[1:])
    return SetBar(symbol, open_, high, low, close, volume)


def bar_sets(items: list[Item]) -> list[dict[str, Any]]:
    """Fields of the bar sets."""
    return [item.fields for item in items if item.kind is BarSet]


@pytest.mark.parametrize("stream", [True, False])
def test_only_final_bars_come_each_once_and_in_order(stream: bool) -> None:
    """D01, X01: compared with what the venue says of each bar after it is over."""

    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue, stream=stream), Path())
        try:
            plan = await source.plan(5)
            sets = bar_sets(await take(source, 9))
        finally:
            await source.close()

        assert [fields["number"] for fields in sets] == list(range(1, 10))
        assert [fields["open_ns"] for fields in sets] == [plan.first_open_ns + (n - 5) * SECOND_NS for n in range(9)]
        assert [fields["warmup"] for fields in sets] == [True] * 5 + [False] * 4
        for fields in sets:
            assert fields["bars"] == [final_bar(symbol, fields["open_ns"]) for symbol in (BTC, ETH)]

    with_emulator(work)


def test_a_warmup_beyond_the_venues_limit_comes_in_pages_and_is_contiguous() -> None:
    """D02: 2400 bars, 1000 an answer."""

    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue, stream=False), Path())
        try:
            plan = await source.plan(2400)
            sets = bar_sets(await take(source, 2400))
        finally:
            await source.close()
        asked = [one for one in await venue.requests(path=KLINES) if one["params"]["symbol"] == "BTCUSDT"]

        assert plan.warmup_found == 2400
        assert len(asked) >= 3
        assert {b["open_ns"] - a["open_ns"] for a, b in pairwise(sets)} == {SECOND_NS}
        assert all(len(fields["bars"]) == 2 and fields["warmup"] for fields in sets)

    with_emulator(work)


@pytest.mark.parametrize("stream", [True, False])
def test_an_outage_is_caught_up_in_order_and_marked_late(stream: bool) -> None:
    """D04, X03: the venue is silent for some bars, and nothing of them is lost."""

    async def work(venue: EmulatorClient) -> list[Item]:
        source = await open_source(session(venue, stream=stream), Path())
        try:
            await source.plan(0)
            items: list[Item] = []
            outage: int | None = None
            async with asyncio.timeout(DEADLINE_S):
                async for item in source.live_items(None, 0):
                    items.append(item)
                    sets = bar_sets(items)
                    if len(sets) == 2 and outage is None and not late(sets):
                        outage = await venue.add_fault({}, before=DOWN)
                        assert await venue.close_streams() == int(stream)
                    if item.kind is Incident and outage is not None:
                        assert await venue.lift(outage) > 0
                    if late(sets) and not sets[-1]["bars"][0].late:
                        break
        finally:
            await source.close()
        return items

    def late(sets: list[dict[str, Any]]) -> list[int]:
        return [fields["number"] for fields in sets if any(bar.late for bar in fields["bars"])]

    items = with_emulator(work)
    sets = bar_sets(items)
    told = {item.fields["symbol"]: item.fields for item in items if item.kind is Gap}

    assert [f["open_ns"] for f in sets] == [sets[0]["open_ns"] + n * SECOND_NS for n in range(len(sets))]
    assert len(late(sets)) >= 1
    assert late(sets) == list(range(late(sets)[0], late(sets)[-1] + 1))
    assert {(fields["filled"], fields["reason"]) for fields in told.values()} == {(True, "caught_up")}
    assert [i.fields["code"] for i in items if i.kind is Incident] == ["venue_unavailable"]
    assert {item.fields["outcome"] for item in items if item.kind is VenueCall} == {"venue_silent"}


def test_a_broken_stream_loses_no_bar() -> None:
    """X03: the venue closes its sockets now and then."""

    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue), Path())
        try:
            await source.plan(0)
            sets: list[dict[str, Any]] = []
            async with asyncio.timeout(DEADLINE_S):
                async for item in source.live_items(None, 0):
                    if item.kind is BarSet:
                        sets.append(item.fields)
                        if len(sets) in (2, 4):
                            assert await venue.close_streams() == 1
                    if len(sets) == 6:
                        break
        finally:
            await source.close()

        for number, fields in enumerate(sets):
            assert fields["open_ns"] == sets[0]["open_ns"] + number * SECOND_NS
            assert fields["bars"] == [final_bar(symbol, fields["open_ns"]) for symbol in (BTC, ETH)]

    with_emulator(work)


def test_a_restart_goes_on_after_the_last_published_set() -> None:
    """P11: in a new process, with the plan that the log holds."""

    async def work(venue: EmulatorClient) -> None:
        first = await open_source(session(venue, stream=False), Path())
        plan = await first.plan(3)
        before = bar_sets(await take(first, 4))
        await first.close()
        second = await open_source(session(venue, stream=False), Path())
        try:
            await second.resume(plan.first_open_ns, 3)
            after = bar_sets(await take(second, 3, (before[-1]["close_ns"], before[-1]["number"])))
        finally:
            await second.close()

        assert [fields["number"] for fields in after] == [5, 6, 7]
        assert after[0]["open_ns"] == before[-1]["close_ns"]

    with_emulator(work)


def test_funding_comes_with_the_bar_that_opens_at_its_time() -> None:
    """L03: rates of the history, exact and on the minute."""

    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue, timeframe="1h", stream=False, symbols=(BTC,)), Path())
        try:
            await source.plan(40)
            sets = bar_sets(await take(source, 40))
        finally:
            await source.close()
        rates = [(fields["open_ns"], rate) for fields in sets for rate in fields["funding"]]

        assert len(rates) == 5
        assert all(open_ns == rate.funding_ns for open_ns, rate in rates)
        assert all(rate.mark is not None and len(rate.rate) <= 11 for _, rate in rates)

    with_emulator(work, "1h")


def test_rules_come_from_the_venue_and_configuration_goes_over_them() -> None:
    async def work(venue: EmulatorClient) -> None:
        market = session(venue, instruments={ETH: {"min_notional": "20"}})
        source = await open_source(market, Path())
        try:
            btc, eth = source.instruments()
            view = source.manifest_view()
        finally:
            await source.close()

        assert (btc.tick_size, btc.lot_size, btc.min_notional, btc.rules) == ("0.1", "0.001", "5", "venue")
        assert (eth.min_notional, eth.rules) == ("20", "given")
        assert (view["source"], view["venue"], view["symbols"]) == ("ccxt", "binanceusdm", [BTC, ETH])

    with_emulator(work)


def test_too_little_history_is_refused_with_numbers() -> None:
    """D03: weekly bars, of which the emulator's market has fewer than asked for."""

    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue, timeframe="1w", stream=False), Path())
        try:
            with pytest.raises(WarmupRefused) as caught:
                await source.plan(5000)
        finally:
            await source.close()

        assert caught.value.fields["needed"] == 5000
        assert 0 < caught.value.fields["found"] < 5000

    with_emulator(work, "1w")


@pytest.mark.parametrize(
    ("market", "what"),
    [
        ({"symbols": ("BTCC/USDT:USDT",)}, "does not trade BTCC/USDT:USDT"),
        ({"venue": "binanceusd"}, "no venue 'binanceusd'"),
        ({"options": {"apiKey": "x"}}, "apiKey"),
        ({"options": {"base_url": "127.0.0.1"}}, "would replace the venue's addresses"),
        ({"options": {"cafile": "absent.pem"}}, "is not a readable certificate"),
        ({"timeframe": "0.5m"}, "30s"),
    ],
)
def test_a_configuration_that_the_venue_does_not_fit_is_refused(market: dict[str, Any], what: str) -> None:
    """D06: each names the thing and the remedy."""

    async def work(venue: EmulatorClient) -> None:
        with pytest.raises(ConfigError, match=what):
            await open_source(session(venue, **market), Path())

    with_emulator(work)


def test_a_venue_that_is_away_is_unavailable_after_bounded_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_runner.services.venues.calls.BACKOFF_MAX_S", 0.01)

    async def work(venue: EmulatorClient) -> None:
        outage = await venue.add_fault({}, before=DOWN)
        with pytest.raises(VenueUnavailable, match="load_markets"):
            await open_source(session(venue), Path())
        assert await venue.lift(outage) > 1

    with_emulator(work)


def test_a_session_ends_at_its_end() -> None:
    async def work(venue: EmulatorClient) -> None:
        source = await open_source(session(venue, stream=False, end="2020-01-01T00:00:00Z"), Path())
        try:
            with pytest.raises(DataError, match=r"market\.end"):
                await source.plan(0)
        finally:
            await source.close()

    with_emulator(work)
