"""The corpus: what every step of 400 sessions led to when its rules were last changed on purpose.

A session that differs is renewed by name, in the commit that changes the rule, and by nobody else:

    python -m tests.corpus show NAME STEP
    python -m tests.corpus update NAME... --reason TEXT
"""

from __future__ import annotations

from corpus import sessions, store

from live_runner.contracts.engine import ENGINE


def test_the_corpus_holds_every_session_that_is_drawn() -> None:
    assert sorted(store.read()) == sorted(sessions.names())


def test_the_index_names_these_files_and_this_engine() -> None:
    index = store.read_index()

    assert index.engine == ENGINE
    assert index.digest == store.digest_of_files()
    assert index.sessions == len(sessions.names())
    assert index.groups == {group: count for group, (count, _) in sessions.GROUPS.items()}
