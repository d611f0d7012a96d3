"""Where two plays of a session part, in words: the step, its bar, the event, and both events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from corpus.chain import Chained, Output, canonical, chained, steps_of

from live_runner.contracts.messages import Event, Settled

_SHOWN_MAX = 30
"""Most events of one step that are shown."""


def shown(output: Output) -> str:
    """An output as one line of JSON: its type first, empty hashes left out."""
    fields: dict[str, Any] = msgspec.to_builtins(output)
    kind = fields.pop("type", "")
    if isinstance(output, Event):
        fields = {name: value for name, value in fields.items() if name not in ("hash", "state_hash", "recorded_ns")}
    return f"{kind} {msgspec.json.encode(fields).decode()}"


def place(outputs: Sequence[Output], step: int) -> str:
    """Where a step stands: its number, the bar that was being settled or decided, and its first event."""
    steps = steps_of(outputs)
    before = [output for outputs_of_step in steps[:step] for output in outputs_of_step]
    here = steps[step] if step < len(steps) else []
    settled = [output for output in (*before, *here) if isinstance(output, Settled)]
    bar = f"tradable bar {len(settled)} (close_ns {settled[-1].close_ns})" if settled else "before the first bar"
    return f"step {step}, {bar}, from event {len(before)} on"


def step_text(outputs: Sequence[Output], step: int) -> str:
    """Every event of one step, numbered within the session."""
    steps = steps_of(outputs)
    if step >= len(steps):
        return f"    (it ends before that, after {len(outputs)} events)"
    first = sum(len(events) for events in steps[:step])
    lines = [f"    {first + at:6d} {shown(output)}" for at, output in enumerate(steps[step])]
    more = [f"    and {len(lines) - _SHOWN_MAX} more"] if len(lines) > _SHOWN_MAX else []
    return "\n".join(lines[:_SHOWN_MAX] + more)


def against_recorded(outputs: Sequence[Output], recorded: Chained) -> int | None:
    """The first step at which a play is not what was recorded."""
    return chained(outputs).first_difference(recorded)


def between(first: Sequence[Output], second: Sequence[Output]) -> int | None:
    """Number of the first event at which two plays differ; None when they are equal."""
    for number, (ours, theirs) in enumerate(zip(first, second, strict=False)):
        if canonical(ours) != canonical(theirs):
            return number
    return None if len(first) == len(second) else min(len(first), len(second))


def between_text(names: tuple[str, str], first: Sequence[Output], second: Sequence[Output], number: int) -> str:
    """Both events of that number, and the fields in which they differ."""
    step = _step_of(first if number < len(first) else second, number)
    lines = [f"event {number}: {place(first, step)}"]
    events = [outputs[number] if number < len(outputs) else None for outputs in (first, second)]
    width = max(len(name) for name in names)
    for name, event in zip(names, events, strict=True):
        lines.append(f"    {name:{width}} {'(no event)' if event is None else shown(event)}")
    ours, theirs = (msgspec.to_builtins(event) if event is not None else {} for event in events)
    for field in sorted({*ours, *theirs} if ours and theirs else ()):
        if ours.get(field) != theirs.get(field) and field not in ("hash", "state_hash"):
            lines.append(f"    {field}: {ours.get(field)!r} and {theirs.get(field)!r}")
    return "\n".join(lines)


def _step_of(outputs: Sequence[Output], number: int) -> int:
    seen = 0
    for step, events in enumerate(steps_of(outputs)):
        seen += len(events)
        if number < seen:
            return step
    return len(steps_of(outputs))
