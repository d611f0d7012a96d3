"""``db query`` reads rows and does nothing else, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from live_runner.contracts.errors import DataError
from live_runner.services.cli.commands.db import _rows
from live_runner.services.runtime.embedded.postgres_server import PostgresServer, start_postgres
from live_runner.services.runtime.postgres import database

TRIES = [
    "commit; create table mine (x int)",
    "select 1; select 2",
    "create table mine (x int)",
    "insert into sessions (session) values ('mine')",
    "update sessions set state = 'stopped'",
    "delete from event",
    "truncate event",
    "drop table event",
    "with gone as (delete from event returning 1) select * from gone",
    "copy (select 1) to program 'touch /tmp/live_runner_was_here'",
    "copy event to '/tmp/live_runner_was_here'",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "select set_config('role', 'none', false), pg_read_file('/etc/passwd')",
    "select query_to_xml('select pg_read_file(''/etc/passwd'')', true, true, '')",
    "select set_config('transaction_read_only', 'off', false), query_to_xml('delete from event', true, true, '')",
    "do $$ begin set role none; perform pg_read_file('/etc/passwd'); end $$",
    "do $$ begin set transaction read write; delete from event; end $$",
    "do $$ begin execute 'create role mine superuser'; end $$",
    "set session authorization live_runner",
    "set role live_runner_owner",
    "alter role current_user superuser",
    "create extension dblink",
    "create function f() returns int language c as '/tmp/x', 'f'",
    "select pg_reload_conf()",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user",
    "vacuum",
    "listen anything; select 1",
]


def content(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        tables = connection.execute("select relname from pg_class where relname in ('event', 'mine')").fetchall()
        roles = connection.execute("select count(*) from pg_roles where rolname = 'mine'").fetchall()
        return [*tables, *roles, *connection.execute("select session, state from sessions").fetchall()]


def test_no_statement_changes_or_reads_anything_else(dsn: str) -> None:
    """Each try is refused, or has no effect and shows nothing of the server."""
    database.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into sessions (session, state) values ('kept', 'started')")
    before = content(dsn)

    for statement in TRIES:
        try:
            _, found = _rows(dsn, statement)
        except DataError:
            found = []
        assert "root:" not in str(found), statement
        assert content(dsn) == before, statement
    assert not Path("/tmp/live_runner_was_here").exists()


def test_rows_and_views_are_read(dsn: str) -> None:
    database.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into sessions (session, state) values ('kept', 'started')")

    assert _rows(dsn, "select session from sessions where session like 'k%'") == (["session"], [("kept",)])
    assert _rows(dsn, "select * from session_summary")[0][:1] == ["session"]


def test_the_owner_of_the_embedded_database_is_no_superuser(own_postgres_server: PostgresServer) -> None:
    with psycopg.connect(own_postgres_server.dsn, autocommit=True) as connection:
        row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        assert row == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("copy (select 1) to program 'true'")


def test_a_database_of_an_earlier_build_is_given_to_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    server = start_postgres(folder)
    assert server.process is not None
    _, _, place = server.dsn.partition("@")
    superuser = f"postgresql://live_runner:{(folder / 'password').read_text()}@{place}"
    with psycopg.connect(superuser) as connection:
        connection.execute("alter database live_runner owner to live_runner")
    with psycopg.connect(superuser) as connection:
        connection.execute("create table public.old (x int generated always as identity)")
        connection.execute("create view public.seen as select * from public.old")
        connection.execute("create function public.one() returns int language sql as 'select 1'")
    server.process.stop()

    again = start_postgres(folder)

    assert again.process is not None
    with psycopg.connect(again.dsn) as connection:
        connection.execute("alter table old add column y int")
        connection.execute("create or replace view seen as select * from old")
        connection.execute("drop function one()")
    again.process.stop()
