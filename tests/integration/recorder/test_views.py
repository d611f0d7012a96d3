"""The views and functions, asked about a session whose answers are worked out by hand.

Two days, one symbol. Day one: long 2 at 100 (fee 0.1), 1 more at 103 (fee 0.05), all 3 closed at 104
(fee 0.15): realised 7, fees 0.3, funding -0.2 while it was open, so the trip made 6.5. Day two: short 1
at 105, still open, marked at 107.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psycopg
import pytest
from fix_nats import BusFactory
from fix_recorder import MINUTE_NS, START_NS, Numbered, bar_sets, publish, recording

from live_runner.contracts import messages as m
from live_runner.contracts.config import Fills
from live_runner.services.runtime.postgres import archive, database

if TYPE_CHECKING:
    from session_world import World

DAY_NS = 1440 * MINUTE_NS
SYMBOL = "BTC/USDT:USDT"


def fill(numbered: Numbered, order: str, at_ns: int, **fields: Any) -> m.Event:
    plain = {
        "order_id": order,
        "fill_id": f"{order}/f1",
        "intent_id": order,
        "symbol": SYMBOL,
        "kind": "market",
        "fee_currency": "USDT",
        "liquidity": "taker",
        "realised": "0",
        "reference_price": fields["price"],
        "slippage": "0",
        "filled": fields["quantity"],
        "remaining": "0",
        "status": "filled",
        "reason": "test",
        "notional": str(Decimal(fields["quantity"]) * Decimal(fields["price"])),
        "id": "",
        "session": "",
        "source": "execution",
        "seq": 0,
        "event_ns": at_ns,
        **fields,
    }
    return numbered.take(msgspec.convert(plain, m.Filled))


def settled(numbered: Numbered, at_ns: int, **fields: Any) -> m.Event:
    [_, template, _] = bar_sets("x", 1)
    zero = {"unrealised": "0", "drawdown_equity": "0", "exposure": "0"}
    return numbered.take(msgspec.structs.replace(template, close_ns=at_ns, event_ns=at_ns, **(zero | fields)))


def story(samples: dict[str, m.Event]) -> list[m.Event]:
    n = Numbered("story")
    one, two = START_NS + 600 * MINUTE_NS, START_NS + DAY_NS + 600 * MINUTE_NS
    started = msgspec.structs.replace(
        samples["session.started"],
        config={
            "market": {"venue": "simulated", "symbols": [SYMBOL], "timeframe": "1m"},
            "account": {"currency": "USDT", "equity": "1000"},
        },
    )
    funding = m.FundingPaid(
        symbol=SYMBOL,
        leg="long",
        funding_ns=one + 2 * MINUTE_NS,
        rate="0.0001",
        mark="100",
        quantity="2",
        amount="-0.2",
        id="",
        session="",
        source="execution",
        seq=0,
        event_ns=one + 2 * MINUTE_NS,
    )
    long = {"symbol": SYMBOL, "leg": "long"}
    return [
        n.take(started, "run"),
        fill(n, "a", one, **long, side="buy", action="open", quantity="2", price="100", fee="0.1", leg_quantity="2"),
        settled(n, one, cash="999.9", equity="999.9", fees="0.1", turnover="200"),
        n.take(funding),
        fill(
            n,
            "b",
            one + 3 * MINUTE_NS,
            **long,
            side="buy",
            action="add",
            quantity="1",
            price="103",
            fee="0.05",
            leg_quantity="3",
            reference_price="102.9",
            slippage="0.1",
        ),
        fill(
            n,
            "c",
            one + 4 * MINUTE_NS,
            **long,
            side="sell",
            action="close",
            quantity="3",
            price="104",
            fee="0.15",
            realised="7",
            leg_quantity="0",
            slippage="0.3",
            reference_price="104.1",
        ),
        settled(
            n,
            one + 4 * MINUTE_NS,
            cash="1006.5",
            equity="1006.5",
            realised="7",
            fees="0.3",
            funding="-0.2",
            turnover="615",
            drawdown_equity="2.5",
        ),
        fill(
            n,
            "d",
            two,
            symbol=SYMBOL,
            leg="short",
            side="sell",
            action="open",
            quantity="1",
            price="105",
            fee="0.1",
            leg_quantity="1",
        ),
        settled(
            n,
            two,
            cash="1006.4",
            unrealised="-2",
            equity="1004.4",
            realised="7",
            fees="0.4",
            funding="-0.2",
            turnover="720",
            drawdown_equity="2.5",
            exposure="107",
        ),
    ]


@pytest.fixture
def recorded(bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event]) -> str:
    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, story(samples) + bar_sets("other", 2)))

    asyncio.run(run())
    return dsn


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_views_give_the_answers_worked_out_by_hand(recorded: str) -> None:
    of_story = "where session = 'story'"

    assert rows(
        recorded,
        "select leg, trip, fills, quantity_max, round(entry_price, 4), exit_price, realised, fees, funding, slippage,"
        f" pnl, closed_ts is null from round_trips {of_story} order by opened_ts",
    ) == [
        (
            "long",
            1,
            3,
            3,
            Decimal("101.0000"),
            104,
            7,
            Decimal("0.30"),
            Decimal("-0.2"),
            Decimal("0.4"),
            Decimal("6.5"),
            False,
        ),
        ("short", 1, 1, 1, Decimal("105.0000"), None, 0, Decimal("0.1"), 0, 0, Decimal("-0.1"), True),
    ]
    assert rows(
        recorded,
        f"select day::text, pnl, realised, fees, funding, turnover, equity from pnl_by_day {of_story} order by day",
    ) == [
        ("2024-01-01", Decimal("6.5"), 7, Decimal("0.3"), Decimal("-0.2"), 615, Decimal("1006.5")),
        ("2024-01-02", Decimal("-2.1"), 0, Decimal("0.1"), 0, 105, Decimal("1004.4")),
    ]
    assert rows(
        recorded, f"select order_id, quantity, price, notional, realised, fees from trades {of_story} order by ts"
    ) == [
        ("a", 2, 100, 200, 0, Decimal("0.1")),
        ("b", 1, 103, 103, 0, Decimal("0.05")),
        ("c", 3, 104, 312, 7, Decimal("0.15")),
        ("d", 1, 105, 105, 0, Decimal("0.1")),
    ]
    assert rows(recorded, f"select fills, notional, cost, round(basis_points, 4) from slippage {of_story}") == [
        (4, 720, Decimal("0.4"), Decimal("5.5556"))
    ]
    assert rows(recorded, f"select equity from equity_curve {of_story} order by ts") == [
        (Decimal("999.9"),),
        (Decimal("1006.5"),),
        (Decimal("1004.4"),),
    ]
    assert rows(recorded, f"select equity, equity_max, equity_min from equity_by_hour {of_story} order by hour") == [
        (Decimal("999.9"), Decimal("999.9"), Decimal("999.9")),
        (Decimal("1006.5"), Decimal("1006.5"), Decimal("1006.5")),
        (Decimal("1004.4"), Decimal("1004.4"), Decimal("1004.4")),
    ]


def test_corrections_and_foreign_fees_show_once_and_in_their_currency(
    bus_factory: BusFactory, dsn: str, samples: dict[str, m.Event]
) -> None:
    """L05: long 4 at 100, of which 2 without their trade (fee 0.1): they were 2 at 99, as maker, for 0.002 BNB.

    Closed at 104, 1 of it for 0.05 USDT; of the other 3 the venue holds nothing, and they leave the ledger at 103.
    """
    n = Numbered("venue")
    at_ns = START_NS + 600 * MINUTE_NS
    config = {
        "market": {"venue": "simulated", "symbols": [SYMBOL], "timeframe": "1m"},
        "account": {"currency": "USDT", "equity": "1000"},
    }
    leg: dict[str, Any] = {"symbol": SYMBOL, "leg": "long"}
    entry = {**leg, "side": "buy", "action": "open", "quantity": "2", "price": "100", "fee": "0.1"}
    entry |= {"reference_price": "99.5", "slippage": "1"}
    close = {**leg, "side": "sell", "action": "close", "quantity": "1", "price": "104", "fee": "0.05", "realised": "4"}
    corrected = m.Corrected(
        order_id="a", fill_id="t2", intent_id="a", **leg, side="buy", quantity="2", price_before="100", price="99",
        fee_before="0.1", fee="0.002", fee_currency="BNB", liquidity="maker", amount="2.1",
        id="", session="", source="execution", seq=0, event_ns=at_ns,
    )  # fmt: skip
    reconciled = m.Reconciled(
        **leg, reason="closed_elsewhere", quantity_before="3", quantity="0", price="103", amount="9", order_id="c",
        report="r", asked_ns=at_ns, id="", session="", source="execution", seq=0, event_ns=at_ns,
    )  # fmt: skip
    events = [
        n.take(msgspec.structs.replace(samples["session.started"], config=config), "run"),
        fill(n, "a", at_ns, **entry, leg_quantity="2"),
        fill(n, "a", at_ns, **entry, leg_quantity="4", fill_id="a/f2", provisional=True),
        fill(n, "b", at_ns, **close, leg_quantity="3"),
        n.take(corrected),
        n.take(reconciled),
    ]

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, events))

    asyncio.run(run())
    of_venue = "where session = 'venue'"
    assert rows(
        dsn,
        "select order_id, fills, quantity, price, notional, realised, fees, foreign_fees::text, slippage"
        f" from trades {of_venue} order by order_id",
    ) == [
        ("a", 2, 4, Decimal("99.5"), 398, 2, Decimal("0.1"), '{"BNB": 0.002}', 0),
        ("b", 1, 1, 104, 104, 4, Decimal("0.05"), None, 0),
    ]
    assert rows(
        dsn,
        "select fills, quantity_max, entry_price, exit_price, realised, fees, foreign_fees::text, pnl,"
        f" closed_ts is not null from round_trips {of_venue}",
    ) == [(3, 4, Decimal("99.5"), 104, 15, Decimal("0.15"), '{"BNB": 0.002}', Decimal("14.85"), True)]
    assert rows(dsn, f"select fee_currency, liquidity, fees from fees_by_currency {of_venue} order by 1") == [
        ("BNB", "maker", Decimal("0.002")),
        ("USDT", "taker", Decimal("0.15")),
    ]
    assert rows(dsn, f"select liquidity, notional, cost from slippage {of_venue} order by 1") == [
        ("maker", 198, -1),
        ("taker", 304, 1),
    ]


def test_the_summary_of_a_session(recorded: str) -> None:
    assert rows(
        recorded,
        "select state, venue, symbols, start_equity, equity, realised, unrealised, fees, funding, turnover,"
        " drawdown_equity_max, fills, decisions, events, incidents from session_summary where session = 'story'",
    ) == [
        (
            "started",
            "simulated",
            [SYMBOL],
            1000,
            Decimal("1004.4"),
            7,
            -2,
            Decimal("0.4"),
            Decimal("-0.2"),
            720,
            Decimal("2.5"),
            4,
            0,
            9,
            0,
        )
    ]


def test_replay_gives_the_messages_in_stream_order(recorded: str) -> None:
    replayed = rows(recorded, "select stream_seq, payload from replay('other')")

    assert replayed == list(archive.events(recorded, "other"))
    assert [stream_seq for stream_seq, _ in replayed] == sorted(stream_seq for stream_seq, _ in replayed)
    assert rows(recorded, "select count(*) from replay('nobody')") == [(0,)]


def test_the_archive_reads_on_from_any_place(recorded: str) -> None:
    everything = list(archive.events(recorded, "story"))

    assert len(everything) == 9
    assert list(archive.events(recorded, "story", after=everything[3][0])) == everything[4:]
    assert list(archive.events(recorded, "nobody")) == []


def test_the_archive_lists_its_sessions(recorded: str) -> None:
    [story] = archive.sessions(recorded)

    assert (story.session, story.state, story.events, story.equity, story.incidents) == (
        "story",
        "started",
        9,
        Decimal("1004.4"),
        0,
    )
    assert archive.sessions(recorded, "nobody") == []
    position = archive.position(recorded)
    assert position is not None
    assert position.stream_seq == 15


def test_a_reader_that_stops_in_the_middle_leaves_nothing_open(recorded: str) -> None:
    reading = archive.events(recorded, "story")
    next(reading)
    reading.close()  # type: ignore[attr-defined]  # a generator

    busy = "select count(*) from pg_stat_activity where state = 'active' and query like '%copy (%payload%'"
    assert rows(recorded, f"{busy} and pid <> pg_backend_pid()") == [(0,)]


def first_open_ns(events: list[m.Event]) -> int:
    """Of the warmup's first set."""
    return min(event.open_ns for event in events if isinstance(event, m.BarSet))


