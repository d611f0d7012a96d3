"""Checks of an indicator's inputs: periods, numbers, columns and snapshots.

The compiled indicators ask here too, so that there is one sentence for each wrong input.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BARS_MAX",
    "PERIOD_MAX",
    "Column",
    "blank",
    "blanks",
    "columns",
    "count_of",
    "finite",
    "floats",
    "followed",
    "nans",
    "parts",
    "period_of",
    "refuse",
    "shaped",
    "volume_of",
    "width_of",
    "zeros",
]

type Column = NDArray[np.float64]
"""One value per bar, float64. numpy itself is loaded by the first column: a live session has none."""

PERIOD_MAX: Final = 1_000_000
"""Longest period, in bars."""
BARS_MAX: Final = 2**62
"""Bars that an indicator can have seen."""


def period_of(value: int, name: str) -> int:
    """A whole number of bars, 1 to PERIOD_MAX."""
    try:
        bars = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}: it must be a whole number of bars") from None
    if not 1 <= bars <= PERIOD_MAX:
        raise ValueError(f"{name} is {bars}: 1 to {PERIOD_MAX} bars are possible")
    return bars


def finite(value: float, name: str) -> float:
    """A number that is neither nan nor infinite."""
    if not math.isfinite(value):
        raise ValueError(f"{name} is {float(value)}: an indicator takes finite numbers")
    return float(value)


def width_of(value: float, name: str) -> float:
    """The distance of bands from their middle: finite, not negative."""
    if not finite(value, name) >= 0.0:
        raise ValueError(f"{name} is {float(value)}: it must not be negative")
    return float(value)


def volume_of(value: float) -> float:
    """The volume of a bar: finite, not negative."""
    if not finite(value, "volume") >= 0.0:
        raise ValueError(f"volume is {float(value)}: it must not be negative")
    return float(value)


def shaped(**given: Column) -> list[Column]:
    """The columns as contiguous float64 of one length; whether their numbers are finite is not looked at."""
    import numpy as np

    arrays = {name: np.asarray(column) for name, column in given.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name} holds {array.dtype}: a column of float64 is needed")
    lengths = {len(array) for array in arrays.values() if array.ndim == 1}
    if any(array.ndim != 1 for array in arrays.values()) or len(lengths) > 1:
        raise ValueError(f"{', '.join(arrays)} must be columns of one length")
    return [np.ascontiguousarray(array, dtype=np.float64) for array in arrays.values()]


def refuse(**given: Column) -> None:
    """Name the first number that is nan or infinite, or a volume that is negative, if there is one."""
    import numpy as np

    for name, array in given.items():
        wrong = np.flatnonzero(~np.isfinite(array))
        if wrong.size:
            raise ValueError(f"{name}[{wrong[0]}] is {float(array[wrong[0]])}: an indicator takes finite numbers")
        wrong = np.flatnonzero(array < 0.0) if name == "volume" else wrong
        if wrong.size:
            raise ValueError(f"{name}[{wrong[0]}] is {float(array[wrong[0]])}: it must not be negative")


def columns(**given: Column) -> list[Column]:
    """The columns as contiguous float64, of one length, all finite."""
    arrays = shaped(**given)
    refuse(**dict(zip(given, arrays, strict=True)))
    return arrays


def blank(rows: int) -> Column:
    """A column to be written wholly."""
    import numpy as np

    return np.empty(rows)


def blanks(number: int, rows: int) -> tuple[Column, ...]:
    """Several of them side by side in one piece of memory, which the allocator keeps at hand where it returns many."""
    import numpy as np

    return tuple(np.empty((number, rows)))


def zeros(cells: int) -> Column:
    """Memory to work in."""
    import numpy as np

    return np.zeros(cells)


def nans(rows: int) -> Column:
    """A column without a value yet."""
    import numpy as np

    return np.full(rows, np.nan)


def followed(indicator: Any, outputs: int, *bars: Column) -> tuple[Column, ...]:
    """The values of an indicator that takes these columns bar by bar: nan until it is warm."""
    out = tuple(nans(len(bars[0])) for _ in range(outputs))
    for row, bar in enumerate(zip(*(column.tolist() for column in bars), strict=True)):
        indicator.update(*bar)
        if indicator.warm:
            values = indicator.value if outputs > 1 else (indicator.value,)
            for column, value in zip(out, values, strict=True):
                column[row] = value
    return out


def parts(state: Sequence[Any], length: int) -> Sequence[Any]:
    """A snapshot of so many parts."""
    if len(state) != length:
        raise ValueError(f"A state of {len(state)} parts is of another indicator: {length} are needed")
    return state


def count_of(value: int, most: int) -> int:
    """Bars counted in a snapshot."""
    if not 0 <= value <= most:
        raise ValueError(f"A state after {value} bars is of another indicator: at most {most} are counted")
    return int(value)


def floats(values: Sequence[float], length: int) -> list[float]:
    """A window of a snapshot."""
    if len(values) != length:
        raise ValueError(f"A state over {len(values)} bars is of another indicator: {length} are needed")
    return [float(value) for value in values]
