"""BingX: ids are stored in lower case, and trigger orders have none of ours."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("clientOrderID",)
_ID = {"clientOrderId": OURS}
_TRIGGER = NoCall("the venue takes a client order id with limit and market orders only")

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="[0-9A-Za-z_]{1,40}",
        stored_in_lower_case=True,
        calls={
            "place": CcxtCall("create_order", _FIELDS, {"params": _ID}),
            "place_trigger": _TRIGGER,
            "fetch": NoCall(
                'fetch_order sends an orderId whatever it is given, "None" or an empty one beside the client\'s id'
            ),
            "fetch_trigger": _TRIGGER,
            "cancel": CcxtCall("cancel_order", _FIELDS, {"id": "", "params": _ID}),
            "cancel_trigger": _TRIGGER,
        },
    )
)