def test_every_view_agrees_with_the_raw_rows_and_the_printed_summary(
    bus_factory: BusFactory, dsn: str, make_world: Callable[..., World]
) -> None:
    """Two days of fills at closes; the last decision is filled too."""
    close_fills = Fills(market="bar_close", slippage_bp="2")
    whole = make_world(market_seed=7, bars=1600, fills=close_fills).record()
    last_ns = max(event.close_ns for event in whole if isinstance(event, m.Decided) and event.intents)
    bars = (last_ns - first_open_ns(whole)) // MINUTE_NS
    events = make_world(market_seed=7, bars=bars, fills=close_fills).record()
    stopped = events[-1]
    assert isinstance(stopped, m.Stopped)
    assert any(isinstance(event, m.Filled) and event.event_ns == last_ns for event in events)

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, events))

    asyncio.run(run())
    of_test = "where session = 'test'"
    [(realised, fees, turnover, fills)] = rows(
        dsn, f"select sum(realised), sum(fee), sum(notional), count(*) from fills {of_test}"
    )
    [(funding,)] = rows(dsn, f"select coalesce(sum(amount), 0) from funding {of_test}")
    printed = {name: Decimal(stopped.summary[name]) for name in ("equity", "unrealised", "realised", "fees", "funding")}
    equity = 10_000 + realised - fees + funding + printed["unrealised"]

    assert (equity, realised, fees, funding) == tuple(
        printed[name] for name in ("equity", "realised", "fees", "funding")
    )
    columns = "equity, realised, fees, funding, turnover, unrealised"
    expected = (equity, realised, fees, funding, turnover, printed["unrealised"])
    assert rows(dsn, f"select {columns}, fills from session_summary {of_test}") == [(*expected, fills)]
    assert rows(
        dsn,
        f"select sum(pnl) + 10000, sum(realised), sum(fees), sum(funding), sum(turnover) from pnl_by_day {of_test}",
    ) == [expected[:-1]]
    assert rows(dsn, f"select equity from equity {of_test} order by stream_seq desc limit 1") == [(equity,)]
    assert (equity,) in rows(dsn, f"select equity from equity_curve {of_test} and ts = (select max(ts) from equity)")


