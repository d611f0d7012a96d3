"""Batches as facts in, rows out; no database."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest
from fix_recorder import Numbered, bar_sets, wire

from live_runner.contracts import messages as m
from live_runner.contracts import subjects
from live_runner.contracts.codec import MESSAGE_TYPES
from live_runner.contracts.sequence import Sequences, Verdict
from live_runner.services.recorder.core.batch import EVENTS_MAX, Batch, Packer
from live_runner.services.recorder.core.packing import COPY_HEADER, COPY_TRAILER
from live_runner.services.recorder.core.rows import ROWS
from live_runner.services.recorder.core.session_rows import SESSION_KINDS
from live_runner.services.recorder.core.tables import TABLES

EPOCH_NS = 1_700_000_000_000_000_000
WITHOUT_TABLE = {m.Executed, m.FeedEnded, m.Finished, m.Owned, m.Timer, m.Voided}
"""Steps of the protocol that the log has and nobody asks for in a table."""
WITHOUT_TABLE |= {m.Theoretical, m.Quote}
"""Of stages that send orders, which cannot be started yet."""


def packed(events: list[m.Event], last: dict[tuple[str, str], int] | None = None) -> Batch:
    packer = Packer(EPOCH_NS, Sequences(last or {}))
    for stream_seq, event in enumerate(events, 1):
        packer.add(stream_seq, subjects.of(event), wire(event))
    return packer.take()


def parsed(copy: bytes, table: str) -> list[list[bytes | None]]:
    """The fields of each row."""
    assert copy.startswith(COPY_HEADER)
    assert copy.endswith(COPY_TRAILER)
    rows: list[list[bytes | None]] = []
    at = len(COPY_HEADER)
    while (count := struct.unpack_from(">h", copy, at)[0]) != -1:
        assert count == len(TABLES[table].columns)
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", copy, at)
            at += 4
            row.append(None if length < 0 else copy[at : at + length])
            at += max(0, length)
        rows.append(row)
    assert at + 2 == len(copy)
    return rows


def test_every_message_is_known_to_the_recorder() -> None:
    assert set(MESSAGE_TYPES.values()) == set(ROWS) | SESSION_KINDS | WITHOUT_TABLE


def test_a_message_becomes_rows_that_fit_their_tables(sample: m.Event) -> None:
    batch = packed([Numbered("s").take(sample)])

    assert list(batch.findings) == []
    assert batch.copies[0][0] == "event"
    for table, copy in batch.copies:
        assert parsed(copy, table)


def test_the_payload_is_the_bytes_that_were_published(sample: m.Event) -> None:
    event = Numbered("s").take(sample)

    [row] = parsed(packed([event]).copies[0][1], "event")

    named = dict(zip(TABLES["event"].columns, row, strict=True))
    assert named["payload"] == wire(event)
    assert named["id"] == event.id.encode()
    assert named["type"] == str(event.__struct_config__.tag).encode()


def test_a_bar_set_has_a_row_per_bar_in_its_order() -> None:
    symbols = ["B/USDT", "A/USDT", "C/USDT"]
    batch = packed(bar_sets("s", 1, symbols)[:1])

    rows = parsed(dict(batch.copies)["bars"], "bars")

    assert symbols == [(row[1] or b"").decode() for row in rows]
    assert struct.unpack(">d", rows[0][7] or b"") == (100.625,)


def test_numbers_are_checked_per_session_and_source() -> None:
    sequences = Sequences({("s", "execution"): 4})

    assert sequences.check("s", "execution", 5) is Verdict.NEXT
    assert sequences.check("s", "execution", 5) is Verdict.REPEATED
    assert sequences.check("s", "execution", 8) is Verdict.AHEAD
    assert sequences.check("s", "execution", 10**9) is Verdict.AHEAD
    assert sequences.check("s", "execution", 6) is Verdict.NEXT
    assert sequences.check("s", "strategy", 1) is Verdict.NEXT
    assert sequences.check("t", "execution", 2) is Verdict.AHEAD


def test_a_shell_may_skip_a_few_numbers_and_none_may_skip_many() -> None:
    sequences = Sequences({("s", "execution.shell.1"): 4})

    assert sequences.check("s", "execution.shell.1", 10**9) is Verdict.AHEAD
    assert sequences.check("s", "execution.shell.1", 6) is Verdict.GAP
    assert sequences.check("s", "execution.shell.1", 7) is Verdict.NEXT


def test_after_a_lost_piece_of_the_log_each_source_goes_on_where_it_is() -> None:
    sequences = Sequences({("s", "execution"): 4}, is_whole=False)

    assert sequences.check("s", "execution", 900) is Verdict.GAP
    assert sequences.check("s", "execution", 902) is Verdict.AHEAD
    assert sequences.check("s", "strategy", 700) is Verdict.GAP
    assert sequences.check("s", "strategy", 10**9) is Verdict.AHEAD


def test_a_number_far_ahead_is_one_finding_and_the_next_ones_are_stored() -> None:
    events = bar_sets("s", 20)
    last = events[-3]
    ahead = [msgspec.structs.replace(last, seq=10**9 + at, id=f"s/market_data/{10**9 + at}") for at in range(50)]

    batch = packed([*events[:3], *ahead, *events[3:]])

    assert [(found.code, found.count) for found in batch.findings] == [("sequence_ahead", 1)]
    assert batch.stored["s", "market_data"].seq == 20
    assert len(parsed(dict(batch.copies)["bars"], "bars")) == 20 * 2


def test_a_flood_of_repeated_numbers_is_one_finding() -> None:
    events = bar_sets("s", 100)
    batch = packed(events, {("s", source): 100 for source in ("market_data", "execution", "strategy")})

    findings = list(batch.findings)

    assert batch.events == 0
    assert batch.copies == []
    assert batch.last_stream_seq == 300
    assert [(finding.code, finding.count) for finding in findings] == [("sequence_repeated", 100)] * 3


def test_what_is_stored_is_counted_by_source() -> None:
    batch = packed(bar_sets("s", 3))

    assert {key: (stored.seq, stored.events) for key, stored in batch.stored.items()} == {
        ("s", "market_data"): (3, 3),
        ("s", "execution"): (3, 3),
        ("s", "strategy"): (3, 3),
    }


def test_a_batch_is_full_at_its_number_of_events() -> None:
    packer = Packer(EPOCH_NS, Sequences({}))
    data = wire(bar_sets("s", 1)[0])
    for stream_seq in range(1, EVENTS_MAX):
        packer.add(stream_seq, "x", data)
    assert not packer.is_full

    packer.add(EVENTS_MAX, "x", data)

    assert packer.is_full
    packer.take()
    assert not packer.is_full


@pytest.mark.parametrize(
    "field", [{"seq": 2**63}, {"event_ns": 2**64 - 1}, {"seq": "one"}, {"session": None}, {"id": 5}]
)
def test_an_envelope_that_fits_no_row_is_a_finding(field: dict[str, Any]) -> None:
    plain = {**msgspec.to_builtins(bar_sets("s", 1)[0]), **field}
    packer = Packer(EPOCH_NS, Sequences({}))

    packer.add(1, "market.evt.bar_set.s", msgspec.msgpack.encode(plain))

    batch = packer.take()
    assert [finding.code for finding in batch.findings] == ["unreadable_message"]
    assert batch.events == 0
    assert batch.last_stream_seq == 1


def test_a_manifest_of_another_shape_does_not_stop_the_recorder(samples: dict[str, m.Event]) -> None:
    numbered = Numbered("s")
    odd = msgspec.structs.replace(
        samples["session.started"],
        config={"market": [], "account": {"equity": 5}},
        dataset={"hash": "h\0", "rows": "many", "gaps": [], "name": 7},
    )

    batch = packed([numbered.take(odd)])

    assert list(batch.findings) == []
    assert [change.table for change in batch.changes] == ["sessions", "datasets"]
    assert batch.changes[1].columns["rows"] is None


def test_every_event_of_an_order_is_a_row_of_its_own(driver: Any) -> None:
    """X11: what happened to an order is added to, never written over; so are two orders of one leg."""
    core = driver(fills={"participation": "0.1"})
    core.bar()
    core.decide(
        core.intent("open", quantity="2.5", style="market"),
        core.intent("open", "short", quantity="1", style="limit", limit_price="120", time_to_live_ns=1),
    )
    for _ in range(3):
        core.bar(100, 100, 100, 100, volume=10.0)
        core.decide()
    events = [event for event in core.seen if str(event.__struct_config__.tag).startswith("order.")]
    names = [str(event.__struct_config__.tag).partition(".")[2] for event in events]
    columns = list(TABLES["order_events"].columns)

    packer = Packer(EPOCH_NS, Sequences({}))
    for stream_seq, event in enumerate(core.seen, 1):
        packer.add(stream_seq, subjects.of(event), wire(event))
    rows = parsed(dict(packer.take().copies)["order_events"], "order_events")

    assert names == ["requested", "accepted"] * 2 + ["filled", "expired", "filled", "filled"]
    assert [row[columns.index("event")] for row in rows] == [name.encode() for name in names]
    assert [row[columns.index("event_id")] for row in rows] == [event.id.encode() for event in events]
