"""The corpus on disk: one line per session, an index over all of it, and why it was last renewed.

    tests/golden/corpus/<group>.txt     NAME PLAYERS EVENTS DIGEST STEPS
    tests/golden/corpus/index.json      the engine's number, and a digest of the files
    tests/golden/corpus/renewals.txt    one line per renewal, newest last

PLAYERS are the players (adapter.py) that can play the session, joined by ``+``; STEPS is base64 of the chain's
value at every step.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
from corpus import sessions
from corpus.chain import Chained

FOLDER = Path(__file__).parents[1] / "golden" / "corpus"
_RENEWALS = "renewals.txt"


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole corpus is."""

    engine: int
    """The engine's number when it was last written (contracts/engine.py)."""
    digest: str
    sessions: int
    groups: dict[str, int]


@dataclass(frozen=True)
class Recorded:
    """One session as it stands in the corpus."""

    players: tuple[str, ...]
    chained: Chained

    def line(self, name: str) -> str:
        steps = b64encode(self.chained.steps).decode()
        return f"{name} {'+'.join(self.players)} {self.chained.events} {self.chained.digest} {steps}\n"


def read_group(group: str) -> dict[str, Recorded]:
    """The recorded sessions of a group, by name; none when it was never recorded."""
    path = FOLDER / f"{group}.txt"
    found: dict[str, Recorded] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        name, players, events, digest, steps = line.split(" ")
        found[name] = Recorded(tuple(players.split("+")), Chained(int(events), digest, b64decode(steps)))
    return found


def read() -> dict[str, Recorded]:
    """Every recorded session by name."""
    return {name: recorded for group in sessions.GROUPS for name, recorded in read_group(group).items()}


def write(renewed: Mapping[str, Recorded], *, engine: int, reason: str) -> None:
    """Put these sessions in place of what was recorded of them; sessions that no group has any more go."""
    known = set(sessions.names())
    FOLDER.mkdir(parents=True, exist_ok=True)
    for group in sessions.GROUPS:
        lines = read_group(group) | {name: new for name, new in renewed.items() if sessions.group_of(name) == group}
        text = "".join(lines[name].line(name) for name in sorted(lines) if name in known)
        (FOLDER / f"{group}.txt").write_text(text)
    for path in _group_files():
        if path.stem not in sessions.GROUPS:
            path.unlink()
    index = Index(
        engine=engine,
        digest=digest_of_files(),
        sessions=len(read()),
        groups={group: len(read_group(group)) for group in sessions.GROUPS},
    )
    (FOLDER / "index.json").write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")
    with (FOLDER / _RENEWALS).open("a") as file:
        file.write(f"engine={engine} {'all' if set(renewed) == known else _named(renewed)}: {reason}\n")


def read_index() -> Index:
    return msgspec.json.decode((FOLDER / "index.json").read_bytes(), type=Index)


def digest_of_files() -> str:
    """blake2b-128 over name and bytes of every group's file, in the order of their names."""
    digest = blake2b(digest_size=16)
    for path in _group_files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _named(names: Iterable[str]) -> str:
    """The names by group, a count where it is most of a group: the commit's own difference lists each."""
    parts = []
    for group, (count, _) in sessions.GROUPS.items():
        mine = sorted(name for name in names if sessions.group_of(name) == group)
        parts += mine if 2 * len(mine) <= count else [f"{group} ({len(mine)} of {count})"]
    return " ".join(parts)


def _group_files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.txt") if path.name != _RENEWALS)
