"""Everything the exchange knows, as plain data: a snapshot is this, written down.

Lists that are worked out from it (which orders are open, by symbol) live in ``OpenOrders`` and are made anew from a
snapshot. Events wait in ``State.events`` until they are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from live_runner.services.emulator.binance.amounts import ZERO, divided
from live_runner.services.emulator.binance.rules import SymbolRules

__all__ = [
    "OPEN",
    "Account",
    "AccountOptions",
    "AlgoOrder",
    "Book",
    "FundingStamp",
    "Income",
    "OpenOrders",
    "Options",
    "Order",
    "Position",
    "Print",
    "Row",
    "State",
    "StreamEvent",
    "SymbolMarket",
    "Trade",
]

OPEN: Final = ("NEW", "PARTIALLY_FILLED")
"""Statuses of an order that may still fill."""


class StreamEvent(NamedTuple):
    """One event of a user data stream."""

    account: str
    """The account's API key."""
    name: str
    """The event type ``e``: ORDER_TRADE_UPDATE, ACCOUNT_UPDATE ..."""
    payload: dict[str, Any]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One candle as it is served; prices and volume in decimal text."""

    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


class Print(NamedTuple):
    """A traded price."""

    at_ms: int
    price: Decimal
    quantity: Decimal
    jumps: bool
    """Whether the price got here without passing the prices between (the first trade of a candle)."""


class Book(msgspec.Struct):
    """The depth of one market; see ``Options`` for the fields."""

    spread_ticks: int
    level_quantity: Decimal | None
    levels: int
    participation: Decimal | None
    through: bool


class Options(msgspec.Struct):
    """How the exchange behaves where venues differ or where a test wants the hard case."""

    unfillable_expires: bool = True
    """A post-only order that would take, a FOK order that would not fill: accepted and expired, else -5022, -5021."""
    own_child_ids: bool = True
    """The order of a triggered algo order has a client id of the venue's; else it carries the algo order's."""
    spread_ticks: int = 1
    level_quantity: Decimal | None = None
    """What each level of the book holds; None: the best level has no end."""
    levels: int = 20
    participation: Decimal | None = None
    """Share of a print's quantity that orders resting at its very price may have; None: all they want."""
    through: bool = False
    """Whether a resting order fills only when the price goes beyond its limit."""
    hide_ms: int = 0
    """How long an order that has just filled is answered with -2013."""

    def book(self) -> Book:
        """The depth that every market begins with."""
        return Book(self.spread_ticks, self.level_quantity, self.levels, self.participation, self.through)


class AccountOptions(msgspec.Struct):
    """An account as it is opened."""

    balances: dict[str, Decimal] = msgspec.field(default_factory=lambda: {"USDT": Decimal(10_000)})
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    hedge: bool = False
    """Hedge mode: a long and a short position per symbol."""
    leverage: int = 20
    """Of every symbol until it is changed."""
    bnb_burn: bool = False
    """Fees are taken in BNB, a tenth less, while there is any."""
    bnb_price: Decimal = Decimal(600)
    """Price of BNB where the exchange has no BNBUSDT market."""
    may_trade: bool = True
    may_withdraw: bool = False
    liquidates: bool = True
    """Whether the venue liquidates by itself when the margin is used up."""


class Position(msgspec.Struct):
    """One side of one symbol; in one-way mode the only one (BOTH)."""

    symbol: str
    side: str
    quantity: Decimal = ZERO
    """Signed: below 0 is short."""
    cost: Decimal = ZERO
    """Sum of price * signed quantity of what is held."""
    realized: Decimal = ZERO
    """Before fees, since the account was opened."""
    updated_ms: int = 0

    @property
    def entry(self) -> Decimal:
        """Average price of what is held; 0 when flat."""
        return divided(self.cost, self.quantity) if self.quantity else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        """Profit at that price."""
        return self.quantity * mark - self.cost


class Income(msgspec.Struct, frozen=True):
    """One change of a balance."""

    id: int
    kind: str
    amount: Decimal
    asset: str
    at_ms: int
    symbol: str = ""
    info: str = ""
    trade_id: int = 0


