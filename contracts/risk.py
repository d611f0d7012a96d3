"""Caps and risk limits that a configuration may give (sections ``caps`` and ``risk``). None has a default.

The rules are hotpath/engine/caps.py and risk.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from live_runner.contracts.bounds import DecimalRange, Violation

__all__ = [
    "AccountLimits",
    "AgeLimit",
    "Caps",
    "CountLimit",
    "EntrySlippageLimit",
    "MoneyLimit",
    "Risk",
    "SpreadLimit",
    "TailSlippageLimit",
    "Trip",
    "reset_problems",
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


_MONEY: Final = DecimalRange(above="0", most="1000000000000000", digits=28, decimals=12)
_BASIS_POINTS: Final = DecimalRange(above="0", most="1000000", decimals=12)
_SECONDS: Final = Meta(ge=1, le=31_536_000)


class Caps(_Section, frozen=True):
    """What opens and adds may not go beyond: they are refused. Money is in the account's currency."""

    order_notional: Annotated[str, _MONEY] | None = None
    """Of one order."""
    leg_notional: Annotated[str, _MONEY] | None = None
    """Of one leg, with what its entries may still fill."""
    symbol_notional: Annotated[str, _MONEY] | None = None
    """Of both legs of one symbol together."""
    total_notional: Annotated[str, _MONEY] | None = None
    """Of all legs together."""
    open_orders: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Orders that are open at one time, closes and stops included."""
    orders_per_minute: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Orders requested within any sixty seconds, closes and stops included."""


class Trip(_Section, frozen=True):
    """What happens when a limit is reached, and when that ends. Neither has a default."""

    action: Literal["stop", "kill", "flatten", "notify"]
    reset: Literal["operator", "day", "cooldown"]
    """``operator``: by ``live-runner resume``, which resets every limit; ``day``: also at the next day (UTC)."""
    cooldown_s: Annotated[float, _SECONDS] | None = None
    """Of ``reset: cooldown``."""


class MoneyLimit(Trip, frozen=True, kw_only=True):
    """A loss, in the account's currency."""

    limit: Annotated[str, _MONEY]


class CountLimit(Trip, frozen=True, kw_only=True):
    """So many of something in a row."""

    limit: Annotated[int, Meta(ge=1, le=100_000)]


class EntrySlippageLimit(_Section, frozen=True):
    """One fill of an open or add, worse by so much than its limit, or the last close when it was made."""

    limit_bp: Annotated[str, _BASIS_POINTS]
    action: Literal["stop", "kill", "flatten", "notify", "close_leg"]
    """``close_leg`` closes the leg of that fill at the market."""
    reset: Literal["operator", "day", "cooldown", "each"]
    """``each``: every fill is looked at by itself."""
    cooldown_s: Annotated[float, _SECONDS] | None = None


class TailSlippageLimit(Trip, frozen=True, kw_only=True):
    """The 95th percentile (nearest rank) of the slippage of the last ``fills`` fills of opens and adds."""

    limit_bp: Annotated[str, _BASIS_POINTS]
    fills: Annotated[int, Meta(ge=1, le=10_000)]


class AgeLimit(_Section, frozen=True):
    """Something that has lasted for so long."""

    after_s: Annotated[float, _SECONDS]
    action: Literal["stop", "kill", "flatten", "notify"]
    reset: Literal["operator", "day", "cooldown", "recovered"]
    """``recovered``: also when it is over."""
    cooldown_s: Annotated[float, _SECONDS] | None = None


class SpreadLimit(_Section, frozen=True):
    """The distance of the best bid and ask of one symbol, of their middle."""

    limit_bp: Annotated[str, _BASIS_POINTS]
    action: Literal["stop", "kill", "flatten", "notify"]
    reset: Literal["operator", "day", "cooldown", "recovered"]
    cooldown_s: Annotated[float, _SECONDS] | None = None


class Risk(_Section, frozen=True):
    """Limits of the session; each that is given trips, as an event, when its value is reached."""

    daily_loss: MoneyLimit | None = None
    """What equity has lost since the day (UTC) began."""
    drawdown: MoneyLimit | None = None
    """What equity has lost since the session began."""
    trailing_drawdown: MoneyLimit | None = None
    """How far equity stands below its highest."""
    loss_streak: CountLimit | None = None
    """Trades in a row that lost after fees, funding apart; a trade ends when its leg is flat."""
    entry_slippage: EntrySlippageLimit | None = None
    p95_slippage: TailSlippageLimit | None = None
    minimum_size: CountLimit | None = None
    """Refusals in a row, by the runner or the venue, because an order is too small for its market."""
    stale_data: AgeLimit | None = None
    """Since the close of the last bar of any symbol."""
    spread: SpreadLimit | None = None
    """Applied where orders go to a real venue; elsewhere no session has a bid and an ask."""
    unprotected: AgeLimit | None = None
    """A leg that shall have a stop stands without it at the venue."""


class AccountLimits(_Section, frozen=True):
    """Limits over all sessions of one account (services/execution/core/account.py); a backtest does not apply them."""

    daily_loss: MoneyLimit | None = None
    """What the sessions together have lost since the day (UTC) began, those that are over included."""
    drawdown: MoneyLimit | None = None
    """What they have lost since the account began."""
    trailing_drawdown: MoneyLimit | None = None
    """How far their profit stands below its highest."""
    total_notional: MoneyLimit | None = None
    """Of the positions of all sessions under way."""


def reset_problems(limits: Risk | AccountLimits, key: str = "risk") -> Iterator[Violation]:
    """Resets that do not go with their action or their cooldown."""
    for name in limits.__struct_fields__:
        limit = getattr(limits, name)
        if limit is None:
            continue
        if limit.reset == "cooldown" and limit.cooldown_s is None:
            yield Violation(
                f"{key}.{name}", "reset is cooldown, and cooldown_s is missing", "Give cooldown_s, in seconds"
            )
        if limit.reset != "cooldown" and limit.cooldown_s is not None:
            what = f"cooldown_s is given, and reset is {limit.reset}"
            yield Violation(f"{key}.{name}", what, "Leave it out, or write `reset: cooldown`")
        if limit.reset == "each" and limit.action not in ("notify", "close_leg"):
            what = f"reset is each, and action {limit.action} would never end"
            yield Violation(f"{key}.{name}", what, "Write `reset: operator`, `day` or `cooldown`")
