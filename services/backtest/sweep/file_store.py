"""A sweep's results in files: a journal while it runs, and Parquet made of it.

    <name>.parquet             every stored run, by number; put in place whole
    .<name>.parquet.journal    the same as JSON lines in the order they ended, each batch on disk before the next

The journal is what an interrupted sweep goes on from. Its name begins with a dot, so that who reads a folder of
Parquet files as one table does not stumble over it. Its first line is the header. A line that a crash has cut
off is dropped, and its run is run again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.services.backtest.sweep.rows import COLUMNS, Column, Row
from live_runner.services.backtest.sweep.store import Header, check_same

__all__ = ["METADATA_KEY", "FileStore", "read_parquet_header"]

METADATA_KEY: Final = b"live_runner.sweep"
"""Of the header, as JSON, in the metadata of the Parquet file."""
ROWS_PER_GROUP: Final = 5000
"""Rows in memory while Parquet is written."""
_MONEY: Final = (38, 12)
"""Digits and decimals of a decimal column: every amount that the ledger can hold fits."""


class FileStore:
    """A journal and its Parquet file. One process at a time."""

    def __init__(self, path: Path, header: Header, *, fresh: bool = False) -> None:
        """Begin a journal or take one up; ConfigError when another sweep or process has it."""
        self.path = path
        self._journal = path.with_name(f".{path.name}.journal")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._journal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(
                f"The results cannot be written to {path}: {error.strerror}", remedy="Choose another --out"
            ) from error
        self._file = os.fdopen(descriptor, "r+b")
        self._places: dict[int, int] = {}
        self.header = header
        try:
            self._take_up(header, fresh)
        except BaseException:
            self._file.close()
            raise

    def _take_up(self, header: Header, fresh: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another sweep is writing to {self.path}", remedy="Wait for it, or choose another --out"
            ) from None
        if fresh:
            self._file.truncate(0)
            self.path.unlink(missing_ok=True)
        elif self.path.exists() and not self._file.read(1):
            self._journal.unlink()
            raise ConfigError(
                f"{self.path} exists, and there is no journal beside it to resume from",
                remedy="Choose another --out, or replace it with --fresh",
            )
        end = self._scan()
        self._file.truncate(end)  # what a crash has cut off
        self._file.seek(end)
        if end == 0:
            self._append([msgspec.json.encode(header)])

    def _scan(self) -> int:
        """Note where each run stands; the end of the last whole line."""
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                return end
            try:
                if number == 1:
                    self._check_header(msgspec.json.decode(line, type=Header))
                else:
                    self._places.setdefault(msgspec.json.decode(line, type=_Numbered).number, end)
            except msgspec.MsgspecError as error:
                raise DataError(
                    f"{self._journal}, line {number} is damaged: {error}",
                    remedy="Delete that line to repeat its run, or start over with --fresh",
                ) from error
            end += len(line)
        return end

    def _check_header(self, found: Header) -> None:
        check_same(str(self.path), self.header.made_of, found.made_of)
        self.header = found

    def numbers(self) -> frozenset[int]:
        """Runs that are stored."""
        return frozenset(self._places)

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows and wait for the disk."""
        at = self._file.tell()
        lines = [msgspec.json.encode(row) for row in rows]
        self._append(lines)
        for row, line in zip(rows, lines, strict=True):
            self._places.setdefault(row["number"], at)
            at += len(line) + 1

    def _append(self, lines: Sequence[bytes]) -> None:
        self._file.write(b"".join(line + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())

    def rows(self) -> Iterator[Row]:
        """Everything that is stored, by number."""
        for _, place in sorted(self._places.items()):
            self._file.seek(place)
            yield msgspec.json.decode(self._file.readline())
        self._file.seek(0, os.SEEK_END)

    def finish(self) -> str:
        """Write the Parquet file beside its place and move it in."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = _schema(pa, self.header)
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            with new.open("wb") as file:
                with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                    for group in _groups(self.rows()):
                        writer.write_table(pa.Table.from_pydict(_columns(group), schema=schema))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)
        return str(self.path)

    def close(self) -> None:
        """Let another process have it."""
        self._file.close()


class _Numbered(msgspec.Struct):
    number: int


def read_parquet_header(path: Path) -> Header:
    """The header that all runs in a Parquet file of a sweep share; DataError when it is not one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        return msgspec.json.decode(metadata[METADATA_KEY], type=Header)
    except (OSError, pa.ArrowInvalid, KeyError, msgspec.MsgspecError) as error:
        raise DataError(f"{path} holds no results of a sweep: {error}", remedy="Name the file of --out") from error


def _schema(pa: Any, header: Header) -> Any:
    kinds = {
        "count": pa.int64(),
        "money": pa.decimal128(*_MONEY),
        "seconds": pa.float64(),
        "text": pa.string(),
        "json": pa.string(),
    }
    fields = [pa.field(column.name, kinds[column.kind]) for column in COLUMNS]
    return pa.schema(fields, metadata={METADATA_KEY: msgspec.json.encode(header)})


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {column.name: [_cell(column, row[column.name]) for row in rows] for column in COLUMNS}


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "money":
        return Decimal(value)
    return msgspec.json.encode(value).decode() if column.kind == "json" else value