class Trade(msgspec.Struct, frozen=True):
    """One fill of one order."""

    id: int
    order_id: int
    account: str
    symbol: str
    side: str
    position_side: str
    price: Decimal
    quantity: Decimal
    realized: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int


class Order(msgspec.Struct):
    """One order of the matching engine."""

    id: int
    account: str
    client_id: str
    symbol: str
    side: str
    position_side: str
    type: str
    time_in_force: str
    quantity: Decimal
    """What was asked for, or what the venue has cut it to."""
    price: Decimal
    """0 for a market order."""
    created_ms: int
    updated_ms: int
    reduce_only: bool = False
    close_position: bool = False
    status: str = "NEW"
    executed: Decimal = ZERO
    quote: Decimal = ZERO
    """Sum of price * quantity of the fills."""
    good_till_ms: int = 0
    algo_id: int = 0
    """The algo order that became this one; 0: none."""
    original_type: str = ""
    stop_price: Decimal = ZERO
    hidden_until_ms: int = 0
    working_type: str = "CONTRACT_PRICE"
    stp: str = "EXPIRE_MAKER"

    @property
    def rest(self) -> Decimal:
        """What has not filled."""
        return self.quantity - self.executed

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN

    @property
    def sign(self) -> int:
        """1 buys, -1 sells."""
        return 1 if self.side == "BUY" else -1

    @property
    def average(self) -> Decimal:
        """Average price of the fills; 0 without one."""
        return divided(self.quote, self.executed) if self.executed else ZERO


class AlgoOrder(msgspec.Struct):
    """A conditional order: it never fills, it becomes another order (``order_id``)."""

    id: int
    account: str
    client_id: str
    symbol: str
    side: str
    position_side: str
    type: str
    time_in_force: str
    quantity: Decimal
    trigger: Decimal
    """Trigger price; of a trailing stop its activation price, 0 when it is active at once."""
    price: Decimal
    working_type: str
    created_ms: int
    updated_ms: int
    reduce_only: bool = False
    close_position: bool = False
    price_protect: bool = False
    good_till_ms: int = 0
    callback: Decimal = ZERO
    """Percent of a trailing stop."""
    extreme: Decimal = ZERO
    """Best price since a trailing stop became active; 0: not active yet."""
    status: str = "NEW"
    triggered_ms: int = 0
    order_id: int = 0
    reason: str = ""
    hidden_until_ms: int = 0
    stp: str = "EXPIRE_MAKER"


class Account(msgspec.Struct):
    """One account; ``key`` is its API key."""

    key: str
    options: AccountOptions
    opened_ms: int
    wallet: dict[str, Decimal] = msgspec.field(default_factory=dict)
    updated_ms: dict[str, int] = msgspec.field(default_factory=dict)
    """By asset: when its balance last changed."""
    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    """By symbol and side: ``BTCUSDT BOTH``."""
    leverage: dict[str, int] = msgspec.field(default_factory=dict)
    isolated: dict[str, bool] = msgspec.field(default_factory=dict)
    """By symbol: whether its margin type was set to ISOLATED."""
    incomes: list[Income] = msgspec.field(default_factory=list)
    trades: list[Trade] = msgspec.field(default_factory=list)
    countdowns: dict[str, int] = msgspec.field(default_factory=dict)
    """By symbol: when all its open orders are cancelled unless the countdown is set anew."""
    warned: bool = False
    """Whether MARGIN_CALL was sent since the margin was last sufficient."""

    def position(self, symbol: str, side: str) -> Position:
        """The position of that side, flat when there was none."""
        return self.positions.setdefault(f"{symbol} {side}", Position(symbol, side))

    def held(self, symbol: str | None = None) -> list[Position]:
        """Positions that are not flat."""
        return [p for p in self.positions.values() if p.quantity and symbol in (None, p.symbol)]

    def leverage_of(self, symbol: str) -> int:
        """The symbol's leverage."""
        return self.leverage.get(symbol, self.options.leverage)


