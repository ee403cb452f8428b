"""Intervals that follow what came true, against sums by hand and against the bound of the paper."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import QUANTILE_LEVELS
from grucast.forecasting.adaptive import GAIN, IN_FLIGHT, LIMIT, adapted, coverages, missed, moved, pairs, weights

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # central intervals of 80 % and 40 %
OFFERED = np.array([[1.0, 4.0, 5.0, 6.0, 11.0], [0.0, 1.0, 2.0, 3.0, 4.0], [7.0, 7.0, 7.0, 7.0, 7.0]])


def test_central_intervals_are_pairs_of_levels_around_the_median():
    assert pairs(QUANTILE_LEVELS) == ((0, 12), (1, 11), (2, 10), (3, 9), (4, 8), (5, 7))
    np.testing.assert_allclose(coverages(QUANTILE_LEVELS), [0.95, 0.9, 0.8, 0.6, 0.4, 0.2])
    assert pairs((0.2, 0.5, 0.9)) == ()  # a level without its mirror has no interval


def test_each_interval_is_stretched_by_its_own_factor_about_the_median():
    wide = adapted(OFFERED, np.log([2.0, 3.0]), LEVELS)
    assert wide[0].round(12).tolist() == [-3.0, 2.0, 5.0, 8.0, 17.0]  # 5 - 2x4, 5 - 3x1, 5 + 3x1, 5 + 2x6
    assert wide[2].tolist() == [7.0] * 5  # a series that never moved stays certain


def test_an_inner_interval_that_outgrows_the_outer_one_pushes_it_outwards():
    assert adapted(OFFERED[:1], np.log([1.0, 9.0]), LEVELS)[0].round(12).tolist() == [-4.0, -4.0, 5.0, 14.0, 14.0]


def test_stretched_values_of_any_size_stay_finite():
    huge = np.array([[-1e307, -1e306, 0.0, 1e306, 1e308]])
    assert np.isfinite(adapted(huge, np.array([LIMIT, LIMIT]), LEVELS)).all()


def test_a_miss_is_a_value_beyond_either_end():
    found = missed(OFFERED, np.array([0.5, 3.5, 9.0]), LEVELS)
    np.testing.assert_array_equal(found, [[1, 1], [0, 1], [np.nan, np.nan]])  # the last interval has no width
    np.testing.assert_array_equal(missed(OFFERED[:1], np.array([np.nan]), LEVELS), [[np.nan, np.nan]])
    np.testing.assert_array_equal(missed(OFFERED[:1], np.array([11.0]), LEVELS), [[0, 1]])  # an end belongs to it


def test_the_update_is_that_of_the_paper_by_hand():
    """One error a row, horizon 1: lambda + gamma (err - alpha), with alpha .2 and .6."""
    one = moved(np.array([0.3, -0.1]), np.array([[1.0, 0.0]]), np.ones(1), coverages(LEVELS), gain=0.1)
    np.testing.assert_allclose(one, [0.3 + 0.1 * (1 - 0.2), -0.1 + 0.1 * (0 - 0.6)])
    two = moved(np.zeros(2), np.array([[1.0, 1.0], [np.nan, 0.0]]), np.array([0.5, 0.25]), coverages(LEVELS), gain=0.1)
    np.testing.assert_allclose(two, [0.1 * 0.5 * 0.8, 0.1 * (0.5 * 0.4 - 0.25 * 0.6)])


def test_errors_about_one_row_share_its_weight():
    """Row 5 has four forecasts of sixteen steps: 4 / sqrt(16) = 1, shared by four. Row 6 has one: 1 / sqrt(16)."""
    row, horizon = np.array([5, 6, 5, 5, 5]), np.full(5, 16)
    np.testing.assert_allclose(weights(row, horizon), [0.25, 0.25, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(weights(np.array([1, 2, 3]), np.array([1, 4, 9])), [1.0, 1 / 2, 1 / 3])
    many = 2 * IN_FLIGHT
    np.testing.assert_allclose(weights(np.zeros(many, dtype=np.int64), np.full(many, many)).sum(), 0.5)


def test_no_width_runs_away():
    for error, end in ((1.0, LIMIT), (0.0, -LIMIT)):
        far = moved(np.array([0.99 * end] * 2), np.full((10_000, 2), error), np.ones(10_000), coverages(LEVELS))
        np.testing.assert_allclose(far, [end, end])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.floats(0.01, 0.5))
def test_whatever_comes_misses_differ_from_the_promise_by_no_more_than_the_bound(truths, gain):
    """Gibbs and Candes, proposition 4.1: |misses / T - alpha| <= |lambda_T - lambda_0| / (gamma T), below the limit."""
    width, misses = np.zeros(2), np.zeros(2)
    alpha = 1.0 - coverages(LEVELS)
    for y in truths:
        error = missed(adapted(OFFERED[1:2], width, LEVELS), np.array([y]), LEVELS)
        width = moved(width, error, np.ones(1), coverages(LEVELS), gain=gain)
        misses += error[0]
    if (np.abs(width) < LIMIT).all():
        bound = np.abs(width) / (gain * len(truths))
        assert (np.abs(misses / len(truths) - alpha) <= bound + 1e-9).all()


@pytest.mark.parametrize(("horizon", "every"), [(1, 1), (6, 1), (6, 6)])
def test_after_the_noise_has_doubled_coverage_comes_back(horizon, every):
    """White noise of deviation 1, from row 600 on of deviation 2: without adaptation 80 % would hold 48 %."""
    rng = np.random.default_rng(5)
    rows, change, settled = 3000, 600, 1100
    y = rng.normal(size=rows) * np.where(np.arange(rows) < change, 1.0, 2.0)
    base = np.tile([-1.2816, -0.5244, 0.0, 0.5244, 1.2816], (horizon, 1))  # quantiles of the standard normal
    width, flying, hits = np.zeros(2), [], []
    for row in range(rows):
        flying = [(cutoff, q) for cutoff, q in flying if row - cutoff <= horizon]
        if flying:
            said = np.stack([q[row - cutoff - 1] for cutoff, q in flying])
            error = missed(said, np.full(len(said), y[row]), LEVELS)
            hits += [1 - error[:, 0].mean()] if row >= settled else []
            weight = weights(np.full(len(said), row), np.full(len(said), horizon))
            width = moved(width, error, weight, coverages(LEVELS))
        if row % every == 0:
            flying.append((row, adapted(base, width, LEVELS)))
    assert np.mean(hits) == pytest.approx(0.8, abs=0.02)
    assert math.exp(width[0]) == pytest.approx(2.0, rel=6 * GAIN)
