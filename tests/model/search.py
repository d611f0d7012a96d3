"""Every world within a number of steps, each once; and how one that must not be was reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from model.checks import check_rest
from model.engine import Outcome, Reported
from model.world import REST_STEPS_MAX, BrokenRuleError, Move, State, Step, World
from msgspec.structs import replace

__all__ = ["Finding", "Result", "described", "search"]


class Finding(NamedTuple):
    """A broken rule and the shortest way to it: steps, then those of coming to rest."""

    broken: BrokenRuleError
    steps: list[Step]
    resting: list[Step]


class Result(NamedTuple):
    """What was visited: worlds by the number of steps to them, and what was found. ``whole``: there are no others."""

    visited: list[int]
    transitions: int
    engine_steps: int
    whole: bool
    findings: list[Finding]

    @property
    def states(self) -> int:
        """Worlds that were visited."""
        return sum(self.visited)


def search(world: World, first: State, depth: int, *, stop_at_first: bool = False) -> Result:
    """Breadth first: every world within so many steps, and from each the way to rest.

    A world that has been visited is known by 64 bits of its hash, its own and that of the one before it; the world
    itself is kept only until its steps have been taken.
    """
    seen: dict[int, int] = {hash(first): 0}
    at_rest: set[int] = set()
    frontier = [first]
    visited = [1]
    transitions = 0
    findings: dict[str, Finding] = {}

    def add(state: State, step: Step | None, broken: BrokenRuleError, resting: list[Step]) -> bool:
        if broken.kind not in findings:
            steps = way(world, first, seen, state) + ([step] if step else [])
            findings[broken.kind] = Finding(broken, steps, resting)
        return stop_at_first

    def result(whole: bool) -> Result:
        return Result(visited, transitions, world.engine.misses, whole, list(findings.values()))

    for number in range(1, depth + 1):
        following: list[State] = []
        visited.append(0)
        while frontier:
            state = frontier.pop()
            if world.engine.is_full:
                world.forget(state.engine for state in [state, *frontier, *following])
            for step in world.steps(state):
                transitions += 1
                try:
                    after = world.after(state, step)
                except BrokenRuleError as broken:
                    if add(state, step, broken, []):
                        return result(False)
                    continue
                if hash(after) in seen:
                    continue
                seen[hash(after)] = hash(state)
                resting: list[Step] = []
                try:
                    transitions += rest(world, after, at_rest, resting)
                except BrokenRuleError as broken:
                    if add(after, None, broken, resting):
                        return result(False)
                    continue
                visited[-1] += 1
                if number < depth:
                    following.append(after)
        frontier = following
        if not visited[-1]:
            del visited[-1]
            return result(True)
    return result(False)


def rest(world: World, state: State, at_rest: set[int], steps: list[Step]) -> int:
    """Let everything arrive and end, and check what is left; the number of steps taken."""
    on_the_way = []
    state = replace(state, doubles=0, mishaps=0, epoch=1)  # they bound what goes wrong, and nothing does any more
    while hash(state) not in at_rest:
        on_the_way.append(hash(state))
        step = world.next_to_rest(state)
        if step is None:
            check_rest(state, world.rules)
            step = world.probe(state)
            if step is None:
                break
        steps.append(step)
        if len(steps) > REST_STEPS_MAX:
            raise BrokenRuleError("never comes to rest", f"{REST_STEPS_MAX} steps later something is still under way")
        state = world.after(state, step)
    at_rest.update(on_the_way)
    return len(steps)


def way(world: World, first: State, seen: dict[int, int], state: State) -> list[Step]:
    """The steps from the first world to this one."""
    hashes = [hash(state)]
    while hashes[-1] != hash(first):
        hashes.append(seen[hashes[-1]])
    steps = []
    at = first
    for following in hashes[-2::-1]:
        step = next(step for step in world.steps(at) if hash(leads(world, at, step)) == following)
        steps.append(step)
        at = world.after(at, step)
    return steps


def leads(world: World, state: State, step: Step) -> State | None:
    """The world after a step, None where there is none."""
    try:
        return world.after(state, step)
    except BrokenRuleError:
        return None


def described(world: World, first: State, finding: Finding) -> Iterator[str]:
    """A finding, step by step: what happened, and what the core did."""
    state = first
    yield f"{finding.broken}, after {len(finding.steps)} steps"
    for number, step in enumerate(finding.steps + finding.resting, 1):
        if number == len(finding.steps) + 1:
            yield "  then, with nothing more going wrong:"
        try:
            state = world.after(state, step)
        except BrokenRuleError as broken:
            yield f"  {number:2}  {worded(step)}"
            yield from (f"        core: {outcome}" for outcome in map(worded_effect, world.outcomes) if outcome)
            yield f"        {broken}"
            return
        yield f"  {number:2}  {worded(step)}"
        yield from (f"        core: {outcome}" for outcome in map(worded_effect, world.outcomes) if outcome)
    yield f"      the venue holds {state.venue.position}: {orders_of(state)}"


def orders_of(state: State) -> str:
    """What the venue has of each order."""
    rows = (f"{order.client} {order.status} {order.filled} of {order.quantity}" for order in state.venue.orders)
    return ", ".join(rows) or "no order"


def worded(step: Step) -> str:
    """A step as a reader follows it."""
    verb, subject = step
    if isinstance(subject, Move):
        return f"{verb}: {subject.name}"
    if verb == "fill":
        return f"fill: {subject[1]} of {subject[0]} at the venue"
    if verb in ("trigger", "expire"):
        return f"{verb}: {subject[0]} at the venue"
    if verb == "timer":
        return f"timer: {subject[1]} at {subject[0]} s"
    if verb in ("restart", "listing"):
        return {"restart": "restart: another process goes on", "listing": "the stream is back: trades are listed"}[verb]
    if verb == "duplicate" and not isinstance(subject[0], Reported):
        return f"duplicate: the {subject[0]} of {subject[1]} reaches the venue twice, the second answer comes back"
    if isinstance(subject[0], Reported):
        return f"{verb}: {worded_report(subject[0])}" + (" is lost" if verb in ("drop", "unknown") else "")
    if verb == "unknown":
        return f"unknown: no answer to the {subject[0]} of {subject[1]}"
    if verb in ("arrive", "lose"):
        return f"{verb}: the late request of {subject[0]}" + (" never arrives" if verb == "lose" else "")
    if verb == "take off":
        return f"take off: the venue cancels {subject} on its own"
    if verb == "refuse for good":
        return f"refuse: the venue does not take {subject[1]}"
    if verb == "refuse":
        return f"refuse: the venue does not take {subject[1]} now"
    return f"{verb}: {subject[1]} reaches the venue"


def worded_report(report: Reported) -> str:
    """A report in a few words."""
    trades = "".join(f", trade {name}: {lots} at {price}" for name, lots, price in report.trades)
    asked = f", asked at {report.asked} s" if report.asked else ""
    return f"'{report.status}' of {report.client} by {report.via}, filled {report.filled}{trades}{asked}"


def worded_effect(outcome: Outcome) -> str:
    """An effect in a few words."""
    return f"{outcome.what} {outcome.client} {' '.join(map(str, outcome.detail))}".strip()
