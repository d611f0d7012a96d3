"""COPY as libpq does it: every table of a batch in one statement, sent and answered in one thread.

A driver's copy object costs as much as the copy itself when a batch has few rows in many tables, so
this speaks the protocol's own words. Nothing here holds the interpreter while it waits.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

__all__ = ["run"]


def run(connection: psycopg.Connection[Any], statements: Sequence[str], data: Sequence[bytes] = ()) -> None:
    """Run statements in one message; each that is a COPY takes the next of ``data``, all rows of it.

    Raises psycopg.Error. The connection is of no use after that, because answers may be outstanding.
    """
    pgconn = connection.pgconn
    pgconn.send_query("; ".join(statements).encode())
    waiting = iter(data)
    while (result := _answer(pgconn)) is not None:
        if result.status == ExecStatus.COPY_IN:
            pgconn.put_copy_data(next(waiting))
            pgconn.put_copy_end()
        elif result.status != ExecStatus.COMMAND_OK:
            raise _error(connection, result)


def _answer(pgconn: PGconn) -> PGresult | None:
    """The next result, None after the last."""
    poll = select.poll()
    while pgconn.flush():
        poll.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        if poll.poll()[0][1] & ~select.POLLOUT:
            pgconn.consume_input()
    poll.register(pgconn.socket, select.POLLIN)
    while pgconn.is_busy():
        poll.poll()
        pgconn.consume_input()
    return pgconn.get_result()


def _error(connection: psycopg.Connection[Any], result: PGresult) -> psycopg.Error:
    error = error_from_result(result, connection.info.encoding)
    # What libpq says by itself, that the server went away, has no state.
    return error if error.sqlstate else psycopg.OperationalError(str(error))
