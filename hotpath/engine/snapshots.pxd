cimport cython
from live_runner.hotpath.engine.backoff cimport Backoff, restored_backoff
from live_runner.hotpath.engine.book cimport Book
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.gateway cimport Retry
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.orders cimport Order, order_name, order_row, restored_order
from live_runner.hotpath.engine.state cimport FundingDue, Market, State, new_funding
from live_runner.hotpath.engine.whole_legs cimport cover

@cython.locals(order=Order, retry=Retry)
cdef dict manager_row(Manager manager)
@cython.locals(state=State, order=Order, market=Market)
cdef restore_manager(Manager manager, dict row)
@cython.locals(due=FundingDue, order=Order)
cdef dict market_row(State state, Market market)
@cython.locals(leg=Leg)
cdef list leg_row(Market market, int side)
@cython.locals(order=Order, side=int, leg=Leg)
cdef restore_market(State state, Market market, dict row)
