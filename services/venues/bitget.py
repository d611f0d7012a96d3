"""Bitget: the same names in its unified and its classic accounts."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds, NoCall
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_FIELDS = ("clientOid",)
_ID = {"clientOrderId": OURS}
_PLACE = CcxtCall("create_order", _FIELDS, {"params": _ID})

_CODES = by_code(
    unknown=("40725 45001",),
    pause=("429",),
    clock=("40008",),
    duplicate=("40786",),
    gone=("22001 40109 40768 43001 43025",),
    no_position=("22002",),
    too_small=("45110",),
    account=("40006 40009 40012 40014 40018 40774",),
    rejected=("40762 43012",),
)

PROFILE = VenueProfile(
    client_ids=ClientIds(
        # 50: from its error 40305, as ccxt quotes it; the characters are those of other ids in its documentation.
        takes="[0-9A-Za-z_:#-]{1,50}",
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
    ),
    answers=AnswerTable(
        places=(CodePlace(("code",), "msg", frozenset({"00000", "0", ""})),),
        codes=_CODES,
    ),
)
