"""Values as binary COPY wants them: against PostgreSQL's own client library, and at the edges."""

from __future__ import annotations

import struct
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.numeric import DecimalBinaryDumper

from live_runner.services.recorder.core import packing

ZERO = struct.pack(">iHhHH", 8, 0, 0, 0, 0)


def decoded(packed: bytes) -> Fraction:
    """The number in PostgreSQL's binary form, by its documentation."""
    length, count, weight, sign, scale = struct.unpack_from(">iHhHH", packed)
    assert len(packed) == 4 + length == 12 + 2 * count
    groups = struct.unpack_from(f">{count}H", packed, 12)
    assert all(group < 10_000 for group in groups)
    assert not groups or (groups[0] != 0 and groups[-1] != 0)
    total = sum((group * Fraction(10_000) ** (weight - at) for at, group in enumerate(groups)), Fraction(0))
    assert not sign or total
    assert (total * 10**scale).denominator == 1
    return -total if sign else total


@given(
    st.integers(0, 10**24).map(str),
    st.text("0123456789", max_size=18),
    st.sampled_from(["", "-"]),
    st.integers(0, 5),
)
def test_a_decimal_text_is_the_number_it_says(whole: str, fraction: str, sign: str, zeros: int) -> None:
    text = f"{sign}{'0' * zeros}{whole}{'.' if fraction else ''}{fraction}"

    assert Fraction(text) == decoded(packing.numeric(text))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**18), max_value=10**18))
def test_amounts_are_packed_as_the_client_library_packs_them(amount: Decimal) -> None:
    theirs = bytes(DecimalBinaryDumper(Decimal).dump(amount) or b"")
    ours = packing.numeric(format(amount, "f"))

    assert decoded(struct.pack(">i", len(theirs)) + theirs) == decoded(ours)
    assert struct.unpack_from(">H", theirs, 6) == struct.unpack_from(">H", ours, 10), "the scale"


@pytest.mark.parametrize("text", ["0", "0.0", "-0", "-0.000", "00"])
def test_zero_has_no_digits_and_no_sign(text: str) -> None:
    packed = packing.numeric(text)

    assert packed[:10] == ZERO[:10]
    assert struct.unpack_from(">H", packed, 10) == (len(text.partition(".")[2]),)


@pytest.mark.parametrize("text", ["", None])
def test_no_amount_is_null(text: str | None) -> None:
    assert packing.numeric(text) == packing.NULL


@pytest.mark.parametrize(("text", "same"), [("1e3", "1000"), ("7E-05", "0.00007"), ("-2.5e-1", "-0.25"), ("+1", "1")])
def test_exponents_are_written_out(text: str, same: str) -> None:
    assert packing.numeric(same) == packing.numeric(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "abc", "1.2.3", "--1", "1 000", "٣", "1e999999999", "-"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        packing.numeric(text)


@pytest.mark.parametrize("text", [".5", "5.", "-.5"])
def test_a_bare_point_is_read_as_postgresql_reads_it(text: str) -> None:
    assert Fraction(text) == decoded(packing.numeric(text))


def test_times_are_cut_to_microseconds_towards_the_past() -> None:
    assert struct.unpack(">iq", packing.timestamptz(946_684_800_000_000_999)) == (8, 0)
    assert struct.unpack(">iq", packing.timestamptz(946_684_799_999_999_999)) == (8, -1)


def test_a_nul_is_shown_and_its_spelling_is_left_alone() -> None:
    assert packing.text("a\0b") == packing.text("a\u2400b")
    assert msgspec.json.decode(packing.json_text({"a\0": "\0\0"})) == {"a\u2400": "\u2400\u2400"}
    assert packing.json_text("\\u0000") == b'"\\\\u0000"'


def test_none_is_null_in_every_kind_of_column() -> None:
    for kind, encode in packing.ENCODERS.items():
        if kind != "text[]":
            assert encode(None) == packing.NULL, kind


def test_a_row_counts_its_columns() -> None:
    pack = packing.RowPacker(("text", "int4")).pack

    assert pack(("ab", 7)) == b"\0\2" + b"\0\0\0\2ab" + b"\0\0\0\4\0\0\0\7"
    with pytest.raises(ValueError, match="zip"):
        pack(("ab",))
