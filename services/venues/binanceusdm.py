"""Binance USD-M futures: trigger orders are orders of another service, with ids of their own name."""

from __future__ import annotations

from live_runner.services.venues.answers import AnswerTable, CodePlace, Shape, by_code
from live_runner.services.venues.client_ids import OURS, CcxtCall, ClientIds
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILE"]

_ID = {"clientOrderId": OURS}
_OF_ORDER = {"id": "", "params": _ID}
_OF_TRIGGER = {"id": "", "params": {**_ID, "trigger": True}}

# Source: the venue's page of error codes for USD-M futures. -1006 and -1007 say themselves that the execution is not
# known; -1008 is thrown away by the overload protection before anything is done with it.
_CODES = by_code(
    unknown=("-1000 -1001 -1006 -1007",),
    retryable=("-1008 -1112 -2025 -4045 -4117 -4131",),
    pause=("-1003 -1015",),
    clock=("-1021 -5028",),
    duplicate=("-4116",),
    gone=("-2011 -2013",),
    no_position=("-2022 -2024 -4118 -4509",),
    reduce_only_refused=("-2026 -4062",),
    too_small=("-4004 -4164",),
    account_differs=("-4061",),
    rules=(
        # Steps, limits and status of the market.
        "-1013 -1111 -1121 -1122 -4001 -4002 -4003 -4005 -4013 -4014 -4023 -4108 -4140 -4141",
    ),
    account=(
        # Keys and permissions, liquidation, leverage, position mode, reduce-only and cooling-off periods.
        "-1002 -1022 -2014 -2015 -2023 -4028 -4060 -4087 -4088 -4192 -4400 -4401",
    ),
    rejected=(
        # Parameters.
        "-1014 -1020 -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1114 -1115 -1116 -1117 -1118 -1119 -1120",
        "-1127 -1128 -1130 -4015 -4120 -4166",
        # Balance and margin, prices too far away, triggers that have been reached, FOK and post-only.
        "-2010 -2018 -2019 -2020 -2021 -2027 -2028 -4016 -4024 -4142 -4183 -4184 -5021 -5022",
        # Nothing to change, or not to be changed with orders and positions open.
        "-4046 -4059 -4067 -4068",
    ),
)
_REFINED = (
    ("-1106", "reduceonly", "reduce_only_refused"),  # hedge mode
    ("-1013", "notional", "too_small"),
)

_ORDER = Shape(("orderId", "status"))
_ORDERS = Shape(items=("orderId", "status"))
_TRIGGER = Shape(("algoId", "algoStatus"))
_SHAPES = {
    "POST /fapi/v1/order": _ORDER,
    "GET /fapi/v1/order": _ORDER,
    "DELETE /fapi/v1/order": _ORDER,
    "POST /fapi/v1/order/test": Shape(("symbol",)),
    "POST /fapi/v1/algoOrder": _TRIGGER,
    "GET /fapi/v1/algoOrder": _TRIGGER,
    "DELETE /fapi/v1/algoOrder": Shape(("algoId",)),
    "GET /fapi/v1/openOrders": _ORDERS,
    "GET /fapi/v1/openAlgoOrders": Shape(items=("algoId", "algoStatus")),
    "GET /fapi/v1/userTrades": Shape(items=("id", "orderId", "qty", "price")),
    "GET /fapi/v1/income": Shape(items=("tranId", "incomeType", "income")),
    "GET /fapi/v1/leverageBracket": Shape(items=("symbol", "brackets"), may_be_empty=False),
    "GET /fapi/v3/positionRisk": Shape(items=("symbol", "positionAmt", "positionSide")),
    "GET /fapi/v2/positionRisk": Shape(items=("symbol", "positionAmt", "positionSide")),
    "GET /fapi/v3/account": Shape(("assets",), ("asset",), ("assets",)),
    "GET /fapi/v3/balance": Shape(items=("asset", "balance")),
    "GET /fapi/v1/symbolConfig": Shape(items=("symbol", "leverage", "marginType")),
    "GET /fapi/v1/accountConfig": Shape(("canTrade",)),
    "GET /fapi/v1/positionSide/dual": Shape(("dualSidePosition",)),
    "GET /fapi/v1/time": Shape(("serverTime",)),
    "GET /fapi/v1/exchangeInfo": Shape(("symbols",), ("symbol", "status", "filters"), ("symbols",), False),
    "POST /fapi/v1/leverage": Shape(("leverage",)),
    "POST /fapi/v1/marginType": Shape(("code",)),
    "POST /fapi/v1/positionSide/dual": Shape(("code",)),
    "POST /fapi/v1/countdownCancelAll": Shape(("countdownTime",)),
    "POST /fapi/v1/listenKey": Shape(("listenKey",)),
}

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
    ),
    answers=AnswerTable(
        places=(
            CodePlace(("code",), "msg", frozenset({"200", "0"})),
            CodePlace(("*", "code"), "msg", frozenset({"200", "0"})),
        ),
        codes=_CODES,
        refined=_REFINED,
        shapes=_SHAPES,
    ),
    calls={
        "cancel_order": 1,
        "create_order": 1,
        "fapiPrivateGetAccountConfig": 5,
        "fetch_balance": 5,
        "fetch_ledger": 30,
        "fetch_leverages": 5,
        "fetch_my_trades": 5,
        "fetch_open_orders": 1,
        "fetch_open_orders all": 40,
        "fetch_order": 1,
        "fetch_position_mode": 30,
        "fetch_positions": 6,
        "fetch_time": 1,
        "load_markets": 1,
    },
    weight_limit=2400,
    used_weight_header="x-mbx-used-weight-1m",
    forced_ids={
        "autoclose-": "liquidation",
        "adl_autoclose": "adl",
        "settlement_autoclose-": "settlement",
    },
    income_kinds={
        "COMMISSION": "",
        "REALIZED_PNL": "",
        "FUNDING_FEE": "funding",
        "INSURANCE_CLEAR": "insurance",
        "TRANSFER": "transfer",
        "INTERNAL_TRANSFER": "transfer",
        "CROSS_COLLATERAL_TRANSFER": "transfer",
    },
    became="actualOrderId",
    order_field="orderId",
    trades_page=1000,
    pages_by_id="fromId",
    # create_order drops its parameter "test" where the market is linear, and places the order.
    validate_call="fapiPrivatePostOrderTest",
    account_call="fapiPrivateGetAccountConfig",
    sending_options={"defaultType": "swap", "fetchOpenOrders": {"warnWithoutSymbol": False}},
    is_rehearsed=True,
)
