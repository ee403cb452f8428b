"""Every metric worked out by hand on numbers small enough to check with a pencil."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.evaluation.metrics import Accumulator, as_json, owa, score, seasonal_scale, skill
from grucast.evaluation.statistics import pinball

MEDIAN = (0.5,)
ENDS = (0.025, 0.1, 0.5, 0.9, 0.975)
DECILES = tuple(k / 10 for k in range(1, 10))


def one_window(y, quantiles):
    """(1, H, 1) and (1, H, 1, Q) from H targets and H rows of quantiles."""
    return np.array(y, float)[None, :, None], np.array(quantiles, float)[None, :, None, :]


def point(y, y_hat, **more):
    return score(*one_window(y, np.array(y_hat, float)[:, None]), MEDIAN, **more)


def test_absolute_and_squared_errors_are_means_over_all_points():
    scores = point([1, 2, 4], [2, 2, 1])  # errors −1, 0, 3
    assert scores["mae"] == pytest.approx(4 / 3)
    assert scores["mse"] == pytest.approx(10 / 3)
    assert scores["rmse"] == pytest.approx(math.sqrt(10 / 3))


def test_smape_runs_from_0_to_200():
    assert point([3.0], [1.0])["smape"] == pytest.approx(100.0)  # 200 · 2 / 4
    assert point([5.0], [0.0])["smape"] == pytest.approx(200.0)
    assert point([-5.0], [5.0])["smape"] == pytest.approx(200.0)


def test_smape_of_zero_forecast_as_zero_is_zero():
    assert point([0.0, 2.0], [0.0, 2.0])["smape"] == 0.0


def test_mase_divides_each_window_by_the_scale_of_its_own_series():
    y = np.array([[[10.0, 100.0]], [[20.0, 200.0]]])  # (2, 1, 2)
    y_hat = np.array([[[12.0, 110.0]], [[20.0, 230.0]]])[..., None]
    scale = np.array([[1.0, 10.0], [4.0, 15.0]])
    assert score(y, y_hat, MEDIAN, scale=scale)["mase"] == pytest.approx((2 / 1 + 10 / 10 + 0 / 4 + 30 / 15) / 4)


def test_a_series_without_a_scale_counts_for_neither_mase_nor_msis():
    y = np.array([[[1.0]], [[2.0]], [[4.0]]])
    quantiles = np.tile(np.array([0.0, 0.0, 1.0, 5.0, 5.0]), (3, 1, 1, 1))
    scores = score(y, quantiles, ENDS, scale=np.array([[2.0], [0.0], [np.nan]]))
    assert scores["mase"] == 0.0  # only the first window, whose median is right
    assert scores["msis"] == pytest.approx(5 / 2)
    assert scores["mae"] == pytest.approx((0 + 1 + 3) / 3)


def test_without_any_scale_mase_is_undefined():
    assert math.isnan(point([1.0], [1.0])["mase"])


def test_the_seasonal_scale_is_the_mean_step_over_observed_pairs():
    y = np.array([[1.0, 5.0], [2.0, np.nan], [4.0, 6.0], [np.nan, 9.0], [7.0, 9.0]])
    # season 1: |2−1|, |4−2| and, of the second channel, |9−6|, |9−9|
    np.testing.assert_allclose(seasonal_scale(y), [1.5, 1.5])
    # season 2: |4−1|, |7−4|; |6−5|, |9−6|
    np.testing.assert_allclose(seasonal_scale(y, 2), [3.0, 2.0])


def test_a_history_no_longer_than_its_season_has_no_scale():
    assert np.isnan(seasonal_scale(np.ones((4, 3)), 4)).all()


def test_the_scale_of_values_of_1e307_does_not_overflow():
    y = np.tile([[0.0], [1e307]], (50, 1))
    assert seasonal_scale(y)[0] == pytest.approx(1e307)


def test_pinball_charges_the_level_above_and_the_rest_below():
    np.testing.assert_allclose(pinball(np.array([10.0, 10.0]), np.array([7.0, 12.0]), 0.9), [2.7, 0.2])


def test_wql_is_the_mean_over_deciles_of_twice_the_pinball_sum_over_the_sum_of_sizes():
    # y = 4 and −6 with every decile at 0: pinball 4τ and 6(1 − τ); mean over the deciles of 2(4τ + 6 − 6τ)/10 = 1
    scores = score(*one_window([4, -6], np.zeros((2, 9))), DECILES)
    assert scores["wql"] == pytest.approx(1.0)


def test_wql_is_undefined_when_a_decile_is_missing_or_everything_is_zero():
    assert math.isnan(point([1.0], [1.0])["wql"])
    assert math.isnan(score(*one_window([0.0], np.ones((1, 9))), DECILES)["wql"])


def test_msis_is_the_width_and_forty_times_what_lies_outside():
    y, quantiles = one_window([5, 0, 12], [[1, 2, 5, 8, 9]] * 3)
    # widths 8; 1 below, 3 above; scale 2: (8 + 8 + 40 + 8 + 120) / 2 / 3
    assert score(y, quantiles, ENDS, scale=np.array([[2.0]]))["msis"] == pytest.approx((24 + 160) / 6)


def test_coverage_is_the_share_inside_ends_included():
    y, quantiles = one_window([1, 2, 8, 9.5], [[1, 2, 5, 8, 9]] * 4)
    assert score(y, quantiles, ENDS)["coverage"] == {"80": 0.5, "95": 0.75}


def test_coverage_of_an_interval_that_was_not_forecast_is_undefined():
    assert all(math.isnan(share) for share in point([1.0], [1.0])["coverage"].values())


def test_targets_that_were_not_observed_are_left_out():
    assert point([1.0, np.nan, 3.0], [2.0, 9.0, 3.0])["mae"] == pytest.approx(0.5)
    y, quantiles = one_window([1.0, 5.0], [[2.0], [2.0]])
    masked = Accumulator(MEDIAN).add(y, quantiles, observed=np.array([True, False])[None, :, None])
    assert masked.finish()["mae"] == 1.0


def test_a_forecast_that_is_not_a_number_is_not_left_out():
    y, quantiles = one_window([1.0, 2.0], [[1, 1, 1, 1, 1], [np.nan] * 5])
    scores = score(y, quantiles, ENDS, scale=np.ones((1, 1)))
    assert all(math.isnan(scores[name]) for name in ("mae", "rmse", "mse", "smape", "mase", "msis"))
    assert math.isnan(scores["coverage"]["80"])


def test_nothing_observed_gives_nothing_but_null():
    scores = as_json(point([np.nan], [1.0]))
    assert set(scores["coverage"].values()) == {None}
    assert {value for name, value in scores.items() if name != "coverage"} == {None}


def test_values_of_1e307_give_the_right_errors_and_null_where_it_overflows():
    y = np.full((3, 40, 2), 1.2e307)
    quantiles = np.stack([y * 0.5, y, y * 1.5], axis=-1)
    quantiles[:, ::2, :, 1] = 2.2e307
    scores = score(y, quantiles, (0.025, 0.5, 0.975), scale=np.full((3, 2), 1e307))
    assert scores["mae"] == pytest.approx(5e306)
    assert scores["rmse"] == pytest.approx(1e307 / math.sqrt(2))
    assert math.isnan(scores["mse"])
    assert scores["mase"] == pytest.approx(0.5)
    assert scores["msis"] == pytest.approx(1.2)
    assert scores["smape"] == pytest.approx(0.5 * 200 * 1.0 / 3.4)
    json.dumps(as_json(scores), allow_nan=False)


def test_values_of_1e_300_do_not_vanish():
    scores = point([1e-300, 3e-300], [2e-300, 2e-300])
    assert scores["rmse"] == pytest.approx(1e-300)
    assert math.isnan(scores["mse"])  # 1e-600 is no number, and 0 would be a lie


def test_owa_is_the_mean_of_two_ratios():
    ours, theirs = {"smape": 9.0, "mase": 1.5}, {"smape": 18.0, "mase": 2.0}
    assert owa(ours, theirs) == pytest.approx((0.5 + 0.75) / 2)
    assert math.isnan(owa(ours, {"smape": 0.0, "mase": 2.0}))


def test_skill_is_measured_against_the_best_baseline():
    assert skill(3.0, [4.0, 6.0, math.nan]) == pytest.approx(0.25)
    assert skill(5.0, [4.0]) == pytest.approx(-0.25)
    assert skill(0.0, [0.0]) == 0.0
    assert math.isnan(skill(1.0, [0.0]))
    assert math.isnan(skill(1.0, []))


def test_quantiles_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Accumulator(ENDS).add(np.zeros((2, 3, 1)), np.zeros((2, 3, 1, 4)))


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 7), size=st.sampled_from([1e-9, 1.0, 1e9]))
def test_chunks_gathered_one_after_the_other_give_the_metrics_of_the_whole(seed, cut, size):
    rng = np.random.default_rng(seed)
    levels = (0.025, *DECILES, 0.975)
    y, quantiles = rng.normal(size=(7, 3, 2)) * size, np.sort(rng.normal(size=(7, 3, 2, 11)), axis=-1) * size
    y[rng.random(y.shape) < 0.2] = np.nan
    scale = rng.random((7, 2)) * size
    whole = score(y, quantiles, levels, scale=scale)
    first = Accumulator(levels).add(y[:cut], quantiles[:cut], scale=scale[:cut])
    parts = first.add(y[cut:], quantiles[cut:], scale=scale[cut:]).finish()
    assert parts["coverage"] == pytest.approx(whole["coverage"], nan_ok=True)
    for name in ("mae", "rmse", "smape", "mase", "wql", "msis"):
        assert parts[name] == pytest.approx(whole[name], rel=1e-9, nan_ok=True)


def test_many_windows_are_counted_once_each_in_blocks():
    y = np.arange(600_000.0).reshape(3000, 100, 2)
    assert score(y, y[..., None] + 2.0, MEDIAN)["mae"] == pytest.approx(2.0)
    assert score(y, np.zeros((3000, 100, 2, 1)), MEDIAN)["mae"] == pytest.approx(599_999 / 2)
