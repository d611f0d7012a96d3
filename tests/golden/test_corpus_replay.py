"""Replay of the corpus's paper sessions in both ways: at once on one engine, and event by event.

Whatever happened to a recording, both give the same verdict, differences and notes included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest
from corpus import adapter, sessions
from session_world import wires

from live_runner.contracts.errors import RunnerError
from live_runner.services.forensics.direct_replay import DirectReplay
from live_runner.services.forensics.replay import ReplayResult, replay

type Change = Callable[[list[bytes], Random], None]

_GROUPS = [group for group in sessions.GROUPS if group != "live"]
_UNDISTURBED = ("shipped-00", "shipped-07", "accounts-08", "fills-00", "funding-00", "late-00", "protect-00", "gaps-00")
_CHANGES = 4


def _verdict(events: Iterable[bytes]) -> ReplayResult | str:
    try:
        return replay(events)
    except RunnerError as error:
        return f"{type(error).__name__}: {error}"


def _dropped(recorded: list[bytes], random: Random) -> None:
    del recorded[random.randrange(2, len(recorded))]


def _doubled(recorded: list[bytes], random: Random) -> None:
    at = random.randrange(2, len(recorded))
    recorded.insert(random.randrange(at, len(recorded)) + 1, recorded[at])


def _moved(recorded: list[bytes], random: Random) -> None:
    event = recorded.pop(random.randrange(2, len(recorded)))
    recorded.insert(random.randrange(2, len(recorded)), event)


def _damaged(recorded: list[bytes], random: Random) -> None:
    at = random.randrange(2, len(recorded))
    changed = bytearray(recorded[at])
    changed[random.randrange(len(changed) - 9)] ^= 1 << random.randrange(8)
    recorded[at] = bytes(changed)


def _cut(recorded: list[bytes], random: Random) -> None:
    del recorded[random.randrange(2, len(recorded)) :]


@pytest.mark.parametrize("group", _GROUPS)
def test_both_ways_of_a_replay_give_the_same_verdict_whatever_happened_to_the_recording(group: str) -> None:
    """R01: a list is read at once on one engine where that is possible, an iterator event by event."""
    count, _ = sessions.GROUPS[group]
    random = Random(group)
    recorded = wires(adapter.record(sessions.session(f"{group}-{random.randrange(count):02d}")))
    changes: list[Change] = [_dropped, _doubled, _moved, _damaged, _cut]

    assert _verdict(recorded) == _verdict(iter(recorded))
    for change in random.sample(changes, _CHANGES):
        changed = list(recorded)
        change(changed, random)
        assert _verdict(changed) == _verdict(iter(changed)), change.__name__


@pytest.mark.parametrize("name", _UNDISTURBED)
def test_an_undisturbed_paper_session_is_replayed_at_once(name: str) -> None:
    recorded = wires(adapter.record(sessions.session(name)))
    direct = DirectReplay()

    assert direct.agrees(recorded, partial=False)
    assert sum(direct.compared.values()) == replay(iter(recorded)).compared
