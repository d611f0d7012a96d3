"""The dual LIFO ladder: both legs of each symbol averaged down on their own, newest lot sold first.

The reference strategy, because every hard case of execution meets in it. Below, s is +1 for the long
leg and -1 for the short one, and "touched" means that the bar's extreme reached a price (low or high,
whichever lies that way) while "confirmed" means that its close did.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from live_runner.contracts.timeframe import duration_ns
from live_runner.hotpath import fixed
from live_runner.strategies.base import (
    SIDES,
    Bar,
    Draft,
    ExecutionPolicy,
    Fill,
    LegState,
    LegView,
    Parameters,
    Rules,
    Side,
    Strategy,
    View,
    intent,
)

__all__ = ["DualLifo", "DualLifoParameters", "LadderParameters", "LadderState"]

_DAY_NS: Final = 86_400_000_000_000
_SUB_SELL_ABOVE: Final = 5
"""A ladder of more lots than this sells its newest one by itself."""
_STEPPED_FILLS: Final = 6
"""Fills 2 to 6 have a step of their own, later ones the linear step."""

type Percent = Annotated[float, Meta(gt=0, lt=100, description="per cent of price")]
type BasisPoints = Annotated[float, Meta(ge=0, lt=10_000, description="basis points")]
type Multiple = Annotated[float, Meta(gt=0, description="times")]


class LadderParameters(Parameters, frozen=True, kw_only=True):
    """One leg. Percentages are of price, so 0.3 is 0.3 %."""

    enabled: bool = True
    base_notional: Annotated[float, Meta(gt=0, description="settle currency")] | None = 20.0
    """Size of the first lot; None sizes it by ``equity_percent``."""
    equity_percent: Annotated[float, Meta(gt=0, description="per cent of sizing equity")] | None = None
    sizing_equity: Literal["cash", "equity"] = "cash"
    """``cash`` is realised equity, ``equity`` mark to market."""
    min_order_notional: Annotated[float, Meta(ge=0, description="settle currency")] = 2.0

    entry_style: Literal["market", "post_only"] = "market"
    entry_offset_bp: BasisPoints = 0.0
    """Of a post-only entry: its price is close*(1 - s*offset/1e4)."""
    entry_time_to_live_s: Annotated[float, Meta(gt=0, description="seconds")] | None = None

    steps: tuple[Percent, Percent, Percent, Percent, Percent] = (0.3, 0.35, 0.6, 0.8, 0.8)
    linear_step: Percent = 0.1
    multipliers: tuple[Multiple, Multiple, Multiple, Multiple] = (1.2, 1.0, 1.5, 3.5)
    """Of the first lot's quantity, for fills 2 to 5; later fills take 1."""
    confirm_adds: bool = True
    """Whether an add also needs the close beyond its level."""
    max_fills: Annotated[int, Meta(ge=1, le=1000)] = 244
    max_fills_per_bar: Annotated[int, Meta(ge=1, le=100)] = 3
    max_exposure: Multiple = 5.0
    """Most notional of the leg, in multiples of mark-to-market equity; an add beyond it is left out."""
    heavy_exposure: Multiple = 3.0
    """From here on the newest lot is sold at breakeven already."""
    rate_orders: Annotated[int, Meta(ge=1, le=100)] = 10
    """Most adds of the leg within ``rate_window_s``."""
    rate_window_s: Annotated[float, Meta(gt=0, description="seconds")] = 300.0

    regime_move: Annotated[float, Meta(gt=0, description="fraction")] | None = 0.08
    """No adds while price moved further than this against the leg in 24 hours; None never blocks."""

    take_profit: Percent = 0.24
    callback: Percent | None = 0.05
    """Trailing retrace after the take-profit was reached; None closes at once."""
    sub_take_profit: Percent = 0.45
    fees_bp: BasisPoints = 10.0
    """Fees of buying and selling a lot together, earned before its take-profit."""
    reenter: bool = True
    """Whether the bar that takes the profit also opens anew."""
    compensation_cap: Percent | None = None
    """Most that the shortfall of one close adds to the next target; None carries nothing."""

    def __post_init__(self) -> None:
        if (self.base_notional is None) == (self.equity_percent is None):
            raise ValueError("give exactly one of base_notional and equity_percent (the other null)")


class DualLifoParameters(Parameters, frozen=True, kw_only=True):
    """The two legs, each with its own set, and what they share."""

    long: LadderParameters = LadderParameters()
    short: LadderParameters = LadderParameters(steps=(0.1, 0.4, 0.6, 0.8, 0.8), take_profit=0.2)
    max_failures: Annotated[int, Meta(ge=0)] = 3
    """Rejections in a row after which the leg's opens and adds rest; 0 never rests."""
    backoff_s: Annotated[float, Meta(gt=0, description="seconds")] = 300.0


