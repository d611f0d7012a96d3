"""Leg states as the host keeps them: copied before strategy code runs, and put back.

A copy is the state's MessagePack bytes, so it shares nothing with the original, whatever the strategy
puts into a field. After each call the bytes are read back with the declared types: a value of a wrong
type is an error of that call, and a state goes on as exactly what a restart would make of it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from live_runner.contracts.errors import StrategyError
from live_runner.strategies.base import SIDES, LegState, Strategy

__all__ = ["LegBook", "LegKey"]

type LegKey = tuple[str, str]
"""Symbol and side."""
type Copies = tuple[bytes, bytes]
"""The long and the short leg of one symbol."""

_NOTHING: Final[Copies] = (b"\x80", b"\x80")


class LegBook:
    """The leg states of one strategy, with a version that moves whenever a state changes."""

    def __init__(self, strategy: Strategy[Any, Any]) -> None:
        kind = strategy.Leg
        self._kind = kind
        self._states: dict[LegKey, LegState] = strategy.leg_states
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self.has_fields = bool(kind.__struct_fields__)
        self._keys: dict[str, tuple[LegKey, LegKey]] = {
            symbol: ((symbol, SIDES[0]), (symbol, SIDES[1])) for symbol in strategy.symbols
        }
        self.versions = dict.fromkeys(self._states, 0)
        self._known: dict[LegKey, bytes] = dict.fromkeys(self._states, b"")
        for key, state in self._states.items():
            # A default of 0 in a float field becomes the 0.0 that a restart would make of it.
            self._write(key, self._decode(self._encode(state)))
        self.versions = dict.fromkeys(self._states, 0)

    def copy(self, symbol: str) -> Copies:
        """The states of a symbol's two legs as they are now."""
        if not self.has_fields:
            return _NOTHING
        long, short = self._keys[symbol]
        return self._known[long], self._known[short]

    def accept(self, symbol: str) -> None:
        """Take over what strategy code left in the symbol's legs; StrategyError for a value of a wrong type."""
        if not self.has_fields:
            return
        for key in self._keys[symbol]:
            state = self._states[key]
            try:
                data = self._encode(state)
                if data == self._known[key]:
                    continue
                typed = self._decode(data)
            except (msgspec.MsgspecError, TypeError, OverflowError) as error:
                raise StrategyError(
                    f"The leg state of {symbol} {key[1]} holds what its type does not allow: {error}",
                    remedy=f"See the field types of {self._kind.__name__}",
                    symbol=symbol,
                    leg=key[1],
                ) from error
            self._write(key, typed)

    def put_back(self, symbol: str, copies: Copies) -> None:
        """Undo what a failed call did to the symbol's legs."""
        if self.has_fields:
            for key, data in zip(self._keys[symbol], copies, strict=True):
                self.restore_leg(key, data)

    def restore_leg(self, key: LegKey, data: bytes) -> None:
        """Put one leg back to a copy."""
        if self.has_fields:
            self._write(key, self._decode(data))

    def _write(self, key: LegKey, typed: LegState) -> None:
        state = self._states[key]
        for name in self._kind.__struct_fields__:
            setattr(state, name, getattr(typed, name))
        data = self._encode(typed)
        if data != self._known[key]:
            self._known[key] = data
            self.versions[key] += 1

    def snapshot(self) -> list[Any]:
        """Symbol, side, version and state of each leg, in configured order."""
        return [
            [symbol, side, self.versions[symbol, side], msgspec.Raw(self._known[symbol, side])]
            for symbol in self._keys
            for side in SIDES
        ]

    def restore(self, legs: list[Any]) -> None:
        """Take over what ``snapshot`` gave."""
        for symbol, side, version, plain in legs:
            key = (symbol, side)
            self._write(key, msgspec.convert(plain, self._kind))
            self.versions[key] = version
