"""Adapter for old-style strategy classes: off unless the configuration's strategy.legacy asks for it.

An old-style class has ``entry_signal(symbol, bar)`` and ``manage_position(symbol, bar, position)``, and
perhaps ``universe(symbols)`` and ``rank(bars)``. What it says becomes explicit intents. Each liberty
that such classes take has a switch of its own, and without it the intent goes out as it was given (and is
refused, for want of a quantity or of an order style), or the call is an error that names the switch.

    strategy:
      path: old.py
      parameters: {warmup: 50, settings: {period: 20}}
      legacy: {size: notional, growing_quantity: true, dca_style: market, loose_signatures: true}

What the object keeps on itself is its snapshot: it has to be plain data, or ``state``/``restore``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.strategies.base import (
    SIDES,
    Bar,
    Draft,
    ExecutionPolicy,
    LegState,
    LegView,
    Parameters,
    Side,
    Strategy,
    View,
    intent,
)

__all__ = ["LegacyParameters", "LegacySwitches", "OldPosition", "OldRow", "adapt", "is_old_style"]

_METHODS: Final = ("entry_signal", "manage_position")
_MEANINGS: Final = {
    "symbol": "symbol",
    "sym": "symbol",
    "pair": "symbol",
    "bar": "bar",
    "row": "bar",
    "candle": "bar",
    "position": "position",
    "pos": "position",
    "view": "view",
    "ctx": "view",
    "context": "view",
}
"""Argument names of old methods, and what they mean."""
_SIDES: Final[dict[str, Side]] = {"long": "long", "buy": "long", "short": "short", "sell": "short"}


class LegacySwitches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Permissions of an old-style class; everything is off until it is named."""

    size: Literal["quantity", "notional"] | None = None
    """The unit of ``size`` in a signal: base units, or settle currency divided by the close."""
    loose_signatures: bool = False
    """Take methods with other argument names or order (``row``, ``pos``, ``ctx`` ...), matched by name once."""
    growing_quantity: bool = False
    """A ``position.qty`` that ``manage_position`` has raised is an add of the difference."""
    dca_style: Literal["market", "limit", "post_only"] | None = None
    """Order style of such adds; limit orders rest at the close."""


class LegacyParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of the adapter, and those of the old class's constructor."""

    warmup: Annotated[int, Meta(ge=0, description="bars")] = 0
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class OldRow(dict[str, Any]):
    """A bar that old code reads as ``row["close"]`` or ``row.close``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class OldPosition:
    """A leg as old code sees it: a copy, so that changing it changes no position."""

    def __init__(self, symbol: str, side: Side, leg: LegView) -> None:
        self.symbol = symbol
        self.side = side
        self.qty = leg.quantity
        self.avg_price = leg.average
        self.entry_price = leg.lots[0].price if leg.lots else None
        self.opened_ns = leg.lots[0].opened_ns if leg.lots else 0


def is_old_style(kind: type) -> bool:
    """Whether a class has the old methods and none of the new ones."""
    return not issubclass(kind, Strategy) and any(callable(getattr(kind, name, None)) for name in _METHODS)


def adapt(kind: type, switches: Mapping[str, Any] | None) -> type[Strategy[Any, Any]]:
    """The old-style class behind the strategy interface; StrategyError while strategy.legacy is not set."""
    if switches is None:
        raise StrategyError(
            f"{kind.__name__} is an old-style strategy (entry_signal, manage_position)",
            remedy="Port it to strategies.base.Strategy, or set strategy.legacy: {} and the switches that it needs",
            strategy=kind.__name__,
        )
    try:
        allowed = msgspec.convert(dict(switches), LegacySwitches)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"strategy.legacy: {error}",
            remedy=f"Known: {', '.join(LegacySwitches.__struct_fields__)}",
            key="strategy.legacy",
        ) from None
    orders = {
        name: _order(kind, name, plain, allowed)
        for name, plain in (("entry_signal", ("symbol", "bar")), ("manage_position", ("symbol", "bar", "position")))
        if callable(getattr(kind, name, None))
    }
    return type(kind.__name__, (_Adapter,), {"_kind": kind, "_switches": allowed, "_orders": orders})


def _order(kind: type, name: str, plain: tuple[str, ...], switches: LegacySwitches) -> tuple[str, ...]:
    """The meaning of each argument of an old method, in its order."""
    names = tuple(inspect.signature(getattr(kind, name)).parameters)[1:]
    if names == plain:
        return plain
    meant = tuple(_MEANINGS.get(argument, "") for argument in names)
    if not switches.loose_signatures or "" in meant:
        raise StrategyError(
            f"{kind.__name__}.{name} takes ({', '.join(names)}) and not ({', '.join(plain)})",
            remedy="Set strategy.legacy.loose_signatures"
            if "" not in meant
            else f"Name its arguments among: {', '.join(_MEANINGS)}",
            strategy=kind.__name__,
        )
    return meant


class _Adapter(Strategy[LegacyParameters, LegState]):
    _kind: type
    _switches: LegacySwitches
    _orders: Mapping[str, tuple[str, ...]]

    def __init__(self, parameters: LegacyParameters, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.old: Any = self._kind(**parameters.settings)

    def warmup(self, timeframe: str) -> int:
        return self.parameters.warmup

    def policy(self) -> ExecutionPolicy:
        policy = getattr(self.old, "policy", None)
        given = policy() if callable(policy) else None
        return given if isinstance(given, ExecutionPolicy) else ExecutionPolicy(max_failures=3, backoff_s=600.0)

    def observe(self, bar: Bar) -> None:
        observe = getattr(self.old, "observe", None)
        if callable(observe):
            observe(_row(bar))

    def select(self, bars: Sequence[Bar], view: View) -> Iterable[str] | None:
        universe = getattr(self.old, "universe", None)
        rank = getattr(self.old, "rank", None)
        chosen: Iterable[str] | None = None
        if callable(universe):
            chosen = list(universe([bar.symbol for bar in bars]))
        if callable(rank):
            among = None if chosen is None else set(chosen)
            chosen = list(rank([_row(bar) for bar in bars if among is None or bar.symbol in among]))
        return chosen

    def on_bar(self, bar: Bar, view: View) -> list[Draft]:
        drafts: list[Draft] = []
        flat = True
        for side in SIDES:
            leg = view.leg(bar.symbol, side)
            if leg.is_open:
                flat = False
                drafts.extend(self._manage(bar, view, side, leg))
        if flat and not view.pending(bar.symbol):
            drafts.extend(self._enter(bar, view))
        return drafts

    def _call(self, name: str, values: Mapping[str, Any]) -> Any:
        method: Callable[..., Any] = getattr(self.old, name)
        return method(*(values[meaning] for meaning in self._orders[name]))

    def _enter(self, bar: Bar, view: View) -> list[Draft]:
        if "entry_signal" not in self._orders:
            return []
        values = {"symbol": bar.symbol, "bar": _row(bar), "position": None, "view": view}
        signal = self._call("entry_signal", values)
        if not signal:
            return []
        fields = _fields(signal)
        side = _SIDES.get(str(fields.get("side", "")).lower())
        if side is None:
            raise StrategyError(f"entry_signal gave no side: {sorted(fields)}", remedy="Give side 'long' or 'short'")
        return [
            intent.open(
                bar.symbol,
                side,
                self._quantity(fields, bar, view),
                take_profit=_first(fields, "take_profit", "tp"),
                stop_loss=_first(fields, "stop_loss", "sl"),
                reason=str(fields.get("reason", "entry_signal")),
            )
        ]

    def _quantity(self, fields: Mapping[str, Any], bar: Bar, view: View) -> float | None:
        """An explicit quantity is taken as it is; ``size`` only under its switch; otherwise there is none."""
        quantity = _first(fields, "quantity", "qty")
        size = fields.get("size")
        if quantity is not None or size is None or self._switches.size is None:
            return quantity
        if self._switches.size == "quantity":
            return float(size)
        return float(size) / (bar.close * view.instrument(bar.symbol).contract_size)

    def _manage(self, bar: Bar, view: View, side: Side, leg: LegView) -> list[Draft]:
        if "manage_position" not in self._orders:
            return []
        position = OldPosition(bar.symbol, side, leg)
        values = {"symbol": bar.symbol, "bar": _row(bar), "position": position, "view": view}
        answer = self._call("manage_position", values)
        grown = position.qty - leg.quantity
        if grown < 0 or (grown > 0 and not self._switches.growing_quantity):
            raise StrategyError(
                f"manage_position changed qty from {leg.quantity} to {position.qty}",
                remedy="Return an exit, or set strategy.legacy.growing_quantity for adds",
            )
        drafts = self._exits(bar, side, answer)
        if grown > 0 and not drafts:
            style = self._switches.dca_style
            limit = None if style in (None, "market") else bar.close
            drafts.append(
                intent.add(bar.symbol, side, grown, style=style, limit_price=limit, reason="growing_quantity")
            )
        return drafts

    def _exits(self, bar: Bar, side: Side, answer: Any) -> list[Draft]:
        if answer in (None, False, "hold", ""):
            return []
        if answer in (True, "close", "exit"):
            return [intent.close(bar.symbol, side, reason="manage_position")]
        fields = _fields(answer)
        reason = str(fields.get("reason", "manage_position"))
        action = str(fields.get("action", "close")).lower()
        if action in ("partial_close", "reduce"):
            quantity, fraction = _first(fields, "quantity", "qty"), fields.get("fraction")
            return [intent.partial_close(bar.symbol, side, quantity=quantity, fraction=fraction, reason=reason)]
        if action in ("close", "exit"):
            return [intent.close(bar.symbol, side, reason=reason)]
        if action == "hold":
            return []
        raise StrategyError(f"manage_position returned '{action}'", remedy="Use close, partial_close or hold")

    def state(self) -> dict[str, Any]:
        state = getattr(self.old, "state", None)
        return {"old": state() if callable(state) else dict(vars(self.old))}

    def restore(self, state: Mapping[str, Any]) -> None:
        restore = getattr(self.old, "restore", None)
        if callable(restore):
            restore(state["old"])
        else:
            vars(self.old).update(state["old"])


def _row(bar: Bar) -> OldRow:
    return OldRow(msgspec.structs.asdict(bar))


def _fields(answer: Any) -> Mapping[str, Any]:
    """A signal or exit as names and values: a mapping, an object's attributes, or a side alone."""
    if isinstance(answer, Mapping):
        return dict(answer)
    if isinstance(answer, str):
        return {"side": answer}
    if isinstance(answer, msgspec.Struct):
        return msgspec.structs.asdict(answer)
    return dict(vars(answer))


def _first(fields: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = fields.get(name)
        if value is not None:
            return float(value)
    return None
