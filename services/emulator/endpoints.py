"""The venue's endpoints: who may call them, what they weigh, whether they count as orders.

Binance USD-M's documentation, section by section: each endpoint's "Request Weight" and its security type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

__all__ = ["ENDPOINTS", "Endpoint"]

type Params = Mapping[str, str]


class Endpoint(NamedTuple):
    """One endpoint."""

    security: str
    """``none``, ``key`` (the header alone) or ``signed``."""
    weight: Callable[[Params], int]
    orders: int = 0
    """How many orders it counts as in the limits of an account."""
    trades: bool = False
    """Whether the key needs the permission to trade."""
    changes: bool = False
    """Whether it changes an account, and so is journaled."""


def _fixed(weight: int) -> Callable[[Params], int]:
    return lambda _: weight


def _by_symbol(one: int, all_: int) -> Callable[[Params], int]:
    return lambda params: one if params.get("symbol") else all_


def _by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Params], int]:
    """The weight of the first step whose limit is not below the one asked for, else that of the last step."""

    def weight(params: Params) -> int:
        text = params.get("limit", "")
        limit = int(text) if text.isascii() and text.isdigit() else default
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weight


_KLINES: Final = _by_limit(500, (99, 1), (499, 2), (1000, 5), (1500, 10))
_DEPTH: Final = _by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))


def _none(weight: int | Callable[[Params], int] = 1) -> Endpoint:
    return Endpoint("none", _fixed(weight) if isinstance(weight, int) else weight)


def _read(weight: int | Callable[[Params], int] = 1) -> Endpoint:
    return Endpoint("signed", _fixed(weight) if isinstance(weight, int) else weight)


def _write(weight: int = 1, orders: int = 0) -> Endpoint:
    return Endpoint("signed", _fixed(weight), orders, trades=True, changes=True)


ENDPOINTS: Final[dict[str, Endpoint]] = {
    "GET /fapi/v1/ping": _none(),
    "GET /fapi/v1/time": _none(),
    "GET /fapi/v1/exchangeInfo": _none(),
    "GET /fapi/v1/klines": _none(_KLINES),
    "GET /fapi/v1/markPriceKlines": _none(_KLINES),
    "GET /fapi/v1/depth": _none(_DEPTH),
    "GET /fapi/v1/premiumIndex": _none(_by_symbol(1, 10)),
    "GET /fapi/v1/fundingRate": _none(0),
    "GET /fapi/v1/fundingInfo": _none(0),
    "GET /fapi/v1/ticker/24hr": _none(_by_symbol(1, 40)),
    "GET /fapi/v1/ticker/price": _none(_by_symbol(1, 2)),
    "GET /fapi/v2/ticker/price": _none(_by_symbol(1, 2)),
    "GET /fapi/v1/ticker/bookTicker": _none(_by_symbol(2, 5)),
    "POST /fapi/v1/listenKey": Endpoint("key", _fixed(1)),
    "PUT /fapi/v1/listenKey": Endpoint("key", _fixed(1)),
    "DELETE /fapi/v1/listenKey": Endpoint("key", _fixed(1)),
    "GET /fapi/v2/account": _read(5),
    "GET /fapi/v3/account": _read(5),
    "GET /fapi/v2/balance": _read(5),
    "GET /fapi/v3/balance": _read(5),
    "GET /fapi/v2/positionRisk": _read(5),
    "GET /fapi/v3/positionRisk": _read(5),
    "GET /fapi/v1/accountConfig": _read(5),
    "GET /fapi/v1/symbolConfig": _read(5),
    "GET /fapi/v1/leverageBracket": _read(),
    "GET /fapi/v1/commissionRate": _read(20),
    "GET /fapi/v1/positionSide/dual": _read(30),
    "GET /fapi/v1/multiAssetsMargin": _read(30),
    "GET /fapi/v1/feeBurn": _read(30),
    "GET /fapi/v1/order": _read(),
    "GET /fapi/v1/openOrder": _read(),
    "GET /fapi/v1/openOrders": _read(_by_symbol(1, 40)),
    "GET /fapi/v1/allOrders": _read(5),
    "GET /fapi/v1/userTrades": _read(5),
    "GET /fapi/v1/income": _read(30),
    "GET /fapi/v1/algoOrder": _read(),
    "GET /fapi/v1/openAlgoOrders": _read(_by_symbol(1, 40)),
    "GET /fapi/v1/allAlgoOrders": _read(5),
    "POST /fapi/v1/order": _write(0, orders=1),
    "POST /fapi/v1/order/test": _write(0, orders=1),
    "POST /fapi/v1/batchOrders": _write(5, orders=5),
    "DELETE /fapi/v1/order": _write(),
    "DELETE /fapi/v1/batchOrders": _write(),
    "DELETE /fapi/v1/allOpenOrders": _write(),
    "POST /fapi/v1/countdownCancelAll": _write(10),
    "POST /fapi/v1/algoOrder": _write(0, orders=1),
    "DELETE /fapi/v1/algoOrder": _write(),
    "DELETE /fapi/v1/algoOpenOrders": _write(),
    "POST /fapi/v1/leverage": _write(),
    "POST /fapi/v1/marginType": _write(),
    "POST /fapi/v1/positionSide/dual": _write(),
    "POST /fapi/v1/multiAssetsMargin": _write(),
    "POST /fapi/v1/feeBurn": _write(),
    # The one call on another host that a program needs about its key: what the key may do.
    "GET /sapi/v1/account/apiRestrictions": _read(),
}
"""By method and path."""
