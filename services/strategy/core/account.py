"""The account as of the last ``settled``, and the view that strategies get of it.

Decimal text becomes floats only for what changed: of a leg that grew by a lot, the older lots are
taken over as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import Instrument, Leg, Lot, Pending, Settled
from live_runner.contracts.policy import BackoffState, is_blocked
from live_runner.contracts.vocabulary import SIDES
from live_runner.strategies.base import LegView, LotView, OrderView, Rules, View
from live_runner.strategies.view import BackoffView

__all__ = ["Account", "LegKey", "Totals", "backoff_view", "rules_of"]

type LegKey = tuple[str, str]
"""Symbol and side."""


_NO_BACKOFFS: Final[Mapping[LegKey, BackoffView]] = MappingProxyType({})


class Totals(msgspec.Struct, frozen=True):
    """Money of the account as decimal text, and the gate."""

    cash: str = "0"
    equity: str = "0"
    exposure: str = "0"
    margin: str = "0"
    gate: str = "open"


def rules_of(instrument: Instrument) -> Rules:
    """The market rules as a strategy sees them."""
    return Rules(
        symbol=instrument.symbol,
        base=instrument.base,
        quote=instrument.quote,
        settle=instrument.settle,
        contract=instrument.contract,
        contract_size=float(instrument.contract_size),
        tick_size=float(instrument.tick_size),
        lot_size=float(instrument.lot_size),
        min_amount=float(instrument.min_amount or "0"),
        max_amount=float(instrument.max_amount or "0"),
        min_notional=float(instrument.min_notional or "0"),
        max_notional=float(instrument.max_notional or "0"),
        tick_size_text=instrument.tick_size,
        lot_size_text=instrument.lot_size,
        min_amount_text=instrument.min_amount,
        min_notional_text=instrument.min_notional,
    )


class Account:
    """Folds ``settled``; what it shows is frozen and shares nothing that changes later.

    Legs, orders and backoffs are shown in the order of ``symbols``, so that it does not depend on what happened first.
    """

    def __init__(self, instruments: Sequence[Instrument], symbols: Sequence[str], equity: str) -> None:
        self._symbols = tuple(symbols)
        self._keys: tuple[LegKey, ...] = tuple((symbol, side) for symbol in symbols for side in SIDES)
        self._rules = MappingProxyType({instrument.symbol: rules_of(instrument) for instrument in instruments})
        self._totals = Totals(cash=equity, equity=equity)
        self._legs: dict[LegKey, Leg] = {}
        self.backoffs: dict[LegKey, BackoffState] = {}
        """Rejections in a row by symbol and leg, where there are any."""
        self._pending: list[Pending] = []
        self._leg_views: Mapping[LegKey, LegView] = MappingProxyType({})
        self._order_views: Mapping[str, tuple[OrderView, ...]] = MappingProxyType({})

    def fold(self, settled: Settled) -> None:
        """Take over the account at one close."""
        self._totals = Totals(settled.cash, settled.equity, settled.exposure, settled.margin, settled.gate)
        if settled.legs:
            views = dict(self._leg_views)
            for leg in settled.legs:
                key = (leg.symbol, leg.leg)
                views[key] = _leg_view(leg, self._legs.get(key), views.get(key))
                self._legs[key] = leg
                self._fold_backoff(key, leg)
            self._show_legs(views)
        if settled.pending != self._pending:
            self._pending = settled.pending
            self._order_views = self._show_orders(settled.pending)

    def _fold_backoff(self, key: LegKey, leg: Leg) -> None:
        if leg.backoff is not None:
            self.backoffs[key] = leg.backoff
        else:
            self.backoffs.pop(key, None)

    def is_in_use(self, symbol: str) -> bool:
        """Whether the symbol holds a position or has an order pending."""
        return symbol in self._order_views or any(
            view.lots for (of, _), view in self._leg_views.items() if of == symbol
        )

    def view(self, now_ns: int) -> View:
        """The view of strategy code at ``now_ns``."""
        totals = self._totals
        return View(
            now_ns=now_ns,
            equity=float(totals.equity),
            cash=float(totals.cash),
            exposure=float(totals.exposure),
            margin=float(totals.margin),
            gate=totals.gate,
            legs=self._leg_views,
            orders=self._order_views,
            rules=self._rules,
            backoffs=self._backoff_views(now_ns) if self.backoffs else _NO_BACKOFFS,
        )

    def _backoff_views(self, now_ns: int) -> Mapping[LegKey, BackoffView]:
        return MappingProxyType(
            {key: backoff_view(self.backoffs[key], now_ns) for key in self._keys if key in self.backoffs}
        )

    def _show_legs(self, views: Mapping[LegKey, LegView]) -> None:
        self._leg_views = MappingProxyType({key: views[key] for key in self._keys if key in views})

    def _show_orders(self, pending: list[Pending]) -> Mapping[str, tuple[OrderView, ...]]:
        views = _order_views(pending)
        return MappingProxyType({symbol: tuple(views[symbol]) for symbol in self._symbols if symbol in views})

    def snapshot(self) -> dict[str, Any]:
        """Plain data; legs by symbol and side."""
        return {
            "totals": self._totals,
            "legs": [self._legs[key] for key in sorted(self._legs)],
            "pending": self._pending,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``snapshot`` gave."""
        self._totals = msgspec.convert(state["totals"], Totals)
        legs = msgspec.convert(state["legs"], list[Leg])
        self._legs = {(leg.symbol, leg.leg): leg for leg in legs}
        self.backoffs = {key: leg.backoff for key, leg in self._legs.items() if leg.backoff is not None}
        self._show_legs({key: _leg_view(leg, None, None) for key, leg in self._legs.items()})
        self._pending = msgspec.convert(state["pending"], list[Pending])
        self._order_views = self._show_orders(self._pending)


def _leg_view(leg: Leg, before: Leg | None, shown: LegView | None) -> LegView:
    same = _shared(leg.lots, before.lots) if before is not None else 0
    older = shown.lots[:same] if shown is not None else ()
    newer = tuple(
        LotView(float(lot.quantity), float(lot.price), lot.opened_ns, lot.order_id) for lot in leg.lots[same:]
    )
    return LegView(
        quantity=float(leg.quantity),
        average=float(leg.average) if leg.lots else None,
        lots=older + newer,
        realised=float(leg.realised),
        blocked=leg.blocked,
    )


def _shared(now: list[Lot], before: list[Lot]) -> int:
    """Number of the oldest lots that are the same."""
    for number, (lot, old) in enumerate(zip(now, before, strict=False)):
        if lot != old:
            return number
    return min(len(now), len(before))


def _order_views(pending: list[Pending]) -> dict[str, list[OrderView]]:
    views: dict[str, list[OrderView]] = {}
    for order in pending:
        views.setdefault(order.symbol, []).append(
            OrderView(
                order_id=order.order_id,
                intent_id=order.intent_id,
                symbol=order.symbol,
                leg=order.leg,
                side=order.side,
                kind=order.kind,
                action=order.action,
                remaining=float(order.remaining),
                price=None if order.price is None else float(order.price),
                status=order.status,
                expires_ns=order.expires_ns,
            )
        )
    return views


def backoff_view(state: BackoffState, now_ns: int) -> BackoffView:
    """One leg's rejections as a strategy sees them at ``now_ns``."""
    return BackoffView(state.failures, is_blocked(state, now_ns), state.blocked_until_ns, state.detail)
