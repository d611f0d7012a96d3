"""Closed bars out of what a live venue sends (D01, D04, D05, X01-X03)."""

from __future__ import annotations

from typing import Any

import pytest
from fix_market import MINUTE_NS, START_NS

from live_runner.contracts.messages import BarRevised, BarSet, FundingRate, Gap, Incident
from live_runner.services.market_data.core.live import LiveBook, closed
from live_runner.services.market_data.core.sets import Item
from live_runner.services.venues.port import Candle

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
DEADLINE_NS = 20_000_000_000


def at(minute: float) -> int:
    """A moment, in minutes after the session's begin."""
    return START_NS + round(minute * MINUTE_NS)


def candle(minute: int, price: float = 100.0, **more: Any) -> Candle:
    """A good candle that opens at the minute."""
    return Candle(at(minute), price, price + 1, price - 1, price + 0.5, 3.0)._replace(**more)


def book(*symbols: str, **more: Any) -> LiveBook:
    """A session that begins tradable at minute 0."""
    fields: dict[str, Any] = {"begin_ns": at(0), "first_open_ns": at(0), "deadline_ns": DEADLINE_NS} | more
    return LiveBook(symbols or (BTC,), "1m", **fields)


def offer(live: LiveBook, symbol: str, minutes: range, *, now: float) -> None:
    """The venue's whole answer at ``now``: those minutes, the last of which may be forming."""
    live.offer(symbol, [candle(m) for m in minutes], at(now), at(now))
    live.prove(symbol, at(minutes[-1]))


def sets(items: list[Item]) -> list[tuple[int, list[str], list[bool]]]:
    """(open minute, symbols with a bar, late flags) of each set."""
    return [
        (
            (item.fields["open_ns"] - START_NS) // MINUTE_NS,
            [bar.symbol for bar in item.fields["bars"]],
            [bar.late for bar in item.fields["bars"]],
        )
        for item in items
        if item.kind is BarSet
    ]


def gaps(items: list[Item]) -> list[tuple[str, int, bool, str]]:
    """(symbol, bars, filled, reason) of each gap."""
    return [
        (i.fields["symbol"], i.fields["bars"], i.fields["filled"], i.fields["reason"]) for i in items if i.kind is Gap
    ]


@pytest.mark.parametrize("now", [2.0, 2.01, 2.5, 2.999])
def test_the_forming_candle_is_no_bar_at_any_poll_time(now: float) -> None:
    """D01, X01."""
    live = book()
    offer(live, BTC, range(3), now=now)

    assert [place for place, _, _ in sets(live.due(at(now)))] == [0, 1]


def test_a_candle_is_closed_by_the_venues_clock_or_by_the_next_one() -> None:
    """D01: our own clock has no say."""
    rows = [candle(0), candle(1), candle(2)]

    assert closed(rows, MINUTE_NS, at(0)) == rows[:2]
    assert closed(rows, MINUTE_NS, at(3)) == rows
    assert closed(rows[2:], MINUTE_NS, at(2.99)) == []
    assert closed([], MINUTE_NS, at(9)) == []


def test_a_changed_forming_candle_does_not_revise_anything() -> None:
    """D01: only its closed form is ever seen."""
    live = book()
    live.offer(BTC, [candle(0, close=100.1)], at(0.5), at(0.5))
    live.offer(BTC, [candle(0), candle(1)], at(1.01), at(1.01))

    items = live.due(at(1.01))
    assert [item.kind for item in items] == [BarSet]
    assert items[0].fields["bars"][0].close == 100.5


def test_a_set_goes_out_once_and_in_order() -> None:
    live = book()
    offer(live, BTC, range(3), now=2.1)
    first = live.due(at(2.1))
    offer(live, BTC, range(4), now=3.1)

    assert [i.fields["number"] for i in first + live.due(at(3.1)) if i.kind is BarSet] == [1, 2, 3]
    assert live.due(at(3.2)) == []


def test_a_set_waits_for_every_symbol_until_the_deadline() -> None:
    live = book(BTC, ETH)
    offer(live, BTC, range(2), now=1.05)

    assert live.due(at(1.05)) == []
    assert live.lacking(at(0)) == [ETH]
    assert sets(live.due(at(1) + DEADLINE_NS)) == [(0, [BTC], [False])]


def test_a_bar_that_comes_in_time_is_not_late() -> None:
    live = book(BTC, ETH)
    offer(live, BTC, range(2), now=1.05)
    offer(live, ETH, range(2), now=1.2)

    assert sets(live.due(at(1.2))) == [(0, [BTC, ETH], [False, False])]


def test_a_bar_after_its_sets_deadline_is_told_as_a_gap() -> None:
    """X03: the set is out, the symbol was missing, and that is said when it is back."""
    live = book(BTC, ETH)
    offer(live, ETH, range(2), now=1.1)
    offer(live, BTC, range(2), now=1.1)
    live.due(at(1.1))
    live.offer(BTC, [candle(1), candle(2)], at(2.1), at(2.1))
    missing = live.due(at(2.4))
    offer(live, ETH, range(4), now=3.1)
    offer(live, BTC, range(4), now=3.1)
    items = live.due(at(3.1))

    assert (sets(missing), missing[0].fields["missing"]) == ([(1, [BTC], [False])], [ETH])
    assert gaps(items) == [(ETH, 1, False, "no_candle_at_venue")]
    assert sets(items) == [(2, [BTC, ETH], [False, False])]


