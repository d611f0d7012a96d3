# cython: language_level=3, boundscheck=False, wraparound=False
"""Indicators as a compiled strategy uses them: bar by bar, from another module. Built by bench_indicators.py."""

from live_runner.hotpath.compiled.indicators cimport Atr, Donchian, Ema, Rsi, Sma


def ema(Ema indicator, const double[::1] close):
    cdef Py_ssize_t row
    with nogil:
        for row in range(close.shape[0]):
            indicator.take(close[row])


def sma(Sma indicator, const double[::1] close):
    cdef Py_ssize_t row
    cdef double value = 0.0
    with nogil:
        for row in range(close.shape[0]):
            indicator.take(close[row])
            value += indicator.get()
    return value


def rsi(Rsi indicator, const double[::1] close):
    cdef Py_ssize_t row
    cdef double value = 0.0
    with nogil:
        for row in range(close.shape[0]):
            indicator.take(close[row])
            value += indicator.get()
    return value


def atr(Atr indicator, const double[::1] high, const double[::1] low, const double[::1] close):
    cdef Py_ssize_t row
    with nogil:
        for row in range(close.shape[0]):
            indicator.take(high[row], low[row], close[row])


def donchian(Donchian indicator, const double[::1] high, const double[::1] low):
    cdef Py_ssize_t row
    with nogil:
        for row in range(high.shape[0]):
            indicator.take(high[row], low[row])
