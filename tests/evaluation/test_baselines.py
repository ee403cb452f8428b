"""The baselines say what a pencil says, see nothing of the future, and their intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from grucast.evaluation import BASELINES
from grucast.evaluation.baselines import (
    BaselineSpec,
    carry,
    column_quantiles,
    fit_naive,
    fit_seasonal_naive,
    naive,
    seasonal_naive,
    series_scale,
    spread,
    thin,
)
from grucast.evaluation.folds import origins, windows
from grucast.evaluation.linear import fit_linear, moments, ridges
from grucast.evaluation.naive2 import is_seasonal, naive2, seasonal_index

NAN = np.nan


def wave(rows, channels=2, *, seed=0, noise=0.3):
    time = np.arange(rows)[:, None]
    phase = np.arange(channels)
    return 10 + 3 * np.sin(2 * np.pi * (time + phase) / 12) + np.random.default_rng(seed).normal(
        0, noise, (rows, channels))


def column(*values):
    return np.array(values, float)[None, :, None]


ANY_SCALE = np.ones((1, 1))

# ---- points --------------------------------------------------------------------------------------


def test_naive_repeats_the_last_observed_value():
    forecast = naive(3)(column(1, 5, NAN), ANY_SCALE)
    np.testing.assert_array_equal(forecast[0, :, 0], [5, 5, 5])


def test_seasonal_naive_repeats_the_last_season():
    forecast = seasonal_naive(5, 3)(column(9, 9, 1, 2, 3), ANY_SCALE)
    np.testing.assert_array_equal(forecast[0, :, 0], [1, 2, 3, 1, 2])


def test_seasonal_naive_takes_a_missing_value_from_the_season_before():
    forecast = seasonal_naive(3, 3)(column(4, 5, 6, 1, NAN, 3), ANY_SCALE)
    np.testing.assert_array_equal(forecast[0, :, 0], [1, 5, 3])


def test_seasonal_naive_takes_the_last_value_for_a_phase_never_observed():
    forecast = seasonal_naive(3, 3)(column(4, NAN, 6, 1, NAN, 3), ANY_SCALE)
    np.testing.assert_array_equal(forecast[0, :, 0], [1, 3, 3])


def test_a_context_shorter_than_the_season_falls_back_to_naive_and_says_so():
    history = [wave(60, 1)]
    fitted = fit_seasonal_naive(history, BaselineSpec(8, 4, 12))
    assert "shorter than the season" in fitted.note
    plain = fit_naive(history, BaselineSpec(8, 4, 12))
    context, scale = column(*range(8)), series_scale(history[0])[None]
    np.testing.assert_array_equal(fitted.predict(context, scale), plain.predict(context, scale))
    assert plain.note == ""


def test_no_season_falls_back_to_naive_and_says_so():
    assert "no season" in fit_seasonal_naive([wave(60, 1)], BaselineSpec(8, 4, 1)).note


def test_naive2_is_naive_without_a_season():
    context = column(*range(1, 41))
    np.testing.assert_array_equal(naive2(2, 4)(context, ANY_SCALE)[0, :, 0], [40, 40])


def test_naive2_of_a_trendless_multiplicative_season_repeats_it():
    pattern = [2.0, 4.0, 6.0]
    context = column(*(pattern * 8), 2.0)  # ends in phase 0
    np.testing.assert_allclose(naive2(4, 3)(context, ANY_SCALE)[0, :, 0], [4, 6, 2, 4])


def test_the_seasonal_index_is_that_of_classical_decomposition():
    # season 2, weights ¼ ½ ¼: trend of 1 3 1 3 is 2 everywhere; ratios 3/2, 1/2
    np.testing.assert_allclose(seasonal_index(np.array([[1.0, 3.0, 1.0, 3.0, 1.0]]), 2), [[0.5, 1.5]])


def test_fewer_than_three_seasons_are_too_few_to_find_one():
    rows = np.tile(np.r_[np.ones(11), 99.0], 4)[None]
    assert is_seasonal(rows, 12)[0]
    assert not is_seasonal(rows[:, :35], 12)[0]


def test_a_constant_and_a_negative_row_are_not_seasonal():
    assert not is_seasonal(np.stack([np.ones(30), np.tile([-1.0, 9.0, 5.0], 10)]), 3).any()


def test_naive2_ignores_what_is_not_there_yet():
    pattern = [2.0, 4.0, 6.0] * 8
    short = np.array([NAN] * 5 + pattern)
    long = np.array([*pattern[-2:], 6.0, *pattern, 1.0, 7.0])[: len(short)]
    forecast = naive2(3, 3)(np.stack([short, long])[:, :, None], np.ones((2, 1)))
    np.testing.assert_allclose(forecast[0, :, 0], [2, 4, 6])


# ---- linear --------------------------------------------------------------------------------------


def test_the_ridge_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    x, y = rng.normal(2.0, 3.0, (50, 6)), rng.normal(size=(50, 4))
    seen = moments(x[:20], y[:20]) + moments(x[20:], y[20:])
    (ours,) = ridges(seen, [0.5])
    theirs = SklearnRidge(alpha=0.5 * np.linalg.eigvalsh(np.cov(x.T, bias=True)).mean() * len(x)).fit(x, y)
    np.testing.assert_allclose(ours.weights, theirs.coef_.T, atol=1e-10)
    np.testing.assert_allclose(ours.intercept, theirs.intercept_, atol=1e-10)


def test_the_error_from_moments_is_the_mean_squared_error():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 5)), rng.normal(1.0, 2.0, size=(30, 3))
    (model,) = ridges(moments(x, y), [0.1])
    new_x, new_y = rng.normal(1.0, 1.0, size=(9, 5)), rng.normal(size=(9, 3))
    expected = np.square(new_y - new_x @ model.weights - model.intercept).mean()
    assert model.error(moments(new_x, new_y)) == pytest.approx(expected)


def test_linear_learns_a_trend_of_each_channel():
    y = np.stack([np.arange(200.0), 500 - 2 * np.arange(200.0)], axis=1)
    fitted = fit_linear([y[:150]], BaselineSpec(20, 5, 1))
    found = windows(y, np.array([160]), 20, 5)
    point = fitted.point(found.context, series_scale(y[:150])[None])
    np.testing.assert_allclose(point, found.target, atol=0.01)


def test_linear_pools_series_of_any_size():
    base = wave(300, 1, noise=0.0)
    history = [base, base * 1e6, base * 1e-6]
    fitted = fit_linear(history, BaselineSpec(24, 6, 12))
    for y in history:
        found = windows(y, np.array([280]), 24, 6)
        np.testing.assert_allclose(fitted.point(found.context, series_scale(y)[None]), found.target, rtol=1e-3)


def test_linear_on_series_shorter_than_the_horizon_is_naive_and_says_so():
    fitted = fit_linear([wave(5, 1), wave(4, 1)], BaselineSpec(8, 6, 1))
    assert "naive" in fitted.note
    np.testing.assert_array_equal(fitted.point(column(1, 2, 7), ANY_SCALE)[0, :, 0], [7] * 6)


def test_linear_on_a_constant_series_says_that_constant():
    fitted = fit_linear([np.full((90, 1), 42.0)], BaselineSpec(12, 4, 1))
    np.testing.assert_allclose(fitted.predict(np.full((1, 12, 1), 42.0), np.full((1, 1), 42.0)), 42.0)


# ---- every baseline ------------------------------------------------------------------------------

EVERY = pytest.mark.parametrize("name", BASELINES.names())


@EVERY
def test_the_future_changes_no_forecast(name):
    spec = BaselineSpec(36, 7, 12)
    y = wave(400)
    changed = y.copy()
    changed[300:] = -1e5
    forecasts = []
    for version in (y, changed):
        fitted = BASELINES.load(name)([version[:300]], spec)
        found = windows(version, np.array([300]), 36, 7)
        forecasts.append(fitted.predict(found.context, series_scale(version[:300])[None]))
    np.testing.assert_array_equal(*forecasts)


@EVERY
def test_quantiles_do_not_cross_and_the_median_is_the_point(name):
    spec = BaselineSpec(36, 7, 12)
    y = wave(500, 3)
    fitted = BASELINES.load(name)([y[:400]], spec)
    found = windows(y, origins(400, 500, 7), 36, 7)
    scale = np.tile(series_scale(y[:400]), (len(found.origin), 1))
    quantiles = fitted.predict(found.context, scale)
    assert quantiles.shape == (94, 7, 3, 13)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    np.testing.assert_array_equal(quantiles[..., 6], fitted.point(found.context, scale))


@EVERY
def test_intervals_cover_what_they_promise(name):
    spec = BaselineSpec(36, 7, 12)
    y = wave(4000, 2, seed=5, noise=1.0)
    fitted = BASELINES.load(name)([y[:3000]], spec)
    found = windows(y, origins(3000, 4000, 7), 36, 7)
    quantiles = fitted.predict(found.context, np.tile(series_scale(y[:3000]), (len(found.origin), 1)))
    for low, high, share in ((2, 10, 0.8), (0, 12, 0.95)):
        inside = (quantiles[..., low] <= found.target) & (found.target <= quantiles[..., high])
        assert inside.mean() == pytest.approx(share, abs=0.02)


@EVERY
def test_gaps_and_short_series_give_finite_forecasts(name):
    rng = np.random.default_rng(8)
    history = [np.where(rng.random((rows, 1)) < 0.2, NAN, wave(rows, 1)) for rows in (3, 9, 30, 80, 200)]
    fitted = BASELINES.load(name)(history, BaselineSpec(24, 6, 12))
    for y in history:
        if not np.isnan(y).all():
            context = np.concatenate([np.full((24, 1), NAN), y])[-24:][None]
            assert np.isfinite(fitted.predict(context, series_scale(y)[None])).all()


@EVERY
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e306])
def test_series_of_any_size_are_forecast_alike(name, size):
    spec = BaselineSpec(24, 6, 12)
    y = wave(300, 1)
    plain = BASELINES.load(name)([y], spec).predict(y[None, -24:], series_scale(y)[None])
    sized = BASELINES.load(name)([y * size], spec).predict(y[None, -24:] * size, series_scale(y * size)[None])
    np.testing.assert_allclose(sized / size, plain, rtol=1e-6)


@EVERY
def test_a_context_without_a_value_gives_no_forecast(name):
    fitted = BASELINES.load(name)([wave(100, 1)], BaselineSpec(24, 6, 12))
    assert np.isnan(fitted.predict(np.full((1, 24, 1), NAN), ANY_SCALE)).all()


@EVERY
def test_one_row_of_history_gives_a_finite_forecast(name):
    fitted = BASELINES.load(name)([np.array([[5.0]])], BaselineSpec(4, 3, 1))
    assert np.isfinite(fitted.predict(column(NAN, NAN, NAN, 5.0), np.array([[5.0]]))).all()


# ---- small parts ---------------------------------------------------------------------------------


def test_carry_fills_forward_then_backward():
    np.testing.assert_array_equal(carry(column(NAN, 1, NAN, 3))[0, :, 0], [1, 1, 1, 3])
    np.testing.assert_array_equal(carry(column(NAN, 1, NAN), backward=False)[0, :, 0], [NAN, 1, 1])


def test_a_series_that_never_moves_has_its_size_as_scale_and_one_of_zeros_has_1():
    np.testing.assert_array_equal(series_scale(np.array([[4.0, 0.0, NAN], [4.0, 0.0, NAN]])), [4.0, 1.0, 1.0])


def test_a_quiet_context_does_not_promise_certainty():
    np.testing.assert_array_equal(spread(column(7, 7, 7), np.array([[3.0]])), [[1.5]])
    np.testing.assert_array_equal(spread(column(7, 9, 7), np.array([[3.0]])), [[2.5]])
    np.testing.assert_array_equal(spread(column(7, NAN, 7), np.array([[3.0]])), [[3.0]])


def test_column_quantiles_stand_at_q_times_n_plus_one():
    values = np.array([[3.0, NAN], [1.0, 8.0], [2.0, NAN]])  # n = 3: 0.25 is the first, 0.5 the second
    np.testing.assert_allclose(column_quantiles(values, np.array([0.25, 0.5, 0.99])), [[1, 2, 3], [8, 8, 8]])


def test_column_quantiles_of_nothing_are_nan():
    assert np.isnan(column_quantiles(np.zeros((0, 2)), np.array([0.5]))).all()


def test_thinning_keeps_what_is_few_and_spreads_over_what_is_many():
    spans = [np.arange(5, 8), np.arange(0, 1000), np.arange(7, 7)]
    assert [span.tolist() for span in thin(spans, 2000)] == [span.tolist() for span in spans]
    few = thin(spans, 100)
    assert 90 <= sum(map(len, few)) <= 100
    assert np.diff(few[1]).max() < 25
    assert len(set(few[1] % 12)) == 12
