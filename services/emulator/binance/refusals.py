"""What the venue answers instead of an order: HTTP status, code and text, as its documentation lists them."""

from __future__ import annotations

from typing import Final

__all__ = ["Refused", "malformed", "refusal"]


class Refused(Exception):  # noqa: N818  # what the venue calls it, and no error of ours
    """The venue's refusal; the body is ``{"code": code, "msg": message}``."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.status = status
        self.code = code
        self.message = message


_TEXTS: Final = {
    -1102: "Mandatory parameter '{0}' was not sent, was empty/null, or malformed.",
    -1106: "Parameter '{0}' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1121: "Invalid symbol.",
    -1127: "More than {0} hours between startTime and endTime.",
    -1128: "Combination of optional parameters invalid.",
    -1130: "Data sent for parameter '{0}' is not valid.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2025: "Reach max open order limit.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id length should be less than 36 chars",
    -4016: "Limit price can't be higher than {0}.",
    -4023: "Quantity not increased by step size.",
    -4024: "Limit price can't be lower than {0}.",
    -4028: "Leverage {0} is not valid",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4051: "Isolated balance insufficient.",
    -4059: "No need to change position side.",
    -4061: "Order's position side does not match user's setting.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4116: "ClientOrderId is duplicated.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
    -4136: "Target strategy invalid for orderType {0},closePosition true",
    -4140: "Invalid symbol status for opening position.",
    -4141: "Symbol is closed.",
    -4164: "Order's notional must be no smaller than {0} (unless you choose reduce only).",
    -4166: "Search window is restricted to recent 90 days only.",
    -4171: "No need to change multi-assets mode.",
    -5021: "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history",
}
_UNAUTHORISED: Final = -2015


def refusal(code: int, *values: object) -> Refused:
    """The refusal of that code, its text filled in with ``values``."""
    return Refused(401 if code == _UNAUTHORISED else 400, code, _TEXTS[code].format(*values))


def malformed(parameter: str) -> Refused:
    """A mandatory parameter is missing or is not of its type."""
    return refusal(-1102, parameter)
