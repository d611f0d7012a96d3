"""Output of commands, without secrets: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["console", "note", "print_json", "printable", "show", "stderr_console"]

PLAIN_WIDTH: Final = 160
"""Columns of a table that goes into a file or another program."""


def printable(text: str) -> str:
    """The text without what a terminal would obey: control characters and lone surrogates are written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def console() -> Console:
    """Of results; plain text when stdout is not a terminal. Text is printed as it is: brackets are not markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def stderr_console() -> Console:
    """Of progress and notes; as ``console``."""
    from rich.console import Console

    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def show(result: RenderableType) -> None:
    """Print a result for people."""
    from live_runner.services.runtime.config.masking import masked

    console().print(masked(result) if isinstance(result, str) else result)


def print_json(result: Any) -> None:
    """Print a result for programs: one JSON object in one line."""
    import msgspec

    from live_runner.services.runtime.config.masking import masked_values

    shown = masked_values(msgspec.to_builtins(result, enc_hook=str))
    sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something about the way to the result."""
    from live_runner.services.runtime.config.masking import masked

    sys.stderr.write(printable(masked(text)) + "\n")
    sys.stderr.flush()
