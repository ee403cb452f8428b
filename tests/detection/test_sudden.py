"""How sudden a row is: the jump of an error against those before it, in jumps that are usual there and then."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.detection.sudden import LAGS, RunningSudden, SuddenScale, cycle_of, fit_sudden, sudden


def plain(channels=1, cycle=1, *, weights=None, most=100.0):
    """A scale in which every usual jump is 1."""
    given_weights = np.zeros((channels, LAGS)) if weights is None else np.tile(weights, (channels, 1))
    return SuddenScale(given_weights, np.full(channels, most), np.ones((2, channels)), np.ones((channels, cycle)))


def followed(errors, scale, series=0, origin=0):
    """What `RunningSudden` says of each row."""
    running = RunningSudden(scale, series)
    return [running.push(row, origin + at) for at, row in enumerate(np.asarray(errors, dtype=float))]


def autoregressive(rows, weight=0.9, seed=0):
    shocks = np.random.default_rng(seed).standard_normal(rows)
    out = np.zeros(rows)
    for row in range(1, rows):
        out[row] = weight * out[row - 1] + shocks[row]
    return out


def test_the_first_rows_by_hand():
    scale = plain(weights=np.array([0.5, 0, 0, 0, 0, 0]))
    found, _ = sudden(np.array([[2.0], [3.0], [-1.0]]), scale, 0, 0, "online")
    calm = [1.2, 0.95 * 1.2 + 0.05 * 2.0]
    calm.append(0.95 * calm[1] + 0.05 * 2.0)
    jumps = [2.0, 3.0 - 1.0, abs(-1.0 - 1.5)]
    np.testing.assert_allclose(found, np.log1p(np.array(jumps) / calm), rtol=1e-6)


def test_offline_a_row_must_stick_out_from_both_sides():
    """A step is sudden from one side only, a spike from both."""
    scale = plain(weights=np.array([1.0, 0, 0, 0, 0, 0]))
    step, spike = np.zeros((41, 1)), np.zeros((41, 1))
    step[20:], spike[20] = 9.0, 9.0
    assert sudden(step, scale, 0, 0, "online")[0][20] > 2.0
    assert sudden(step, scale, 0, 0, "offline")[0][20] == 0.0
    assert sudden(spike, scale, 0, 0, "offline")[0][20] > 2.0


def test_the_harmonic_mean_of_both_sides_by_hand():
    found, _ = sudden(np.array([[4.0]]), plain(weights=np.zeros(LAGS)), 0, 0, "offline")
    assert found[0] == pytest.approx(np.log1p(4.0 / 1.2))


def test_an_earlier_error_counts_as_no_more_than_most():
    scale = plain(weights=np.array([1.0, 0, 0, 0, 0, 0]), most=3.0)
    found, _ = sudden(np.array([[1e12], [3.0]]), scale, 0, 0, "online")
    assert found[1] == 0.0


def test_a_restless_hour_makes_the_next_jump_less_sudden():
    scale = plain()
    quiet, restless = np.ones((60, 1)), np.ones((60, 1))
    restless[30:50] = 5.0
    quiet[55], restless[55] = 9.0, 9.0
    assert sudden(restless, scale, 0, 0, "online")[0][55] < sudden(quiet, scale, 0, 0, "online")[0][55] - 0.5


def test_one_fault_hardly_hides_the_next():
    errors = np.ones((40, 1))
    errors[20], errors[22] = 1e9, 12.0
    found, _ = sudden(errors, plain(), 0, 0, "online")
    assert found[22] > np.log1p(12.0 / 1.5)


def test_the_channel_that_is_most_sudden_leads():
    found, lead = sudden(np.array([[1.0, 5.0, 2.0], [7.0, 1.0, 2.0]]), plain(3), 0, 0, "online")
    assert lead.tolist() == [1, 0]
    assert found[0] == pytest.approx(np.log1p(5.0 / 1.2))


def test_a_row_without_an_error_says_nothing_and_changes_nothing():
    errors = np.array([[1.0], [np.nan], [4.0]])
    found, _ = sudden(errors, plain(), 0, 0, "online")
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(np.log1p(4.0 / (0.95 * 1.2 + 0.05)))


def test_the_weights_of_an_autoregression_are_found():
    scale = fit_sudden([autoregressive(20_000)[:, None]], [slice(0, 20_000)], [0], 1)
    np.testing.assert_allclose(scale.weights[0], [0.9, 0, 0, 0, 0, 0], atol=0.03)
    assert scale.level[0, 0] == pytest.approx(0.6745, rel=0.03)  # the median distance of a normal law


def test_only_the_rows_trained_on_count():
    errors = autoregressive(3_000)[:, None]
    spoiled = errors.copy()
    spoiled[2_000:] *= 1e6
    parts = [slice(100, 2_000)]
    one, other = (fit_sudden([each], parts, [0], 4) for each in (errors, spoiled))
    for name in ("weights", "most", "level", "profile"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_phase_in_which_errors_are_larger_has_a_larger_unit():
    rng = np.random.default_rng(3)
    phase = (7 + np.arange(6_000)) % 3
    errors = rng.standard_normal(6_000) * np.array([1.0, 1.0, 4.0])[phase]
    scale = fit_sudden([errors[:, None]], [slice(0, 6_000)], [7], 3)
    assert scale.profile[0, 2] / scale.profile[0, 0] == pytest.approx(4.0, rel=0.1)
    np.testing.assert_allclose(scale.unit(0, 1, 3)[:, 0], scale.level[0, 0] * scale.profile[0, [1, 2, 0]])


def test_a_short_series_takes_the_level_of_all():
    long, short = autoregressive(2_000)[:, None], 50.0 * autoregressive(30, seed=1)[:, None]
    scale = fit_sudden([long, short], [slice(0, 2_000), slice(0, 30)], [0, 0], 1)
    assert scale.level[1, 0] == scale.level[2, 0]
    assert scale.level.shape == (3, 1)


def test_errors_that_never_were_give_no_alarm_and_no_nan():
    scale = fit_sudden([np.full((300, 1), np.nan)], [slice(0, 300)], [0], 24)
    assert all(np.isfinite(one).all() for one in (scale.weights, scale.most, scale.level, scale.profile))
    assert np.isnan(sudden(np.full((5, 1), np.nan), scale, 0, 0, "online")[0]).all()


@pytest.mark.parametrize(("seasons", "cycle"), [((), 1), ((24, 168), 24), ((1440,), 1), ((168, 200), 168)])
def test_the_cycle_is_the_shortest_season_that_is_not_too_long(seasons, cycle):
    assert cycle_of(seasons) == cycle


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 60), st.integers(0, 50), st.integers(1, 5))
def test_row_by_row_it_is_the_same(seed, channels, rows, origin, cycle):
    rng = np.random.default_rng(seed)
    errors = rng.standard_t(2, (rows, channels))
    errors[rng.random((rows, channels)) < 0.1] = np.nan
    profile = rng.uniform(0.5, 2.0, (channels, cycle))
    weights, most = rng.normal(0, 0.3, (channels, LAGS)), rng.uniform(1, 3, channels)
    scale = SuddenScale(weights, most, np.ones((2, channels)), profile)
    found, lead = sudden(errors, scale, 1, origin, "online")
    values, leads = zip(*followed(errors, scale, 1, origin), strict=True)
    np.testing.assert_allclose(values, found, rtol=1e-6)
    seen = np.isfinite(found)
    assert np.array(leads)[seen].tolist() == lead[seen].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(10, 60))
def test_online_no_later_row_counts(seed, row):
    errors = np.random.default_rng(seed).standard_normal((80, 2))
    changed = errors.copy()
    changed[row:] += 100.0
    one, other = (sudden(each, plain(2, weights=np.full(LAGS, 0.1)), 0, 0, "online")[0] for each in (errors, changed))
    np.testing.assert_array_equal(one[:row], other[:row])
