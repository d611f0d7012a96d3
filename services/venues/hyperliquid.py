"""Hyperliquid: prices have the decimals that the size leaves over, of six (perpetuals) or eight (spot).

Client order ids are 128 bits.
"""

from __future__ import annotations

from live_runner.services.venues.answers import ANY, AnswerTable, CodePlace
from live_runner.services.venues.client_ids import WORDED, CcxtCall, ClientIds
from live_runner.services.venues.profile import Precision, VenueProfile, decimals_of, power_of_ten

__all__ = ["PROFILE"]


def _tick_size(precision: Precision) -> str:
    return power_of_ten((6 if precision.is_contract else 8) - decimals_of(precision.amount))


_ID = {"clientOrderId": WORDED}
_PLACE = CcxtCall("create_order", ("c",), {"params": _ID})
_FETCH = CcxtCall("fetch_order", ("oid",), {"id": "", "params": _ID})
_CANCEL = CcxtCall("cancel_order", ("cloid",), {"id": "", "params": _ID})

# The venue has no codes: its sentences are all there is.
_SENTENCES = (
    (ANY, "never placed, already canceled, or filled", "gone"),
    (ANY, "unknownoid", "gone"),
    (ANY, "duplicate", "duplicate"),
    (ANY, "reduce only order would increase", "no_position"),
    (ANY, "minimum value", "too_small"),
    (ANY, "too many cumulative requests", "pause"),
    (ANY, "divisible by tick size", "rules"),
    (ANY, "invalid size", "rules"),
    (ANY, "more than 80% away", "rejected"),
    (ANY, "could not immediately match", "rejected"),
    (ANY, "would have immediately matched", "rejected"),
    (ANY, "insufficient margin", "rejected"),
)

PROFILE = VenueProfile(
    tick_size=_tick_size,
    client_ids=ClientIds(
        takes="0x[0-9a-f]{32}",
        prefix="0x",
        suffix="0000",
        calls={
            "place": _PLACE,
            "place_trigger": _PLACE,
            "fetch": _FETCH,
            "fetch_trigger": _FETCH,
            "cancel": _CANCEL,
            "cancel_trigger": _CANCEL,
        },
    ),
    answers=AnswerTable(
        places=(
            CodePlace(("response", "data", "statuses", "*", "error")),
            CodePlace(("status",), "response", frozenset({"ok", "order", ""})),
            CodePlace(("error",)),
        ),
        codes={},
        refined=_SENTENCES,
    ),
)
