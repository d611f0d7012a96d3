cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.orders cimport Order, intent_name, new_order, order_name
from live_runner.hotpath.engine.pretrade cimport Asked
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.words cimport CLOSE, FILLED, STOP, STOP_PART, TAKE_PROFIT, TARGET_PART

cdef tuple ACTIONS, SIDES

@cython.final
cdef class Slot:
    cdef int kind, part
    cdef int64_t ticks, lots, refused_ticks, refused_lots, retry_ns
    cdef bint failing, by_side
    cdef Order current

@cython.final
cdef class Bracket:
    cdef int symbol, side, number, attempt
    cdef int64_t close_ns, lots
    cdef bint whole
    cdef str intent_text, reason
    cdef Slot stop, target
    cdef list orders, ended

@cython.locals(slot=Slot)
cdef Slot new_slot(int kind, int part, int64_t ticks)
@cython.locals(bracket=Bracket)
cdef Bracket new_bracket(int symbol, int side, int64_t close_ns, int number, int attempt, str intent_text, str reason)
@cython.locals(bracket=Bracket)
cdef Bracket bracket_of_fill(Order entry, int64_t lots)
@cython.locals(bracket=Bracket)
cdef Bracket bracket_of_leg(Asked asked)
@cython.locals(order=Order)
cdef int put_aside(Bracket bracket) except -1
cdef bint was_placed_for(Bracket bracket, Order order) except -1
@cython.locals(market=Market, order=Order)
cdef Order closing_order(State state, int64_t close_ns, int number, int symbol, int side, int kind, int64_t lots, int64_t price, str reason)
@cython.locals(market=Market, leg=str)
cdef int refuse_bracket(State state, Manager manager, Order entry) except -1
cdef list slot_row(Slot slot)
cdef restore_slot(Slot slot, list row, dict orders)
@cython.locals(order=Order)
cdef list bracket_row(Bracket bracket)
@cython.locals(bracket=Bracket)
cdef Bracket restored_bracket(list row, dict orders)
