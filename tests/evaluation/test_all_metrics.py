"""The metrics beyond those of the report: RMSSE, pinball, CRPS, interval scores, and all of them by group."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error

from grucast.evaluation.metrics import (
    ALL_METRICS,
    METRICS,
    POINT_METRICS,
    QUANTILE_METRICS,
    Accumulator,
    as_json,
    score,
    seasonal_root_scale,
    seasonal_scale,
)

DECILES = tuple(k / 10 for k in range(1, 10))
LEVELS = (0.025, *DECILES, 0.975)
seeds = st.integers(0, 2**32 - 1)


def measured(y, quantiles, levels, **more):
    """All metrics of H targets and H rows of quantiles, as one window of one channel."""
    shaped = np.array(y, float)[None, :, None], np.array(quantiles, float)[None, :, None, :]
    more = {name: np.array([[value]], float) for name, value in more.items()}
    return score(*shaped, levels, metrics=ALL_METRICS, **more)


def random_points(seed, count=41):
    rng = np.random.default_rng(seed)
    return rng.normal(size=count) * 10, np.sort(rng.normal(size=(count, len(LEVELS))) * 10, axis=1)


# ---- RMSSE ---------------------------------------------------------------------------------------


def test_rmsse_is_the_root_mean_square_of_errors_over_the_root_scale():
    # errors 3, 0, −6 over a root scale of 3: 1, 0, −2
    assert measured([5, 2, 1], [[2], [2], [7]], (0.5,), root_scale=3)["rmsse"] == pytest.approx(math.sqrt(5 / 3))


def test_the_root_scale_is_the_root_mean_square_step_over_observed_pairs():
    y = np.array([[1.0, 5.0], [4.0, np.nan], [0.0, 6.0], [np.nan, 9.0], [7.0, 9.0]])
    # season 1: 3, −4 and, of the second channel, 3, 0; season 2: −1, 7 and 1, 3
    np.testing.assert_allclose(seasonal_root_scale(y), [math.sqrt(12.5), math.sqrt(4.5)])
    np.testing.assert_allclose(seasonal_root_scale(y, 2), [5.0, math.sqrt(5.0)])


def test_rmsse_of_the_naive_forecast_of_a_constant_step_is_one_as_in_m5():
    history = np.arange(0.0, 30.0, 3.0)[:, None]
    scale = float(seasonal_root_scale(history)[0])
    assert measured([30.0], [[27.0]], (0.5,), root_scale=scale)["rmsse"] == pytest.approx(1.0)


def test_a_series_without_a_root_scale_does_not_count_for_rmsse():
    y, y_hat = np.array([[[1.0]], [[2.0]], [[4.0]]]), np.zeros((3, 1, 1, 1))
    scores = score(y, y_hat, (0.5,), root_scale=np.array([[2.0], [0.0], [np.nan]]), metrics=POINT_METRICS)
    assert scores["rmsse"] == pytest.approx(0.5)
    assert math.isnan(score(y, y_hat, (0.5,), metrics=POINT_METRICS)["rmsse"])


def test_a_short_history_has_no_root_scale_and_a_season_has_a_row():
    assert np.isnan(seasonal_root_scale(np.ones((4, 3)), 4)).all()
    with pytest.raises(ValueError, match="at least one row"):
        seasonal_root_scale(np.ones((4, 3)), 0)


def test_the_root_scale_of_huge_and_of_tiny_steps_is_a_number():
    for size in (1e307, 1e-300):
        assert seasonal_root_scale(np.tile([[0.0], [size]], (50, 1)))[0] == pytest.approx(size)


# ---- pinball, WQL --------------------------------------------------------------------------------


def test_pinball_has_an_entry_for_every_level():
    # y = 10: 3 below at .9 costs 2.7, 2 above at .1 costs 1.8; y = 0: 7 above at .9 costs .7, 12 above at .1 costs 10.8
    scores = measured([10, 0], [[12, 7], [12, 7]], (0.1, 0.9))
    assert scores["pinball"] == pytest.approx({"0.1": (1.8 + 10.8) / 2, "0.9": (2.7 + 0.7) / 2})


@given(seed=seeds)
def test_pinball_mae_and_rmse_are_those_of_scikit_learn(seed):
    y, quantiles = random_points(seed)
    scores = measured(y, quantiles, LEVELS)
    for at, level in enumerate(LEVELS):
        assert scores["pinball"][f"{level:g}"] == pytest.approx(mean_pinball_loss(y, quantiles[:, at], alpha=level))
    median = quantiles[:, LEVELS.index(0.5)]
    assert scores["mae"] == pytest.approx(mean_absolute_error(y, median))
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(y, median))


@given(seed=seeds)
def test_wql_is_made_of_the_pinball_losses_of_the_deciles(seed):
    y, quantiles = random_points(seed)
    scores = measured(y, quantiles, LEVELS)
    losses = [scores["pinball"][f"{level:g}"] for level in DECILES]
    assert scores["wql"] == pytest.approx(2 * np.mean(losses) / np.abs(y).mean())


# ---- CRPS ----------------------------------------------------------------------------------------


def test_crps_of_a_point_mass_is_the_absolute_error():
    scores = measured([3, 8], [[5, 5, 5], [5, 5, 5]], (0.1, 0.5, 0.9))
    assert scores["crps"] == pytest.approx((2 + 3) / 2)


def test_crps_of_a_uniform_distribution_is_its_closed_form():
    # on [0, 1] with y inside: (y³ + (1 − y)³) / 3; a quantile function that is the line itself
    for y in (0.0, 0.3, 0.5, 1.0):
        assert measured([y], [[0.0, 1.0]], (0.0, 1.0))["crps"] == pytest.approx((y**3 + (1 - y) ** 3) / 3)
    assert measured([2.0], [[0.0, 1.0]], (0.0, 1.0))["crps"] == pytest.approx(1 + 1 / 3)


def test_crps_of_two_quantiles_is_flat_beyond_them():
    # mass 1/4 at 0, a line from 0 to 4 between the levels, mass 1/4 at 4; y = 0. By E|X − y| − E|X − X'|/2:
    # E|X| = 2; with U uniform on [0, 4]: E|X − X'| = 2(1/16)·4 + 4(1/2)(1/4)·2 + (1/4)(4/3) = 1/2 + 1 + 1/3
    assert measured([0.0], [[0.0, 4.0]], (0.25, 0.75))["crps"] == pytest.approx(2 - 11 / 12)


@given(seed=seeds)
def test_crps_is_twice_the_pinball_loss_averaged_over_all_levels(seed):
    y, quantiles = random_points(seed, count=5)
    tau = (np.arange(20_000) + 0.5) / 20_000  # the midpoint rule
    found = []
    for target, row in zip(y, quantiles, strict=True):
        miss = target - np.interp(tau, LEVELS, row)
        found.append(2 * np.maximum(tau * miss, (tau - 1) * miss).mean())
    assert measured(y, quantiles, LEVELS)["crps"] == pytest.approx(np.mean(found), rel=1e-6)


def test_crps_takes_levels_in_any_order():
    y, quantiles = random_points(3)
    turned = measured(y, quantiles[:, ::-1], LEVELS[::-1])
    assert turned["crps"] == pytest.approx(measured(y, quantiles, LEVELS)["crps"], rel=1e-12)


def test_crps_of_a_median_alone_is_undefined():
    assert math.isnan(measured([1.0], [[2.0]], (0.5,))["crps"])


def test_crps_of_huge_values_does_not_overflow():
    scores = measured([1e307, -1e307], [[-1e307, 1e307]] * 2, (0.0, 1.0))
    assert scores["crps"] == pytest.approx(2e307 / 3)


# ---- intervals -----------------------------------------------------------------------------------


def test_the_winkler_score_is_the_width_and_what_lies_outside_by_two_over_alpha():
    # 80 %: [2, 8], factor 10; 95 %: [1, 9], factor 40; y = 5 inside both, 0 outside both, 8.5 outside the inner one
    scores = measured([5, 0, 8.5], [[1, 2, 5, 8, 9]] * 3, (0.025, 0.1, 0.5, 0.9, 0.975))
    assert scores["winkler"] == pytest.approx({"80": (6 + 26 + 11) / 3, "95": (8 + 48 + 8) / 3})


@given(seed=seeds)
def test_the_winkler_score_is_the_pinball_loss_of_its_ends_by_two_over_alpha(seed):
    y, quantiles = random_points(seed)
    low, high = quantiles[:, LEVELS.index(0.1)], quantiles[:, LEVELS.index(0.9)]
    ends = mean_pinball_loss(y, low, alpha=0.1) + mean_pinball_loss(y, high, alpha=0.9)
    assert measured(y, quantiles, LEVELS)["winkler"]["80"] == pytest.approx(ends * 2 / 0.2)


def test_msis_is_the_winkler_score_of_95_per_cent_over_the_scale():
    y, quantiles = random_points(7)
    scores = measured(y, quantiles, LEVELS, scale=4.0)
    assert scores["msis"] == pytest.approx(scores["winkler"]["95"] / 4)


def test_intervals_of_any_level_are_measured():
    shaped = np.full((1, 1, 1), 3.0), np.array([1.0, 2.0])[None, None, None]
    scores = Accumulator((0.0005, 0.9995), (99.9,), metrics=QUANTILE_METRICS).add(*shaped).finish()
    assert scores["coverage"] == {"99.9": 0.0}
    assert scores["winkler"]["99.9"] == pytest.approx(1 + 2000)


def test_an_interval_that_was_not_forecast_has_no_score():
    assert all(math.isnan(one) for one in measured([1.0], [[2.0]], (0.5,))["winkler"].values())


# ---- all together --------------------------------------------------------------------------------


def test_the_report_of_train_has_the_metrics_it_always_had():
    assert list(METRICS) == ["mae", "rmse", "mse", "smape", "mase", "wql", "msis", "coverage"]


def test_a_forecast_that_failed_makes_every_metric_undefined():
    y, quantiles = random_points(5)
    quantiles[3] = np.nan
    scores = as_json(measured(y, quantiles, LEVELS, scale=1.0, root_scale=1.0))
    left = [value for one in scores.values() for value in (one.values() if isinstance(one, dict) else [one])]
    assert set(left) == {None}


@given(seed=seeds, size=st.sampled_from([1e-9, 1.0, 1e9]))
def test_what_is_in_the_units_of_y_grows_with_y_and_the_rest_stays(seed, size):
    y, quantiles = random_points(seed)
    one = measured(y, quantiles, LEVELS, scale=2.0, root_scale=3.0)
    other = measured(y * size, quantiles * size, LEVELS, scale=2.0 * size, root_scale=3.0 * size)
    for name in ("mae", "rmse", "crps", "winkler", "pinball"):
        for key in one[name] if isinstance(one[name], dict) else [None]:
            small, large = (of[name] if key is None else of[name][key] for of in (one, other))
            assert large == pytest.approx(small * size, rel=1e-6, abs=1e-9 * size)
    for name in ("smape", "mase", "rmsse", "wql", "msis"):
        assert other[name] == pytest.approx(one[name], rel=1e-6)


@pytest.mark.parametrize(("shape", "axis"), [((5, 1, 1), 0), ((1, 4, 1), 1), ((1, 1, 3), 2)])
def test_groups_have_the_metrics_that_their_points_have_alone(shape, axis):
    rng = np.random.default_rng(0)
    y, quantiles = rng.normal(size=(5, 4, 3)), np.sort(rng.normal(size=(5, 4, 3, len(LEVELS))), axis=-1)
    y[rng.random(y.shape) < 0.2] = np.nan
    scales = {"scale": rng.random((5, 3)), "root_scale": rng.random((5, 3))}
    groups = shape[axis]
    start = Accumulator(LEVELS, metrics=ALL_METRICS, groups=groups)
    found = start.add(y, quantiles, group=np.arange(groups).reshape(shape), **scales).finish_each()
    assert len(found) == groups
    for group, scores in enumerate(found):
        alone = np.where(np.arange(groups).reshape(shape) == group, y, np.nan)
        expected = score(alone, quantiles, LEVELS, metrics=ALL_METRICS, **scales)
        for name, value in expected.items():
            assert scores[name] == pytest.approx(value, rel=1e-9), name


@given(seed=seeds, cut=st.integers(0, 7))
def test_groups_gathered_in_chunks_are_those_of_the_whole(seed, cut):
    rng = np.random.default_rng(seed)
    y, quantiles = rng.normal(size=(7, 3, 1)), np.sort(rng.normal(size=(7, 3, 1, 3)), axis=-1)
    group = rng.integers(0, 4, size=(7, 3, 1))
    start = Accumulator((0.1, 0.5, 0.9), (80,), metrics=ALL_METRICS, groups=5)
    whole = start.add(y, quantiles, group=group).finish_each()
    parts = start.add(y[:cut], quantiles[:cut], group=group[:cut]).add(y[cut:], quantiles[cut:], group=group[cut:])
    for one, other in zip(whole, parts.finish_each(), strict=True):
        for name in ("mae", "rmse", "smape", "crps", "winkler", "pinball", "coverage"):
            assert other[name] == pytest.approx(one[name], rel=1e-9, nan_ok=True)


def test_a_group_without_points_is_undefined():
    start = Accumulator((0.5,), metrics=POINT_METRICS, groups=3)
    found = start.add(np.ones((2, 1, 1)), np.zeros((2, 1, 1, 1)), group=np.array([0, 2])[:, None, None]).finish_each()
    assert [one["mae"] for one in found] == pytest.approx([1.0, math.nan, 1.0], nan_ok=True)


def test_a_group_of_huge_values_beside_one_of_tiny_values_stays_right():
    y = np.array([1e307, -1e307, 1e-300])[:, None, None]
    start = Accumulator((0.5,), metrics=POINT_METRICS, groups=2)
    found = start.add(y, np.zeros((3, 1, 1, 1)), group=np.array([0, 0, 1])[:, None, None]).finish_each()
    assert [one["rmse"] for one in found] == pytest.approx([1e307, 1e-300])
    assert [one["mae"] for one in found] == pytest.approx([1e307, 1e-300])


def test_the_scales_of_one_series_differ_as_mean_and_root_mean_square_do():
    y = np.array([[0.0], [1.0], [8.0]])  # steps 1 and 7
    assert (seasonal_scale(y)[0], seasonal_root_scale(y)[0]) == pytest.approx((4.0, 5.0))
