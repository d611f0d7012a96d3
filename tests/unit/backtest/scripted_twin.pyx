# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The compiled twin of the strategy in test_compiled_host.py: asks what its script says, and notes all that it sees."""

from typing import Any

from live_runner.contracts.vocabulary import KINDS
from live_runner.hotpath.engine.strategy cimport (
    GIVE_UP,
    LONG,
    OK,
    SHORT,
    CompiledStrategy,
    Desk,
    bar_t,
    fill_news_t,
    rejection_news_t,
)

SEEN: list = []
"""What the strategy has seen since the list was emptied."""


cdef class Scripted(CompiledStrategy):
    """One row of the script is one intent; the state of a leg counts how often it was asked for something."""

    cdef dict rows      # by close and symbol
    cdef str gives_up   # in this call

    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.reasons.append("scripted")
        self.gives_up = parameters.gives_up
        self.rows = {}
        for row in parameters.rows:
            self.rows.setdefault((row.close_ns, symbols.index(row.symbol)), []).append(row)
        if parameters.keeps_state:
            self.keep_legs(sizeof(int))

    cdef int observe(self, const bar_t *bar) noexcept nogil:
        with gil:
            return GIVE_UP if self.gives_up == "observe" else OK

    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil:
        with gil:
            SEEN.append(("bar", self.symbols[bar.symbol], bar.close, desk.equity(), desk.cash()))
            for side in range(2):
                SEEN.append(self.leg_seen(bar, desk, side))
            for row in self.rows.get((bar.close_ns, bar.symbol), ()):
                self.carry_out(bar, desk, row)
            return GIVE_UP if self.gives_up == "on_bar" else OK

    cdef object leg_seen(self, const bar_t *bar, Desk desk, int side):
        cdef int symbol = bar.symbol
        lots = [
            (desk.lot_quantity(symbol, side, lot), desk.lot_price(symbol, side, lot))
            for lot in range(desk.lots(symbol, side))
        ]
        return (
            side,
            desk.quantity(symbol, side),
            desk.is_open(symbol, side),
            desk.average(symbol, side),
            lots,
            desk.is_entering(symbol, side),
            desk.is_leaving(symbol, side),
            (<int *>self.leg(symbol, side))[0] if self.legs != NULL else 0,
        )

    cdef object carry_out(self, const bar_t *bar, Desk desk, row):
        cdef int leg = row.wrong_leg if row.wrong_leg is not None else (SHORT if row.leg == "short" else LONG)
        cdef int symbol = bar.symbol + row.symbols_off
        cdef double quantity = float(row.quantity)
        if self.legs != NULL:
            (<int *>self.leg(bar.symbol, leg))[0] += 1
        if row.action == "whole_lots":
            SEEN.append(("lots", desk.whole_lots(symbol, quantity)))
        elif row.action == "open" and row.style == "market":
            desk.open(symbol, leg, quantity, row.reason)
        elif row.action == "open":
            desk.open_limit(
                symbol, leg, quantity, KINDS.index(row.style), float(row.limit_price), row.time_to_live_ns, row.reason,
            )
        elif row.action == "add":
            desk.add(symbol, leg, quantity, row.reason)
        elif row.action == "partial_close":
            desk.partial_close(symbol, leg, quantity, row.reason)
        elif row.action == "protect":
            desk.protect(symbol, leg, float(row.stop_loss), float(row.take_profit), row.reason)
        else:
            desk.close(symbol, leg, row.reason)

    cdef int on_fill(self, const fill_news_t *fill, Desk desk) noexcept nogil:
        with gil:
            SEEN.append(
                (
                    "fill", self.symbols[fill.symbol], fill.leg, fill.action, fill.kind, fill.quantity, fill.price,
                    fill.filled, fill.remaining, fill.leg_quantity, bool(fill.is_done), fill.at_ns,
                )
            )
            return GIVE_UP if self.gives_up == "on_fill" else OK

    cdef int on_rejection(self, const rejection_news_t *news, Desk desk) noexcept nogil:
        with gil:
            SEEN.append(
                (
                    "rejection", self.symbols[news.symbol], news.leg, news.action, bool(news.blocked),
                    bool(news.refused), bool(news.retrying), bool(news.restored), news.at_ns,
                )
            )
            return GIVE_UP if self.gives_up == "on_rejection" else OK


cdef class Idle(CompiledStrategy):
    """Overrides nothing."""


def smallest_quantity(Desk desk, int symbol, double price):
    """For Python: the desk's own is C."""
    return desk.smallest_quantity(symbol, price)
