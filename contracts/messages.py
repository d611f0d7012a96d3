"""Everything that crosses the bus, as frozen structs.

A message is a MessagePack map with field names: its own fields first, then the envelope, and
``recorded_ns`` as the very last field, so that the canonical bytes of a message (the same with
``recorded_ns`` 0, what hashes and comparisons use) are found by cutting its end off; see codec.py.
``type`` is ``<domain>.<name>`` and stands in the subject as ``<domain>.evt.<name>``.

Exact quantities (price, amount, fee, PnL, rates) travel as decimal text; market observations
(open, high, low, close, volume) as float64; times as int64 nanoseconds UTC. New fields have
defaults and are appended; a renamed meaning is a new message.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from live_runner.contracts.policy import BackoffState, ExecutionPolicy

__all__ = [
    "Accepted",
    "AccountReported",
    "Announced",
    "BarRevised",
    "BarSet",
    "BlockedIntent",
    "CancelRequested",
    "Cancelled",
    "Command",
    "Continuation",
    "Corrected",
    "Decided",
    "Denied",
    "Event",
    "Executed",
    "Expired",
    "FailedCall",
    "FeeRate",
    "FeedEnded",
    "Filled",
    "Finished",
    "FundingPaid",
    "FundingRate",
    "Gap",
    "Incident",
    "Income",
    "Instrument",
    "Intent",
    "JoinDeclined",
    "Joined",
    "Leg",
    "LimitReset",
    "LimitTripped",
    "Liquidated",
    "Lot",
    "Owned",
    "Pending",
    "Quote",
    "Reconciled",
    "Rejected",
    "Report",
    "Requested",
    "RiskLevel",
    "RiskLevels",
    "RulesReported",
    "SetBar",
    "Settled",
    "Snapshot",
    "Started",
    "Stopped",
    "StreamGap",
    "Submitted",
    "Theoretical",
    "Timer",
    "Trade",
    "Traded",
    "Unknown",
    "VenueBalance",
    "VenueCall",
    "VenueOrder",
    "VenuePosition",
    "Voided",
]


class Event(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """The envelope that every message ends with."""

    # gc=False here and below: a message holds no references back, so the cyclic collector need not follow it.

    VERSION: ClassVar[int] = 1
    """Version of this type's shape, raised by whoever adds a field (contracts/README.md)."""

    v: int = 1
    """``VERSION`` of whoever made it."""
    id: str
    """Made from what it identifies, the session included: a replay makes the same one."""
    session: str
    source: str
    """``<role>`` when numbered by a core (and reproduced by a replay), ``<role>.shell`` otherwise."""
    seq: int
    """Number within session and source, contiguous from 1."""
    cause: str = ""
    """Id of the event that led to this one."""
    event_ns: int
    """When it happened in the market or at the venue."""
    recorded_ns: int = 0
    """Wall clock at publish; outside every hash and comparison."""


# -- values inside messages ---------------------------------------------------------------------


