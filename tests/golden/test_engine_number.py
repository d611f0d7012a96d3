"""A corpus of other bytes is the corpus of another engine: its number is raised in the same commit.

``engines.json`` holds, by engine number, a digest of what its 420 sessions led to. Which players can play a session
does not belong to it. What to do when a rule changes: docs/versions.md.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import msgspec
from corpus import store

from live_runner.contracts.engine import ENGINE

DIGESTS = msgspec.json.decode((Path(__file__).parent / "engines.json").read_bytes(), type=dict[int, str])


def test_a_changed_corpus_has_an_engine_number_of_its_own() -> None:
    here = digest_of_sessions()

    assert DIGESTS.get(ENGINE) == here, (
        f"The corpus of engine {ENGINE} has become {here}. Raise ENGINE in contracts/engine.py, add its release there "
        "and to docs/versions.md, record the corpus with the new number, add its digest to tests/golden/engines.json"
    )


def test_every_engine_of_the_table_has_another_corpus_and_none_is_ahead_of_the_code() -> None:
    assert max(DIGESTS) == ENGINE
    assert len(set(DIGESTS.values())) == len(DIGESTS)


def digest_of_sessions() -> str:
    """Of each session's name, number of events and last hash."""
    digest = blake2b(digest_size=16)
    for name, recorded in sorted(store.read().items()):
        digest.update(f"{name} {recorded.chained.events} {recorded.chained.digest}\n".encode())
    return digest.hexdigest()
