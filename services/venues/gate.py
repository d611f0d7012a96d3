"""Gate: ids that are not its own begin with ``t-``; ccxt writes that where an order is placed, at most 28 after it."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, WORDED, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_BY_NUMBER = NoCall(
    "a trigger order is found by the venue's number alone; the list of trigger orders (fetch_open_orders with trigger) "
    "has it, by initial.text"
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
    )
)