def test_a_minute_that_the_venue_does_not_have_is_not_waited_for() -> None:
    """X02: it has no bar, and none is made up."""
    live = book(BTC, ETH)
    offer(live, BTC, range(4), now=3.1)
    live.offer(ETH, [candle(0), candle(2), candle(3)], at(3.1), at(3.1))
    live.prove(ETH, at(3))
    items = live.due(at(3.1))

    assert sets(items)[1] == (1, [BTC], [True])
    assert gaps(items)[-1] == (ETH, 1, False, "no_candle_at_venue")


def test_a_minute_that_nobody_has_is_no_set() -> None:
    """X02."""
    live = book()
    live.offer(BTC, [candle(0), candle(3), candle(4)], at(4.1), at(4.1))
    live.prove(BTC, at(4))

    assert [place for place, _, _ in sets(live.due(at(4.1)))] == [0, 3]


@pytest.mark.parametrize("bars", [1, 5, 90])
def test_an_outage_is_caught_up_in_order_and_marked_late(bars: int) -> None:
    """D04, X03: nothing goes out while nothing is known; then everything does, in order, late."""
    live = book(BTC, ETH)
    for symbol in (BTC, ETH):
        offer(live, symbol, range(2), now=1.01)
    assert len(sets(live.due(at(1.01)))) == 1
    back = 1.5 + bars
    assert live.due(at(back)) == []

    for symbol in (BTC, ETH):
        offer(live, symbol, range(2 + bars), now=back)
    items = live.due(at(back))

    assert sets(items) == [(minute, [BTC, ETH], [True, True]) for minute in range(1, 1 + bars)]
    assert gaps(items) == [(BTC, bars, True, "caught_up"), (ETH, bars, True, "caught_up")]
    assert [item.kind for item in items[:3]] == [Gap, Gap, BarSet]


def test_the_bar_after_an_outage_is_in_time_again() -> None:
    """D04."""
    live = book()
    offer(live, BTC, range(5), now=4.9)
    live.due(at(4.9))
    offer(live, BTC, range(6), now=5.01)
    offer(live, BTC, range(7), now=6.5)

    items = live.due(at(6.5))
    assert sets(items) == [(4, [BTC], [False]), (5, [BTC], [True])]


def test_history_is_warmup_and_never_late() -> None:
    live = book(first_open_ns=at(3))
    offer(live, BTC, range(4), now=3.9)
    items = live.due(at(3.9))

    assert [item.fields["warmup"] for item in items] == [True, True, True]
    assert sets(items) == [(minute, [BTC], [False]) for minute in range(3)]


def test_a_bar_that_the_venue_changes_later_is_told_once_and_not_published_again() -> None:
    """D05."""
    live = book()
    offer(live, BTC, range(2), now=1.1)
    live.due(at(1.1))
    for _ in range(2):
        live.offer(BTC, [candle(0, close=100.75), candle(1)], at(1.5), at(1.5))
    items = live.due(at(1.5))

    assert [item.kind for item in items] == [BarRevised]
    assert (items[0].fields["before"].close, items[0].fields["after"].close) == (100.5, 100.75)


@pytest.mark.parametrize(
    "change",
    [
        {"close": float("nan")},
        {"open": 0.0},
        {"low": -1.0},
        {"volume": float("nan")},
        {"high": 99.0},
        {"open_ns": START_NS + 7},
    ],
)
def test_an_unusable_candle_is_an_incident_once_and_no_bar(change: dict[str, Any]) -> None:
    """D05."""
    live = book()
    for _ in range(2):
        live.offer(BTC, [candle(0, **change), candle(1)], at(1.1), at(1.1))
    items = live.due(at(1.1))

    assert [(item.kind, item.fields.get("code")) for item in items] == [(Incident, "bad_candle")]
    assert live.next_open_ns == at(0)


def test_duplicates_and_disorder_of_a_stream_change_nothing() -> None:
    """D05."""
    live = book()
    for rows in ([candle(1), candle(0), candle(0)], [candle(2), candle(1)], [candle(0), candle(2)]):
        live.offer(BTC, rows, at(0), at(2.1))

    assert sets(live.due(at(2.1))) == [(0, [BTC], [True]), (1, [BTC], [False])]


def test_after_a_restart_it_goes_on_from_the_last_published_set() -> None:
    """P11: numbers go on, nothing is published twice, what was missed is late."""
    live = book(begin_ns=at(5), number=5)
    offer(live, BTC, range(3, 8), now=7.1)
    items = live.due(at(7.1))

    assert [item.fields["number"] for item in items if item.kind is BarSet] == [6, 7]
    assert sets(items) == [(5, [BTC], [True]), (6, [BTC], [False])]


def test_funding_is_in_the_set_of_the_bar_that_opens_there_or_the_next_one_out() -> None:
    """L03."""
    live = book()
    on_time, late = FundingRate(BTC, at(1), "0.0001", 99.5), FundingRate(BTC, at(2), "0.0002")
    live.offer_funding([on_time, on_time, FundingRate(BTC, at(-1), "0.5"), FundingRate("NO/NO:NO", at(1), "0.5")])
    offer(live, BTC, range(4), now=3.1)
    first = [item.fields["funding"] for item in live.due(at(3.1)) if item.kind is BarSet]
    live.offer_funding([on_time, late])
    offer(live, BTC, range(5), now=4.1)
    second = [item.fields["funding"] for item in live.due(at(4.1)) if item.kind is BarSet]

    assert first == [[], [on_time], []]
    assert second == [[late]]


def test_the_feed_ends_before_the_bar_that_opens_at_its_end() -> None:
    live = book(end_ns=at(2))
    offer(live, BTC, range(5), now=4.1)

    assert [place for place, _, _ in sets(live.due(at(4.1)))] == [0, 1]
    assert live.ended
