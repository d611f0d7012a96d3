"""Migrations on TimescaleDB and on plain PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from live_runner.contracts.errors import DatabaseUnavailable, OurFault
from live_runner.services.recorder.core.tables import TABLES
from live_runner.services.runtime.postgres import database

PG_TYPES = {
    "token": "text",
    "text": "text",
    "text_or_null": "text",
    "time_or_null": "timestamp with time zone",
    "timestamptz": "timestamp with time zone",
    "int4": "integer",
    "int8": "bigint",
    "float8": "double precision",
    "text[]": "ARRAY",
}


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def test_migrating_again_changes_nothing(dsn: str) -> None:
    assert not database.is_migrated(dsn)

    first = database.migrate(dsn)
    second = database.migrate(dsn)

    assert first.applied[:3] == ("0001_log", "0002_tables", "0003_views")
    assert second.applied == ()
    assert first.skipped == second.skipped
    assert database.is_migrated(dsn)


def test_many_services_may_migrate_at_once(dsn: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: database.migrate(dsn), range(6)))

    assert [bool(each.applied) for each in done].count(True) == 1


def test_timescaledb_is_switched_on_where_it_is_there(timescale_dsn: str) -> None:
    edition = database.migrate(timescale_dsn).edition

    assert edition in ("apache", "community")
    assert edition == database.edition(timescale_dsn)
    hypertables = {
        name
        for (name,) in rows(
            timescale_dsn,
            "select hypertable_name from timescaledb_information.hypertables where hypertable_schema = 'public'",
        )
    }
    assert set(TABLES) == hypertables


def test_plain_postgresql_has_the_same_tables(postgres_dsn: str) -> None:
    assert database.migrate(postgres_dsn).edition == "plain"
    assert database.edition(postgres_dsn) == "plain"
    tables = {name for (name,) in rows(postgres_dsn, "select tablename from pg_tables where schemaname = 'public'")}
    others = {"sessions", "datasets", "recorder_position", "recorder_source", "schema_migration", "sweep", "sweep_run"}
    assert set(TABLES) | others == tables


def test_the_recorders_columns_are_those_of_the_tables(postgres_dsn: str) -> None:
    database.migrate(postgres_dsn)

    for table in TABLES.values():
        found = dict(
            rows(
                postgres_dsn,
                f"select column_name, data_type from information_schema.columns where table_name = '{table.name}'",
            )
        )
        # In any order: a copy names its columns, and a later migration adds to the end.
        assert {name: PG_TYPES.get(kind, kind) for name, kind in table.columns.items()} == found


def test_the_community_migration_is_refused_by_the_apache_edition_for_its_licence_alone(timescale_dsn: str) -> None:
    """Each of its statements is known to TimescaleDB; where the community edition is, it is applied."""
    done = database.migrate(timescale_dsn)
    if done.edition == "community":
        assert "0004_community" in done.applied
        return
    assert done.skipped == ("0004_community", "0010_hours_kept")
    [sql] = [migration.sql for migration in database.load_migrations() if migration.name == "0004_community"]
    statements = [
        part for part in sql.partition("create function")[0].split(";\n") if "equity_by_hour_kept'" not in part
    ]
    statements += [
        "select remove_retention_policy('event', if_exists => true)",
        "select add_retention_policy('event', drop_created_before => interval '1 year')",
    ]

    with psycopg.connect(timescale_dsn, autocommit=True) as connection:
        for statement in statements:
            if any(not line.startswith("--") for line in statement.split("\n") if line.strip()):
                with pytest.raises(psycopg.errors.FeatureNotSupported, match="apache"):
                    connection.execute(statement.encode())


def test_an_edited_migration_is_an_error(postgres_dsn: str) -> None:
    database.migrate(postgres_dsn)
    first, *others = database.load_migrations()
    edited = msgspec.structs.replace(first, sha256="0" * 64)

    with pytest.raises(database.MigrationMismatch, match="0001_log was edited after it was applied"):
        database.migrate(postgres_dsn, [edited, *others])


def test_a_database_of_a_newer_version_is_refused(postgres_dsn: str) -> None:
    database.migrate(postgres_dsn)

    with pytest.raises(database.MigrationMismatch, match="0003_views, which this live-runner does not know"):
        database.migrate(postgres_dsn, database.load_migrations()[:2])


def test_a_migration_that_fails_leaves_nothing_behind(postgres_dsn: str) -> None:
    ours = database.load_migrations()
    broken = msgspec.structs.replace(ours[1], sql="create table half (a int); select no_such_function()")

    with pytest.raises(OurFault, match="0002_tables failed"):
        database.migrate(postgres_dsn, [ours[0], broken])

    assert rows(postgres_dsn, "select to_regclass('half') is null, count(*) from schema_migration") == [(True, 1)]
    assert "0002_tables" in database.migrate(postgres_dsn).applied


def test_migrations_have_no_hole_in_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("select 1")
    (tmp_path / "0003_three.sql").write_text("select 3")

    with pytest.raises(OurFault, match=r"0003_three\.sql is not migration number 2"):
        database.load_migrations(tmp_path)


def test_an_absent_database_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        database.migrate("postgresql://trader:hush@127.0.0.1:1/trades")

    assert "127.0.0.1:1" in str(raised.value)
    assert "TIMESCALE_DSN" in str(raised.value)
    assert "hush" not in str(raised.value)
    assert "hush" not in str(raised.value.fields)


def test_nanoseconds_become_a_timestamp_cut_to_microseconds(postgres_dsn: str) -> None:
    database.migrate(postgres_dsn)

    found = rows(
        postgres_dsn,
        "select (to_ts(1700000000123456789) at time zone 'UTC')::text, (to_ts(-1) at time zone 'UTC')::text",
    )

    assert found == [("2023-11-14 22:13:20.123456", "1969-12-31 23:59:59.999999")]
