"""The recorder over a real NATS and a real database: every event once, its bytes exact, whatever happens."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import psycopg
import pytest
from fix_nats import BusFactory
from fix_recorder import Numbered, bar_sets, publish, recording, stored_bytes, until

from live_runner.contracts import codec
from live_runner.contracts import messages as m
from live_runner.services.runtime.postgres import archive

ROW_COUNTS = {
    "market.bar_set": {"bars": 1},
    "market.gap": {"gaps": 1},
    "market.bar_revised": {"bar_revisions": 1},
    "strategy.decided": {"decisions": 1, "intents": 1},
    "order.filled": {"order_events": 1, "fills": 1},
    "order.theoretical": {"theoretical_fills": 1},
    "order.corrected": {"corrections": 1},
    "market.quote": {"quotes": 1},
    "account.funding": {"funding": 1},
    "account.liquidated": {"liquidations": 1},
    "account.settled": {"equity": 1, "positions": 1},
    "account.limit_tripped": {"limit_events": 2},
    "account.risk": {"risk_levels": 1},
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
    # The feed first: a session that is announced takes only what its manifest allows, and a sample is of any session.
    feed = [event for event in samples.values() if isinstance(event, m.BarSet | m.FeedEnded)]
    events = feed + [event for event in samples.values() if event not in feed]

    async def run() -> list[tuple[int, bytes]]:
        numbered = Numbered("walk")
        async with bus_factory() as bus, recording(bus, dsn) as running:
            end = await publish(bus, [numbered.take(event) for event in events])
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
    limits = "select event, name, value::text, most::text, why from limit_events order by ts, event"
    assert sorted(rows(dsn, limits)) == [
        ("limit_reset", "entry_slippage", None, None, "cooldown"),
        ("limit_tripped", "entry_slippage", "12.5", "10", None),
    ]
    assert rows(dsn, "select name, value::text, room::text, tripped, not_applied from risk_levels") == [
        ("daily_loss", "50", "0", True, "-")
    ]
    # Neither what the model makes of a real venue's orders nor a correction of a fill is a step of an order's life.
    without = {"order.theoretical", "order.corrected"}
    orders = sorted(type_.partition(".")[2] for type_ in samples if type_.startswith("order.") and type_ not in without)
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
        " (extract(epoch from ts) * 1000000)::bigint, fill_id, fee_rate::text, fee_rate_source from fills",
    )
    assert row[:5] == (fill.quantity, fill.price, fill.fee, fill.realised, fill.slippage)
    assert row[5:9] == (fill.symbol, fill.leg, fill.event_ns // 1000, fill.fill_id)
    assert fill.fee_rate is not None
    assert row[9:] == (fill.fee_rate.rate, fill.fee_rate.source)


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


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "with a restart before each message"])
def test_a_bar_set_that_cannot_follow_is_one_incident_and_takes_no_number(
    bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event], restarts: bool
) -> None:
    numbered = Numbered("order")
    sets = [event for event in bar_sets("order", 3) if isinstance(event, m.BarSet)]
    config = {"market": {"symbols": [bar.symbol for bar in sets[0].bars], "timeframe": "1m"}}
    started = msgspec.structs.replace(samples["session.started"], config=config)
    back = msgspec.structs.replace(sets[0], seq=2, id="order/market_data/2", number=2)
    ended = m.FeedEnded(
        "end",
        3,
        sets[2].close_ns,
        id="order/market_data/4",
        session="order",
        source="market_data",
        seq=4,
        event_ns=sets[2].close_ns,
    )
    late = msgspec.structs.replace(sets[2], seq=5, id="order/market_data/5", number=4)
    events: list[m.Event] = [
        numbered.take(samples["session.announced"]),
        sets[0],
        numbered.take(started),
        sets[0],
        back,
        *sets[1:],
        ended,
        late,
    ]

    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus:
            end = await publish(bus, events[:1] if restarts else events)
            async with recording(bus, dsn) as running:
                await running.has(end)
            for event in events[1:] if restarts else ():
                end = await publish(bus, [event])
                async with recording(bus, dsn) as running:
                    await running.has(end)
            return await stored_bytes(bus, "order")

    published = asyncio.run(run())

    refused = [2, 5, len(events)]
    assert list(archive.events(dsn, "order")) == [(seq, data) for seq, data in published if seq not in refused]
    assert rows(
        dsn,
        "select stream_seq, code, details->>'subject', details->>'source', details->>'id' from incidents"
        " where source = 'recorder' order by stream_seq",
    ) == [(seq, "unreadable_message", "market.evt.bar_set.order", "market_data", events[seq - 1].id) for seq in refused]


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


def test_a_value_that_the_database_refuses_is_kept_apart_and_the_rest_is_stored(
    bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event]
) -> None:
    """An order id that no index takes: 9,000 bytes that cannot be compressed."""
    filled = samples["order.filled"]
    assert isinstance(filled, m.Filled)
    letters = Random(5)
    order_id = "".join(chr(letters.randrange(0x4E00, 0x9F00)) for _ in range(3_000))
    numbered = Numbered("big")
    before = [numbered.take(event) for event in bar_sets("big", 40)]
    bad = numbered.take(msgspec.structs.replace(filled, order_id=order_id))
    after = [numbered.take(event) for event in bar_sets("big", 40)]

    async def run() -> None:
        async with bus_factory() as bus:
            end = await publish(bus, [*before, bad, *after])
            async with recording(bus, dsn) as running:
                await running.has(end)
            async with recording(bus, dsn) as again:
                await again.has(await publish(bus, [numbered.take(event) for event in bar_sets("big", 1)]))

    asyncio.run(run())

    assert value(dsn, "select count(*) from event") == 40 * 3 * 2 + 3
    [(code, reason, kept)] = rows(
        dsn, "select code, details->>'reason', decode(details->>'base64', 'base64') from incidents"
    )
    assert code == "unreadable_message"
    assert reason.startswith("The database refuses a value")
    assert codec.decode(kept) == msgspec.structs.replace(bad, recorded_ns=codec.decode(kept).recorded_ns)
    [seq] = {seq for (seq,) in rows(dsn, "select seq from recorder_source where source = 'execution'")}
    assert seq == 82, "the number of the refused message is taken"


@pytest.mark.parametrize(
    "change",
    [{"warmup_bars": 2**63}, {"warmup_bars": -1}, {"engine": 2**40}, {"speed": 0.0}],
    ids=str,
)
def test_an_announcement_out_of_bounds_is_stored_in_the_log_only(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event], change: dict[str, Any]
) -> None:
    numbered = Numbered("odd")
    bad = numbered.take(msgspec.structs.replace(samples["session.announced"], **change))

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await running.has(await publish(bus, [bad, *(numbered.take(event) for event in bar_sets("odd", 1))]))

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 4
    assert rows(postgres_dsn, "select session, code from incidents") == [("odd", "no_rows")]
    assert value(postgres_dsn, "select count(*) from sessions") == 0


def test_a_dataset_hash_too_long_for_an_index_makes_no_row(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    bad = msgspec.structs.replace(samples["session.joined"], dataset={"hash": "/etc/" + "x" * 9_000})

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await running.has(await publish(bus, [Numbered("odd").take(bad)]))

    asyncio.run(run())

    assert rows(postgres_dsn, "select session, code from incidents") == [("odd", "no_rows")]
    assert value(postgres_dsn, "select count(*) from datasets") == 0
