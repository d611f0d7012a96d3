"""The seeded market of the local exchange: endless, the same in every process, whole candles in decimal text."""

from __future__ import annotations

from live_runner.services.emulator.emulated_market import FUNDING_NS, EmulatedMarket
from live_runner.services.market_data.core.simulation import BLOCK_BARS, EPOCH_NS

BTC = "BTC/USDT:USDT"
MINUTE_NS = 60_000_000_000
NOW_NS = EPOCH_NS + 500_000 * MINUTE_NS + MINUTE_NS // 3


def market() -> EmulatedMarket:
    """BTC and ETH of seed 1."""
    return EmulatedMarket(1, [BTC, "ETH/USDT:USDT"])


def test_a_restarted_emulator_shows_the_same_candles() -> None:
    span = (BTC, "1m", NOW_NS - 100 * MINUTE_NS, NOW_NS)

    assert market().whole(*span) == market().whole(*span)
    assert market().whole(*span) != EmulatedMarket(2, [BTC]).whole(*span)


def test_candles_go_on_across_the_blocks_of_the_simulation() -> None:
    seam_ns = EPOCH_NS + 3 * BLOCK_BARS * MINUTE_NS
    rows = market().whole(BTC, "1m", seam_ns - 5 * MINUTE_NS, seam_ns + 5 * MINUTE_NS)

    assert [row[0] for row in rows] == [seam_ns + n * MINUTE_NS for n in range(-5, 5)]


def test_funding_is_stamped_a_little_after_its_hour() -> None:
    found = market().funding(BTC, NOW_NS - 5 * FUNDING_NS, NOW_NS)

    assert len(found) == 5
    assert all(0 <= at_ns % FUNDING_NS < 20_000_000 for at_ns, _, _ in found)
    assert all(float(mark) > 0 for _, _, mark in found)
