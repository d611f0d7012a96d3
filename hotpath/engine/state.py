# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""State that the parts of the engine share: markets, account, open orders, time, and where events go."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import cython

from live_runner.contracts.config import Config, check_rules
from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import ConfigError, DataError, OurFault
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import Instrument, Started, Trade
from live_runner.contracts.stages import SENDING_STAGES
from live_runner.contracts.vocabulary import LOT_METHODS
from live_runner.hotpath import fixed, normalize
from live_runner.hotpath.constants import AMOUNT_END
from live_runner.hotpath.engine.book import Book
from live_runner.hotpath.engine.columns import Columns
from live_runner.hotpath.engine.ledger import Ledger, Position
from live_runner.hotpath.engine.orders import Order, Policy

if not cython.compiled:
    from live_runner.hotpath.engine.limits import Limit
    from live_runner.hotpath.engine.notices import Notice, begin_notice
    from live_runner.hotpath.engine.python_money import divide, money_text, mul, of_whole, ticks_at, whole
    from live_runner.hotpath.engine.words import CLOSE, MARKET, STOP, TAKE_PROFIT, TRADING_OPEN

__all__ = ["BASIS_POINTS", "FUNDING_WAITING_MAX", "REPORT_IT", "Market", "Sink", "State"]

REPORT_IT: Final = "This is a fault of the program: keep the session's log and report it"
BASIS_POINTS: Final = 10_000
REASONS_MAX: Final = 100
"""Reasons that refusals and rejections are counted by."""
FUNDING_WAITING_MAX: Final = 10_000
"""Funding rates of one symbol that may wait for its next bar."""
RATE_DECIMALS: Final = 18
"""Of a funding rate; venues give eight."""
CAP_MAX: Final = 2**62
"""Lots of a bar: more than any order has, so that a greater volume bounds nothing."""


def check_instruments(config: Config, instruments: list[Instrument]) -> None:
    """Refuse, before a session starts, what the engine cannot account for: ConfigError names the symbol."""
    known = {instrument.symbol for instrument in instruments}
    for symbol in config.market.symbols:
        if symbol not in known:
            raise ConfigError(
                f"No rules are known for {symbol}",
                remedy="Give its instrument under market.instruments, or a dataset that has it",
                symbol=symbol,
            )
    for instrument in instruments:
        check_rules(instrument)
        if instrument.inverse:
            raise ConfigError(
                f"{instrument.symbol} is an inverse contract, which the ledger does not account for",
                remedy="Trade the linear contract of the same market",
                symbol=instrument.symbol,
            )
        if instrument.settle != config.account.currency:
            raise ConfigError(
                f"{instrument.symbol} settles in {instrument.settle}, the account in {config.account.currency}",
                remedy="Set account.currency, or trade symbols that settle in it",
                symbol=instrument.symbol,
            )


def notional_limit(text: str, least: bool) -> int:
    """A limit of a notional in 1e-12, taken to the notional that can just meet it; -1 for no limit."""
    if not text:
        return -1
    mantissa, decimals = parse_decimal(text)
    units, rest = divmod(mantissa * 10**fixed.MONEY_DECIMALS, 10**decimals)
    return int(min(units + (1 if least and rest else 0), AMOUNT_END - 1))


def half_even(units: int, of: int) -> int:
    """The nearest whole number to a quotient of numbers of any size, a half to the even one."""
    result, rest = divmod(units, of)
    if 2 * rest > of or (2 * rest == of and result % 2):
        result += 1
    return result


class FundingDue:
    """A funding rate that waits for its symbol's next bar: mantissa over scale, and the mark where one was given."""

    funding_ns: int
    rate: Any
    mark: Any
    mantissa: int
    scale: int