class FundingStamp(msgspec.Struct, frozen=True):
    """A funding rate that became due."""

    at_ms: int
    rate: Decimal
    mark: Decimal


class SymbolMarket(msgspec.Struct):
    """The market of one symbol."""

    rules: SymbolRules
    book: Book
    last: Decimal = ZERO
    """Last traded price; 0 before the first print."""
    mark_gap: Decimal = ZERO
    """The mark price less the last price."""
    funding_rate: Decimal = Decimal("0.0001")
    """The rate that the next stamp will have."""
    next_funding_ms: int = 0
    changed_ms: int = 0
    updates: int = 0
    """Number of the book's last change."""
    taken: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """What orders took from each side of the book since the last print."""
    rows: list[Row] = msgspec.field(default_factory=list)
    """Candles, the forming one last."""
    funding: list[FundingStamp] = msgspec.field(default_factory=list)

    @property
    def mark(self) -> Decimal:
        """The mark price, which is the index price too."""
        return self.last + self.mark_gap


class State(msgspec.Struct):
    """The exchange."""

    options: Options
    interval_ms: int
    """Length of the candles that are matched on."""
    markets: dict[str, SymbolMarket] = msgspec.field(default_factory=dict)
    accounts: dict[str, Account] = msgspec.field(default_factory=dict)
    orders: dict[int, Order] = msgspec.field(default_factory=dict)
    algos: dict[int, AlgoOrder] = msgspec.field(default_factory=dict)
    next_order_id: int = 1_000_001
    next_algo_id: int = 2_000_000_001
    next_trade_id: int = 3_000_001
    next_income_id: int = 4_000_000_001
    events: list[tuple[str, str, dict[str, Any]]] = msgspec.field(default_factory=list)

    def take_order_id(self) -> int:
        """A number for an order; numbers are not given twice."""
        self.next_order_id += 1
        return self.next_order_id - 1

    def take_trade_id(self) -> int:
        """A number for a trade."""
        self.next_trade_id += 1
        return self.next_trade_id - 1

    def send(self, account: str, payload: dict[str, Any]) -> None:
        """Put an event on the account's stream."""
        self.events.append((account, payload["e"], payload))

    def book_income(
        self,
        account: Account,
        kind: str,
        amount: Decimal,
        asset: str,
        now_ms: int,
        *,
        symbol: str = "",
        info: str = "",
        trade_id: int = 0,
    ) -> Income:
        """Change a balance by an entry of the income ledger; every change of one is made here."""
        income = Income(self.next_income_id, kind, amount, asset, now_ms, symbol, info, trade_id)
        self.next_income_id += 1
        account.incomes.append(income)
        account.wallet[asset] = account.wallet.get(asset, ZERO) + amount
        account.updated_ms[asset] = now_ms
        return income


class OpenOrders:
    """Open orders and waiting algo orders by symbol, and orders by client id, worked out from the state."""

    def __init__(self, state: State) -> None:
        self.orders: dict[str, dict[int, Order]] = {symbol: {} for symbol in state.markets}
        self.algos: dict[str, dict[int, AlgoOrder]] = {symbol: {} for symbol in state.markets}
        self.named: dict[tuple[str, str], list[Order]] = {}
        """Every order by account and client id, the latest last."""
        for order in state.orders.values():
            self.named.setdefault((order.account, order.client_id), []).append(order)
            if order.is_open:
                self.orders[order.symbol][order.id] = order
        for algo in state.algos.values():
            if algo.status == "NEW":
                self.algos[algo.symbol][algo.id] = algo

    def of(self, account: str, symbols: Sequence[str]) -> list[Order]:
        """An account's open orders, by number."""
        return sorted(
            (o for symbol in symbols for o in self.orders[symbol].values() if o.account == account), key=lambda o: o.id
        )

    def algos_of(self, account: str, symbols: Sequence[str]) -> list[AlgoOrder]:
        """An account's waiting algo orders, by number."""
        return sorted(
            (a for symbol in symbols for a in self.algos[symbol].values() if a.account == account), key=lambda a: a.id
        )
