# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A Python strategy in the bar loop: every set, what it is shown of it, and the orders that it asks for.

The steps are those of barloop.pyx. Python objects are made of a bar for the strategy alone, and ``host`` does what has
to be done on the few sets that are not quiet (services/backtest/python_host.py).
"""

from typing import Any

cimport cython
from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport int64_t
from libc.string cimport memset

from live_runner.hotpath.compiled.barloop cimport PAUSE_SETS, BarLoop, is_plain_time
from live_runner.hotpath.compiled.execution cimport PLACED, Execution, decimal_t, intent_t, next_event, place_exact
from live_runner.hotpath.compiled.fixed cimport ST_OK, c_money_float, parse_c
from live_runner.hotpath.compiled.ledger cimport ledger_equity
from live_runner.hotpath.compiled.strategy cimport bar_t

__all__ = ["LiveBar", "LiveView", "place_text", "run_python"]

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject *object) nogil
    # Without a look at the error that may be set: a ``try`` around each call of strategy code would cost as much as
    # the call. NULL means that it raised.
    PyObject *PyObject_CallOneArg(PyObject *callable, PyObject *argument)
    PyObject *PyObject_CallFunctionObjArgs(PyObject *callable, ...)
    bint PyList_CheckExact(PyObject *object)
    Py_ssize_t PyList_GET_SIZE(PyObject *object)
    object PyErr_GetRaisedException()


@cython.freelist(64)
@cython.final
cdef class LiveBar:
    """What a Python strategy is shown of one bar: the attributes of ``strategies.base.Bar``, made when asked for."""

    cdef readonly str symbol
    cdef readonly int64_t open_ns
    cdef readonly int64_t close_ns
    cdef readonly double open
    cdef readonly double high
    cdef readonly double low
    cdef readonly double close
    cdef readonly double volume
    cdef readonly bint late

    def _row(self):
        return (
            self.symbol, self.open_ns, self.close_ns, self.open, self.high, self.low, self.close, self.volume, self.late
        )  # fmt: skip

    def __eq__(self, other):
        if isinstance(other, LiveBar):
            return self._row() == other._row()
        return NotImplemented

    def __hash__(self):
        return hash(self._row())

    def __repr__(self):
        return "Bar(symbol=%r, open_ns=%r, close_ns=%r, open=%r, high=%r, low=%r, close=%r, volume=%r, late=%r)" % self._row()


cdef LiveBar _live_bar(const bar_t *bar, str symbol):
    cdef LiveBar shown = LiveBar.__new__(LiveBar)
    shown.symbol = symbol
    shown.open_ns = bar.open_ns
    shown.close_ns = bar.close_ns
    shown.open = bar.open
    shown.high = bar.high
    shown.low = bar.low
    shown.close = bar.close
    shown.volume = bar.volume
    return shown


cdef class LiveView:
    """What a Python strategy is shown of its account, read from the machine when it is asked for.

    It stands for ``strategies.view.View`` and is good for one close; one that strategy code keeps is frozen, and
    the next close gets another.
    """

    cdef Execution _machine
    cdef bint _frozen
    cdef double _equity
    cdef double _cash
    cdef double _exposure
    cdef double _margin
    cdef object _flat
    cdef object _no_backoff
    cdef readonly int64_t now_ns
    cdef readonly str gate
    cdef readonly object legs
    cdef readonly object orders
    cdef readonly object rules
    cdef readonly object backoffs

    def __init__(self, Execution machine not None, object rules, object flat, object no_backoff):
        self._machine = machine
        self.gate = "open"
        self.legs = self.orders = self.backoffs = {}
        self.rules = rules
        self._flat = flat
        self._no_backoff = no_backoff

    def show(self, legs: Any, orders: Any, backoffs: Any) -> None:
        """Take over the mappings of the close that is being decided."""
        self.legs = legs
        self.orders = orders
        self.backoffs = backoffs

    def renewed(self) -> "LiveView":
        """Freeze this one; another for the next close."""
        cdef LiveView view = LiveView(self._machine, self.rules, self._flat, self._no_backoff)
        view.show(self.legs, self.orders, self.backoffs)
        self._equity, self._cash, self._exposure, self._margin = self.equity, self.cash, self.exposure, self.margin
        self._frozen = True
        return view

    @property
    def equity(self) -> float:
        """Mark to market."""
        return self._equity if self._frozen else c_money_float(ledger_equity(&self._machine.x.ledger))

    @property
    def cash(self) -> float:
        """Starting equity + realised - fees + funding."""
        return self._cash if self._frozen else c_money_float(self._machine.x.ledger.cash)

    @property
    def exposure(self) -> float:
        """Sum of the open notional of all legs."""
        return self._exposure if self._frozen else c_money_float(self._machine.x.ledger.exposure)

    @property
    def margin(self) -> float:
        """What the open notional binds."""
        return self._margin if self._frozen else self._machine.margin()

    def leg(self, symbol: str, side: str) -> Any:
        """The leg; flat when there is no position."""
        return self.legs.get((symbol, side), self._flat)

    def pending(self, symbol: str) -> Any:
        """Orders of the symbol that are not finished, oldest first."""
        return self.orders.get(symbol, ())

    def instrument(self, symbol: str) -> Any:
        """The market's rules."""
        return self.rules[symbol]

    def backoff(self, symbol: str, side: str) -> Any:
        """The leg's rejections in a row."""
        return self.backoffs.get((symbol, side), self._no_backoff)


