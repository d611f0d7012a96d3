"""The output of a strategy's process: whatever it prints goes to a file of bounded size."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["OUTPUT_BYTES_MAX", "keep_output"]

OUTPUT_BYTES_MAX: Final = 10 * 1024 * 1024
"""Of a file; one more, the one before, is kept as ``.1``."""
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


def _turned_over(file: BinaryIO, path: Path) -> BinaryIO:
    file.close()
    path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")
