"""Intents against the contract: an order, or a refusal with a token and one sentence.

The runner never decides. It has no default size and changes no style; what an intent leaves open is
either filled in by the strategy's own execution policy or the intent is refused. Checks stand in the
order in which they are made, so that the first thing wrong is the thing named.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.ids import client_order_id, order_id
from live_runner.contracts.messages import Intent
from live_runner.contracts.policy import ENTRIES, ExecutionPolicy
from live_runner.hotpath import fixed
from live_runner.services.execution.core.market import LEGS, Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["ACTIONS", "EXITS", "STYLES", "Refusal", "RefusalError", "check_leg", "order_of", "order_side"]

EXITS: Final = ("partial_close", "close")
ACTIONS: Final = (*ENTRIES, *EXITS, "cancel", "sync_state", "hold")
STYLES: Final = ("market", "limit", "post_only")
FALLBACKS: Final = ("reject", "timeout")
SIZINGS: Final = ("explicit", "delegate_notional")


class Refusal(NamedTuple):
    """Why an intent is not carried out: a token and one sentence."""

    reason: str
    message: str


class RefusalError(Exception):
    """Carries a refusal out of a check; never leaves the core."""

    def __init__(self, reason: str, message: str) -> None:
        self.refusal = Refusal(reason, message)
        super().__init__(message)


def order_side(leg: str, reduce_only: bool) -> str:
    """``buy`` or ``sell``."""
    return "buy" if (leg == "long") != reduce_only else "sell"


def order_of(intent: Intent, session: Session, market: Market, position: int, *, closing: bool) -> Order:
    """The order of an entry or exit, normalized; RefusalError when the intent's fields do not make one.

    ``position`` is the leg's open lots; ``closing``: a market order is on its way that closes them all, so
    that an open may follow it in the same decision.
    """
    policy = intent.policy or session.policy
    entry = intent.action in ENTRIES
    if intent.action == "partial_close" or entry:
        _check_size(intent, entry)
    style = _style(intent, policy)
    _check_words(intent, policy)
    price = _limit_price(intent, market, style)
    stop = _trigger(intent.stop_loss, "stop_loss", intent, market)
    target = _trigger(intent.take_profit, "take_profit", intent, market)
    reference = market.close_ticks
    _check_side(intent, price or reference, stop, target)
    _check_position(intent, position, closing=closing)
    lots = _entry_lots(intent, market, policy, price or reference) if entry else _exit_lots(intent, market, position)
    expires = None if style == "market" else _expiry(intent, policy, session.now_ns)
    identity = order_id(intent.id, 1)
    return Order(
        order_id=identity,
        client_order_id=client_order_id(identity),
        intent_id=intent.id,
        attempt=1,
        symbol=intent.symbol,
        leg=intent.leg,
        side=order_side(intent.leg, not entry),
        action=intent.action,
        kind=style,
        quantity=lots,
        price=price or None,
        reduce_only=not entry,
        reference=reference,
        expires_ns=expires,
        reason=intent.reason,
        stop=stop if entry else 0,
        target=target if entry else 0,
        fallback=(*intent.fallback, *policy.fallback),
        policy=intent.policy,
        asked=intent.quantity,
        waits=market.late and market.bar_set == session.bar_set,
    )


def _check_size(intent: Intent, entry: bool) -> None:
    """The quantity is said, in one of the ways the contract knows."""
    if intent.sizing not in SIZINGS:
        raise RefusalError("bad_quantity", f"'{intent.sizing}' is no sizing: {' or '.join(SIZINGS)}")
    delegated = entry and intent.sizing == "delegate_notional"
    if delegated:
        given = intent.notional
        if given is None:
            raise RefusalError("missing_quantity", "delegate_notional names no notional")
    elif not entry and intent.quantity is None:
        if intent.fraction is None:
            raise RefusalError("missing_quantity", "A partial_close names neither quantity nor fraction")
        _check_fraction(intent.fraction)
        return
    else:
        given = intent.quantity
        if given is None:
            raise RefusalError(
                "missing_quantity", f"An {intent.action} names no quantity and does not delegate its sizing"
            )
    if _positive(given) is None:
        raise RefusalError("bad_quantity", f"'{given}' is no positive decimal number")


def _check_fraction(text: str) -> None:
    parsed = _positive(text)
    if parsed is None or parsed[0] > 10 ** parsed[1]:
        raise RefusalError("bad_fraction", f"'{text}' is no share of a position: above 0 and at most 1")


def _style(intent: Intent, policy: ExecutionPolicy) -> str:
    """The intent's style, else the policy's for adds, else market for closes; entries never get one for free."""
    style = intent.style
    if style is None and intent.action == "add":
        style = policy.add_style
    if style is None and intent.action in EXITS:
        style = "market"
    if style is None:
        raise RefusalError("missing_order_style", f"An {intent.action} names no order style, nor does the policy")
    if style not in STYLES:
        raise RefusalError("missing_order_style", f"'{style}' is no order style: {', '.join(STYLES)}")
    return style


def _check_words(intent: Intent, policy: ExecutionPolicy) -> None:
    for reason in (*intent.fallback, *policy.fallback):
        if reason not in FALLBACKS:
            raise RefusalError("bad_fallback", f"'{reason}' is no reason for a fallback: {', '.join(FALLBACKS)}")


def _limit_price(intent: Intent, market: Market, style: str) -> int:
    """Ticks of the limit, 0 for a market order."""
    if style == "market":
        return 0
    if intent.limit_price is None:
        raise RefusalError("missing_limit_price", f"A {style} order needs a limit price")
    return _price(intent.limit_price, "limit_price", market)


def _trigger(text: str | None, name: str, intent: Intent, market: Market) -> int:
    if text is None:
        return 0
    if intent.action not in ENTRIES:
        raise RefusalError("bad_price", f"A {intent.action} cannot carry a {name}; only an open or add can")
    return _price(text, name, market)


def _price(text: str, name: str, market: Market) -> int:
    if _positive(text) is None:
        raise RefusalError("bad_price", f"{name} '{text}' is no positive decimal number")
    try:
        ticks = market.normalizer.price_ticks(text)
    except NormalizationRefused as refused:
        raise RefusalError(refused.reason, str(refused)) from refused
    if ticks <= 0:
        raise RefusalError("bad_price", f"{name} {text} is below one tick of {market.grid.step}")
    return ticks


def _check_side(intent: Intent, price: int, stop: int, target: int) -> None:
    """A stop on the winning side, or a target on the losing one, would fire at once."""
    sign = 1 if intent.leg == "long" else -1
    if stop and sign * (price - stop) <= 0:
        raise RefusalError("bad_price", f"stop_loss {intent.stop_loss} of a {intent.leg} leg would trigger at once")
    if target and sign * (target - price) <= 0:
        raise RefusalError("bad_price", f"take_profit {intent.take_profit} of a {intent.leg} leg would fill at once")


def _check_position(intent: Intent, position: int, *, closing: bool) -> None:
    if intent.action == "open" and position and not closing:
        raise RefusalError("not_flat", f"The {intent.leg} leg of {intent.symbol} is open already; add enlarges it")
    if intent.action != "open" and not position:
        raise RefusalError("no_position", f"The {intent.leg} leg of {intent.symbol} is flat")


def _entry_lots(intent: Intent, market: Market, policy: ExecutionPolicy, price: int) -> int:
    if intent.sizing == "delegate_notional":
        mantissa, decimals = fixed.parse_decimal(intent.notional or "")
        value = market.valuation
        lots = mantissa * 10**fixed.MONEY_DECIMALS * value.divisor // (10**decimals * price * value.multiplier)
        lots = _amount(market, market.lot_grid.text(lots), "down") if lots else 0
    else:
        lots = _amount(market, intent.quantity or "", policy.open_rounding)
    if lots <= 0:
        raise RefusalError("amount_rounds_to_zero", f"The quantity is below one lot of {market.lot_grid.step}")
    _check_notional(market, lots, price)
    return lots


def _exit_lots(intent: Intent, market: Market, position: int) -> int:
    """The whole leg, or a part of it: never more than there is, never rounded up."""
    if intent.action == "close":
        return position
    if intent.quantity is not None:
        lots = min(_amount(market, intent.quantity, "down"), position)
    else:
        mantissa, decimals = fixed.parse_decimal(intent.fraction or "")
        lots = position * mantissa // 10**decimals
        if lots and lots < position:
            lots = _amount(market, market.lot_grid.text(lots), "down")
    if lots <= 0:
        raise RefusalError("amount_rounds_to_zero", f"The part to close is below one lot of {market.lot_grid.step}")
    return lots


def _amount(market: Market, text: str, rounding: str) -> int:
    try:
        lots: int = market.normalizer.amount_lots(text, rounding)
    except NormalizationRefused as refused:
        raise RefusalError(refused.reason, str(refused)) from refused
    return lots


def _check_notional(market: Market, lots: int, price: int) -> None:
    notional = market.valuation.notional(lots, price)
    rules = market.instrument
    if rules.min_notional and notional < fixed.money(rules.min_notional):
        raise RefusalError(
            "below_min_notional",
            f"A notional of {fixed.money_text(notional)} is below the market's minimum of {rules.min_notional}",
        )
    if rules.max_notional and notional > fixed.money(rules.max_notional):
        raise RefusalError(
            "above_max_notional",
            f"A notional of {fixed.money_text(notional)} is above the market's maximum of {rules.max_notional}",
        )


def _expiry(intent: Intent, policy: ExecutionPolicy, now_ns: int) -> int | None:
    if intent.time_to_live_ns is not None:
        if intent.time_to_live_ns <= 0:
            raise RefusalError("bad_time_to_live", f"A time to live of {intent.time_to_live_ns} ns is over already")
        return now_ns + intent.time_to_live_ns
    if policy.time_to_live_s is not None:
        return now_ns + round(policy.time_to_live_s * 1e9)
    return None


def _positive(text: str) -> tuple[int, int] | None:
    try:
        parsed: tuple[int, int] = fixed.parse_decimal(text)
    except ValueError:
        return None
    return parsed if parsed[0] > 0 else None


def check_leg(intent: Intent) -> None:
    """Action and leg are words of the contract."""
    if intent.action not in ACTIONS:
        raise RefusalError("unknown_action", f"'{intent.action}' is no action: {', '.join(ACTIONS)}")
    if intent.leg not in LEGS:
        raise RefusalError("unknown_leg", f"'{intent.leg}' is no leg: long or short")
