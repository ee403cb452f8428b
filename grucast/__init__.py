"""Forecast and watch time series with a small GRU, from the command line or from Python."""

__version__ = "0.1.0"