class LadderState(LegState):
    """Where one ladder stands; changed by what was asked and what was filled."""

    fills: int = 0
    """Rungs held: 1 after the entry, one more per add, one less per lot sold."""
    level: float | None = None
    """Trigger of the next add."""
    base_quantity: float = 0.0
    entry_close: float | None = None
    """Close of the bar that asked for the entry: the ladder hangs from it."""
    best: float | None = None
    """Best price since the take-profit was reached."""
    target: float | None = None
    """Price that the close under way was asked for."""
    carry: float = 0.0
    """Shortfall of the last close, as a fraction of its target."""
    added_ns: tuple[int, ...] = ()
    """Closes at which adds were asked, within the rate window."""


class _Ladder:
    """One leg's parameters as the factors that each bar needs."""

    def __init__(self, side: Side, parameters: LadderParameters) -> None:
        self.side: Side = side
        self.sign = sign = 1.0 if side == "long" else -1.0
        self.parameters = parameters
        self.factors = tuple(1.0 - sign * step / 100.0 for step in parameters.steps)
        self.linear = 1.0 - sign * parameters.linear_step / 100.0
        self.multipliers = (1.0, *parameters.multipliers)
        self.fees = parameters.fees_bp / 1e4
        self.window_ns = round(parameters.rate_window_s * 1e9)
        self.retrace = None if parameters.callback is None else 1.0 - sign * parameters.callback / 100.0
        self.cap = None if parameters.compensation_cap is None else parameters.compensation_cap / 100.0

    def factor(self, fills: int) -> float:
        """From the trigger of fill number ``fills`` to the trigger of the next one."""
        return self.factors[fills - 1] if fills < _STEPPED_FILLS else self.linear

    def multiplier(self, fill: int) -> float:
        """Size of fill number ``fill`` in first lots."""
        return self.multipliers[fill - 1] if fill <= len(self.multipliers) else 1.0

    def reached(self, touch: float, close: float, price: float) -> bool:
        """Whether a winning price was touched and confirmed."""
        return self.sign * (touch - price) >= 0.0 and self.sign * (close - price) >= 0.0


