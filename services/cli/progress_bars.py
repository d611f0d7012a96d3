"""Progress bars on stderr, where it is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["counted", "progress_bar"]

_SHOWN_EVERY: Final = 1000


@contextmanager
def progress_bar(what: str, total: int, *, is_quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar for ``total`` items: a function that takes the number done; None where nothing is shown."""
    from live_runner.services.cli.output import stderr_console

    console = stderr_console()
    if is_quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} {task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.update(task, completed=number)


def counted[T](items: Iterable[T], what: str, *, is_quiet: bool) -> Iterator[T]:
    """The items, counted on a progress bar when stderr is a terminal."""
    from live_runner.services.cli.output import stderr_console

    console = stderr_console()
    if is_quiet or not console.is_terminal:
        yield from items
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,} {task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None)
        for number, item in enumerate(items, start=1):
            if number % _SHOWN_EVERY == 0:
                bar.update(task, completed=number)
            yield item
