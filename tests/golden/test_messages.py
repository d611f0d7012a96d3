"""Golden bytes: what an older version wrote to the log must be read by every later one.

``messages/<type>.v<version>.msgpack`` holds the canonical bytes of one sample. A change of a
message's shape shows here first. A field that was added (with a default) is written with
``--update-golden`` in the change that adds it; a file of an older version is never rewritten.
"""

from __future__ import annotations

from pathlib import Path

import msgpack
import msgspec
import pytest

from live_runner.contracts.codec import MESSAGE_TYPES, decode, encode, head, opening
from live_runner.contracts.engine import ENGINE
from live_runner.contracts.messages import Event, Started

FILES = sorted((Path(__file__).parent / "messages").glob("*.msgpack"))


def test_every_message_has_a_sample_and_golden_bytes_of_its_version(
    samples: dict[str, Event], golden_folder: Path
) -> None:
    named = {path.name for path in (golden_folder / "messages").glob("*.msgpack")}

    assert set(MESSAGE_TYPES) == set(samples)
    assert {type_: kind.VERSION for type_, kind in MESSAGE_TYPES.items()} == {t: e.v for t, e in samples.items()}
    assert {f"{type_}.v{event.v}.msgpack" for type_, event in samples.items()} <= named


def test_encoding_gives_the_golden_bytes(sample: Event, golden_folder: Path, update_golden: bool) -> None:
    path = golden_folder / "messages" / f"{sample.__struct_config__.tag}.v{sample.v}.msgpack"
    if update_golden:
        path.write_bytes(encode(sample))

    assert path.read_bytes() == encode(sample)


def test_bytes_begin_with_the_opening_of_their_type_alone(sample: Event) -> None:
    begins = [type_ for type_, kind in MESSAGE_TYPES.items() if encode(sample).startswith(opening(kind))]

    assert begins == [sample.__struct_config__.tag]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_bytes_of_every_version_decode(path: Path) -> None:
    type_, _, version = path.stem.rpartition(".v")

    event = decode(path.read_bytes())

    assert type_ == event.__struct_config__.tag
    assert int(version) == event.v
    assert event.id == head(path.read_bytes()).id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bytes_of_an_older_version_are_not_made_again(path: Path) -> None:
    """They decode, and a session of them replays with the engine that made it, for defaults are written out."""
    event = decode(path.read_bytes())

    assert (encode(event) == path.read_bytes()) == (event.v == event.VERSION)


def test_the_manifest_of_a_session_without_an_engine_version_is_of_the_first(golden_folder: Path) -> None:
    started = decode((golden_folder / "messages" / "session.started.v1.msgpack").read_bytes())

    assert isinstance(started, Started)
    assert started.engine == 1 < ENGINE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_msgpack_library_reads_a_message_as_a_map_with_field_names(path: Path) -> None:
    plain = msgpack.unpackb(path.read_bytes(), strict_map_key=True)
    event = decode(path.read_bytes())

    assert set(plain) <= {"type", *event.__struct_fields__}
    assert list(plain)[-1] == "recorded_ns"
    assert within(plain, msgspec.json.decode(msgspec.json.encode(event)))
    if event.v == event.VERSION:
        assert {"type", *event.__struct_fields__} == set(plain)


def within(older: object, newer: object) -> bool:
    """Whether all that an older version said is there, unchanged: later fields may stand beside it."""
    if isinstance(older, dict) and isinstance(newer, dict):
        return all(key in newer and within(value, newer[key]) for key, value in older.items())
    if isinstance(older, list) and isinstance(newer, list):
        return len(older) == len(newer) and all(map(within, older, newer))
    return older == newer


def test_a_sample_leaves_no_field_at_its_default(sample: Event) -> None:
    """Else a field that is lost on the way could not be told from one that was never set."""
    envelope = {"v", "cause", "recorded_ns"}
    fields = msgspec.structs.fields(type(sample))

    unset = [f.name for f in fields if f.name not in envelope and getattr(sample, f.name) == f.default]

    if sample.__struct_config__.tag == "market.bar_set":
        unset.remove("warmup")
    assert unset == []


def test_a_reader_passes_over_a_field_that_it_does_not_know(sample: Event) -> None:
    """A newer service may speak first."""
    newer = {"type": sample.__struct_config__.tag, "of_tomorrow": {"a": [1]}, **msgpack.unpackb(encode(sample))}

    assert sample == decode(msgpack.packb(newer))
