"""Replay of an account: do the recorded events of its sessions still give what its limits did, byte for byte?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from live_runner.contracts import codec
from live_runner.services.execution.core.account import OF_A_SESSION, AccountCore
from live_runner.services.forensics.difference import Differences, changed, extra, missing
from live_runner.services.forensics.recording import Wire
from live_runner.services.forensics.replay import ReplayResult, Tally
from live_runner.services.forensics.replay_cursor import ReplayCursor

__all__ = ["TYPES", "replay_account"]

_SOURCE: Final = AccountCore.source
TYPES: Final = (
    *("session.started", "session.stopped", *OF_A_SESSION),
    *("account.limit_tripped", "account.limit_reset"),
)
"""Of the messages that an account folds or makes; the others need not be read."""


def replay_account(account: str, events: Iterable[Wire]) -> ReplayResult:
    """Fold the events of the account's log and of its sessions, in stream order, and compare its every output.

    Events of other sessions change nothing. MessageError for bytes that are not a message.
    """
    cursor = ReplayCursor(AccountCore(account))
    differences = Differences()
    count = 0
    for entry in events:
        count += 1
        canonical = codec.canonical(entry[1] if isinstance(entry, tuple) else entry)
        head = codec.head(canonical)
        if head.session != account or head.source != _SOURCE:
            cursor.waiting.append(codec.decode(canonical))
            cursor.fold(all_of_them=True)
            continue
        if cursor.has_next(canonical):
            cursor.pop()
            continue
        cursor.compared += 1
        recorded = codec.decode(canonical)
        if cursor.made and cursor.made[0][1].seq == recorded.seq:
            _, made, cause = cursor.made.popleft()
            differences.add(changed(recorded, made, (cause,)))
        else:
            differences.add(missing(recorded, () if cursor.last_input is None else (cursor.last_input,)))
    for _, made, cause in cursor.made:
        differences.add(extra(made, (cause,)))
    return ReplayResult(
        session=account,
        events=count,
        compared=cursor.compared,
        differences=differences.count,
        first=differences.first,
        kept=differences.kept,
        sources={_SOURCE: Tally(cursor.compared, differences.count)},
    )
