"""Metrics and baselines: how good a forecast is, and beside what."""

from grucast.core.registry import Registry

BASELINES = Registry("baseline", {
    "naive": "grucast.evaluation.baselines:fit_naive",
    "seasonal_naive": "grucast.evaluation.baselines:fit_seasonal_naive",
    "linear": "grucast.evaluation.linear:fit_linear",
    "naive2": "grucast.evaluation.naive2:fit_naive2",
})
