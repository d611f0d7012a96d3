cimport cython
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.money cimport money_text
from live_runner.hotpath.engine.state cimport Market, State

@cython.locals(ledger=Ledger, market=Market, open_legs=int)
cdef dict summary_of(State state)
