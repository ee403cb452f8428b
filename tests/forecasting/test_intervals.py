"""Calibration against its promise, on data where it can be kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.config import QUANTILE_LEVELS
from grucast.forecasting.intervals import (
    OWN_WORD,
    POOL,
    blocks,
    calibrate,
    fit_trust,
    stretch,
    trust,
    usual_factors,
)

LEVELS = (0.1, 0.5, 0.9)


def quantiles_around(median, distance, levels=LEVELS):
    """Quantiles (N, H, Q) whose outermost ones lie `distance` from `median` (N, H)."""
    reach = np.asarray(levels) - 0.5
    return median[:, :, None] + distance * reach / reach.max()


def exchangeable(rng, windows, *, horizon=1):
    """Windows of different location and width, and truths that are 0.4 of what the network takes for its reach."""
    median, width = rng.normal(0, 50, (windows, horizon)), rng.uniform(1, 100, (windows, horizon, 1))
    offered = median[:, :, None] + (quantiles_around(np.zeros_like(median), 1.0) * width)
    return offered, median + 0.4 * width[:, :, 0] * rng.normal(size=median.shape)


@pytest.mark.parametrize("windows", [19, 100])
def test_coverage_of_exchangeable_windows_is_within_the_finite_sample_bound(windows):
    """Each side alone keeps q <= P(inside) <= q + 1 / (n + 1); see Romano et al. 2019, theorem 1."""
    rng = np.random.default_rng(4)
    above = below = trials = 0
    for _ in range(400):
        offered, y = exchangeable(rng, windows + 25)
        factors = calibrate(offered[:windows], y[:windows], np.ones((windows, 1), dtype=bool), LEVELS)
        out = stretch(offered[windows:], factors, LEVELS)
        above += int((y[windows:] <= out[:, :, 2]).sum())
        below += int((y[windows:] >= out[:, :, 0]).sum())
        trials += 25
    slack = 4 * np.sqrt(0.9 * 0.1 / 400)  # the trials of one calibration hang together
    for inside in (above / trials, below / trials):
        assert 0.9 - slack <= inside <= 0.9 + 1 / (windows + 1) + slack


def test_a_factor_is_the_ratio_that_the_finite_sample_rule_names():
    y = np.arange(1.0, 11.0)[:, None]  # ten errors 1 .. 10 above a median of 0, allowed 2
    offered = quantiles_around(np.zeros((10, 1)), 2.0)
    factors = calibrate(offered, y, np.ones((10, 1), dtype=bool), LEVELS)
    assert factors[0].tolist() == [0.0, 1.0, 5.0]  # the (10 + 1) 0.9 = 9.9, so 10th smallest ratio; below, none


def errors_of_two_steps(count):
    """Quantiles and truths of `count` blocks of four windows: errors 1 .. n at the first step, twice as large later."""
    y = np.repeat(np.arange(1.0, count + 1.0), 4)[:, None] * [1.0, 2.0]
    return quantiles_around(np.zeros_like(y), 2.0), y, np.ones(y.shape, dtype=bool), np.repeat(np.arange(count), 4)


@pytest.mark.parametrize("count", [3, 30, POOL // 2])
def test_few_blocks_draw_each_step_to_all_steps_and_these_to_what_is_usual(count):
    offered, y, seen, block = errors_of_two_steps(count)
    each = np.stack([calibrate(offered[:, [step]], y[:, [step]], seen[:, [step]], LEVELS)[0] for step in (0, 1)])
    every = calibrate(offered.reshape(-1, 1, 3), y.reshape(-1, 1), seen.reshape(-1, 1), LEVELS)[0]
    usual = usual_factors(LEVELS)
    own = count / (count + OWN_WORD)
    together = usual * (1 - own) + every * own
    if 4 * count >= POOL:  # a step of its own
        assert each[0, 2] < every[2] < each[1, 2]
    else:  # too few for one: the steps have joined already
        each[:] = every
    np.testing.assert_allclose(calibrate(offered, y, seen, LEVELS, block=block), together * (1 - own) + each * own)


def test_many_blocks_are_believed_step_by_step():
    offered, y, seen, block = errors_of_two_steps(40 * POOL)
    alone = calibrate(offered, y, seen, LEVELS)
    assert alone[1, 2] == pytest.approx(2 * alone[0, 2])
    np.testing.assert_allclose(calibrate(offered, y, seen, LEVELS, block=block), alone, rtol=0.01, atol=0.01)


def test_what_is_usual_widens_the_outer_intervals_only():
    """1.15 at 95 %, 1 up to 60 %, a straight line between: 1 + 0.15 (0.8 - 0.6) / 0.35 at 80 %."""
    found = usual_factors((0.025, 0.1, 0.2, 0.5, 0.8, 0.9, 0.975))
    np.testing.assert_allclose(found, [1.15, 1 + 0.15 * 0.2 / 0.35, 1, 1, 1, 1 + 0.15 * 0.2 / 0.35, 1.15])


def test_without_a_block_that_tells_anything_the_factors_are_the_usual_ones():
    offered, nothing = quantiles_around(np.zeros((4, 3)), 2.0), np.zeros((4, 3), dtype=bool)
    found = calibrate(offered, np.zeros((4, 3)), nothing, LEVELS, block=np.arange(4))
    np.testing.assert_allclose(found, np.tile(usual_factors(LEVELS), (3, 1)))


def test_blocks_without_a_usable_target_are_no_evidence():
    y = np.r_[np.arange(1.0, 11.0), np.full(90, 5.0)][:, None]
    offered, seen = quantiles_around(np.zeros((100, 1)), 2.0), np.ones((100, 1), dtype=bool)
    offered[10:] = 5.0  # a series that never moved
    alone = calibrate(offered[:10], y[:10], seen[:10], LEVELS, block=np.arange(10))
    np.testing.assert_array_equal(calibrate(offered, y, seen, LEVELS, block=np.arange(100)), alone)


def test_windows_of_one_series_within_one_horizon_are_one_block():
    series, cutoff = np.array([0, 0, 0, 4, 4, 0]), np.array([10, 14, 15, 14, 19, 11])
    block = blocks(series, cutoff, 5)  # rows 10-14 and 15-19 of two series
    assert block[0] == block[1] == block[5]
    assert len(set(block[:5].tolist())) == 4
    assert sorted(set(block.tolist())) == [0, 1, 2, 3]


def test_the_lower_side_mirrors_the_upper():
    rng = np.random.default_rng(0)
    offered, y = exchangeable(rng, 50)
    seen = np.ones((50, 1), dtype=bool)
    flipped = calibrate(-offered[:, :, ::-1], -y, seen, LEVELS)
    np.testing.assert_allclose(flipped, calibrate(offered, y, seen, LEVELS)[:, ::-1])


def test_factors_do_not_depend_on_the_unit():
    offered, y = exchangeable(np.random.default_rng(1), 60, horizon=3)
    seen = np.ones((60, 3), dtype=bool)
    np.testing.assert_allclose(calibrate(offered * 1e9, y * 1e9, seen, LEVELS), calibrate(offered, y, seen, LEVELS))


def test_the_median_is_never_stretched():
    offered, y = exchangeable(np.random.default_rng(2), 30, horizon=4)
    factors = calibrate(offered, y, np.ones((30, 4), dtype=bool), LEVELS)
    assert factors[:, 1].tolist() == [1.0] * 4


def test_a_step_with_many_targets_stands_alone():
    rng = np.random.default_rng(3)
    median = np.zeros((POOL, 3))
    y = rng.normal(size=(POOL, 3)) * [1.0, 2.0, 4.0]
    seen = np.ones_like(y, dtype=bool)
    factors = calibrate(quantiles_around(median, 1.0), y, seen, LEVELS)
    for step in range(3):
        alone = calibrate(quantiles_around(median[:, [step]], 1.0), y[:, [step]], seen[:, [step]], LEVELS)
        np.testing.assert_array_equal(factors[step], alone[0])


def test_a_step_with_few_targets_borrows_from_its_neighbours():
    rng = np.random.default_rng(3)
    count = POOL // 3 + 1  # three steps together are enough
    y, seen = rng.normal(size=(count, 5)), np.ones((count, 5), dtype=bool)
    factors = calibrate(quantiles_around(np.zeros((count, 5)), 1.0), y, seen, LEVELS)
    around = y[:, 1:4].reshape(-1, 1)
    wanted = calibrate(quantiles_around(np.zeros_like(around), 1.0), around, np.ones_like(around, dtype=bool), LEVELS)
    np.testing.assert_array_equal(factors[2], wanted[0])


def test_a_step_without_targets_takes_those_of_its_neighbours():
    y, seen = np.full((9, 3), 7.0), np.zeros((9, 3), dtype=bool)
    seen[:, 0] = True
    factors = calibrate(quantiles_around(np.zeros((9, 3)), 2.0), y, seen, LEVELS)
    assert factors[:, 2].tolist() == [3.5, 3.5, 3.5]


def test_without_a_single_target_nothing_is_stretched():
    offered = quantiles_around(np.zeros((4, 3)), 2.0)
    assert (calibrate(offered, np.zeros((4, 3)), np.zeros((4, 3), dtype=bool), LEVELS) == 1.0).all()
    assert (calibrate(offered[:0], np.zeros((0, 3)), np.zeros((0, 3), dtype=bool), LEVELS) == 1.0).all()


def test_windows_without_a_forecast_and_flat_ones_do_not_count():
    offered = quantiles_around(np.zeros((12, 1)), 2.0)
    offered[9] = np.nan
    offered[10:] = 5.0  # a series that never moved: its interval has no width
    y = np.r_[np.arange(1.0, 10.0), 1e6, 5.0, 5.0][:, None]
    factors = calibrate(offered, y, np.ones((12, 1), dtype=bool), LEVELS)
    assert factors[0, 2] == 4.5


# ---- stretching ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_stretched_quantiles_do_not_cross_whatever_the_factors(seed):
    rng = np.random.default_rng(seed)
    offered = np.sort(rng.normal(size=(7, 3, len(QUANTILE_LEVELS))), axis=2)
    factors = rng.exponential(size=(3, len(QUANTILE_LEVELS))) * rng.integers(0, 2, (3, len(QUANTILE_LEVELS)))
    factors[:, 6] = 1.0
    out = stretch(offered, factors, QUANTILE_LEVELS)
    assert (np.diff(out, axis=2) >= 0).all()
    np.testing.assert_array_equal(out[:, :, 6], offered[:, :, 6])


def test_factors_of_one_change_nothing():
    offered = np.sort(np.random.default_rng(0).normal(size=(4, 3, 3)), axis=2)
    np.testing.assert_allclose(stretch(offered, np.ones((3, 3)), LEVELS), offered, rtol=1e-12)


# ---- trust ---------------------------------------------------------------------------------------


def trust_where(y, block=None):
    """The trust in a network that says 1 where the naive forecast says 0, from what came."""
    y = np.asarray(y, dtype=float)[:, None]
    block = np.arange(len(y)) if block is None else np.asarray(block)
    return fit_trust(np.ones_like(y), np.zeros(len(y)), y, np.ones(y.shape, dtype=bool), block)


def test_pure_noise_about_the_last_value_earns_next_to_no_trust():
    rng = np.random.default_rng(0)
    anchors = rng.normal(size=500)
    y = anchors[:, None] + rng.normal(size=(500, 4))
    medians = anchors[:, None] + rng.normal(size=(500, 4))  # moves that have nothing to do with what came
    assert fit_trust(medians, anchors, y, np.ones((500, 4), dtype=bool), np.arange(500)) <= 0.1


def test_a_perfect_network_earns_full_trust():
    rng = np.random.default_rng(0)
    anchors, y = rng.normal(size=50), rng.normal(size=(50, 4))
    assert fit_trust(y, anchors, y, np.ones((50, 4), dtype=bool), np.arange(50)) == 1.0


def test_what_may_be_chance_costs_no_trust():
    """3 of 5 windows for the naive forecast: the network misses by 0.2 more, with a standard error of 0.49."""
    assert trust_where([0, 0, 0, 1, 1]) == 1.0


def test_what_cannot_be_chance_does():
    """30 of 40: the network misses by 0.5 more, with a standard error of 0.14; so for each share of its way."""
    assert trust_where([0] * 30 + [1] * 10) == 0.0


def test_windows_that_overlap_are_no_further_evidence():
    """The five windows of above, each seen twenty times; taken for a hundred they would have cost all trust."""
    came, block = np.repeat([0, 0, 0, 1, 1], 20), np.repeat(np.arange(5), 20)
    assert trust_where(came, block) == 1.0
    assert trust_where(came) == 0.0


def test_one_block_alone_is_taken_at_its_word():
    assert trust_where([0, 0, 1], [7, 7, 7]) == 0.0


def test_a_network_that_goes_twice_too_far_is_trusted_half():
    rng = np.random.default_rng(0)
    anchors, y = rng.normal(size=50), rng.normal(size=(50, 4))
    twice = anchors[:, None] + 2.0 * (y - anchors[:, None])
    assert fit_trust(twice, anchors, y, np.ones((50, 4), dtype=bool), np.arange(50)) == 0.5


def test_what_was_not_observed_has_no_say():
    anchors, y = np.zeros(3), np.array([[1.0], [1.0], [-1e9]])
    medians, seen = np.array([[1.0], [1.0], [1e9]]), np.array([[True], [True], [False]])
    assert fit_trust(medians, anchors, y, seen, np.arange(3)) == 1.0


def test_without_a_target_the_network_is_trusted():
    assert fit_trust(np.ones((2, 3)), np.zeros(2), np.zeros((2, 3)), np.zeros((2, 3), dtype=bool), np.arange(2)) == 1.0


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 10.0), (0.5, 11.0), (1.0, 12.0)])
def test_trust_moves_the_median_that_far_from_the_last_value(share, wanted):
    offered = quantiles_around(np.full((1, 2), 12.0), 3.0)
    out = trust(offered, np.array([10.0]), np.array([share]), LEVELS)
    assert out[0, :, 1].tolist() == [wanted, wanted]
    np.testing.assert_allclose(np.diff(out, axis=2), np.diff(offered, axis=2))
