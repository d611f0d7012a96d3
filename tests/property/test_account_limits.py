"""Limits of an account (S03, S04) under any order of what its sessions, operators and deliveries do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from account_sessions import DAY_NS, MINUTE_NS, NAME, STATES, Sessions, limits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from live_runner.contracts import codec
from live_runner.contracts.messages import LimitReset, LimitTripped
from live_runner.services.execution.core.account import AccountCore

LIMIT = Decimal(100)
CHANGES = st.decimals(min_value=-60, max_value=40, places=2)


def interleaved(
    first: Sequence[Decimal], second: Sequence[Decimal], order: Sequence[bool]
) -> list[tuple[str, Decimal]]:
    """Both series in one order that keeps each one's own; what is left over comes at the end."""
    left = {"one": list(first), "two": list(second)}
    found = []
    for is_first in order:
        name = "one" if is_first else "two"
        if left[name]:
            found.append((name, left[name].pop(0)))
    return found + [(name, change) for name, rest in left.items() for change in rest]


@given(st.lists(CHANGES, max_size=8), st.lists(CHANGES, max_size=8), st.lists(st.booleans(), max_size=16))
def test_no_order_of_two_sessions_loses_a_trip(first: list[Decimal], second: list[Decimal], order: list[bool]) -> None:
    """It comes at the first event at which the sum has reached the limit, once, and each session is owed its stop."""
    of = Sessions(limits_of(drawdown={"limit": str(LIMIT)}), "one", "two")
    total, at = Decimal(0), None
    for number, (name, change) in enumerate(interleaved(first, second, order)):
        of.settle(name, change)
        total += change
        if at is None and -total >= LIMIT:
            at = number
            assert of.owed() == {"one": "stop", "two": "stop"}
            assert Decimal(of.of(LimitTripped)[0].value) == -total

    assert len(of.of(LimitTripped)) == (at is not None)


class Account(RuleBasedStateMachine):
    """Two or three sessions, operators, commands that arrive late or twice, and a restart at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = MINUTE_NS
        self.of = Sessions(
            limits_of(
                daily_loss={"limit": "50", "reset": "day"},
                drawdown={"limit": "120", "action": "kill"},
                trailing_drawdown={"limit": "90", "action": "flatten", "reset": "cooldown", "cooldown_s": 600.0},
                total_notional={"limit": "1000", "action": "notify", "reset": "day"},
            ),
            "one",
            "two",
        )

    @rule(late=st.booleans(), change=CHANGES, minutes=st.integers(0, 900), exposure=st.integers(0, 700))
    def settle(self, late: bool, change: Decimal, minutes: int, exposure: int) -> None:
        self.now_ns += minutes * MINUTE_NS
        for name in self.of.core.sessions[late : late + 1]:
            self.of.settle(name, change, at_ns=self.now_ns, exposure=str(exposure))

    @rule(notional=st.integers(1, 500), action=st.sampled_from(["open", "close"]))
    def fill(self, notional: int, action: str) -> None:
        for name in self.of.core.sessions[:1]:
            self.of.fill(name, str(notional), action=action, at_ns=self.now_ns)

    @rule()
    def end_and_begin(self) -> None:
        if self.of.core.sessions and len(self.of.equity) < 6:
            self.of.stop(self.of.core.sessions[0])
            self.of.start(f"s{len(self.of.equity)}")

    @rule(command=st.sampled_from(STATES))
    def operate(self, command: str) -> None:
        for name in self.of.core.sessions[-1:]:
            self.of.command(name, command)

    @rule()
    def resume(self) -> None:
        self.of.command(NAME, "resume")
        assert self.of.core.tripped == []

    @rule()
    def deliver(self) -> None:
        self.of.deliver()
        assert self.of.owed() == {}

    @rule(place=st.integers(0, 10**6))
    def repeat(self, place: int) -> None:
        """A message of a session is delivered twice."""
        events = [event for event in self.of.log if event.session in (NAME, *self.of.core.sessions)]
        before = self.of.core.snapshot()
        assert list(self.of.core.handle(events[place % len(events)])) == []
        assert self.of.core.snapshot() == before

    @rule()
    def restart(self) -> None:
        """From a snapshot; the log from its start must lead to the same."""
        again = AccountCore(NAME)
        again.restore(self.of.core.snapshot())
        folded = AccountCore(NAME)
        made: list[Any] = [event for entry in self.of.log for event in folded.handle(entry)]
        assert made == self.of.out
        assert folded.snapshot() == again.snapshot() == self.of.core.snapshot()
        assert folded.state_hash() == self.of.core.state_hash()
        self.of.core = again

    @invariant()
    def trips_and_resets_alternate(self) -> None:
        tripped: set[str] = set()
        for event in self.of.out:
            if isinstance(event, LimitTripped):
                assert event.limit not in tripped
                tripped.add(event.limit)
            elif isinstance(event, LimitReset):
                tripped.remove(event.limit)
        assert tripped == set(self.of.core.tripped)
        assert [event.seq for event in self.of.out] == list(range(1, len(self.of.out) + 1))
        for event in self.of.out:
            assert codec.decode(codec.encode(event)) == event

    @invariant()
    def nothing_is_given_back_that_an_operator_took(self) -> None:
        """A session whose last command of an operator is not ``resume`` is never owed one."""
        operators: dict[str, str] = {}
        for event in self.of.log:
            if type(event).__name__ == "Command" and not event.author.startswith("risk:"):  # type: ignore[attr-defined]  # a command has an author
                operators[event.session] = event.command  # type: ignore[attr-defined]  # and its name
        for session, owed in self.of.core.owed.items():
            if operators.get(session, "resume") != "resume":
                assert STATES.index(owed.command) >= STATES.index(operators[session])
            if owed.command == "resume":
                assert self.of.state[session] != "resume"


def test_an_account_over_everything_that_may_happen() -> None:
    run_state_machine_as_test(Account, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def test_the_day_of_an_account_begins_with_the_first_close_after_midnight() -> None:
    """Whichever session has it; a later close of the day before counts in the new day."""
    of = Sessions(limits_of(daily_loss={"limit": "100"}), "one", "two")
    of.settle("one", "-99", at_ns=DAY_NS)
    of.settle("two", "0", at_ns=DAY_NS + MINUTE_NS)
    of.settle("one", "-99", at_ns=DAY_NS)

    assert of.of(LimitTripped) == []
