"""What a real venue says of the account, and a process that takes over: each folded at its place, each named once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from live_runner.contracts.core import QueryOrder, SetTimer
from live_runner.contracts.messages import (
    AccountReported,
    Filled,
    FundingPaid,
    Incident,
    Income,
    Owned,
    Requested,
    Settled,
    StreamGap,
    Unknown,
    VenuePosition,
)
from live_runner.services.execution.core.engine import ExecutionCore

SYMBOL = "AAA/USDT:USDT"


def fact(core: Any, kind: type[Any], /, **fields: Any) -> list[Any]:
    """The effects of one of the venue's facts."""
    found: list[Any] = core.feed(kind(**core.envelope("execution.shell.2", core.close_ns), **fields))
    return found


def takeover(core: Any, epoch: int = 2, role: str = "execution") -> list[Any]:
    return fact(core, Owned, role=role, instance="two", epoch=epoch)


def filled(core: Any, quantity: str = "2", price: str = "100") -> None:
    """Hold a long leg at the venue."""
    core.bar()
    core.open(quantity)
    client = core.of(Requested)[-1].client_order_id
    core.report(client, "filled", filled=quantity, last_quantity=quantity, last_price=price, fill_id="f1")
    core.bar()


def test_after_a_takeover_an_order_without_an_answer_is_unknown_and_asked_for(driver: Any) -> None:
    """The process before may have sent it, or not: only the venue knows."""
    core = driver(stage="live")
    core.bar()
    core.open("1")
    order = core.of(Requested)[-1]
    restored = ExecutionCore("s1")
    restored.restore(core.core.snapshot())
    core.core = restored

    effects = takeover(core)

    assert [type(effect) for effect in effects] == [Unknown, QueryOrder, SetTimer]
    assert effects[0].order_id == order.order_id
    assert effects[0].reason == "restart"
    assert effects[1].client_order_id == order.client_order_id


def test_after_a_takeover_an_order_that_stands_is_asked_for_and_stays(driver: Any) -> None:
    core = driver(stage="live")
    core.bar()
    core.open("1", style="limit", limit_price="90")
    client = core.of(Requested)[-1].client_order_id
    core.report(client, "accepted", venue_order_id="v1")

    effects = takeover(core)

    assert [type(effect) for effect in effects] == [QueryOrder, SetTimer]
    core.bar()
    assert [pending.status for pending in core.settled.pending] == ["accepted"]


@pytest.mark.parametrize(("epoch", "role"), [(1, "execution"), (2, "strategy")])
def test_the_first_owner_and_other_roles_change_nothing(driver: Any, epoch: int, role: str) -> None:
    core = driver(stage="live")
    core.bar()
    core.open("1")

    assert takeover(core, epoch, role) == []


def test_a_silent_stream_has_every_open_order_asked_for(driver: Any) -> None:
    core = driver(stage="live")
    core.bar()
    core.decide(
        core.intent("open", quantity="1", style="limit", limit_price="90"),
        core.intent("open", "short", quantity="1", style="limit", limit_price="110"),
    )

    effects = fact(core, StreamGap, stream="orders", from_ns=1, to_ns=2)

    assert [effect.client_order_id for effect in effects if isinstance(effect, QueryOrder)] == [
        order.client_order_id for order in core.of(Requested)
    ]


def test_funding_is_booked_as_the_venue_has_it_and_once(driver: Any) -> None:
    core = driver(stage="live")
    filled(core)
    before = core.settled.cash
    income = {"income_id": "i1", "kind": "funding", "amount": "-0.123456789", "currency": "USDT", "symbol": SYMBOL}

    fact(core, Income, **income)
    fact(core, Income, **income)
    core.decide()
    core.bar()

    assert [(paid.leg, paid.quantity, paid.amount) for paid in core.of(FundingPaid)] == [("long", "2", "-0.123456789")]
    assert Decimal(core.settled.cash) == Decimal(before) - Decimal("0.123456789")
    assert core.settled.funding == "-0.123456789"


def test_funding_that_comes_with_the_bars_is_not_booked_at_a_venue(driver: Any) -> None:
    """The venue's ledger has it, at the mark that it took."""
    core = driver(stage="live")
    filled(core)
    core.decide()

    core.bar(funding=[core.funding("0.01")])

    assert core.of(FundingPaid) == []
    assert core.settled.funding == "0"


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "transfer"},
        {"currency": "BNB"},
        {"symbol": "ZZZ/USDT:USDT"},
        {"symbol": ""},
        {"amount": "many"},
        {"amount": "1e40"},
    ],
)
def test_income_that_the_ledger_cannot_book_is_named_once(driver: Any, changes: dict[str, str]) -> None:
    core = driver(stage="live")
    filled(core)
    income = {"income_id": "i1", "kind": "funding", "amount": "1", "currency": "USDT", "symbol": SYMBOL} | changes

    first = fact(core, Income, **income)
    second = fact(core, Income, **income)

    assert [(event.code, event.details["income_id"]) for event in first] == [("income_not_booked", "i1")]
    assert second == []
    assert core.of(FundingPaid) == []


def test_a_position_that_differs_is_named_when_it_is_first_seen(driver: Any) -> None:
    core = driver(stage="live")
    filled(core)

    def reported(quantity: str, *, complete: bool = True) -> list[tuple[str, Any, Any]]:
        held = [VenuePosition(SYMBOL, "long", quantity)] if quantity != "0" else []
        effects = fact(core, AccountReported, positions=held, positions_complete=complete)
        return [(event.code, event.details["venue"], event.details["ledger"]) for event in effects]

    assert reported("2") == []
    assert reported("2.000") == []  # the same quantity, written otherwise
    assert reported("0", complete=False) == []  # what an incomplete list leaves out may be there
    assert reported("1.5") == [("position_differs", "1.5", "2")]
    assert reported("1.5") == []
    assert reported("0") == [("position_differs", "0", "2")]
    assert reported("2") == []
    assert reported("0") == [("position_differs", "0", "2")]
    assert reported("0.00001") == [("position_differs", "0.00001", "2")]  # off the grid of lots


def test_on_paper_nothing_that_a_venue_says_has_an_effect(driver: Any) -> None:
    core = driver()
    core.held("2")
    before = core.core.state_hash()

    takeover(core)
    fact(core, StreamGap, stream="orders", from_ns=1, to_ns=2)
    fact(core, Income, income_id="i1", kind="funding", amount="1", currency="USDT", symbol=SYMBOL)
    fact(core, AccountReported, positions_complete=True)
    core.timer("any", core.close_ns)
    core.report("nobody", "filled")

    assert core.core.state_hash() == before
    assert core.of(Incident) == []


def test_a_takeover_before_the_start_is_passed_over(driver: Any) -> None:
    """A role is taken before the session starts: there are no orders to ask for."""
    core = driver(stage="live")
    fresh = ExecutionCore("s1")

    assert fresh.handle(Owned(**core.envelope("execution.shell.1", 0), role="execution", instance="a", epoch=2)) == ()


def test_what_the_venue_cut_or_filled_stays_in_the_ledger_alone(driver: Any) -> None:
    """Reports of the account move no position: the ledger has fills only."""
    core = driver(stage="live")
    filled(core)
    fills = len(core.of(Filled))

    fact(core, AccountReported, positions=[VenuePosition(SYMBOL, "long", "7")], positions_complete=True)
    core.decide()
    core.bar()

    assert len(core.of(Filled)) == fills
    assert core.position() == "2"
    assert isinstance(core.settled, Settled)
