"""Orders, trades, positions, balances and income, out of ccxt's unified form.

Pure. The exchange is made with ``number = str``, so every amount is the venue's own decimal text; it stays text here.
Amounts are those of the instrument: contracts where the market has contracts. DataError for an answer without what it
must have: what has no status is not a valid order.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from live_runner.contracts.errors import DataError
from live_runner.contracts.gateway import AccountTrade, IncomeEntry, OrderAnswer
from live_runner.contracts.messages import Trade, VenueBalance, VenueOrder, VenuePosition
from live_runner.services.venues.client_ids import ClientIds

__all__ = [
    "balances_of",
    "decimal_text",
    "income_of",
    "open_order",
    "order_answer",
    "order_ids",
    "position_of",
    "trade_of",
]

_MS: Final = 1_000_000
_STATUSES: Final = {
    "open": "accepted",
    "canceling": "accepted",
    "closed": "filled",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
}
"""ccxt's status of an order by ours; what is open and has a fill is ``partly_filled``."""
_ID_NAMES: Final = (
    *("orderId", "clientOrderId", "algoId", "clientAlgoId", "actualOrderId"),
    *("ordId", "clOrdId", "algoClOrdId", "orderLinkId", "clientOid", "id", "text", "cloid", "oid", "cliOrdId"),
)
"""Fields of a venue's own answer that name an order."""
_REDUCING: Final = (
    *("reduceOnly", "reduce_only", "is_reduce_only", "closePosition", "closeFraction", "closeOnTrigger", "is_close"),
)
"""Fields by which a venue says that an order can only make a position smaller."""
_YES: Final = ("true", "1", "yes")
_NONE_IDS: Final = ("", "0")


def decimal_text(value: object) -> str:
    """The shortest decimal text of the same value, "" for None; DataError for what is not a finite number."""
    if value is None or value == "":
        return ""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise DataError(f"'{value}' is not a valid number", remedy="Look at the venue's answer (ops.venue_call)")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def order_answer(order: Mapping[str, Any], ids: ClientIds, *, is_trigger: bool, accepted: bool = False) -> OrderAnswer:
    """An order as ccxt gives it. ``accepted``: the answer to a placement, where the venue names nothing but ids.

    A trigger order never fills: it has become another order, whatever ccxt writes into ``filled``.
    """
    venue_order_id = str(order.get("id") or "")
    named = order.get("status")
    status = _STATUSES.get(str(named), "accepted" if named is None and accepted and venue_order_id else "")
    if not status:
        raise DataError(f"An order with the status {named!r} is not a valid order", remedy="Look at the venue's answer")
    filled = "0" if is_trigger else decimal_text(order.get("filled")) or "0"
    if status == "accepted" and filled != "0":
        status = "partly_filled"
    cost = "" if is_trigger else decimal_text(order.get("cost"))
    return OrderAnswer(
        client_order_id=ids.of_order(order),
        symbol=str(order.get("symbol") or ""),
        status=status,
        venue_order_id=venue_order_id,
        filled=filled,
        cost="" if cost == "0" else cost,
        quantity=decimal_text(order.get("amount")),
        last_price="" if is_trigger else decimal_text(order.get("average")),
        at_ns=_ns(order.get("lastUpdateTimestamp") or order.get("timestamp")),
        named=str(order.get("clientOrderId") or ""),
    )


def open_order(order: Mapping[str, Any], ids: ClientIds) -> VenueOrder:
    """One of the account's open orders, ours or not."""
    info = order.get("info")
    named = str(info.get("positionSide") or info.get("posSide") or "").lower() if isinstance(info, Mapping) else ""
    leg = named if named in ("long", "short") else ""
    side = str(order.get("side") or "").lower()
    return VenueOrder(
        symbol=str(order.get("symbol") or ""),
        venue_order_id=str(order.get("id") or ""),
        client_order_id=ids.of_order(order),
        side=side,
        leg=leg,
        kind=str(order.get("type") or ""),
        quantity=decimal_text(order.get("amount")),
        filled=decimal_text(order.get("filled")) or "0",
        price=decimal_text(order.get("price")),
        trigger=decimal_text(order.get("triggerPrice")),
        reduce_only=(leg, side) in (("long", "sell"), ("short", "buy")) or _says_reducing(order),
    )


