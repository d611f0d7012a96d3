# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Rules of a market that its venue changes while a session runs.

The ledger's grid stays as the session began: steps that are multiples of it are taken over, with minima and limits, and
the next intent is normalized by them. A finer step cannot be counted on that grid.
"""

from __future__ import annotations

from typing import Any

import cython
import msgspec

from live_runner.contracts.messages import Instrument
from live_runner.hotpath import fixed, normalize
from live_runner.hotpath.engine.state import notional_limit

if not cython.compiled:
    from live_runner.hotpath.engine.python_money import of_whole
    from live_runner.hotpath.engine.state import Market

__all__ = ["changes_of", "fitted", "take_over"]

NAMES = (
    "price_precision", "amount_precision", "min_amount", "max_amount", "min_price", "max_price", "min_notional",
    "max_notional",
)  # fmt: skip
FIXED = ("settle", "contract", "inverse", "contract_size", "precision_mode")


def steps_of(instrument: Instrument) -> tuple[str, str]:
    """The steps of price and quantity that the venue takes."""
    return instrument.price_precision or instrument.tick_size, instrument.amount_precision or instrument.lot_size


def is_multiple(step: str, grid: str) -> bool:
    """Whether a step is a multiple of another, exactly."""
    mantissa, decimals = fixed.parse_decimal(step)
    unit, places = fixed.parse_decimal(grid)
    return bool(mantissa > 0 and mantissa * 10**places % (unit * 10**decimals) == 0)


def fitted(ours: Instrument, theirs: Instrument) -> Instrument | None:
    """The venue's rules on the session's grid; None where they cannot be counted on it."""
    if any(getattr(ours, name) != getattr(theirs, name) for name in FIXED) or ours.precision_mode != "tick_size":
        return None
    price, amount = steps_of(theirs)
    try:
        if not (is_multiple(price, ours.tick_size) and is_multiple(amount, ours.lot_size)):
            return None
    except ValueError:
        return None
    rules = {name: getattr(theirs, name) for name in NAMES} | {"price_precision": price, "amount_precision": amount}
    return msgspec.structs.replace(ours, **rules)


def changes_of(ours: Instrument, theirs: Instrument) -> dict[str, Any]:
    """By name what is otherwise: [before, after]."""
    before = dict(zip(NAMES[:2], steps_of(ours), strict=True))
    after = dict(zip(NAMES[:2], steps_of(theirs), strict=True))
    for name in NAMES[2:]:
        before[name] = getattr(ours, name)
        after[name] = getattr(theirs, name)
    return {name: [before[name], after[name]] for name in NAMES if before[name] != after[name]}


def take_over(market: Market, instrument: Instrument) -> None:
    """Normalize by these rules from now on."""
    market.instrument = instrument
    market.normalizer = normalize.Normalizer(instrument)
    market.min_notional = of_whole(notional_limit(instrument.min_notional, True))
    market.max_notional = of_whole(notional_limit(instrument.max_notional, False))