class DualLifo(Strategy[DualLifoParameters, LadderState]):
    """Two ladders per symbol. Each rule, as it is read here:

    - Size: the first lot is base notional / close, or a percentage of cash or equity / close, raised to
      the least lot that meets both the market's minimum and ``min_order_notional``.
    - Entry: flat, warm and nothing pending: at once, by market order or post-only limit at
      close*(1 - s*offset). The next level is close*(1 - s*step1), of the close that asked.
    - Ladder: fill n is triggered when the bar touches its level and, with ``confirm_adds``, closes
      beyond it; its quantity is multiplier n times the first lot's. Each fill moves the level one step
      further, from the level and not from the price paid. Several rungs in one bar are several intents,
      limited by fills, fills per bar, the leg's exposure, and adds within the rate window.
    - Regime: no adds while the close is more than ``regime_move`` worse for the leg than 24 hours
      before, nor while that is not known.
    - Sub-sell: with more than five lots the newest (q, e) is sold once e*(1 + s*(fees + sub_tp)) was
      touched and confirmed, one per bar; under heavy exposure once e*(1 + s*fees) was. Its fill steps the
      level back to the rung it came from.
    - Take-profit: the whole leg, once average*(1 + s*tp) was touched and confirmed. With ``callback`` the
      touch arms it, and it closes when the close is back by the callback from the best price since, and
      still beyond the target. Adds and sales move the average and so disarm it.
    - Compensation: a close that paid less than its target carries the difference, as a fraction of
      price up to the cap, into the targets after it, until a close has earned it.
    - One thing at a time: while an entry of the leg is pending it asks no other, while an exit is
      pending it asks nothing.
    """

    compiled = "live_runner.strategies.compiled.dual_lifo:DualLifo"

    def __init__(self, parameters: DualLifoParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self._ladders = {side: _Ladder(side, getattr(parameters, side)) for side in SIDES}
        self._active = tuple(ladder for ladder in self._ladders.values() if ladder.parameters.enabled)
        self._needs_day = any(ladder.parameters.regime_move is not None for ladder in self._active)
        self._times: dict[str, deque[int]] = {symbol: deque() for symbol in symbols}
        self._closes: dict[str, deque[float]] = {symbol: deque() for symbol in symbols}
        self._grids: dict[str, fixed.Grid] = {}

    def warmup(self, timeframe: str) -> int:
        """24 hours and one bar for the regime block, else none."""
        return math.ceil(_DAY_NS / duration_ns(timeframe)) + 1 if self._needs_day else 0

    def policy(self) -> ExecutionPolicy:
        """Adds are market orders; nothing falls back, a leg that is rejected over and over rests."""
        parameters = self.parameters
        return ExecutionPolicy(add_style="market", max_failures=parameters.max_failures, backoff_s=parameters.backoff_s)

    def minimum_order(self, view: View, symbol: str) -> float:
        """The least quantity, on the lot, that the market and both legs' own minimum take at the last close."""
        closes = self._closes[symbol]
        notional = min(ladder.parameters.min_order_notional for ladder in self._ladders.values())
        return self._least(view.instrument(symbol), closes[-1], notional) if closes else 0.0

    # -- history --------------------------------------------------------------------------------

    def observe(self, bar: Bar) -> None:
        """Keep the closes of the last 24 hours, and the last one before them."""
        times, closes = self._times[bar.symbol], self._closes[bar.symbol]
        times.append(bar.close_ns)
        closes.append(bar.close)
        since = bar.close_ns - _DAY_NS if self._needs_day else bar.close_ns
        while len(times) > 1 and times[1] <= since:
            times.popleft()
            closes.popleft()

    def _day_move(self, bar: Bar) -> float | None:
        """Move of the close against that of 24 hours before, as a fraction; None when that is not known."""
        if self._times[bar.symbol][0] > bar.close_ns - _DAY_NS:
            return None
        return bar.close / self._closes[bar.symbol][0] - 1.0

    def state(self) -> dict[str, Any]:
        """The closes of the last 24 hours."""
        return {symbol: [list(self._times[symbol]), list(self._closes[symbol])] for symbol in self.symbols}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the closes."""
        self._times = {symbol: deque(state[symbol][0]) for symbol in self.symbols}
        self._closes = {symbol: deque(state[symbol][1]) for symbol in self.symbols}

    # -- decision -------------------------------------------------------------------------------

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        """Open legs first, long then short; then entries, long then short."""
        drafts: list[Draft] = []
        entering: list[_Ladder] = []
        symbol = bar.symbol
        entries, exits = self._under_way(symbol, view)
        for ladder in self._active:
            side = ladder.side
            leg = view.leg(symbol, side)
            if not leg.lots:
                if side not in entries:
                    entering.append(ladder)
                continue
            if side in exits:
                continue
            sale = self._sell(bar, view, leg, ladder)
            if sale is not None:
                drafts.append(sale)
            if side in entries:
                continue
            if sale is None:
                drafts.extend(self._climb(bar, view, leg, ladder))
            elif sale.action == "close" and ladder.parameters.reenter:
                entering.append(ladder)
        if entering and (not self._needs_day or self._day_move(bar) is not None):
            for ladder in entering:
                drafts.append(self._enter(bar, view, ladder))
        return drafts

    def _under_way(self, symbol: str, view: View) -> tuple[set[str], set[str]]:
        """The legs that have an entry pending, and those that have an exit pending; a bracket is neither."""
        entries: set[str] = set()
        exits: set[str] = set()
        for order in view.pending(symbol):
            if order.action in ("open", "add"):
                entries.add(order.leg)
            elif order.kind not in ("stop", "take_profit"):
                exits.add(order.leg)
        return entries, exits

    def _sell(self, bar: Bar, view: View, leg: LegView, ladder: _Ladder) -> Draft | None:
        """The whole leg, or its newest lot, when its target was reached."""
        symbol = bar.symbol
        state = self.leg(symbol, ladder.side)
        touch = bar.high if ladder.sign > 0.0 else bar.low
        average = leg.average
        if average is not None and self._takes_profit(bar.close, touch, average, ladder, state):
            return intent.close(symbol, ladder.side, reason="take_profit")
        if len(leg.lots) <= _SUB_SELL_ABOVE:
            return None
        lot = leg.lots[-1]
        gain = ladder.parameters.sub_take_profit / 100.0 + state.carry
        notional = leg.quantity * bar.close * view.instrument(symbol).contract_size
        if notional >= ladder.parameters.heavy_exposure * view.equity:
            gain = 0.0
        target = lot.price * (1.0 + ladder.sign * (ladder.fees + gain))
        if not ladder.reached(touch, bar.close, target):
            return None
        state.target = target
        return intent.partial_close(symbol, ladder.side, quantity=lot.quantity, reason="sub_take_profit")

    def _takes_profit(self, close: float, touch: float, average: float, ladder: _Ladder, state: LadderState) -> bool:
        sign = ladder.sign
        target = average * (1.0 + sign * (ladder.parameters.take_profit / 100.0 + state.carry))
        retrace = ladder.retrace
        if retrace is None:
            done = ladder.reached(touch, close, target)
        else:
            best = state.best
            if best is None and sign * (touch - target) < 0.0:
                return False
            if best is None or sign * (touch - best) > 0.0:
                state.best = best = touch
            done = sign * (close - target) >= 0.0 and sign * (close - best * retrace) <= 0.0
        if done:
            state.target = target
        return done

    def _climb(self, bar: Bar, view: View, leg: LegView, ladder: _Ladder) -> list[Draft]:
        """One add for each level that the bar reached."""
        state = self.leg(bar.symbol, ladder.side)
        level = state.level
        touch = bar.low if ladder.sign > 0.0 else bar.high
        if level is None or ladder.sign * (level - touch) < 0.0 or self._is_against(bar, ladder):
            return []
        parameters = ladder.parameters
        rules = view.instrument(bar.symbol)
        recent = tuple(at_ns for at_ns in state.added_ns if at_ns > bar.close_ns - ladder.window_ns)
        least = self._least(rules, bar.close, parameters.min_order_notional)
        notional = leg.quantity * bar.close * rules.contract_size
        limit = parameters.max_exposure * view.equity
        most = min(parameters.max_fills_per_bar, parameters.rate_orders - len(recent))
        fills = state.fills
        drafts: list[Draft] = []
        while len(drafts) < most and fills < parameters.max_fills and ladder.sign * (level - touch) >= 0.0:
            if parameters.confirm_adds and ladder.sign * (level - bar.close) < 0.0:
                break
            quantity = max(ladder.multiplier(fills + 1) * state.base_quantity, least)
            notional += quantity * bar.close * rules.contract_size
            if notional > limit:
                break
            drafts.append(intent.add(bar.symbol, ladder.side, quantity, reason=f"level_{fills + 1}"))
            fills += 1
            level *= ladder.factor(fills)
        if drafts:
            state.added_ns = recent + (bar.close_ns,) * len(drafts)
        return drafts

    def _is_against(self, bar: Bar, ladder: _Ladder) -> bool:
        limit = ladder.parameters.regime_move
        if limit is None:
            return False
        move = self._day_move(bar)
        return move is None or -ladder.sign * move > limit

    def _enter(self, bar: Bar, view: View, ladder: _Ladder) -> Draft:
        parameters = ladder.parameters
        rules = view.instrument(bar.symbol)
        notional = parameters.base_notional
        if notional is None:
            sizing = view.cash if parameters.sizing_equity == "cash" else view.equity
            notional = sizing * (parameters.equity_percent or 0.0) / 100.0
        quantity = max(
            notional / (bar.close * rules.contract_size),
            self._least(rules, bar.close, parameters.min_order_notional),
        )
        state = self.leg(bar.symbol, ladder.side)
        state.base_quantity = quantity
        state.entry_close = bar.close
        if parameters.entry_style == "market":
            return intent.open(bar.symbol, ladder.side, quantity, reason="entry")
        return intent.open(
            bar.symbol,
            ladder.side,
            quantity,
            style="post_only",
            limit_price=bar.close * (1.0 - ladder.sign * parameters.entry_offset_bp / 1e4),
            time_to_live_s=parameters.entry_time_to_live_s,
            reason="entry",
        )

    def _least(self, rules: Rules, price: float, notional: float) -> float:
        """The least whole number of lots worth at least ``notional`` that the market takes."""
        grid = self._grids.get(rules.symbol)
        if grid is None:
            grid = self._grids[rules.symbol] = fixed.Grid(rules.lot_size_text)
        quantity = max(rules.smallest_quantity(price), notional / (price * rules.contract_size))
        return grid.to_float(grid.ceil(fixed.float_text(quantity)))

    # -- news -----------------------------------------------------------------------------------

    def on_fill(self, fill: Fill, view: View) -> None:
        """Move the ladder: up with an add, back with a sold lot, down when the leg is flat."""
        ladder = self._ladders[fill.leg]  # type: ignore[index]  # a leg is one of the two sides
        state = self.leg(fill.symbol, fill.leg)
        begins = fill.filled == fill.quantity
        if fill.action in ("open", "add"):
            if begins:
                self._rise(fill, ladder, state)
            return
        if state.target is not None and ladder.cap is not None:
            shortfall = ladder.sign * (state.target - fill.price) / state.target
            state.carry = min(ladder.cap, max(0.0, shortfall))
        state.best = None
        if fill.is_done:
            state.target = None
        if fill.leg_quantity == 0.0:
            state.fills = 0
            state.level = None
            state.added_ns = ()
        elif fill.action == "partial_close" and fill.is_done and state.fills > 1 and state.level is not None:
            state.level /= ladder.factor(state.fills)
            state.fills -= 1

    def _rise(self, fill: Fill, ladder: _Ladder, state: LadderState) -> None:
        state.best = None
        if fill.action == "open" or state.level is None:
            state.fills = 1
            state.level = (fill.price if state.entry_close is None else state.entry_close) * ladder.factor(1)
            return
        state.fills += 1
        state.level *= ladder.factor(state.fills)
