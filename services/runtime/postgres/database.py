"""PostgreSQL: connecting, migrations, and which edition of TimescaleDB it has.

The numbered files in infra/timescale/migrations are applied in order, each in a transaction of its
own, and their sha256 is kept: a migration that was edited after it was applied is an error. Any
number of services may migrate at once; an advisory lock lets one through at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from live_runner.contracts.errors import ConfigError, DatabaseUnavailable, OurFault
from live_runner.services.runtime.config.masking import masked

__all__ = [
    "CONNECT_TIMEOUT_S",
    "RECORDER_LOCK",
    "Edition",
    "Migrated",
    "Migration",
    "MigrationMismatch",
    "check_address",
    "connect",
    "edition",
    "is_migrated",
    "load_migrations",
    "migrate",
    "unavailable",
]

type Edition = Literal["community", "apache", "plain"]
"""TimescaleDB with all its features, with hypertables only, or PostgreSQL without it."""

MIGRATIONS: Final = Path(__file__).resolve().parents[3] / "infra" / "timescale" / "migrations"
CONNECT_TIMEOUT_S: Final = 5
LOCK_TIMEOUT_S: Final = 120
"""How long another service's migration is waited for."""
RECORDER_LOCK: Final = 0x6C69_7665_7265_63  # "liverec"
"""Advisory lock of the one recorder that writes; others stand by."""
_LOCK_KEY: Final = 0x6C697665_72756E  # "liverun": the advisory lock of migrations
_FILE_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_REQUIRES: Final = re.compile(r"-- requires: (\w+)")


class MigrationMismatch(OurFault):
    """The database was made by other migrations than the ones we have."""


class Migration(msgspec.Struct, frozen=True):
    """One file. ``requires`` is "" or "timescale": the community edition."""

    number: int
    name: str
    sql: str
    sha256: str
    requires: str


class Migrated(msgspec.Struct, frozen=True):
    """The result of ``migrate``."""

    edition: Edition
    applied: tuple[str, ...]
    skipped: tuple[str, ...]
    """Need a feature that this database does not have; tried again by the next ``migrate``."""


@contextmanager
def connect(dsn: str, *, autocommit: bool = False) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that commits at the end; DatabaseUnavailable when there is none or it breaks off."""
    check_address(dsn)
    try:
        with psycopg.connect(
            dsn, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, application_name="live-runner"
        ) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise unavailable(dsn, error) from error


def check_address(dsn: str) -> None:
    """ConfigError, which shows nothing of it, for an address that libpq does not read."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise ConfigError(
            "The address of the database is not valid",
            remedy="Set TIMESCALE_DSN to postgresql://user:password@host:port/database",
            variable="TIMESCALE_DSN",
        ) from None


def unavailable(dsn: str, error: psycopg.Error) -> DatabaseUnavailable:
    """The error as one sentence, without the password."""
    what = " ".join(str(error).split()) or type(error).__name__
    return DatabaseUnavailable(
        f"The database at {masked(dsn)} does not answer: {masked(what)}",
        remedy="Start it, or set TIMESCALE_DSN to one that runs",
        dsn=masked(dsn),
    )


