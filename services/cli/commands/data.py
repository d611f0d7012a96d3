"""``data import`` and ``data list``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, settings_of

if TYPE_CHECKING:
    from live_runner.services.market_data.core.dataset import Manifest

__all__ = ["app", "dataset_name", "import_data"]

_NAME_MAX: Final = 48
"""Characters of a name that was not given."""

app = typer.Typer(help="Import recorded candles, and list what was imported.", no_args_is_help=True)

PathsArgument = Annotated[
    list[Path], typer.Argument(help="A folder, or CSV, CSV.gz and Parquet files.", show_default=False)
]


@app.command(
    "import",
    epilog="Examples:\n\n\b\n"
    "  live-runner data import candles/\n"
    "  live-runner data import candles/ --name my-candles\n"
    "  live-runner data import btc.csv --name btc --symbol BTC/USDT:USDT --timeframe 1m --venue binanceusdm\n"
    "  live-runner data import candles/ --name twelve --markets markets.jsonl --replace",
)
def import_(
    paths: PathsArgument,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the dataset; `market.dataset` refers to it. Default: the folder's or file's own."),
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Only this symbol; may be given more than once.")] = None,
    venue: Annotated[str | None, typer.Option(help="The venue, if the file names do not contain it.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="The timeframe, if the file names do not contain it.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Name of a column, as FIELD=NAME: time, open, high, low, close, volume.")
    ] = None,
    time_unit: Annotated[
        str, typer.Option(help="Unit of the time column: auto, s, ms, us, ns or iso (text).")
    ] = "auto",
    markets: Annotated[Path | None, typer.Option(help="JSON lines of ccxt markets, for exact market rules.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a dataset of that name.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check candle files and store them as a dataset. Nothing is stored when something is wrong."""
    from live_runner.services.cli.output import print_json, show

    manifest = import_data(
        paths,
        settings_of(home).home,
        name=name or dataset_name(paths[0]),
        symbols=symbol,
        venue=venue,
        timeframe=timeframe,
        columns=_columns(column or []),
        time_unit=time_unit,
        markets=markets,
        replace=replace,
    )
    if as_json:
        print_json(_fields(manifest))
    else:
        show(_table([manifest]))


@app.command("list", epilog="Examples:\n\n\b\n  live-runner data list\n  live-runner data list --json")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the imported datasets with range, rows, gaps and hash."""
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.market_data.datasets.store import list_datasets

    found = list_datasets(settings_of(home).home)
    if as_json:
        print_json([_fields(manifest) for manifest in found])
    elif found:
        show(_table(found))
    else:
        show("There are no datasets yet. Import one with: live-runner data import FOLDER --name NAME")


def dataset_name(path: Path) -> str:
    """The name of a dataset, after the folder or file that it is made of."""
    path = path.resolve()
    stem = path.name if path.is_dir() else path.name.split(".", 1)[0]
    return re.sub(r"[^a-z0-9_.-]+", "-", stem.lower()).strip("-._")[:_NAME_MAX] or "candles"


def import_data(
    paths: list[Path],
    home: Path,
    *,
    name: str,
    symbols: list[str] | None = None,
    venue: str | None = None,
    timeframe: str | None = None,
    columns: dict[str, str] | None = None,
    time_unit: str = "auto",
    markets: Path | None = None,
    replace: bool = False,
) -> Manifest:
    """Import with a progress bar on stderr; DataError when something is wrong with the files."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from live_runner.contracts.errors import DataError
    from live_runner.services.cli.output import stderr_console
    from live_runner.services.market_data.datasets.importer import ImportOptions, import_files

    options = ImportOptions(
        symbols=symbols,
        venue=venue,
        timeframe=timeframe,
        columns=columns or {},
        time_unit=_unit(time_unit),
        markets=markets,
        replace=replace,
    )
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"{path} does not exist", remedy="Give a folder or files of candles", path=str(path))
        files.extend(sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path])
    console = stderr_console()
    bar = Progress(
        TextColumn("importing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=len(files))
        return import_files(
            files,
            home,
            name=name,
            options=options,
            progress=lambda done, total, file: bar.update(task, completed=done, total=total, description=file),
        )


def _columns(given: list[str]) -> dict[str, str]:
    from live_runner.contracts.errors import ConfigError

    columns: dict[str, str] = {}
    for text in given:
        field, separator, name = text.partition("=")
        if not separator or not field or not name:
            raise ConfigError(f"--column {text} is not FIELD=NAME", remedy="Write for example --column time=timestamp")
        columns[field] = name
    return columns


def _unit(text: str) -> Any:
    import typing

    from live_runner.contracts.errors import ConfigError
    from live_runner.services.market_data.datasets.candle_files import TimeUnit

    known = typing.get_args(getattr(TimeUnit, "__value__", TimeUnit))
    if text not in known:
        raise ConfigError(f"--time-unit {text} is unknown", remedy=f"Use one of {', '.join(known)}")
    return text


def _fields(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    from live_runner.services.market_data.core.dataset import manifest_hash

    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    return {**fields, "hash": manifest_hash(manifest)}


def _table(manifests: list[Manifest]) -> Any:
    from datetime import UTC, datetime

    from rich.table import Table

    from live_runner.services.market_data.core.dataset import manifest_hash

    table = Table()
    for heading in ("dataset", "venue", "timeframe", "symbols", "from", "to", "rows", "gaps", "hash"):
        table.add_column(heading, justify="right" if heading in ("symbols", "rows", "gaps") else "left")
    for manifest in manifests:
        first, end = (
            datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M")
            for at_ns in (manifest.first_open_ns, manifest.end_ns)
        )
        table.add_row(
            manifest.name,
            manifest.venue,
            manifest.timeframe,
            str(len(manifest.symbols)),
            first,
            end,
            f"{manifest.rows:,}",
            str(manifest.gaps),
            manifest_hash(manifest),
        )
    return table