def order_ids(order: Mapping[str, Any]) -> dict[str, str]:
    """Every id by which the venue knows an order, by the venue's own names; ccxt's where it has no others."""
    info = order.get("info")
    own = {name: str(info[name]) for name in _ID_NAMES if info.get(name)} if isinstance(info, Mapping) else {}
    unified = {name: str(order[name]) for name in ("id", "clientOrderId") if order.get(name)}
    known = set(own.values())
    found = own | {name: value for name, value in unified.items() if value not in known}
    return {name: value for name, value in found.items() if value not in _NONE_IDS}


def _says_reducing(order: Mapping[str, Any]) -> bool:
    """Whether a flag anywhere in it says so, as a truth value, a number or text."""
    for name, value in order.items():
        if isinstance(value, Mapping):
            if _says_reducing(value):
                return True
        elif name in _REDUCING and str(value).lower() in _YES:
            return True
    return False


def trade_of(trade: Mapping[str, Any]) -> AccountTrade:
    """One trade; DataError without an id, price or amount: it could not be booked once."""
    number, price, amount = trade.get("id"), decimal_text(trade.get("price")), decimal_text(trade.get("amount"))
    order = trade.get("order")
    if number in (None, "") or order in (None, "") or not price or not amount or Decimal(amount) <= 0:
        raise DataError(f"A trade without id, order, price or amount: {number!r}", remedy="Look at the venue's answer")
    fee = trade.get("fee") or {}
    cost = decimal_text(fee.get("cost"))
    info = trade.get("info")
    leg = str(info.get("positionSide") or info.get("posSide") or "").lower() if isinstance(info, Mapping) else ""
    return AccountTrade(
        symbol=str(trade.get("symbol") or ""),
        venue_order_id=str(order),
        side=str(trade.get("side") or ""),
        trade=Trade(
            id=str(number),
            quantity=amount,
            price=price,
            at_ns=_ns(trade.get("timestamp")),
            fee=cost,
            fee_currency=str(fee.get("currency") or "") if cost else "",
            liquidity=str(trade.get("takerOrMaker") or ""),
        ),
        leg=leg if leg in ("long", "short") else "",
    )


def position_of(position: Mapping[str, Any]) -> VenuePosition | None:
    """One leg that is held; None for an empty row."""
    quantity = decimal_text(position.get("contracts"))
    if not quantity:
        raise DataError("A position without an amount", remedy="Look at the venue's answer")
    if quantity == "0":
        return None
    side = position.get("side")
    if side not in ("long", "short"):
        raise DataError(f"A position with the side {side!r}", remedy="Look at the venue's answer")
    return VenuePosition(
        symbol=str(position.get("symbol") or ""),
        leg=str(side),
        quantity=quantity.removeprefix("-"),
        average=decimal_text(position.get("entryPrice")),
        mark=decimal_text(position.get("markPrice")),
        leverage=decimal_text(position.get("leverage")),
        margin_mode=str(position.get("marginMode") or ""),
    )


def balances_of(balance: Mapping[str, Any]) -> list[VenueBalance]:
    """What the account holds, by currency; a currency of which there is nothing is left out."""
    totals, free = balance.get("total") or {}, balance.get("free") or {}
    held = [(currency, decimal_text(total)) for currency, total in sorted(totals.items())]
    return [
        VenueBalance(currency, total, decimal_text(free.get(currency)))
        for currency, total in held
        if total not in ("", "0")
    ]


def income_of(entry: Mapping[str, Any], kinds: Mapping[str, str], symbol: str) -> IncomeEntry | None:
    """One entry of the venue's ledger; None for one that belongs to a trade and comes with it.

    ``kinds`` are the venue's words by ours, "" for those of trades.
    """
    info: Mapping[str, Any] = entry.get("info") or {}
    named = str(info.get("incomeType") or info.get("type") or "")
    kind = kinds.get(named, "other")
    if not kind:
        return None
    amount, number = decimal_text(entry.get("amount")), entry.get("id")
    if number in (None, "") or not amount:
        raise DataError(f"An entry of income without id or amount: {number!r}", remedy="Look at the venue's answer")
    is_paid = entry.get("direction") == "out" and not amount.startswith("-")
    return IncomeEntry(
        # One event may have entries of several types under one id.
        income_id=f"{number}/{named}",
        kind=kind,
        amount=f"-{amount}" if is_paid and amount != "0" else amount,
        currency=str(entry.get("currency") or ""),
        at_ns=_ns(entry.get("timestamp")),
        symbol=symbol,
    )


def _ns(milliseconds: object) -> int:
    return int(str(milliseconds)) * _MS if milliseconds not in (None, "") else 0
