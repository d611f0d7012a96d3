# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Pre-trade checks: an intent becomes an order, or is denied with a token and one sentence.

The runner never decides. It has no default size and changes no style; what an intent leaves open is either filled in
by the strategy's own execution policy or the intent is denied. The checks are made in the order in which they stand in
``order_of``, so that the first thing wrong is the thing named. What depends on the position, on orders under way, on
the trading state and on the leg's backoff is checked at the moment of sending.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.config import Config, Execution
from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.messages import Intent
from live_runner.contracts.risk import Risk
from live_runner.contracts.vocabulary import ACTIONS, FALLBACKS, KINDS, SIDES, SIZINGS, STYLES
from live_runner.hotpath import fixed
from live_runner.hotpath.constants import EXACT_END, MONEY_DECIMALS
from live_runner.hotpath.engine.orders import FALLBACK_BITS, WAIT_NS_MAX, Policy

if not cython.compiled:
    from live_runner.hotpath.engine.book import takes_at_once
    from live_runner.hotpath.engine.ledger import Leg
    from live_runner.hotpath.engine.orders import Order, new_order, order_name
    from live_runner.hotpath.engine.python_money import (
        is_exact,
        money,
        money_text,
        near,
        quick_lots,
        quick_lots_text,
        quick_ticks,
        quick_ticks_text,
        times,
        whole,
    )
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.trading_state import trading_reason
    from live_runner.hotpath.engine.words import (
        ADD,
        CLOSE,
        DELEGATE_NOTIONAL,
        MARKET,
        OPEN,
        PARTIAL_CLOSE,
        SHORT,
        STOP,
        TAKE_PROFIT,
        TRADING_OPEN,
    )

__all__ = ["Asked", "PreTrade", "asked_of"]

DONE_TO_IT: Final = ("opened", "stopped", "killed", "flattened")
"""What an operator did to a session, by its trading state."""

NOTIONAL_END: Final = 10.0 ** (MONEY_DECIMALS + 15)
"""Money of an order stays below this, so that sums over a thousand of them still fit an account (below 2**100)."""


class Asked:
    """An intent in numbers: what the strategy wants done. -1 for a word that is not in the vocabulary.

    ``style`` is the number of its kind, -1 where none was named, -2 for an unknown one. Quantity and limit price are
    either floats (``by_float``), which stand for their shortest decimal text, or decimal texts. ``message`` is the
    intent as the strategy worded it, None where nobody needed it.
    """

    close_ns: int
    time_to_live_ns: int
    number: int
    symbol: int
    side: int
    action: int
    style: int
    sizing: int
    fallback: int
    by_float: bool
    has_time_to_live: bool
    float_quantity: float
    float_price: float
    quantity: Any
    fraction: Any
    notional: Any
    limit_price: Any
    stop_loss: Any
    take_profit: Any
    unknown_style: Any
    unknown_fallback: Any
    order_id: Any
    intent_text: Any
    reason: str
    policy: Any
    message: Any


def new_asked(close_ns: int, number: int, symbol: int, side: int, action: int) -> Asked:
    """An intent that asks for nothing in particular yet."""
    asked = Asked.__new__(Asked)
    asked.close_ns = close_ns
    asked.number = number
    asked.symbol = symbol
    asked.side = side
    asked.action = action
    asked.style = -1
    asked.sizing = 0
    asked.fallback = 0
    asked.by_float = False
    asked.float_quantity = 0.0
    asked.float_price = 0.0
    asked.quantity = None
    asked.fraction = None
    asked.notional = None
    asked.limit_price = None
    asked.stop_loss = None
    asked.take_profit = None
    asked.has_time_to_live = False
    asked.time_to_live_ns = 0
    asked.unknown_style = None
    asked.unknown_fallback = None
    asked.order_id = None
    asked.intent_text = None
    asked.reason = ""
    asked.policy = None
    asked.message = None
    return asked


