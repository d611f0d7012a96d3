"""Rows of a CSV, CSV.gz or Parquet file as raw columns, before anything is checked about candles.

The fast reader takes what is well formed. What it refuses is read again line by line, to name the row
and the field; an unusable file is always a DataError with file, row and remedy.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from live_runner.contracts.errors import DataError
from live_runner.services.market_data.core.candles import FIELDS, Candles, Floats, Times

__all__ = ["FILE_BYTES_MAX", "TimeUnit", "read_candles", "read_funding", "read_marks"]

type TimeUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]

FILE_BYTES_MAX: Final = 8 * 1024**3
"""A file larger than this (unpacked, bytes) is refused rather than read into memory."""

_UNIT_NS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
# A time of 1973 or later in one unit is larger than one of before 5138 in the unit before it.
_AUTO_LIMITS: Final = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))
_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "time": (
        *("ts_ms", "timestamp", "time", "date", "datetime", "open_time", "opentime", "open time", "ts", "unix", "t"),
        *("calc_time", "funding_time", "fundingtime"),
    ),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "volume_base", "base_volume"),
    # A backtester keeps rates as candles, of which the open is the rate.
    "funding_rate": ("funding_rate", "fundingrate", "last_funding_rate", "rate", "open"),
}
_HEADLESS: Final = ("time", *FIELDS)


def read_candles(
    path: Path, symbol: str, *, columns: Mapping[str, str] | None = None, unit: TimeUnit = "auto"
) -> tuple[Candles, int]:
    """Columns in the file's own order, and the number of the first row as people count them in that file."""
    table, first = _table(path, ("time", *FIELDS), columns or {})
    times = _times(table["time"], unit, path, first)
    values = {field: _floats(table[field], field, path, first) for field in FIELDS}
    return Candles(symbol, times, *(values[field] for field in FIELDS)), first


def read_marks(path: Path) -> dict[int, float]:
    """Opens of mark candles by open time; nothing else of them is used."""
    table, first = _table(path, ("time", "open"), {})
    times = _times(table["time"], "auto", path, first)
    opens = _floats(table["open"], "open", path, first)
    bad = np.flatnonzero(~(np.isfinite(opens) & (opens > 0)))
    if len(bad):
        _refuse(path, int(bad[0]) + first, "open", f"is {float(opens[bad[0]])!r}, which is not a valid price")
    return dict(zip(times.tolist(), opens.tolist(), strict=True))


def read_funding(path: Path) -> list[tuple[int, str]]:
    """(stamp_ns, rate text) of every row; the text is checked to be a finite number."""
    table, first = _table(path, ("time", "funding_rate"), {}, texts=("funding_rate",))
    times = _times(table["time"], "auto", path, first)
    rates = [str(rate) for rate in table["funding_rate"].to_pylist()]
    for row, rate in enumerate(rates):
        try:
            finite = abs(float(rate)) < 1.0
        except ValueError:
            finite = False
        if not finite:
            _refuse(path, row + first, "funding_rate", f"is '{rate}', which is not a valid rate")
    return list(zip(times.tolist(), rates, strict=True))


def _table(
    path: Path, names: Sequence[str], columns: Mapping[str, str], *, texts: Sequence[str] = ()
) -> tuple[dict[str, pa.ChunkedArray], int]:
    """The columns of either format, and the number of the first row as people count them."""
    if path.name.lower().endswith(".parquet"):
        return _parquet(path, names, columns), 1
    return _csv(path, names, columns, texts=texts)


