"""The parts of `backtest`: folds, trials, what is kept for a resumed run, the table."""
