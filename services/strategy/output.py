"""The output of a strategy's process, in bounds: to a file of bounded size, or on to our own, so much a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["FORWARDED_BYTES_MAX", "OUTPUT_BYTES_MAX", "WINDOW_S", "Limit", "forward_output", "keep_output"]

OUTPUT_BYTES_MAX: Final = 10 * 1024 * 1024
"""Of a file; one more, the one before, is kept as ``.1``."""
FORWARDED_BYTES_MAX: Final = 1024 * 1024
"""In ``WINDOW_S``: our own output is most often a container's log, which nobody bounds for us."""
WINDOW_S: Final = 60.0
_CHUNK_BYTES: Final = 256 * 1024


async def keep_output(stream: asyncio.StreamReader, path: Path) -> None:
    """Write what comes until the end of the stream. A strategy that prints faster than this waits in its ``print``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file: BinaryIO = path.open("ab")
    try:
        while chunk := await stream.read(_CHUNK_BYTES):
            if file.tell() + len(chunk) > OUTPUT_BYTES_MAX:
                file = _turned_over(file, path)
            file.write(chunk)
            file.flush()
    finally:
        file.close()


async def forward_output(
    stream: asyncio.StreamReader, name: str, write: Callable[[bytes], object], *, window_s: float = WINDOW_S
) -> None:
    """Hand on what comes until the end of the stream, as far as ``Limit`` lets it; ``name`` is whose output it is."""
    limit = Limit(name, window_s=window_s)
    while True:
        left_s = limit.left_s(time.monotonic())
        try:
            async with asyncio.timeout(left_s):
                chunk = await stream.read(_CHUNK_BYTES)
        except TimeoutError:
            chunk = None
        now_s = time.monotonic()
        if passed := limit.end() if chunk == b"" else limit.take(chunk or b"", now_s):
            write(passed)
        if chunk == b"":
            return


class Limit:
    """So many bytes in a stretch of time, in whole lines; one line says how many more there were."""

    def __init__(self, name: str, *, bytes_max: int = FORWARDED_BYTES_MAX, window_s: float = WINDOW_S) -> None:
        self._name = name
        self._bytes_max = bytes_max
        self._window_s = window_s
        self._until_s = 0.0
        self._passed = 0
        self._cut = 0
        self._is_full = False
        self._is_mid_cut = False
        """Whether the line that goes on was cut before."""
        self._is_mid_line = False
        """Whether what was handed on ends within a line."""

    def left_s(self, now_s: float) -> float | None:
        """Seconds until what was cut has to be named although nothing may come; None where nothing was."""
        return max(0.0, self._until_s - now_s) if self._cut else None

    def take(self, chunk: bytes, now_s: float) -> bytes:
        """What to hand on of the bytes that came."""
        line = b""
        if now_s >= self._until_s:
            line = self.end()
            self._until_s, self._passed, self._is_full = now_s + self._window_s, 0, False
        begin = 0
        if self._is_mid_cut:
            begin = chunk.find(b"\n") + 1 or len(chunk)
        end = begin if self._is_full else len(chunk)
        if end - begin > self._bytes_max - self._passed:
            self._is_full = True
            end = max(begin, chunk.rfind(b"\n", begin, begin + self._bytes_max - self._passed) + 1)
        kept = chunk[begin:end]
        self._passed += len(kept)
        self._cut += len(chunk) - len(kept)
        if kept:
            self._is_mid_line = not kept.endswith(b"\n")
        if chunk:
            self._is_mid_cut = not chunk.endswith(b"\n") and (end < len(chunk) or not kept)
        return line + kept

    def end(self) -> bytes:
        """The line about what was left out since the last one; nothing where nothing was."""
        cut, self._cut = self._cut, 0
        if not cut:
            return b""
        most = f"{self._bytes_max} bytes in {self._window_s:g} s"
        break_, self._is_mid_line = "\n" if self._is_mid_line else "", False
        return f"{break_}... {cut} bytes of the output of {self._name} are left out: more than {most}\n".encode()


def _turned_over(file: BinaryIO, path: Path) -> BinaryIO:
    file.close()
    path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")
