"""What an emulator refuses to start with, each with the thing and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.settings import EmulatorSettings, Profile, admin_address, profile_from, read_profile


@pytest.mark.parametrize("address", ["0.0.0.0:8091", "192.168.0.7:8091", "[::]:8091", "example.com:8091"])
def test_an_admin_port_that_others_can_reach_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="whoever reaches it can do anything") as caught:
        admin_address(address)

    assert "--admin-port 127.0.0.1:8091" in caught.value.remedy


@pytest.mark.parametrize("address", ["", "a", "8091x", "127.0.0.1:", "127.0.0.1:70000"])
def test_an_admin_port_that_is_not_one_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid admin port"):
        admin_address(address)


def test_an_admin_port_is_on_loopback_unless_it_says_so() -> None:
    assert admin_address("8091") == ("127.0.0.1", 8091)
    assert admin_address("127.0.0.2:1") == ("127.0.0.2", 1)
    assert admin_address("[::1]:8091") == ("::1", 8091)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"symbol": ["BTC/USDT:USDT"]}, "symbol"),
        ({"seed": "many"}, "seed"),
        ({"faults": [{"before": {"explode": True}}]}, "explode"),
        ({"faults": [{"match": {"verb": "x"}, "before": {"drop": True}}]}, "verb"),
        ({"faults": [{"match": {}}]}, "needs 'before' or 'after'"),
        ({"faults": [{"before": {"fill": "1"}}]}, "under 'after'"),
        ({"faults": [{"before": {"drop": True}, "match": {"probability": 2}}]}, "probability"),
        ({"limits": {"weight": 1}}, "weight"),
    ],
)
def test_a_profile_with_what_is_not_part_of_one_is_refused(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        profile_from(given, "profile.yaml")

    assert "profile.yaml" in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(("text", "what"), [("a: [", "not valid YAML"), ("- a", "not valid"), ("\x00", "not valid")])
def test_a_profile_that_cannot_be_read_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        read_profile(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_profile(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"venue": "binance"}, "does not play 'binance'"),
        ({"clock": "x0"}, "'x0' is not a valid clock"),
        ({"clock": "fast"}, "'fast' is not a valid clock"),
        ({"port": 70_000}, "70000 is not a valid port"),
    ],
)
def test_settings_that_make_no_sense_are_refused(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        EmulatorSettings(**fields)


def test_a_profile_has_the_whole_simulated_market_unless_it_names_symbols() -> None:
    assert profile_from({}, "x") == Profile()
    assert profile_from({"symbols": ["BTC/USDT:USDT"], "seed": 9}, "x").symbols == ("BTC/USDT:USDT",)


def test_a_start_needs_a_clock_that_is_not_the_walls() -> None:
    profile = profile_from({"start": "2025-05-04T15:37:00Z"}, "x")

    assert EmulatorSettings(clock="manual", profile=profile).start_ns == 1_746_373_020_000_000_000
    with pytest.raises(ConfigError, match="--clock manual"):
        EmulatorSettings(profile=profile)
