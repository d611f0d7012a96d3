"""What the oracle of the engine's fills counts with: rules, orders, lots and the book of one symbol."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["AT_ONCE", "LEGS", "ZERO", "Ask", "Contract", "Fill", "Funding", "Lot", "Market", "Order", "Rules", "booked"]

ZERO = Fraction(0)
LEGS = ("long", "short")
AT_ONCE = ("market", "ioc")


def booked(amount: Fraction) -> Fraction:
    """An amount of money as it is booked: rounded once to 1e-12, a half to the even one."""
    return Fraction(round(amount * 10**12), 10**12)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a session's configuration says. Shares are fractions; ``participation`` None takes any amount."""

    equity: Fraction
    leverage: Fraction
    maintenance: Fraction
    maker: Fraction = ZERO
    taker: Fraction = ZERO
    slippage: Fraction = ZERO
    participation: Fraction | None = None
    lots: str = "lifo"
    one_way: bool = False
    through: bool = False
    at_close: bool = False


@dataclass(frozen=True)
class Contract:
    """Tick, lot and size of one symbol's contract."""

    tick: Fraction
    lot: Fraction
    size: Fraction


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One order that a decision asks for. ``closes`` without ``quantity`` means the whole leg."""

    key: str
    symbol: str
    leg: str
    kind: str
    closes: bool = False
    quantity: Fraction | None = None
    price: Fraction | None = None
    stop: Fraction | None = None
    target: Fraction | None = None


@dataclass(eq=False)
class Order:
    """An order on the book. ``taken`` is what it had of the bar that goes on, ``twin`` the order that it cancels.

    ``whole``: it closes whatever the leg holds when it is met.
    """

    key: str
    leg: str
    kind: str
    quantity: Fraction
    price: Fraction | None
    closes: bool
    reference: Fraction
    stop: Fraction | None = None
    target: Fraction | None = None
    filled: Fraction = ZERO
    taken: Fraction = ZERO
    fills: int = 0
    rested: bool = False
    triggered: bool = False
    twin: Order | None = None
    whole: bool = False

    @property
    def buys(self) -> bool:
        """Entries of a long and exits of a short buy."""
        return (self.leg == "long") != self.closes

    @property
    def left(self) -> Fraction:
        """What is not filled yet."""
        return self.quantity - self.filled

    @property
    def at_once(self) -> bool:
        """Whether it takes the next price that there is."""
        return self.kind in AT_ONCE or self.triggered

    @property
    def above(self) -> bool:
        """Whether a rise of the price comes to it: a buy stop, or a limit to sell."""
        return self.buys == (self.kind == "stop")

    @property
    def rank(self) -> tuple[int, int]:
        """Who goes first at one price."""
        kinds = {"stop": 0, "take_profit": 1}
        return kinds.get(self.kind, 2 if self.closes else 3), LEGS.index(self.leg)


@dataclass(frozen=True)
class Fill:
    """One fill, as it is compared."""

    bar: int
    symbol: str
    key: str
    leg: str
    quantity: Fraction
    price: Fraction
    fee: Fraction
    maker: bool
    realised: Fraction


@dataclass(frozen=True)
class Funding:
    """A rate that is due: at the open of the next bar or before it, or inside that bar."""

    inside: bool
    rate: Fraction
    mark: Fraction | None


@dataclass
class Lot:
    """An open piece of a leg: what it cost a unit, and in money (``lots: average``)."""

    quantity: Fraction
    price: Fraction
    cost: Fraction


@dataclass
class Market:
    """One symbol."""

    symbol: str
    contract: Contract
    orders: list[Order] = field(default_factory=list)
    lots: dict[str, list[Lot]] = field(default_factory=lambda: {leg: [] for leg in LEGS})
    due: list[Funding] = field(default_factory=list)
    mark: Fraction = ZERO
    close: Fraction = ZERO
    cap: Fraction | None = None
    entered: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(LEGS, ZERO))
    """What entries have added inside the bar, by leg."""

    def held(self, leg: str) -> Fraction:
        """The open quantity of a leg."""
        return sum((lot.quantity for lot in self.lots[leg]), ZERO)

    def left(self, order: Order) -> Fraction:
        """What an order has still to fill."""
        return self.held(order.leg) if order.whole else order.left

    def ticks(self, start: Fraction, end: Fraction) -> list[Fraction]:
        """Every price from one to another, both included."""
        step = self.contract.tick if end >= start else -self.contract.tick
        return [start + step * number for number in range(int((end - start) / step) + 1)]
