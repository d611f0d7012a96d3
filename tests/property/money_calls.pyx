# cython: language_level=3
"""money.pxd for Python: its inline functions exist in C only. tests/fix_engine.py builds this."""

from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.fixed cimport Grid
from live_runner.hotpath.compiled.normalize cimport Normalizer
from live_runner.hotpath.engine cimport money as engine


def times(int64_t a, int64_t b):
    return engine.whole(engine.times(a, b))


def mul(a, b):
    return engine.whole(engine.mul(engine.of_whole(a), engine.of_whole(b)))


def plus(a, b):
    return engine.whole(engine.plus(engine.of_whole(a), engine.of_whole(b)))


def add64(int64_t a, int64_t b):
    return engine.add64(a, b)


def is_exact(int64_t units):
    return engine.is_exact(units)


def floor_of(a, int64_t b):
    return engine.whole(engine.floor_of(engine.of_whole(a), b))


def count64(units):
    return engine.count64(engine.of_whole(units))


def amount(units):
    return engine.whole(engine.amount(engine.of_whole(units)))


def divide(a, b):
    return engine.whole(engine.divide(engine.of_whole(a), engine.of_whole(b)))


def money(product, multiplier, divisor):
    return engine.whole(
        engine.money(engine.of_whole(product), engine.of_whole(multiplier), engine.of_whole(divisor))
    )


def power_of_ten(int exponent):
    return engine.whole(engine.power_of_ten(exponent))


def nearest(double count):
    return engine.nearest(count)


def ticks_at(double price, double scale, double mantissa):
    return engine.ticks_at(price, scale, mantissa)


def to_float(Grid grid, int64_t units):
    return engine.to_float(grid, units)


def money_float(units):
    return engine.money_float(engine.of_whole(units))


def near(units):
    return engine.near(engine.of_whole(units))


def whole(units):
    return engine.whole(engine.of_whole(units))


def of_whole(units):
    return engine.whole(engine.of_whole(units))


def money_text(units):
    return engine.money_text(engine.of_whole(units))


def units_text(Grid grid, int64_t units):
    return engine.units_text(grid, units)


def quick_ticks(Normalizer normalizer, double price):
    return engine.quick_ticks(normalizer, price)


def quick_ticks_text(Normalizer normalizer, str price):
    return engine.quick_ticks_text(normalizer, price)


def quick_lots(Normalizer normalizer, double quantity, str rounding):
    return engine.quick_lots(normalizer, quantity, rounding)


def quick_lots_text(Normalizer normalizer, str quantity, str rounding):
    return engine.quick_lots_text(normalizer, quantity, rounding)
