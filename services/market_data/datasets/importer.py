"""From files that traders have to a dataset: read, check, read off the market rules, store.

A folder may hold several markets. What belongs into one dataset has one venue, timeframe, settle currency and
market type; of several such groups the one with the most symbols is taken (then the most files, then the
shortest timeframe; options narrow the choice),
and what stays out is listed in the manifest's ``left_out``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.contracts.symbols import split_symbol
from live_runner.contracts.timeframe import TIMEFRAMES, duration_ns
from live_runner.services.market_data.core import funding as funding_rates
from live_runner.services.market_data.core.candles import Candles, Cleaned, Times, clean, merge
from live_runner.services.market_data.core.dataset import Dataset, FileSource, Manifest, Part, describe
from live_runner.services.market_data.core.inferred_rules import infer
from live_runner.services.market_data.datasets.candle_files import TimeUnit, read_candles, read_funding, read_marks
from live_runner.services.market_data.datasets.file_names import FileName, parse
from live_runner.services.market_data.datasets.markets_file import read_markets
from live_runner.services.market_data.datasets.store import dataset_folder, write_dataset

__all__ = ["FILES_MAX", "ImportOptions", "Progress", "import_files", "import_folder"]

FILES_MAX: Final = 10_000
"""Files that one import looks at."""
SPACING_ROWS_MIN: Final = 10
"""Rows from which the timeframe is checked against their spacing."""

type Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the file's name."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Facts that the files leave out or have wrong."""

    symbols: Sequence[str] | None = None
    """Only these, in this order; a single one also names files that do not name theirs."""
    venue: str | None = None
    timeframe: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column names by what they hold: time, open, high, low, close, volume."""
    time_unit: TimeUnit = "auto"
    markets: Path | None = None
    """JSON lines of ccxt market dicts, for the market rules."""
    replace: bool = False


class _Group(NamedTuple):
    """The facts that all files of one dataset share."""

    venue: str
    timeframe: str
    settle: str
    contract: bool


def import_folder(
    folder: Path,
    into: Path,
    *,
    name: str,
    symbols: Sequence[str] | None = None,
    venue: str | None = None,
    timeframe: str | None = None,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Store a folder of candle files as dataset ``name`` of the data folder ``into``."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}", remedy="Give a folder of candle files", file=str(folder))
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    given = options or ImportOptions()
    given = replace(
        given,
        symbols=symbols or given.symbols,
        venue=venue or given.venue,
        timeframe=timeframe or given.timeframe,
    )
    return import_files(paths, into, name=name, options=given, progress=progress)


def import_files(
    paths: Sequence[Path],
    into: Path,
    *,
    name: str,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Store candle files as dataset ``name`` of the data folder ``into``; DataError, and nothing stored, otherwise."""
    given = options or ImportOptions()
    dataset_folder(into, name)
    if len(paths) > FILES_MAX:
        raise DataError(f"{len(paths)} files are more than {FILES_MAX}", remedy="Import them in parts")
    files = [found for path in paths if (found := parse(path)) is not None]
    candles = _candle_files(files, given)
    if not candles:
        raise DataError(
            "There are no candle files (CSV, CSV.gz or Parquet) among what was given",
            remedy="Give a folder or files like binanceusdm_BTC-USDT-USDT_1m.csv.gz",
        )
    group, chosen = _choose(candles, given)
    beside = [
        file
        for file in files
        if file.kind != "candles" and file.symbol in chosen and _venue(file, given) == group.venue
    ]
    dataset = _read(name, group, chosen, beside, given, progress)
    used = {file.path.name for found in chosen.values() for file in found} | {file.path.name for file in beside}
    left_out = [file.path.name for file in files if file.path.name not in used]
    built = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    manifest = msgspec.structs.replace(dataset.manifest, left_out=left_out, built=built)
    return write_dataset(into, Dataset(manifest, dataset.candles, dataset.funding), replace=given.replace)


def _candle_files(files: Sequence[FileName], given: ImportOptions) -> list[FileName]:
    """The candle files, wholly named; a file of unknown content beside named ones is left out."""
    found = [file for file in files if file.kind == "candles"]
    if len(found) > 1 and any(file.symbol for file in found):
        found = [file for file in found if file.symbol]
    return [_named(file, given) for file in found]


def _named(file: FileName, given: ImportOptions) -> FileName:
    """The file with what the options, or its rows, say over what its name says."""
    single = given.symbols[0] if given.symbols and len(given.symbols) == 1 else None
    symbol = file.symbol or single
    if symbol is None:
        raise DataError(
            f"{file.path.name} has no symbol in its name",
            remedy="Import it alone with --symbol BASE/QUOTE:SETTLE, or name it like binanceusdm_BTC-USDT-USDT_1m.csv",
            file=file.path.name,
        )
    split_symbol(symbol)
    timeframe = given.timeframe if file.timeframe is None else file.timeframe
    if timeframe is None:
        rows, _ = read_candles(file.path, symbol, columns=given.columns, unit=given.time_unit)
        timeframe = _timeframe_of(rows, file.path.name)
    duration_ns(timeframe)
    return replace(file, symbol=symbol, timeframe=timeframe, venue=_venue(file, given))


def _venue(file: FileName, given: ImportOptions) -> str:
    return file.venue or given.venue or "unnamed"


def _timeframe_of(rows: Candles, source: str) -> str:
    steps, counts = np.unique(_steps(rows), return_counts=True)
    usual = int(steps[counts.argmax()]) if len(steps) else 0
    for timeframe, length in TIMEFRAMES.items():
        if length == usual:
            return timeframe
    raise DataError(
        f"{source} does not say its timeframe, and its rows are mostly {usual / 1e9:g} s apart",
        remedy=f"Give --timeframe, one of {' '.join(TIMEFRAMES)}",
        file=source,
    )


