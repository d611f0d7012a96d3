"""Reading a database with a login that can do nothing else, for statements that somebody else wrote.

A read-only transaction alone is not enough: its owner may end it, and a superuser reads files and runs programs. So
each database has a role of its own that may select, and each session of it has a new password. A user who may make
no roles, as at some providers, reads with the own login, unless that one may do more on the server than read tables.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from live_runner.contracts.errors import DatabaseUnavailable
from live_runner.services.runtime.postgres.database import CONNECT_TIMEOUT_S, connect

__all__ = ["reading"]

_LOCK_KEY: Final = 0x6C697665_72656164  # "liveread": of the reader's password
_WHO: Final = """
    select rolsuper, rolsuper or rolcreaterole, oid_of_database, exists (
        select from pg_roles as given
        where given.rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
            and pg_has_role(given.oid, 'usage')
    )
    from pg_roles, (select oid as oid_of_database from pg_database where datname = current_database()) as here
    where rolname = current_user
"""

type Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def reading(dsn: str, *, timeout_s: int) -> Iterator[Connection]:
    """A connection that can only read, each of its statements for ``timeout_s`` at most; DatabaseUnavailable."""
    options = f"-c default_transaction_read_only=on -c statement_timeout={timeout_s * 1000}"
    with connect(dsn, autocommit=True) as owner:
        owner.execute("select pg_advisory_lock(%s)", (_LOCK_KEY,))  # held until the reader is connected
        try:
            login = make_conninfo(dsn, **_login(owner), options=options, connect_timeout=CONNECT_TIMEOUT_S)
            connection = psycopg.connect(login, application_name="live-runner query")
        except psycopg.Error as error:
            raise DatabaseUnavailable(
                f"The database gives no login that can only read: {str(error).strip().partition(chr(10))[0]}",
                remedy="Use psql, or set TIMESCALE_DSN to a login that may read these tables and no more",
            ) from error
    with closing(connection):  # without a commit or rollback: nothing was written, and a copy may be under way
        connection.read_only = True
        yield connection


def _login(owner: Connection) -> dict[str, str]:
    """User and password of the database's reader, made on first use; nothing where the own login is as harmless."""
    row = owner.execute(_WHO).fetchone()
    assert row is not None, "the user of a connection is a role"
    _, makes_roles, database, does_more = row
    if not makes_roles:
        if does_more:
            raise psycopg.ProgrammingError("the login may use files or programs of the server")
        return {}
    name, password = f"live_runner_reader_{database}", secrets.token_urlsafe(24)
    role = sql.Identifier(name)
    known = owner.execute("select rolsuper or rolcreaterole from pg_roles where rolname = %s", (name,)).fetchone()
    if known is None:
        owner.execute(sql.SQL("create role {}").format(role))
    elif known != (False,):
        raise psycopg.ProgrammingError(f"the role {name} may do more than read")
    # Hashed here: no log of the server has it.
    hashed = owner.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    owner.execute(sql.SQL("alter role {} login password {}").format(role, sql.Literal(hashed)))
    owner.execute(sql.SQL("grant usage on schema public to {}").format(role))
    owner.execute(sql.SQL("grant select on all tables in schema public to {}").format(role))
    return {"user": name, "password": password}