def load_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The files of the folder by number; OurFault when the numbers are not 1, 2, 3, ..."""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise OurFault(
                f"{path.name} is not migration number {len(found) + 1}",
                remedy="Name migrations 0001_what.sql, 0002_what.sql, ... without a gap",
            )
        data = path.read_bytes()
        requires = _REQUIRES.match(data.decode())
        found.append(
            Migration(
                int(match[1]), path.stem, data.decode(), sha256(data).hexdigest(), requires[1] if requires else ""
            )
        )
    if not found:
        raise OurFault(f"No migration in {folder}", remedy="Install live-runner with its infra folder")
    return tuple(found)


def edition(dsn: str) -> Edition:
    """Which features the database has, for ``doctor``."""
    with connect(dsn) as connection:
        return _edition(connection)


def is_migrated(dsn: str) -> bool:
    """Whether every migration that fits this database is applied."""
    with connect(dsn) as connection:
        if connection.execute("select to_regclass('schema_migration')").fetchone() == (None,):
            return False
        return not _outstanding(_applied(connection), load_migrations(), _edition(connection))[0]


def migrate(dsn: str, migrations: Sequence[Migration] | None = None) -> Migrated:
    """Bring the database up to date; nothing to do is fine.

    Raises MigrationMismatch when an applied migration was edited or is not among ours, and
    DatabaseUnavailable when the database cannot be reached or another service migrates for too long.
    """
    ours = load_migrations() if migrations is None else tuple(migrations)
    with connect(dsn, autocommit=True) as connection:
        connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT_S}s'")
        # Notices say that hypertables were made, once per table.
        connection.execute("set client_min_messages = warning")
        try:
            connection.execute("select pg_advisory_lock(%s)", (_LOCK_KEY,))
        except pg.LockNotAvailable as error:
            raise DatabaseUnavailable(
                f"Another service has been migrating {masked(dsn)} for {LOCK_TIMEOUT_S} s",
                remedy="Check its log; end it if it hangs",
            ) from error
        _ensure_extension(connection)
        found = _edition(connection)
        _ensure_table(connection)
        outstanding, skipped = _outstanding(_applied(connection), ours, found)
        for migration in outstanding:
            _apply(connection, migration)
        return Migrated(found, tuple(m.name for m in outstanding), tuple(m.name for m in skipped))


def _ensure_extension(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Switch TimescaleDB on where it is installed, loaded by the server and permitted to us."""
    # Creating it where the server has not loaded the library ends the connection, so ask first.
    # Who may not see that setting may not create the extension either.
    usable = connection.execute(
        """
        select exists (select from pg_available_extensions where name = 'timescaledb' and installed_version is null)
           and exists (select from pg_settings where name = 'shared_preload_libraries' and setting ~ 'timescaledb')
           and has_database_privilege(current_database(), 'create')
        """
    ).fetchone()
    if usable == (True,):
        try:
            connection.execute("create extension if not exists timescaledb")
        except pg.InsufficientPrivilege:
            return  # plain tables then; edition() and doctor say so


def _edition(connection: psycopg.Connection[tuple[Any, ...]]) -> Edition:
    row = connection.execute(
        """
        select current_setting('timescaledb.license', true)
        where exists (select from pg_extension where extname = 'timescaledb')
        """
    ).fetchone()
    if row is None:
        return "plain"
    return "community" if row[0] == "timescale" else "apache"


def _ensure_table(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    connection.execute(
        """
        create table if not exists schema_migration (
            number     integer     primary key,
            name       text        not null,
            sha256     text        not null,
            applied_at timestamptz not null default now()
        )
        """
    )


def _applied(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[int, tuple[str, str]]:
    rows = connection.execute("select number, name, sha256 from schema_migration").fetchall()
    return {number: (name, digest) for number, name, digest in rows}


def _outstanding(
    applied: dict[int, tuple[str, str]], ours: Sequence[Migration], found: Edition
) -> tuple[list[Migration], list[Migration]]:
    """Which migrations are to be applied, and which this database cannot take."""
    unknown = sorted(applied.keys() - {migration.number for migration in ours})
    if unknown:
        raise MigrationMismatch(
            f"The database has migration {applied[unknown[0]][0]}, which this live-runner does not know",
            remedy="Use the live-runner that made it, or a newer one",
        )
    outstanding: list[Migration] = []
    skipped: list[Migration] = []
    for migration in ours:
        if migration.number not in applied:
            lacking = migration.requires == "timescale" and found != "community"
            (skipped if lacking else outstanding).append(migration)
        elif applied[migration.number][1] != migration.sha256:
            raise MigrationMismatch(
                f"Migration {migration.name} was edited after it was applied",
                remedy="Restore the file and write the change as a new migration",
                migration=migration.name,
            )
    return outstanding, skipped


def _apply(connection: psycopg.Connection[tuple[Any, ...]], migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(migration.sql.encode())
            connection.execute(
                "insert into schema_migration (number, name, sha256) values (%s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise OurFault(
            f"Migration {migration.name} failed: {' '.join(str(error).split())}",
            remedy="Migrate an empty database, or report this with the database's version",
            migration=migration.name,
        ) from error
