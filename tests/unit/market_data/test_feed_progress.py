"""The gate of step 5: what may follow what in a recording's stream."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from fix_golden import _SAMPLES

from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import BarSet, Command, Decided, Event, Executed, Started
from live_runner.services.market_data.feed_progress import FeedProgress

AT_ONCE_S = 0.0
MINUTE_NS = 60_000_000_000
STARTED = msgspec.structs.replace(
    next(sample for sample in _SAMPLES if isinstance(sample, Started)),
    session="s1",
    config={"market": {"symbols": ["A"], "timeframe": "1m"}},
)


def event(kind: type[Event], source: str, seq: int = 1, **fields: object) -> Event:
    return kind(**fields, seq=seq, id=f"s1/{source}/{seq}", session="s1", source=source, event_ns=60)  # type: ignore[arg-type]  # the fields of the kind


def bar_set(number: int = 1, *, warmup: bool = False) -> Event:
    close_ns = number * MINUTE_NS
    times = {"number": number, "open_ns": close_ns - MINUTE_NS, "close_ns": close_ns}
    return event(BarSet, "market_data", number, bars=[], missing=["A"], warmup=warmup, **times)


def decided(number: int = 1) -> Event:
    return event(Decided, "strategy", close_ns=number * MINUTE_NS, intents=[])


def folded(*events: Event) -> FeedProgress:
    progress = FeedProgress()
    progress.fold(STARTED)
    for one in events:
        progress.fold(one)
    return progress


def gate(progress: FeedProgress) -> bool:
    return asyncio.run(progress.gate(AT_ONCE_S))


def answered(progress: FeedProgress) -> bool:
    return asyncio.run(progress.answered(AT_ONCE_S))


def test_the_next_set_waits_for_the_answer_to_the_last() -> None:
    assert not gate(folded(bar_set()))
    assert gate(folded(bar_set(), decided()))
    assert gate(folded(bar_set(), event(Executed, "execution", close_ns=MINUTE_NS, requested=1, refused=0)))
    assert not gate(folded(bar_set(), decided(), bar_set(2), decided(1)))


def test_nobody_answers_warmup() -> None:
    assert gate(folded(bar_set(warmup=True)))
    assert answered(folded(bar_set(warmup=True)))


def test_an_end_lets_no_set_wait_but_the_feed_still_ends_after_the_last_decision() -> None:
    """Else what a core holds at the last close would depend on which process was faster."""
    end = event(Command, "command.shell", command="end", author="me", reason="")

    progress = folded(bar_set(), end)

    assert gate(progress)
    assert not answered(progress)
    assert answered(folded(bar_set(), end, decided()))


def test_after_an_abort_nothing_is_waited_for_and_nothing_follows() -> None:
    """S06: the decision that is awaited never comes."""
    progress = folded(bar_set(), event(Command, "strategy.shell.1", command="abort", author="me", reason=""))

    assert gate(progress)
    assert answered(progress)
    assert progress.is_over
    assert progress.aborted
    assert not folded(bar_set()).is_over


def test_a_bar_set_of_somebody_else_is_not_where_the_feed_goes_on() -> None:
    ahead = msgspec.structs.replace(bar_set(2), seq=10**9, number=10**9)

    progress = folded(bar_set(), ahead, bar_set(2))

    assert (progress.seq, progress.number, progress.close_ns) == (2, 2, 2 * MINUTE_NS)


def test_a_bar_set_that_cannot_follow_is_not_where_the_feed_goes_on() -> None:
    progress = folded(bar_set())
    back = msgspec.structs.replace(bar_set(2), open_ns=-MINUTE_NS, close_ns=0)

    with pytest.raises(MessageError, match="s1/market_data/2 of market_data cannot follow"):
        progress.fold(back)

    assert (progress.seq, progress.number, progress.close_ns) == (1, 1, MINUTE_NS)
    progress.fold(bar_set(2))
    assert progress.number == 2


def test_a_feed_whose_earlier_sets_have_left_the_stream_goes_on_from_the_last() -> None:
    progress = folded(msgspec.structs.replace(bar_set(500), hash="0" * 32))

    assert (progress.seq, progress.number, progress.close_ns) == (500, 500, 500 * MINUTE_NS)
