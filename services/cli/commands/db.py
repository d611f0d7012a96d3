"""``db migrate``, ``db query`` and ``db adopt-log``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, database_settings, settings_of

__all__ = ["app"]

QUERY_TIMEOUT_S: Final = 60
ROWS_MAX: Final = 10_000
"""Rows that a query prints at most; psql is the tool for more."""

app = typer.Typer(help="Manage the database.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n\b\n  TIMESCALE_DSN=postgresql://... live-runner db migrate\n  live-runner db migrate --json"
)
def migrate(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make or update tables, views and functions. Services do it themselves at their start."""
    import msgspec

    from live_runner.services.cli.output import note, print_json
    from live_runner.services.runtime.embedded.servers import Embedded
    from live_runner.services.runtime.postgres.database import migrate as migrate_database

    with Embedded.start(settings_of(home), nats=False, is_brief=True, on_wait=note) as embedded:
        assert embedded.settings.timescale_dsn is not None
        done = migrate_database(embedded.settings.timescale_dsn)
    if as_json:
        print_json(msgspec.to_builtins(done))
        return
    note(
        f"The database is {done.edition}; {len(done.applied)} migrations were applied: {', '.join(done.applied) or '-'}"
    )
    if done.skipped:
        note(f"Not possible with this edition, and not needed: {', '.join(done.skipped)}")


@app.command(
    short_help="Run one read-only SQL statement and print its rows.",
    epilog="Examples:\n\n\b\n"
    '  live-runner db query "select * from session_summary" --json\n'
    "  live-runner db query \"select day, pnl from pnl_by_day where session = 'monday'\"",
)
def query(
    sql: Annotated[str, typer.Argument(help="One read-only SQL statement.", show_default=False)],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one read-only SQL statement, on the embedded database or that of TIMESCALE_DSN, and print its rows."""
    from rich.table import Table

    from live_runner.services.cli.output import console, note, print_json, printable, show

    with database_settings(home) as settings:
        assert settings.timescale_dsn is not None
        names, rows = _rows(settings.timescale_dsn, sql)
    if as_json:
        print_json([dict(zip(_unlike(names), row, strict=True)) for row in rows])
        return
    names = [printable(name) for name in names]
    texts = [["" if value is None else printable(str(value)) for value in row] for row in rows]
    if texts and _width(names, texts) > console().width:
        for number, row in enumerate(texts, start=1):
            table = Table("column", f"row {number}")
            for name, value in zip(names, row, strict=True):
                table.add_row(name, value)
            show(table)
    else:
        table = Table(*names)
        for row in texts:
            table.add_row(*row)
        show(table)
    if len(rows) == ROWS_MAX:
        note(f"These are the first {ROWS_MAX:,} rows; use psql for more")


def _unlike(names: list[str]) -> list[str]:
    """The names of columns, if no two are the same: a JSON object has one value of each name."""
    from live_runner.contracts.errors import DataError

    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"The query has two columns of the name {twice}, and a JSON object has one",
            remedy="Name one of them otherwise: select ... as other_name",
            name=twice,
        )
    return names


def _width(names: list[str], rows: list[list[str]]) -> int:
    """Columns of the terminal that a table of these rows takes without a break inside a cell."""
    return 1 + sum(3 + max(map(len, column)) for column in zip(names, *rows, strict=True))


def _rows(dsn: str, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    from itertools import islice

    import psycopg

    from live_runner.contracts.errors import DataError
    from live_runner.services.runtime.postgres.reader import reading

    with reading(dsn, timeout_s=QUERY_TIMEOUT_S) as connection, connection.cursor() as cursor:
        try:
            # One statement and no more, row by row: no more are received than are printed.
            rows = list(islice(cursor.stream(sql.encode()), ROWS_MAX))
            if not rows:
                cursor.execute(sql.encode(), prepare=True)  # for the names, which come with the first row
            return [column.name for column in cursor.description or ()], rows
        except psycopg.Error as error:
            is_answered = error.sqlstate or isinstance(error, psycopg.OperationalError)
            message = str(error).strip().partition("\n")[0] if is_answered else "it gives no rows"
            raise DataError(
                f"The database rejected the query: {message}", remedy="See the tables and views in the README"
            ) from error


@app.command(
    "adopt-log",
    short_help="Let the recorder continue from another NATS log.",
    epilog="Examples:\n\n\b\n  live-runner db adopt-log\n  live-runner db adopt-log --after 120000",
)
def adopt_log(
    after: Annotated[int, typer.Option(help="Continue after this stream sequence.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let the recorder go on from another NATS log, after a store was replaced or restored.

    Events that are stored already are not stored again. Stop the recorder first.
    """
    import asyncio

    from live_runner.services.cli.output import note, print_json
    from live_runner.services.runtime.postgres import archive

    with database_settings(home, nats=True) as settings:
        created, last_seq = asyncio.run(_log(settings))
        assert settings.timescale_dsn is not None
        archive.adopt_log(settings.timescale_dsn, created, after)
    if as_json:
        print_json({"created": created, "after": after, "last_seq": last_seq})
    else:
        note(f"The recorder continues in the log created {created}, after sequence {after} of {last_seq}")


async def _log(settings: object) -> tuple[str, int]:
    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.nats.bus import Bus

    assert isinstance(settings, Settings)
    bus = await Bus.connect(settings.nats, name="adopt-log")
    try:
        await bus.ensure_stream()
        state = await bus.log_state()
        return state.epoch, state.last_seq
    finally:
        await bus.close()
