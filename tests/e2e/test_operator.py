"""An operator's commands to a running session, through the command line and around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from fix_house import House, result_of
from house_faults import RUN_FOR_EVER, SLOW, events_of, wait_for_event, with_bus

from live_runner.contracts import subjects
from live_runner.contracts.messages import Command, Denied, Event, Filled, Incident, Requested, Settled
from live_runner.services.runtime.nats.bus import Bus

ALWAYS_IN = "{module: live_runner.strategies.ema_cross, parameters: {fast: 5, slow: 20, short: true, notional: 500}}"
"""From its first entry on it always holds a leg, so that there is one to close whenever a stop comes."""

GATES = {"stop": "stopped", "kill": "killed", "flatten": "flattening", "resume": "open"}


class Operator:
    """Sends commands to one session; through the command line as a user, through the bus as any program."""

    def __init__(self, house: House, session: str) -> None:
        self.house = house
        self.session = session
        self.ids: list[str] = []

    def types(self, name: str) -> None:
        """At the terminal."""
        told = self.house.command(name, self.session, "--reason", f"{name} it", "--author", "ops@desk", "--json")
        assert told.returncode == 0, told.stderr
        self.ids.append(str(json.loads(told.stdout)["id"]))

    def sends(self, name: str) -> None:
        """On the bus."""
        answer = self.asks(name, {"author": "ops@desk", "reason": f"{name} it"})
        assert answer["accepted"], answer
        self.ids.append(answer["id"])

    def asks(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """What comes back for any body."""

        async def ask(bus: Bus) -> dict[str, Any]:
            answer = await bus.request(subjects.command(name, self.session), msgspec.msgpack.encode(body))
            decoded: dict[str, Any] = msgspec.msgpack.decode(answer)
            return decoded

        return with_bus(self.house, ask)

    def waits_for_gate(self, gate: str, closes: int) -> None:
        """Until so many closes were settled behind a gate."""
        wait_for_event(self.house, self.session, Nth(closes, lambda e: isinstance(e, Settled) and e.gate == gate))

    def waits_for_entry(self) -> None:
        """Until an entry filled after the last command."""
        wait_for_event(
            self.house,
            self.session,
            After(self.ids[-1] if self.ids else "", lambda e: isinstance(e, Filled) and e.action == "open"),
        )


class Nth:
    """The n-th event for which something holds."""

    def __init__(self, number: int, is_one: Callable[[Event], bool]) -> None:
        self._missing = number
        self._is_one = is_one

    def __call__(self, event: Event) -> bool:
        self._missing -= self._is_one(event)
        return self._missing <= 0


class After:
    """The first event for which something holds after the one with this id; from the beginning without one."""

    def __init__(self, id_: str, is_it: Callable[[Event], bool]) -> None:
        self._id = id_
        self._is_it = is_it
        self._is_past = not id_

    def __call__(self, event: Event) -> bool:
        self._is_past = self._is_past or event.id == self._id
        return self._is_past and self._is_it(event)


def test_commands_are_obeyed_recorded_and_replayed(new_house: Callable[[], House]) -> None:
    """S01, S02, S03: a stop outlives kill -9 of execution; what is refused is recorded; replay and compare agree."""
    house = new_house()
    config = house.config("alpha", strategy=ALWAYS_IN, bars=RUN_FOR_EVER)
    run = house.start(config, "--verify", *SLOW)
    operator = Operator(house, "alpha")
    operator.waits_for_entry()

    operator.types("stop")
    house.kill(run, "execution")
    wait_for_event(house, "alpha", lambda event: isinstance(event, Denied) and event.reason == "entries_stopped")
    operator.waits_for_gate("stopped", 40)
    operator.sends("kill")
    operator.waits_for_gate("killed", 5)
    operator.sends("flatten")
    operator.waits_for_gate("flattening", 5)
    refusals = [
        (operator.asks("explode", {"author": "ops@desk"}), "'explode' is not a valid command"),
        (operator.asks("resume", {"author": " "}), "names no author"),
        (operator.asks("resume", {"who": "me"}), "cannot be read"),
    ]
    operator.sends("resume")
    operator.waits_for_entry()
    operator.types("end")
    result = result_of(house.finish(run, config))

    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    assert result["reason"] == "ended by ops@desk"
    commands = events_of(house, "alpha", Command)
    assert [command.id for command in commands] == operator.ids
    assert [(command.command, command.author, command.reason) for command in commands] == [
        (name, "ops@desk", f"{name} it") for name in (*GATES, "end")
    ]
    assert all(command.event_ns and command.recorded_ns for command in commands)
    for answer, what in refusals:
        assert not answer["accepted"]
        assert what in answer["message"]
    recorded = [incident.message for incident in events_of(house, "alpha", Incident)]
    assert recorded == [answer["message"] for answer, _ in refusals]
    _check_gates(house, "alpha")


def _check_gates(house: House, session: str) -> None:
    """No entry is requested while the gate is shut; closes are; after flatten every leg is flat."""
    gate = "open"
    shut: set[str] = set()
    exposures: list[str] = []
    for event in events_of(house, session, Event):
        if isinstance(event, Command):
            gate = GATES.get(event.command, gate)
        elif isinstance(event, Requested) and gate != "open":
            shut.add(event.action)
        elif isinstance(event, Settled) and event.gate == "flattening":
            exposures.append(event.exposure)
    assert shut == {"close"}
    assert exposures[-1] == "0"


def test_a_command_for_a_session_that_does_not_run_says_so(new_house: Callable[[], House]) -> None:
    """S03; and the services of a run write what they do into their log files."""
    house = new_house()
    config = house.config("alpha", bars=RUN_FOR_EVER)
    run = house.start(config, *SLOW)
    house.wait_for_set("alpha", 3)
    absent = house.command("stop", "beta", "--reason", "x")
    assert house.command("end", "alpha", "--reason", "enough").returncode == 0
    house.finish(run, config)

    assert absent.returncode == 69
    assert "The stop command for beta was not confirmed: no such session runs" in absent.stderr
    logs = {path.name: path.read_text() for path in (house.home / "logs").glob("*.log")}
    for service in ("market_data", "strategy", "execution", "recorder"):
        assert "service is connected" in logs[f"{service}.log"]
        assert '"level": "info"' in logs[f"{service}.log"]
    assert '"event": "ready"' in logs["strategy.alpha.log"]
