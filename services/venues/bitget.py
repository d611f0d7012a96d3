"""Bitget: the same names in its unified and its classic accounts."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("clientOid",)
_ID = {"clientOrderId": OURS}
_PLACE = CcxtCall("create_order", _FIELDS, {"params": _ID})

PROFILE = VenueProfile(
    client_ids=ClientIds(
        # ccxt's table of its errors has 50 characters (40305); the alphabet is that of other ids in its documentation.
        alphabet="0-9A-Za-z_:#-",
        length_max=50,
        calls={
            "place": _PLACE,
            "place_trigger": _PLACE,
            "fetch": CcxtCall("fetch_order", _FIELDS, {"id": "", "params": _ID}),
            "fetch_trigger": NoCall(
                "ccxt asks for it among the ordinary orders, where it is not; the list of trigger orders "
                "(fetch_open_orders with trigger) has it"
            ),
            "cancel": CcxtCall("cancel_order", _FIELDS, {"id": "", "params": _ID}),
            "cancel_trigger": CcxtCall("cancel_order", _FIELDS, {"id": "", "params": {**_ID, "trigger": True}}),
        },
    )
)
