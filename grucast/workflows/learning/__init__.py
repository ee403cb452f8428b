"""What `train`, `backtest` and the benchmarks share: from a panel to a calibrated model, its report and its file."""
