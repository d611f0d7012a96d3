"""Sessions played and held to what was recorded, and recorded anew."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from corpus import adapter, difference, sessions, store
from corpus.adapter import Player
from corpus.chain import Output, chained
from corpus.store import Recorded


class DisagreementError(Exception):
    """Two players give different events for one session."""


def played(name: str, players: Mapping[str, Player] | None = None) -> dict[str, list[Output]]:
    """The session's outputs by player, those left out that cannot play it."""
    session = sessions.session(name)
    plays = {player: play(session) for player, play in (players or adapter.available()).items()}
    return {player: outputs for player, outputs in plays.items() if outputs is not None}


def recorded(name: str) -> Recorded:
    """The session as it is to be recorded; DisagreementError when its players differ."""
    plays = played(name)
    for (first, ours), (second, theirs) in pairwise(plays.items()):
        number = difference.between(ours, theirs)
        if number is not None:
            raise DisagreementError(
                f"{name}: {first} and {second} differ at "
                + difference.between_text((first, second), ours, theirs, number)
            )
    return Recorded(tuple(plays), chained(next(iter(plays.values()))))


def fault(name: str, player: str, expected: Recorded) -> str:
    """How this player's session differs from the recorded one, "" when it does not."""
    players = adapter.available()
    outputs = players[player](sessions.session(name))
    if outputs is None:
        return f"{name}: {player} played it when it was recorded, and cannot play it now"
    step = difference.against_recorded(outputs, expected.chained)
    if step is None:
        return ""
    lines = [
        f"{name}, played by {player}, is not what was recorded: {difference.place(outputs, step)}",
        f"    {len(outputs)} events, {expected.chained.events} recorded; the step's events now:",
        difference.step_text(outputs, step),
    ]
    for other, theirs in played(name, {key: play for key, play in players.items() if key != player}).items():
        if difference.against_recorded(theirs, expected.chained) is None:
            number = difference.between(outputs, theirs)
            assert number is not None
            lines.append(f"  {other} gives what was recorded; the first difference from it is")
            lines.append(difference.between_text((player, other), outputs, theirs, number))
            break
    else:
        lines.append("  no player of this checkout gives what was recorded; compare with one that does:")
        lines.append(f"    python -m tests.corpus diff {name} --against <its folder>")
    return "\n".join(lines)


def cases(player: str) -> list[str]:
    """The sessions that this player was recorded with."""
    return [name for name, recorded in store.read().items() if player in recorded.players]


def hold_to_record(name: str, player: str) -> None:
    """Fail the test with the first step that is not what was recorded."""
    difference_text = fault(name, player, store.read_group(sessions.group_of(name))[name])
    if difference_text:
        pytest.fail(difference_text, pytrace=False)
