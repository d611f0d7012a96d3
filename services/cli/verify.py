"""``replay``, ``compare``, ``bundle`` and ``backtest``: what the proof is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, database_settings, settings_of

if TYPE_CHECKING:
    from live_runner.services.forensics.compare import Comparison
    from live_runner.services.forensics.replay import ReplayResult
    from live_runner.strategies.loader import StrategySource

__all__ = ["compare_session", "print_verdict", "register", "replay_session"]

SessionOrBundle = Annotated[
    str, typer.Argument(help="The session's name, or the path of a bundle (*.zip).", show_default=False)
]
DifferentCodeOption = Annotated[
    bool, typer.Option("--allow-different-code", help="Compare although strategy, engine or configuration differ.")
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Allow a recording that breaks off: a session that runs or crashed.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="Run a configuration over its dataset, as fast as it goes.",
        epilog="Examples:\n\n\b\n"
        "  live-runner backtest session.yaml\n"
        "  live-runner backtest session.yaml --compiled\n"
        "  live-runner backtest session.yaml --json",
    )(backtest)
    app.command(
        short_help="Compare a session with its backtest, cent by cent.",
        epilog="Examples:\n\n\b\n"
        "  live-runner compare monday\n"
        "  live-runner compare monday --html monday.html\n"
        "  live-runner compare monday --config changed.yaml --allow-different-code",
    )(compare)
    app.command(
        short_help="Fold a session again and compare every output.",
        epilog="Examples:\n\n\b\n  live-runner replay monday\n  live-runner replay monday.zip --json",
    )(replay)
    app.command(
        short_help="Put a session into one file that replays anywhere.",
        epilog="Examples:\n\n\b\n  live-runner bundle monday\n  live-runner bundle monday --output m.zip",
    )(bundle)


def replay(
    session: SessionOrBundle, partial: PartialOption = False, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Fold the recorded inputs again and compare every output with the recorded one, byte for byte."""
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.forensics.report import as_dict, replay_view

    with _source(session, home) as events:
        result = _replay(events, is_quiet=as_json, partial=partial)
    if as_json:
        print_json(as_dict(result))
    else:
        show(replay_view(result))
    raise typer.Exit(0 if result.agrees else 1)


