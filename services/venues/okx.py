"""OKX: a trigger order has an id of another name, which ccxt reads and cancels by and does not send."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_ID = {"clientOrderId": OURS}
_OF_ORDER = {"id": "", "params": _ID}
_OF_TRIGGER = {"id": "", "params": {**_ID, "trigger": True}}

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="[0-9A-Za-z]{1,32}",
        unparsed=("algoClOrdId",),
        calls={
            "place": CcxtCall("create_order", ("clOrdId",), {"params": _ID}),
            # Both: without a clOrdId ccxt writes a random one of its own beside ours.
            "place_trigger": CcxtCall(
                "create_order", ("algoClOrdId", "clOrdId"), {"params": {**_ID, "algoClOrdId": OURS}}
            ),
            "fetch": CcxtCall("fetch_order", ("clOrdId",), _OF_ORDER),
            "fetch_trigger": CcxtCall("fetch_order", ("algoClOrdId",), _OF_TRIGGER),
            "cancel": CcxtCall("cancel_order", ("clOrdId",), _OF_ORDER),
            "cancel_trigger": CcxtCall("cancel_order", ("algoClOrdId",), _OF_TRIGGER),
        },
    )
)