def test_the_bar_that_closes_at_midnight_counts_to_the_day_in_which_it_lies(
    bus_factory: BusFactory, dsn: str, make_world: Callable[..., World]
) -> None:
    opens_ns = first_open_ns(make_world(market_seed=7, bars=20).record())
    until_midnight = (DAY_NS - opens_ns % DAY_NS) // MINUTE_NS
    events = make_world(market_seed=7, bars=until_midnight).record()
    day = np.datetime64(opens_ns, "ns").astype("datetime64[D]")

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, events))

    asyncio.run(run())
    assert rows(dsn, "select day::text from pnl_by_day where session = 'test'") == [(str(day),)]


def test_a_mark_on_the_hour_counts_to_the_hour_in_which_its_bar_lies(dsn: str) -> None:
    """Raw rows; of two marks at one close, the last decision's fills between them, the later one counts."""
    marks = [
        ("00:59:59", 100, 5),
        ("01:00:00", 90, 7),
        ("01:00:00", 95, 6),
        ("01:00:01", 97, 8),
        ("01:30:00", 120, 1),
        ("02:00:00", 110, 2),
        ("03:00:00", 111, 3),
    ]
    database.migrate(dsn)
    insert = "insert into equity select 'hours', %s, 0,0,0, %s, 0,0,0,0, %s, 0,0,0, 'open', 0, '', '', '', %s"
    with psycopg.connect(dsn) as connection:
        for stream_seq, (time, equity, exposure) in enumerate(marks, 1):
            connection.execute(insert, (f"2024-01-01T{time}Z", equity, exposure, stream_seq))
    hours = "hour at time zone 'UTC', equity, equity_max, equity_min, exposure_max"
    expected = [("00:00", 95, 100, 90, 7), ("01:00", 110, 120, 97, 8), ("02:00", 111, 111, 111, 3)]

    found = rows(dsn, f"select {hours} from equity_by_hour where session = 'hours' order by hour")

    assert [(f"{hour:%H:%M}", *values) for hour, *values in found] == expected
    kept = next(one.sql for one in database.load_migrations() if one.name == "0010_hours_kept")
    with psycopg.connect(dsn) as connection:
        connection.execute(kept.replace("drop materialized view", "drop materialized view if exists").encode())
    assert rows(dsn, f"select {hours} from equity_by_hour_kept where session = 'hours' order by hour") == found
