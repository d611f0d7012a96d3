from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts import codec
from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.contracts.errors import DataError
from live_runner.contracts.manifest import announce, start
from live_runner.contracts.messages import BarSet, Instrument, Joined, SetBar
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.forensics.bundle import read_bundle, write_bundle
from live_runner.services.forensics.errors import BundleError, RecordingError
from live_runner.strategies.loader import source_hash

_MINUTE_NS = 60_000_000_000

type Events = list[tuple[int, bytes]]

_SOURCES = {"mine": "text = 'a strategy'\n", "mine.parts": "x = 1\n"}


def _joined(role: str, **facts: Any) -> Joined:
    return Joined(
        role=role, instance="i", id=f"s1/{role}/1", session="s1", source=f"{role}.shell", seq=1, event_ns=0, **facts
    )


@pytest.fixture
def events() -> Events:
    announced = announce(
        Config(
            session="s1",
            strategy=StrategyChoice(path="mine.py"),
            market=Market(venue="v", symbols=("A/USDT",), timeframe="1m"),
        ),
        stage="paper",
        strategy="mine:S",
        sources=_SOURCES,
        strategy_hash=source_hash(_SOURCES),
        engine_version="1",
        engine_hash="e",
        warmup_bars=0,
    )
    rules = Instrument(symbol="A/USDT", venue="v", base="A", quote="USDT", settle="USDT", tick_size="1", lot_size="1")
    joined = {
        "market_data": _joined("market_data", instruments=[rules], first_open_ns=_MINUTE_NS),
        "strategy": _joined("strategy", policy=ExecutionPolicy()),
    }
    started = start(announced, joined, models={}, platform={})
    sets = [
        BarSet(
            number=number,
            open_ns=number * _MINUTE_NS,
            close_ns=(number + 1) * _MINUTE_NS,
            bars=[SetBar("A/USDT", 1.0, 2.0, 0.5, 1.5, 10.0)],
            id=f"s1/market_data/{number}",
            session="s1",
            source="market_data",
            seq=number,
            event_ns=number * 60 + 60,
        )
        for number in range(1, 40)
    ]
    made = [announced, started, *sets]
    return [(7 + 3 * number, codec.stamp(codec.encode(event), number)) for number, event in enumerate(made)]


def test_bundle_gives_back_the_recorded_bytes_and_their_order(tmp_path: Path, events: Events) -> None:
    """R05 a bundle holds the events exactly as they stood in the stream."""
    path = tmp_path / "s1.bundle"

    bundle = write_bundle(path, events, {"comparison": {"agrees": True}})

    assert list(read_bundle(path)) == events
    assert (bundle.session, bundle.events) == ("s1", len(events))
    assert list(tmp_path.iterdir()) == [path]


def test_bundle_is_readable_for_people(tmp_path: Path, events: Events) -> None:
    path = tmp_path / "s1.bundle"
    write_bundle(path, events, {"comparison": {"agrees": True}})

    with zipfile.ZipFile(path) as archive:
        assert archive.read("sources/mine.parts.py").decode() == "x = 1\n"
        assert json.loads(archive.read("manifest.json"))["stage"] == "paper"
        assert json.loads(archive.read("config.json"))["session"] == "s1"
        assert json.loads(archive.read("comparison.json")) == {"agrees": True}


def test_equal_sessions_give_equal_bundles(tmp_path: Path, events: Events) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_bundle(one, events)
    write_bundle(two, events)

    assert one.read_bytes() == two.read_bytes()


def test_bundle_of_nothing_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    """R06 an empty recording."""
    with pytest.raises(RecordingError, match="empty"):
        write_bundle(tmp_path / "none", [])

    assert list(tmp_path.iterdir()) == []


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="There is no bundle s9"):
        list(read_bundle(tmp_path / "s9"))


def test_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        list(read_bundle(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PK", b"something else entirely", b"\x00" * 4096])
def test_other_bytes_are_no_bundle(tmp_path: Path, content: bytes) -> None:
    """R06 empty and foreign files."""
    path = tmp_path / "x"
    path.write_bytes(content)

    with pytest.raises(BundleError, match="damaged or not a bundle"):
        list(read_bundle(path))


def test_every_truncation_is_found(tmp_path: Path, events: Events) -> None:
    """R06 a bundle cut off anywhere gives an error and never a part of its events as if it were all."""
    whole = tmp_path / "whole"
    write_bundle(whole, events)
    data = whole.read_bytes()
    path = tmp_path / "cut"

    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(BundleError):
            list(read_bundle(path))


def test_no_flipped_byte_gives_other_events(tmp_path: Path, events: Events) -> None:
    """R06 tampering: an error, or (in bits that the format does not use) exactly the same events."""
    whole = tmp_path / "whole"
    write_bundle(whole, events)
    data = whole.read_bytes()
    path = tmp_path / "changed"
    found = 0

    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        try:
            read = list(read_bundle(path))
        except BundleError:
            found += 1
        else:
            assert read == events

    assert found > len(data) / 7 / 2


def _rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda members: members.update({"config.json": b"{}"}), "config.json does not match its checksum"),
        (
            lambda members: members.update({"events.bin": members["events.bin"][:-5]}),
            "events.bin does not match its checksum",
        ),
        (lambda members: members.update({"../../outside.py": b"x"}), "members differ from its index"),
        (lambda members: members.pop("manifest.json"), "members differ from its index"),
        (lambda members: members.pop("bundle.json"), "no bundle.json"),
        (lambda members: members.update({"bundle.json": b"[]"}), "is not a bundle"),
        (
            lambda members: members.update({"bundle.json": members["bundle.json"].replace(b"bundle 1", b"bundle 9")}),
            "format",
        ),
    ],
)
def test_changed_members_are_found(
    tmp_path: Path, events: Events, change: Callable[[dict[str, bytes]], None], why: str
) -> None:
    """R06 tampered and foreign archives; nothing is ever written to disk, whatever their members are called."""
    path = tmp_path / "inner" / "s1"
    path.parent.mkdir()
    write_bundle(path, events)
    _rewritten(path, change)

    with pytest.raises(BundleError, match=why):
        list(read_bundle(path))
    assert [entry.name for entry in tmp_path.rglob("*")] == ["inner", "s1"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_of_another_compression_are_refused_unread(tmp_path: Path, events: Events, method: int) -> None:
    """Each further method has errors of its own for damaged members."""
    path = tmp_path / "s1"
    write_bundle(path, events)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)

    with pytest.raises(BundleError, match=f"compressed by method {method}"):
        list(read_bundle(path))


def test_events_of_two_sessions_make_no_bundle(tmp_path: Path, events: Events) -> None:
    """R06 a foreign event."""
    stray = codec.decode(events[-1][1])
    assert isinstance(stray, BarSet)
    other = codec.encode(
        type(stray)(**{name: getattr(stray, name) for name in stray.__struct_fields__} | {"session": "s2"})
    )

    with pytest.raises(RecordingError, match="belongs to session s2"):
        write_bundle(tmp_path / "x", [*events, (999, other)])


def test_bundle_errors_are_data_errors() -> None:
    assert issubclass(BundleError, DataError)
    assert issubclass(RecordingError, DataError)
