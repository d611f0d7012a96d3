from live_runner.hotpath.engine.money cimport of_whole
from live_runner.hotpath.engine.state cimport Market

cpdef take_over(Market market, object instrument)
