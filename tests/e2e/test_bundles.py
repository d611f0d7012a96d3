"""A bundle from somebody else: its strategy runs when it is asked for, and finds no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fix_house import House
from house_faults import faulty_strategy


def test_a_bundles_strategy_runs_only_when_it_may_and_sees_no_secret(
    new_house: Callable[[], House], tmp_path: Path
) -> None:
    house = new_house()
    seen = tmp_path / "seen"
    spy = f"__import__('pathlib').Path({str(seen)!r}).write_text(str(dict(__import__('os').environ)))"
    config = house.config("spied", strategy=faulty_strategy(house, "spy", spy), bars=200)
    house.play(config)
    in_the_session = seen.read_text()
    bundle = str(tmp_path / "spied.zip")
    assert house.command("bundle", "spied", "--output", bundle).returncode == 0
    seen.unlink()

    for command in ("replay", "compare"):
        asked = house.command(command, bundle)
        assert asked.returncode == 64
        assert "--yes" in asked.stderr
        assert not seen.exists()

        done = house.command(command, bundle, "--yes")
        assert done.returncode == 0, done.stderr
        assert "TIMESCALE_DSN" not in seen.read_text()
        seen.unlink()

    for name in ("TIMESCALE_DSN", "NATS_TOKEN", "NATS_URL"):
        assert name not in in_the_session
