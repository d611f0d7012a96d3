"""OKX: a trigger order has an id of another name, which ccxt reads and cancels by and does not send."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, Shape, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_ID = {"clientOrderId": OURS}
_OF_ORDER = {"id": "", "params": _ID}
_OF_TRIGGER = {"id": "", "params": {**_ID, "trigger": True}}

# Source: the venue's page of error codes (REST, general and trade classes).
_CODES = by_code(
    unknown=(
        # 50004: a timeout that says nothing of the order; 50026: a system error; 51149: the order timed out.
        "50004 50026 51149",
    ),
    retryable=(
        # Maintenance, offline, busy; the contract is being delivered, settled or charged its funding.
        "50001 50005 50013 51028 51029 51030 51102 51117 51174 51261 51410",
    ),
    pause=("50011 50061 51113",),
    clock=("50102 50112",),
    duplicate=("51011 51016",),
    gone=("51400 51401 51402 51405 51503 51509 51510 51603",),
    no_position=("51023 51112 51134 51169 51170",),
    reduce_only_refused=("51133 51139 51205",),
    too_small=("51007 51020 51100 51118 51120",),
    rules=(
        # Unknown, expired and suspended instruments, steps and limits.
        "51001 51002 51004 51005 51006 51012 51015 51021 51022 51027 51101 51105 51107 51116 51121 51122",
        "51135 51136 51137 51138 51202 51203 51250 51252",
    ),
    account=(
        # Keys, addresses, permissions, liquidation and ADL, level and mode of the account.
        "50007 50008 50009 50012 50017 50018 50019 50020 50021 50022 50023 50027 50028 50100 50101 50103 50104",
        "50105 50106 50107 50110 50111 50113 50114 51009 51010 51024",
    ),
    rejected=(
        # Parameters, price and trigger on the wrong side, balance.
        "50000 50002 50006 50014 50015 50016 50024 50025 51000 51003 51008 51031 51046 51047 51051 51109 51119",
        "51127 51131 51204 51277 51278 51279 51280 51407 51502",
    ),
)

_PLACED = Shape(("code",), ("ordId",), ("data",), may_be_empty=False)
_ORDER = Shape(("code",), ("ordId", "state"), ("data",), may_be_empty=False)
_TRIGGER = Shape(("code",), ("algoId",), ("data",), may_be_empty=False)
_TRIGGERS = Shape(("code",), ("algoId", "state"), ("data",))
_SHAPES = {
    "POST /api/v5/trade/batch-orders": _PLACED,
    "POST /api/v5/trade/order": _PLACED,
    "POST /api/v5/trade/cancel-order": _PLACED,
    "POST /api/v5/trade/order-algo": _TRIGGER,
    "POST /api/v5/trade/cancel-algos": _TRIGGER,
    "GET /api/v5/trade/order": _ORDER,
    "GET /api/v5/trade/order-algo": Shape(("code",), ("algoId", "state"), ("data",), may_be_empty=False),
    "GET /api/v5/trade/orders-pending": Shape(("code",), ("ordId", "state"), ("data",)),
    "GET /api/v5/trade/orders-algo-pending": _TRIGGERS,
    "GET /api/v5/trade/fills": Shape(("code",), ("tradeId", "ordId", "fillSz", "fillPx"), ("data",)),
    "GET /api/v5/trade/fills-history": Shape(("code",), ("tradeId", "ordId", "fillSz", "fillPx"), ("data",)),
    "GET /api/v5/account/bills": Shape(("code",), ("billId", "type"), ("data",)),
    "GET /api/v5/account/balance": Shape(("code",), ("details",), ("data",), may_be_empty=False),
    "GET /api/v5/account/positions": Shape(("code",), ("instId", "posSide"), ("data",)),
    "GET /api/v5/account/config": Shape(("code",), ("posMode", "acctLv"), ("data",), may_be_empty=False),
    "GET /api/v5/account/leverage-info": Shape(("code",), ("lever", "mgnMode"), ("data",), may_be_empty=False),
    "GET /api/v5/public/time": Shape(("code",), ("ts",), ("data",), may_be_empty=False),
    "GET /api/v5/public/instruments": Shape(("code",), ("instId", "state"), ("data",)),
    "POST /api/v5/account/set-position-mode": Shape(("code",), ("posMode",), ("data",), may_be_empty=False),
    "POST /api/v5/account/set-leverage": Shape(("code",), ("lever",), ("data",), may_be_empty=False),
}

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
    ),
    answers=AnswerTable(
        # An order that is refused stands under an outer code of 1 (all) or 2 (some), which says nothing by itself.
        places=(
            CodePlace(("data", "*", "sCode"), "sMsg"),
            CodePlace(("code",), "msg", frozenset({"0", "2"})),
        ),
        codes=_CODES,
        shapes=_SHAPES,
    ),
    # Counted per endpoint; orders, the scarcest of what is used, are 60 in two seconds.
    weight_limit=60,
    weight_window_s=2,
    income_kinds={"2": "", "8": "funding", "1": "transfer", "5": "liquidation", "9": "other"},
    income_page=100,
    income_since="begin",
    became="ordId",
    order_field="ordId",
    listings=(
        {"instType": "SWAP"},
        {"instType": "SWAP", "trigger": True, "ordType": "trigger"},
        {"instType": "SWAP", "trigger": True, "ordType": "conditional"},
        {"instType": "SWAP", "trigger": True, "ordType": "oco"},
        {"instType": "SWAP", "trigger": True, "ordType": "move_order_stop"},
    ),
    sending_options={"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    # With keys ccxt asks for currencies first, which needs a permission that trading does not.
    sending_config={"has": {"fetchCurrencies": False}},
    is_rehearsed=True,
)
