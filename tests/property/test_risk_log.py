"""What a session publishes of its limits, reckoned again from its log: plain fractions, and no rule of ours."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any

from risk_restarts import log_of

from live_runner.contracts.messages import (
    BarSet,
    Cancelled,
    Command,
    Denied,
    Expired,
    Filled,
    LimitReset,
    LimitTripped,
    Rejected,
    Requested,
    RiskLevels,
    Settled,
)

SEEDS = range(100, 160)
MINUTE_NS = 60_000_000_000
TOO_SMALL = ("below_min_amount", "below_min_notional", "amount_rounds_to_zero")
STOPS = ("stop", "kill", "flatten")


def cut(value: Fraction) -> Fraction:
    """A value is published to 1e-12, rounded down."""
    return Fraction(value * 10**12 // 1, 10**12)


class Reckoning:
    """The state of one session as far as its log gives it away."""

    def __init__(self, equity: str, seen: Counter[str]) -> None:
        self.seen = seen
        self.equity = Fraction(equity)
        names = ("drawdown", "daily_loss", "trailing_drawdown")
        self.bases: dict[str, Fraction | None] = dict.fromkeys(names, self.equity)
        self.day: int | None = None
        self.day_end: Fraction | None = None
        self.results: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.streak = 0
        self.slips: list[Fraction] = []
        self.small = 0
        self.last_bar: dict[str, int] = {}
        self.now_ns = 0
        self.tripped: dict[str, str] = {}
        self.operator = "resume"
        self.orders: dict[str, Requested] = {}
        self.requests: list[int] = []
        self.filled_since = False

    def take(self, event: Any) -> None:
        """One more event of the log."""
        match event:
            case BarSet():
                self.now_ns = event.close_ns
                self.last_bar.update({bar.symbol: event.close_ns for bar in event.bars})
            case Command():
                self.operator = event.command if event.command in (*STOPS, "resume") else self.operator
            case Requested():
                self._requested(event)
            case Filled():
                self._filled(event)
            case Denied():
                self.small += event.reason in TOO_SMALL
            case Cancelled() | Expired() | Rejected():
                self.orders.pop(event.order_id, None)
            case LimitTripped():
                self._tripped(event)
            case LimitReset():
                self._reset(event)
            case RiskLevels():
                self.levels = {level.name: level for level in event.levels}
            case Settled():
                self._settled(event)

    def _requested(self, order: Requested) -> None:
        if order.action in ("open", "add"):
            held = [name for name, action in self.tripped.items() if action in STOPS]
            assert not held, f"{order.order_id} is requested while {held} holds"
            assert self.operator == "resume", f"{order.order_id} is requested while an operator's command holds"
            self.seen["entries"] += 1
        self.small = 0
        self.orders[order.order_id] = order
        self.requests.append(order.event_ns)

    def _filled(self, fill: Filled) -> None:
        self.filled_since = True
        key = fill.symbol, fill.leg
        self.results[key] += Fraction(fill.realised) - Fraction(fill.fee)
        if fill.action in ("open", "add"):
            order = self.orders[fill.order_id]
            wanted = Fraction(order.price if order.price is not None else order.reference_price)
            worse = (Fraction(fill.price) - wanted) * (1 if fill.leg == "long" else -1)
            self.slips.append(cut(worse / wanted * 10_000))
        elif Fraction(fill.leg_quantity) == 0:
            self.streak = self.streak + 1 if self.results.pop(key) < 0 else 0
        if fill.status == "filled":
            self.orders.pop(fill.order_id, None)

    def _tripped(self, trip: LimitTripped) -> None:
        assert Fraction(trip.value) >= Fraction(trip.most)
        assert trip.limit not in self.tripped
        if trip.reset != "each":
            self.tripped[trip.limit] = trip.action
        if trip.limit == "minimum_size":
            assert Fraction(trip.value) == self.small
        if trip.limit == "loss_streak":
            assert Fraction(trip.value) == self.streak
        if trip.limit == "entry_slippage":
            assert Fraction(trip.value) == self.slips[-1]
        self.seen[trip.limit] += 1

    def _reset(self, reset: LimitReset) -> None:
        del self.tripped[reset.limit]
        if reset.limit in self.bases:
            self.bases[reset.limit] = None
        elif reset.limit == "loss_streak":
            self.streak = 0
        elif reset.limit == "p95_slippage":
            self.slips.clear()
        elif reset.limit == "minimum_size":
            self.small = 0
        self.seen["resets"] += 1

    def _settled(self, settled: Settled) -> None:
        self.equity = Fraction(settled.equity)
        for name, level in self.levels.items():
            if level.not_applied:
                continue
            value, most = Fraction(level.value), Fraction(level.limit)
            assert Fraction(level.left) == most - value
            assert level.tripped == (name in self.tripped)
            assert level.tripped or name not in self._evaluated() or value < most, f"{name} has not tripped"
            check = getattr(self, f"_{name}", None)
            if check is not None:
                check(value)
                self.seen[f"values of {name}"] += 1
        self.filled_since = False
        self.day_end = self.equity
        self.day = (self.now_ns - 1) // (1440 * MINUTE_NS)

    def _evaluated(self) -> tuple[str, ...]:
        """Limits that a settle evaluates; the others trip at their own events."""
        return ("daily_loss", "drawdown", "trailing_drawdown", "stale_data")

    def _since(self, name: str, value: Fraction) -> Fraction:
        """The equity that a loss counts from: the known one, or what this value says after a reset."""
        base = self.bases[name]
        if base is None:
            base = self.bases[name] = self.equity + value
        return base

    def _drawdown(self, value: Fraction) -> None:
        assert value == self._since("drawdown", value) - self.equity

    def _daily_loss(self, value: Fraction) -> None:
        if self.day is not None and (self.now_ns - 1) // (1440 * MINUTE_NS) > self.day:
            self.bases["daily_loss"] = None if self.filled_since else self.day_end
        assert value == self._since("daily_loss", value) - self.equity

    def _trailing_drawdown(self, value: Fraction) -> None:
        """A fill inside the bar may have been the peak: it is never below the highest settled equity."""
        peak = max(self._since("trailing_drawdown", value), self.equity)
        assert value >= peak - self.equity
        assert self.filled_since or value == peak - self.equity
        self.bases["trailing_drawdown"] = self.equity + value

    def _loss_streak(self, value: Fraction) -> None:
        assert "loss_streak" in self.tripped or value == self.streak or value == 0

    def _p95_slippage(self, value: Fraction) -> None:
        assert value == 0 or value in self.slips

    def _stale_data(self, value: Fraction) -> None:
        assert value == max(Fraction(self.now_ns - at, 10**9) for at in self.last_bar.values())

    def _orders_per_minute(self, value: Fraction) -> None:
        recent = sum(at > self.now_ns - MINUTE_NS for at in self.requests)
        assert value == min(recent, Fraction(self.levels["orders_per_minute"].limit))

    def _open_orders(self, value: Fraction) -> None:
        assert value == len(self.orders)


def test_limits_are_what_the_log_says() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        session, log = log_of(seed)
        reckoning = Reckoning(session.config.account.equity, seen)
        for event in log:
            reckoning.take(event)

    limits = ("daily_loss", "drawdown", "loss_streak", "entry_slippage", "minimum_size", "stale_data")
    assert all(seen[name] for name in (*limits, "resets", "entries")), seen
