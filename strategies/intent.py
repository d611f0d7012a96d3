"""Intents of a strategy: ``intent.open(...)``, ``add``, ``partial_close``, ``close``, ``protect``, ``cancel``,
``sync_state`` and ``hold``.

Each makes a frozen ``Draft``; the host numbers it and it becomes the recorded intent. The runner
carries out what the draft says and fills nothing in: no quantity and no delegated notional means
``missing_quantity``, an add whose style is named neither here nor in the policy means
``missing_order_style``. Prices and quantities may be float, int, Decimal or text; quantities are in
units of the base currency (contracts where the market counts contracts), prices in quote currency.

Order styles: ``market``; ``limit``, which rests until it is filled, cancelled or out of time; ``post_only``, a limit
that is refused rather than take; ``ioc`` (immediate or cancel), a limit that takes what it can at once, on paper at
the next open, while the rest is cancelled with reason ``ioc``. All but ``market`` need a ``limit_price``. What
ends an ``ioc`` order is not a timeout: no fallback follows, and a time to live does not matter to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec
from msgspec.structs import force_setattr

from live_runner.contracts.errors import StrategyError
from live_runner.contracts.policy import ExecutionPolicy, check_policy, is_encodable
from live_runner.strategies.numbers import Number, number_text

__all__ = ["Draft", "Side", "Style", "add", "cancel", "close", "hold", "open", "partial_close", "protect", "sync_state"]

type Side = Literal["long", "short"]
type Style = Literal["market", "limit", "post_only", "ioc"]


class Draft(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An intent before the host has given it its id. Make it with the functions of this module."""

    symbol: str
    leg: str
    action: str
    quantity: str | None = None
    fraction: str | None = None
    sizing: str = "explicit"
    notional: str | None = None
    style: str | None = None
    limit_price: str | None = None
    take_profit: str | None = None
    stop_loss: str | None = None
    time_to_live_ns: int | None = None
    fallback: tuple[str, ...] = ()
    close_semantics: str = "strict"
    order_id: str | None = None
    reason: str = ""
    policy: ExecutionPolicy | None = None

    def __post_init__(self) -> None:
        """StrategyError for a value that no recorded intent can have: the call that made the draft is refused."""
        for name in _TEXTS:
            self._take_text(name, getattr(self, name))
        for name in _OPTIONAL_TEXTS:
            if (value := getattr(self, name)) is not None:
                self._take_text(name, value)
        if not isinstance(self.fallback, tuple | list):
            raise _refused("fallback", self.fallback, "a list of reasons")
        if len(self.fallback) > FALLBACKS_MAX:
            raise StrategyError(f"An intent has {len(self.fallback)} fallbacks", remedy=f"Give {FALLBACKS_MAX} at most")
        for reason in self.fallback:
            _check_text("fallback", reason)
        if any(type(reason) is not str for reason in self.fallback):
            force_setattr(self, "fallback", tuple(map(str, self.fallback)))
        if (lives_ns := self.time_to_live_ns) is not None and not (type(lives_ns) is int and abs(lives_ns) < 2**63):
            raise _refused("time_to_live_ns", lives_ns, "whole nanoseconds within 64 bits")
        if self.policy is not None:
            check_policy(self.policy)

    def _take_text(self, name: str, value: object) -> None:
        """A member of an enumeration becomes its text: the engine takes nothing else."""
        _check_text(name, value)
        if type(value) is not str:
            force_setattr(self, name, str(value))


TEXT_LENGTH_MAX: Final = 10_000
"""Characters of one text of an intent."""
FALLBACKS_MAX: Final = 10
_TEXTS: Final = ("symbol", "leg", "action", "sizing", "close_semantics", "reason")
_OPTIONAL_TEXTS: Final = (
    *("quantity", "fraction", "notional", "style"),
    *("limit_price", "take_profit", "stop_loss", "order_id"),
)


def _check_text(name: str, value: object) -> None:
    if type(value) is not str and not isinstance(value, StrEnum):
        raise _refused(name, value, "text")
    if len(value) > TEXT_LENGTH_MAX:
        what = f"The {name} of an intent has {len(value)} characters"
        raise StrategyError(what, remedy=f"Give {TEXT_LENGTH_MAX} at most")
    if not value.isascii() and not is_encodable(value):
        raise _refused(name, value, "text without halves of surrogate pairs")


def _refused(name: str, value: object, wanted: str) -> StrategyError:
    return StrategyError(f"The {name} of an intent is {ascii(value)[:40]}", remedy=f"Give {wanted}")


def _text(value: Number | None) -> str | None:
    return None if value is None else number_text(value)