def _csv(
    path: Path, names: Sequence[str], columns: Mapping[str, str], *, texts: Sequence[str]
) -> tuple[dict[str, pa.ChunkedArray], int]:
    data = _unpacked(path)
    head = _first_line(path, data)
    headless = _is_number(head[0])
    header = list(_HEADLESS) + [f"_{n}" for n in range(len(head) - len(_HEADLESS))] if headless else head
    if headless and (len(head) < len(_HEADLESS) or texts):
        _refuse(path, 1, "header", f"is missing and the file has {len(head)} columns")
    where = _locate(path, header, names, {} if headless else columns)
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(column_names=header, skip_rows=0 if headless else 1),
            convert_options=pa_csv.ConvertOptions(
                include_columns=[where[name] for name in names],
                column_types={where[name]: pa.string() if name in texts else pa.float64() for name in names[1:]},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        _locate_fault(path, data, header, where, names, texts, headless)
        raise DataError(
            f"{path.name} cannot be read: {error}", remedy="Check that it is a CSV file of candles", file=path.name
        ) from error
    if table.num_rows == 0:
        _refuse(path, 1, "file", "has no rows")
    return {name: table.column(where[name]) for name in names}, 1 if headless else 2


def _parquet(path: Path, names: Sequence[str], columns: Mapping[str, str]) -> dict[str, pa.ChunkedArray]:
    try:
        header = pa_parquet.read_schema(path).names
        where = _locate(path, header, names, columns)
        table = pa_parquet.read_table(path, columns=[where[name] for name in names])
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise DataError(
            f"{path.name} is not a readable Parquet file: {error}",
            remedy="It may be truncated; export or download it again",
            file=path.name,
        ) from error
    if table.num_rows == 0:
        _refuse(path, 1, "file", "has no rows")
    return {name: table.column(where[name]) for name in names}


def _unpacked(path: Path) -> bytes:
    remedy = "The file is truncated or damaged; export or download it again"
    try:
        data = path.read_bytes()
        if path.name.lower().endswith(".gz") and data:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(FILE_BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be unpacked: {error}", remedy=remedy, file=path.name) from error
    if len(data) > FILE_BYTES_MAX:
        raise DataError(f"{path.name} is larger than {FILE_BYTES_MAX} bytes", remedy="Split it", file=path.name)
    if not data.strip():
        raise DataError(f"{path.name} is empty", remedy="Export or download it again", file=path.name, row=0)
    return data


def _first_line(path: Path, data: bytes) -> list[str]:
    try:
        line = data.split(b"\n", 1)[0].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not a text file", remedy="Import CSV or Parquet", file=path.name, row=1
        ) from error
    return [cell.strip() for cell in next(csv.reader([line.rstrip("\r")]), [""])]


def _locate(path: Path, header: Sequence[str], names: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    by_lower = {name.lower(): name for name in header}
    found: dict[str, str] = {}
    for name in names:
        wanted = (columns[name],) if name in columns else _ALIASES[name]
        column = next((by_lower[alias.lower()] for alias in wanted if alias.lower() in by_lower), None)
        if column is None:
            raise DataError(
                f"{path.name}, row 1: no column '{wanted[0]}' among {', '.join(header) or 'nothing'}",
                remedy=f"Name the column that holds '{name}' with --column {name}=NAME",
                file=path.name,
                row=1,
                field=name,
            )
        found[name] = column
    return found


def _locate_fault(
    path: Path,
    data: bytes,
    header: Sequence[str],
    where: Mapping[str, str],
    names: Sequence[str],
    texts: Sequence[str],
    headless: bool,
) -> None:
    """Raise for the first row that is not as it should be; return when this reader finds none."""
    places = {name: header.index(where[name]) for name in names}
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row or (number == 1 and not headless):
            continue
        if len(row) != len(header):
            _refuse(path, number, "row", f"has {len(row)} columns instead of {len(header)}")
        for name, place in places.items():
            if name not in texts and name != "time" and not _is_number(row[place]):
                _refuse(path, number, name, f"is '{row[place]}', which is not a valid number")


def _floats(column: pa.ChunkedArray, field: str, path: Path, first: int) -> Floats:
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        _refuse(path, row + first, field, "is empty")
    try:
        values: Floats = np.ascontiguousarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        for row, value in enumerate(column.to_pylist()):
            if not _is_number(str(value)):
                _refuse(path, row + first, field, f"is '{value}', which is not a valid number")
        values = np.array([float(value) for value in column.to_pylist()])
    return values


def _times(column: pa.ChunkedArray, unit: TimeUnit, path: Path, first: int) -> Times:
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        _refuse(path, row + first, "time", "is empty")
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        stamps: Times = column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64()).to_numpy()
        return np.ascontiguousarray(stamps)
    if pa.types.is_integer(column.type) and unit != "iso":
        whole: Times = column.cast(pa.int64()).to_numpy().astype(np.int64)
        return whole * (_unit_of(int(np.abs(whole).max()), unit))
    return np.array([_time(value, unit, path, row + first) for row, value in enumerate(column.to_pylist())], np.int64)


def _time(value: Any, unit: TimeUnit, path: Path, row: int) -> int:
    text = str(value).strip()
    if unit != "iso" and _is_number(text):
        number = float(text)
        if abs(number) < 2**63:
            return round(number * _unit_of(int(abs(number)), unit))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        _refuse(path, row, "time", f"is '{text}', which is not a valid time")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000_000 + elapsed.microseconds * 1_000


def _unit_of(size: int, unit: TimeUnit) -> int:
    if unit in _UNIT_NS:
        return _UNIT_NS[unit]
    return _UNIT_NS[next((name for limit, name in _AUTO_LIMITS if size < limit), "ns")]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse(path: Path, row: int, field: str, what: str) -> NoReturn:
    raise DataError(
        f"{path.name}, row {row}: {field} {what}",
        remedy="Repair or drop the row, or export the file again",
        file=path.name,
        row=row,
        field=field,
    )
