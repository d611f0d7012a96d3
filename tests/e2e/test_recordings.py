"""Sessions over recorded candles, through every service: twelve perpetuals, and a market with gaps in bitcoin."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fix_house import House, result_of

from live_runner.contracts.errors import DataError, SessionRefused

pytestmark = pytest.mark.slow

STRATEGIES = {
    "dual": "{module: live_runner.strategies.dual_lifo}",
    "ema": "{module: live_runner.strategies.ema_cross, parameters: {fast: 5, slow: 12, short: true, notional: 500}}",
    "breakout": "{module: live_runner.strategies.breakout_bracket, parameters: {notional: 500}}",
}
BASES = ("ADA", "AVAX", "BCH", "BNB", "BTC", "DOGE", "ETC", "ETH", "LAYER", "LINK", "SOL", "XRP")

# All twelve trade in these hours, and all of them are due funding at midnight.
TWELVE = """
session: {session}
strategy: {strategy}
market:
  venue: binanceusdm
  dataset: candles
  symbols: [{extra}]
  timeframe: 1m
  start: "2025-05-27T22:00:00Z"
  end: "2025-05-28T02:30:00Z"
fills: {{slippage_bp: 2}}
limits: {{snapshot_every: 100, state_hash_every: 50}}
"""

# Not every minute of these eleven hours has a candle.
GAPPY = """
session: {session}
strategy: {strategy}
market:
  venue: bittrex
  dataset: candles
  symbols: [XRP/BTC]
  timeframe: 1m
  end: "2018-07-17T06:00:00Z"
  warmup_holes: accept
account: {{currency: BTC, equity: 1}}
limits: {{snapshot_every: 100, state_hash_every: 50}}
{extra}
"""
GAPS, SETS = 86, 514
SMALL = "{module: live_runner.strategies.ema_cross, parameters: {fast: 3, slow: 8, short: true, notional: 0.05}}"


def imported(house: House, *paths: Path) -> House:
    """The house with a dataset ``candles``."""
    found = house.command("data", "import", *map(str, paths), "--name", "candles", "--replace")
    assert found.returncode == 0, found.stderr
    return house


def verdict(printed: str) -> tuple[int, int]:
    """Differences that replay and comparison found."""
    result = result_of(printed)
    return result["replay"]["differences"], result["comparison"]["differences"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_twelve_perpetuals_in_one_session_agree_with_their_backtest_and_with_themselves(
    new_house: Callable[[], House], shared_data: Path, name: str
) -> None:
    """R01: two fresh data folders give the same core events, and neither session differs from its proof."""
    events = []
    for _ in range(2):
        house = imported(new_house(), shared_data / "candles")
        config = house.config(
            name, strategy=STRATEGIES[name], extra=", ".join(f"{base}/USDT:USDT" for base in BASES), text=TWELVE
        )
        printed = house.play(config, "--verify")
        events.append(house.core_events(name))
        assert verdict(printed) == (0, 0)
        types = house.types(name)
        assert types.count("order.filled") > 0
        assert types.count("account.funding") > 0

    assert events[0] == events[1]


def gaps_before_their_decision(types: list[str]) -> int:
    """Gaps that stand in the stream before the answer to the last tradable set."""
    awaited, found = False, 0
    begun = types.index("strategy.decided")
    for number, kind in enumerate(types):
        if kind == "market.bar_set":
            awaited = number > begun
        elif kind == "strategy.decided":
            awaited = False
        found += kind == "market.gap" and awaited
    return found


def test_kill_9_in_a_market_with_gaps_tells_each_gap_once(new_house: Callable[[], House], shared_data: Path) -> None:
    """P10, D03: prices of 7e-05 in an account of one bitcoin; every core's service is killed in the second session.

    Both streams are the same, byte by byte and at every place. Only what no replay makes again differs between two
    runs: the times of publishing, and what shells add (who has a role, snapshots, heartbeats, incidents).
    """
    source = shared_data / "candles" / "bittrex_XRP-BTC_1m_gappy.csv.gz"
    calm, rough = (imported(new_house(), source) for _ in range(2))
    printed = calm.play(calm.config("gappy", strategy=SMALL, text=GAPPY), "--verify")
    config = rough.config("gappy", strategy=SMALL, text=GAPPY)
    # The pace leaves time to kill, and changes no event.
    run = rough.start(config, "--verify", "--speed", "3600")
    for number, service in ((120, "market_data"), (200, "strategy"), (280, "execution"), (360, "market_data")):
        rough.wait_for_set("gappy", number)
        rough.kill(run, service)

    assert verdict(printed) == verdict(rough.finish(run, config)) == (0, 0)
    assert calm.core_stream("gappy") == rough.core_stream("gappy")
    assert (calm.types("gappy").count("market.gap"), calm.types("gappy").count("market.bar_set")) == (GAPS, SETS)
    assert rough.types("gappy").count("session.owned") >= calm.types("gappy").count("session.owned") + 4
    for types in (calm.types("gappy"), rough.types("gappy")):
        assert gaps_before_their_decision(types) == 0


def test_a_paper_run_fits_itself_to_a_spot_market_with_gaps_in_bitcoin(
    new_house: Callable[[], House], shared_data: Path, tmp_path: Path
) -> None:
    """What ``make paper DATA=<folder>`` does: nothing about the folder is said but where it is."""
    folder = tmp_path / "Bittrex July"
    folder.mkdir()
    whole = gzip.decompress((shared_data / "candles" / "bittrex_XRP-BTC_1m_gappy.csv.gz").read_bytes())
    (folder / "bittrex_XRP-BTC_1m.csv").write_bytes(b"\n".join(whole.split(b"\n")[:400]) + b"\n")

    done = new_house().command("paper", "--data", str(folder), "--json")

    assert done.returncode == 0, done.stderr
    assert "The account has 1 BTC" in done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [verdict(json.dumps(result)) for result in results] == [(0, 0), (0, 0)]
    assert all(result["fills"] > 0 for result in results)


def test_a_recording_that_is_changed_under_its_session_ends_it_until_it_is_back(
    new_house: Callable[[], House], shared_data: Path, tmp_path: Path
) -> None:
    """X, P10: a restarted market_data does not go on with other bars than those that the session began with."""
    source = shared_data / "candles" / "bittrex_XRP-BTC_1m_gappy.csv.gz"
    house = imported(new_house(), source)
    config = house.config("gappy", strategy=SMALL, text=GAPPY)
    run = house.start(config, "--speed", "3600")
    house.wait_for_set("gappy", 60)
    lines = gzip.decompress(source.read_bytes()).split(b"\n")
    changed = tmp_path / "bittrex_XRP-BTC_1m.csv"
    changed.write_bytes(b"\n".join(lines[:-200]) + b"\n")
    imported(house, changed)
    house.kill(run, "market_data")

    assert run.wait(timeout=120) == DataError.exit_code
    assert "The dataset 'candles' was changed since the session gappy began" in house.printed(config)

    assert house.start(config).wait(timeout=120) == SessionRefused.exit_code
    assert "is already running with a different dataset" in house.printed(config)

    imported(house, source)
    assert verdict(house.play(config, "--verify")) == (0, 0)
    assert house.types("gappy").count("market.gap") == GAPS
