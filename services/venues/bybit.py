"""Bybit: ccxt translates the client order id where an order is placed and nowhere else."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("orderLinkId",)
_PLACE = CcxtCall("create_order", _FIELDS, {"params": {"clientOrderId": OURS}})
# fetch_order always sends an orderId beside it, which the venue prefers; the list of open orders takes the id alone,
# at the same address. An id of None is left out of a cancel, an empty one is not.
_CANCEL = CcxtCall("cancel_order", _FIELDS, {"id": None, "params": {"orderLinkId": OURS}})

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
    )
)
