"""Real databases: TimescaleDB where one can be had, plain PostgreSQL always; each test gets one of its own.

``TIMESCALE_DSN`` names a TimescaleDB whose user may create databases. Without it, the server that
../shared/tools/timescaledb makes is used where that tool is and we are root.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from live_runner.services.runtime.embedded.postgres_server import PostgresServer

START_TIMEOUT_S = 300
"""The first start on a machine installs the server."""
_TOOL = Path(__file__).resolve().parents[2] / "shared" / "tools" / "timescaledb"


@pytest.fixture(scope="session")
def timescale_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a TimescaleDB for this test session."""
    given = os.environ.get("TIMESCALE_DSN")
    if given:
        yield given
        return
    if not os.access(_TOOL, os.X_OK) or os.geteuid() != 0:
        pytest.skip("needs TimescaleDB: set TIMESCALE_DSN")
    data = tmp_path_factory.mktemp("timescale") / "data"
    started = subprocess.run(
        [_TOOL, "start", "--data", data, "--port", "0", "--fast"],
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    if started.returncode != 0:
        pytest.skip(f"needs TimescaleDB: set TIMESCALE_DSN ({started.stderr.strip()[-200:]})")
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([_TOOL, "wipe", "--data", data], capture_output=True, timeout=START_TIMEOUT_S, check=True)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an embedded plain PostgreSQL for this test session."""
    from live_runner.services.runtime.embedded.postgres_server import start_postgres

    server = start_postgres(tmp_path_factory.mktemp("postgres"))
    yield server.dsn
    assert server.process is not None
    server.process.stop()


@pytest.fixture
def own_postgres_server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A plain PostgreSQL of this test alone, which it may kill."""
    from live_runner.services.runtime.embedded.postgres_server import start_postgres

    server = start_postgres(tmp_path / "postgres")
    yield server
    assert server.process is not None
    server.process.stop()


@pytest.fixture
def timescale_dsn(timescale_server: str) -> Iterator[str]:
    """An empty database on TimescaleDB."""
    with throwaway_database(timescale_server) as dsn:
        yield dsn


@pytest.fixture
def postgres_dsn(postgres_server: str) -> Iterator[str]:
    """An empty database on plain PostgreSQL."""
    with throwaway_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
def new_database(timescale_server: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases on TimescaleDB, as many as asked for."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(throwaway_database(timescale_server))


@pytest.fixture(params=["timescale", "plain"])
def dsn(request: pytest.FixtureRequest) -> str:
    """An empty database, the test once on each kind."""
    name = "timescale_dsn" if request.param == "timescale" else "postgres_dsn"
    found: str = request.getfixturevalue(name)
    return found


@contextmanager
def throwaway_database(server: str) -> Iterator[str]:
    """A database of its own on a server, dropped at the end."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            # Not "with (force)": it may not end a superuser's autovacuum worker, which a plain drop ends by itself.
            clients = "pid <> pg_backend_pid() and backend_type = 'client backend'"
            connection.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and {clients}", [name]
            )
            connection.execute(f"drop database {name}")
