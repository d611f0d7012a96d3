"""Bar sets of a recording (X02, X03, X05, D06)."""

from __future__ import annotations

from typing import Any

import pytest
from fix_market import MINUTE_NS, START_NS, candles

from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import BarSet, FundingRate, Gap
from live_runner.contracts.numbering import Numbering
from live_runner.services.market_data.core import sets
from live_runner.services.market_data.core.sets import SetTimeline

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def timeline(**more: Any) -> SetTimeline:
    """BTC without minutes 3 and 4, ETH from minute 1 on without minute 3; minute 3 has no bar at all."""
    columns = [candles([0, 1, 2, 5, 6], BTC), candles([1, 2, 4, 5, 6], ETH, 10.0)]
    fields: dict[str, Any] = {"begin_ns": START_NS, "first_open_ns": START_NS + 2 * MINUTE_NS} | more
    return SetTimeline(columns, "1m", **fields)


def minutes_of(line: SetTimeline) -> list[int]:
    """Open minutes of the sets."""
    return [(i.fields["open_ns"] - START_NS) // MINUTE_NS for i in line.items() if i.kind is BarSet]


def test_there_is_one_set_per_close_at_which_anybody_has_a_bar() -> None:
    """X02: minute 3 has no bar of anybody, so it has no set; nothing is made up."""
    assert minutes_of(timeline()) == [0, 1, 2, 4, 5, 6]


def test_bars_stand_in_the_configured_order_and_the_absent_are_named() -> None:
    sets_ = [item.fields for item in timeline().items() if item.kind is BarSet]

    assert [bar.symbol for bar in sets_[1]["bars"]] == [BTC, ETH]
    assert ([bar.symbol for bar in sets_[0]["bars"]], sets_[0]["missing"]) == ([BTC], [ETH])
    assert ([bar.symbol for bar in sets_[3]["bars"]], sets_[3]["missing"]) == ([ETH], [BTC])


def test_bars_are_labelled_by_their_open_time() -> None:
    """X05, D06."""
    first = next(item for item in timeline().items() if item.kind is BarSet)

    assert (first.fields["open_ns"], first.fields["close_ns"]) == (START_NS, START_NS + MINUTE_NS)
    assert first.event_ns == START_NS + MINUTE_NS
    assert (first.fields["bars"][0].open, first.fields["bars"][0].close) == (100.0, 100.5)


def test_sets_before_the_first_tradable_bar_are_warmup() -> None:
    assert [i.fields["warmup"] for i in timeline().items() if i.kind is BarSet] == [True, True] + [False] * 4
    assert timeline().warmup_sets == 2


def test_a_hole_is_told_just_before_the_set_in_which_the_symbol_is_back() -> None:
    """X03."""
    items = list(timeline().items())
    gaps = [(n, item.fields["symbol"], item.fields["bars"]) for n, item in enumerate(items) if item.kind is Gap]

    assert gaps == [(3, ETH, 1), (5, BTC, 2)]
    assert items[4].fields["open_ns"] == START_NS + 4 * MINUTE_NS
    assert items[3].fields["filled"] is False


def test_a_symbol_that_begins_later_is_missing_and_no_gap() -> None:
    assert [i.fields["from_ns"] for i in timeline().items() if i.kind is Gap and i.fields["symbol"] == ETH] == [
        START_NS + 3 * MINUTE_NS
    ]


@pytest.mark.parametrize("after", range(7))
def test_a_timeline_goes_on_after_any_set(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """P11: what follows a set does not depend on what was published before a crash."""
    monkeypatch.setattr(sets, "CHUNK_SETS", 2)
    items = list(timeline().items())
    closes = [item.fields["close_ns"] for item in items if item.kind is BarSet]
    place = (
        0 if after == 0 else 1 + [i.fields.get("close_ns") for i in items].index(closes[after - 1]) if after < 7 else 0
    )

    rest = list(timeline().items(closes[after - 1] if after else None, after))

    assert rest == items[place:]


def test_a_log_of_another_recording_is_refused() -> None:
    with pytest.raises(OurFault, match="does not close"):
        list(timeline().items(START_NS + MINUTE_NS, 3))


def test_funding_due_at_an_open_stands_in_the_bar_that_opens_there() -> None:
    rates = {
        BTC: [FundingRate(BTC, START_NS + 5 * MINUTE_NS, "0.0001", 100.0)],
        ETH: [
            FundingRate(ETH, START_NS - MINUTE_NS, "0.5"),
            FundingRate(ETH, START_NS + 3 * MINUTE_NS, "0.0003"),
            FundingRate(ETH, START_NS + 5 * MINUTE_NS, "0.0002"),
            FundingRate(ETH, START_NS + 99 * MINUTE_NS, "0.5"),
        ],
    }

    found = {
        (item.fields["open_ns"] - START_NS) // MINUTE_NS: [rate.rate for rate in item.fields["funding"]]
        for item in timeline(funding=rates).items()
        if item.kind is BarSet and item.fields["funding"]
    }

    assert found == {4: ["0.0003"], 5: ["0.0001", "0.0002"]}


def test_the_end_is_exclusive_and_in_open_times() -> None:
    assert minutes_of(timeline(end_ns=START_NS + 5 * MINUTE_NS)) == [0, 1, 2, 4]


def test_items_become_events_by_the_shells_numbering() -> None:
    numbering = Numbering("s", "market_data", hashing=False)

    events = [numbering.make(i.kind, cause="", event_ns=i.event_ns, **i.fields) for i in timeline().items()]

    assert [event.seq for event in events] == list(range(1, 9))