def asked_of(intent: Intent, close_ns: int, number: int, state: State) -> Asked:
    """An intent from its message."""
    index = state.index.get(intent.symbol, -1)
    asked = new_asked(close_ns, number, index, place_of(SIDES, intent.leg), place_of(ACTIONS, intent.action))
    asked.intent_text = intent.id
    take_words(asked, intent)
    return asked


def take_words(asked: Asked, intent: Any) -> None:
    """Copy an intent, or a strategy's draft of one, without its symbol, leg and action."""
    if intent.style is not None:
        asked.style = place_of(KINDS, intent.style) if intent.style in STYLES else -2
        asked.unknown_style = intent.style if asked.style == -2 else None
    asked.sizing = place_of(SIZINGS, intent.sizing)
    asked.quantity = intent.quantity
    asked.fraction = intent.fraction
    asked.notional = intent.notional
    asked.limit_price = intent.limit_price
    asked.stop_loss = intent.stop_loss
    asked.take_profit = intent.take_profit
    if intent.time_to_live_ns is not None:
        asked.has_time_to_live = True
        asked.time_to_live_ns = max(-WAIT_NS_MAX, min(intent.time_to_live_ns, WAIT_NS_MAX))
    for word in intent.fallback:
        if word in FALLBACK_BITS:
            asked.fallback |= FALLBACK_BITS[word]
        elif asked.unknown_fallback is None:
            asked.unknown_fallback = word
    asked.order_id = intent.order_id
    asked.reason = intent.reason
    if intent.policy is not None:
        asked.policy = Policy(intent.policy, True)
    asked.message = intent


def place_of(words: tuple[str, ...], word: str) -> int:
    """Number of a word, -1 for an unknown one."""
    return words.index(word) if word in words else -1


