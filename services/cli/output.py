"""Output of commands: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["console", "note", "print_json", "show", "stderr_console"]

PLAIN_WIDTH: Final = 160
"""Columns of a table that goes into a file or another program."""


def console() -> Console:
    """Of results; plain text when stdout is not a terminal."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False)


def stderr_console() -> Console:
    """Of progress and notes."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False)


def show(result: RenderableType) -> None:
    """Print a result for people."""
    console().print(result)


def print_json(result: Any) -> None:
    """Print a result for programs: one JSON object in one line."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(result, enc_hook=str).decode() + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something about the way to the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
