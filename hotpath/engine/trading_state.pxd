from live_runner.hotpath.engine.state cimport State

cdef tuple REASONS
cpdef str trading_reason(State state)
cpdef str trading_word(State state)
cpdef bint move_trading(State state, object command, object author, object reason) except -1
