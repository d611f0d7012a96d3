"""Gate: ids that are not its own begin with ``t-``; ccxt writes that where an order is placed, at most 28 after it."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, by_code
from live_runner.services.venues.client_ids import OURS, WORDED, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_BY_NUMBER = NoCall(
    "a trigger order is found by the venue's number alone; the list of trigger orders (fetch_open_orders with trigger) "
    "has it, by initial.text"
)

_CODES = by_code(
    unknown=("SERVER_ERROR INTERNAL",),
    retryable=("TOO_BUSY POSITION_IN_LIQUIDATION",),
    pause=("TOO_MANY_REQUESTS RATE_LIMITED",),
    clock=("REQUEST_EXPIRED",),
    gone=("ORDER_NOT_FOUND ORDER_FINISHED ORDER_CLOSED ORDER_CANCELLED",),
    no_position=("POSITION_EMPTY INCREASE_POSITION REDUCE_EXCEEDED",),
    rules=("CONTRACT_NOT_FOUND CONTRACT_IN_DELISTING",),
    account=("INVALID_KEY INVALID_SIGNATURE FORBIDDEN READ_ONLY IP_FORBIDDEN TRADE_RESTRICTED POSITION_DUAL_MODE",),
    rejected=(
        "BALANCE_NOT_ENOUGH INSUFFICIENT_AVAILABLE INITIAL_MARGIN_TOO_LOW",
        "POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE ORDER_POC ORDER_FOK INVALID_PARAM_VALUE INVALID_ARGUMENT",
    ),
)

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="t-[0-9A-Za-z_.-]{1,28}",
        prefix="t-",
        calls={
            "place": CcxtCall("create_order", ("text",), {"params": {"clientOrderId": OURS}}),
            # Here ccxt puts nothing in front.
            "place_trigger": CcxtCall("create_order", ("initial.text",), {"params": {"clientOrderId": WORDED}}),
            "fetch": CcxtCall("fetch_order", ("{order_id}",), {"id": WORDED}),
            "fetch_trigger": _BY_NUMBER,
            # By parameter ccxt would ask for the order "None".
            "cancel": CcxtCall("cancel_order", ("{order_id}",), {"id": WORDED}),
            "cancel_trigger": _BY_NUMBER,
        },
    ),
    answers=AnswerTable(places=(CodePlace(("label",), "message"),), codes=_CODES),
)
