"""Every kind of column goes through a real COPY and comes back as what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from live_runner.services.recorder.core.packing import COPY_HEADER, COPY_TRAILER, RowPacker

VALUES: list[tuple[str, str, Any, Any]] = [
    ("text", "text", "Größe 10 ₿", "Größe 10 ₿"),
    ("text", "text", "", ""),
    ("text", "text", "a\0b", "a\u2400b"),
    ("token", "text", "BTC/USDT:USDT", "BTC/USDT:USDT"),
    ("text_or_null", "text", "", None),
    ("timestamptz", "timestamptz", 1_704_067_200_123_456_789, datetime(2024, 1, 1, 0, 0, 0, 123456, UTC)),
    ("timestamptz", "timestamptz", -1, datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)),
    ("time_or_null", "timestamptz", 0, None),
    ("interval", "interval", 120_000_000_000, timedelta(minutes=2)),
    ("interval", "interval", 1_999, timedelta(microseconds=1)),
    ("int4", "integer", -(2**31), -(2**31)),
    ("int8", "bigint", 2**63 - 1, 2**63 - 1),
    ("float8", "double precision", 0.1 + 0.2, 0.1 + 0.2),
    ("float8", "double precision", 5e-324, 5e-324),
    ("float8", "double precision", float("inf"), float("inf")),
    ("boolean", "boolean", True, True),
    ("boolean", "boolean", False, False),
    ("bytea", "bytea", bytes(range(256)), bytes(range(256))),
    ("bytea", "bytea", b"", b""),
    ("jsonb", "jsonb", {"a": [1, 2.5, None, "x"], "b": {"c": True}}, {"a": [1, 2.5, None, "x"], "b": {"c": True}}),
    (
        "jsonb",
        "jsonb",
        {"nul": "\0", "spelled": "\\u0000", "both": "\\\0"},
        {"nul": "\u2400", "spelled": "\\u0000", "both": "\\\u2400"},
    ),
    ("jsonb", "jsonb", {"rate": float("nan"), "raw": b"ab"}, {"rate": None, "raw": "YWI="}),
    ("text[]", "text[]", ["reject", "timeout"], ["reject", "timeout"]),
    ("text[]", "text[]", [], []),
]

NUMBERS = [
    *("0", "0.00", "-0", "1", "-1", "9999", "10000", "10001", "0.1", "0.0001", "0.00001", "0.00012345"),
    *("12345678901234567890.123456789012", "-0.000000000001", "100000000", "1234.5000", "00012.5", "1e-9", "7E+3"),
    *("99999999999999999999999999999999999999.99999999999999", "0.00000000000000000001", "20000.0002"),
]


def through(dsn: str, kind: str, type_: str, values: list[Any], column: str = "v") -> list[Any]:
    pack = RowPacker(("int4", kind)).pack
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"create temporary table kind (at int, v {type_})".encode())
        with cursor.copy("copy kind from stdin (format binary)") as copy:
            copy.write(COPY_HEADER + b"".join(pack((at, value)) for at, value in enumerate(values)) + COPY_TRAILER)
        return [row[0] for row in cursor.execute(f"select {column} from kind order by at".encode()).fetchall()]


def test_every_kind_of_value_comes_back(dsn: str) -> None:
    for kind, type_, value, expected in VALUES:
        assert through(dsn, kind, type_, [value]) == [expected], (kind, value)


def test_none_comes_back_as_null(dsn: str) -> None:
    for kind, type_ in {(kind, type_) for kind, type_, _, _ in VALUES if kind != "text[]"}:
        assert through(dsn, kind, type_, [None]) == [None], kind


def test_numbers_come_back_with_their_scale(dsn: str) -> None:
    shown = through(dsn, "numeric", "numeric", NUMBERS, "v::text")

    assert [Decimal(text) for text in NUMBERS] == [Decimal(text) for text in shown]
    assert [format(Decimal(text), "f").partition(".")[2] for text in NUMBERS] == [t.partition(".")[2] for t in shown]


def test_numbers_equal_those_that_the_server_reads_itself(dsn: str) -> None:
    through_server = "select array_agg(t::numeric = v and scale(t::numeric) = scale(v)) from"
    pack = RowPacker(("text", "numeric")).pack
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table kind (t text, v numeric)")
        with cursor.copy("copy kind from stdin (format binary)") as copy:
            copy.write(COPY_HEADER + b"".join(pack((text, text)) for text in NUMBERS) + COPY_TRAILER)
        [agrees] = cursor.execute(f"{through_server} kind".encode()).fetchall()[0]

    assert agrees == [True] * len(NUMBERS)
