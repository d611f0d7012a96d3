"""Binance USD-M futures: trigger orders are orders of another service, with ids of their own name."""

from __future__ import annotations

from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_ID = {"clientOrderId": OURS}
_OF_ORDER = {"id": "", "params": _ID}
_OF_TRIGGER = {"id": "", "params": {**_ID, "trigger": True}}

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="[.A-Z:/a-z0-9_-]{1,36}",
        calls={
            "place": CcxtCall("create_order", ("newClientOrderId",), {"params": _ID}),
            "place_trigger": CcxtCall("create_order", ("clientAlgoId",), {"params": _ID}),
            "fetch": CcxtCall("fetch_order", ("origClientOrderId",), _OF_ORDER),
            "fetch_trigger": CcxtCall("fetch_order", ("clientAlgoId",), _OF_TRIGGER),
            "cancel": CcxtCall("cancel_order", ("origClientOrderId",), _OF_ORDER),
            "cancel_trigger": CcxtCall("cancel_order", ("clientAlgoId",), _OF_TRIGGER),
        },
    )
)
