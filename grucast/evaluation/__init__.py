"""Metrics and baselines: how good a forecast is, and beside what."""
