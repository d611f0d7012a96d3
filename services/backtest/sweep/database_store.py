"""A sweep's results in the database: table ``sweep`` for what all runs share, ``sweep_run`` for each run.

Any number of processes may write parts of one sweep: a run that is stored is never stored again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from live_runner.services.backtest.sweep.rows import COLUMNS, Row
from live_runner.services.backtest.sweep.store import Header, check_same
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.postgres.database import connect, migrate, unavailable

__all__ = ["DatabaseStore"]

_INSERT: Final = sql.SQL("insert into sweep_run (sweep, {}) values (%s, {}) on conflict do nothing").format(
    sql.SQL(", ").join(sql.Identifier(column.name) for column in COLUMNS),
    sql.SQL(", ").join(sql.SQL("%s::numeric" if column.kind == "money" else "%s") for column in COLUMNS),
)


class DatabaseStore:
    """One sweep in the database at ``dsn``, by its name."""

    def __init__(self, dsn: str, header: Header, *, fresh: bool = False) -> None:
        """Begin it or take it up; ConfigError when another sweep has the name, DatabaseUnavailable."""
        self._dsn = dsn
        migrate(dsn)
        with connect(dsn) as connection:
            if fresh:
                connection.execute("delete from sweep where sweep = %s", (header.sweep,))
            values = [_json(part) for part in (header.made_of, header.space, header.manifest)]
            connection.execute(
                "insert into sweep (sweep, made_of, space, manifest) values (%s, %s, %s, %s) on conflict do nothing",
                (header.sweep, *values),
            )
            found = connection.execute(
                "select made_of, space, manifest from sweep where sweep = %s", (header.sweep,)
            ).fetchone()
        assert found is not None
        check_same(f"the database under the name {header.sweep}", header.made_of, found[0])
        self.header = Header(sweep=header.sweep, made_of=found[0], space=found[1], manifest=found[2])

    def numbers(self) -> frozenset[int]:
        """Runs that are stored, whoever stored them."""
        with connect(self._dsn) as connection:
            rows = connection.execute("select number from sweep_run where sweep = %s", (self.header.sweep,))
            return frozenset(number for (number,) in rows)

    def add(self, rows: Sequence[Row]) -> None:
        """Store rows in one transaction."""
        values = [(self.header.sweep, *(_value(column.kind, row[column.name]) for column in COLUMNS)) for row in rows]
        with connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.executemany(_INSERT, values)

    def rows(self) -> Iterator[Row]:
        """Everything that is stored, by number, without the manifests."""
        names = [column.name for column in COLUMNS if column.name != "manifest"]
        query = sql.SQL("select {} from sweep_run where sweep = %s order by number").format(
            sql.SQL(", ").join(map(sql.Identifier, names))
        )
        money = [column.name for column in COLUMNS if column.kind == "money"]
        try:
            with connect(self._dsn) as connection, connection.cursor(row_factory=dict_row) as cursor:
                for row in cursor.execute(query, (self.header.sweep,)):
                    yield {**row, **{name: None if row[name] is None else f"{row[name]:f}" for name in money}}
        except psycopg.OperationalError as error:
            raise unavailable(self._dsn, error) from error

    def finish(self) -> str:
        """Nothing is left to be made."""
        return f"sweep_run in {masked(self._dsn)}"

    def close(self) -> None:
        """No connection is kept."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _value(kind: str, value: Any) -> Any:
    return _json(value) if kind == "json" and value is not None else value