def _entry(
    action: str,
    symbol: str,
    leg: Side,
    quantity: Number | None,
    notional: Number | None,
    style: Style | None,
    limit_price: Number | None,
    take_profit: Number | None,
    stop_loss: Number | None,
    time_to_live_s: float | None,
    fallback: Sequence[str],
    reason: str,
    policy: ExecutionPolicy | None,
) -> Draft:
    return Draft(
        symbol=symbol,
        leg=leg,
        action=action,
        quantity=_text(quantity),
        sizing="explicit" if notional is None else "delegate_notional",
        notional=_text(notional),
        style=style,
        limit_price=_text(limit_price),
        take_profit=_text(take_profit),
        stop_loss=_text(stop_loss),
        time_to_live_ns=None if time_to_live_s is None else round(time_to_live_s * 1e9),
        fallback=tuple(fallback),
        reason=reason,
        policy=policy,
    )


def open(
    symbol: str,
    leg: Side,
    quantity: Number | None = None,
    *,
    notional: Number | None = None,
    style: Style | None = "market",
    limit_price: Number | None = None,
    take_profit: Number | None = None,
    stop_loss: Number | None = None,
    time_to_live_s: float | None = None,
    fallback: Sequence[str] = (),
    reason: str = "",
    policy: ExecutionPolicy | None = None,
) -> Draft:
    """Open a flat leg. ``notional`` instead of a quantity leaves the division by the price to the runner.

    ``take_profit`` and ``stop_loss`` are placed at the venue as reduce-only trigger orders.
    ``fallback`` names for which reasons (``reject``, ``timeout``) a limit may become a market order.
    """
    return _entry(
        "open", symbol, leg, quantity, notional, style, limit_price, take_profit, stop_loss, time_to_live_s, fallback,
        reason, policy,
    )  # fmt: skip


def add(
    symbol: str,
    leg: Side,
    quantity: Number | None = None,
    *,
    notional: Number | None = None,
    style: Style | None = None,
    limit_price: Number | None = None,
    take_profit: Number | None = None,
    stop_loss: Number | None = None,
    time_to_live_s: float | None = None,
    fallback: Sequence[str] = (),
    reason: str = "",
    policy: ExecutionPolicy | None = None,
) -> Draft:
    """Grow an open leg. The order style comes from here or from ``ExecutionPolicy.add_style``."""
    return _entry(
        "add", symbol, leg, quantity, notional, style, limit_price, take_profit, stop_loss, time_to_live_s, fallback,
        reason, policy,
    )  # fmt: skip


def partial_close(
    symbol: str,
    leg: Side,
    *,
    quantity: Number | None = None,
    fraction: Number | None = None,
    style: Style | None = None,
    limit_price: Number | None = None,
    time_to_live_s: float | None = None,
    reason: str = "",
    policy: ExecutionPolicy | None = None,
) -> Draft:
    """Close a quantity, or a fraction (above 0, at most 1) of the leg; market unless a style is named."""
    return Draft(
        symbol=symbol,
        leg=leg,
        action="partial_close",
        quantity=_text(quantity),
        fraction=_text(fraction),
        style=style,
        limit_price=_text(limit_price),
        time_to_live_ns=None if time_to_live_s is None else round(time_to_live_s * 1e9),
        reason=reason,
        policy=policy,
    )


def close(
    symbol: str,
    leg: Side,
    *,
    style: Style | None = None,
    limit_price: Number | None = None,
    sync_if_absent: bool = False,
    reason: str = "",
    policy: ExecutionPolicy | None = None,
) -> Draft:
    """Close the whole leg. With ``sync_if_absent`` a venue that proves there is nothing closes it locally."""
    return Draft(
        symbol=symbol,
        leg=leg,
        action="close",
        style=style,
        limit_price=_text(limit_price),
        close_semantics="sync_if_absent" if sync_if_absent else "strict",
        reason=reason,
        policy=policy,
    )


def protect(
    symbol: str,
    leg: Side,
    *,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
    reason: str = "",
) -> Draft:
    """Have this stop and this target stand for the whole leg, from the next open on; None for none.

    The first ``protect`` of a leg cancels the stops and targets of its entries. What stands covers what the leg holds,
    whatever is added or closed, and ends when the leg is flat. Each further one replaces what it does not repeat;
    without prices the leg is left without a stop and a target.
    """
    return Draft(
        symbol=symbol,
        leg=leg,
        action="protect",
        stop_loss=_text(stop_loss),
        take_profit=_text(take_profit),
        reason=reason,
    )


def cancel(symbol: str, leg: Side, order_id: str, *, reason: str = "") -> Draft:
    """Take one pending order off the book; its id is in ``view.pending(symbol)``."""
    return Draft(symbol=symbol, leg=leg, action="cancel", order_id=order_id, reason=reason)


def sync_state(symbol: str, leg: Side, *, reason: str = "") -> Draft:
    """Have the leg compared with the venue, and corrected by events where they differ."""
    return Draft(symbol=symbol, leg=leg, action="sync_state", reason=reason)


def hold(symbol: str, leg: Side, *, reason: str = "") -> Draft:
    """Say on the record that nothing is to be done: it neither closes nor adds."""
    return Draft(symbol=symbol, leg=leg, action="hold", reason=reason)
