"""What a file's name says about its candles."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_runner.services.market_data.datasets.file_names import parse


@pytest.mark.parametrize(
    ("name", "kind", "venue", "symbol", "timeframe"),
    [
        ("binanceusdm_BTC-USDT-USDT_1m.csv.gz", "candles", "binanceusdm", "BTC/USDT:USDT", "1m"),
        ("bittrex_XRP-BTC_1m_gappy.csv.gz", "candles", "bittrex", "XRP/BTC", "1m"),
        ("okx_BTC-USDT-USDT_funding.csv", "funding", "okx", "BTC/USDT:USDT", None),
        ("okx_BTC-USDT-USDT_1h-mark.csv.gz", "mark", "okx", "BTC/USDT:USDT", "1h"),
        ("binanceusdm_1000PEPE-USDT-USDT_15m.parquet", "candles", "binanceusdm", "1000PEPE/USDT:USDT", "15m"),
        ("ETH_USDT_USDT-5m.parquet", "candles", None, "ETH/USDT:USDT", "5m"),
        ("ETH_USDT-1h.csv", "candles", None, "ETH/USDT", "1h"),
        ("BTCUSDT-1m-2025-01.csv", "candles", None, "BTC/USDT", "1m"),
        ("BTC-USDT-1m.csv", "candles", None, "BTC/USDT", "1m"),
        ("Binance_btcusdt_5m.csv", "candles", "binance", "BTC/USDT", "5m"),
        ("btc-usdt-usdt_1h.csv", "candles", None, "BTC/USDT:USDT", "1h"),
        ("okx_BTC-USDT-SWAP_1m.csv", "candles", "okx", "BTC/USDT:USDT", "1m"),
        ("okx_BTC-USD-SWAP_1m.csv", "candles", "okx", "BTC/USD:BTC", "1m"),
        ("ADA_USDT_USDT-1m-futures.parquet", "candles", None, "ADA/USDT:USDT", "1m"),
        ("ADA_USDT_USDT-8h-funding_rate.parquet", "funding", None, "ADA/USDT:USDT", "8h"),
        ("ADA_USDT_USDT-8h-mark.parquet", "mark", None, "ADA/USDT:USDT", "8h"),
        ("BTCUSDT-fundingRate-2025-01.csv", "funding", None, "BTC/USDT", None),
        ("BTC_USDT.csv", "candles", None, "BTC/USDT", None),
        ("my-candles_1m.csv", "candles", None, None, None),
        ("BTC-USDT.csv", "candles", None, "BTC/USDT", None),
        ("mine.csv", "candles", None, None, None),
    ],
)
def test_names_are_read(name: str, kind: str, venue: str | None, symbol: str | None, timeframe: str | None) -> None:
    found = parse(Path("somewhere") / name)

    assert found is not None
    assert (found.kind, found.venue, found.symbol, found.timeframe) == (kind, venue, symbol, timeframe)


@pytest.mark.parametrize("name", ["manifest.json", "README.md", "BTC-USDT_1m.feather", ".csv~"])
def test_other_files_are_no_candles(name: str) -> None:
    assert parse(Path(name)) is None