def compare(
    session: SessionOrBundle,
    config: Annotated[
        Path | None, typer.Option(help="Compare with this configuration and its strategy, as they are now.")
    ] = None,
    allow_different_code: DifferentCodeOption = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with charts to this file.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the backtest of a session and compare both, event by event and cent by cent."""
    from live_runner.services.cli.output import note, print_json, show
    from live_runner.services.cli.prepared import prepare
    from live_runner.services.forensics.html_report import html_report
    from live_runner.services.forensics.report import as_dict, compare_view

    prepared = prepare(config, session=session if config and not _is_bundle(session) else None) if config else None
    with _source(session, home) as events:
        from live_runner.services.forensics.session_log import SessionLog

        log = SessionLog(events)
        result = _compare(
            log,
            is_quiet=as_json,
            strategy=prepared.source if prepared else None,
            config=prepared.config if prepared else None,
            allow_different_code=allow_different_code,
        )
        if html is not None:
            html.write_text(html_report(log, result), encoding="utf-8")
            note(f"The report is in {html}")
    if as_json:
        print_json(as_dict(result))
    else:
        show(compare_view(result))
    raise typer.Exit(result.exit_code)


def bundle(
    session: Annotated[str, typer.Argument(help="The session's name.", show_default=False)],
    output: Annotated[Path | None, typer.Option(help="The file to write; default: SESSION.zip.")] = None,
    allow_different_code: DifferentCodeOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a session and its comparison into one file that replays on another machine."""
    import msgspec

    from live_runner.services.cli.output import note, print_json
    from live_runner.services.forensics.bundle import write_bundle
    from live_runner.services.forensics.report import as_dict
    from live_runner.services.runtime.service.log import session_lines

    path = output or Path(f"{session}.zip")
    with database_settings(home) as settings:
        assert settings.timescale_dsn is not None
        compared = compare_session(
            settings.timescale_dsn, session, is_quiet=as_json, allow_different_code=allow_different_code
        )
        documents = {"comparison": as_dict(compared), "logs": session_lines(settings, session)}
        written = write_bundle(path, _events(settings.timescale_dsn, session), documents)
    if as_json:
        print_json({"file": str(path), **msgspec.to_builtins(written)})
    else:
        note(f"{written.events} events of {session} are in {path}")


def backtest(
    config: Annotated[Path, typer.Argument(help="The configuration file (YAML).", show_default=False)],
    compiled: Annotated[bool, typer.Option("--compiled", help="Run the strategy's compiled twin.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a configuration over its dataset in this process, as fast as it goes."""
    import time

    from live_runner.services.backtest.run import run_over
    from live_runner.services.backtest.session import MarketFacts
    from live_runner.services.backtest.summary import summary_fields, summary_table
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.cli.prepared import engine, prepare
    from live_runner.services.market_data.feed import recording_source

    prepared = prepare(config)
    source = recording_source(prepared.config, settings_of(home).home)
    plan = source.plan_now(prepared.warmup_bars)
    market = MarketFacts(
        instruments=source.instruments(),
        dataset=source.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )
    timeline = source.timeline()
    began_s = time.perf_counter()
    with _counter("bar sets", len(timeline), is_quiet=as_json) as count:
        result = run_over(
            prepared.config,
            prepared.source,
            market,
            timeline,
            engine(prepared.source),
            compiled=compiled,
            progress=count,
        )
    seconds = time.perf_counter() - began_s
    bars = result.sets * len(prepared.config.market.symbols)
    fields = summary_fields(result.stopped, seconds=round(seconds, 3), bars_per_second=round(bars / seconds))
    if as_json:
        print_json(fields)
    else:
        show(summary_table(fields, title=f"Backtest of {prepared.config.session}"))


# -- pieces that `run --verify` uses too ---------------------------------------------------------


def replay_session(dsn: str, session: str, *, is_quiet: bool) -> ReplayResult:
    """Replay a session from the database."""
    return _replay(_events(dsn, session), is_quiet=is_quiet)


def compare_session(
    dsn: str,
    session: str,
    *,
    is_quiet: bool,
    strategy: StrategySource | None = None,
    allow_different_code: bool = False,
) -> Comparison:
    """Compare a session from the database with its backtest."""
    from live_runner.services.forensics.session_log import SessionLog

    log = SessionLog(_events(dsn, session))
    return _compare(log, is_quiet=is_quiet, strategy=strategy, allow_different_code=allow_different_code)


def print_verdict(summary: dict[str, Any], replayed: ReplayResult, compared: Comparison, *, as_json: bool) -> int:
    """Print summary, replay and comparison; 0 when both agree."""
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.forensics.report import as_dict, compare_view, replay_view

    if as_json:
        print_json({**summary, "replay": as_dict(replayed), "comparison": as_dict(compared)})
    else:
        show(replay_view(replayed))
        show(compare_view(compared))
    return 0 if replayed.agrees and compared.agrees else 1


def _replay(events: Iterable[tuple[int, bytes]], *, is_quiet: bool, partial: bool = False) -> ReplayResult:
    from live_runner.services.forensics.replay import replay as replay_events
    from live_runner.services.runtime.service.engine_facts import engine_hash, platform_facts

    counted = _progress(events, "events replayed", is_quiet=is_quiet)
    return replay_events(counted, partial=partial, platform=platform_facts(), engine_hash=engine_hash())


def _compare(log: Any, *, is_quiet: bool, **options: Any) -> Comparison:
    from live_runner.services.cli.output import stderr_console
    from live_runner.services.forensics.compare import compare_log
    from live_runner.services.runtime.service.engine_facts import engine_hash, platform_facts

    def compared() -> Comparison:
        return compare_log(log, engine_hash=engine_hash(), platform=platform_facts(), **options)

    console = stderr_console()
    if is_quiet or not console.is_terminal:
        return compared()
    with console.status("comparing with the backtest"):
        return compared()


def _is_bundle(name: str) -> bool:
    # No session is called so: a name has neither dots nor slashes.
    return "." in name or "/" in name


@contextmanager
def _counter(what: str, total: int, *, is_quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Something to tell how far it is, shown as a progress bar when stderr is a terminal."""
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


class _source:  # noqa: N801  # reads as a function in a with statement
    """The events of a session from its database, or of a bundle."""

    def __init__(self, session: str, home: Path | None) -> None:
        self._session = session
        self._database = None if _is_bundle(session) else database_settings(home)

    def __enter__(self) -> Iterator[tuple[int, bytes]]:
        if self._database is None:
            from live_runner.services.forensics.bundle import read_bundle

            return read_bundle(Path(self._session))
        settings = self._database.__enter__()
        assert settings.timescale_dsn is not None
        return _events(settings.timescale_dsn, self._session)

    def __exit__(self, *error: Any) -> None:
        if self._database is not None:
            self._database.__exit__(*error)


def _events(dsn: str, session: str) -> Iterator[tuple[int, bytes]]:
    from live_runner.contracts.errors import DataError
    from live_runner.services.runtime.postgres import archive

    if not archive.sessions(dsn, session):
        raise DataError(
            f"There is no session {session} in the database",
            remedy="List them with: live-runner status",
            session=session,
        )
    return archive.events(dsn, session)


def _progress[T](items: Iterable[T], what: str, *, is_quiet: bool) -> Iterator[T]:
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


_SHOWN_EVERY = 1000
