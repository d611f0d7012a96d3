"""Operator commands as files, for the embedded mode: they work with nothing but a file manager.

A file called ``stop`` (or ``kill``, ``resume``, ``flatten``, ``end``) in ``<home>/sessions/<session>/`` is
taken as that command, with the file's text as the reason. It is renamed before the command is given, so
that none is given twice: to ``stop.taken``, or ``stop.refused`` when it was not accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

__all__ = ["LOOK_EVERY_S", "NAMES", "watch"]

NAMES: Final = ("stop", "kill", "resume", "flatten", "end")
LOOK_EVERY_S: Final = 0.5
REASON_BYTES_MAX: Final = 2000

type Give = Callable[[str, str], Awaitable[bool]]
"""Gives a command with a reason; whether it was accepted."""


async def watch(folder: Path, give: Give) -> None:
    """Look for command files until cancelled."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    while True:
        for name in NAMES:
            taken = _take(folder / name)
            if taken is not None and not await give(name, taken):
                (folder / f"{name}.taken").replace(folder / f"{name}.refused")
        await asyncio.sleep(LOOK_EVERY_S)


def _take(path: Path) -> str | None:
    """The reason in a command file, which is renamed; None when there is none."""
    try:
        path.replace(path.with_suffix(".taken"))
    except FileNotFoundError:
        return None
    with path.with_suffix(".taken").open("rb") as file:
        return file.read(REASON_BYTES_MAX).decode(errors="replace").strip()
