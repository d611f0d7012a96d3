"""A session on whose subjects somebody else publishes, and whose services are killed: nothing of it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import house_faults
import msgspec
import psycopg
from fix_house import House, result_of

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import BarSet, Event
from live_runner.services.runtime.nats.bus import Bus

KILLED = ("market_data", "strategy", "child", "execution", "recorder")
JUNK = (b"six by", b"\x81\xa1\xff\x01", b"\x91" * 5_000, b"")
NEXT_NUMBERS = 240
"""Of two seconds and more: a busy machine takes some of them to publish them."""
SYMBOL = "btc-usdt-usdt"


def foreign_messages(events: list[Event], session: str) -> list[tuple[bytes, bytes, bytes]]:
    """Subject, bytes and headers: junk on every subject, unknown types, numbers far ahead, bars back in time."""
    names = sorted({subjects.of(event) for event in events} | {"session.evt.announced.elsewhere"})
    found: list[tuple[bytes, bytes, bytes]] = [
        (name.encode(), JUNK[number % len(JUNK)], b"") for number, name in enumerate(names)
    ]
    found.append((b"session.evt.announced.\xff\xfe", b"junk", b""))
    beats = (*JUNK, msgspec.msgpack.encode({"sets": "many", "close_ns": {}, "committed_seq": "all", "fatal": [1]}))
    for role in ("recorder", "execution"):
        found += [(subjects.beat(role, session).encode(), beat, b"") for beat in beats]
    found.append((f"market.evt.bar_set.{session}".encode(), b"junk", b"NATS/1.0 503 no\r\n\r\n"))
    unknown: dict[str, Any] = {"type": "market.tick", "id": f"{session}/market_data/1", "session": session}
    unknown |= {"source": "market_data", "seq": 1, "cause": "", "event_ns": 5, "recorded_ns": 0}
    found.append((f"market.evt.tick.{session}".encode(), msgspec.msgpack.encode(unknown), b""))
    for source in ("market_data", "strategy", "execution"):
        last = next(event for event in reversed(events) if event.source == source)
        ahead = msgspec.structs.replace(last, seq=10**9, id=f"{session}/{source}/{10**9}")
        found.append((subjects.of(ahead).encode(), codec.encode(ahead), b""))
    return found + [(subjects.of(event).encode(), codec.encode(event), b"") for event in impossible_sets(events)]


def impossible_sets(events: list[Event]) -> list[Event]:
    """The last bar set again under the next numbers, some of which no set has yet when a reader sees them."""
    last = next(event for event in reversed(events) if isinstance(event, BarSet))
    numbers = range(last.seq + 1, last.seq + NEXT_NUMBERS)
    return [msgspec.structs.replace(last, seq=seq, id=f"{last.session}/market_data/{seq}") for seq in numbers]


def test_junk_unknown_types_and_impossible_events_change_nothing(new_house: Callable[[], House]) -> None:
    """At every service, also where it reads the log anew after a kill."""
    undisturbed = new_house()
    undisturbed.play(undisturbed.config("mine", bars=900))
    house = new_house()
    config = house.config("mine", bars=900)
    run = house.start(config, "--verify", "--speed", "6000")
    sent = 0

    async def publish_foreign(bus: Bus) -> int:
        events: list[Event] = []
        reader = await bus.reader(subjects.of_session("mine"))
        async for message in reader:
            try:
                events.append(codec.read(message.subject, message.data))
            except MessageError:
                continue
            if message.pending == 0:
                break
        await reader.close()
        messages = foreign_messages(events, "mine")
        for subject, data, headers in messages:
            bus._connection.publish_direct(subject, data, b"", headers)
        await bus.flush()
        return len(messages)

    for number, service in enumerate(KILLED):
        house.wait_for_set("mine", 150 + 120 * number)
        sent += house_faults.with_bus(house, publish_foreign)
        house.kill(run, service)
    printed = house.finish(run, config)

    assert undisturbed.core_events("mine") == house.core_events("mine")
    assert result_of(printed)["replay"]["differences"] == 0
    found = incidents(house, "mine")
    assert found["unreadable_message"] > 5 * 10
    assert found["sequence_ahead"] >= 5
    assert reasons(house, "mine", "cannot follow") >= len(KILLED)


def incidents(house: House, session: str) -> Counter[str]:
    """How many incidents of each code the recorder made of a session."""
    with psycopg.connect(house.dsn) as connection:
        rows = connection.execute(
            "select code, count(*) from incidents where session = %s and source = 'recorder' group by code", (session,)
        )
        return Counter(dict(rows.fetchall()))


def reasons(house: House, session: str, reason: str) -> int:
    """How many incidents of the recorder give this reason."""
    with psycopg.connect(house.dsn) as connection:
        row = connection.execute(
            "select count(*) from incidents where session = %s and details->>'reason' like %s",
            (session, f"%{reason}%"),
        ).fetchone()
    assert row is not None
    return int(row[0])
