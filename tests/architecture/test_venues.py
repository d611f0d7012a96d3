"""Venues have one home: contracts know none of them, and one folder speaks to their library."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import ccxt

from live_runner.services.venues.profile import VenueProfile
from live_runner.services.venues.registry import PROFILES

if TYPE_CHECKING:
    from fix_sources import Source

NAMED = re.compile(r"\b(ccxt|binance\w*|bitfinex|bithumb|bybit|hyperliquid|kraken|okx|polymarket)\b", re.IGNORECASE)
SOURCE = ("contracts/config.py", "ccxt")
"""A value of ``market.source``, which users write."""
LIBRARY = {
    "answers.py",
    "calls.py",
    "ccxt_account.py",
    "ccxt_markets.py",
    "ccxt_orders.py",
    "ccxt_streams.py",
    "client_ids.py",
    "ccxt_venue.py",
    "funding.py",
    "port.py",
    "profile.py",
    "recording.py",
    "registry.py",
    "sending.py",
    "wire.py",
}
SEEDED = ("simulation", "simulated_symbols", "randomness")


def test_contracts_name_no_venue(sources: list[Source], repository: Path) -> None:
    venues = set(ccxt.exchanges)
    found = []
    for source in sources:
        if source.name.startswith("contracts/"):
            texts = [node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant)]
            found += [(source.name, text) for text in texts if isinstance(text, str) and text in venues]
            found += [
                (source.name, name.lower()) for name in NAMED.findall((repository / source.name).read_text("utf-8"))
            ]

    assert set(found) <= {SOURCE}


def test_only_the_venues_import_their_library(sources: list[Source]) -> None:
    found = {source.name for source in sources for name in source.imports() if name.split(".")[0] == "ccxt"}

    assert found == {f"services/venues/ccxt_{name}.py" for name in ("account", "streams", "venue")}


def test_the_seeded_market_imports_nothing_of_venues(sources: list[Source]) -> None:
    seeded = [s for s in sources if s.name.removesuffix(".py").endswith(tuple(f"market_data/core/{n}" for n in SEEDED))]

    assert len(seeded) == len(SEEDED)
    assert [s.name for s in seeded for name in s.imports() if ".venues" in name] == []


def test_every_file_of_a_venue_is_in_the_registry_under_its_name(repository: Path) -> None:
    files = {path.stem for path in (repository / "services" / "venues").glob("*.py")} - {"__init__"}
    venues = {name for name in files if f"{name}.py" not in LIBRARY}

    assert venues == set(PROFILES)
    assert venues <= set(ccxt.exchanges)
    for name in venues:
        profile = import_module(f"live_runner.services.venues.{name}").PROFILE
        assert isinstance(profile, VenueProfile)
        assert PROFILES[name] is profile
