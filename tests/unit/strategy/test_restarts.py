"""How often a strategy's process is started again, and what becomes of its output."""

from __future__ import annotations

import asyncio
from pathlib import Path

from live_runner.services.strategy.output import OUTPUT_BYTES_MAX, keep_output
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
