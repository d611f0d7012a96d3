"""The gate of step 5: what may follow what in a recording's stream."""

from __future__ import annotations

import asyncio

from live_runner.contracts.messages import BarSet, Command, Decided, Event, Executed
from live_runner.services.market_data.feed_progress import FeedProgress

AT_ONCE_S = 0.0


def event(kind: type[Event], source: str, **fields: object) -> Event:
    return kind(**{"seq": 1} | fields, id="x", session="s1", source=source, event_ns=60)  # type: ignore[arg-type]  # the fields of the kind


def bar_set(number: int = 1, close_ns: int = 60, *, warmup: bool = False) -> Event:
    return event(BarSet, "market_data", seq=number, number=number, open_ns=0, close_ns=close_ns, bars=[], warmup=warmup)


def decided(close_ns: int = 60) -> Event:
    return event(Decided, "strategy", close_ns=close_ns, intents=[])


def folded(*events: Event) -> FeedProgress:
    progress = FeedProgress()
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
    assert gate(folded(bar_set(), event(Executed, "execution", close_ns=60, requested=1, refused=0)))
    assert not gate(folded(bar_set(), decided(), bar_set(2, 120), decided(60)))


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
    foreign = event(BarSet, "market_data", seq=10**9, number=10**9, open_ns=0, close_ns=10**9, bars=[])

    progress = folded(bar_set(), foreign, bar_set(2, 120))

    assert (progress.seq, progress.number, progress.close_ns) == (2, 2, 120)