class Instrument(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The rules of one market. Grid sizes and limits are decimal text; "" means no limit.

    ``tick_size`` and ``lot_size`` are the grid of the exact integers (ticks, lots). Where a venue
    counts significant digits, ``price_precision`` holds the digits and the grid is its finest step.
    """

    symbol: str
    venue: str
    base: str
    quote: str
    settle: str
    contract: bool = True
    inverse: bool = False
    contract_size: str = "1"
    tick_size: str
    lot_size: str
    precision_mode: str = "tick_size"
    """``tick_size``, ``decimal_places`` or ``significant_digits``."""
    price_precision: str = ""
    amount_precision: str = ""
    min_amount: str = ""
    max_amount: str = ""
    min_price: str = ""
    max_price: str = ""
    min_notional: str = ""
    max_notional: str = ""
    rules: str = "venue"
    """Where they come from: ``venue``, ``given`` (config or dataset) or ``inferred`` (from the data)."""


class SetBar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar inside a ``BarSet``; open and close time are the set's."""

    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    late: bool = False


class FundingRate(msgspec.Struct, frozen=True, gc=False):
    """A funding rate that has become due; ``mark`` is the venue's mark price, None when not known."""

    symbol: str
    funding_ns: int
    rate: str
    mark: float | None = None


class FeeRate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The value of one unit of a foreign fee currency in the settle currency when the fee was charged."""

    rate: str
    source: str
    """Where the rate comes from."""
    at_ns: int


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade of an order, as a venue reports it. ``id`` is the venue's: the same trade has it in every report."""

    id: str
    quantity: str
    price: str
    at_ns: int
    fee: str = ""
    """"" where the venue has not named it; negative is a rebate."""
    fee_currency: str = ""
    liquidity: str = ""
    """``maker``, ``taker`` or "" where the venue does not say."""
    fee_rate: FeeRate | None = None
    """Of a fee in another currency than the settle currency, where it is known."""


class VenuePosition(msgspec.Struct, frozen=True, gc=False):
    """A position as a venue reports it; the quantity is that of our instrument, never negative."""

    symbol: str
    leg: str
    quantity: str
    average: str = ""
    mark: str = ""
    leverage: str = ""
    margin_mode: str = ""
    """``cross`` or ``isolated``, "" where the venue does not say."""


class VenueBalance(msgspec.Struct, frozen=True, gc=False):
    """What an account holds of one currency: ``total`` with and ``free`` without what is bound."""

    currency: str
    total: str
    free: str = ""


class VenueOrder(msgspec.Struct, frozen=True, gc=False):
    """An open order as a venue lists it, ours or not; ``client_order_id`` is "" for one that is not of our form."""

    symbol: str
    venue_order_id: str
    client_order_id: str = ""
    side: str = ""
    """``buy`` or ``sell``."""
    leg: str = ""
    kind: str = ""
    quantity: str = ""
    filled: str = ""
    price: str = ""
    trigger: str = ""
    reduce_only: bool = False


class Intent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A strategy's request, as it made it. Nothing in it was filled in by the runner."""

    id: str
    symbol: str
    leg: str
    """``long`` or ``short``: the position meant, not the side of the order."""
    action: str
    """``open``, ``add``, ``partial_close``, ``close``, ``cancel``, ``sync_state``, ``hold`` or ``protect``."""
    quantity: str | None = None
    fraction: str | None = None
    sizing: str = "explicit"
    """``explicit``, or ``delegate_notional``: the runner divides ``notional`` by the price."""
    notional: str | None = None
    style: str | None = None
    """One of ``contracts.vocabulary.STYLES``; None leaves it to the policy (adds) or market (closes)."""
    limit_price: str | None = None
    take_profit: str | None = None
    stop_loss: str | None = None
    time_to_live_ns: int | None = None
    fallback: list[str] = []
    """Reasons for which a limit may become a market order: ``reject``, ``timeout``."""
    close_semantics: str = "strict"
    """``strict``, or ``sync_if_absent``: a venue that proves there is nothing closes it locally."""
    order_id: str | None = None
    """The order to cancel."""
    reason: str = ""
    policy: ExecutionPolicy | None = None
    """Overrides the strategy's policy for this intent."""
    bar_open_ns: int = 0


class BlockedIntent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An intent that the strategy's own policy held back at the decision (backoff, strategy error)."""

    intent: Intent
    reason: str
    detail: str = ""


class FailedCall(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A call into strategy code that raised; the traceback is in the incident, not here."""

    symbol: str
    call: str
    error: str


class Lot(msgspec.Struct, frozen=True, gc=False):
    """An open piece of a leg; quantity and price are decimal text."""

    quantity: str
    price: str
    opened_ns: int
    order_id: str


class Leg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One side of one symbol's position after a change. Lots stand oldest first; flat has none."""

    symbol: str
    leg: str
    quantity: str
    average: str
    """Shown, never stored: cost over quantity, rounded half-even to 1e-12."""
    lots: list[Lot]
    realised: str
    blocked: str = ""
    """Why opens and adds are refused on this leg, when they are."""
    backoff: BackoffState | None = None
    """The leg's rejections in a row; None when the last attempt at an open or add was not rejected."""


class Pending(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order that is not finished."""

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    side: str
    kind: str
    action: str
    remaining: str
    price: str | None = None
    status: str
    expires_ns: int | None = None
    parent: str = ""
    """The entry order that this stop or target protects; "" for every other order."""


class RiskLevel(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How near a limit or a cap is: in money, basis points, seconds, or a number of things."""

    name: str
    value: str
    limit: str
    left: str
    """The limit less the value; 0 or less where it is reached."""
    tripped: bool = False
    not_applied: str = ""
    """Why the session cannot apply the limit, "" where it does."""


class Continuation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The session that this one continues: it takes over legs, open orders and state."""

    session: str
    hash: str
    """The running hash at its end."""


# -- session ------------------------------------------------------------------------------------


class Announced(Event, frozen=True, kw_only=False, tag="session.announced"):
    """``run`` asks for a session: everything that a service needs to join it."""

    VERSION: ClassVar[int] = 2

    stage: str
    config: dict[str, Any]
    """The whole configuration with every default written out (contracts/config.py)."""
    config_hash: str
    strategy: str
    """``<module>:<class>`` inside ``sources``."""
    sources: dict[str, str]
    """Module name to source text: the strategy and every project module it imports."""
    strategy_hash: str
    engine_version: str
    engine_hash: str
    warmup_bars: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    """max(strategy's own requirement, config)."""
    speed: Annotated[float, Meta(ge=0.001, le=1e9)] | None = None
    """Pace of a recording as a multiple of real time; no part of the configuration that events depend on."""
    engine: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    """Engine version (contracts/engine.py) of the ``run`` that announces."""


class Joined(Event, frozen=True, kw_only=False, tag="session.joined"):
    """A service takes part, with what it alone knows."""

    VERSION: ClassVar[int] = 2

    role: str
    instance: str
    instruments: list[Instrument] = []
    dataset: dict[str, Any] = {}
    """Provenance of the bars: the dataset's manifest (market_data)."""
    warmup_found: int = 0
    first_open_ns: int = 0
    """Open time of the first tradable bar; 0 when it is known only from the live feed (market_data)."""
    policy: ExecutionPolicy | None = None
    packages: dict[str, str] = {}
    """Installed distributions that strategy code may import, by version (strategy)."""
    engine: int = 1
    """Engine version of this service (contracts/engine.py)."""
    engine_version: str = ""
    """Version of the package that this service runs."""
    engine_hash: str = ""
    """Hash of the sources that this service runs."""
    platform: dict[str, str] = {}
    """Machine, libraries and build of this service."""


class JoinDeclined(Event, frozen=True, kw_only=False, tag="session.refused"):
    """A service does not take part: a token, one sentence, and the numbers."""

    role: str
    reason: str
    message: str
    details: dict[str, Any] = {}


class Started(Event, frozen=True, kw_only=False, tag="session.started"):
    """The manifest: merged from ``joined``, never changed, folded first by every core."""

    VERSION: ClassVar[int] = 2

    stage: str
    config: dict[str, Any]
    config_hash: str
    strategy: str
    strategy_hash: str
    engine_version: str
    engine_hash: str
    dataset: dict[str, Any]
    instruments: list[Instrument]
    policy: ExecutionPolicy
    warmup_bars: int
    warmup_found: int
    first_open_ns: int
    models: dict[str, str]
    """Names and versions of the fill, cost, margin and lot models."""
    platform: dict[str, str]
    packages: dict[str, str]
    compare_command: str
    engine: int = 1
    """Engine version: which rules and bytes the session is played with (contracts/engine.py)."""
    continues: Continuation | None = None


class Owned(Event, frozen=True, kw_only=False, tag="session.owned"):
    """A process takes a role of a session; only the owner of the last epoch may publish for it."""

    role: str
    instance: str
    epoch: int


class Snapshot(Event, frozen=True, kw_only=False, tag="session.snapshot"):
    """A core's state was stored. ``stream_seq`` is the last input folded, ``core_seq`` the last output."""

    role: str
    object: str
    stream_seq: int
    core_seq: int
    state_hash: str
    bytes: int


class Voided(Event, frozen=True, kw_only=False, tag="session.voided"):
    """The stream refused an output of a core and took later ones: what stands of these numbers before here is void.

    Published once by recovery, before the same numbers come again in order.
    """

    role: str
    from_seq: int
    """The number that was refused: the next one that counts, and the first one after this message."""
    to_seq: int
    """The last number that stands in the log before this message."""


class Timer(Event, frozen=True, kw_only=False, tag="session.timer"):
    """A timer that a core had set has fired (never in simulated stages)."""

    role: str
    name: str
    due_ns: int


class Stopped(Event, frozen=True, kw_only=False, tag="session.stopped"):
    """The session is over; published by execution after its last effect."""

    reason: str
    summary: dict[str, Any]
    hash: str = ""
    state_hash: str = ""


# -- market -------------------------------------------------------------------------------------


class BarSet(Event, frozen=True, kw_only=False, tag="market.bar_set"):
    """Every symbol's closed bar of one close time, in configured symbol order."""

    VERSION: ClassVar[int] = 2

    number: int
    """Counts the sets of the session from 1, warmup included."""
    open_ns: int
    close_ns: int
    bars: list[SetBar]
    missing: list[str] = []
    funding: list[FundingRate] = []
    warmup: bool = False
    hash: str = ""
    """Of this set and all before it (numbering.py), so that a bar changed afterwards shows; "" in a backtest."""


class Gap(Event, frozen=True, kw_only=False, tag="market.gap"):
    """Bars that were missed: [from_ns, to_ns) in open times. ``filled`` when they were fetched."""

    symbol: str
    from_ns: int
    to_ns: int
    bars: int
    filled: bool
    reason: str


class BarRevised(Event, frozen=True, kw_only=False, tag="market.bar_revised"):
    """The venue changed a bar after it was published; sessions keep what they saw."""

    symbol: str
    open_ns: int
    before: SetBar
    after: SetBar


class Quote(Event, frozen=True, kw_only=False, tag="market.quote"):
    """The best bid and ask of a symbol at one time, an input of the execution core where orders go to a real venue."""

    symbol: str
    bid: float
    ask: float


class RulesReported(Event, frozen=True, kw_only=False, tag="market.rules_reported"):
    """The rules of a market as its venue has them now, an input of the execution core in stages that send orders."""

    instrument: Instrument
    status: str = ""
    """The venue's word for a market that takes no new positions (``SETTLING``); "" for one that trades."""


class FeedEnded(Event, frozen=True, kw_only=False, tag="market.feed_ended"):
    """No further bar set follows: the recording is at its end, or the session was asked to end."""

    reason: str
    sets: int
    close_ns: int


# -- strategy -----------------------------------------------------------------------------------


class Decided(Event, frozen=True, kw_only=False, tag="strategy.decided"):
    """All intents of one close time, or none."""

    close_ns: int
    intents: list[Intent]
    blocked: list[BlockedIntent] = []
    failed: list[FailedCall] = []
    hash: str = ""
    state_hash: str = ""


class Finished(Event, frozen=True, kw_only=False, tag="strategy.finished"):
    """The strategy has folded the end of the feed and will decide no more."""

    hash: str = ""
    state_hash: str = ""


# -- order --------------------------------------------------------------------------------------


class Requested(Event, frozen=True, kw_only=False, tag="order.requested"):
    """An order, normalized, about to be handed to the venue. It is in the log before it is sent."""

    VERSION: ClassVar[int] = 2

    order_id: str
    client_order_id: str
    intent_id: str
    attempt: int
    symbol: str
    leg: str
    side: str
    action: str
    kind: str
    """One of ``contracts.vocabulary.KINDS``: an order style, ``stop`` or ``take_profit``."""
    quantity: str
    price: str | None
    """Limit or trigger price."""
    reduce_only: bool
    reference_price: str
    """The close of the bar that was decided on, on the tick."""
    expires_ns: int | None
    reason: str
    asked_quantity: str | None = None
    """The intent's own quantity before normalization, when it gave one."""
    parent: str = ""
    """The entry order that this stop or target protects; "" for every other order."""


class Submitted(Event, frozen=True, kw_only=False, tag="order.submitted"):
    """The order was handed to the venue; its answer is awaited."""

    order_id: str
    symbol: str


class Accepted(Event, frozen=True, kw_only=False, tag="order.accepted"):
    """The venue has the order; once more where it was unknown and is found standing, whatever part of it has filled."""

    order_id: str
    symbol: str
    venue_order_id: str


class Filled(Event, frozen=True, kw_only=False, tag="order.filled"):
    """One fill: exactly one ledger entry, one row and one notification.

    Money is in the settle currency, the fee in ``fee_currency``.
    """

    VERSION: ClassVar[int] = 2

    order_id: str
    fill_id: str
    intent_id: str
    symbol: str
    leg: str
    side: str
    action: str
    kind: str
    quantity: str
    price: str
    notional: str
    fee: str
    fee_currency: str
    liquidity: str
    """``maker`` or ``taker``."""
    realised: str
    """Realised PnL before fees."""
    reference_price: str
    slippage: str
    """Cost against the reference price (the open for next_open); positive is adverse."""
    filled: str
    remaining: str
    status: str
    reason: str
    leg_quantity: str
    """The leg's quantity after this fill."""
    provisional: bool = False
    """Price and fee are derived from the order's totals: the venue has not yet reported the trade itself."""
    fee_rate: FeeRate | None = None
    """Of a fee in another currency than the settle currency, where it is known. No amount is converted by it."""


class CancelRequested(Event, frozen=True, kw_only=False, tag="order.cancel_requested"):
    """The order is being taken off the book."""

    order_id: str
    symbol: str
    reason: str


class Cancelled(Event, frozen=True, kw_only=False, tag="order.cancelled"):
    """The order is off the book; what was filled before stays filled."""

    VERSION: ClassVar[int] = 2

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    action: str
    filled: str
    remaining: str
    reason: str
    retrying: bool = False
    """A further order for the same intent follows (a fallback); False also where one is permitted but held back."""


class Expired(Event, frozen=True, kw_only=False, tag="order.expired"):
    """The order's time to live ran out."""

    VERSION: ClassVar[int] = 2

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    action: str
    filled: str
    remaining: str
    reason: str
    retrying: bool = False
    """A further order for the same intent follows (a fallback); False also where one is permitted but held back."""


class Rejected(Event, frozen=True, kw_only=False, tag="order.rejected"):
    """The venue refused the order."""

    VERSION: ClassVar[int] = 2

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    action: str
    code: str
    message: str
    retryable: bool = False
    """Whether the venue would take the same order later."""
    retrying: bool = False
    """A further order for the same intent follows, at once (a fallback) or after its spacing (an attempt).

    False also where one is permitted but held back, by a backoff or the trading state: ``order.refused`` follows then.
    """


class Denied(Event, frozen=True, kw_only=False, tag="order.refused"):
    """The runner does not carry the intent out: a token (``missing_quantity``) and one sentence."""

    intent_id: str
    symbol: str
    leg: str
    action: str
    reason: str
    message: str
    order_id: str = ""


class Unknown(Event, frozen=True, kw_only=False, tag="order.unknown"):
    """The venue's answer is missing or unreadable; nothing is sent for this leg until it is resolved."""

    order_id: str
    symbol: str
    reason: str


class Report(Event, frozen=True, kw_only=False, tag="order.report"):
    """A real venue's report on an order, an input of the execution core. Late, doubled, out of order."""

    VERSION: ClassVar[int] = 2

    client_order_id: str
    symbol: str
    status: str
    venue_order_id: str = ""
    filled: str = "0"
    """Total filled so far."""
    last_quantity: str = ""
    last_price: str = ""
    fill_id: str = ""
    fee: str = ""
    fee_currency: str = ""
    liquidity: str = ""
    code: str = ""
    message: str = ""
    retryable: bool = False
    """Of a rejection: whether the same order may be tried again later."""
    trades: list[Trade] = []
    """Trades of the order that the answer names, oldest first."""
    cost: str = ""
    """Price times quantity of all that is filled so far; "" where the venue does not name it."""
    quantity: str = ""
    """The order's quantity at the venue, which may have cut it; "" where the venue does not name it."""
    sent_ns: int = 0
    """When the request that this answers left, on the venue's clock; 0 where it answers none."""
    asked_ns: int = 0
    """When the venue was asked, on its clock: the answer is at least as new. 0 for what it sent unasked."""
    complete: bool = False
    """Whether ``trades`` are all trades of the order up to ``asked_ns``."""
    via: str = ""
    """How it came: ``send``, ``cancel``, ``query``, ``listing`` or ``stream``."""
    parent: str = ""
    """Client order id of the trigger order that became this one; "" for every other order."""
    meaning: str = ""
    """Of a rejection: what the venue's code says, by the venue's table, where a rule depends on it; "" otherwise.

    - ``duplicate``: an order with this client id stands there already. It is asked for, never rejected.
    - ``no_position``: the venue holds nothing that the order could reduce. A close is not tried again; where its intent
      is ``sync_if_absent``, the next complete answer without the position takes the leg out (``account.reconciled``).
    - ``reduce_only_refused``: the venue does not take the reduce-only flag. In hedge mode a close is tried once more by
      the side of its position, which cannot open the other one; in one-way mode it ends.
    - ``too_small``: the order is below the venue's minimum. The risk limit ``minimum_size`` counts it.
    - ``account_differs``: position mode, margin mode or leverage are not what the order was made for. Both legs are
      halted.
    """


class Corrected(Event, frozen=True, kw_only=False, tag="order.corrected"):
    """A trade replaces a fill that was booked at the order's average price, because the trade was not known yet.

    The quantity stays as it was booked; ``amount`` is what the account gains by the true price and fee, in the settle
    currency, booked now. Trips that were closed against the fill are not rewritten.
    """

    order_id: str
    fill_id: str
    """The venue's id of the trade."""
    intent_id: str
    symbol: str
    leg: str
    side: str
    quantity: str
    price_before: str
    price: str
    fee_before: str
    fee: str
    fee_currency: str
    liquidity: str
    amount: str
    fee_rate: FeeRate | None = None
    """As in `order.filled`."""


class Theoretical(Event, frozen=True, kw_only=False, tag="order.theoretical"):
    """A fill that the paper venue's model gives an order which a real venue has: no position, no money is moved.

    It stands beside the order's real fills: the same order, the bar in which the model fills it, and at what price.
    """

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    side: str
    action: str
    kind: str
    quantity: str
    price: str
    fee: str
    """At the configured rate, in the settle currency."""
    liquidity: str
    reference_price: str
    slippage: str
    remaining: str


# -- account ------------------------------------------------------------------------------------


class FundingPaid(Event, frozen=True, kw_only=False, tag="account.funding"):
    """Funding on one leg; ``amount`` is signed: negative was paid."""

    symbol: str
    leg: str
    funding_ns: int
    rate: str
    mark: str
    quantity: str
    amount: str


class AccountReported(Event, frozen=True, kw_only=False, tag="account.reported"):
    """What a real venue says of the account, an input of the execution core.

    A list that was not asked for, or of which a part is missing, is not ``complete``: what is not in it may exist. Each
    ``asked_ns`` is the time of asking on the venue's clock, 0 for a list that was not asked for.
    """

    VERSION: ClassVar[int] = 2

    positions: list[VenuePosition] = []
    positions_complete: bool = False
    positions_asked_ns: int = 0
    balances: list[VenueBalance] = []
    balances_complete: bool = False
    balances_asked_ns: int = 0
    orders: list[VenueOrder] = []
    orders_complete: bool = False
    orders_asked_ns: int = 0
    position_mode: str = ""
    """``hedge`` or ``one_way``, "" where the venue was not asked."""
    leverage: dict[str, str] = {}
    """By symbol, where the venue was asked; for one that is held the position has it too."""
    margin_mode: dict[str, str] = {}
    """``cross`` or ``isolated``, in the same way."""


class Traded(Event, frozen=True, kw_only=False, tag="account.traded"):
    """One trade of the account that belongs to none of the session's orders, an input of the execution core.

    Where it is ``forced`` the venue closed the position itself, and the trade is booked. Otherwise somebody else
    traded: it is kept, and explains a difference that the operator lets the session adopt.
    """

    symbol: str
    leg: str
    """"" where the venue's position has no side of its own (one-way mode)."""
    side: str
    """``buy`` or ``sell``."""
    trade: Trade
    venue_order_id: str = ""
    client_order_id: str = ""
    """As the venue has it, which may be of its own making (``autoclose-...``)."""
    forced: str = ""
    """``liquidation``, ``adl`` or ``settlement``; "" for a trade that somebody made."""


class Reconciled(Event, frozen=True, kw_only=False, tag="account.reconciled"):
    """A leg is taken to what the venue proves, without a fill of one of the session's orders. ``reason`` is why:

    - ``closed_elsewhere``: a close that the strategy gave as ``sync_if_absent`` found no position.
    - ``liquidation``, ``adl``, ``settlement``: the venue closed lots by force, by the trade ``trade_id``, with its fee.
    - ``adopted``: the operator's policy, or ``reconcile --apply``, lets the session take a difference over. Trades that
      are known and explain all of it are booked one by one, each at its price and with its fee. Without them, lots that
      the venue has beyond the ledger come in at the venue's entry price.

    - ``insurance``: the venue's insurance fund took or gave something after a liquidation; no lots are moved.

    Lots that are gone without a known trade leave the ledger at the last close, and without a fee: what was paid for
    them elsewhere is not known here.
    """

    VERSION: ClassVar[int] = 2

    symbol: str
    leg: str
    """"" where an entry of the insurance fund names none."""
    reason: str
    quantity_before: str
    quantity: str
    price: str
    amount: str
    """What the ledger realises by it, in the settle currency."""
    order_id: str
    """The close to which the venue answered that there is nothing; "" for other reasons."""
    report: str
    """Id of the ``account.reported`` or ``account.traded`` that proves it."""
    asked_ns: int
    difference: str = ""
    """Of ``adopted``: ``position_more``, ``position_less`` or ``foreign_position``."""
    trade_id: str = ""
    """Of the trade that is booked, or of the insurance fund's entry."""
    fee: str = "0"
    fee_currency: str = ""


class Income(Event, frozen=True, kw_only=False, tag="account.income"):
    """One entry of a real venue's ledger other than a trade, an input of the execution core.

    ``event_ns`` is the venue's time of it, ``amount`` is signed: negative was paid.
    """

    income_id: str
    """The venue's: the same entry has it in every answer."""
    kind: str
    """``funding``, ``fee``, ``liquidation``, ``insurance``, ``transfer`` or ``other``."""
    amount: str
    currency: str
    symbol: str = ""
    """"" where the entry belongs to the whole account."""
    leg: str = ""
    rate: str = ""
    mark: str = ""


class StreamGap(Event, frozen=True, kw_only=False, tag="account.stream_gap"):
    """A private stream of a real venue was silent or lost from one time to another, an input of the execution core."""

    stream: str
    from_ns: int
    to_ns: int
    reason: str = ""


class Liquidated(Event, frozen=True, kw_only=False, tag="account.liquidated"):
    """Margin was used up and the venue closed the symbol's legs; the fills follow."""

    symbol: str
    price: str
    equity: str
    maintenance: str


class Settled(Event, frozen=True, kw_only=False, tag="account.settled"):
    """The account at one close, after matching. ``legs`` are those that changed since the last one."""

    VERSION: ClassVar[int] = 2

    close_ns: int
    legs: list[Leg]
    pending: list[Pending]
    cash: str
    """Starting equity + realised - fees + funding."""
    realised: str
    unrealised: str
    equity: str
    fees: str
    funding: str
    slippage: str
    turnover: str
    exposure: str
    margin: str
    drawdown_realised: str
    """Largest fall of cash from its peak so far, positive."""
    drawdown_equity: str
    """Largest fall of equity from its peak so far, positive."""
    gate: str
    """``open``, ``stopped``, ``killed`` or ``flattening``."""
    hash: str = ""
    state_hash: str = ""
    foreign_fees: dict[str, str] = {}
    """Fees charged so far in other currencies than the settle currency, by currency; in no other total."""


class LimitTripped(Event, frozen=True, kw_only=False, tag="account.limit_tripped"):
    """A risk limit has been reached. ``stop``, ``kill`` and ``flatten`` hold until it is reset."""

    limit: str
    """Its name in section ``risk`` of the configuration, or in ``account.limits``."""
    value: str
    most: str
    """The limit, as it is configured."""
    action: str
    reset: str
    until_ns: int | None = None
    """The end of its cooldown."""
    symbol: str = ""
    leg: str = ""
    order_id: str = ""
    author: str = "risk"
    """``risk``, or ``risk:ACCOUNT`` for the limits of an account."""


class LimitReset(Event, frozen=True, kw_only=False, tag="account.limit_reset"):
    """A risk limit that had tripped is reset, and its count begins anew."""

    limit: str
    why: str
    """``resume``, ``day``, ``cooldown`` or ``recovered``."""
    author: str
    """The operator, or ``risk``."""
    action: str


class RiskLevels(Event, frozen=True, kw_only=False, tag="account.risk"):
    """How near every limit and cap is, before each ``account.settled`` of a session that has some."""

    close_ns: int
    levels: list[RiskLevel]


class Executed(Event, frozen=True, kw_only=False, tag="account.executed"):
    """The last effect of a decision that named intents is in the log."""

    close_ns: int
    requested: int
    refused: int


# -- ops ----------------------------------------------------------------------------------------


class Command(Event, frozen=True, kw_only=False, tag="ops.command"):
    """An accepted operator command: ``stop``, ``kill``, ``resume``, ``flatten``, ``end`` or ``abort``;
    ``reconcile_adopt``, ``reconcile_flatten`` or ``reconcile_halt`` for the differences of positions that stand.
    """

    command: str
    author: str
    reason: str


class VenueCall(Event, frozen=True, kw_only=False, tag="ops.venue_call"):
    """One call to a venue: what was asked, what came back or which exception, how long it took."""

    call: str
    arguments: dict[str, Any]
    outcome: str
    result: Any = None
    error: str = ""
    started_ns: int = 0
    latency_ns: int = 0


class Incident(Event, frozen=True, kw_only=False, tag="ops.incident"):
    """Something an operator should know: a token, one sentence, and the facts."""

    severity: str
    """``warning``, ``error`` or ``fatal`` (the session cannot go on)."""
    code: str
    message: str
    details: dict[str, Any] = {}
