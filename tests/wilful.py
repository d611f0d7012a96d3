"""A strategy that asks for anything: right, wrong and at odds with itself, drawn from a seed.

Its choices depend on nothing but the seed, the bar and what it was told, so two runs that show and tell it the same
ask the same. What it was told goes into its choices: a difference in any news shows up as another order. What goes
in is named field by field, so that a field added to a bar, a view or a piece of news changes no choice.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from live_runner.strategies.base import (
    Bar,
    Draft,
    ExecutionPolicy,
    Fill,
    LegState,
    OrderUpdate,
    Parameters,
    Rejection,
    Strategy,
    View,
    intent,
)

_STYLES = ("market", "market", "market", "limit", "post_only", "stop", None)
_FIELDS = {
    name: operator.attrgetter(*fields.split())
    for name, fields in {
        "bar": "symbol open_ns close_ns open high low close volume late",
        "view": "now_ns equity cash exposure margin gate",
        "leg": "quantity average realised blocked",
        "lot": "quantity price opened_ns order_id",
        "order": "order_id intent_id symbol leg side kind action remaining price status expires_ns",
        "backoff": "failures blocked until_ns detail",
        "state": "asked told last",
        "fill": "symbol leg action side kind quantity price notional fee fee_currency liquidity realised slippage "
        "filled remaining is_done leg_quantity order_id intent_id reason at_ns",
        "rejection": "symbol leg action kind reason message retrying restored intent_id order_id at_ns",
        "update": "symbol leg action status filled remaining reason restored intent_id order_id at_ns",
    }.items()
}
_FAILS_ONE_IN = {"observe": 800, "select": 400, "on_fill": 30, "on_rejection": 60, "on_order_update": 60}
_QUANTITIES = (0.0, 1e-9, 0.001, 0.0123456789, 0.5, 0.75, 2.0, 1e7, -1.0, float("nan"))


class WilfulParameters(Parameters, frozen=True, kw_only=True):
    seed: int = 1
    ask_percent: int = 30
    fails: bool = False
    max_failures: int = 2
    backoff_s: float | None = 300.0
    open_rounding: str = "down"
    add_style: str | None = "market"
    fallback: tuple[str, ...] = ()
    time_to_live_s: float | None = None
    attempts: int = 1
    fails_in: tuple[str, ...] = ()
    """Further methods that raise now and then, by name."""
    entry_style: str | None = None
    """The style of every entry; None draws one."""
    selects: bool = False
    delegates: bool = False
    """Some entries leave their size to the runner."""
    protects: bool = False
    """Some intents set, move or remove the stop and target of a leg."""


class WilfulState(LegState):
    asked: int = 0
    told: int = 0
    last: float | None = None


class Wilful(Strategy[WilfulParameters, WilfulState]):
    def __init__(self, parameters: WilfulParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self._random = parameters.seed

    def policy(self) -> ExecutionPolicy:
        given = self.parameters
        return ExecutionPolicy(
            add_style=given.add_style,
            max_failures=given.max_failures,
            backoff_s=given.backoff_s,
            open_rounding=given.open_rounding,
            fallback=given.fallback,
            time_to_live_s=given.time_to_live_s,
            attempts=given.attempts,
        )

    def state(self) -> dict[str, Any]:
        return {**super().state(), "random": str(self._random)}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._random = int(state["random"])

    def observe(self, bar: Bar) -> None:
        self._fail("observe", bar.open_ns)

    def select(self, bars: Sequence[Bar], view: View) -> Iterable[str] | None:
        if not self.parameters.selects:
            return None
        self._fail("select", view.now_ns)
        if self._draw(4) == 0:
            return None
        return [bar.symbol for bar in bars if self._draw(2)] + ["nowhere"] * (
            "select" in self.parameters.fails_in and self._draw(400) == 0
        )

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        self._mix("bar", bar)
        self._mix("view", view)
        for order in view.pending(bar.symbol):
            self._mix("order", order)
        drafts: list[Draft] = []
        for side in ("long", "short"):
            leg = view.leg(bar.symbol, side)
            self._mix("backoff", view.backoff(bar.symbol, side))
            self._mix("leg", leg)
            for lot in leg.lots:
                self._mix("lot", lot)
            self._mix("state", self.leg(bar.symbol, side))
            while self._draw(100) < self.parameters.ask_percent and len(drafts) < 6:
                state = self.leg(bar.symbol, side)
                state.asked += 1
                state.last = bar.close
                drafts.append(self._draft(bar, view, side))
        if self.parameters.fails and self._draw(200) == 0:
            raise ValueError(f"drawn at {bar.close_ns}")
        return drafts

    def on_fill(self, fill: Fill, view: View) -> None:
        self.leg(fill.symbol, fill.leg).told += 1
        self._mix("fill", fill)
        self._mix("view", view)
        self._fail("on_fill", fill.at_ns)

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        self.leg(rejection.symbol, rejection.leg).told += 2
        self._mix("rejection", rejection)
        self._fail("on_rejection", rejection.at_ns)

    def on_order_update(self, update: OrderUpdate, view: View) -> None:
        self._mix("update", update)
        self._fail("on_order_update", update.at_ns)

    def _draft(self, bar: Bar, view: View, side: Any) -> Draft:
        if self.parameters.protects and self._draw(4) == 0:
            return self._protection(bar, side)
        kind = self._draw(10)
        quantity = self._quantity(bar)
        leg = view.leg(bar.symbol, side)
        if kind < 4 or (kind < 6 and not leg.is_open):
            return self._entry(intent.open, bar, side, quantity)
        if kind < 6:
            return self._entry(intent.add, bar, side, quantity)
        if kind == 6:
            if self._draw(2):
                return intent.partial_close(bar.symbol, side, fraction=self._draw(12) / 10, reason="part")
            return intent.partial_close(
                bar.symbol, side, quantity=quantity, style=self._style(), limit_price=self._price(bar), reason="part"
            )
        if kind == 7:
            pending = view.pending(bar.symbol)
            if pending:
                order = pending[self._draw(len(pending))]
                return intent.cancel(bar.symbol, side, order.order_id, reason=("", "timeout", "changed")[self._draw(3)])
            return intent.hold(bar.symbol, side)
        if kind == 8 and self._draw(2):
            return intent.close(bar.symbol, side, style=self._style(), limit_price=self._price(bar), reason="out")
        return intent.close(bar.symbol, side, reason="out")

    def _entry(self, make: Any, bar: Bar, side: str, quantity: float) -> Draft:
        sign = 1.0 if side == "long" else -1.0
        policy = None
        if self._draw(10) == 0:
            policy = ExecutionPolicy(add_style="limit", max_failures=1, open_rounding="nearest", fallback=("reject",))
        bracket = self._draw(5)
        draft: Draft = make(
            bar.symbol,
            side,
            *(() if self._draw(12) == 0 else (quantity,)),
            **({"notional": 10.0 * (1 + self._draw(60))} if self.parameters.delegates and self._draw(2) else {}),
            style=self.parameters.entry_style or self._style(),
            limit_price=self._price(bar) if self._draw(3) else None,
            stop_loss=bar.close * (1 - sign * 0.001 * (1 + self._draw(5))) if bracket in (1, 2) else None,
            take_profit=bar.close * (1 + sign * 0.001 * (1 + self._draw(5))) if bracket in (2, 3) else None,
            time_to_live_s=(None, 60.0, 200.0, 0.0)[self._draw(4)],
            fallback=((), ("reject",), ("timeout",), ("reject", "timeout"))[self._draw(4)],
            reason=f"draw {self._draw(3)}",
            policy=policy,
        )
        return draft

    def _protection(self, bar: Bar, side: Any) -> Draft:
        sign = 1.0 if side == "long" else -1.0
        which = self._draw(8)
        return intent.protect(
            bar.symbol,
            side,
            stop_loss=bar.close * (1 - sign * 0.001 * (self._draw(5) or -1)) if which in (1, 2, 3, 4) else None,
            take_profit=bar.close * (1 + sign * 0.001 * (1 + self._draw(5))) if which in (3, 4, 5, 6) else None,
            reason="cover",
        )

    def _style(self) -> Any:
        return _STYLES[self._draw(len(_STYLES))]

    def _price(self, bar: Bar) -> float:
        return bar.close * (1 + (self._draw(21) - 10) / 5000)

    def _quantity(self, bar: Bar) -> float:
        if self._draw(4):
            return (1 + self._draw(40)) * 25.0 / bar.close
        chosen = _QUANTITIES[self._draw(len(_QUANTITIES))]
        return 1.0 if chosen != chosen and self.parameters.fails is False else chosen

    def _draw(self, below: int) -> int:
        self._random = (self._random * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._random >> 33) % below

    def _fail(self, method: str, at_ns: int) -> None:
        if method in self.parameters.fails_in and self._draw(_FAILS_ONE_IN[method]) == 0:
            raise ValueError(f"{method} at {at_ns}")

    def _mix(self, name: str, shown: Any) -> None:
        self._random = (self._random ^ zlib.crc32(repr(_FIELDS[name](shown)).encode())) % 2**64
