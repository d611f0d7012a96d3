"""What an answer of the gateway becomes in the log."""

from __future__ import annotations

from typing import Any

import pytest
from fix_gateway import requested

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.gateway import OrderAnswer, Outcome
from live_runner.contracts.messages import Trade
from live_runner.services.execution.core.outcomes import reports_of

ORDER = requested()
SEND = SendOrder(ORDER)
QUERY = QueryOrder(ORDER.order_id, ORDER.client_order_id, ORDER.symbol)
CANCEL = CancelOrder(ORDER.order_id, ORDER.client_order_id, ORDER.symbol)
FATES = ("rejected", "retryable", "duplicate", "gone", "unlisted", "unknown", "not_sent")


def answered(effect: Any, fate: Any, **fields: Any) -> list[tuple[str, str]]:
    """Status and meaning of each report; nothing had left."""
    verb: Any = "send" if effect is SEND else "cancel" if effect is CANCEL else "query"
    reports = reports_of(effect, Outcome(verb=verb, fate=fate, via=verb, **fields))
    assert {report["client_order_id"] for report in reports} == {ORDER.client_order_id}
    return [(report["status"], report.get("meaning", "")) for report in reports]


@pytest.mark.parametrize(
    ("effect", "proven"),
    [
        (
            SEND,
            {
                "rejected": [("rejected", "too_small")],
                "duplicate": [("rejected", "duplicate")],
                "unlisted": [("unknown", ""), ("rejected", "too_small")],
            },
        ),
        (QUERY, {"gone": [("absent", "")]}),
        (CANCEL, {}),
    ],
    ids=["send", "query", "cancel"],
)
def test_what_proves_nothing_is_unknown(effect: Any, proven: dict[str, list[tuple[str, str]]]) -> None:
    """O11, O12, O13: only a refusal of a new order and the absence of one that was asked for prove something.

    A refusal by a code that nobody knows is looked up first.
    """
    for fate in FATES:
        assert answered(effect, fate, meaning="too_small") == proven.get(fate, [("unknown", "")]), fate


def test_a_cancel_that_the_venue_only_acknowledges_is_asked_for() -> None:
    """A stop's cancel is answered without a status: it may have triggered before."""
    assert answered(CANCEL, "done") == [("unknown", "")]


def test_when_it_left_is_told_before_what_became_of_it() -> None:
    reports = reports_of(SEND, Outcome(verb="send", fate="unknown", via="send", sent_ns=5, asked_ns=4, answered_ns=9))

    assert [(report["status"], report["event_ns"], report["sent_ns"]) for report in reports] == [
        ("submitted", 5, 5),
        ("unknown", 9, 5),
    ]


def test_only_the_answer_to_a_query_was_asked_for() -> None:
    """O19: the engine believes a refusal of an order that may stand only where the venue was asked."""
    for effect, asked in ((SEND, None), (CANCEL, None), (QUERY, 4)):
        for fate in ("done", "rejected", "unknown"):
            outcome = Outcome(verb="query", fate=fate, asked_ns=4, answered_ns=9, sent_ns=5)
            assert {report.get("asked_ns") for report in reports_of(effect, outcome)} == {asked}


def test_what_a_stop_has_become_is_told_with_its_parent_and_its_trades() -> None:
    """O17."""
    trade = Trade("t1", "1", "49000", 7)
    stop = OrderAnswer(client_order_id=ORDER.client_order_id, symbol=ORDER.symbol, status="filled")
    child = OrderAnswer(
        client_order_id="x", symbol=ORDER.symbol, status="filled", filled="1", trades=[trade],
        parent=ORDER.client_order_id,
    )  # fmt: skip
    reports = reports_of(QUERY, Outcome(verb="query", fate="done", orders=[stop, child], complete=True, answered_ns=9))

    assert [
        (report["client_order_id"], report["parent"], report["trades"], report["complete"]) for report in reports
    ] == [
        (ORDER.client_order_id, "", [], True),
        ("x", ORDER.client_order_id, [trade], True),
    ]
