"""The bundled market: the same everywhere, and like a market."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import FIELDS, Candles, clean, holes
from live_runner.services.market_data.core.dataset import manifest_hash
from live_runner.services.market_data.core.inferred_rules import infer
from live_runner.services.market_data.core.randomness import key, normals, uniforms
from live_runner.services.market_data.core.simulated_symbols import SYMBOLS
from live_runner.services.market_data.datasets.simulated import simulated_dataset

BTC = "BTC/USDT:USDT"
GOLDEN = "beefdc69949cd2c6f83607a10d780e21f46cb20a7f836718c952f41761851482"


def digest(candles: Candles) -> str:
    """sha256 over every column."""
    columns = (candles.open_ns, *(candles.column(field) for field in FIELDS))
    return sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


def test_the_market_of_a_seed_never_changes() -> None:
    """A changed digest means another market: raise ``simulation.VERSION``."""
    whole = "".join(digest(simulation.simulate(7, symbol, "1m", 0, 3000)) for symbol in SYMBOLS)

    assert (simulation.VERSION, sha256(whole.encode()).hexdigest()) == (1, GOLDEN)


def test_another_seed_is_another_market() -> None:
    assert digest(simulation.simulate(1, BTC, "1m", 0, 500)) != digest(simulation.simulate(2, BTC, "1m", 0, 500))


def test_any_part_can_be_had_without_what_was_before_it() -> None:
    whole = simulation.simulate(3, BTC, "1m", 0, 25_000)
    part = simulation.simulate(3, BTC, "1m", 19_990, 400)

    assert digest(whole.between(int(part.open_ns[0]), int(part.open_ns[-1]) + 1)) == digest(part)


@pytest.mark.parametrize("symbol", [*SYMBOLS, "PEPE/USDT:USDT", "XYZ/BTC"])
def test_every_bar_is_a_usable_candle_on_its_grid(symbol: str) -> None:
    series = simulation.simulate(1, symbol, "1m", 0, 21_000)
    rules = simulation.instrument(symbol, "simulated")

    assert len(clean(series, "1m", source="simulated").candles) == len(series)
    assert float(infer(series, "v").tick_size) >= float(rules.tick_size)
    assert float(infer(series, "v").lot_size) >= float(rules.lot_size)


def test_prices_go_on_from_block_to_block() -> None:
    series = simulation.simulate(5, BTC, "1m", simulation.BLOCK_BARS - 200, 400)
    moves = np.abs(np.diff(series.close) / series.close[:-1])

    assert moves[195:205].max() < 0.01


def test_moves_cluster_have_fat_tails_and_go_together() -> None:
    made = [simulation.simulate(1, s, "1m", 0, 10_080, holes=False) for s in SYMBOLS[:3]]
    returns = [np.diff(np.log(series.close)) for series in made]
    kurtosis = float(np.mean(returns[0] ** 4) / np.mean(returns[0] ** 2) ** 2)
    size = np.abs(returns[0])

    assert kurtosis > 4
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1
    assert np.corrcoef(returns[0], returns[1])[0, 1] > 0.5


def test_there_are_outages_and_quiet_minutes_after_two_days() -> None:
    sets = [simulation.simulate(1, symbol, "1m", 0, 30_000) for symbol in SYMBOLS]

    assert any(holes(series.open_ns, "1m") for series in sets)
    assert any((series.volume == 0).any() for series in sets)
    for series in sets:
        assert not holes(series.open_ns[: simulation.HOLE_FREE_BARS], "1m")


def test_without_holes_a_quiet_minute_is_a_flat_candle() -> None:
    series = simulation.simulate(1, "ETC/USDT:USDT", "1m", 0, 20_000, holes=False)
    quiet = series.volume == 0

    assert len(series) == 20_000
    assert quiet.any()
    assert (series.high[quiet] == series.low[quiet]).all()


def test_funding_comes_every_eight_hours_with_a_mark() -> None:
    series = simulation.simulate(1, BTC, "1m", 0, 3000)
    rates = simulation.funding(1, BTC, series)

    assert [rate.funding_ns % (8 * 3600 * 10**9) for rate in rates] == [0] * 7
    assert all(rate.mark is not None and abs(rate.mark / 96_500 - 1) < 0.2 for rate in rates)


def test_a_spot_market_has_no_funding() -> None:
    assert simulation.funding(1, "BTC/USDT", simulation.simulate(1, "BTC/USDT", "1m", 0, 3000)) == []


@pytest.mark.parametrize("timeframe", ["1s", "15s", "5m", "1h", "1d", "1w"])
def test_every_timeframe_has_a_market(timeframe: str) -> None:
    series = simulation.simulate(1, BTC, timeframe, 0, 300)

    assert len(clean(series, timeframe, source="simulated").candles) == 300


def test_the_manifest_hash_is_of_the_bars() -> None:
    one = simulated_dataset(1, [BTC], "1m", 100, venue="simulated").manifest
    again = simulated_dataset(1, [BTC], "1m", 100, venue="simulated").manifest
    other = simulated_dataset(2, [BTC], "1m", 100, venue="simulated").manifest

    assert manifest_hash(one) == manifest_hash(again) != manifest_hash(other)


def test_variates_have_the_moments_that_they_claim() -> None:
    values, even = normals(key("test"), 100_000), uniforms(key("test"), 100_000)

    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1.0) < 0.02
    assert abs(even.mean() - 0.5) < 0.01
    assert normals(key("test"), 5, 95).tolist() == values[95:100].tolist()
