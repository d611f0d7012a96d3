"""The first test of the house: the same session twice gives the same events, and kill -9 changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fix_house import House

PROCESSES = ("market_data", "strategy", "child", "execution", "recorder", "nats-server")


@pytest.fixture
def undisturbed(new_house: Callable[[], House]) -> dict[str, list[bytes]]:
    """Core events of the session that nobody disturbs."""
    house = new_house()
    house.play(house.config("twice"), "--verify")
    return house.core_events("twice")


def test_a_session_played_twice_gives_the_same_core_events(
    new_house: Callable[[], House], undisturbed: dict[str, list[bytes]]
) -> None:
    """R01: and each of them replays and compares without a difference (``--verify``)."""
    house = new_house()
    house.play(house.config("twice"), "--verify")

    assert undisturbed == house.core_events("twice")
    assert all(len(events) > 1000 for events in undisturbed.values())


def test_kill_9_of_each_service_changes_nothing(
    new_house: Callable[[], House], undisturbed: dict[str, list[bytes]]
) -> None:
    """P10, P11: every service, the strategy's own process and the NATS server, one after the other in one session."""
    house = new_house()
    config = house.config("twice")
    # The pace leaves time to kill, and changes no event either.
    run = house.start(config, "--verify", "--speed", "6000")
    for number, service in enumerate(PROCESSES):
        house.wait_for_set("twice", 150 + 200 * number)
        house.kill(run, service)
    house.finish(run, config)

    assert undisturbed == house.core_events("twice")
