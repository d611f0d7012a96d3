"""Rows per second of the recorder, beside bare binary COPY of the same rows into the same tables.

The floor is generous: its bytes are packed beforehand, so it is what the database alone can take. The
recorder decodes, checks, packs and stores; then the same again with everything read from NATS. Twelve
symbols, an order in every twentieth set. The database is TIMESCALE_DSN, else an embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import psycopg
import uvloop
from bench.house import SYMBOLS, edition, house
from bench.table import Row, entry
from fix_database import throwaway_database
from fix_golden import _SAMPLES
from fix_nats import _forget
from fix_recorder import Numbered, bar_sets, until, wire

from live_runner.contracts import messages as m
from live_runner.contracts import subjects
from live_runner.contracts.sequence import Sequences
from live_runner.services.recorder.core.batch import Batch, Packer
from live_runner.services.recorder.core.position import Position
from live_runner.services.recorder.core.tables import TABLES
from live_runner.services.recorder.shell import Recorder
from live_runner.services.recorder.writer import Writer
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.postgres import archive, database

_ORDER_EVERY = 20
_EPOCH_NS = 1_700_000_000_000_000_000
SESSION = "bench"
ROUNDS = 3
"""Floor and recorder take turns, so that other work on the machine meets both; medians are shown."""


type Wire = tuple[int, str, bytes]


def messages(sets: int) -> list[Wire]:
    """What a session of twelve symbols publishes."""
    samples = {str(event.__struct_config__.tag): event for event in _SAMPLES}
    numbered = Numbered(SESSION)
    extra = [samples[type_] for type_ in ("order.requested", "order.accepted", "order.filled", "account.executed")]
    legs = samples["account.settled"]
    decided = samples["strategy.decided"]
    assert isinstance(legs, m.Settled)
    assert isinstance(decided, m.Decided)
    found: list[m.Event] = []
    quiet = bar_sets(SESSION, sets, SYMBOLS)
    for number in range(sets):
        bar_set, settled, decision = quiet[3 * number : 3 * number + 3]
        busy = number % _ORDER_EVERY == 0
        if busy:
            settled = msgspec.structs.replace(settled, legs=legs.legs)
            decision = msgspec.structs.replace(decision, intents=decided.intents)
        found += [numbered.take(bar_set), numbered.take(settled), numbered.take(decision)]
        if busy:
            found += [
                numbered.take(msgspec.structs.replace(event, event_ns=settled.event_ns), "execution") for event in extra
            ]
    return [(stream_seq, subjects.of(event), wire(event)) for stream_seq, event in enumerate(found, 1)]


def pack(published: list[Wire]) -> list[Batch]:
    """The batches that the recorder makes of them."""
    packer = Packer(_EPOCH_NS, Sequences({}))
    batches = []
    for message in published:
        packer.add(*message)
        if packer.is_full:
            batches.append(packer.take())
    if packer.messages:
        batches.append(packer.take())
    return batches


def bare_copy_s(dsn: str, batches: list[Batch]) -> float:
    """Seconds that the same transactions take when nothing else is done."""
    began = perf_counter()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for batch in batches:
            with connection.transaction(), connection.cursor() as cursor:
                for table, data in batch.copies:
                    with cursor.copy(TABLES[table].copy) as copy:
                        copy.write(data)
    return perf_counter() - began


async def recorder_s(dsn: str, published: list[Wire]) -> float:
    """Seconds that the recorder takes from messages in memory to the last commit."""

    async def no_pause(_: float) -> None:
        raise AssertionError("the database went away")

    writer = Writer(dsn, no_pause)
    await writer.open()
    await writer.begin(Position(_EPOCH_NS, 0))
    packer = Packer(_EPOCH_NS, Sequences({}))
    began = perf_counter()
    storing: asyncio.Task[None] | None = None
    for message in published:
        packer.add(*message)
        if packer.is_full or message is published[-1]:
            if storing is not None:
                await storing
            storing = asyncio.create_task(writer.store(packer.take()))
            await asyncio.sleep(0)
        elif storing is not None and packer.messages % 16 == 0:
            await asyncio.sleep(0)
    if storing is not None:
        await storing
    took = perf_counter() - began
    await writer.close()
    return took


async def stream_s(dsn: str, url: str, published: list[Wire]) -> tuple[float, float]:
    """Seconds, and seconds of processor time, from a full stream to the last commit."""
    await _forget(url)
    bus = await Bus.connect(url)
    await bus.ensure_stream()
    publisher = await bus.publisher()
    for _, subject, data in published:
        await publisher.publish_bytes(subject, data[:-9] + b"\0")
    await publisher.flush()
    recorder, stop = Recorder(), asyncio.Event()
    began, used = perf_counter(), process_time()
    task = asyncio.create_task(recorder.run(bus, dsn, stop))
    await until(lambda: recorder.committed >= len(published), task)
    took = perf_counter() - began, process_time() - used
    stop.set()
    await task
    await bus.close()
    return took


def read_s(dsn: str) -> float:
    """Seconds to read the session back."""
    began = perf_counter()
    for _ in archive.events(dsn, SESSION):
        pass
    return perf_counter() - began


def rows(quick: bool) -> list[Row]:
    """The recorder over so many bar sets."""
    sets = 2_000 if quick else 10_000
    published = messages(sets)
    used = process_time()
    batches = pack(published)
    packing_us = (process_time() - used) / sets * 1e6
    count = rows_in(batches)
    floors, alone, from_nats, reads = [], [], [], []
    with house() as home:
        about = edition(home.dsn)
        for _ in range(1 if quick else ROUNDS):
            with throwaway_database(home.dsn) as dsn:
                database.migrate(dsn)
                floors.append(bare_copy_s(dsn, batches))
            with throwaway_database(home.dsn) as dsn:
                database.migrate(dsn)
                alone.append(uvloop.run(recorder_s(dsn, published)))
                reads.append(read_s(dsn))
            with throwaway_database(home.dsn) as dsn:
                database.migrate(dsn)
                from_nats.append(uvloop.run(stream_s(dsn, home.url, published)))
    floor = count / median(floors)
    stream, used = (median(column) for column in zip(*from_nats, strict=True))
    took, events = median(alone), len(published)

    def row(what: str, figure: float, details: str, goal: float | None = None) -> Row:
        bare = "bare COPY of the same rows"
        return Row(
            what=what,
            figure=figure,
            unit="rows/s",
            floor=floor,
            beside=bare,
            goal=goal,
            goal_is="ratio",
            details=details,
        )

    return [
        row("recorder", count / took, f"{sets / took:,.0f} sets/s; packing {packing_us:.0f} us a set; {about}", 0.7),
        row(
            "recorder, everything read from NATS",
            count / stream,
            f"{sets / stream:,.0f} sets/s; {used / sets * 1e6:.0f} us of processor time a set",
        ),
        Row(what="archive, reading events back", figure=events / median(reads), unit="events/s", details=f"{events:,}"),
    ]


def rows_in(batches: list[Batch]) -> int:
    """Rows of all tables."""
    found = 0
    for batch in batches:
        for table, data in batch.copies:
            found += _rows_of(data, len(TABLES[table].columns))
    return found


def _rows_of(data: bytes, columns: int) -> int:
    at, found = 19, 0
    end = len(data) - 2
    while at < end:
        at += 2
        for _ in range(columns):
            length = int.from_bytes(data[at : at + 4], "big", signed=True)
            at += 4 + max(0, length)
        found += 1
    return found


if __name__ == "__main__":
    entry("recorder", rows)