def _steps(rows: Candles) -> Times:
    """Between neighbours in time; the rows of a file may be in any order, and there twice."""
    opens = np.unique(rows.open_ns)
    steps: Times = opens[1:] - opens[:-1]
    return steps


def _choose(files: Sequence[FileName], given: ImportOptions) -> tuple[_Group, dict[str, list[FileName]]]:
    groups: defaultdict[_Group, defaultdict[str, list[FileName]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        symbol = file.symbol or ""
        if given.symbols and symbol not in given.symbols:
            continue
        if given.venue not in (None, file.venue) or given.timeframe not in (None, file.timeframe):
            continue
        _, quote, settle = split_symbol(symbol)
        groups[_Group(file.venue or "", file.timeframe or "", settle or quote, bool(settle))][symbol].append(file)
    if not groups:
        held = sorted({f"{file.venue} {file.symbol} {file.timeframe}" for file in files})
        raise DataError(
            f"No candle file matches; found: {', '.join(held)}",
            remedy="Correct --symbol, --venue or --timeframe",
        )
    group = max(groups, key=lambda group: _rank(group, groups[group]))
    found = groups[group]
    wanted = list(given.symbols) if given.symbols else sorted(found)
    missing = [symbol for symbol in wanted if symbol not in found]
    if missing:
        raise DataError(
            f"{group.venue} {group.timeframe} has no file of {', '.join(missing)}; it has {', '.join(sorted(found))}",
            remedy="Correct --symbol, --venue or --timeframe",
            symbols=missing,
        )
    return group, {symbol: found[symbol] for symbol in wanted}


def _rank(group: _Group, found: Mapping[str, list[FileName]]) -> tuple[Any, ...]:
    """The most symbols, then the most files, then the shortest timeframe; names decide the rest."""
    return len(found), sum(map(len, found.values())), -duration_ns(group.timeframe), group


def _read(
    name: str,
    group: _Group,
    chosen: Mapping[str, list[FileName]],
    beside: Sequence[FileName],
    given: ImportOptions,
    progress: Progress | None,
) -> Dataset:
    rules = read_markets(given.markets, group.venue, list(chosen)) if given.markets else {}
    candles: dict[str, Candles] = {}
    rates: dict[str, list[FundingRate]] = {}
    parts: list[Part] = []
    total, done = sum(map(len, chosen.values())), 0
    for symbol, files in chosen.items():
        cleaned, sources = [], []
        for file in files:
            one, source = _read_one(file, symbol, group.timeframe, given)
            cleaned.append(one)
            sources.append(source)
            done += 1
            if progress is not None:
                progress(done, total, file.path.name)
        whole = merge(cleaned, source=", ".join(file.path.name for file in files))
        extra = [file for file in beside if file.symbol == symbol]
        rates[symbol], more = _read_funding(symbol, extra)
        candles[symbol] = whole.candles
        parts.append(
            describe(
                whole.candles,
                group.timeframe,
                duplicates_dropped=whole.duplicates,
                rows_reordered=whole.reordered,
                funding_rates=len(rates[symbol]),
                sources=sources + more,
            )
        )
    instruments = [rules.get(symbol) or infer(candles[symbol], group.venue) for symbol in chosen]
    return Dataset(_manifest(name, group, parts, instruments), candles, rates)


def _read_one(file: FileName, symbol: str, timeframe: str, given: ImportOptions) -> tuple[Cleaned, FileSource]:
    rows, first = read_candles(file.path, symbol, columns=given.columns, unit=given.time_unit)
    _check_spacing(rows, timeframe, file.path.name)
    return clean(rows, timeframe, source=file.path.name, first_row=first), _source(file.path, len(rows))


def _check_spacing(rows: Candles, timeframe: str, source: str) -> None:
    """Refuse rows that are never next to each other in this timeframe: they are of a longer one."""
    steps = _steps(rows)
    if len(steps) >= SPACING_ROWS_MIN and int(steps.min()) > duration_ns(timeframe):
        raise DataError(
            f"{source} should hold {timeframe} bars, and its rows are never closer than {int(steps.min()) / 1e9:g} s",
            remedy="Name the right timeframe, in the file's name or with --timeframe",
            file=source,
            timeframe=timeframe,
        )


def _read_funding(symbol: str, files: Sequence[FileName]) -> tuple[list[FundingRate], list[FileSource]]:
    sources: list[FileSource] = []
    marks: dict[int, float] = {}
    rows: list[tuple[int, str]] = []
    for file in files:
        if file.kind == "mark":
            found = read_marks(file.path)
            marks.update(found)
            sources.append(_source(file.path, len(found)))
        else:
            more = read_funding(file.path)
            rows += more
            sources.append(_source(file.path, len(more)))
    names = ", ".join(file.path.name for file in files if file.kind == "funding")
    rates, _ = funding_rates.series(symbol, rows, marks, source=names)
    return rates, sources


def _source(path: Path, rows: int) -> FileSource:
    with path.open("rb") as file:
        return FileSource(file=path.name, rows=rows, sha256=file_digest(file, "sha256").hexdigest())


def _manifest(name: str, group: _Group, parts: list[Part], instruments: list[Instrument]) -> Manifest:
    return Manifest(
        name=name,
        venue=group.venue,
        market_type="swap" if group.contract else "spot",
        timeframe=group.timeframe,
        first_open_ns=min(part.first_open_ns for part in parts),
        end_ns=max(part.last_open_ns for part in parts) + duration_ns(group.timeframe),
        rows=sum(part.rows for part in parts),
        gaps=sum(part.gaps for part in parts),
        source="recording",
        symbols=parts,
        instruments=instruments,
    )
