"""The strategy interface: all that a strategy author needs to read.

A strategy is a class with typed parameters. The same object runs in backtest, paper and live. One
bar from its point of view::

    observe(bar)      of every symbol: indicators and history move on; never rolled back
    on_fill(...)      and the other news since the last decision, in the order it happened
    on_bar(bar, view) of every symbol, in configured order: what is wanted, as a list of intents

Per bar and symbol say what open legs need (long, then short), then entries (long, then short); the
host keeps the order, and execution sends all closes before any open or add.

State has two parts. What ``observe`` keeps goes into ``state()`` and ``restore()`` (or simply into
``self.indicators``). What intents may change (levels, trailing marks) belongs into the leg state,
``self.leg(symbol, side)``: the host takes a copy before ``on_bar`` and puts it back when every intent
of that leg in that call was refused, or when the call raised. Anything else kept on ``self`` is lost
at a restart and must not influence a decision. No clock, no randomness, no files, no network.

In a backtest ``bar``, ``view``, the legs, lots and orders in it and ``fill`` are objects of the engine (``LiveBar``,
``LiveView`` and so on in hotpath/engine/live_view.py): the attributes and methods of ``Bar``, ``View`` and ``Fill``,
made when asked for. Each may be kept, and still says later what it said then. Ask for attributes, never for the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, get_args

import msgspec

from live_runner.contracts.policy import ExecutionPolicy
from live_runner.strategies import intent
from live_runner.strategies.intent import Draft, Side
from live_runner.strategies.news import Fill, OrderUpdate, Rejection
from live_runner.strategies.view import LegView, LotView, OrderView, Rules, View

__all__ = [
    "SIDES",
    "Bar",
    "Draft",
    "ExecutionPolicy",
    "Fill",
    "Indicator",
    "LegState",
    "LegView",
    "LotView",
    "OrderUpdate",
    "OrderView",
    "Parameters",
    "Rejection",
    "Rules",
    "Side",
    "Strategy",
    "View",
    "intent",
]

SIDES: tuple[Side, Side] = ("long", "short")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a strategy's parameters: typed fields with defaults, checked before the session starts.

    Bounds and meaning stand in ``Annotated[float, msgspec.Meta(gt=0, description="per cent")]``. A
    field may be another ``Parameters`` class, for example one set per leg.
    """


class LegState(msgspec.Struct):
    """Base of a strategy's state per symbol and leg, owned by the host. Every field has a default.

    Fields hold immutable values only: numbers, text, None and tuples of them. So one copy is a
    whole copy. Ask for it anew in each call; do not keep it in a variable of your own.
    """


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar, labelled by its open time. A backtest shows an object with the same attributes."""

    symbol: str
    open_ns: int
    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    late: bool = False
    """Fetched after its time: by default only closes are carried out on it."""


class Indicator(Protocol):
    """Anything that ``self.indicators`` can keep: all of hotpath.indicators does."""

    def state(self) -> Any: ...

    def restore(self, state: Any) -> None: ...


class Strategy[P: Parameters, L: LegState]:
    """Base of every strategy: ``class MyStrategy(Strategy[MyParameters, MyLegState])``."""

    Params: ClassVar[type[Parameters]] = Parameters
    Leg: ClassVar[type[LegState]] = LegState
    compiled: ClassVar[str | None] = None
    """``module:class`` of the compiled twin, which a backtest may run instead: docs/compiled_strategies.md."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take ``Params`` and ``Leg`` from the brackets, unless the class names them itself; inherit no twin."""
        super().__init_subclass__(**kwargs)
        if "compiled" not in cls.__dict__:
            # What derives from a class with a twin decides otherwise, or it would not have to.
            cls.compiled = None
        for base in cls.__dict__.get("__orig_bases__", ()):
            for argument in get_args(base):
                if not isinstance(argument, type):
                    continue
                if issubclass(argument, Parameters) and "Params" not in cls.__dict__:
                    cls.Params = argument
                elif issubclass(argument, LegState) and "Leg" not in cls.__dict__:
                    cls.Leg = argument

    def __init__(self, parameters: P, symbols: tuple[str, ...], timeframe: str) -> None:
        self.parameters = parameters
        self.symbols = symbols
        self.timeframe = timeframe
        self.indicators: dict[str, Indicator] = {}
        """By a name of your choice, for example ``f"{symbol}/fast"``: kept in snapshots."""
        self.leg_states: dict[tuple[str, str], L] = {
            (symbol, side): self.Leg()  # type: ignore[misc]  # Leg is L, which a class attribute cannot say
            for symbol in symbols
            for side in SIDES
        }

    def leg(self, symbol: str, side: str) -> L:
        """The state of one leg, to read and to write."""
        return self.leg_states[symbol, side]

    # -- what it needs and allows -------------------------------------------------------------

    def warmup(self, timeframe: str) -> int:
        """Number of bars of history that are observed before the first decision."""
        return 0

    def policy(self) -> ExecutionPolicy:
        """Rules for the order manager on the strategy's behalf: style of adds, attempts, fallback, backoff."""
        return ExecutionPolicy()

    def minimum_order(self, view: View, symbol: str) -> float:
        """The smallest quantity worth sending, in base units; for the strategy's own sizing."""
        rules = view.instrument(symbol)
        return max(rules.min_amount, rules.lot_size)

    # -- one bar ------------------------------------------------------------------------------

    def observe(self, bar: Bar) -> None:
        """Take in a closed bar, of warmup or live. Called for every symbol before any ``on_bar``."""

    def select(self, bars: Sequence[Bar], view: View) -> Iterable[str] | None:
        """The symbols to decide for at this close; None means all.

        Symbols that hold a position or have an order pending are asked in any case.
        """
        return None

    def on_bar(self, bar: Bar, view: View) -> Iterable[Draft] | None:
        """The intents at this close: none, one or several, only for the bar's symbol."""
        return None

    # -- news ---------------------------------------------------------------------------------

    def on_fill(self, fill: Fill, view: View) -> None:
        """Something was filled."""

    def on_rejection(self, rejection: Rejection, view: View) -> None:
        """An intent or order came to nothing."""

    def on_order_update(self, update: OrderUpdate, view: View) -> None:
        """An order was requested, accepted, cancelled or expired."""

    # -- snapshots ----------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """State that ``observe`` keeps, as plain data (numbers, text, lists, dicts). Leg states are not part of it."""
        return {"indicators": {name: indicator.state() for name, indicator in self.indicators.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state`` gave, on a fresh object."""
        for name, indicator in self.indicators.items():
            indicator.restore(state["indicators"][name])
