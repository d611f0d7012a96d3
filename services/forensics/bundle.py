"""A session in one file: everything that ``replay`` and ``compare`` need on a machine with nothing else.

The archive is a zip. ``bundle.json`` names the format and the sha256 of each other member; ``events.bin``
holds the events as recorded, each as stream sequence (8 bytes), length (4 bytes, both big endian) and wire
bytes. The rest is there for people: manifest, configuration, strategy sources, the comparison.

Reading never unpacks to disk and asks only for the names below, so an archive cannot write anywhere.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from live_runner.services.forensics.errors import BundleError
from live_runner.services.forensics.recording import Recording, Wire

__all__ = ["EVENT_BYTES_MAX", "FORMAT", "Bundle", "read_bundle", "write_bundle"]

FORMAT: Final = "live-runner bundle 1"

EVENT_BYTES_MAX: Final = 8 * 1024 * 1024
"""The largest event that a bundle may hold, in bytes; what NATS carries is smaller."""

_INDEX: Final = "bundle.json"
_INDEX_BYTES_MAX: Final = 1024 * 1024
_EVENTS: Final = "events.bin"
_PREFIX_BYTES: Final = 12
_READ_BYTES: Final = 1024 * 1024
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What is written, and what other tools make of it; each further method has errors of its own."""
# A zip keeps local times; this one is the earliest it knows, so that equal sessions give equal bundles.
_WHEN: Final = (1980, 1, 1, 0, 0, 0)


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``bundle.json``."""

    format: str
    session: str
    events: int
    members: dict[str, str]
    """sha256 of each member by name."""


def write_bundle(path: Path, events: Iterable[Wire], documents: Mapping[str, Any] | None = None) -> Bundle:
    """Write a session's events to one file; ``documents`` (``comparison``: plain data) go in as JSON.

    The file appears only when it is complete. RecordingError when the events are not one whole session.
    """
    part = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            bundle = _write(archive, events, documents or {})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return bundle


def read_bundle(path: Path) -> Iterator[tuple[int, bytes]]:
    """The events of a bundle with their stream sequences; BundleError when it is none, damaged or changed.

    Every member is checked against its sum before the first event comes out.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bundle = _checked(archive, path)
            yield from _events(archive, path, bundle.events)
    except FileNotFoundError:
        raise BundleError(f"There is no bundle {path.name}", remedy="Check the path", reason="missing") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise BundleError(
            f"{path.name} is damaged or not a bundle: {error}",
            remedy="Copy it again from where it was made, with: live-runner bundle SESSION",
            reason="unreadable",
        ) from error


def _write(archive: zipfile.ZipFile, events: Iterable[Wire], documents: Mapping[str, Any]) -> Bundle:
    recording = Recording()
    sums: dict[str, str] = {}
    digest = sha256()
    with archive.open(_member(_EVENTS), "w", force_zip64=True) as file:
        for stream_seq, wire in _numbered(events):
            head = recording.head(wire)
            if head is None:
                continue
            if head.type in ("session.announced", "session.started"):
                recording.manifest(wire)
            record = stream_seq.to_bytes(8, "big") + len(wire).to_bytes(4, "big") + wire
            digest.update(record)
            file.write(record)
    recording.check_whole(partial=True)
    sums[_EVENTS] = digest.hexdigest()
    for name, data in _documents(recording, documents):
        archive.writestr(_member(name), data)
        sums[name] = sha256(data).hexdigest()
    bundle = Bundle(format=FORMAT, session=recording.session, events=recording.events, members=sums)
    archive.writestr(_member(_INDEX), _json(bundle))
    return bundle


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _numbered(events: Iterable[Wire]) -> Iterator[tuple[int, bytes]]:
    for number, entry in enumerate(events, start=1):
        yield entry if isinstance(entry, tuple) else (number, entry)


def _documents(recording: Recording, documents: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    announced, started = recording.announced, recording.started
    assert announced is not None, "checked before"
    assert started is not None, "checked before"
    yield "manifest.json", _json(started)
    yield "config.json", _json(announced.config)
    for module, text in sorted(announced.sources.items()):
        yield f"sources/{_file_name(module)}.py", text.encode()
    for name, document in documents.items():
        yield f"{_file_name(name)}.json", _json(document)


def _file_name(name: str) -> str:
    """A module's or document's name as a file name that leads nowhere else."""
    if not name.replace(".", "_").isidentifier():
        raise BundleError(
            f"'{name}' cannot be a file in a bundle", remedy="Use letters, digits, _ and .", reason="name"
        )
    return name


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _checked(archive: zipfile.ZipFile, path: Path) -> Bundle:
    """The index, once every member is what it says."""
    names = archive.namelist()
    other = next((info for info in archive.infolist() if info.compress_type not in _COMPRESSIONS), None)
    if other is not None:
        raise _foreign(path, f"a member is compressed by method {other.compress_type}")
    if _INDEX not in names or archive.getinfo(_INDEX).file_size > _INDEX_BYTES_MAX:
        raise _foreign(path, f"it has no {_INDEX}")
    try:
        bundle = msgspec.json.decode(archive.read(_INDEX), type=Bundle)
    except msgspec.MsgspecError as error:
        raise _foreign(path, str(error)) from error
    if bundle.format != FORMAT or _EVENTS not in bundle.members:
        raise _foreign(path, f"its format is '{bundle.format}', not '{FORMAT}'")
    if sorted(names) != sorted([*bundle.members, _INDEX]):
        raise _tampered(path, "its members differ from its index")
    for name, expected in bundle.members.items():
        digest = sha256()
        with archive.open(name) as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
        if digest.hexdigest() != expected:
            raise _tampered(path, f"{name} does not match its checksum")
    return bundle


def _events(archive: zipfile.ZipFile, path: Path, expected: int) -> Iterator[tuple[int, bytes]]:
    found = 0
    with archive.open(_EVENTS) as file:
        while prefix := _read(file, _PREFIX_BYTES, path, may_end=True):
            length = int.from_bytes(prefix[8:], "big")
            if length > EVENT_BYTES_MAX:
                raise _tampered(path, f"event {found + 1} would have {length} bytes")
            yield int.from_bytes(prefix[:8], "big"), _read(file, length, path)
            found += 1
    if found != expected:
        raise _tampered(path, f"it has {found} events instead of {expected}")


def _read(file: IO[bytes], length: int, path: Path, *, may_end: bool = False) -> bytes:
    data = file.read(length)
    if len(data) != length and not (may_end and not data):
        raise _tampered(path, "its events are truncated")
    return data


def _foreign(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path.name} is not a bundle: {why}", remedy="Make one with: live-runner bundle SESSION", reason="foreign"
    )


def _tampered(path: Path, why: str) -> BundleError:
    return BundleError(
        f"{path.name} was changed after it was written: {why}",
        remedy="Make it again with: live-runner bundle SESSION",
        reason="tampered",
    )