def run_python(BarLoop bars_of not None, object host, tuple symbols not None):
    """Every set with a Python strategy; the machine's status.

    ``host`` has the strategy, its ``view``, and what happens on the few sets that are not quiet: ``settle``,
    ``take``, ``carry_out``. Its flags: ``busy`` while there is something to tell, ``asked`` after intents,
    ``plain`` when nothing has to be done around a call of ``on_bar`` that asks for nothing.
    """

    cdef LiveView view = host.view
    cdef Py_ssize_t owners
    cdef bar_t *bar
    cdef int64_t number
    cdef int at
    cdef int status
    cdef bint plain = host.plain
    cdef object recorder = bars_of._recorder
    cdef object observe = host.strategy.observe
    cdef object on_bar = host.strategy.on_bar
    cdef list bars = [None] * bars_of._symbols  # as many of them as have a bar in the set
    cdef LiveBar shown
    cdef PyObject *answer
    owners = Py_REFCNT(<PyObject *>view)
    for number in range(bars_of.sets):
        bars_of.at = number
        if number % PAUSE_SETS == 0:
            status = bars_of._pause()
            if status != ST_OK:
                return status
        status = bars_of._set(number)
        if status != ST_OK:
            return status
        for at in range(bars_of._present):
            bar = &bars_of._bars[at]
            shown = _live_bar(bar, <str>symbols[bar.symbol])
            bars[at] = shown
            answer = PyObject_CallOneArg(<PyObject *>observe, <PyObject *>shown)
            if answer != <PyObject *>None:
                _said(host, shown, "observe", answer)
            else:
                Py_DECREF(<object>answer)
        if number < bars_of.warmup_sets:
            continue
        if recorder is not None:
            recorder.settled(number)
        next_event(bars_of.x)  # settled
        view.now_ns = bars_of.x.now_ns
        if bars_of.x.told or bars_of.x.changes or host.busy:
            host.settle()
            bars_of.x.told = 0
        if plain:
            for at in range(bars_of._present):
                shown = <LiveBar>bars[at]
                answer = PyObject_CallFunctionObjArgs(
                    <PyObject *>on_bar, <PyObject *>shown, <PyObject *>view, <PyObject *>NULL
                )
                if answer == <PyObject *>None or (
                    answer != NULL and PyList_CheckExact(answer) and PyList_GET_SIZE(answer) == 0
                ):
                    Py_DECREF(<object>answer)
                else:
                    _said(host, shown, "on_bar", answer)
        else:
            host.ask(bars[:bars_of._present])
        if Py_REFCNT(<PyObject *>view) > owners:
            # Before the decision is carried out: a view that was kept goes on saying what it said.
            view = host.renew_view()
            owners = Py_REFCNT(<PyObject *>view)
        if host.asked:
            host.carry_out()
        if recorder is not None:
            recorder.decided(number, None)
    bars_of.at = bars_of.sets
    return bars_of._pause()


cdef object _raised():
    """What strategy code has raised, as its failure; what ends the program goes on."""
    error = PyErr_GetRaisedException()
    if not isinstance(error, (Exception, SystemExit)):
        raise error
    return error


cdef int _said(object host, LiveBar shown, str call, PyObject *answer) except -1:
    """What a call raised, or gave beyond nothing: from ``observe`` that is a failure, from ``on_bar`` intents."""
    if answer == NULL:
        host.failed(shown, call, _raised())
        return 0
    given = <object>answer
    Py_DECREF(given)
    if call == "observe":
        host.answered(shown, given)
    else:
        host.take(shown, given)
    return 0


def place_text(
    Execution machine not None,
    int symbol,
    int leg,
    int action,
    int kind,
    str quantity,
    str limit_price,
    object time_to_live_ns,
    int fallback,
    str reason,
    int number,
    int64_t close_ns,
):
    """Request the order of an intent against which nothing speaks; False for one that the desk has to judge.

    OverflowError when the machine gives up.
    """
    cdef intent_t intent
    cdef decimal_t amount
    cdef decimal_t price
    cdef int64_t text = 0
    cdef int status
    memset(&intent, 0, sizeof(intent_t))
    if quantity is not None:
        if not parse_c(quantity, &amount.mantissa, &amount.decimals):
            return False
        text = machine.text(("asked", quantity))
    if limit_price is not None and not parse_c(limit_price, &price.mantissa, &price.decimals):
        return False
    if time_to_live_ns is not None and not is_plain_time(time_to_live_ns):
        return False
    intent.number = number
    intent.symbol = symbol
    intent.leg = leg
    intent.action = action
    intent.kind = kind
    intent.fallback = fallback
    intent.time_to_live_ns = -1 if time_to_live_ns is None else time_to_live_ns
    intent.reason = <int>machine.text(reason)
    status = place_exact(&machine.x, &intent, close_ns, &amount, &price, text)
    if status < 0:
        raise OverflowError("the machine gave up")
    return status == PLACED
