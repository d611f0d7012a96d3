"""The owner of the embedded database: the login of every service, and no superuser of the server."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

__all__ = ["OWNER", "ensure_owner"]

OWNER: Final = "live_runner_owner"

# Of a database that a build before this one made, whose owner was the server's superuser.
_GIVE_AWAY: Final = """
    do $$
    declare
        statement text;
    begin
        for statement in
            select format('alter %s %s owner to live_runner_owner',
                case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, oid::regclass)
            from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
            union all
            select format('alter routine %s owner to live_runner_owner', oid::regprocedure)
            from pg_proc where pronamespace = 'public'::regnamespace
        loop
            execute statement;
        end loop;
    end
    $$
"""


def ensure_owner(server_dsn: str, database: str, password: str) -> None:
    """Make the role and its database where they are not there yet; ``server_dsn`` is the superuser's, without database.

    Raises psycopg.Error.
    """
    name = sql.Identifier(database)
    with psycopg.connect(f"{server_dsn}/postgres", autocommit=True, connect_timeout=10) as connection:
        if connection.execute("select from pg_roles where rolname = %s", (OWNER,)).fetchone() is None:
            connection.execute(sql.SQL("create role {}").format(sql.Identifier(OWNER)))
        hashed = connection.pgconn.encrypt_password(password.encode(), OWNER.encode(), b"scram-sha-256").decode()
        # Roles and databases of its own are what `db query` and tests make.
        connection.execute(
            sql.SQL("alter role {} login nosuperuser createrole createdb password {}").format(
                sql.Identifier(OWNER), sql.Literal(hashed)
            )
        )
        if connection.execute("select from pg_database where datname = %s", (database,)).fetchone() is None:
            connection.execute(sql.SQL("create database {} owner {}").format(name, sql.Identifier(OWNER)))
            return
        owner = connection.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = %s", (database,)
        ).fetchone()
    if owner != (OWNER,):
        with psycopg.connect(f"{server_dsn}/{database}", connect_timeout=10) as connection:
            connection.execute(_GIVE_AWAY)
            connection.execute(sql.SQL("alter database {} owner to {}").format(name, sql.Identifier(OWNER)))