def new_funding(funding_ns: int, rate: str, mark: float | None) -> FundingDue:
    """A rate of at most ``RATE_DECIMALS``: an observation, rounded once, half-even."""
    mantissa, decimals = fixed.parse_decimal(rate)
    if decimals > RATE_DECIMALS:
        mantissa = fixed.div_half_even(mantissa, 10 ** (decimals - RATE_DECIMALS))
        decimals = RATE_DECIMALS
    due = FundingDue.__new__(FundingDue)
    due.funding_ns = funding_ns
    due.rate = rate
    due.mantissa = of_whole(mantissa)
    due.scale = of_whole(10**decimals)
    due.mark = mark
    return due


class Market(Position):
    """One symbol: its rules, its orders and its position. It is a position itself, so that none is passed along."""

    open_orders: list[Any]
    funding: list[Any]

    def __init__(self, index: int, instrument: Instrument, config: Config, columns: Columns) -> None:
        self.normalizer = normalize.Normalizer(instrument)
        valuation = fixed.Valuation(instrument.tick_size, instrument.lot_size, instrument.contract_size)
        Position.__init__(self, valuation.multiplier, valuation.divisor)
        self.index = index
        self.columns = columns
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.grid = fixed.Grid(instrument.tick_size)
        self.lot_grid = fixed.Grid(instrument.lot_size)
        mantissa, decimals = parse_decimal(config.fills.slippage_bp)
        base = BASIS_POINTS * 10**decimals
        self.book = Book(
            base + mantissa,
            base - mantissa,
            base,
            config.fills.limit == "through",
            config.account.position_mode == "one_way",
        )
        shift = fixed.MONEY_DECIMALS - self.grid.decimals
        self.average_scale = of_whole(self.grid.mantissa * 10 ** max(shift, 0))
        self.average_divisor = of_whole(10 ** max(-shift, 0))
        self.min_notional = of_whole(notional_limit(instrument.min_notional, True))
        self.max_notional = of_whole(notional_limit(instrument.max_notional, False))
        self.unit = float(valuation.multiplier) / float(valuation.divisor)
        self.tick_scale = 10.0**self.grid.decimals
        self.tick_mantissa = float(self.grid.mantissa)
        self.is_spot = not instrument.contract
        self.participation = parse_decimal(config.fills.participation) if config.fills.participation else None
        self.funding = []
        self.funding_count = self.brackets = 0

    def ticks(self, price: float) -> int:
        """A market observation on the grid, a half to the even count; DataError for one that is not on it."""
        ticks = ticks_at(price, self.tick_scale, self.tick_mantissa)
        if ticks == 0:
            raise self.off_grid(price)
        return ticks

    def off_grid(self, price: float) -> DataError:
        """An observation that is not a price of this market."""
        number = self.columns.bars[self.index].number
        return DataError(
            f"{self.symbol} has the price {price} in bar set {number}, which is not a price on a tick of "
            f"{self.grid.step}",
            remedy="Check the data and the instrument's tick size",
            symbol=self.symbol,
            bar_set=number,
        )

    def close_ticks(self) -> int:
        """The last close on the grid."""
        return self.ticks(self.columns.bars[self.index].close)

    def funding_at_mark(self, due: FundingDue, lots: int) -> int:
        """Funding that a long of lots pays at a given mark, as it is given: it need not lie on the market's grid."""
        if not (isfinite(due.mark) and due.mark > 0):
            raise self.off_grid(due.mark)
        mantissa, decimals = fixed.parse_decimal(fixed.float_text(due.mark))
        price_of_one = fixed.Valuation("1", self.instrument.lot_size, self.instrument.contract_size)
        paid = lots * mantissa * price_of_one.multiplier * whole(due.mantissa)
        return of_whole(half_even(paid, 10**decimals * price_of_one.divisor * whole(due.scale)))

    def cap(self) -> int:
        """Lots that one order may take of the last bar, -1 for any."""
        if self.participation is None:
            return -1
        mantissa, decimals = fixed.parse_decimal(fixed.float_text(self.columns.bars[self.index].volume))
        share, share_decimals = self.participation
        lots = mantissa * share * 10**self.lot_grid.decimals
        return min(int(lots // (self.lot_grid.mantissa * 10 ** (decimals + share_decimals))), CAP_MAX)

    def average(self, cost: int, quantity: int) -> int:
        """Mean entry price in 1e-12: a cost over lots, rounded half-even."""
        if self.by_money:
            paid = whole(cost) * whole(self.divisor) * whole(self.average_scale)
            return of_whole(half_even(paid, quantity * whole(self.multiplier) * whole(self.average_divisor)))
        return divide(mul(cost, self.average_scale), mul(self.average_divisor, quantity))

    def average_text(self, cost: int, quantity: int) -> str:
        """The mean entry price in messages; "0" while flat."""
        if not quantity:
            return "0"
        return money_text(self.average(cost, quantity))

    def closes_whole_leg(self, side: int) -> bool:
        """Whether a market order is on its way that closes all of the leg."""
        for at in range(len(self.open_orders)):
            order = self.open_orders[at]
            if order.side == side and order.action == CLOSE and order.kind == MARKET and not order.cancel_reason:
                return True
        return False

    def closable(self, side: int) -> int:
        """Lots of the leg that no open close may still fill; a stop or target counts once it has triggered."""
        lots = self.leg(side).quantity
        for at in range(len(self.open_orders)):
            order = self.open_orders[at]
            if order.side == side and order.reduce and (order.triggered or order.kind not in (STOP, TAKE_PROFIT)):
                lots -= order.quantity - order.filled
        return max(lots, 0)

    def has_entry(self, side: int) -> bool:
        """Whether an order is open that enlarges the leg."""
        for at in range(len(self.open_orders)):
            order = self.open_orders[at]
            if order.side == side and not order.reduce:
                return True
        return False


class Sink:
    """Where events go, in their order, each when the numbers in it have just changed; the journal makes messages.

    ``State.seq`` is the number of the event. The calls after ``executed`` are effects of a session with a real venue.
    """

    def requested(self, order: Order) -> None:
        """The order is about to be handed to the venue."""
        raise NotImplementedError

    def submitted(self, order: Order, at_ns: int) -> None:
        """The order was handed to the venue; its answer is awaited."""
        raise NotImplementedError

    def accepted(self, order: Order) -> None:
        """The venue has the order."""
        raise NotImplementedError

    def filled(
        self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int, fill_id: str | None
    ) -> None:
        """One fill; its money is the ledger's ``filled_*``."""
        raise NotImplementedError

    def cancel_requested(self, order: Order) -> None:
        """The order is being taken off the book, for ``order.cancel_reason``."""
        raise NotImplementedError

    def ended(self, order: Order, reason: str, retrying: bool) -> None:
        """Cancelled or expired, as the order's state has it."""
        raise NotImplementedError

    def rejected(self, order: Order, code: str, message: str, retryable: bool, retrying: bool) -> None:
        """The venue refused the order."""
        raise NotImplementedError

    def denied(
        self, intent_id: str, symbol: str, leg: str, action: str, reason: str, message: str, order_id: str
    ) -> None:
        """The runner does not carry the intent out, or makes no further attempt at it."""
        raise NotImplementedError

    def unknown(self, order: Order, reason: str) -> None:
        """The venue's answer is missing or unreadable."""
        raise NotImplementedError

    def incident(self, at_ns: int, severity: str, code: str, message: str, details: dict[str, Any]) -> None:
        """Something an operator should know."""
        raise NotImplementedError

    def funded(self, market: Market, leg: str, funding_ns: int, rate: str, mark: str, lots: int, amount: int) -> None:
        """Funding on one leg; a venue may name no rate, no mark or, with both legs held, no leg."""
        raise NotImplementedError

    def liquidated(self, market: Market, ticks: int, equity: int, maintenance: int, at_ns: int) -> None:
        """Margin is used up; the fills of the symbol's legs follow."""
        raise NotImplementedError

    def reconciled(self, market: Market, side: int, before: int, ticks: int, realised: int, fields: list[Any]) -> None:
        """A leg was moved without a fill of ours: from so many lots to what it has, at a price (reconcile.py)."""
        raise NotImplementedError

    def settled(self) -> None:
        """The account at one close."""
        raise NotImplementedError

    def limit_tripped(self, limit: Limit, symbol: str, leg: str, order_id: str) -> None:
        """A risk limit has been reached."""
        raise NotImplementedError

    def limit_reset(self, limit: Limit, why: str, author: str) -> None:
        """A risk limit that had tripped is reset."""
        raise NotImplementedError

    def theoretical(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """The paper venue's model fills an order that a real venue has."""
        raise NotImplementedError

    def corrected(
        self, order: Order, trade: Trade, lots: int, before: int, ticks: int, fee_before: int, fee: int, maker: bool,
        gain: int,
    ) -> None:  # fmt: skip
        """A trade replaces what was booked at the order's average price; ``gain`` is what its price alone changes."""
        raise NotImplementedError

    def executed(self, requested: int, denied: int) -> None:
        """The last effect of a decision that named intents is recorded."""
        raise NotImplementedError

    def send(self, order: Order) -> None:
        """Hand the order that was just requested to the venue."""
        raise NotImplementedError

    def send_again(self, order: Order) -> None:
        """Hand the very same request to the venue once more."""
        raise NotImplementedError

    def cancel_order(self, order: Order, is_child: bool) -> None:
        """Ask the venue to take the order off its book."""
        raise NotImplementedError

    def query(self, order: Order, requested_ns: int, is_child: bool) -> None:
        """Ask the venue what became of the order."""
        raise NotImplementedError

    def set_timer(self, name: str, due_ns: int) -> None:
        """Ask for a timer."""
        raise NotImplementedError


class State:
    """One session: what its parts read and write.

    ``journals``: events go to ``sink``. ``notes``: the strategy is in this process, and gets order events by
    ``notices``; ``notes_updates``: also of requests and acceptances.
    """

    markets: list[Any]
    index: Any
    orders: list[Any]
    notices: list[Any]
    foreign_fees: dict[str, str]
    foreign_rate: Any
    sink: Any

    def __init__(self, started: Started, columns: Columns) -> None:
        config = config_of(started.config)
        check_instruments(config, started.instruments)
        account = config.account
        self.config = config
        self.name = started.session
        self.columns = columns
        self.policy = Policy(started.policy, False)
        self.simulated = started.stage not in SENDING_STAGES
        self.at_close = config.fills.market == "bar_close"
        self.one_way = account.position_mode == "one_way"
        self.late_entries = config.market.late_bars == "trade"
        mantissa, decimals = parse_decimal(config.fees.maker)
        self.maker_rate = mantissa
        self.maker_scale = of_whole(10**decimals)
        mantissa, decimals = parse_decimal(config.fees.taker)
        self.taker_rate = mantissa
        self.taker_scale = of_whole(10**decimals)
        mantissa, decimals = parse_decimal(account.leverage)
        self.leverage = of_whole(mantissa)
        self.leverage_scale = of_whole(10**decimals)
        mantissa, decimals = parse_decimal(account.maintenance_margin)
        self.margin_on = mantissa > 0
        self.maintenance_rate = of_whole(mantissa)
        self.maintenance_scale = of_whole(10**decimals)
        self.maintenance = float(mantissa) / float(10**decimals)
        self.ledger = Ledger(fixed.money(account.equity), LOT_METHODS.index(account.lots))
        by_symbol = {instrument.symbol: instrument for instrument in started.instruments}
        self.markets = []
        self.index = {}
        for index, symbol in enumerate(config.market.symbols):
            market = Market(index, by_symbol[symbol], config, columns)
            market.open_orders = []
            self.ledger.add(market)
            self.markets.append(market)
            self.index[symbol] = index
        self.has_spot = any(not instrument.contract for instrument in started.instruments)
        self.ledger.ends_at_zero = self.simulated and self.margin_on and not self.has_spot
        self.orders = []
        self.notices = []
        self.refusals: dict[str, list[Any]] = {}
        self.rejections: dict[str, list[Any]] = {}
        self.spare: Notice | None = None
        self.has_notices = False
        self.sink = None
        self.journals = False
        self.notes = False
        self.notes_updates = False
        self.seq = 0
        self.now_ns = 0
        self.close_ns = 0
        self.set_number = 0
        self.trading = TRADING_OPEN
        self.trading_author = ""
        self.trading_reason = ""
        self.foreign_fees = {}
        """Fees charged in other currencies than the settle currency, as decimal text by currency."""
        self.foreign_fee = ""
        self.foreign_currency = ""
        self.foreign_rate = None
        self.provisional = False
        self.moved = False
        self.changes = 0
        self.backoffs = 0
        self.halts: dict[int, str] = {}
        self.intents = 0
        self.requested = 0
        self.fills = 0
        self.rejected = 0
        self.denied = 0
        self.numbered = 0
        self.liquidations = 0

    def market_of(self, symbol: str) -> Market:
        """The market of a bar or rate; OurFault for a symbol that the manifest does not name."""
        index = self.index.get(symbol)
        if index is None:
            raise OurFault(
                f"A bar set holds {symbol}, which is not a symbol of this session", remedy=REPORT_IT, symbol=symbol
            )
        market: Market = self.markets[index]
        return market

    def advance(self, at_ns: int) -> None:
        """Time is the largest one seen."""
        if at_ns > self.now_ns:
            self.now_ns = at_ns

    def change(self, market: Market, side: int) -> None:
        """The leg differs from how it was shown last."""
        leg = market.leg(side)
        if not leg.changed:
            leg.changed = True
            self.changes += 1

    def is_late(self, market: Market) -> bool:
        """Whether the symbol's last bar is of this set and came late."""
        at = market.index
        return bool(self.columns.bars[at].late and self.columns.bars[at].number == self.set_number)

    def equity(self) -> int:
        """Cash and what is open, at the last marks."""
        return self.ledger.cash + self.ledger.unrealised

    def initial_margin(self, notional: int) -> int:
        """Money that the notional of contracts binds."""
        return divide(mul(notional, self.leverage_scale), self.leverage)

    def margin_of(self, exposure: int) -> int:
        """Money that the legs of an account with that exposure bind: what is spot is paid for in full."""
        owned = self.owned()
        return owned + self.initial_margin(exposure - owned)

    def owned(self) -> int:
        """Notional of the spot markets' legs, at the last marks."""
        owned = 0
        if self.has_spot:
            for market in self.markets:
                if market.is_spot:
                    owned += market.notional
        return owned

    def event_id(self) -> str:
        """The id of the last event."""
        return f"{self.name}/execution/{self.seq}"

    def count_failure(self, counts: dict[str, list[Any]], reason: str, first: str) -> None:
        """One more for this reason; of the first one the sentence is kept."""
        if reason in counts:
            counts[reason][0] += 1
        elif len(counts) < REASONS_MAX:
            counts[reason] = [1, first]

    def note(self, kind: int, order: Order, at_ns: int) -> Notice:
        """One more notice for the strategy."""
        notice = self.spare if self.spare is not None else Notice.__new__(Notice)
        self.spare = None
        begin_notice(notice, kind, order, order.symbol, order.side, order.action, order.close_ns, order.number, at_ns)
        notice.filled = order.filled
        notice.remaining = order.quantity - order.filled
        notice.state = order.state
        self.notices.append(notice)
        self.has_notices = True
        return notice
