"""BingX: ids are stored in lower case, and trigger orders have none of ours."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("clientOrderID",)
_ID = {"clientOrderId": OURS}
_TRIGGER = NoCall("the venue takes a client order id with limit and market orders only")

_CODES = by_code(
    unknown=(
        "100410 100500 109500 110500",  # "busy": nothing is said of the request
    ),
    duplicate=("101481 109201",),
    gone=("80016 80017 80018 109420 109421",),
    no_position=("101205",),
    too_small=("101400 110425",),
    rules=("100421 109418 109425",),
    account=("100001 100004 100412 100413 100414 100419",),
    rejected=("80012 80014 100202 101204 109400",),
)

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
    ),
    answers=AnswerTable(places=(CodePlace(("code",), "msg"),), codes=_CODES),
)
