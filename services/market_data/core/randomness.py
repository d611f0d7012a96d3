"""Numbers that look random and are a pure function of a key and a position.

numpy promises no stable stream across its versions, and libm differs between machines, so a simulated
market that is to be the same everywhere brings its own: splitmix64 on (key, position), in whole numbers.
A normal variate is the sum of twelve 16-bit uniforms less its mean (Irwin-Hall): exact integers until one
division, no logarithm and no cosine, and bounded by six standard deviations.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["key", "normals", "uniforms"]

type Words = NDArray[np.uint64]

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_MEAN: Final = 12 * 65535
_SCALE: Final = 65536.0


def key(*parts: int | str) -> int:
    """A 64-bit key of whole numbers and texts (FNV-1a over them, then mixed)."""
    state = 0xCBF29CE484222325
    for part in parts:
        for byte in f"{part}|".encode():
            state = ((state ^ byte) * 0x100000001B3) & _MASK
    return int(_mix(np.array([state], dtype=np.uint64))[0])


def uniforms(key_: int, count: int, first: int = 0) -> NDArray[np.float64]:
    """``count`` values in [0, 1), from position ``first`` on."""
    words = _words(key_, count, first)
    values: NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64) / 9007199254740992.0
    return values


def normals(key_: int, count: int, first: int = 0) -> NDArray[np.float64]:
    """``count`` values of mean 0 and variance 1, from position ``first`` on."""
    words = _words(key_, 3 * count, 3 * first).reshape(count, 3)
    total = np.zeros(count, dtype=np.int64)
    for shift in (0, 16, 32, 48):
        total += ((words >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64).sum(axis=1)
    values: NDArray[np.float64] = (2 * total - _MEAN).astype(np.float64) / 2.0 / _SCALE
    return values


def _words(key_: int, count: int, first: int) -> Words:
    start = np.uint64((key_ + (first + 1) * _GOLDEN) & _MASK)
    with np.errstate(over="ignore"):
        return _mix(start + np.arange(count, dtype=np.uint64) * np.uint64(_GOLDEN))


def _mix(words: Words) -> Words:
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return words ^ (words >> np.uint64(31))