class PreTrade:
    """The checks over one session. ``reason`` and ``message``: why the last intent was denied, "" when it was not.

    ``stop`` and ``target`` are those of the last ``protect``, in ticks, 0 for none.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.max_brackets = max_brackets(state.config)
        self.reason = ""
        self.message = ""
        self.stop = 0
        self.target = 0

    def order_of(self, asked: Asked) -> Order | None:
        """The order of an open, add, partial close or close; None when it is denied."""
        self.reason = ""
        state = self.state
        market = state.markets[asked.symbol]
        if state.columns.bars[asked.symbol].number == 0:
            return self.deny("no_price", f"{market.symbol} has had no bar yet")
        policy = state.policy if asked.policy is None else asked.policy
        leg = market.leg(asked.side)
        entry = asked.action <= ADD
        held = leg.quantity
        closing = held > 0 and market.closes_whole_leg(asked.side)
        if (entry or asked.action == PARTIAL_CLOSE) and not self.check_size(asked, entry):
            return None
        style = self.style_of(asked, policy)
        if style < 0 or not self.check_fallback(asked, policy):
            return None
        price = 0
        if style != MARKET:
            price = self.limit_of(asked, style, market)
            if price <= 0:
                return None
        stop = 0
        target = 0
        if asked.stop_loss is not None:
            stop = self.trigger(asked, asked.stop_loss, "stop_loss", market)
            if stop <= 0:
                return None
        if asked.take_profit is not None:
            target = self.trigger(asked, asked.take_profit, "take_profit", market)
            if target <= 0:
                return None
        if (stop or target) and not state.simulated and not self.check_venue(market):
            return None
        reference = market.close_ticks()
        if not self.check_side(asked, price if price else reference, stop, target):
            return None
        if not self.check_position(asked, market, held, closing):
            return None
        if leg.covered and not closing and (stop or target):
            return self.deny(
                "leg_is_protected",
                f"The {SIDES[asked.side]} leg of {market.symbol} has a stop or target of its own, which covers what is "
                "added to it",
            )
        if entry:
            lots = self.entry_lots(asked, market, policy, price if price else reference)
        else:
            lots = self.exit_lots(asked, market, held)
        if lots <= 0:
            return None
        expires_ns = -1
        if not takes_at_once(style):
            expires_ns = self.expiry(asked, policy)
            if expires_ns == -2:
                return None
        if entry:
            if not self.check_entry(asked, market, leg):
                return None
        elif not self.check_exit(asked, market, style):
            return None
        order = new_order(
            state.name,
            asked.close_ns,
            asked.number,
            1,
            asked.symbol,
            asked.side,
            asked.action,
            style,
            lots,
            price,
            reference,
            not entry,
            asked.reason,
        )
        order.intent_text = asked.intent_text
        order.expires_ns = expires_ns
        if entry:
            order.stop = stop
            order.target = target
        order.fallback = asked.fallback | policy.fallback
        order.policy = policy
        if asked.by_float:
            order.asked = None if asked.action == CLOSE else asked.float_quantity
        else:
            order.asked = asked.quantity
        order.waits = state.is_late(market)
        return order

    def check_protection(self, asked: Asked) -> bool:
        """Whether a leg can have the stop and target of a ``protect``; ``stop`` and ``target`` are their ticks then."""
        self.reason = ""
        self.stop = 0
        self.target = 0
        market = self.state.markets[asked.symbol]
        if self.state.columns.bars[asked.symbol].number == 0:
            self.deny("no_price", f"{market.symbol} has had no bar yet")
            return False
        if asked.stop_loss is not None:
            self.stop = self.price_ticks(asked.stop_loss, "stop_loss", market)
            if self.stop <= 0:
                return False
        if asked.take_profit is not None:
            self.target = self.price_ticks(asked.take_profit, "take_profit", market)
            if self.target <= 0:
                return False
        if (self.stop or self.target) and not self.state.simulated and not self.check_venue(None):
            return False
        leg = market.leg(asked.side)
        return self.check_side(asked, market.close_ticks(), self.stop, self.target) and self.check_position(
            asked, market, leg.quantity, False
        )

    def deny(self, reason: str, message: str) -> Order | None:
        """Nothing comes of the intent, for a reason."""
        self.reason = reason
        self.message = message
        return None

    # -- the intent's own fields ----------------------------------------------------------------

    def check_size(self, asked: Asked, entry: bool) -> bool:
        """The quantity is given, in one of the ways the contract knows."""
        if asked.by_float:
            if asked.float_quantity > 0.0:
                return True
            self.deny("bad_quantity", f"'{fixed.float_text(asked.float_quantity)}' is not a positive decimal number")
            return False
        if asked.sizing < 0:
            self.deny("bad_quantity", f"'{asked.message.sizing}' is not a valid sizing: {' or '.join(SIZINGS)}")
            return False
        if entry and asked.sizing == DELEGATE_NOTIONAL:
            given = asked.notional
            if given is None:
                self.deny("missing_quantity", "delegate_notional names no notional")
                return False
        elif not entry and asked.quantity is None:
            if asked.fraction is None:
                self.deny("missing_quantity", "A partial_close names neither quantity nor fraction")
                return False
            return self.check_fraction(asked.fraction)
        else:
            given = asked.quantity
            if given is None:
                self.deny(
                    "missing_quantity",
                    f"An {ACTIONS[asked.action]} names no quantity and does not delegate its sizing",
                )
                return False
        if not is_positive(given):
            self.deny("bad_quantity", f"'{given}' is not a positive decimal number")
            return False
        return True

    def check_fraction(self, text: str) -> bool:
        """A share of a position is above 0 and at most 1."""
        if is_positive(text):
            mantissa, decimals = fixed.parse_decimal(text)
            if mantissa <= 10**decimals:
                return True
        self.deny("bad_fraction", f"'{text}' is not a valid share of a position: above 0 and at most 1")
        return False

    def style_of(self, asked: Asked, policy: Policy) -> int:
        """The intent's style, else the policy's for adds, else market for closes; entries never get one for free."""
        style = asked.style
        text = None
        if style == -2:
            text = asked.unknown_style
        elif style == -1 and asked.action == ADD:
            style = policy.add_style
            text = policy.add_style_text
        if style == -1 and asked.action > ADD:
            style = MARKET
        if style == -1:
            self.deny("missing_order_style", f"An {ACTIONS[asked.action]} names no order style, nor does the policy")
        elif style == -2:
            self.deny("missing_order_style", f"'{text}' is not a valid order style")
        return style

    def check_fallback(self, asked: Asked, policy: Policy) -> bool:
        """Reasons for a fallback are words of the contract."""
        word = asked.unknown_fallback
        if word is None:
            word = policy.unknown_fallback
        if word is None:
            return True
        self.deny("bad_fallback", f"'{word}' is not a valid reason for a fallback: {', '.join(FALLBACKS)}")
        return False

    def limit_of(self, asked: Asked, style: int, market: Market) -> int:
        """Ticks of the limit price, 0 where it is denied."""
        if asked.by_float and asked.style > MARKET:
            ticks = quick_ticks(market.normalizer, asked.float_price)
            if ticks > 0:
                return ticks
            return self.price_ticks(fixed.float_text(asked.float_price), "limit_price", market)
        if asked.limit_price is None:
            self.deny("missing_limit_price", f"The order style {KINDS[style]} needs a limit price")
            return 0
        return self.price_ticks(asked.limit_price, "limit_price", market)

    def trigger(self, asked: Asked, text: str, name: str, market: Market) -> int:
        """Ticks of a stop or target, 0 where it is denied."""
        if asked.action > ADD:
            self.deny("bad_price", f"A {ACTIONS[asked.action]} cannot carry a {name}; only an open or add can")
            return 0
        return self.price_ticks(text, name, market)

    def price_ticks(self, text: str, name: str, market: Market) -> int:
        """A price on the market's grid, 0 where it is denied."""
        ticks = quick_ticks_text(market.normalizer, text)
        if ticks > 0 and is_exact(ticks):
            return ticks
        if not is_positive(text):
            self.deny("bad_price", f"{name} '{text}' is not a positive decimal number")
            return 0
        try:
            ticks = market.normalizer.price_ticks(text)
        except NormalizationRefused as refused:
            self.deny(refused.reason, str(refused))
            return 0
        if ticks <= 0:
            self.deny("bad_price", f"{name} {text} is below one tick of {market.grid.step}")
            return 0
        if not is_exact(ticks):
            self.deny("bad_price", f"{name} {text} is more than 2**53 ticks of {market.grid.step}")
            return 0
        return ticks

    def check_side(self, asked: Asked, price: int, stop: int, target: int) -> bool:
        """A stop on the winning side, or a target on the losing one, would fire at once."""
        leg = SIDES[asked.side]
        if stop and ((stop >= price) if asked.side == 0 else (stop <= price)):
            self.deny("bad_price", f"stop_loss {asked.stop_loss} of a {leg} leg would trigger at once")
            return False
        if target and ((target <= price) if asked.side == 0 else (target >= price)):
            self.deny("bad_price", f"take_profit {asked.take_profit} of a {leg} leg would fill at once")
            return False
        return True

    def check_venue(self, market: Market | None) -> bool:
        """Whether stops and targets may be placed at the venue, and one more bracket on a market."""
        most = self.max_brackets
        if most < 0:
            self.deny(
                "protection_not_configured",
                "Stops and targets at a venue need execution.max_protective and risk.unprotected in the configuration",
            )
            return False
        if market is None:
            return True
        count = market.brackets
        for at in range(len(market.open_orders)):
            order = market.open_orders[at]
            count += not order.reduce and (order.stop > 0 or order.target > 0)
        if count >= most:
            self.deny(
                "max_protective",
                f"{market.symbol} has {count} entries with a stop or target, and execution.max_protective is {most}",
            )
            return False
        return True

    def check_position(self, asked: Asked, market: Market, held: int, closing: bool) -> bool:
        """An open wants a flat leg, or one that is being closed; everything else an open one."""
        if asked.action == OPEN:
            if held and not closing:
                self.deny(
                    "not_flat", f"The {SIDES[asked.side]} leg of {market.symbol} is open already; add enlarges it"
                )
                return False
        elif not held:
            self.deny("no_position", f"The {SIDES[asked.side]} leg of {market.symbol} is flat")
            return False
        return True

    # -- size -----------------------------------------------------------------------------------

    def entry_lots(self, asked: Asked, market: Market, policy: Policy, price: int) -> int:
        """Lots of an open or add, 0 where it is denied."""
        if asked.sizing == DELEGATE_NOTIONAL:
            mantissa, decimals = fixed.parse_decimal(asked.notional)
            count = (
                mantissa
                * 10**fixed.MONEY_DECIMALS
                * whole(market.divisor)
                // (10**decimals * price * whole(market.multiplier))
            )
            if count >= EXACT_END:
                self.deny("bad_quantity", f"A notional of {asked.notional} is more than 2**53 lots")
                return 0
            lots = self.amount(market, market.lot_grid.text(count), "down") if count else 0
        else:
            lots = self.quantity_lots(asked, market, policy.open_rounding)
        if lots < 0:
            return 0
        if lots == 0:
            self.deny("amount_rounds_to_zero", f"The quantity is below one lot of {market.lot_grid.step}")
            return 0
        if not is_exact(lots) or near(lots) * near(price) * market.unit >= NOTIONAL_END:
            self.deny("bad_quantity", f"A notional of 1e15 {market.instrument.settle} or more does not fit an account")
            return 0
        if not self.check_notional(market, lots, price):
            return 0
        return lots

    def exit_lots(self, asked: Asked, market: Market, held: int) -> int:
        """The whole leg, or a part of it: never more than there is, never rounded up. 0 where it is denied."""
        if not self.state.simulated and (asked.action != CLOSE or asked.style > MARKET):
            held = market.closable(asked.side)  # what other closes may still fill is theirs
            if held == 0:
                self.deny("close_pending", f"Orders that close the {SIDES[asked.side]} leg are not over yet")
                return 0
        if asked.action == CLOSE:
            return held
        if asked.by_float or asked.quantity is not None:
            lots = self.quantity_lots(asked, market, "down")
            if lots > held:
                lots = held
        else:
            mantissa, decimals = fixed.parse_decimal(asked.fraction)
            lots = held * mantissa // 10**decimals
            if 0 < lots < held:
                lots = self.amount(market, market.lot_grid.text(lots), "down")
        if lots == 0:
            self.deny("amount_rounds_to_zero", f"The part to close is below one lot of {market.lot_grid.step}")
        return max(lots, 0)

    def quantity_lots(self, asked: Asked, market: Market, rounding: str) -> int:
        """Lots of the intent's quantity; -1 where the market does not take it."""
        if asked.by_float:
            lots = quick_lots(market.normalizer, asked.float_quantity, rounding)
            if lots >= 0:
                return lots
            return self.amount(market, fixed.float_text(asked.float_quantity), rounding)
        return self.amount(market, asked.quantity, rounding)

    def amount(self, market: Market, text: str, rounding: str) -> int:
        """Lots of a quantity; -1 where the market does not take it."""
        lots = quick_lots_text(market.normalizer, text, rounding)
        if lots >= 0:
            return lots
        try:
            lots = market.normalizer.amount_lots(text, rounding)
        except NormalizationRefused as refused:
            self.deny(refused.reason, str(refused))
            return -1
        return lots

    def check_notional(self, market: Market, lots: int, price: int) -> bool:
        """The notional is inside the market's limits."""
        if market.min_notional < 0 and market.max_notional < 0:
            return True
        notional = money(times(lots, price), market.multiplier, market.divisor)
        if market.min_notional >= 0 and notional < market.min_notional:
            self.deny(
                "below_min_notional",
                f"A notional of {money_text(notional)} is below the market's minimum of "
                f"{market.instrument.min_notional}",
            )
            return False
        if market.max_notional >= 0 and notional > market.max_notional:
            self.deny(
                "above_max_notional",
                f"A notional of {money_text(notional)} is above the market's maximum of "
                f"{market.instrument.max_notional}",
            )
            return False
        return True

    def expiry(self, asked: Asked, policy: Policy) -> int:
        """When the order's time runs out, -1 for never; -2 where it is denied."""
        if asked.has_time_to_live:
            if asked.time_to_live_ns <= 0:
                self.deny("bad_time_to_live", f"A time to live of {asked.time_to_live_ns} ns is over already")
                return -2
            return self.state.now_ns + asked.time_to_live_ns
        if policy.has_time_to_live:
            return max(self.state.now_ns + policy.time_to_live_ns, 0)
        return -1

    # -- position, orders under way, trading state ----------------------------------------------

    def check_entry(self, asked: Asked, market: Market, leg: Leg) -> bool:
        """Nothing holds the leg's opens and adds back."""
        state = self.state
        name = SIDES[asked.side]
        if market.is_spot and asked.side == SHORT:
            self.deny("spot_short", f"{market.symbol} is a spot market: its short leg cannot be opened")
            return False
        if state.one_way:
            # One leg at a time; a leg that a market order is closing counts as flat.
            other = 1 - asked.side
            held = market.leg(other).quantity
            if (held and not market.closes_whole_leg(other)) or market.has_entry(other):
                self.deny(
                    "one_way_conflict", f"The {SIDES[other]} leg is open or being opened, and the mode is one_way"
                )
                return False
        if leg.backoff is not None and leg.backoff.blocks(state.now_ns):
            self.deny("backoff", f"The {name} leg is in backoff since {leg.backoff.event_id}: {leg.backoff.detail}")
            return False
        if not state.late_entries and state.is_late(market):
            self.deny("late_bar", f"The bar of {market.symbol} came late, and market.late_bars is not 'trade'")
            return False
        if state.trading != TRADING_OPEN:
            self.deny(
                trading_reason(state),
                f"{state.trading_author} has {DONE_TO_IT[state.trading]} this session: {state.trading_reason}",
            )
            return False
        if leg.unresolved:
            self.deny("leg_blocked", f"What became of an order on the {name} leg is not known yet")
            return False
        if state.halts and 2 * market.index + asked.side in state.halts:
            why = state.halts[2 * market.index + asked.side]
            self.deny("leg_halted", f"The {name} leg of {market.symbol} is halted ({why}) until a resume")
            return False
        return True

    def check_exit(self, asked: Asked, market: Market, style: int) -> bool:
        """One close of a leg at a time: a second one only when it is at the market and the first is not."""
        name = SIDES[asked.side]
        if market.closes_whole_leg(asked.side):
            self.deny("close_pending", f"The {name} leg is being closed already")
            return False
        if asked.action == CLOSE and style != MARKET:
            for at in range(len(market.open_orders)):
                other = market.open_orders[at]
                if other.side == asked.side and other.action == CLOSE and other.kind not in (MARKET, STOP, TAKE_PROFIT):
                    self.deny("close_pending", f"{order_name(other)} stands to close the {name} leg")
                    return False
        return True


def max_brackets(config: Config) -> int:
    """Most stops and targets of entries on one market at a venue, -1 where the configuration permits none at all."""
    execution: Any = config.execution
    risk: Any = config.risk
    if not isinstance(execution, Execution) or not isinstance(risk, Risk) or risk.unprotected is None:
        return -1
    return -1 if execution.max_protective is None else execution.max_protective


def is_positive(text: str) -> bool:
    """Whether it is a decimal number above 0."""
    try:
        mantissa, _ = fixed.parse_decimal(text)
    except ValueError:
        return False
    return bool(mantissa > 0)
