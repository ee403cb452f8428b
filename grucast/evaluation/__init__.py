"""Metrics and baselines: how good a forecast is, and beside what."""

from grucast.core.registry import Registry

BASELINES = Registry("baseline", {
    "naive": "grucast.evaluation.baselines:fit_naive",
    "seasonal_naive": "grucast.evaluation.baselines:fit_seasonal_naive",
    "linear": "grucast.evaluation.linear:fit_linear",
    "drift": "grucast.evaluation.baselines:fit_drift",
    "naive2": "grucast.evaluation.naive2:fit_naive2",
    "ses": "grucast.evaluation.smoothing:fit_ses",
    "theta": "grucast.evaluation.smoothing:fit_theta",
    "autoregression": "grucast.evaluation.autoregression:fit_autoregression",
})
