"""Many backtests of one configuration: what to run, the processes that run it, and where the results are kept."""
