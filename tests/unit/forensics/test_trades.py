from __future__ import annotations

from typing import Any

from live_runner.contracts.messages import Filled
from live_runner.services.forensics.trades import match_trades


def _fill(event_ns: int, **changes: Any) -> Filled:
    fields: dict[str, Any] = {
        "order_id": "o",
        "fill_id": f"f{event_ns}",
        "intent_id": "i",
        "symbol": "A",
        "leg": "long",
        "side": "buy",
        "action": "open",
        "kind": "market",
        "quantity": "1",
        "price": "10",
        "notional": "10",
        "fee": "0.1",
        "fee_currency": "USDT",
        "liquidity": "taker",
        "realised": "0",
        "reference_price": "10",
        "slippage": "0",
        "filled": "1",
        "remaining": "0",
        "status": "filled",
        "reason": "",
        "leg_quantity": "1",
        "id": f"s/execution/{event_ns}",
        "session": "s",
        "source": "execution",
        "seq": event_ns,
        "event_ns": event_ns,
    }
    return Filled(**(fields | changes))


def test_equal_fills_match() -> None:
    match = match_trades([_fill(1), _fill(2)], [_fill(1), _fill(2)])

    assert (match.matched, match.changed, match.missing, match.extra) == (2, 0, 0, 0)


def test_fill_at_another_price_is_matched_and_changed() -> None:
    match = match_trades([_fill(1)], [_fill(1, price="11")])

    assert (match.matched, match.changed) == (1, 1)
    assert [trade.price for trade in match.changed_trades[0]] == ["10", "11"]


def test_fills_of_one_side_only_are_missing_or_extra() -> None:
    match = match_trades([_fill(1), _fill(3, leg="short")], [_fill(1), _fill(3), _fill(4)])

    assert (match.matched, match.missing, match.extra) == (1, 1, 2)
    assert [trade.leg for trade in match.missing_trades] == ["short"]
    assert [trade.at_ns for trade in match.extra_trades] == [3, 4]


def test_several_adds_of_one_bar_pair_in_order() -> None:
    adds = [_fill(1, action="add", price=price) for price in ("10", "9", "8")]

    match = match_trades(adds, adds[:2])

    assert (match.matched, match.changed, match.missing) == (2, 0, 1)
    assert match.missing_trades[0].price == "8"
