"""The strategy host: pure, fed by the shell, the backtest and the replay alike."""
