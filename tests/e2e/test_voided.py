"""A stream that takes only small messages for a while: the session goes on to the end that it would have had."""

from __future__ import annotations

from collections.abc import Callable

import house_faults
import psycopg
from fix_house import CONFIG, House, result_of
from house_faults import SLOW, events_of, wait_for_event

from live_runner.contracts import codec, subjects
from live_runner.contracts.messages import BarSet, Voided
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.connection import header_block
from live_runner.services.runtime.nats.publisher import Guard

SESSION = "a-name-of-all-the-48-characters-that-it-may-have"
"""It stands six times in a fill, and less often in what comes before one."""
FILL_BYTES = 800
"""Less than a fill has in such a session, and more than the decision and the orders before it."""
BRACKET = "{module: live_runner.strategies.breakout_bracket}"


def test_numbers_behind_a_refused_one_are_named_and_come_again(new_house: Callable[[], House]) -> None:
    """The fill is refused, the stop and the target of its position are not; `replay` and `compare` agree afterwards."""
    assert len(SESSION) == 48
    house = new_house()
    text = CONFIG.replace("[BTC/USDT:USDT, ETH/USDT:USDT, SOL/USDT:USDT]", "[BTC/USDT:USDT]")
    config = house.config(SESSION, strategy=BRACKET, bars=80, text=text)
    run = house.start(config, "--verify", *SLOW)
    wait_for_event(house, SESSION, lambda event: isinstance(event, BarSet))
    headers = header_block(Guard(subjects.owned(SESSION, "execution"), 10).headers())

    house_faults.with_bus(house, lambda bus: limit_messages(bus, FILL_BYTES + len(headers)))
    wait_for_event(house, SESSION, lambda event: isinstance(event, Voided))
    house_faults.with_bus(house, lambda bus: limit_messages(bus, -1))
    result = result_of(house.finish(run, config))

    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    (voided,) = events_of(house, SESSION, Voided)
    assert voided.role == "execution"
    numbers = [codec.head(data).seq for data in house.core_events(SESSION)["execution"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > voided.to_seq
    with psycopg.connect(house.dsn) as connection:
        rows = connection.execute(
            "select code, message from incidents where session = %s order by stream_seq", (SESSION,)
        ).fetchall()
    assert [code for code, _ in rows] == ["sequence_ahead", "numbers_voided"]
    first, last = voided.from_seq, voided.to_seq
    assert (
        rows[1][1] == f"The stream refused number {first} of execution and took later ones; they are void up to {last}"
    )
    again = house.command("replay", SESSION, "--json")
    assert result_of(again.stdout)["agrees"], again.stderr


async def limit_messages(bus: Bus, size: int) -> None:
    """Have the stream refuse larger messages; -1 takes every one."""
    info = await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}")
    answer = await bus.jetstream(f"STREAM.UPDATE.{subjects.STREAM}", info["config"] | {"max_msg_size": size})
    assert "error" not in answer, answer
