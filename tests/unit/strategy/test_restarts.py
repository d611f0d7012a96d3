"""How often a strategy's process is started again, and what becomes of its output."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from live_runner.services.strategy.output import (
    FORWARDED_BYTES_MAX,
    OUTPUT_BYTES_MAX,
    Limit,
    forward_output,
    keep_output,
)
from live_runner.services.strategy.restarts import CRASHES_MAX, PROGRESS_DECISIONS, Restarts


def test_a_process_that_ends_without_progress_is_given_up() -> None:
    restarts = Restarts()

    assert [restarts.crashed(1) for _ in range(CRASHES_MAX + 1)] == [True] * CRASHES_MAX + [False]


def test_one_decision_between_two_ends_is_no_progress() -> None:
    restarts = Restarts()

    assert not all(restarts.crashed(decisions) for decisions in range(CRASHES_MAX + 1))


def test_a_process_that_ends_now_and_then_is_started_again() -> None:
    restarts = Restarts()

    assert all(restarts.crashed(number * PROGRESS_DECISIONS) for number in range(1, 50))
    assert restarts.hung(50 * PROGRESS_DECISIONS)
    assert not restarts.hung(50 * PROGRESS_DECISIONS + 1)


def test_output_is_kept_in_two_files_of_bounded_size(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "strategy.loud.out"

    async def print_much() -> None:
        stream = asyncio.StreamReader()
        keeping = asyncio.create_task(keep_output(stream, path))
        for _ in range(60):
            stream.feed_data(b"x" * 1_000_000)
            await asyncio.sleep(0)
        stream.feed_data(b"the end")
        stream.feed_eof()
        await keeping

    asyncio.run(print_much())

    assert path.read_bytes().endswith(b"the end")
    assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 2 * OUTPUT_BYTES_MAX


LINE = b"y" * 99 + b"\n"


def test_output_that_is_handed_on_is_bounded_by_the_minute_and_what_is_cut_is_counted() -> None:
    limit = Limit("mine", bytes_max=1_000, window_s=60)

    first = [limit.take(LINE * 5, now_s) for now_s in (10.0, 11.0, 12.0, 69.0)]
    second = limit.take(LINE, 70.0)

    assert first == [LINE * 5, LINE * 5, b"", b""]
    line = b"... 1000 bytes of the output of mine are left out: more than 1000 bytes in 60 s\n"
    assert second == line + LINE
    assert limit.left_s(71.0) is None


@given(chunks=st.lists(st.tuples(st.text("ab\n", max_size=300), st.floats(0, 40)), max_size=30))
def test_no_minute_has_more_than_its_share_and_every_byte_is_handed_on_or_counted(
    chunks: list[tuple[str, float]],
) -> None:
    limit = Limit("mine", bytes_max=200, window_s=60)
    now_s, counted, passed = 0.0, 0, 0
    text = b""
    for chunk, pause_s in [*chunks, ("", 60.0)]:
        now_s += pause_s
        text += limit.take(chunk.encode(), now_s)
        assert len(text) <= (now_s // 60 + 2) * (200 + 120)

    lines = text.splitlines(keepends=True)
    counted = sum(int(line.split()[1]) for line in lines if line.startswith(b"... "))
    passed = sum(len(line) for line in lines if not line.startswith(b"... "))
    breaks = passed + counted - sum(len(chunk) for chunk, _ in chunks)
    assert 0 <= breaks <= text.count(b"... "), "a break before a line of ours"
    whole = {line.encode() for line in "".join(chunk for chunk, _ in chunks).splitlines(keepends=True)}
    assert all(
        line.startswith(b"... ") or line in whole or any(one.startswith(line.rstrip()) for one in whole)
        for line in lines
    )


def test_what_was_cut_is_said_at_the_end_of_its_minute_although_nothing_more_comes() -> None:
    written: list[bytes] = []

    async def print_much() -> None:
        stream = asyncio.StreamReader()
        forwarding = asyncio.create_task(forward_output(stream, "mine", written.append, window_s=0.05))
        stream.feed_data(LINE * (2 * FORWARDED_BYTES_MAX // len(LINE)))
        async with asyncio.timeout(60):
            while b"are left out" not in b"".join(written):  # noqa: ASYNC110  # the writer is a plain function
                await asyncio.sleep(0.01)
        assert not forwarding.done()
        stream.feed_eof()
        await forwarding

    asyncio.run(print_much())
