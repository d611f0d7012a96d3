cimport cython
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.caps cimport Caps
from live_runner.hotpath.engine.limits cimport Limit, units_of
from live_runner.hotpath.engine.money cimport money_text, of_whole
from live_runner.hotpath.engine.risk cimport Risk

@cython.locals(limit=Limit, left=int128)
cdef list levels_of(Risk risk, Caps caps)
