"""Kraken Futures: one kind of id for all orders; ccxt looks up and cancels by the venue's own id only."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_PLACE = CcxtCall("create_order", ("cliOrdId",), {"params": {"clientOrderId": OURS}})
# fetch_order and cancel_order always send an id of the venue's beside it, "None" where there is none.
_FETCH = CcxtCall("fetch_orders", ("cliOrdIds",), {"params": {"cliOrdIds": OURS}})
_CANCEL = CcxtCall(
    "cancel_orders",
    ("batchOrder.cliOrdId",),
    {"ids": [], "params": {"batchOrder": [{"order": "cancel", "cliOrdId": OURS}]}},
)

_CODES = by_code(
    unknown=("serverError",),
    retryable=("marketSuspended marketInactive tooManySmallOrders",),
    pause=("apiLimitExceeded",),
    clock=("nonceBelowThreshold nonceDuplicate",),
    duplicate=("clientOrderIdAlreadyExist",),
    gone=("notFound filled cancelled",),
    no_position=("wouldNotReducePosition",),
    rules=("invalidPrice invalidSize contractExpired contractNotAvailable",),
    account=("authenticationError accountInactive inLiquidation",),
    rejected=(
        "insufficientAvailableFunds maxPositionViolation outsidePriceCollar postWouldExecute iocWouldNotExecute",
        "selfFill invalidArgument requiredArgumentMissing",
    ),
)
_DONE = frozenset({"placed", "partiallyFilled", "attempted", "edited", "success", ""})

PROFILE = VenueProfile(
    client_ids=ClientIds(
        takes="[0-9A-Za-z_-]{1,100}",
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
            CodePlace(("sendStatus", "status"), fine=_DONE),
            CodePlace(("cancelStatus", "status"), fine=_DONE | {"cancelled"}),
            CodePlace(("batchStatus", "*", "status"), fine=_DONE | {"cancelled"}),
            CodePlace(("error",)),
            CodePlace(("errors", "*", "message")),
        ),
        codes=_CODES,
    ),
)
