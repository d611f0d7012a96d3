"""Values as PostgreSQL's binary COPY wants them: each with its length before it.

Packing by hand costs a fraction of a driver's adaptation, because the columns are known. What
repeats (symbols, tokens, amounts that did not change) is remembered, within ``REMEMBERED`` values.

PostgreSQL cannot hold a NUL character in text or JSON; it is shown as the symbol for it. The exact
text stays in the event's payload.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

__all__ = [
    "COPY_HEADER",
    "COPY_TRAILER",
    "ENCODERS",
    "NULL",
    "PG_EPOCH_US",
    "RowPacker",
    "boolean",
    "bytea",
    "float8",
    "int4",
    "int8",
    "interval",
    "json_text",
    "jsonb",
    "numeric",
    "text",
    "text_array",
    "text_or_null",
    "time_or_null",
    "timestamptz",
    "token",
]

COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER: Final = b"\xff\xff"
NULL: Final = b"\xff\xff\xff\xff"
PG_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in microseconds of Unix time."""
REMEMBERED: Final = 65_536
NUMERIC_TEXT_MAX: Final = 1_000
"""Characters of a decimal text; longer ones are not amounts."""

_INT4: Final = struct.Struct(">ii")
_INT8: Final = struct.Struct(">iq")
_FLOAT8: Final = struct.Struct(">id")
_INTERVAL: Final = struct.Struct(">iqii")
_LENGTH: Final = struct.Struct(">i")
_NUL_SHOWN: Final = "\u2400".encode()
_TEXT_OID: Final = 25
_NEGATIVE: Final = 0x4000
_NUMERIC_DIGITS: Final = 4
_numeric_structs: Final[dict[int, struct.Struct]] = {}
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_JSON_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def text(value: str | None) -> bytes:
    """Uncached text."""
    if value is None:
        return NULL
    data = value.encode()
    if b"\0" in data:
        data = data.replace(b"\0", _NUL_SHOWN)
    return _LENGTH.pack(len(data)) + data


def text_or_null(value: str | None) -> bytes:
    """Text whose "" means that there is none."""
    return text(value or None)


@lru_cache(REMEMBERED)
def token(value: str | None) -> bytes:
    """Text that repeats: symbols, legs, kinds, reasons."""
    return text(value)


@lru_cache(REMEMBERED)
def numeric(value: str | None) -> bytes:
    """Decimal text, with the scale that it was written with; "" and None are null.

    ValueError for anything but a finite number.
    """
    if not value:
        return NULL
    sign, digits = (_NEGATIVE, value[1:]) if value[0] == "-" else (0, value)
    whole, _, fraction = digits.partition(".")
    if not (whole + fraction).isdecimal() or not digits.isascii() or len(value) > NUMERIC_TEXT_MAX:
        return numeric(_without_exponent(value))
    whole = whole.lstrip("0")
    whole = "0" * (-len(whole) % _NUMERIC_DIGITS) + whole
    scale = len(fraction)
    digits = whole + fraction + "0" * (-scale % _NUMERIC_DIGITS)
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    weight = len(whole) // _NUMERIC_DIGITS - 1
    first = 0
    while first < len(groups) and groups[first] == 0:
        first += 1
    while len(groups) > first and groups[-1] == 0:
        groups.pop()
    groups = groups[first:]
    if not groups:
        weight = sign = first = 0
    count = len(groups)
    layout = _numeric_structs.get(count)
    if layout is None:
        layout = _numeric_structs[count] = struct.Struct(f">iHhHH{count}H")
    return layout.pack(8 + 2 * count, count, weight - first, sign, scale, *groups)


def _without_exponent(value: str) -> str:
    if len(value) > NUMERIC_TEXT_MAX or _NUMBER.fullmatch(value) is None:
        raise ValueError(f"'{value[:40]}' is not a valid number")
    number = Decimal(value)
    if abs(number.adjusted()) > NUMERIC_TEXT_MAX // 2:
        raise ValueError(f"'{value[:40]}' is not a valid amount")
    return format(number, "f")


def timestamptz(ns: int | None) -> bytes:
    """Unix time in nanoseconds, cut to microseconds."""
    return NULL if ns is None else _INT8.pack(8, ns // 1000 - PG_EPOCH_US)


def time_or_null(ns: int | None) -> bytes:
    """A time whose 0 means that there is none."""
    return timestamptz(ns or None)


def interval(ns: int | None) -> bytes:
    """A length of time in nanoseconds, cut to microseconds."""
    return NULL if ns is None else _INTERVAL.pack(16, ns // 1000, 0, 0)


def int4(value: int | None) -> bytes:
    """A 32-bit integer."""
    return NULL if value is None else _INT4.pack(4, value)


def int8(value: int | None) -> bytes:
    """A 64-bit integer."""
    return NULL if value is None else _INT8.pack(8, value)


def float8(value: float | None) -> bytes:
    """A double, bit for bit."""
    return NULL if value is None else _FLOAT8.pack(8, value)


def boolean(value: bool | None) -> bytes:
    """True, false or null."""
    return NULL if value is None else b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def bytea(value: bytes | None) -> bytes:
    """Bytes as they are."""
    return NULL if value is None else _LENGTH.pack(len(value)) + value


def json_text(value: Any) -> bytes:
    """Plain data as JSON text. Non-finite floats become null, bytes become base64."""
    data = msgspec.json.encode(value)
    if b"\\u0000" in data:
        data = _JSON_NUL.sub(lambda match: match[1] + b"\\u2400", data)
    return data


def jsonb(value: Any) -> bytes:
    """Plain data as JSON; None is null."""
    if value is None:
        return NULL
    data = json_text(value)
    return _LENGTH.pack(len(data) + 1) + b"\1" + data


def text_array(values: Sequence[str]) -> bytes:
    """A list of texts."""
    if not values:
        return b"\0\0\0\x0c" + struct.pack(">iii", 0, 0, _TEXT_OID)
    body = b"".join(map(token, values))
    return _LENGTH.pack(20 + len(body)) + struct.pack(">iiiii", 1, 0, _TEXT_OID, len(values), 1) + body


type Encoder = Callable[[Any], bytes]

ENCODERS: Final[dict[str, Encoder]] = {
    "text": text,
    "text_or_null": text_or_null,
    "token": token,
    "numeric": numeric,
    "timestamptz": timestamptz,
    "time_or_null": time_or_null,
    "interval": interval,
    "int4": int4,
    "int8": int8,
    "float8": float8,
    "boolean": boolean,
    "bytea": bytea,
    "jsonb": jsonb,
    "text[]": text_array,
}
"""By kind of column; ``token`` is text that repeats."""


class RowPacker:
    """Packs rows of one table, given the kinds of its columns."""

    __slots__ = ("_encoders", "_head")

    def __init__(self, kinds: Sequence[str]) -> None:
        self._head = struct.pack(">h", len(kinds))
        self._encoders = tuple(ENCODERS[kind] for kind in kinds)

    def pack(self, values: Sequence[Any]) -> bytes:
        """One row. ValueError, TypeError or struct.error when a value does not fit its column."""
        return self._head + b"".join([encode(value) for encode, value in zip(self._encoders, values, strict=True)])
