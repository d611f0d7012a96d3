"""The recorder over a real NATS and a real database: every event once, its bytes exact, whatever happens."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from fix_nats import BusFactory
from fix_recorder import Numbered, bar_sets, publish, recording, stored_bytes, until

from live_runner.contracts import messages as m
from live_runner.services.runtime.postgres import archive

ROW_COUNTS = {
    "market.bar_set": {"bars": 1},
    "market.gap": {"gaps": 1},
    "market.bar_revised": {"bar_revisions": 1},
    "strategy.decided": {"decisions": 1, "intents": 1},
    "order.filled": {"order_events": 1, "fills": 1},
    "account.funding": {"funding": 1},
    "account.liquidated": {"liquidations": 1},
    "account.settled": {"equity": 1, "positions": 1},
    "ops.venue_call": {"venue_calls": 1},
    "ops.incident": {"incidents": 1},
    "ops.command": {"commands": 1},
    "session.snapshot": {"snapshots": 1},
    "session.announced": {"sessions": 1},
    "session.joined": {"datasets": 1},
}


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def value(dsn: str, query: str) -> Any:
    return rows(dsn, query)[0][0]


def test_every_message_has_its_event_row_and_typed_ones_have_their_rows(
    bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event]
) -> None:
    async def run() -> list[tuple[int, bytes]]:
        numbered = Numbered("walk")
        async with bus_factory() as bus, recording(bus, dsn) as running:
            end = await publish(bus, [numbered.take(event) for event in samples.values()])
            await running.has(end)
            return await stored_bytes(bus, "walk")

    published = asyncio.run(run())

    assert len(samples) == len(published)
    assert published == list(archive.events(dsn, "walk"))
    stored_types = {type_ for (type_,) in rows(dsn, "select type from event")}
    assert set(samples) == stored_types
    assert rows(dsn, "select code, message from incidents where source = 'recorder'") == []
    for type_, tables in ROW_COUNTS.items():
        for table, least in tables.items():
            assert value(dsn, f"select count(*) from {table}") >= least, (type_, table)
    orders = sorted(type_.partition(".")[2] for type_ in samples if type_.startswith("order."))
    assert orders == [event for (event,) in rows(dsn, 'select event from order_events order by event collate "C"')]


def test_values_arrive_as_they_were_said(bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event]) -> None:
    fill = samples["order.filled"]
    assert isinstance(fill, m.Filled)

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, [Numbered("values").take(fill)]))

    asyncio.run(run())

    [row] = rows(
        dsn,
        "select quantity::text, price::text, fee::text, realised::text, slippage::text, symbol, leg,"
        " (extract(epoch from ts) * 1000000)::bigint, fill_id from fills",
    )
    assert row[:5] == (fill.quantity, fill.price, fill.fee, fill.realised, fill.slippage)
    assert row[5:] == (fill.symbol, fill.leg, fill.event_ns // 1000, fill.fill_id)


def test_a_recorder_that_starts_again_stores_each_event_once(bus_factory: BusFactory, dsn: str) -> None:
    events = bar_sets("again", 40)

    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus:
            for at in range(0, len(events), 30):
                end = await publish(bus, events[at : at + 30])
                async with recording(bus, dsn) as running:
                    await running.has(end)
                assert running.recorder.events_of["again"] == end
            return await stored_bytes(bus, "again")

    published = asyncio.run(run())

    assert published == list(archive.events(dsn, "again"))
    assert rows(dsn, "select source, seq, events from recorder_source order by source") == [
        ("execution", 40, 40),
        ("market_data", 40, 40),
        ("strategy", 40, 40),
    ]
    assert value(dsn, "select count(*) from bars") == 80


def test_a_stop_stores_what_was_read(bus_factory: BusFactory, dsn: str) -> None:
    async def run() -> int:
        async with bus_factory() as bus:
            await publish(bus, bar_sets("stop", 3))
            async with recording(bus, dsn) as running:
                await until(lambda: running.recorder._read_seq == 9, running.task)
        return running.recorder.committed

    assert asyncio.run(run()) == 9
    assert value(dsn, "select count(*) from event") == 9


def test_what_comes_after_a_hole_waits_for_it_and_is_reported(bus_factory: BusFactory, dsn: str) -> None:
    events = bar_sets("gap", 3)
    del events[3]  # the second bar set

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, events))

    asyncio.run(run())

    assert value(dsn, "select count(*) from event") == 7
    assert rows(dsn, "select session, code, severity, details->>'source', details->>'expected' from incidents") == [
        ("gap", "sequence_ahead", "error", "market_data", "2")
    ]


def test_a_repeated_number_is_dropped_and_reported(bus_factory: BusFactory, dsn: str) -> None:
    events = bar_sets("twice", 2)

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, events + events))

    asyncio.run(run())

    assert value(dsn, "select count(*) from event") == 6
    found = rows(dsn, "select code, details->>'source', details->>'count' from incidents order by 2")
    assert found == [
        ("sequence_repeated", "execution", "2"),
        ("sequence_repeated", "market_data", "2"),
        ("sequence_repeated", "strategy", "2"),
    ]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"not msgpack", b"\x81\xa1a\x01"])
def test_bytes_that_are_no_message_are_kept_in_an_incident(
    bus_factory: BusFactory, postgres_dsn: str, data: bytes
) -> None:
    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await bus.send("order.evt.filled.odd.btc", data)
            await running.has(await publish(bus, bar_sets("odd", 1)))

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 3
    [row] = rows(postgres_dsn, "select session, code, decode(details->>'base64', 'base64') from incidents")
    assert row == ("odd", "unreadable_message", data)


def test_a_message_of_a_newer_version_is_stored_without_rows(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    import msgspec

    plain = msgspec.to_builtins(Numbered("newer").take(samples["ops.command"]))
    data = msgspec.msgpack.encode({**plain, "type": "ops.invented"})

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await bus.send("ops.evt.invented.newer", data)
            await running.has(await publish(bus, bar_sets("newer-2", 1)))

    asyncio.run(run())

    assert [payload for _, payload in archive.events(postgres_dsn, "newer")] == [data]
    assert rows(postgres_dsn, "select code, details->>'type' from incidents") == [("no_rows", "ops.invented")]


def test_an_amount_that_is_no_number_costs_its_rows_and_nothing_else(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    import msgspec

    bad = msgspec.structs.replace(samples["order.filled"], price="about a hundred")
    nul = msgspec.structs.replace(samples["ops.incident"], message="a\0b", details={"k\0": "v\0", "raw": "\\u0000"})
    numbered = Numbered("bad")

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await running.has(await publish(bus, [numbered.take(bad), numbered.take(nul)]))

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 2
    assert value(postgres_dsn, "select count(*) from fills") == 0
    assert rows(postgres_dsn, "select message, details from incidents where code <> 'no_rows'") == [
        ("a\u2400b", {"k\u2400": "v\u2400", "raw": "\\u0000"})
    ]
    assert value(postgres_dsn, "select count(*) from incidents where code = 'no_rows'") == 1
