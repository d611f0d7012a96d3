"""Client order ids: one shape that every venue takes, whatever the session is called."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from live_runner.contracts.ids import client_order_id, intent_id, order_id

SHAPE = re.compile(r"[0-9a-f]{28}")

sessions = st.text(min_size=1, max_size=60)
numbers = st.integers(0, 2**63 - 1)
orders = st.builds(
    lambda session, close_ns, number, attempt, part: order_id(intent_id(session, close_ns, number), attempt, part),
    sessions,
    numbers,
    st.integers(1, 10**6),
    st.integers(1, 10**4),
    st.sampled_from(["", "sl", "tp", "sl2", "long"]),
)


@given(order=orders)
def test_a_client_order_id_is_28_characters_that_every_venue_takes(order: str) -> None:
    """O16: Gate adds ``t-`` and takes 30, Hyperliquid wants 128 bits after ``0x``."""
    made = client_order_id(order)

    assert SHAPE.fullmatch(made)
    assert len(f"t-{made}") <= 30
    assert len(bytes.fromhex(f"{made}0000")) == 16
    assert made == client_order_id(order)


@given(one=orders, other=orders)
def test_two_orders_have_two_client_order_ids(one: str, other: str) -> None:
    assert (client_order_id(one) == client_order_id(other)) == (one == other)


def test_a_client_order_id_stays_what_it_was() -> None:
    """A recorded session is recovered and replayed by asking the venue for these very ids."""
    assert client_order_id("demo/1704067260000000000/1/1") == "44fc82f62a6475cbe8d411e11884"
