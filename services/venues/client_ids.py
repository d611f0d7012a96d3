"""Our client order ids at a venue: how they are worded there, and by which ccxt calls an order is named by them.

Data and text, no call. Most venues take the id as it is; where ccxt sends it under another name than the venue reads,
the arguments here are those with which its own request builder sends the right one. Each venue's table stands in its
profile and is shown request by request in tests/property/test_client_ids.py; docs/client_ids.md is made from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from live_runner.contracts.ids import CLIENT_ORDER_ID_BYTES

__all__ = ["OPERATIONS", "OURS", "WORDED", "CcxtCall", "ClientIds", "NoCall", "Operation"]

Operation = Literal["place", "place_trigger", "fetch", "fetch_trigger", "cancel", "cancel_trigger"]
OPERATIONS: Final[tuple[Operation, ...]] = (
    "place",
    "place_trigger",
    "fetch",
    "fetch_trigger",
    "cancel",
    "cancel_trigger",
)
"""What is done by client order id; a trigger order waits at the venue for a price (stop, target)."""

OURS: Final = "{ours}"
"""Stands in a call's arguments for the id as the runner writes it."""
WORDED: Final = "{worded}"
"""Stands in a call's arguments for the id as the venue writes it."""

_OURS: Final = re.compile(rf"[0-9a-f]{{{2 * CLIENT_ORDER_ID_BYTES}}}")


@dataclass(frozen=True, slots=True)
class CcxtCall:
    """A unified method of ccxt and the keyword arguments by which it names the order.

    The caller adds ``symbol``, and where an order is placed ``type``, ``side``, ``amount``, ``price`` and what else it
    has for ``params``. ``fetch_open_orders`` and ``fetch_orders`` answer with a list: the order, or nothing.
    """

    method: str
    fields: tuple[str, ...]
    """Where the id stands in the request, by the venue's own names; in braces for a part of the path."""
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NoCall:
    """An operation that unmodified ccxt cannot do by client order id."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClientIds:
    """What one venue makes of client order ids."""

    takes: str
    """The ids that it takes, as a regular expression of the whole."""
    calls: Mapping[Operation, CcxtCall | NoCall]
    prefix: str = ""
    suffix: str = ""
    stored_in_lower_case: bool = False
    unparsed: tuple[str, ...] = ()
    """Fields of an answer that hold the id and that ccxt's parser passes over."""

    def worded(self, client_order_id: str) -> str:
        """Our id as the venue writes it."""
        return f"{self.prefix}{client_order_id}{self.suffix}"

    def stored(self, worded: str) -> str:
        """A worded id as the venue stores it and answers with it."""
        return worded.lower() if self.stored_in_lower_case else worded

    def ours(self, named: object) -> str:
        """Our id out of what the venue names an order by; "" for whatever is not worded as ours.

        The wording alone is looked at: whether a session of ours made the id, its log says.
        """
        if not isinstance(named, str) or not (named.startswith(self.prefix) and named.endswith(self.suffix)):
            return ""
        bare = named.removeprefix(self.prefix).removesuffix(self.suffix)
        return bare if _OURS.fullmatch(bare) else ""

    def of_order(self, order: Mapping[str, Any]) -> str:
        """Our id out of an order as ccxt's parser gives it; "" for a stranger's."""
        info = order.get("info")
        more = [info.get(name) for name in self.unparsed] if isinstance(info, Mapping) else []
        return next(filter(None, map(self.ours, [order.get("clientOrderId"), *more])), "")

    def call(self, operation: Operation, client_order_id: str) -> CcxtCall | NoCall:
        """The call for this order, its id filled in."""
        call = self.calls[operation]
        if isinstance(call, NoCall):
            return call
        words = {OURS: client_order_id, WORDED: self.worded(client_order_id)}
        return replace(call, arguments={key: _filled(value, words) for key, value in call.arguments.items()})


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, Mapping):
        return {key: _filled(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, words) for inner in value]
    return value
