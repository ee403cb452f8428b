"""Forecasts of a network in the units of the file, within the horizon it was trained for and beyond."""

from dataclasses import replace

import numpy as np
import pytest

from grucast.core.config import QUANTILE_LEVELS, ModelConfig, WindowSpec
from grucast.forecasting.predict import Forecaster, forecast_far, quantiles_at, scaled_quantiles
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import flatten
from tests.making import random_sources, torch_network, weights_of

WINDOW = WindowSpec(14, 9, 4, seasons=(5,))
MODEL = ModelConfig(hidden=6, channels=3, linear_rank=-1, seasonal=(5,), known=2, past=1, static=4)
CHANNELS = np.arange(3)


@pytest.fixture(scope="module")
def forecaster():
    """A network of random weights, trusted in part, its intervals stretched."""
    rng = np.random.default_rng(0)
    factors = rng.uniform(0.5, 2.0, (9, 13))
    factors[:, 6] = 1.0
    weights = weights_of(torch_network(MODEL, WINDOW))
    return Forecaster([weights], MODEL, WINDOW, Transform("none", np.ones(3)), factors, np.array([1.0, 0.5, 0.8]))


@pytest.fixture
def source():
    return random_sources((40,), covariates=(2, 1, 4), ahead=60)[0]


def at_end(source):
    return flatten([source]), (CHANNELS, np.full(3, len(source.z)))


def test_forecasts_are_in_the_units_of_the_file(forecaster, source):
    streams, at = at_end(source)
    z = scaled_quantiles(forecaster, streams, at)
    np.testing.assert_allclose(quantiles_at(forecaster, streams, at), z * source.scale[:, None, None], rtol=1e-12)


@pytest.mark.parametrize(("kind", "undo"), [("log", np.exp), ("asinh", lambda z: np.sinh(z) * 7.0)])
def test_a_transform_is_undone(forecaster, source, kind, undo):
    changed = replace(forecaster, transform=Transform(kind, np.full(3, 7.0)))
    streams, at = at_end(source)
    z = scaled_quantiles(changed, streams, at) * source.scale[:, None, None]
    np.testing.assert_allclose(quantiles_at(changed, streams, at), undo(z), rtol=1e-12)


def test_quantiles_do_not_cross(forecaster, source):
    streams, at = at_end(source)
    assert (np.diff(quantiles_at(forecaster, streams, at), axis=2) >= 0).all()


def test_bounds_are_kept_by_every_quantile(forecaster, source):
    streams, at = at_end(source)
    found = quantiles_at(replace(forecaster, low=-0.5, high=0.25), streams, at)
    assert found.min() == -0.5
    assert found.max() == 0.25


@pytest.mark.parametrize("kind", ["none", "log", "asinh"])
def test_a_forecast_beyond_the_largest_number_ends_at_it(forecaster, source, kind):
    streams, at = at_end(replace(source, scale=np.full(3, 1e308)))
    found = quantiles_at(replace(forecaster, transform=Transform(kind, np.ones(3))), streams, at)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("value", [5.0, 1e307, -1e-300])
def test_a_series_that_never_moved_is_repeated_exactly(forecaster, source, value):
    z = source.z.copy()
    z[:, 1] = value
    still = replace(source, z=z, observed=np.ones_like(source.observed), scale=np.array([1.0, 0.0, 1.0]))
    streams, at = at_end(still)
    assert (quantiles_at(forecaster, streams, at)[1] == value).all()
    assert (forecast_far(forecaster, still, 40, 20)[:, 1] == value).all()


def test_a_series_without_a_value_in_its_context_has_no_forecast(forecaster, source):
    observed = source.observed.copy()
    observed[26:, 2] = False
    streams, at = at_end(replace(source, observed=observed))
    found = quantiles_at(forecaster, streams, at)
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[:2]).all()


# ---- beyond the trained horizon ------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 6, 9])
def test_within_the_trained_horizon_nothing_is_fed_back(forecaster, source, horizon):
    streams, at = at_end(source)
    wanted = quantiles_at(forecaster, streams, at)[:, :horizon].transpose(1, 0, 2)
    np.testing.assert_array_equal(forecast_far(forecaster, source, 40, horizon), wanted)


def test_beyond_it_the_median_is_the_forecast_from_the_forecast(forecaster, source):
    far = forecast_far(forecaster, source, 40, 18)
    middle = list(QUANTILE_LEVELS).index(0.5)
    fed = replace(
        source,
        z=np.concatenate([source.z, far[:9, :, middle] / source.scale]),
        observed=np.concatenate([source.observed, np.ones((9, 3), dtype=bool)]),
        past=np.concatenate([source.past, np.repeat(source.past[-1:], 9, axis=0)]),
    )
    streams, at = at_end(fed)
    wanted = quantiles_at(forecaster, streams, at).transpose(1, 0, 2)[:, :, middle]
    np.testing.assert_allclose(far[9:, :, middle], wanted, rtol=1e-5, atol=1e-6)


def test_beyond_it_no_interval_is_narrower_than_at_the_end_of_the_block_before(forecaster, source):
    far = forecast_far(forecaster, source, 40, 31)
    away = np.abs(far - far[:, :, [6]])
    for end in (9, 18, 27):
        assert (away[end : end + 9] >= away[end - 1] * (1 - 1e-9)).all()


def test_beyond_it_quantiles_do_not_cross(forecaster, source):
    assert (np.diff(forecast_far(forecaster, source, 40, 31), axis=2) >= 0).all()


def test_a_forecast_from_an_earlier_row_does_not_see_the_later_ones(forecaster, source):
    before = forecast_far(forecaster, source, 25, 21)
    source.z[25:], source.observed[25:], source.past[25:] = 1e6, True, 1e6
    np.testing.assert_array_equal(forecast_far(forecaster, source, 25, 21), before)
