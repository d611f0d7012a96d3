"""Whatever a stream refuses, and however often: each reader finds each number of a core once and in order."""

from __future__ import annotations

from collections import Counter
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import make_world

from live_runner.contracts import codec, subjects
from live_runner.contracts.config import Limits
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import Announced, Event, Started, Stopped, Voided
from live_runner.contracts.numbering import Numbering
from live_runner.contracts.sequence import IN_FLIGHT_MAX, Sequences, Tail, Voids
from live_runner.services.forensics.recording import Recording
from live_runner.services.recorder.core.batch import Packer

SESSION = "test"
EPOCH_NS = 1_700_000_000_000_000_000

type Attempt = tuple[str, frozenset[int], int]
"""A role, which of its messages are refused (0: the first that it sends), and how many go out behind a refused one."""

attempts = st.lists(
    st.tuples(st.sampled_from(CORE_ROLES), st.frozensets(st.integers(0, 60), max_size=8), st.integers(0, 12)),
    max_size=12,
)


@cache
def session() -> tuple[Event, ...]:
    """A session that nobody disturbed."""
    return tuple(make_world(market_seed=5, session=SESSION, bars=40, limits=Limits(state_hash_every=10)).record())


def outputs(role: str) -> list[Event]:
    """What a core of it publishes, in order."""
    return [event for event in session() if event.source == role]


class Process:
    """One process of a role: reads the log, names what is void, publishes the rest as far as the stream takes it."""

    def __init__(self, log: list[Event], role: str, epoch: int) -> None:
        self.log, self.role = log, role
        self._notes = Numbering(SESSION, f"{role}.shell.{epoch}", hashing=False)

    def run(self, refused: frozenset[int], behind: int) -> None:
        numbers, tail, core = Sequences({}), Tail(), outputs(self.role)
        for event in self.log:
            if isinstance(event, Voided) and event.role == self.role:
                tail.voided(event.from_seq, event.to_seq)
            if not numbers.check(SESSION, event.source, event.seq).is_new and event.source == self.role:
                tail.came_early(event.seq, numbers.last(SESSION, self.role) + 1)
        if numbers.last(SESSION, "market_data") < len(outputs("market_data")):
            core = [event for event in core if not isinstance(event, Stopped)]  # execution waits for the feed's end
        awaited = numbers.last(SESSION, self.role) + 1
        span = tail.span(awaited, core[-1].seq)
        sent = 0
        if span is not None:
            void = self._notes.make(Voided, cause="", event_ns=0, role=self.role, from_seq=span[0], to_seq=span[1])
            if sent in refused:
                return
            self.log.append(void)
            sent += 1
        under_way: int | None = None
        for number, event in enumerate(core[awaited - 1 :]):
            if under_way == 0:
                return
            under_way = None if under_way is None else under_way - 1
            if sent + number not in refused:
                self.log.append(event)
            elif number == 0:
                return  # the first one goes alone
            elif under_way is None:
                under_way = behind


def played(plan: list[Attempt]) -> list[Event]:
    """The log of a session whose roles came back until everything was published."""
    log = [event for event in session() if event.source not in CORE_ROLES]
    for epoch, (role, refused, behind) in enumerate(plan, 1):
        Process(log, role, epoch).run(refused, behind)
    for role in CORE_ROLES:
        Process(log, role, len(plan) + 1).run(frozenset(), 0)
    return log


@given(attempts)
@settings(max_examples=60)
def test_every_reader_finds_every_number_once_and_in_order(plan: list[Attempt]) -> None:
    log = played(plan)
    recording, packer, numbers = Recording(), Packer(EPOCH_NS, Sequences({})), Sequences({})
    by_numbers: dict[str, list[Event]] = {role: [] for role in CORE_ROLES}
    by_recording: Counter[str] = Counter()
    early = 0
    for place, event in enumerate(log, 1):
        wire = codec.stamp(codec.encode(event), place)
        packer.add(place, subjects.of(event), wire)
        head = recording.head(wire)
        if isinstance(event, Announced | Started):
            recording.manifest(wire)
        if numbers.check(SESSION, event.source, event.seq).is_new:
            assert head is not None
            if event.source in CORE_ROLES:
                by_numbers[event.source].append(event)
        else:
            assert head is None
            early += 1
        by_recording[event.source] += head is not None

    batch = packer.take()
    assert by_numbers == {role: outputs(role) for role in CORE_ROLES}
    for role in CORE_ROLES:
        assert by_recording[role] == batch.stored[SESSION, role].events == len(outputs(role))
    assert {found.code for found in batch.findings} <= {"sequence_ahead"}
    assert (recording.voided, recording.ahead) == (early, 0)


@given(attempts)
@settings(max_examples=60)
def test_each_number_before_its_time_is_named_once_and_before_it_comes_again(plan: list[Attempt]) -> None:
    log = played(plan)
    numbers = Sequences({})
    unnamed: set[tuple[str, int]] = set()
    for event in log:
        if isinstance(event, Voided):
            assert event.from_seq == numbers.last(SESSION, event.role) + 1
            named = {seq for role, seq in unnamed if role == event.role}
            assert event.from_seq < min(named) <= max(named) == event.to_seq
            unnamed -= {(event.role, seq) for seq in named}
        if not numbers.check(SESSION, event.source, event.seq).is_new:
            unnamed.add((event.source, event.seq))
        else:
            assert (event.source, event.seq) not in unnamed
    assert not unnamed


@given(attempts, st.data())
@settings(max_examples=60)
def test_a_reader_may_begin_anywhere(plan: list[Attempt], data: st.DataObject) -> None:
    """From a snapshot of the numbers, or with nothing but the ``voided`` messages where the first events are purged."""
    log = played(plan)
    place = data.draw(st.integers(0, len(log)))
    whole = Sequences({})
    for event in log[:place]:
        whole.check(SESSION, event.source, event.seq)
    restored = Sequences({(SESSION, source): seq for source, seq in whole.of(SESSION).items()})
    for event in log[place:]:
        assert whole.check(SESSION, event.source, event.seq) is restored.check(SESSION, event.source, event.seq)

    role = data.draw(st.sampled_from(CORE_ROLES))
    voids = Voids()
    for at, event in enumerate(log):
        if isinstance(event, Voided) and event.role == role:
            voids.add(at, event.from_seq, event.to_seq)
    rest = [event for at, event in enumerate(log) if at >= place and event.source == role]
    left = [
        event for at, event in enumerate(log) if at >= place and event.source == role and not voids.cover(at, event.seq)
    ]
    assert left == outputs(role)[len(outputs(role)) - len(left) :]
    assert rest[-1:] == left[-1:]


def test_a_number_that_no_publisher_reaches_is_not_named() -> None:
    """Somebody else's, far ahead; and one that the core has come to since."""
    tail = Tail()
    tail.came_early(5 + IN_FLIGHT_MAX, 5)
    assert tail.span(5) is None

    tail.came_early(4 + IN_FLIGHT_MAX, 5)
    tail.came_early(7, 5)
    assert tail.span(5) == (5, 4 + IN_FLIGHT_MAX)
    assert tail.span(5, 9) == (5, 7)
    assert tail.span(7, 9) is None
