"""Every trip, reset and refused entry of a session, worked out once more from its log with fractions.

Inputs are what the log has beside the limits' own messages: bars, orders, fills, funding, refusals and commands.
No rule of the engine is imported.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any, Final

from corpus import sessions
from corpus.adapter import record
from msgspec import UNSET

from live_runner.contracts.messages import (
    Accepted,
    BarSet,
    Cancelled,
    Command,
    Denied,
    Event,
    Expired,
    Filled,
    FundingPaid,
    LimitReset,
    LimitTripped,
    Rejected,
    Requested,
    RiskLevels,
    Settled,
)

SEEDS: Final = range(100, 180)
DAY_NS: Final = 86_400_000_000_000
MINUTE_NS: Final = 60_000_000_000
LOSSES: Final = ("daily_loss", "drawdown", "trailing_drawdown")
EVALUATED: Final = (*LOSSES, "stale_data")
TOO_SMALL: Final = ("below_min_amount", "below_min_notional", "amount_rounds_to_zero")
GATES: Final = {"notify": 0, "close_leg": 0, "resume": 0, "stop": 1, "kill": 2, "flatten": 3}
NEAR: Final = Fraction(1, 10**9)
"""Money of each fill is rounded to 1e-12, that of the model is not."""
NAMES: Final = ("open", "stopped", "killed", "flattening")

type Outcome = tuple[str, str, Any]


def cut(value: Fraction) -> Fraction:
    """Rounded down to 1e-12, as values of limits are published."""
    return Fraction(value * 10**12 // 1, 10**12)


class Account:
    """Positions and equity from fills, funding and closes."""

    def __init__(self, equity: str, sizes: dict[str, Fraction]) -> None:
        self.cash = Fraction(equity)
        self.sizes = sizes
        self.held: dict[tuple[str, str], Fraction] = {}
        self.marks: dict[str, Fraction] = {}

    def fill(self, fill: Filled) -> None:
        signed = Fraction(fill.quantity) * (1 if fill.side == "buy" else -1) * self.sizes[fill.symbol]
        self.cash -= signed * Fraction(fill.price) + Fraction(fill.fee)
        held = Fraction(fill.leg_quantity) * self.sizes[fill.symbol]
        self.held[fill.symbol, fill.leg] = held if fill.leg == "long" else -held

    def equity(self) -> Fraction:
        """At the last marks."""
        return self.cash + sum(
            (held * self.marks[symbol] for (symbol, _), held in self.held.items() if held), Fraction()
        )


class Model:
    """The limits of one session."""

    def __init__(self, session: Any, seen: Counter[str]) -> None:
        config = session.config
        self.seen = seen
        given = config.risk
        self.limits: dict[str, Any] = {}
        if given is not UNSET:
            self.limits = {
                name: getattr(given, name)
                for name in given.__struct_fields__
                if getattr(given, name) is not None and name not in ("spread", "unprotected")
            }
        self.caps = config.caps
        self.symbols = [instrument.symbol for instrument in session.instruments]
        sizes = {instrument.symbol: Fraction(instrument.contract_size) for instrument in session.instruments}
        self.account = Account(config.account.equity, sizes)
        start = self.account.cash
        self.start, self.peak, self.day_start, self.last = start, start, start, start
        self.day = -1
        self.now_ns = 0
        self.bars: dict[str, Any] = {}
        self.waiting: list[str] = []
        self.fresh: dict[str, int] = {}
        self.until: dict[str, int] = {}
        self.operator = "resume"
        self.results: dict[tuple[str, str], Fraction] = {}
        self.losses = 0
        self.slips: list[Fraction] = []
        self.small = 0
        self.orders: dict[str, list[Any]] = {}
        self.past: dict[str, Requested] = {}
        self.times: list[int] = []
        self.expected: list[Outcome] = []

    # -- limits ----------------------------------------------------------------------------------

    def most(self, name: str) -> Fraction:
        given = self.limits[name]
        for key in ("limit", "limit_bp", "after_s"):
            if hasattr(given, key):
                return Fraction(str(getattr(given, key)))
        raise AssertionError(name)

    def trip(self, name: str, value: Fraction) -> None:
        if name not in self.limits or name in self.until or value < self.most(name):
            return
        given = self.limits[name]
        if given.reset != "each":
            self.until[name] = self.now_ns + round(given.cooldown_s * 10**9) if given.reset == "cooldown" else -1
        self.expected.append(("trip", name, value))

    def reset(self, name: str, why: str, equity: Fraction) -> None:
        del self.until[name]
        if name == "daily_loss":
            self.day_start = equity
        elif name == "drawdown":
            self.start = equity
        elif name == "trailing_drawdown":
            self.peak = max(equity, self.last)
        elif name == "loss_streak":
            self.losses = 0
        elif name == "p95_slippage":
            self.slips.clear()
        elif name == "minimum_size":
            self.small = 0
        self.expected.append(("reset", name, why))

    def stale(self) -> Fraction:
        return max((Fraction(self.now_ns - at, 10**9) for at in self.fresh.values()), default=Fraction())

    def evaluate(self, equity: Fraction, *, settles: bool = False) -> None:
        before, day = self.last, (self.now_ns - 1) // DAY_NS
        new_day = 0 <= self.day < day
        if new_day:
            self.day_start = before
        self.day = day
        self.last = equity
        self.peak = max(self.peak, equity)
        for name in list(self.until):
            reset = self.limits[name].reset
            if reset == "cooldown" and self.now_ns >= self.until[name]:
                self.reset(name, reset, equity)
            elif reset == "day" and new_day:
                self.reset(name, reset, before)
            elif reset == "recovered" and settles and self.stale() < self.most(name):
                self.reset(name, reset, equity)
        for name, value in self.values().items():
            if settles or name != "stale_data":
                self.trip(name, value)

    def is_over(self) -> bool:
        day = 0 <= self.day < (self.now_ns - 1) // DAY_NS
        return day or any(0 <= until <= self.now_ns for until in self.until.values())

    def values(self) -> dict[str, Fraction]:
        found = (self.day_start - self.last, self.start - self.last, self.peak - self.last, self.stale())
        return dict(zip(EVALUATED, found, strict=True))

    def gate(self) -> str:
        held = [self.operator, *(self.limits[name].action for name in self.until)]
        return NAMES[max(GATES[action] for action in held)]

    # -- the log ---------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        match event:
            case BarSet():
                self.now_ns = event.close_ns
                self.bars = {bar.symbol: bar for bar in event.bars}
                self.fresh.update(dict.fromkeys(self.bars, event.close_ns))
                # Bars are matched symbol by symbol: a fill of one finds those before it marked at this close.
                self.waiting = [symbol for symbol in self.symbols if symbol in self.bars]
            case Filled():
                self.filled(event)
            case FundingPaid():
                self.mark_before(event.symbol)
                self.account.cash += Fraction(event.amount)
            case Requested():
                self.requested(event)
            case Accepted():
                self.small = 0
            case Denied():
                if event.reason in TOO_SMALL and "minimum_size" in self.limits:
                    self.small += 1
                    self.trip("minimum_size", Fraction(self.small))
            case Cancelled() | Expired() | Rejected():
                self.orders.pop(event.order_id, None)
                if isinstance(event, Expired) and event.reason == "time_to_live":
                    self.mark_all()  # a time runs out when every bar of the set has been matched
            case Command():
                if event.command in GATES:
                    self.operator = event.command
                if event.command == "resume":
                    for name in [name for name in self.limits if name in self.until]:
                        self.reset(name, "resume", self.last)
            case _:
                pass

    def mark_before(self, symbol: str) -> None:
        while self.waiting and self.waiting[0] != symbol and symbol in self.waiting:
            self.mark(self.waiting.pop(0))

    def mark_all(self) -> None:
        for symbol in self.waiting:
            self.mark(symbol)
        self.waiting = []

    def mark(self, symbol: str) -> None:
        self.account.marks[symbol] = Fraction(str(self.bars[symbol].close))

    def filled(self, fill: Filled) -> None:
        self.mark_before(fill.symbol)
        if self.is_over():  # what is over ends before the fill, which belongs to the count that begins
            self.evaluate(self.last)
        self.account.fill(fill)
        order = self.past.get(fill.order_id)
        key = fill.symbol, fill.leg
        self.results[key] = self.results.get(key, Fraction()) + Fraction(fill.realised) - Fraction(fill.fee)
        entry = fill.action in ("open", "add")
        if not entry and Fraction(fill.leg_quantity) == 0:
            self.losses = self.losses + 1 if self.results.pop(key) < 0 else 0
            self.trip("loss_streak", Fraction(self.losses))
        if entry:
            assert order is not None
            wanted = Fraction(order.price if order.price is not None else order.reference_price)
            slip = (Fraction(fill.price) - wanted) * (1 if fill.leg == "long" else -1) / wanted * 10_000
            self.trip("entry_slippage", cut(slip))
            if "p95_slippage" in self.limits:
                fills = self.limits["p95_slippage"].fills
                self.slips = [*self.slips, cut(slip)][-fills:]
                if len(self.slips) == fills:
                    self.trip("p95_slippage", sorted(self.slips)[-(-95 * fills // 100) - 1])
        if fill.order_id in self.orders:
            self.orders[fill.order_id][1] = Fraction(fill.remaining)
            if fill.status == "filled":
                del self.orders[fill.order_id]
        marked = self.account.marks.get(fill.symbol)
        self.account.marks[fill.symbol] = Fraction(fill.price)
        self.evaluate(self.account.equity())
        if marked is not None:
            self.account.marks[fill.symbol] = marked

    def requested(self, order: Requested) -> None:
        entry = order.action in ("open", "add")
        if entry:
            assert self.gate() == "open", f"{order.order_id} is requested while the session is {self.gate()}"
            self.seen["entries"] += 1
        if entry and self.caps is not UNSET:
            self.check_caps(order)
        self.past[order.order_id] = order
        self.orders[order.order_id] = [order, Fraction(order.quantity)]
        self.times.append(self.now_ns)

    def check_caps(self, order: Requested) -> None:
        """At the last closes: what is held, what rests, what is asked."""
        worth: dict[tuple[str, str], Fraction] = {}
        for (symbol, leg), held in self.account.held.items():
            if held:
                worth[symbol, leg] = abs(held) * self.account.marks[symbol]
        asked = self.notional(order, Fraction(order.quantity))
        for other, left in self.orders.values():
            if other.action in ("open", "add"):
                key = other.symbol, other.leg
                worth[key] = worth.get(key, Fraction()) + self.notional(other, left)
        own = order.symbol, order.leg
        worth[own] = worth.get(own, Fraction()) + asked
        both = sum((value for (symbol, _), value in worth.items() if symbol == order.symbol), Fraction())
        recent = sum(at > self.now_ns - MINUTE_NS for at in self.times)
        for name, value in (
            ("order_notional", asked),
            ("leg_notional", worth[own]),
            ("symbol_notional", both),
            ("total_notional", sum(worth.values(), Fraction())),
            ("open_orders", Fraction(len(self.orders) + 1)),
            ("orders_per_minute", Fraction(recent + 1)),
        ):
            cap = getattr(self.caps, name)
            if cap is not None:
                self.seen[name] += 1
                assert value <= Fraction(cap), f"{order.order_id} takes {name} to {float(value)}, the cap is {cap}"

    def notional(self, order: Requested, left: Fraction) -> Fraction:
        price = Fraction(order.price) if order.price is not None else self.account.marks[order.symbol]
        return left * price * self.account.sizes[order.symbol]

    def settle(self, equity: Fraction) -> None:
        self.mark_all()
        assert abs(self.account.equity() - equity) < NEAR
        self.evaluate(equity, settles=True)


def check(seed: int, seen: Counter[str]) -> None:
    """One session, compared at every close."""
    session = sessions.session(f"risk-{seed}")
    model = Model(session, seen)
    log = record(session)
    found: list[Outcome] = []
    for at, event in enumerate(log):
        where = f"{session.name} at {event.event_ns}"
        match event:
            case LimitTripped():
                assert Fraction(event.most) == model.most(event.limit), where
                found.append(("trip", event.limit, Fraction(event.value)))
                seen[event.limit] += 1
            case LimitReset():
                found.append(("reset", event.limit, event.why))
                seen[f"reset {event.why}"] += 1
            case RiskLevels():
                settled = log[at + 1]
                assert isinstance(settled, Settled)
                model.settle(Fraction(settled.equity))
                agree(where, found, model)
                for level in event.levels:
                    if level.name in model.limits:
                        assert level.tripped == (level.name in model.until), f"{where}: {level}"
                    if level.name in model.limits and level.name in EVALUATED:
                        assert abs(Fraction(level.value) - model.values()[level.name]) < NEAR, f"{where}: {level}"
                assert settled.gate == model.gate(), where
            case _:
                model.take(event)


def agree(where: str, found: list[Outcome], model: Model) -> None:
    """What the log says has tripped and ended since the close before is what the model says."""
    assert len(found) == len(model.expected), f"{where}: {found}, not {model.expected}"
    for one, other in zip(sorted(found, key=str), sorted(model.expected, key=str), strict=True):
        assert one[:2] == other[:2], f"{where}: {found}, not {model.expected}"
        same = abs(one[2] - other[2]) < NEAR if isinstance(one[2], Fraction) else one[2] == other[2]
        assert same, f"{where}: {one}, not {other}"
    found.clear()
    model.expected.clear()


def test_every_trip_and_reset_follows_from_the_log() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        check(seed, seen)

    limits = (*EVALUATED, "loss_streak", "entry_slippage", "p95_slippage", "minimum_size")
    caps = ("order_notional", "leg_notional", "symbol_notional", "total_notional", "open_orders", "orders_per_minute")
    resets = ("reset resume", "reset cooldown", "reset recovered")
    assert all(seen[name] for name in (*limits, *caps, *resets)), seen
