"""One writer per role: an execution service that is paused, and the one that takes over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from fix_house import CORE_SOURCES, House
from house_faults import SLOW, events_of, wait_for_event, with_bus

from live_runner.contracts import codec, subjects
from live_runner.contracts.messages import BarSet, Incident, Owned, Requested
from live_runner.services.runtime.nats.bus import Bus

SESSION = "twice"


def test_a_paused_execution_is_taken_over_and_stands_by_when_it_wakes(new_house: Callable[[], House]) -> None:
    """P12: paused after logging a request; the events are those of a session that nobody disturbed."""
    undisturbed = new_house()
    undisturbed.play(undisturbed.config(SESSION, bars=400))

    house = new_house()
    config = house.config(SESSION, bars=400)
    run = house.start(config, "--verify", *SLOW)
    house.wait_for_set(SESSION, 2)
    first = house.service_pid(run, "execution")
    with (house.home / "second.out").open("w") as output:
        second = subprocess.Popen(
            [sys.executable, "-P", "-m", "live_runner.services.cli.main", "serve", "execution"],
            env=house.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        refused = house.command("serve", "execution", "--session", SESSION)
        wait_for_event(house, SESSION, lambda event: isinstance(event, Requested))
        os.kill(first, signal.SIGSTOP)
        _wait_for_epoch(house, 2)
        last = _last_set(house)
        house.wait_for_set(SESSION, last + 10)
        os.kill(first, signal.SIGCONT)
        # It stands by: it takes the session up again once the second one is gone.
        second.kill()
        _wait_for_epoch(house, 3)
        house.finish(run, config)
    finally:
        second.kill()
        second.wait()

    assert undisturbed.core_events(SESSION) == house.core_events(SESSION)
    assert all(len(house.core_events(SESSION)[source]) > 300 for source in CORE_SOURCES)
    assert refused.returncode == 68
    assert f"The execution role of session {SESSION} is owned by execution@" in refused.stderr.splitlines()[-1]
    owners = [event.instance for event in events_of(house, SESSION, Owned) if event.role == "execution"]
    assert owners[0] == owners[2]
    assert owners[0].endswith(f":{first}")
    assert owners[1].endswith(f":{second.pid}")
    assert events_of(house, SESSION, Incident) == []


def _wait_for_epoch(house: House, epoch: int) -> None:
    wait_for_event(
        house,
        SESSION,
        lambda event: isinstance(event, Owned) and event.role == "execution" and event.epoch == epoch,
    )


def _last_set(house: House) -> int:
    async def look(bus: Bus) -> int:
        found = await bus.last_message(subjects.event_subject("market.bar_set", SESSION))
        assert found is not None
        event = codec.decode(found[1])
        assert isinstance(event, BarSet)
        return event.number

    return with_bus(house, look)
