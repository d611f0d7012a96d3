# The C side of the face: every indicator under one name to cimport from. Each has ``take``, which is ``update``
# for numbers that are known to be finite, ``is_warm`` and ``get``; all of them nogil. Read the value only when
# ``is_warm``.

from live_runner.hotpath.compiled.momentum cimport Adx, Roc, Rsi, Slope, Stochastic
from live_runner.hotpath.compiled.moving cimport Dema, Ema, Macd, Sma, Tema, Wma
from live_runner.hotpath.compiled.ranges cimport Atr, Bollinger, Donchian, Keltner, Stddev, Supertrend
from live_runner.hotpath.compiled.volume cimport AnchoredVwap, Mfi, Obv, Vwap
