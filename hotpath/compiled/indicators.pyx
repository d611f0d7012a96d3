# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
"""Indicators, bar by bar and over whole columns, seeded as TA-Lib seeds them: the face of their four families.

The fast twin of reference/indicators.py: what is compiled stands in moving, momentum, ranges and volume.
"""

from live_runner.hotpath.compiled import momentum as _momentum
from live_runner.hotpath.compiled import moving as _moving
from live_runner.hotpath.compiled import ranges as _ranges
from live_runner.hotpath.compiled import volume as _volume
from live_runner.hotpath.reference import inputs as _inputs

__all__ = sorted(
    ["BARS_MAX", "PERIOD_MAX", "Column", *_moving.__all__, *_momentum.__all__, *_ranges.__all__, *_volume.__all__]
)

# By name, because the types of indicators.pxd already have these names in C.
for _name in __all__:
    for _module in (_moving, _momentum, _ranges, _volume, _inputs):
        if hasattr(_module, _name):
            globals()[_name] = getattr(_module, _name)
            break
