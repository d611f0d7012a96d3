"""Operator commands as files in the session's folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from live_runner.services.execution.command import AUTHOR_LENGTH_MAX, CommandRequest
from live_runner.services.execution.command_files import watch

DEADLINE_S = 10.0


def given(folder: Path, *, accepted: bool = True) -> tuple[str, str]:
    """The first command that is taken from the folder."""

    async def look() -> tuple[str, str]:
        first: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()

        async def give(name: str, reason: str) -> bool:
            first.set_result((name, reason))
            return accepted

        watching = asyncio.create_task(watch(folder, give))
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await first
        finally:
            watching.cancel()

    return asyncio.run(look())


def test_a_file_is_taken_as_a_command_with_its_text_as_the_reason_and_only_once(tmp_path: Path) -> None:
    (tmp_path / "stop").write_text("news at eight\n")

    assert given(tmp_path) == ("stop", "news at eight")
    assert [path.name for path in tmp_path.iterdir()] == ["stop.taken"]


def test_a_refused_command_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "flatten").touch()

    assert given(tmp_path, accepted=False) == ("flatten", "")
    assert [path.name for path in tmp_path.iterdir()] == ["flatten.refused"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("stop")
    (tmp_path / "kill").write_text("now")

    assert given(tmp_path) == ("kill", "now")
    assert (tmp_path / "notes.txt").read_text() == "stop"


def test_an_author_of_any_length_is_no_command() -> None:
    """Author and reason stand in the log, in the database and in every list of commands."""
    body = msgspec.msgpack.encode({"author": "a" * (AUTHOR_LENGTH_MAX + 1), "reason": "r"})

    with pytest.raises(msgspec.ValidationError, match=f"length <= {AUTHOR_LENGTH_MAX}"):
        msgspec.msgpack.decode(body, type=CommandRequest)
