"""Drift, smoothing, Theta and the autoregression say what a pencil, a formula or another route says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.evaluation.autoregression import fit_autoregression, iterated
from grucast.evaluation.baselines import BaselineSpec, drift, series_scale
from grucast.evaluation.linear import Ridge
from grucast.evaluation.naive2 import adjusted
from grucast.evaluation.smoothing import best_alpha, ses, smooth, theta, trend

NAN = np.nan
ANY_SCALE = np.ones((1, 1))


def column(*values):
    return np.array(values, float)[None, :, None]


def noisy(rows, seed=4):
    return np.random.default_rng(seed).normal(20.0, 3.0, rows) + 0.4 * np.arange(rows)


# ---- drift ---------------------------------------------------------------------------------------


def test_drift_goes_on_with_the_mean_step():
    # from 2 to 8 in three steps: 2 a row
    np.testing.assert_array_equal(drift(3)(column(2, 9, 1, 8), ANY_SCALE)[0, :, 0], [10, 12, 14])


def test_drift_counts_the_rows_between_the_first_and_the_last_observed_value():
    # from 4 (row 1) to 10 (row 3), 3 a row; the forecast begins two rows after row 3
    np.testing.assert_array_equal(drift(2)(column(NAN, 4, NAN, 10, NAN), ANY_SCALE)[0, :, 0], [16, 19])


def test_drift_of_one_value_is_that_value():
    np.testing.assert_array_equal(drift(2)(column(NAN, NAN, 5), ANY_SCALE)[0, :, 0], [5, 5])


# ---- smoothing -----------------------------------------------------------------------------------


def test_the_level_and_the_errors_are_those_worked_out_by_hand():
    # level 4; 8 misses by 4 -> level 5; 1 misses by -4 -> level 4
    level, squares = smooth(np.array([[4.0, 8.0, 1.0]]), np.array([[0.25]]))
    assert (level[0, 0], squares[0, 0]) == (4.0, 32.0)


def test_a_missing_row_moves_no_level_and_counts_for_no_error():
    rows = np.array([[NAN, 4.0, NAN, 8.0, NAN, 1.0, NAN]])
    level, squares = smooth(rows, np.array([[0.25]]))
    assert (level[0, 0], squares[0, 0]) == (4.0, 32.0)


def test_the_best_alpha_is_that_of_a_fine_search():
    rows = np.stack([noisy(60, seed) for seed in range(5)])
    every = np.linspace(0.01, 1.0, 991)
    _, squares = smooth(rows, np.broadcast_to(every, (5, 991)))
    np.testing.assert_allclose(best_alpha(rows), every[np.argmin(squares, axis=1)], atol=0.0085)


def test_a_random_walk_is_forecast_by_its_last_value():
    walk = np.random.default_rng(3).normal(size=400).cumsum()
    assert ses(2)(walk[None])[0] == pytest.approx([walk[-1]] * 2, abs=0.5)


def test_noise_about_a_level_is_forecast_by_nearly_its_mean():
    noise = np.random.default_rng(3).normal(50.0, 1.0, 400)
    assert ses(1)(noise[None])[0, 0] == pytest.approx(50.0, abs=0.3)


# ---- theta ---------------------------------------------------------------------------------------


def test_the_trend_is_the_line_of_least_squares_through_what_was_observed():
    y = noisy(30)
    y[[0, 7, 29]] = NAN
    seen = np.flatnonzero(~np.isnan(y))
    slope, start = np.polyfit(seen, y[seen], 1)
    found = trend(y[None])
    assert (found[0][0, 0], found[1][0, 0]) == pytest.approx((start, slope))


@given(st.integers(3, 60), st.integers(1, 9), st.integers(0, 50))
def test_theta_is_smoothing_with_half_the_slope_as_drift(rows, horizon, seed):
    y = noisy(rows, seed)
    alpha = best_alpha(y[None] / np.abs(y).max())[0]
    slope = np.polyfit(np.arange(rows), y, 1)[0]
    steps = np.arange(1, horizon + 1)
    level, _ = smooth(y[None], np.array([[alpha]]))
    gained = steps - 1 + 1 / alpha - (1 - alpha) ** rows / alpha  # the closed form of Hyndman and Billah (2003)
    np.testing.assert_allclose(theta(horizon)(y[None])[0], level[0, 0] + slope / 2 * gained, rtol=1e-9)


def test_theta_draws_half_of_a_straight_line_on_and_half_of_where_smoothing_ends():
    # a line is smoothed best with alpha 1: twice the line less the line is the line, its level the last value, 7
    np.testing.assert_allclose(theta(2)(np.array([[1.0, 3.0, 5.0, 7.0]]))[0], [(9 + 7) / 2, (11 + 7) / 2])


def test_the_season_is_taken_off_before_and_put_back_after():
    pattern = np.array([2.0, 4.0, 6.0])
    context = np.tile(pattern, 8)[None, :, None]
    for method in (ses, theta):
        found = adjusted(method(5), 5, 3)(context, ANY_SCALE)[0, :, 0]
        np.testing.assert_allclose(found, [2, 4, 6, 2, 4])


# ---- autoregression ------------------------------------------------------------------------------


def test_each_step_is_fed_with_the_one_before():
    # relative to the last value x: next = x + 1/2 (the value before, less x) + 2 scales
    model = Ridge(np.array([[0.5], [0.0]]), np.array([2.0]))
    found = iterated([model], 2, 3)(column(9, 4, 10), np.array([[3.0]]))
    # 10 + (4 - 10) / 2 + 6 = 13; 13 + (10 - 13) / 2 + 6 = 17.5; 17.5 + (13 - 17.5) / 2 + 6 = 21.25
    np.testing.assert_allclose(found[0, :, 0], [13.0, 17.5, 21.25])


def test_an_autoregression_learns_a_wave_of_each_channel():
    time = np.arange(300)[:, None]
    y = np.sin(2 * np.pi * time / np.array([12.0, 17.0])) * [1.0, 40.0] + [5.0, 300.0]
    fitted = fit_autoregression([y[:250]], BaselineSpec(40, 11, 12))
    found = fitted.point(y[None, 210:250], series_scale(y[:250])[None])
    np.testing.assert_allclose(found[0], y[250:261], atol=0.02)


def test_series_shorter_than_the_horizon_are_forecast_naively_with_a_note():
    fitted = fit_autoregression([noisy(5)[:, None]], BaselineSpec(8, 6, 1))
    assert "naive" in fitted.note
    np.testing.assert_array_equal(fitted.point(column(1, 2, 7), ANY_SCALE)[0, :, 0], [7] * 6)
