"""Bybit: ccxt translates the client order id where an order is placed and nowhere else."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("orderLinkId",)
_PLACE = CcxtCall("create_order", _FIELDS, {"params": {"clientOrderId": OURS}})
# fetch_order always sends an orderId beside it, which the venue prefers; the list of open orders takes the id alone,
# at the same address. An id of None is left out of a cancel, an empty one is not.
_CANCEL = CcxtCall("cancel_order", _FIELDS, {"id": None, "params": {"orderLinkId": OURS}})

_CODES = by_code(
    unknown=(
        "10000 10016 110079",  # server timeout, server error, the order is being processed
    ),
    retryable=("110009 110020",),
    pause=("10006 10018 10429",),
    clock=("10002",),
    duplicate=("110072",),
    gone=("110001 110008 110010 170213",),
    no_position=("110017",),
    too_small=("110094",),
    rules=("110003 110074",),
    account=("10003 10004 10005 10010 110025 110028",),
    rejected=("10001 110004 110007 110012 110043 170131",),
)

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="[0-9A-Za-z_-]{1,36}",
        calls={
            "place": _PLACE,
            "place_trigger": _PLACE,
            "fetch": CcxtCall("fetch_open_orders", _FIELDS, {"params": {"orderLinkId": OURS}}),
            "fetch_trigger": CcxtCall("fetch_open_orders", _FIELDS, {"params": {"orderLinkId": OURS, "trigger": True}}),
            "cancel": _CANCEL,
            "cancel_trigger": _CANCEL,
        },
    ),
    answers=AnswerTable(
        places=(CodePlace(("retCode",), "retMsg"), CodePlace(("ret_code",), "ret_msg")),
        codes=_CODES,
    ),
)
