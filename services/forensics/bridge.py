"""From the backtest's PnL to the session's, cause by cause.

A chain of runs in a fixed order. Each run takes one more class of facts from the recording instead of
from the model, and a cause's amount is what that changes. The last run takes all of them and must equal
the session event by event; what is left then is ``unexplained``.

In a simulated stage the venue is the backtest's own fill model, so most classes cannot differ. They are
printed all the same, as 0 with the reason, because a line that is not there explains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from live_runner.hotpath import fixed

__all__ = ["CAUSES", "SAME_MODEL", "Bridge", "BridgeLine", "bridge"]

CAUSES: Final = (
    "code_and_parameters",
    "bars",
    "blocks_and_stops",
    "rejections",
    "partial_fills",
    "fallbacks",
    "latency",
    "slippage",
    "rounding",
    "fees",
    "funding",
    "manual_trades_and_liquidation",
)
"""The order of the chain."""

SAME_MODEL: Final = "same model in both"


class BridgeLine(msgspec.Struct, frozen=True):
    """One cause and its amount, as decimal text of the accounting currency."""

    cause: str
    amount: str
    why: str = ""


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """The whole way; ``backtest`` + all amounts + ``unexplained`` is exactly ``session``."""

    currency: str
    backtest: str
    lines: list[BridgeLine]
    unexplained: str
    session: str


def bridge(
    currency: str,
    pnl_of: Callable[[Sequence[str]], str],
    session_pnl: str,
    causes: Mapping[str, str],
) -> Bridge:
    """Walk the chain.

    ``causes`` names those that can differ, each with its reason; ``pnl_of`` runs the backtest with the recorded
    facts of the named causes in place of the model's and gives its PnL.
    """
    recorded: list[str] = []
    before = first = fixed.money(pnl_of(()))
    lines: list[BridgeLine] = []
    for cause in CAUSES:
        if cause not in causes:
            lines.append(BridgeLine(cause, "0", _unvaried(cause)))
            continue
        recorded.append(cause)
        after = fixed.money(pnl_of(tuple(recorded)))
        lines.append(BridgeLine(cause, fixed.money_text(after - before), causes[cause]))
        before = after
    return Bridge(
        currency=currency,
        backtest=fixed.money_text(first),
        lines=lines,
        unexplained=fixed.money_text(fixed.money(session_pnl) - before),
        session=session_pnl,
    )


def _unvaried(cause: str) -> str:
    if cause == "code_and_parameters":
        return "same code and parameters"
    if cause == "bars":
        return "the bars that the session saw"
    if cause == "blocks_and_stops":
        return "no operator command"
    return SAME_MODEL
