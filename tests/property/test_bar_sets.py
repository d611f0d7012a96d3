"""Whatever a recording or venue is like, each bar goes out once, in order, and none is made up (D01, D05, X01-X03)."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from fix_market import MINUTE_NS, START_NS, candles
from hypothesis import given
from hypothesis import strategies as st

from live_runner.contracts.messages import BarSet, Gap
from live_runner.services.market_data.core.candles import Candles, clean
from live_runner.services.market_data.core.live import LiveBook
from live_runner.services.market_data.core.sets import Item, SetTimeline
from live_runner.services.venues.port import Candle

SYMBOLS = ("A/USDT:USDT", "B/USDT:USDT", "C/USDT:USDT")

minutes = st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True).map(sorted)
markets = st.lists(minutes, min_size=1, max_size=3)


def columns(market: list[list[int]]) -> list[Candles]:
    """One series per symbol."""
    return [candles(opens, symbol, 50.0) for symbol, opens in zip(SYMBOLS, market, strict=False)]


def published(items: list[Item]) -> list[tuple[str, int, float]]:
    """(symbol, open minute, close) of every bar that went out."""
    return [
        (bar.symbol, (item.fields["open_ns"] - START_NS) // MINUTE_NS, bar.close)
        for item in items
        if item.kind is BarSet
        for bar in item.fields["bars"]
    ]


@given(markets)
def test_a_recording_goes_out_bar_by_bar(market: list[list[int]]) -> None:
    items = list(SetTimeline(columns(market), "1m", begin_ns=START_NS, first_open_ns=START_NS).items())
    sets = [item.fields for item in items if item.kind is BarSet]

    assert sorted(published(items)) == sorted(
        (symbol, minute, 50.5 + minute) for symbol, opens in zip(SYMBOLS, market, strict=False) for minute in opens
    )
    assert [fields["number"] for fields in sets] == list(range(1, len(sets) + 1))
    assert all(a["close_ns"] < b["close_ns"] for a, b in pairwise(sets))
    assert all(len(fields["bars"]) + len(fields["missing"]) == len(market) for fields in sets)


@given(markets)
def test_the_gaps_of_a_symbol_are_exactly_its_holes(market: list[list[int]]) -> None:
    items = list(SetTimeline(columns(market), "1m", begin_ns=START_NS, first_open_ns=START_NS).items())

    for symbol, opens in zip(SYMBOLS, market, strict=False):
        missed = sum(i.fields["bars"] for i in items if i.kind is Gap and i.fields["symbol"] == symbol)
        assert missed == opens[-1] - opens[0] + 1 - len(opens)


@given(markets, st.data())
def test_going_on_after_any_set_gives_the_rest(market: list[list[int]], data: st.DataObject) -> None:
    """P11."""
    line = SetTimeline(columns(market), "1m", begin_ns=START_NS, first_open_ns=START_NS)
    items = list(line.items())
    place = data.draw(st.sampled_from([n for n, item in enumerate(items) if item.kind is BarSet]))
    last = items[place].fields

    assert list(line.items(last["close_ns"], last["number"])) == items[place + 1 :]


@given(minutes, st.integers(0, 2**32), st.integers(0, 5))
def test_disorder_and_repeats_in_a_file_change_nothing(opens: list[int], seed: int, repeats: int) -> None:
    """D05."""
    chance = Random(seed)
    rows = opens + [chance.choice(opens) for _ in range(repeats)]
    chance.shuffle(rows)

    cleaned = clean(candles(rows), "1m", source="f")

    assert cleaned.candles.open_ns.tolist() == candles(opens).open_ns.tolist()
    assert cleaned.duplicates == repeats


@given(markets, st.integers(0, 2**32))
def test_a_live_market_goes_out_bar_by_bar_however_its_answers_come(market: list[list[int]], seed: int) -> None:
    """D01, D04: answers at any moment, doubled, cut and in any order of symbols; each ends with a forming candle."""
    chance = Random(seed)
    live = LiveBook(
        SYMBOLS[: len(market)], "1m", begin_ns=START_NS, first_open_ns=START_NS, deadline_ns=10 * 60 * MINUTE_NS
    )
    items: list[Item] = []
    tenths = 0
    while tenths < 450:
        tenths = min(tenths + chance.choice([1, 7, 33, 200]), 450)
        now_ns = START_NS + tenths * MINUTE_NS // 10
        for symbol, opens in zip(SYMBOLS, market, strict=False):
            if chance.random() < 0.3 and tenths < 450:
                continue
            begun = [minute for minute in opens if 10 * minute <= tenths]
            rows = [final(minute) if 10 * minute + 10 <= tenths else forming(minute) for minute in begun]
            chance.shuffle(rows)
            live.offer(symbol, rows + rows[:2], now_ns, now_ns)
            live.prove(symbol, START_NS + tenths // 10 * MINUTE_NS)
        items += live.due(now_ns)

    expected = [
        (symbol, minute, 50.5 + minute) for symbol, opens in zip(SYMBOLS, market, strict=False) for minute in opens
    ]
    assert sorted(published(items)) == sorted(expected)
    closes = [item.event_ns for item in items if item.kind is BarSet]
    assert closes == sorted(set(closes))
    assert {item.kind for item in items} <= {BarSet, Gap}


def final(minute: int) -> Candle:
    """The bar as it stood when it was over; the same as in ``candles``."""
    price = 50.0 + minute
    return Candle(START_NS + minute * MINUTE_NS, price, price + 1, price - 1, price + 0.5, 2.0)


def forming(minute: int) -> Candle:
    """The same bar a moment earlier."""
    return final(minute)._replace(close=50.1 + minute, volume=1.0)
