"""Our account beside the venue's own ledger, to the last unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

__all__ = ["differences"]

ZERO = Decimal(0)


def differences(log: Sequence[Any], ledger: Mapping[str, Any], key: str) -> dict[str, tuple[Any, Any]]:
    """Ours and the venue's, where the last ``account.settled`` of a log is not what the venue has of an account.

    Positions by leg; cash less what the open lots cost, which is the same whatever lots a close is matched with; fees
    by currency; funding; every trade, booked once with its own quantity; and the orders that are open.
    """
    account = ledger["accounts"][key]
    settled = _of(log, "account.settled")[-1]
    legs = {(leg.symbol, leg.leg): leg for each in _of(log, "account.settled") for leg in each.legs}
    held = {leg: Decimal(each.quantity) for (_, leg), each in legs.items() if each.quantity != "0"}
    theirs = {each["side"].lower(): abs(Decimal(each["quantity"])) for each in account["positions"]}
    if set(theirs) == {"both"}:
        (only,) = account["positions"]
        theirs = {"long" if Decimal(only["quantity"]) > 0 else "short": theirs["both"]}
    lots = sum((_signed(leg) * Decimal(lot.quantity) * Decimal(lot.price) for (_, leg), each in legs.items()
                for lot in each.lots), ZERO)  # fmt: skip
    cost = sum((Decimal(each["cost"]) for each in account["positions"]), ZERO)
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for trade in account["trades"]:
        fees[trade["fee_asset"]] += Decimal(trade["fee"])
    for each in account["incomes"]:
        if each["kind"] == "INSURANCE_CLEAR":  # a fee to us
            fees[each["asset"]] -= Decimal(each["amount"])
    funding = [Decimal(each["amount"]) for each in account["incomes"] if each["kind"] == "FUNDING_FEE"]
    foreign = {currency: Decimal(fee) for currency, fee in settled.foreign_fees.items()}
    pairs = {
        "positions": (held, theirs),
        "cash": (Decimal(settled.cash) - lots, Decimal(account["balances"]["USDT"]) - cost),
        "fees": (Decimal(settled.fees), fees.pop("USDT", ZERO)),
        "foreign_fees": (foreign, dict(fees)),
        "funding": (Decimal(settled.funding), sum(funding, ZERO)),
        "fundings": (len(_of(log, "account.funding")), len(funding)),
        "trades": (_booked(log), {str(each["id"]): Decimal(each["quantity"]) for each in account["trades"]}),
        "open_orders": (_open(log, settled), _standing(log, ledger, key)),
    }
    return {what: pair for what, pair in pairs.items() if pair[0] != pair[1]}


def _booked(log: Sequence[Any]) -> dict[str, Decimal]:
    """Quantity by the venue's id of each trade: of fills, of corrections of provisional ones, and without an order."""
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for fill in _of(log, "order.filled"):
        if not fill.provisional:
            booked[fill.fill_id] += Decimal(fill.quantity)
    for corrected in _of(log, "order.corrected"):
        booked[corrected.fill_id] += Decimal(corrected.quantity)
    for taken in _of(log, "account.reconciled"):
        if taken.trade_id and taken.reason != "insurance":
            booked[taken.trade_id] += abs(Decimal(taken.quantity) - Decimal(taken.quantity_before))
    return dict(booked)


def _open(log: Sequence[Any], settled: Any) -> list[str]:
    names = {each.order_id: each.client_order_id for each in _of(log, "order.requested")}
    return sorted(names[each.order_id] for each in settled.pending)


def _standing(log: Sequence[Any], ledger: Mapping[str, Any], key: str) -> list[str]:
    """Client ids of ours that are open; what a trigger order has become goes by the trigger order's."""
    algos = {each["id"]: each["client_id"] for each in ledger["algo_orders"]}
    named = [(each, algos.get(each["algo_id"], each["client_id"])) for each in ledger["orders"]]
    named += [(each, each["client_id"]) for each in ledger["algo_orders"] if each["status"] == "NEW"]
    ours = {each.client_order_id for each in _of(log, "order.requested")}
    return sorted(
        client
        for order, client in named
        if order["account"] == key and order["status"] in ("NEW", "PARTIALLY_FILLED") and client in ours
    )


def _of(log: Sequence[Any], type_: str) -> list[Any]:
    return [event for event in log if event.__struct_config__.tag == type_]


def _signed(leg: str) -> int:
    return 1 if leg == "long" else -1
