"""Requests to the gateway of a venue account and its answers, over core NATS: one MessagePack map each.

    venue.req.<account>             every request; the reply is an ``Outcome``
    wake.<account>.<symbol>         something happened to this symbol: ask. It carries no fact
    wake.<account>.all              a private stream was lost: ask for every symbol

The gateway holds the keys, the clock and the budget of one account and decides nothing. A request that changes
something names the session, its epoch and the place in the log of what it carries out; one of an old epoch is refused.
Whatever cannot be proven is said as it is: an ``Outcome`` whose ``fate`` is ``unknown`` is neither success nor absence.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import Instrument, Trade, VenueBalance, VenueOrder, VenuePosition

__all__ = [
    "CHANGING_VERBS",
    "VERBS",
    "AccountFacts",
    "AccountTrade",
    "GatewayRequest",
    "IncomeEntry",
    "Moment",
    "OrderAnswer",
    "Outcome",
    "decode_outcome",
    "decode_request",
    "encode",
]

Verb = Literal[
    "send",
    "validate",
    "cancel",
    "query",
    "open_orders",
    "trades_since",
    "positions",
    "balances",
    "income",
    "account",
    "rules",
]
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
CHANGING_VERBS: Final = frozenset({"send", "cancel"})
"""Verbs that need the current epoch of a session."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A moment on a clock that goes on while a machine sleeps, and on the wall for whoever has booted otherwise."""

    boot_id: str
    boot_ns: int
    wall_ns: int

    def age_ns(self, now: Moment) -> int:
        """Nanoseconds from this moment to ``now``; by the wall clocks where the two are not of one boot."""
        if self.boot_id and self.boot_id == now.boot_id:
            return now.boot_ns - self.boot_ns
        return now.wall_ns - self.wall_ns


class GatewayRequest(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One request. ``made`` is when its sender decided to ask: the send window begins there."""

    verb: Verb
    account: str
    made: Moment
    session: str = ""
    epoch: int = 0
    """Of the session's execution role, as its last ``session.owned`` has it."""
    stream_seq: int = 0
    """Place in the log of the event that is carried out (``order.requested``, ``order.cancel_requested``)."""
    effect: SendOrder | CancelOrder | QueryOrder | None = None
    window_ns: int = 0
    """A request that has not left so long after ``made`` is not sent; 0 for the gateway's own window."""
    position_mode: str = "hedge"
    symbols: tuple[str, ...] = ()
    """Of a listing; none means the whole account."""
    since_id: str = ""
    """Trades: the id of the last one that is known; they are listed from it on."""
    since_ns: int = 0
    """Trades and income: the venue's time from which on they are listed. A query: when the order was sent."""


class OrderAnswer(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One order as the venue answers with it; the fields are those of ``order.report``."""

    client_order_id: str
    symbol: str
    status: str
    """``accepted``, ``partly_filled``, ``filled``, ``cancelled``, ``expired`` or ``rejected``."""
    venue_order_id: str = ""
    filled: str = "0"
    cost: str = ""
    quantity: str = ""
    last_price: str = ""
    """The order's average price."""
    trades: list[Trade] = []
    parent: str = ""
    at_ns: int = 0
    """The venue's time of it, 0 where it names none."""
    named: str = ""
    """The client order id as the venue has it, of its own or somebody else's making too."""


class AccountTrade(msgspec.Struct, frozen=True, gc=False):
    """One trade of the account, whosever order it belongs to."""

    symbol: str
    venue_order_id: str
    side: str
    trade: Trade
    leg: str = ""


class IncomeEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One entry of the venue's ledger, as ``account.income`` has it."""

    income_id: str
    kind: str
    amount: str
    currency: str
    at_ns: int
    symbol: str = ""


class AccountFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the venue, and the gateway's own file, say of the account itself; "" or None where they do not."""

    position_mode: str = ""
    can_trade: bool | None = None
    can_withdraw: bool | None = None
    leverage: dict[str, str] = {}
    """By symbol."""
    margin_mode: dict[str, str] = {}
    recv_window_ms: int = 0
    """For how long the venue may take a request, as the gateway asks of it; 0 where it is not known."""


class Outcome(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a request has come to. Times are nanoseconds on the venue's clock, 0 for none.

    ``fate`` is ``done``, ``rejected``, ``retryable``, ``duplicate``, ``gone``, ``unlisted``, ``unknown`` or
    ``not_sent``; services/venues/answers.py says what each proves. Only ``done`` has lists.
    """

    verb: Verb
    fate: str
    code: str = ""
    message: str = ""
    meaning: str = ""
    """As ``order.report`` has it."""
    follow_up: str = ""
    session: str = ""
    epoch: int = 0
    stream_seq: int = 0
    sent_ns: int = 0
    """When the request that changes something left; nothing left where it is 0."""
    asked_ns: int = 0
    """When the venue was asked: the answer is at least as new."""
    answered_ns: int = 0
    busy_until_ns: int = 0
    """Until then the venue, or our own budget, takes nothing of this kind."""
    complete: bool = False
    """Whether the lists are all there is; of a query that found nothing: whether fills were looked for, too."""
    via: str = ""
    """``send``, ``cancel``, ``query`` or ``listing``."""
    orders: list[OrderAnswer] = []
    open_orders: list[VenueOrder] = []
    order_ids: list[dict[str, str]] = []
    """Of each open order every id that the venue has for it, by the venue's own names."""
    trades: list[AccountTrade] = []
    positions: list[VenuePosition] = []
    balances: list[VenueBalance] = []
    incomes: list[IncomeEntry] = []
    account: AccountFacts | None = None
    rules: list[Instrument] = []
    statuses: dict[str, str] = {}
    """The venue's words for those of ``rules`` that take no new positions, by symbol."""


_encoder: Final = msgspec.msgpack.Encoder()
_requests: Final = msgspec.msgpack.Decoder(GatewayRequest)
_outcomes: Final = msgspec.msgpack.Decoder(Outcome)
_INVALID: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def encode(message: GatewayRequest | Outcome) -> bytes:
    """Bytes of a request or an answer."""
    return _encoder.encode(message)


def decode_request(data: bytes) -> GatewayRequest:
    """The request; MessageError for other bytes."""
    return _decoded(_requests, "request to the gateway", data)  # type: ignore[no-any-return]  # the decoder's type


def decode_outcome(data: bytes) -> Outcome:
    """The answer; MessageError for other bytes."""
    return _decoded(_outcomes, "answer of the gateway", data)  # type: ignore[no-any-return]  # the decoder's type


def _decoded(decoder: msgspec.msgpack.Decoder[Any], what: str, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except _INVALID as error:
        raise MessageError(
            f"{len(data)} bytes are not a valid {what}: {error}",
            remedy="Run one build of every service",
            size=len(data),
        ) from error
