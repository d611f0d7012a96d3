"""Whatever somebody else publishes on our subjects, each reader of the log passes over it and goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from fix_golden import _SAMPLES
from hypothesis import example, given
from hypothesis import strategies as st

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import Announced, BarSet, Event
from live_runner.contracts.sequence import Sequences
from live_runner.services.cli.commands import tail
from live_runner.services.cli.progress_display import Display
from live_runner.services.market_data.feed_progress import FeedProgress
from live_runner.services.recorder.core.batch import Packer
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service.hosting import Host

SUBJECTS = sorted({subjects.of(sample) for sample in _SAMPLES} | {"session.evt.announced.x", "market.evt.tick.demo"})
"""Of every message that there is, and of some that there are not."""

wires = st.sampled_from([codec.encode(sample) for sample in _SAMPLES])
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=9) | st.binary()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=9)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of ours, cut off or with some bytes changed."""
    data = bytearray(draw(wires))
    for _ in range(draw(st.integers(1, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A message of ours with other values in it, or of another type."""
    fields = msgspec.msgpack.decode(draw(wires))
    for name in draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3)):
        fields[name] = draw(values)
    return msgspec.msgpack.encode(fields)


foreign = st.binary(max_size=60) | damaged() | altered() | values.map(msgspec.msgpack.encode)


def read(subject: str, data: bytes) -> Event | None:
    """What every reader gets of a message, or None."""
    try:
        return codec.read(subject, data)
    except MessageError:
        return None


heartbeats = st.dictionaries(
    st.sampled_from(
        ("sets", "total_sets", "close_ns", "orders", "equity", "gate", "stored", "trouble", "fatal", "instance")
    ),
    values,
).map(msgspec.msgpack.encode)


@given(data=st.binary(max_size=60) | values.map(msgspec.msgpack.encode) | heartbeats)
def test_a_progress_line_is_made_of_every_heartbeat_that_is_one(data: bytes) -> None:
    """Whoever publishes it: the rest is no heartbeat."""
    found = codec.beat("beat.execution.mine", data)
    if found is None:
        return
    role, session, progress = found
    assert (role, session) == ("execution", "mine")
    display = Display(session, is_quiet=True)
    display.beat(role, progress)
    display.beat("recorder", progress)
    display.beat("market_data", progress)
    assert "bar sets" in display._line()


def test_what_is_no_heartbeat_is_passed_over() -> None:
    ours = msgspec.msgpack.encode({"role": "execution", "session": "mine", "sets": 7, "further": [1]})

    assert codec.beat("beat.execution.mine", ours) == ("execution", "mine", msgspec.msgpack.decode(ours))
    assert codec.beat("beat.execution.[/no]", ours) is None
    for junk in (b"", b"six by", b"\x91" * 5_000, msgspec.msgpack.encode({"sets": "7"})):
        assert codec.beat("beat.execution.mine", junk) is None


@given(subject=st.sampled_from(SUBJECTS), data=foreign)
@example("session.evt.announced.x", b"\x91" * 100_000)
@example("session.evt.announced.x", b"\x81\xa1\xff\x01")
def test_every_reader_passes_over_what_is_no_event_of_its_subject(subject: str, data: bytes) -> None:
    event = read(subject, data)
    message = Message(7, subject, data, 1)
    assert event is None or subjects.of(event) == subject

    host = Host(Settings.from_environment({}, home=Path("unused")), "recorder", cast(Any, None))
    asyncio.run(host._on_lifecycle(cast(Bus, None), message))
    assert list(host._sessions) == ([event.session] if isinstance(event, Announced) else [])

    progress = FeedProgress()
    asyncio.run(progress.on_message(message))
    if event is None:
        assert (progress.seq, progress.number, progress.started, progress.end_requested) == (0, 0, None, None)

    tail._print(7, subject, data, None, as_json=False)

    packer = Packer(1_700_000_000_000_000_000, Sequences({}))
    packer.add(7, subject, data)
    batch = packer.take()
    assert batch.last_stream_seq == 7
    if event is None:
        assert len(list(batch.findings)) == 1
        assert not batch.changes
        assert not batch.announced


@pytest.mark.parametrize("type_", ["market.tick", "session.renamed", "order.amended"])
def test_a_type_that_is_not_known_is_stored_once_and_takes_no_number_of_a_core(type_: str) -> None:
    """A later release may say more; a foreign program may say anything."""
    packer = Packer(1_700_000_000_000_000_000, Sequences({}))
    sample = next(sample for sample in _SAMPLES if sample.source == "execution")
    after = msgspec.structs.replace(sample, seq=1, id="demo/execution/1", session="demo")
    unknown = {"type": type_, "colour": "red", "v": 1, "id": "demo/execution/1", "session": "demo"}
    unknown |= {"source": "execution", "seq": 1, "cause": "", "event_ns": 5, "recorded_ns": 0}

    packer.add(1, subjects.event_subject(type_, "demo"), msgspec.msgpack.encode(unknown))
    packer.add(2, subjects.of(after), codec.encode(after))

    batch = packer.take()
    assert [(finding.code, finding.session) for finding in batch.findings] == [("unreadable_message", "demo")]
    assert {key: (stored.seq, stored.events) for key, stored in batch.stored.items()} == {("demo", "execution"): (1, 1)}


def test_every_message_of_ours_is_read_on_its_subject(sample: Event) -> None:
    assert codec.read(subjects.of(sample), codec.encode(sample)) == sample


@pytest.mark.parametrize(
    "change",
    [
        {"session": "../up"},
        {"session": "/etc"},
        {"session": "s" * 2_700},
        {"source": "s" * 600},
        {"id": "i" * 600},
        {"cause": "c" * 600},
        {"seq": 0},
        {"seq": 2**63},
        {"event_ns": 2**63},
        {"recorded_ns": 2**63},
    ],
    ids=str,
)
def test_names_and_numbers_out_of_bounds_are_no_message(sample: Event, change: dict[str, Any]) -> None:
    wrong = msgspec.structs.replace(sample, **change)

    assert read(subjects.of(wrong), codec.encode(wrong)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"high": 1.0, "low": 2.0},
        {"close": 1e9},
        {"open": float("nan")},
        {"low": -1.0},
        {"high": float("inf")},
        {"volume": -1.0},
    ],
    ids=str,
)
def test_a_bar_that_no_market_has_is_no_message(samples: dict[str, Event], change: dict[str, float]) -> None:
    bar_set = samples["market.bar_set"]
    assert isinstance(bar_set, BarSet)
    wrong = msgspec.structs.replace(bar_set, bars=[msgspec.structs.replace(bar_set.bars[0], **change)])

    assert read(subjects.of(wrong), codec.encode(wrong)) is None


@pytest.mark.parametrize("change", [{"close_ns": 0}, {"number": 0}], ids=str)
def test_a_set_that_closes_before_it_opens_is_no_message(samples: dict[str, Event], change: dict[str, int]) -> None:
    wrong = msgspec.structs.replace(samples["market.bar_set"], **change)

    assert read(subjects.of(wrong), codec.encode(wrong)) is None


def test_a_symbol_twice_in_a_set_is_no_message(samples: dict[str, Event]) -> None:
    bar_set = samples["market.bar_set"]
    assert isinstance(bar_set, BarSet)
    for wrong in (
        msgspec.structs.replace(bar_set, bars=[bar_set.bars[0]] * 2),
        msgspec.structs.replace(bar_set, missing=[bar_set.bars[0].symbol]),
    ):
        assert read(subjects.of(wrong), codec.encode(wrong)) is None


def test_bytes_that_do_not_end_with_the_time_of_publishing_are_no_message(sample: Event) -> None:
    """Its canonical bytes could not be found, so no replay could ever agree."""
    fields = msgspec.msgpack.decode(codec.encode(sample))

    assert read(subjects.of(sample), msgspec.msgpack.encode({"recorded_ns": 0} | fields)) is None
    assert read(subjects.of(sample), codec.stamp(codec.encode(sample), 1)) is not None
