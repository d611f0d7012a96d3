"""What the codec promises, for every message that the types allow."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_runner.contracts import subjects
from live_runner.contracts.codec import MESSAGE_TYPES, canonical, decode, encode, head, stamp
from live_runner.contracts.messages import Event

INT64 = st.integers(-(2**63), 2**63 - 1)
NOW_NS = st.integers(1, 2**63 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: PLAIN,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if kind in SCALARS:
        return SCALARS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return bounded(*arguments)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=2)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments])
    return structs(kind)


def bounded(kind: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    """Any value inside the bounds of a field; text is shorter than any of them."""
    if kind is int:
        return st.integers(*(int(bound) for bound in (meta.ge, meta.le) if bound is not None))
    if kind is float:
        return st.floats(meta.ge, meta.le)
    return values(kind)


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any instance of a struct."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: values(hints[field.name]) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


@pytest.fixture(params=sorted(MESSAGE_TYPES))
def any_message(request: pytest.FixtureRequest) -> st.SearchStrategy[Event]:
    return structs(MESSAGE_TYPES[request.param])


def test_a_message_comes_back_as_it_was_sent(any_message: st.SearchStrategy[Event]) -> None:
    @given(any_message)
    def holds(event: Event) -> None:
        assert event == decode(encode(event))

    holds()


def test_stamping_changes_the_time_of_recording_and_nothing_else(any_message: st.SearchStrategy[Event]) -> None:
    @given(any_message, NOW_NS)
    def holds(event: Event, recorded_ns: int) -> None:
        unstamped = msgspec.structs.replace(event, recorded_ns=0)
        stamped = stamp(encode(unstamped), recorded_ns)

        assert msgspec.structs.replace(event, recorded_ns=recorded_ns) == decode(stamped)
        assert encode(unstamped) == canonical(stamped)
        assert encode(unstamped) == canonical(encode(unstamped))

    holds()


def test_the_head_is_the_envelope_of_the_whole(any_message: st.SearchStrategy[Event]) -> None:
    @given(any_message)
    def holds(event: Event) -> None:
        envelope = head(encode(event))

        assert event.__struct_config__.tag == envelope.type
        for name in ("v", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns"):
            assert getattr(event, name) == getattr(envelope, name)

    holds()


def test_a_plain_msgpack_library_reads_every_message(any_message: st.SearchStrategy[Event]) -> None:
    @given(any_message)
    def holds(event: Event) -> None:
        plain = msgpack.unpackb(encode(event))

        assert ["type", *event.__struct_fields__] == list(plain)

    holds()


@given(st.text(max_size=30))
def test_a_symbol_becomes_one_token_of_a_subject(symbol: str) -> None:
    token = subjects.symbol_token(symbol)

    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
