"""The recorded markets: both twins give what ccxt gave, on every market and every number."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fix_hotpath import twins

from live_runner.contracts.config import check_rules
from live_runner.contracts.errors import NormalizationRefused
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt

MARKETS = 1609
CASES = 32_180
PRECISION_CASES = 6_000

REASONS = {
    ("price", "InvalidOrder"): {"price_out_of_range"},
    ("amount", "InvalidOrder"): {"amount_rounds_to_zero"},
    ("price", "InvalidOperation"): {"not_a_number", "price_out_of_range"},
    ("amount", "InvalidOperation"): {"not_a_number", "above_max_amount"},
}
"""What we say where ccxt raises."""


@pytest.fixture(params=["compiled", "reference"])
def normalize(request: pytest.FixtureRequest) -> Any:
    return twins("normalize")[request.param == "reference"]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    yield from map(json.loads, text.splitlines())


def _value(recorded: Any) -> Any:
    return float(recorded["f"]) if isinstance(recorded, dict) else recorded


def test_every_recorded_market_is_inside_the_bounds_of_market_rules(shared_data: Path) -> None:
    for row in _rows(shared_data / "markets" / "markets.jsonl"):
        check_rules(instrument_from_ccxt(row, venue=row["exchange"], precision_mode=row["precisionMode"]))


def test_every_recorded_order_is_normalized_as_by_ccxt(shared_data: Path, normalize: Any) -> None:
    """Prices and amounts of 1609 markets: the same text, or a refusal where ccxt raises.

    The one difference: where ccxt would send ``NaN`` or ``Infinity`` to the venue, we refuse.
    """
    normalizers = {
        (row["exchange"], row["symbol"]): normalize.Normalizer(
            instrument_from_ccxt(row, venue=row["exchange"], precision_mode=row["precisionMode"])
        )
        for row in _rows(shared_data / "markets" / "markets.jsonl")
    }
    different, cases, not_numbers = [], 0, 0
    for row in _rows(shared_data / "markets" / "normalization.jsonl.gz"):
        cases += 1
        normalizer = normalizers[row["exchange"], row["symbol"]]
        for name in ("price", "amount"):
            wanted = row[f"{name}_out"]
            try:
                got = getattr(normalizer, name)(_value(row[name]))
            except NormalizationRefused as refused:
                got = refused
            if isinstance(wanted, dict):
                fits = isinstance(got, NormalizationRefused) and got.reason in REASONS[name, wanted["x"]]
            elif wanted in ("NaN", "Infinity"):
                not_numbers += 1
                fits = isinstance(got, NormalizationRefused) and got.reason == "not_a_number"
            else:
                fits = got == wanted
            if not fits:
                different.append((row["exchange"], row["symbol"], name, row[name], wanted, got))

    assert different == []
    assert (len(normalizers), cases, not_numbers) == (MARKETS, CASES, 21)


def test_every_recorded_precision_is_that_of_ccxt(shared_data: Path, normalize: Any) -> None:
    """All modes, roundings and paddings; a number that is none is refused where ccxt pads the word ``NaN``."""
    different, cases, not_numbers = [], 0, 0
    for row in _rows(shared_data / "markets" / "decimal_to_precision.jsonl.gz"):
        cases += 1
        value, wanted = _value(row["value"]), row["out"]
        text = value if isinstance(value, str) else repr(value)
        words = (row["rounding"], str(row["precision"]), row["mode"], row["padding"])
        try:
            got = normalize.decimal_to_precision(text, *(word.lower() for word in words))
        except ValueError:
            got = None
        if isinstance(wanted, str) and wanted.startswith(("NaN", "Infinity")):
            not_numbers += 1
            wanted = None
        if got != (None if isinstance(wanted, dict) else wanted):
            different.append((row, got))

    assert different == []
    assert (cases, not_numbers) == (PRECISION_CASES, 74)


def test_every_recorded_market_counts_on_its_grid(shared_data: Path, normalize: Any) -> None:
    """Where a price is taken, its count of ticks is the same number; so for amounts, which never grow."""
    fixed = twins("fixed")[0]
    normalizers = {
        (row["exchange"], row["symbol"]): normalize.Normalizer(
            instrument_from_ccxt(row, venue=row["exchange"], precision_mode=row["precisionMode"])
        )
        for row in _rows(shared_data / "markets" / "markets.jsonl")
    }
    counted = 0
    for row in _rows(shared_data / "markets" / "normalization.jsonl.gz"):
        normalizer = normalizers[row["exchange"], row["symbol"]]
        given = {
            name: value if isinstance(value := _value(row[name]), str) else repr(value) for name in ("price", "amount")
        }
        try:
            ticks = normalizer.price_ticks(given["price"])
        except NormalizationRefused:
            pass
        else:
            assert normalizer.ticks.text(ticks) == normalizer.price(given["price"])
            counted += 1
        try:
            lots = normalizer.amount_lots(given["amount"])
        except NormalizationRefused:
            continue
        mantissa, decimals = fixed.parse_decimal(given["amount"])
        sent, sent_decimals = fixed.parse_decimal(normalizer.lots.text(lots))
        assert sent * 10**decimals <= mantissa * 10**sent_decimals
        counted += 1

    assert counted > CASES
