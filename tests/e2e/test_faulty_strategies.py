"""Strategies that hang, crash or raise: their own session hears of it, and no other one does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from fix_house import House, result_of
from house_faults import RUN_FOR_EVER, SLOW, child_pid, events_of, faulty_strategy, said, wait_for_event

from live_runner.contracts.messages import BarSet, Command, Incident, Stopped


def test_a_strategy_that_loops_for_ever_stops_nobody_else(new_house: Callable[[], House]) -> None:
    """S06: it is started again once, then its entries are stopped and its session is ended."""
    house = new_house()
    healthy = house.config("healthy", bars=RUN_FOR_EVER)
    run = house.start(healthy, "--verify", *SLOW)
    house.wait_for_set("healthy", 5)
    strategy = faulty_strategy(house, "endless", "while True: pass")
    hung = house.config("hung", strategy=strategy, bars=400, extra="  decide_timeout_s: 1")
    before = house.start(hung)

    assert before.wait(timeout=120) == 65, said(house, "hung") + house.logs()
    message = said(house, "hung").splitlines()[-1]
    assert "endless:Faulty" in message
    assert "1 s" in message
    assert "limits.decide_timeout_s" in message
    assert [i.code for i in events_of(house, "hung", Incident)] == ["strategy_restarted", "strategy_given_up"]
    assert [c.command for c in events_of(house, "hung", Command)] == ["stop", "abort"]
    assert events_of(house, "hung", Stopped)[0].reason.startswith("aborted by strategy service")

    assert run.poll() is None
    last = max(event.number for event in events_of(house, "healthy", BarSet))
    house.wait_for_set("healthy", last + 10)
    assert house.command("end", "healthy", "--reason", "seen enough").returncode == 0
    result = result_of(house.finish(run, healthy))
    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]


def test_a_strategy_whose_process_dies_is_started_again_and_stops_nobody_else(new_house: Callable[[], House]) -> None:
    """S06, P11: both sessions end with their own result."""
    house = new_house()
    healthy = house.config("healthy", bars=RUN_FOR_EVER)
    first = house.start(healthy, "--verify", *SLOW)
    house.wait_for_set("healthy", 5)
    crashing = house.config("crashing", bars=RUN_FOR_EVER)
    second = house.start(crashing, "--verify", *SLOW)
    house.wait_for_set("crashing", 30)
    healthy_child = child_pid(first, "healthy")
    os.kill(child_pid(first, "crashing"), signal.SIGKILL)
    wait_for_event(house, "crashing", lambda event: isinstance(event, Incident))
    for session in ("crashing", "healthy"):
        assert house.command("end", session, "--reason", "seen enough").returncode == 0
    of_crashing = result_of(house.finish(second, crashing))
    of_healthy = result_of(house.finish(first, healthy))

    assert of_crashing["comparison"]["agrees"]
    assert of_healthy["comparison"]["agrees"]
    assert healthy_child not in (0, None)
    [incident] = events_of(house, "crashing", Incident)
    assert incident.code == "strategy_restarted"
    assert "signal 9" in incident.message
    assert events_of(house, "healthy", Incident) == []


def test_a_strategy_that_ends_its_own_process_is_given_up_with_its_name(new_house: Callable[[], House]) -> None:
    """S06: starting it again cannot help, for the log leads it to the same end."""
    house = new_house()
    strategy = faulty_strategy(house, "crasher", "ctypes.string_at(0)")
    config = house.config("crashes", strategy=strategy, bars=400)
    run = house.start(config)

    assert run.wait(timeout=120) == 65, said(house, "crashes") + house.logs()
    message = said(house, "crashes").splitlines()[-1]
    assert "crasher:Faulty" in message
    assert "signal 11" in message
    assert events_of(house, "crashes", Stopped)[0].reason.startswith("aborted by strategy service")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("__import__('os')._exit(0)", "exit code 0"),
        ("__import__('os')._exit(69)", "exit code 69"),
        ("__import__('os')._exit(70)", "exit code 70"),
        ("return [intent.hold(bar.symbol, 'long', reason='x' * 9_999)] * 1000", "exit code 65"),
    ],
    ids=["exits 0", "exits as if NATS were away", "exits as if by a fault of ours", "decides more than NATS takes"],
)
def test_a_strategy_that_ends_its_process_otherwise_is_given_up_and_ends_no_other_session(
    new_house: Callable[[], House], fault: str, words: str
) -> None:
    """S06: no silent end and no endless restart; the other session of the same services goes on."""
    house = new_house()
    healthy = house.config("healthy", bars=RUN_FOR_EVER)
    first = house.start(healthy, *SLOW)
    house.wait_for_set("healthy", 5)
    strategy = faulty_strategy(house, "ender", fault)
    run = house.start(house.config("ends", strategy=strategy, bars=400))

    assert run.wait(timeout=120) == 65, said(house, "ends") + house.logs()
    assert any(words in incident.message for incident in events_of(house, "ends", Incident))
    assert events_of(house, "ends", Stopped)[0].reason.startswith("aborted by strategy service")
    assert house.command("end", "healthy", "--reason", "seen enough").returncode == 0
    house.finish(first, healthy)
    assert events_of(house, "healthy", Incident) == []


def test_a_strategy_that_raises_goes_on_managing_only(new_house: Callable[[], House]) -> None:
    """I10: one incident with the traceback, and the session runs to its end, with the same backtest."""
    house = new_house()
    strategy = faulty_strategy(house, "raiser", "raise LookupError('no such level')", bar=200)
    config = house.config("raises", strategy=strategy, bars=400)
    result = result_of(house.play(config, "--verify", "--allow-failures"))

    assert result["comparison"]["agrees"]
    [incident] = events_of(house, "raises", Incident)
    assert incident.code == "strategy_failed"
    assert "on_bar" in incident.message
    assert "no such level" in incident.message
    assert "raiser" in incident.details["traceback"]
    assert "LookupError" in incident.details["traceback"]


def test_a_strategy_that_raises_ends_the_session_when_the_configuration_says_so(
    new_house: Callable[[], House],
) -> None:
    """I10: ``on_error: stop`` ends it in order, and the run says why."""
    house = new_house()
    strategy = faulty_strategy(house, "raiser", "raise LookupError('no such level')", bar=200)
    strategy = strategy.removesuffix("}") + ", on_error: stop}"
    config = house.config("raises", strategy=strategy, bars=RUN_FOR_EVER)
    run = house.start(config)

    assert run.wait(timeout=120) == 65, said(house, "raises") + house.logs()
    message = said(house, "raises").splitlines()[-1]
    assert "raiser:Faulty" in message
    assert "no such level" in message
    assert [i.code for i in events_of(house, "raises", Incident)] == ["strategy_failed"]
    assert [(c.command, c.author) for c in events_of(house, "raises", Command)] == [("end", "strategy")]
