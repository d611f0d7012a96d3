"""Choices out of a name: the same on every machine and every Python, whatever their random modules do."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

_MASK = 2**64 - 1


class Draw:
    """A SplitMix64 stream that begins at the hash of its name."""

    def __init__(self, name: str) -> None:
        self._state = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")

    def below(self, end: int) -> int:
        """A whole number from 0 to ``end`` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) >> 11) % end

    def within(self, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``, both included."""
        return least + self.below(most - least + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def one_of[T](self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def mostly[T](self, usual: T, *edges: T) -> T:
        """An edge now and then: with all of them at once a session ends before it begins."""
        return usual if self.chance(90) else self.one_of(edges)
