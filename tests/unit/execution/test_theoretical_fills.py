"""Theoretical fills: what the paper venue's model makes of orders that a real venue has.

The paper venue itself is the measure: a venue that fills every order as paper does leaves nothing between the two.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.messages import Accepted, Filled, Requested, Settled, Theoretical
from live_runner.services.execution.core.engine import ExecutionCore

FLAT = (100.0, 100.0, 100.0, 100.0)

prices = st.integers(90, 110)
candles = st.lists(prices, min_size=4, max_size=4).map(
    lambda drawn: (float(drawn[0]), float(max(drawn)), float(min(drawn)), float(drawn[3]))
)
wishes = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "action": st.just("open"),
            "leg": st.sampled_from(["long", "short"]),
            "quantity": st.sampled_from(["1", "2.5"]),
            "style": st.just("market"),
        }
    ),
    st.fixed_dictionaries(
        {
            "action": st.just("open"),
            "leg": st.sampled_from(["long", "short"]),
            "quantity": st.sampled_from(["1", "2.5"]),
            "style": st.sampled_from(["limit", "ioc"]),
            "limit_price": prices.map(str),
        }
    ),
    st.fixed_dictionaries({"action": st.just("close"), "leg": st.sampled_from(["long", "short"])}),
)
MODELS: list[dict[str, Any]] = [
    {"fills": {"slippage_bp": "5"}, "fees": {"maker": "0.0002", "taker": "0.0005"}},
    {"fills": {"market": "bar_close", "limit": "through"}},
    {"fills": {"participation": "0.001"}},
]


def words(event: Filled | Theoretical) -> tuple[str, ...]:
    """What both kinds of fill have."""
    return (
        event.order_id,
        event.leg,
        event.side,
        event.action,
        event.kind,
        event.quantity,
        event.price,
        event.fee,
        event.liquidity,
        event.reference_price,
        event.slippage,
        event.remaining,
        str(event.event_ns),
    )


@pytest.mark.parametrize("model", MODELS, ids=["next_open", "bar_close", "participation"])
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(candles, wishes), min_size=3, max_size=14))
def test_a_venue_that_fills_as_paper_does_leaves_nothing_between(
    driver: Any, model: dict[str, Any], steps: list[tuple[Any, dict[str, Any] | None]]
) -> None:
    paper, live = driver(**model), driver(stage="live", **model)

    known = 0
    for candle, wish in steps:
        paper.bar(*candle)
        known = report(paper, live, known)  # the venue filled inside the bar, which is seen at its close
        live.bar(*candle)
        for core in (paper, live):
            core.decide(*([core.intent(**wish)] if wish is not None else []))
        known = report(paper, live, known)

    assert [order.order_id for order in paper.of(Requested)] == [order.order_id for order in live.of(Requested)]
    assert sorted(words(fill) for fill in live.of(Theoretical)) == sorted(words(fill) for fill in paper.of(Filled))


def report(paper: Any, live: Any, known: int) -> int:
    """Report to the live core what happened on paper after the first ``known`` events; how many there are now."""
    clients = {order.order_id: order.client_order_id for order in paper.of(Requested)}
    for event in paper.seen[known:]:
        if isinstance(event, Accepted):
            live.report(clients[event.order_id], "accepted", venue_order_id=event.venue_order_id)
        elif isinstance(event, Filled):
            live.report(
                clients[event.order_id],
                "filled" if event.status == "filled" else "partly_filled",
                filled=event.filled,
                last_quantity=event.quantity,
                last_price=event.price,
                fill_id=event.fill_id,
                fee=event.fee,
                liquidity=event.liquidity,
                at_ns=event.event_ns,
            )
        elif type(event).__name__ == "Cancelled":
            live.report(clients[event.order_id], "cancelled", filled=event.filled)
    return len(paper.seen)


def resting(driver: Any) -> tuple[Any, str]:
    """A live core with a limit order at 95 that stands at the venue."""
    core = driver(stage="live")
    core.bar(*FLAT)
    core.open("2", style="limit", limit_price="95")
    client = core.of(Requested)[-1].client_order_id
    core.report(client, "accepted", venue_order_id="v1")
    return core, client


def test_the_model_fills_where_the_venue_did_not(driver: Any) -> None:
    core, _ = resting(driver)

    core.bar(100, 100, 94, 99)

    assert [(fill.quantity, fill.price, fill.liquidity) for fill in core.of(Theoretical)] == [("2", "95", "maker")]
    assert core.of(Filled) == []
    assert core.position() == "0"
    assert Settled in {type(event) for event in core.seen}
    assert core.settled.cash == "10000"


def test_a_cancel_that_is_asked_for_ends_the_model_s_order(driver: Any) -> None:
    core, _ = resting(driver)
    core.bar(*FLAT)
    core.decide(core.intent("cancel", order_id=core.of(Requested)[-1].order_id))

    core.bar(100, 100, 94, 99)

    assert core.of(Theoretical) == []


def test_of_an_order_that_filled_at_the_venue_the_model_has_the_bar_of_the_fill_and_no_more(driver: Any) -> None:
    core, client = resting(driver)
    core.report(client, "filled", filled="2", last_quantity="2", last_price="95", fill_id="f1")

    core.bar(*FLAT)
    core.decide()
    core.bar(100, 100, 94, 99)

    assert len(core.of(Filled)) == 1
    assert core.of(Theoretical) == []


def test_a_snapshot_keeps_the_model_s_orders(driver: Any) -> None:
    core, _ = resting(driver)
    restored = ExecutionCore("s1")
    restored.restore(core.core.snapshot())
    core.core = restored

    core.bar(100, 100, 94, 99)

    assert [(fill.quantity, fill.price) for fill in core.of(Theoretical)] == [("2", "95")]


def test_on_paper_there_is_no_second_model(driver: Any) -> None:
    core = driver()
    core.held("1")

    assert core.of(Theoretical) == []
