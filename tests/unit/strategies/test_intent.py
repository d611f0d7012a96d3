"""Drafts: what each function says, and numbers as exact text."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from live_runner.contracts.errors import StrategyError
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.strategies.base import intent
from live_runner.strategies.numbers import number_text

BTC = "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        (2.5, "2.5"),
        (1e21, "1000000000000000000000"),
        (3, "3"),
        (Decimal("1.50"), "1.5"),
        ("0.10", "0.1"),
        ("7e-05", "0.00007"),
        (np.float64(0.3), "0.3"),
        (np.int64(12), "12"),
        (np.float32(0.5), "0.5"),
    ],
)
def test_a_number_becomes_its_shortest_decimal_text(value: Any, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "many", "", object(), None, Decimal("NaN")])
def test_what_is_no_finite_number_is_refused_where_it_is_said(value: Any) -> None:
    with pytest.raises(ValueError, match=r"no|digits|out of range"):
        number_text(value)


def test_an_open_without_a_quantity_says_none() -> None:
    """I03: nothing is filled in."""
    said = intent.open(BTC, "long")

    assert (said.action, said.quantity, said.notional, said.sizing) == ("open", None, None, "explicit")


def test_delegation_is_said_in_words() -> None:
    """I02"""
    said = intent.open(BTC, "long", notional=100)

    assert (said.sizing, said.notional, said.quantity) == ("delegate_notional", "100", None)


def test_an_add_names_no_style_by_itself() -> None:
    """I04"""
    assert intent.add(BTC, "long", 1).style is None
    assert intent.add(BTC, "long", 1, style="limit", limit_price=9).style == "limit"


def test_exits_and_the_rest_say_what_their_name_says() -> None:
    assert intent.partial_close(BTC, "short", fraction=0.25).fraction == "0.25"
    assert intent.close(BTC, "long", sync_if_absent=True).close_semantics == "sync_if_absent"
    assert intent.close(BTC, "long").close_semantics == "strict"
    assert intent.cancel(BTC, "long", "o1").order_id == "o1"
    protect = intent.protect(BTC, "long", stop_loss=99.5, reason="trail")
    assert (protect.action, protect.stop_loss, protect.take_profit, protect.reason) == (
        "protect",
        "99.5",
        None,
        "trail",
    )
    assert intent.sync_state(BTC, "long").action == "sync_state"
    assert intent.hold(BTC, "long", reason="quiet").action == "hold"


def test_a_draft_cannot_be_changed() -> None:
    said = intent.open(BTC, "long", 1)

    with pytest.raises(AttributeError):
        said.quantity = "2"  # type: ignore[misc]  # the attempt is what is tested


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: None} for name in ("reason", "leg")),
        *({name: 5} for name in ("reason", "style", "leg")),
        {"reason": np.str_("numpy's own text")},
        {"reason": "half a pair: \ud800"},
        {"reason": "x" * 10_001},
        {"reason": b"bytes"},
        {"style": ["limit"]},
        {"fallback": [None]},
        {"fallback": ["reject"] * 11},
        {"time_to_live_s": 1e12},
        {"policy": "market"},
        {"policy": ExecutionPolicy(attempts="3")},  # type: ignore[arg-type]  # the wrong type is what is tested
        {"policy": ExecutionPolicy(fallback=(None,))},  # type: ignore[arg-type]  # the wrong type is what is tested
        {"policy": ExecutionPolicy(attempts=2**70)},
        {"policy": ExecutionPolicy(backoff_s=float("nan"))},
        {"policy": ExecutionPolicy(add_style="\ud800")},
    ],
    ids=ascii,
)
def test_a_value_that_no_recorded_intent_can_have_is_refused_where_it_is_given(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"symbol": BTC, "leg": "long", "quantity": 1} | wrong

    with pytest.raises(StrategyError):
        intent.open(**given)


class Word(StrEnum):
    """Words of a strategy's own."""

    SYMBOL = BTC
    LONG = "long"
    STYLE = "limit"
    PRICE = "100.5"
    REASON = "reject"
    ROUNDING = "nearest"


def test_members_of_an_enumeration_become_their_text() -> None:
    """The compiled engine takes text and nothing that derives from it."""
    policy = ExecutionPolicy(add_style=Word.STYLE, fallback=(Word.REASON,), open_rounding=Word.ROUNDING)
    draft = intent.open(
        Word.SYMBOL,
        Word.LONG,  # type: ignore[arg-type]  # a word of the same text, as strategies write it
        1,
        style=Word.STYLE,  # type: ignore[arg-type]  # the same
        limit_price=Word.PRICE,
        fallback=[Word.REASON, "timeout"],
        reason=Word.REASON,
        policy=policy,
    )

    given = [draft.symbol, draft.leg, draft.style, draft.limit_price, draft.reason, *draft.fallback]
    given += [policy.add_style, policy.open_rounding, *policy.fallback]
    assert [type(text) for text in given] == [str] * len(given)
    assert given == [BTC, "long", "limit", "100.5", "reject", "reject", "timeout", "limit", "nearest", "reject"]
