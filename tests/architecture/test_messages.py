"""Every message has its place: a subject, a golden file, the envelope last."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from live_runner.contracts import subjects
from live_runner.contracts.codec import MESSAGE_TYPES
from live_runner.contracts.messages import Event

ENVELOPE = ("v", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns")


def test_every_message_has_a_subject_that_the_stream_holds(sample: Event) -> None:
    subject = subjects.of(sample)
    tokens = subject.split(".")

    assert tokens[0] in subjects.DOMAINS
    assert [tokens[1], tokens[3]] == ["evt", "demo"]
    assert subjects.session_of(subject) == "demo"
    assert all(token and token == token.lower() for token in tokens)


def test_every_subject_is_found_by_the_filters_of_its_type_and_session(sample: Event) -> None:
    tokens = subjects.of(sample).split(".")
    filters = [*subjects.of_type(str(sample.__struct_config__.tag), "demo")]

    def matches(pattern: str) -> bool:
        wanted = pattern.split(".")
        if wanted[-1] == ">":
            return len(tokens) >= len(wanted) and matches(".".join([*wanted[:-1], *tokens[len(wanted) - 1 :]]))
        return len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))

    assert sum(matches(pattern) for pattern in filters) == 1
    assert sum(matches(pattern) for pattern in subjects.of_session("demo")) == 1
    assert sum(matches(pattern) for pattern in subjects.STREAM_SUBJECTS) == 1


@pytest.mark.parametrize("type_", sorted(MESSAGE_TYPES))
def test_every_message_has_a_golden_file(type_: str, golden_folder: Path) -> None:
    assert list((golden_folder / "messages").glob(f"{type_}.v*.msgpack"))


@pytest.mark.parametrize("type_", sorted(MESSAGE_TYPES))
def test_every_message_ends_with_the_envelope(type_: str) -> None:
    """``recorded_ns`` must be the last bytes: stamping and canonical bytes rest on it."""
    kind = MESSAGE_TYPES[type_]

    assert kind.__struct_fields__[-len(ENVELOPE) :] == ENVELOPE
    assert kind.__struct_config__.frozen
    assert not kind.__struct_config__.omit_defaults
    assert not kind.__struct_config__.array_like


@pytest.mark.parametrize("type_", sorted(MESSAGE_TYPES))
def test_every_message_says_what_it_is(type_: str) -> None:
    assert (MESSAGE_TYPES[type_].__doc__ or "").strip().endswith(".")


def test_no_two_messages_share_a_subject_name() -> None:
    names = [type_.split(".") for type_ in MESSAGE_TYPES]

    assert all(len(name) == 2 and name[0] in subjects.DOMAINS for name in names)
    assert msgspec.structs.fields(Event)[-1].name == "recorded_ns"
