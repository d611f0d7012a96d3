"""Replay and comparison of a session, from the database or a bundle; `replay`, `compare`, `bundle` and `run` use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_runner.services.cli.options import database_settings
from live_runner.services.cli.progress_bars import counted

if TYPE_CHECKING:
    from live_runner.services.forensics.compare import Comparison
    from live_runner.services.forensics.replay import ReplayResult
    from live_runner.strategies.loader import StrategySource

__all__ = [
    "DifferentCodeOption",
    "PartialOption",
    "SessionOrBundle",
    "compare_log",
    "compare_session",
    "is_bundle",
    "print_verdict",
    "recorded_events",
    "replay_events",
    "replay_recorded",
    "replay_session",
    "session_events",
]

SessionOrBundle = Annotated[
    str, typer.Argument(help="The session's name, or the path of a bundle (*.zip).", show_default=False)
]
DifferentCodeOption = Annotated[
    bool, typer.Option("--allow-different-code", help="Compare even if strategy, engine or configuration differ.")
]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Allow an incomplete recording: of a running or crashed session.")
]


def replay_recorded(session: str, home: Path | None, *, is_quiet: bool, partial: bool) -> ReplayResult:
    """Replay a session from the database or a bundle, or an account from what the database has of its sessions."""
    if is_bundle(session):
        with recorded_events(session, home) as events:
            return replay_events(events, is_quiet=is_quiet, partial=partial)
    with database_settings(home) as settings:
        from live_runner.services.forensics.account_replay import TYPES, replay_account
        from live_runner.services.runtime.postgres import archive

        assert settings.timescale_dsn is not None
        dsn = settings.timescale_dsn
        if archive.sessions(dsn, session) or not archive.account_sessions(dsn, session):
            return replay_events(session_events(dsn, session), is_quiet=is_quiet, partial=partial)
        events = archive.account_events(dsn, session, TYPES)
        return replay_account(session, counted(events, "events replayed", is_quiet=is_quiet))


def replay_session(dsn: str, session: str, *, is_quiet: bool) -> ReplayResult:
    """Replay a session from the database, with a restart of the strategy half way.

    StrategyError when it agrees with the recording only without that restart.
    """
    from live_runner.services.runtime.postgres import archive

    half = sum(found.events for found in archive.sessions(dsn, session)) // 2
    restarted = replay_events(session_events(dsn, session), is_quiet=is_quiet, restart_at=half)
    if restarted.agrees or restarted.first is None or restarted.first.source != "strategy":
        return restarted
    result = replay_events(session_events(dsn, session), is_quiet=is_quiet)
    if result.agrees:
        from live_runner.contracts.errors import StrategyError
        from live_runner.services.backtest.failures import not_restartable

        raise StrategyError(
            not_restartable(f"after event {half} of {session}: {restarted.first}").first,
            remedy="Correct the strategy and run it as a new session",
            session=session,
        )
    return result


def compare_session(
    dsn: str,
    session: str,
    *,
    is_quiet: bool,
    home: Path,
    strategy: StrategySource | None = None,
    allow_different_code: bool = False,
) -> Comparison:
    """Compare a session from the database with its backtest, and its bars with those of its dataset."""
    from live_runner.services.forensics.session_log import SessionLog

    log = SessionLog(session_events(dsn, session))
    return compare_log(log, is_quiet=is_quiet, home=home, strategy=strategy, allow_different_code=allow_different_code)


def print_verdict(
    summary: dict[str, Any], replayed: ReplayResult, compared: Comparison | None, *, as_json: bool
) -> int:
    """Print summary, replay and, where there is one, comparison; 0 when both agree."""
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.forensics.report import as_dict, compare_view, replay_view

    if as_json:
        comparison = {} if compared is None else {"comparison": as_dict(compared)}
        print_json({**summary, "replay": as_dict(replayed), **comparison})
    else:
        show(replay_view(replayed))
        if compared is not None:
            show(compare_view(compared))
    return 0 if replayed.agrees and (compared is None or compared.agrees) else 1


def replay_events(
    events: Iterable[tuple[int, bytes]], *, is_quiet: bool, partial: bool = False, restart_at: int = 0
) -> ReplayResult:
    """Replay recorded events with the engine of this machine."""
    from live_runner.services.forensics.recording import Again
    from live_runner.services.forensics.replay import replay
    from live_runner.services.runtime.service.engine_facts import engine_hash, platform_facts

    shown = Again(lambda: counted(events, "events replayed", is_quiet=is_quiet))
    return replay(shown, partial=partial, platform=platform_facts(), engine_hash=engine_hash(), restart_at=restart_at)


def compare_log(log: Any, *, is_quiet: bool, home: Path, **options: Any) -> Comparison:
    """Compare a session's log with its backtest on this machine, and its bars with the dataset in this data folder."""
    from live_runner.services.cli.dataset_check import dataset_market
    from live_runner.services.cli.output import note, stderr_console
    from live_runner.services.forensics.compare import compare_log as compare_with_backtest
    from live_runner.services.runtime.service.engine_facts import engine_hash, platform_facts

    def compared() -> Comparison:
        market, remark = dataset_market(log, home)
        if remark:
            note(remark)
        return compare_with_backtest(
            log, engine_hash=engine_hash(), platform=platform_facts(), market=market, **options
        )

    console = stderr_console()
    if is_quiet or not console.is_terminal:
        return compared()
    with console.status("comparing with the backtest"):
        return compared()


def is_bundle(name: str) -> bool:
    """Whether a name means a bundle's file and not a session."""
    # No session is called so: a name has neither dots nor slashes.
    return "." in name or "/" in name


@contextmanager
def recorded_events(session: str, home: Path | None) -> Iterator[Iterable[tuple[int, bytes]]]:
    """The events of a session, from the database or from a bundle, read anew by each loop over them."""
    if is_bundle(session):
        from live_runner.services.forensics.bundle import read_bundle
        from live_runner.services.forensics.recording import Again

        yield Again(lambda: read_bundle(Path(session)))
        return
    with database_settings(home) as settings:
        assert settings.timescale_dsn is not None
        yield session_events(settings.timescale_dsn, session)


def session_events(dsn: str, session: str) -> Iterable[tuple[int, bytes]]:
    """The events of a session in the database, in order, read anew by each loop over them.

    DataError when there is no such session.
    """
    from live_runner.contracts.errors import DataError
    from live_runner.services.forensics.recording import Again
    from live_runner.services.runtime.postgres import archive

    if not archive.sessions(dsn, session):
        raise DataError(
            f"There is no session {session} in the database",
            remedy="List them with: live-runner status",
            session=session,
        )
    return Again(lambda: archive.events(dsn, session))
