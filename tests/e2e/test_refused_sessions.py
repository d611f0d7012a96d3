"""Sessions that are refused: nothing was started, so the name is free for a corrected configuration."""

from __future__ import annotations

from collections.abc import Callable

from fix_house import House, result_of
from house_faults import RUN_FOR_EVER, SLOW, events_of, said

from live_runner.contracts.messages import Announced, JoinDeclined, Started

UNKNOWN = "symbols: [BTC/USDT:USDT, ETH/USDT:USDT, SOL/USDT:USDT]"


def test_a_refused_session_is_run_again_under_its_name_once_it_is_corrected(new_house: Callable[[], House]) -> None:
    """D03: refused by a service that has been running all along, twice, and then played without a difference."""
    house = new_house()
    other = house.config("other", bars=RUN_FOR_EVER)
    services = house.start(other, *SLOW)
    house.wait_for_set("other", 2)

    short = house.config("mine", bars=20)
    refused = house.start(short, "--services", "running")
    assert refused.wait(timeout=120) == 66, said(house, "mine")
    message = said(house, "mine").splitlines()[-1]
    assert "needs 21 bars" in message
    assert "has 20" in message
    foreign = house.config("mine", bars=300)
    foreign.write_text(foreign.read_text().replace("SOL/USDT:USDT", "SOL/BTC:BTC"))
    refused = house.start(foreign, "--services", "running")
    assert refused.wait(timeout=120) == 64, said(house, "mine")
    assert "SOL/BTC:BTC settles in BTC, the account in USDT" in said(house, "mine").splitlines()[-1]

    right = house.config("mine", bars=300)
    result = result_of(house.play(right, "--services", "running", "--verify"))
    assert house.command("end", "other", "--reason", "seen enough").returncode == 0
    house.finish(services, other)

    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    announced = events_of(house, "mine", Announced)
    assert [event.seq for event in announced] == [1, 2, 4]
    refusals = events_of(house, "mine", JoinDeclined)
    assert [(event.role, event.reason) for event in refusals] == [
        ("market_data", "warmup_refused"),
        ("run", "config_error"),
    ]
    assert refusals[0].details["needed"] == 21
    assert refusals[0].details["found"] == 20
    [started] = events_of(house, "mine", Started)
    assert (started.seq, started.cause) == (5, announced[-1].id)


def test_a_finished_session_keeps_its_name(new_house: Callable[[], House]) -> None:
    house = new_house()
    config = house.config("mine", bars=200)
    house.play(config)
    again = house.start(config)

    assert again.wait(timeout=120) == 66
    assert "The session mine is finished. Choose another name with --session" in said(house, "mine")


def test_a_session_beyond_the_limit_of_the_strategy_service_is_declined_by_name(
    new_house: Callable[[], House],
) -> None:
    house = new_house()
    house.environment["LIVE_RUNNER_STRATEGIES_MAX"] = "1"
    first = house.config("first", bars=RUN_FOR_EVER)
    services = house.start(first, *SLOW)
    house.wait_for_set("first", 2)

    second = house.start(house.config("second", bars=200), "--services", "running")
    assert second.wait(timeout=120) == 66, said(house, "second")
    message = said(house, "second").splitlines()[-1]
    assert "as many sessions as LIVE_RUNNER_STRATEGIES_MAX allows: 1" in message
    house.kill(services, "strategy")  # the first one is under way and is taken up again
    house.wait_for_set("first", 40)
    assert house.command("end", "first", "--reason", "seen enough").returncode == 0
    house.finish(services, first)

    [declined] = events_of(house, "second", JoinDeclined)
    assert (declined.role, declined.reason, declined.details["limit"]) == ("strategy", "too_many_strategies", 1)
    assert house.play(house.config("second", bars=200))
