# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Order events on their way to the strategy: what happened, with the numbers of that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from live_runner.hotpath.engine.orders import Order

__all__ = ["Notice", "begin_notice", "new_notice"]


class Notice:
    """One order event since the last decision. Lots, ticks, money in 1e-12; -1 for a side or action without one.

    ``close_ns`` and ``number`` name the intent. ``event`` is the message itself, where the notice was made of one.
    """

    kind: int
    symbol: int
    side: int
    action: int
    number: int
    state: int
    close_ns: int
    lots: int
    ticks: int
    reference: int
    filled: int
    remaining: int
    leg_lots: int
    fill_number: int
    at_ns: int
    notional: int
    fee: int
    realised: int
    slippage: int
    maker: bool
    retrying: bool
    order: Any
    reason: str
    message: str
    event: Any
    details: Any
    group: Any
    puts_back: Any


def new_notice(
    kind: int, order: Order | None, symbol: int, side: int, action: int, close_ns: int, number: int, at_ns: int
) -> Notice:
    """A notice; the numbers that its kind has besides are set by whoever makes it."""
    return begin_notice(Notice.__new__(Notice), kind, order, symbol, side, action, close_ns, number, at_ns)


def begin_notice(
    notice: Notice,
    kind: int,
    order: Order | None,
    symbol: int,
    side: int,
    action: int,
    close_ns: int,
    number: int,
    at_ns: int,
) -> Notice:
    """Set every field of a notice that nobody reads any more: a new one, or one that is used again."""
    notice.kind = kind
    notice.order = order
    notice.symbol = symbol
    notice.side = side
    notice.action = action
    notice.close_ns = close_ns
    notice.number = number
    notice.at_ns = at_ns
    notice.state = 0
    notice.lots = 0
    notice.ticks = 0
    notice.reference = 0
    notice.filled = 0
    notice.remaining = 0
    notice.leg_lots = 0
    notice.fill_number = 0
    notice.notional = 0
    notice.fee = 0
    notice.realised = 0
    notice.slippage = 0
    notice.maker = False
    notice.retrying = False
    notice.reason = ""
    notice.message = ""
    notice.event = None
    notice.details = None
    notice.group = None
    notice.puts_back = None
    return notice
