"""Execution cores of drawn sessions with limits, put away and taken up again around every trip and reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from corpus import sessions
from corpus.adapter import record

from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import Event, LimitReset, LimitTripped
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.execution.shell import ExecutionShell

LIMITS: Final = (LimitTripped, LimitReset)

type TakeOver = Callable[[str, ExecutionCore, list[Event]], ExecutionCore]
"""Another process goes on: name of the session, the core as it is, and what it has folded."""


def inputs_of(seed: int) -> tuple[str, list[Event]]:
    """The name of a drawn session with limits, and the inputs of its execution core, in order."""
    name = f"risk-{seed}"
    log = record(sessions.session(name))
    return name, [event for event in log if type(event) in ExecutionShell.inputs]


def outputs_of(name: str, inputs: list[Event], places: set[int], take_over: TakeOver | None) -> list[list[Any]]:
    """What each input leads to, with another process going on before and after the inputs at these places."""
    core = ExecutionCore(name, hashing=False)
    out: list[list[Any]] = []
    for at, event in enumerate(inputs):
        if take_over is not None and at in places:
            core = take_over(name, core, inputs[:at])
        try:
            out.append(list(core.handle(event)))
        except RunnerError as error:
            return [*out, [str(error)]]
        if take_over is not None and at in places:
            core = take_over(name, core, inputs[: at + 1])
    return out


def places_of(outputs: list[list[Any]]) -> set[int]:
    """The inputs that trip or reset a limit."""
    return {at for at, events in enumerate(outputs) if any(isinstance(event, LIMITS) for event in events)}


def restored(name: str, core: ExecutionCore, _: list[Event]) -> ExecutionCore:
    """From a snapshot."""
    following = ExecutionCore(name, hashing=False)
    following.restore(core.snapshot())
    return following


def refolded(name: str, _: ExecutionCore, inputs: list[Event]) -> ExecutionCore:
    """From the log alone."""
    following = ExecutionCore(name, hashing=False)
    for event in inputs:
        following.handle(event)
    return following


def hold(seeds: range, take_over: TakeOver) -> int:
    """Assert that restarts change nothing; how many inputs had one before and after them."""
    restarts = 0
    for seed in seeds:
        name, inputs = inputs_of(seed)
        undisturbed = outputs_of(name, inputs, set(), None)
        places = places_of(undisturbed)
        restarts += len(places)

        assert outputs_of(name, inputs, places, take_over) == undisturbed, name
    return restarts
