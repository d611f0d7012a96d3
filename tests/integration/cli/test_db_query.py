"""``db query`` reads rows and does nothing else, whatever it is asked."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.services.cli.commands.db import ROWS_MAX, _rows
from live_runner.services.cli.main import invoke
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
    "select pg_read_binary_file('/etc/passwd')",
    "select * from pg_stat_file('/etc/passwd')",
    "copy mine from '/etc/passwd'",
    "copy (select 1) to '/tmp/live_runner_was_here'",
    "select lo_create(7)",
    "select lo_export(7, '/tmp/live_runner_was_here')",
    "create temp table mine as select 1",
    "select 1 into mine",
    "select nextval('mine')",
    "explain analyze delete from event",
    "set session characteristics as transaction read write",
    "select set_config('session_authorization', 'live_runner', false), pg_read_file('/etc/passwd')",
    "call mine()",
    "prepare mine as delete from event",
    "lock table event in access exclusive mode",
    "load '/tmp/live_runner_was_here.so'",
    "alter system set log_directory = '/tmp'",
    "comment on table event is 'mine'",
    "grant all on event to public",
    "select rolpassword from pg_authid",
    "select * from pg_hba_file_rules",
    "select pg_switch_wal()",
    "refresh materialized view mine",
    "/* select */ delete from event",
    "select 1 \\; delete from event",
]


def content(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    tables = connection.execute("select relname from pg_class where relname in ('event', 'mine')").fetchall()
    roles = connection.execute("select count(*) from pg_roles where rolname = 'mine'").fetchall()
    return [*tables, *roles, *connection.execute("select session, state from sessions").fetchall()]


def test_no_statement_changes_or_reads_anything_else(dsn: str) -> None:
    """Each try is refused, or has no effect and shows nothing of the server; it ends no other connection either."""
    database.migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("insert into sessions (session, state) values ('kept', 'started')")
        before = content(connection)

        for statement in TRIES:
            try:
                _, found = _rows(dsn, statement)
            except DataError:
                found = []
            assert "root:" not in str(found), statement
            assert content(connection) == before, statement
    assert not Path("/tmp/live_runner_was_here").exists()


def test_rows_and_views_are_read(dsn: str) -> None:
    database.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into sessions (session, state) values ('kept', 'started')")

    assert _rows(dsn, "select session from sessions where session like 'k%'") == (["session"], [("kept",)])
    assert _rows(dsn, "select * from session_summary")[0][:1] == ["session"]


@pytest.mark.parametrize(
    "statement", ["copy (select 1) to stdout", "copy (select 1) to stdout with binary", "set work_mem = '1MB'", "", ";"]
)
def test_a_statement_that_gives_no_rows_is_refused_in_one_line(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], statement: str
) -> None:
    monkeypatch.setenv("TIMESCALE_DSN", dsn)

    assert invoke(["db", "query", statement]) == DataError.exit_code
    assert "it gives no rows" in capfd.readouterr().err


def test_no_more_rows_are_received_than_are_printed(dsn: str) -> None:
    """The server goes only as far ahead as the connection holds: a row far behind the last one divides by zero."""
    names, rows = _rows(dsn, "select 1 / (4000000 - n) as share from generate_series(1, 5000000) n")

    assert (names, len(rows)) == (["share"], ROWS_MAX)


def test_names_are_printed_without_rows(dsn: str) -> None:
    assert _rows(dsn, "select 1 as a, 2 as b where false") == (["a", "b"], [])


def test_values_and_names_are_printed_as_they_are(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Brackets are no markup, names between colons no pictures, and a terminal obeys nothing of it."""
    monkeypatch.setenv("TIMESCALE_DSN", postgres_dsn)
    query = "select '[red]a[/red] [/x] :smile:' as \"[/b]\", 'b' || chr(27) || '[2J' as c"

    assert invoke(["db", "query", query]) == 0

    out = capsys.readouterr().out
    assert "[red]a[/red] [/x] :smile:" in out
    assert "[/b]" in out
    assert "b\\x1b[2J" in out
    assert "\x1b" not in out


def test_two_columns_of_one_name_are_no_object(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMESCALE_DSN", postgres_dsn)

    assert invoke(["db", "query", "select 1 as a, 2 as a", "--json"]) == DataError.exit_code
    assert "two columns of the name a" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["db", "query", "select '\udcff'"], ["replay", "\udcff"], ["bundle", "\udcff"]])
def test_an_argument_that_is_no_text_is_named(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    database.migrate(postgres_dsn)
    monkeypatch.setenv("TIMESCALE_DSN", postgres_dsn)

    assert invoke(arguments) == ConfigError.exit_code
    err = capsys.readouterr().err
    assert "\\udcff" in err
    assert "is not text in UTF-8" in err


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
