"""Datasets on disk: ``<data folder>/datasets/<name>/``.

    manifest.json       the manifest and its hash
    <symbol>.npy        columns of one symbol
    funding.json        funding rates, by symbol

The same bars give the same bytes. A dataset is written beside its place and renamed into it, so it is there
wholly or not at all; every file is checked against the manifest's sums when it is read.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import FundingRate
from live_runner.contracts.subjects import symbol_token
from live_runner.services.market_data.core.candles import FIELDS, Candles
from live_runner.services.market_data.core.dataset import Dataset, Manifest, manifest_hash

__all__ = ["dataset_folder", "list_datasets", "read_dataset", "read_manifest", "write_dataset"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ROW: Final = np.dtype([("open_ns", "<i8"), *((field, "<f8") for field in FIELDS)])
_MANIFEST: Final = "manifest.json"
_FUNDING: Final = "funding.json"


class _Stored(msgspec.Struct, frozen=True):
    """The content of manifest.json."""

    hash: str
    manifest: Manifest


def dataset_folder(home: Path, name: str) -> Path:
    """Where the dataset stands; DataError when the name would lead out of the data folder."""
    root = home / "datasets"
    if not _NAME.fullmatch(name) or not (root / name).resolve().is_relative_to(root.resolve()):
        raise DataError(
            f"'{name}' is not a valid dataset name",
            remedy="Use up to 64 of a-z 0-9 _ . - and begin with a letter or digit; datasets are never paths",
            dataset=name,
        )
    return root / name


def list_datasets(home: Path) -> list[Manifest]:
    """Manifests of every dataset of the data folder, by name."""
    root = home / "datasets"
    if not root.is_dir():
        return []
    names = sorted(entry.name for entry in root.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir())
    return [read_manifest(home, name) for name in names]


def read_manifest(home: Path, name: str) -> Manifest:
    """The manifest alone; DataError when there is none or it was changed by hand."""
    folder = dataset_folder(home, name)
    try:
        data = (folder / _MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            f"There is no dataset '{name}' in the data folder",
            remedy="List them with: live-runner data list; import one with: live-runner data import",
            dataset=name,
        ) from error
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except msgspec.MsgspecError as error:
        raise _tampered(name, _MANIFEST, str(error)) from error
    if manifest_hash(stored.manifest) != stored.hash:
        raise _tampered(name, _MANIFEST, "its content does not have the hash that it states")
    return stored.manifest


def read_dataset(home: Path, name: str, symbols: Sequence[str] | None = None) -> Dataset:
    """The dataset, or some of its symbols in the order asked for; DataError names what is wrong with it."""
    manifest = read_manifest(home, name)
    parts = {part.symbol: part for part in manifest.symbols}
    wanted = list(parts) if symbols is None else list(symbols)
    unknown = [symbol for symbol in wanted if symbol not in parts]
    if unknown:
        raise DataError(
            f"Dataset '{name}' has no {', '.join(unknown)}; it has {', '.join(parts)}",
            remedy="Correct market.symbols, or import a dataset that has them",
            dataset=name,
            symbols=unknown,
        )
    folder = dataset_folder(home, name)
    candles = {s: _read_columns(folder, name, s, parts[s].file, parts[s].sha256) for s in wanted}
    return Dataset(manifest, candles, _read_funding(folder, name, manifest, wanted))


def write_dataset(home: Path, dataset: Dataset, *, replace: bool = False) -> Manifest:
    """Store a dataset; the manifest as stored, sums included.

    A dataset of the same name with the same bars is left as it is; one with others is a DataError unless
    ``replace``.
    """
    name = dataset.manifest.name
    folder = dataset_folder(home, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{name}.{os.getpid()}.importing"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        manifest = _write_files(temporary, dataset)
        _move_in(temporary, folder, home, manifest, replace)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def _write_files(folder: Path, dataset: Dataset) -> Manifest:
    parts = []
    for part in dataset.manifest.symbols:
        data = _column_bytes(dataset.candles[part.symbol])
        file = f"{symbol_token(part.symbol)}.npy"
        (folder / file).write_bytes(data)
        parts.append(msgspec.structs.replace(part, file=file, sha256=sha256(data).hexdigest()))
    funding_sha256 = ""
    if any(dataset.funding.values()):
        data = msgspec.json.encode(dataset.funding, order="sorted")
        (folder / _FUNDING).write_bytes(data)
        funding_sha256 = sha256(data).hexdigest()
    manifest = msgspec.structs.replace(dataset.manifest, symbols=parts, funding_sha256=funding_sha256)
    stored = msgspec.json.encode(_Stored(manifest_hash(manifest), manifest))
    (folder / _MANIFEST).write_bytes(msgspec.json.format(stored, indent=2))
    return manifest


def _move_in(temporary: Path, folder: Path, home: Path, manifest: Manifest, replace: bool) -> None:
    name = manifest.name
    if folder.exists() and not replace:
        if manifest_hash(read_manifest(home, name)) == manifest_hash(manifest):
            return
        raise DataError(
            f"There already is a dataset '{name}' with other bars",
            remedy="Choose another name, or replace it with --replace",
            dataset=name,
        )
    replaced = folder.parent / f".{name}.{os.getpid()}.replaced"
    if folder.exists():
        folder.rename(replaced)
    temporary.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def _column_bytes(candles: Candles) -> bytes:
    rows = np.empty(len(candles), dtype=_ROW)
    rows["open_ns"] = candles.open_ns
    for field in FIELDS:
        rows[field] = candles.column(field)
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, rows, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _read_columns(folder: Path, name: str, symbol: str, file: str, expected: str) -> Candles:
    if Path(file).name != file:
        raise _tampered(name, _MANIFEST, f"'{file}' is not a file of this dataset")
    data = _checked(folder, name, file, expected)
    rows = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    columns = (np.ascontiguousarray(rows[field]) for field in FIELDS)
    return Candles(symbol, np.ascontiguousarray(rows["open_ns"]), *columns)


def _read_funding(folder: Path, name: str, manifest: Manifest, symbols: Sequence[str]) -> dict[str, list[FundingRate]]:
    if not manifest.funding_sha256:
        return {}
    data = _checked(folder, name, _FUNDING, manifest.funding_sha256)
    rates = msgspec.json.decode(data, type=dict[str, list[FundingRate]])
    return {symbol: rates[symbol] for symbol in symbols if symbol in rates}


def _checked(folder: Path, name: str, file: str, expected: str) -> bytes:
    try:
        data = (folder / file).read_bytes()
    except OSError as error:
        raise _tampered(name, file, str(error.strerror)) from error
    if sha256(data).hexdigest() != expected:
        raise _tampered(name, file, "its sha256 is not the one in the manifest")
    return data


def _tampered(name: str, file: str, what: str) -> DataError:
    return DataError(
        f"Dataset '{name}' is damaged or was changed: {file}: {what}",
        remedy="Import it again with --replace",
        dataset=name,
        file=file,
    )
