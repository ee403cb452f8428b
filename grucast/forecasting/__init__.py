"""From a model and a history to forecasts with intervals."""
