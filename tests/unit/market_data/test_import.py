"""From files to a dataset (D05, D06, R06)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fix_market import MINUTE_NS, START_NS, csv_lines, write_csv

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.services.market_data.core.dataset import manifest_hash, manifest_view
from live_runner.services.market_data.datasets.importer import ImportOptions, import_files, import_folder
from live_runner.services.market_data.datasets.store import list_datasets, read_dataset, read_manifest

NAME = "binanceusdm_BTC-USDT-USDT_1m.csv"


def imported(tmp_path: Path, lines: list[str], name: str = NAME, **options: object) -> Path:
    """The data folder after importing one file of these lines as dataset ``d``."""
    path = write_csv(tmp_path / name, lines)
    import_files([path], tmp_path / "home", name="d", options=ImportOptions(**options))  # type: ignore[arg-type]  # options by name
    return tmp_path / "home"


def test_a_file_becomes_a_dataset_with_its_manifest(tmp_path: Path) -> None:
    home = imported(tmp_path, csv_lines([0, 1, 2, 5]))
    manifest = read_manifest(home, "d")
    part = manifest.symbols[0]

    assert (manifest.venue, manifest.market_type, manifest.timeframe) == ("binanceusdm", "swap", "1m")
    assert (manifest.first_open_ns, manifest.end_ns) == (START_NS, START_NS + 6 * MINUTE_NS)
    assert (part.rows, part.gaps, part.missing_bars) == (4, 1, 2)
    assert [source.file for source in part.sources] == [NAME]
    assert read_dataset(home, "d").candles["BTC/USDT:USDT"].close.tolist() == [100.5, 101.5, 102.5, 105.5]


def test_the_view_that_enters_events_has_no_date_and_no_path(tmp_path: Path) -> None:
    manifest = read_manifest(imported(tmp_path, csv_lines([0, 1])), "d")
    view = manifest_view(manifest)

    assert manifest.built
    assert not {"built", "left_out"} & set(view)
    assert str(tmp_path) not in str(view)
    assert view["hash"] == manifest_hash(manifest)


def test_the_same_file_gives_the_same_bytes_and_another_bar_another_hash(tmp_path: Path) -> None:
    """R02."""
    homes = []
    for number, lines in enumerate([csv_lines([0, 1]), csv_lines([0, 1]), csv_lines([0, 2])]):
        (tmp_path / str(number)).mkdir()
        homes.append(imported(tmp_path / str(number), lines))
    columns = [(home / "datasets" / "d" / "btc-usdt-usdt.npy").read_bytes() for home in homes]
    hashes = [manifest_hash(read_manifest(home, "d")) for home in homes]

    assert columns[0] == columns[1] != columns[2]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("change", "field", "row"),
    [
        (lambda lines: lines[2].replace(",102.0", ",abc"), "high", 3),
        (lambda lines: lines[2].rsplit(",", 1)[0], "row", 3),
        (lambda lines: lines[2].replace("101.0", "nan", 1), "open", 3),
        (lambda lines: lines[2].replace("101.0", "", 1), "open", 3),
        (lambda lines: lines[2].replace("101.0", "-101.0", 1), "open", 3),
    ],
)
def test_a_corrupt_row_is_named_and_nothing_is_imported(
    tmp_path: Path, change: Callable[[list[str]], str], field: str, row: int
) -> None:
    """R06."""
    lines = (
        csv_lines([0, 1, 2])
        if field == "row"
        else [line.replace("101,", "101.0,").replace(",102,", ",102.0,") for line in csv_lines([0, 1, 2])]
    )
    lines[2] = change(lines)

    with pytest.raises(DataError) as caught:
        imported(tmp_path, lines)

    assert (caught.value.fields["file"], caught.value.fields["row"], caught.value.fields["field"]) == (NAME, row, field)
    assert caught.value.remedy
    assert list_datasets(tmp_path / "home") == []


@pytest.mark.parametrize(
    "data", [b"", b"  \n", b"ts_ms,open,high,low,close,volume\n", b"\x00\xff\xfe\x80", b"a,b\n1,2\n"]
)
def test_an_empty_or_foreign_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """R06."""
    path = tmp_path / NAME
    path.write_bytes(data)

    with pytest.raises(DataError, match="binanceusdm_BTC"):
        import_files([path], tmp_path / "home", name="d")

    assert not (tmp_path / "home" / "datasets" / "d").exists()


@pytest.mark.parametrize("kept", [0.9, 0.0])
def test_a_truncated_archive_is_refused(tmp_path: Path, kept: float) -> None:
    """R06."""
    packed = gzip.compress("\n".join(csv_lines(range(500))).encode())
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(packed[: int(len(packed) * kept)])

    with pytest.raises(DataError, match=NAME):
        import_files([path], tmp_path / "home", name="d")


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    """R06."""
    path = tmp_path / "okx_BTC-USDT_1m.parquet"
    path.write_bytes(b"PAR1 and then nothing")

    with pytest.raises(DataError, match="not a readable Parquet"):
        import_files([path], tmp_path / "home", name="d")


@pytest.mark.parametrize("name", ["../d", "/tmp/d", "a/b", "..", "", "A", ".d", "x" * 65])
def test_a_dataset_outside_the_data_folder_is_refused(tmp_path: Path, name: str) -> None:
    """R06."""
    path = write_csv(tmp_path / NAME, csv_lines([0, 1]))

    with pytest.raises(DataError, match="not a valid dataset name"):
        import_files([path], tmp_path / "home", name=name)
    with pytest.raises(DataError, match="not a valid dataset name"):
        read_manifest(tmp_path / "home", name)


def test_a_link_out_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    """R06."""
    home = imported(tmp_path, csv_lines([0, 1]))
    (home / "datasets" / "linked").symlink_to(tmp_path)

    with pytest.raises(DataError, match="not a valid dataset name"):
        read_manifest(home, "linked")


@pytest.mark.parametrize("file", ["btc-usdt-usdt.npy", "manifest.json"])
def test_a_tampered_dataset_is_refused(tmp_path: Path, file: str) -> None:
    """R06."""
    home = imported(tmp_path, csv_lines([0, 1, 2]))
    path = home / "datasets" / "d" / file
    data = bytearray(path.read_bytes())
    place = data.index(b"binanceusdm") if file == "manifest.json" else len(data) - 3
    data[place] ^= 1
    path.write_bytes(bytes(data))

    with pytest.raises(DataError, match="damaged or was changed"):
        read_dataset(home, "d")


def test_a_missing_file_of_a_dataset_is_refused(tmp_path: Path) -> None:
    """R06."""
    home = imported(tmp_path, csv_lines([0, 1, 2]))
    (home / "datasets" / "d" / "btc-usdt-usdt.npy").unlink()

    with pytest.raises(DataError, match="btc-usdt-usdt"):
        read_dataset(home, "d")


def test_an_unknown_symbol_or_dataset_is_named(tmp_path: Path) -> None:
    home = imported(tmp_path, csv_lines([0, 1]))

    with pytest.raises(DataError, match=r"no NO/USDT; it has BTC/USDT:USDT"):
        read_dataset(home, "d", ["NO/USDT"])
    with pytest.raises(DataError, match="no dataset 'e'"):
        read_manifest(home, "e")


def test_importing_again_changes_nothing_and_other_bars_need_leave(tmp_path: Path) -> None:
    home = imported(tmp_path, csv_lines([0, 1]))
    imported(tmp_path, csv_lines([0, 1]))

    with pytest.raises(DataError, match="already is a dataset"):
        imported(tmp_path, csv_lines([0, 1, 2]))
    assert read_manifest(home, "d").rows == 2

    imported(tmp_path, csv_lines([0, 1, 2]), replace=True)
    assert read_manifest(home, "d").rows == 3
    assert [path.name for path in (home / "datasets").iterdir()] == ["d"]


def test_the_largest_market_of_a_folder_is_taken_and_the_rest_is_listed(tmp_path: Path) -> None:
    folder = tmp_path / "candles"
    folder.mkdir()
    for name in ("okx_A-USDT-USDT_1m.csv", "okx_B-USDT-USDT_1m.csv", "okx_A-USDT_1m.csv", "kraken_A-USDT-USDT_1m.csv"):
        write_csv(folder / name, csv_lines([0, 1]))
    write_csv(folder / "okx_A-USDT-USDT_funding.csv", ["ts_ms,funding_rate", f"{START_NS // 1_000_000 + 3},0.00010"])
    (folder / "manifest.json").write_text("{}")

    manifest = import_folder(folder, tmp_path / "home", name="d")

    assert manifest.symbol_names == ["A/USDT:USDT", "B/USDT:USDT"]
    assert manifest.left_out == ["kraken_A-USDT-USDT_1m.csv", "okx_A-USDT_1m.csv"]
    assert manifest.symbols[0].funding_rates == 1
    assert [source.file for source in manifest.symbols[0].sources] == [
        "okx_A-USDT-USDT_1m.csv",
        "okx_A-USDT-USDT_funding.csv",
    ]


def test_of_two_timeframes_of_the_same_symbols_the_shorter_one_is_taken(tmp_path: Path) -> None:
    write_csv(tmp_path / "okx_A-USDT_5m.csv", csv_lines([0, 5]))
    write_csv(tmp_path / "okx_A-USDT_1m.csv", csv_lines([0, 1]))

    assert import_folder(tmp_path, tmp_path / "h", name="d").timeframe == "1m"


def test_symbols_can_be_chosen_and_keep_their_order(tmp_path: Path) -> None:
    for name in ("okx_A-USDT_1m.csv", "okx_B-USDT_1m.csv", "okx_C-USDT_1m.csv"):
        write_csv(tmp_path / name, csv_lines([0, 1]))

    assert import_folder(tmp_path, tmp_path / "h", name="d", symbols=["C/USDT", "A/USDT"]).symbol_names == [
        "C/USDT",
        "A/USDT",
    ]
    with pytest.raises(DataError, match="no file of X/USDT"):
        import_folder(tmp_path, tmp_path / "h", name="e", symbols=["A/USDT", "X/USDT"])


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no candle files"):
        import_folder(tmp_path, tmp_path / "h", name="d")
    with pytest.raises(DataError, match="no folder"):
        import_folder(tmp_path / "none", tmp_path / "h", name="d")


@pytest.mark.parametrize(
    ("header", "scale", "unit"),
    [
        ("timestamp", 10**9, "auto"),
        ("time", 10**6, "auto"),
        ("open_time", 10**3, "auto"),
        ("date", 1, "auto"),
        ("t", 10**9, "s"),
    ],
)
def test_times_come_in_any_unit(tmp_path: Path, header: str, scale: int, unit: str) -> None:
    """D06."""
    rows = [f"{(START_NS + m * MINUTE_NS) // scale},10,11,9,10,1" for m in range(3)]

    home = imported(tmp_path, [f"{header},Open,High,Low,Close,Vol", *rows], time_unit=unit)

    assert read_dataset(home, "d").candles["BTC/USDT:USDT"].open_ns.tolist() == [
        START_NS + m * MINUTE_NS for m in range(3)
    ]


@pytest.mark.parametrize("text", ["2025-05-04T15:33:00Z", "2025-05-04 15:33:00", "2025-05-04T17:33:00+02:00"])
def test_times_come_as_text(tmp_path: Path, text: str) -> None:
    """D06: a time without a zone is UTC."""
    home = imported(tmp_path, ["date,open,high,low,close,volume", f"{text},10,11,9,10,1"])

    assert read_manifest(home, "d").first_open_ns == 1_746_372_780_000_000_000


def test_a_venues_archive_without_a_header_is_read_and_its_parts_are_joined(tmp_path: Path) -> None:
    for month, minutes in (("01", range(3)), ("02", range(2, 5))):
        opens = [START_NS // 1_000_000 + minute * 60_000 for minute in minutes]
        rows = [f"{at},10,11,9,10.5,3,{at + 59_999},31.5,7,1,10.5,0" for at in opens]
        write_csv(tmp_path / f"BTCUSDT-1m-2025-{month}.csv", rows)

    manifest = import_folder(tmp_path, tmp_path / "h", name="d", venue="binance")

    assert (manifest.venue, manifest.symbols[0].rows, manifest.symbols[0].duplicates_dropped) == ("binance", 5, 1)


def test_columns_and_symbol_can_be_named(tmp_path: Path) -> None:
    rows = [f"{START_NS // 1_000_000 + m * 300_000},1,2,0.5,1.5,3" for m in range(3)]
    options = {"symbols": ["BTC/USDT:USDT"], "columns": {"time": "when", "close": "last", "volume": "size"}}

    home = imported(tmp_path, ["when,open,high,low,last,size", *rows], name="mine.csv", **options)

    assert (read_manifest(home, "d").timeframe, read_manifest(home, "d").venue) == ("5m", "unnamed")


def test_a_file_that_names_no_symbol_or_no_known_timeframe_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no symbol in its name"):
        imported(tmp_path, csv_lines([0, 1]), name="mine.csv")
    with pytest.raises(DataError, match="does not say its timeframe"):
        imported(tmp_path, csv_lines([0, 7, 14]), name="BTC-USDT.csv")
    with pytest.raises(ConfigError, match=r"0\.5m"):
        imported(tmp_path, csv_lines([0, 1]), name="BTC-USDT.csv", timeframe="0.5m")


@pytest.mark.parametrize("kind", ["stamp", "text", "whole"])
def test_parquet_is_read(tmp_path: Path, kind: str) -> None:
    times = [START_NS + m * MINUTE_NS for m in range(3)]
    columns = {
        "stamp": pa.array(times, pa.timestamp("ns", tz="UTC")),
        "text": pa.array(["2025-05-04T15:33:00Z", "2025-05-04T15:34:00Z", "2025-05-04T15:35:00Z"]),
        "whole": pa.array([time // 1_000_000 for time in times]),
    }
    prices = {name: [7.092e-05] * 3 for name in ("open", "high", "low", "close")}
    pq.write_table(
        pa.table({"timestamp": columns[kind], **prices, "volume": [1.5, 0.0, 2.25]}),
        tmp_path / "okx_XRP-BTC_1m.parquet",
    )

    manifest = import_folder(tmp_path, tmp_path / "h", name="d")

    assert (manifest.rows, manifest.symbols[0].zero_volume) == (3, 1)
    assert (manifest.instruments[0].tick_size, manifest.instruments[0].lot_size) == ("0.00000001", "0.01")


@pytest.mark.parametrize("venue", [None, "okx"])
def test_funding_and_marks_come_as_a_backtester_stores_them(tmp_path: Path, venue: str | None) -> None:
    """Parquet, no venue in the name, and rates as candles of which the open is the rate."""
    write_csv(tmp_path / "A_USDT_USDT-1m.csv", csv_lines([0, 1, 2]))
    stamp = pa.array([(START_NS + MINUTE_NS) // 1_000_000], pa.timestamp("ms", tz="UTC"))
    for what, value in (("funding_rate", 1e-05), ("mark", 100.25)):
        prices = {name: [value if name == "open" else 0.0] for name in ("open", "high", "low", "close", "volume")}
        pq.write_table(pa.table({"date": stamp, **prices}), tmp_path / f"A_USDT_USDT-8h-{what}.parquet")

    manifest = import_folder(tmp_path, tmp_path / "h", name="d", venue=venue)

    assert manifest.timeframe == "1m"
    assert [(rate.rate, rate.mark) for rate in read_dataset(tmp_path / "h", "d").funding["A/USDT:USDT"]] == [
        ("0.00001", 100.25)
    ]


def test_a_venues_own_archive_of_funding_rates_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "AUSDT-1m-2025-05.csv", csv_lines([0, 1, 2]))
    lines = ["calc_time,funding_interval_hours,last_funding_rate", f"{START_NS // 1_000_000 + 60_007},8,0.00010000"]
    write_csv(tmp_path / "AUSDT-fundingRate-2025-05.csv", lines)

    assert import_folder(tmp_path, tmp_path / "h", name="d").symbols[0].funding_rates == 1


def test_recorded_candles_import_with_funding_and_marks(shared_data: Path, tmp_path: Path) -> None:
    manifest = import_folder(shared_data / "candles", tmp_path, name="okx", venue="okx", timeframe="1m")
    rates = read_dataset(tmp_path, "okx").funding["BTC/USDT:USDT"]

    assert (manifest.rows, manifest.symbols[0].funding_rates) == (22077, len(rates))
    assert (rates[0].rate, rates[0].mark) == ("0.0000159050417522", 87594.1)


def test_recorded_candles_with_gaps_keep_them(shared_data: Path, tmp_path: Path) -> None:
    manifest = import_folder(shared_data / "candles", tmp_path, name="gappy", venue="bittrex")

    assert (manifest.rows, manifest.gaps, manifest.instruments[0].tick_size) == (11248, 2168, "0.00000001")


def test_the_manifest_reads_back_as_plain_json(tmp_path: Path) -> None:
    home = imported(tmp_path, csv_lines([0, 1]))
    plain = msgspec.json.decode((home / "datasets" / "d" / "manifest.json").read_bytes())

    assert set(plain) == {"hash", "manifest"}


def test_bars_of_another_timeframe_than_their_name_says_are_refused(tmp_path: Path) -> None:
    """X04: five-minute bars taken for one-minute ones would be a recording full of holes."""
    with pytest.raises(DataError, match=r"never closer than 300 s"):
        imported(tmp_path, csv_lines(range(0, 100, 5)))


@pytest.mark.parametrize("name", [NAME, "BTC-USDT.csv"])
def test_rows_in_any_order_and_doubled_are_the_same_recording(tmp_path: Path, name: str) -> None:
    """Also where no two neighbouring rows are one bar apart, with and without a timeframe in the name."""
    header, *rows = csv_lines(range(60))
    home = imported(tmp_path, [header, *rows[::3], *rows[1::3], *rows[2::3], *rows[:20:2]], name=name)
    part = read_manifest(home, "d").symbols[0]

    assert (part.rows, part.duplicates_dropped, part.gaps) == (60, 10, 0)
    assert read_dataset(home, "d").candles[part.symbol].open.tolist() == [100.0 + minute for minute in range(60)]


def test_a_file_of_something_else_is_left_out(tmp_path: Path) -> None:
    write_csv(tmp_path / "okx_A-USDT_1m.csv", csv_lines([0, 1]))
    write_csv(tmp_path / "notes.csv", ["a,b", "1,2"])

    assert import_folder(tmp_path, tmp_path / "h", name="d").left_out == ["notes.csv"]
