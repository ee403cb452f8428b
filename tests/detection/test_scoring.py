"""From errors to one score a row: kernels against loops, scales, sums and shares by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grucast.detection.scoring import (
    LEAST,
    MODES,
    SCORERS,
    SIGNALS,
    SMALLEST,
    SignalScale,
    decay_of,
    fit_signal_scale,
    gather_channels,
    on_scale,
    smooth,
    strangeness,
    usual_width,
    widths_of,
)

SOME = st.one_of(st.floats(0, 1e6, allow_subnormal=False), st.just(np.nan))
SIGNAL = arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=SOME)


def slow_average(x, width):
    """The recursion, row by row, one channel."""
    out, last, decay = [], np.nan, decay_of(width)
    for value in x:
        if not math.isnan(value):
            last = value if math.isnan(last) else decay * last + (1 - decay) * value
        out.append(last)
    return np.array(out)


def slow_bell(x, width):
    """Three centred boxes one after the other, rows outside and missing rows weighing nothing, one channel."""
    box = nearest_odd(math.sqrt((width * width + 2) / 3))
    total, weight = np.nan_to_num(x), (~np.isnan(x)).astype(float)
    for _ in range(3):
        total, weight = ([math.fsum(one[max(t - box // 2, 0) : t + box // 2 + 1]) / box for t in range(len(x))]
                         for one in (total, weight))  # fmt: skip
    return np.array([t / w if w else np.nan for t, w in zip(total, weight, strict=True)])


def nearest_odd(size: float) -> int:
    return min(range(1, 999, 2), key=lambda odd: abs(odd - size))


def with_gaps(rows: int, where: str, seed: int = 0):
    """Positive noise (rows, 1), some of it missing."""
    rng = np.random.default_rng(seed)
    x = np.abs(rng.normal(size=rows))
    gaps = {"nowhere": [], "the start": range(7), "the end": range(rows - 5, rows), "everywhere": range(rows),
            "the middle": np.flatnonzero(rng.random(rows) < 0.3)}  # fmt: skip
    x[list(gaps[where])] = np.nan
    return x[:, None]


PLACES = ("nowhere", "the start", "the middle", "the end", "everywhere")


# ---- online kernels ------------------------------------------------------------------------------


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("width", [2, 3, 5, 20, 300])
def test_online_is_the_recursion_over_observed_rows(width, where):
    x = with_gaps(257, where)
    np.testing.assert_allclose(smooth(x, width, "online")[:, 0], slow_average(x[:, 0], width), rtol=1e-11)


def test_each_channel_is_smoothed_by_itself():
    x = np.concatenate([with_gaps(90, where) for where in PLACES], axis=1)
    for mode in MODES:
        each = [smooth(x[:, [channel]], 9, mode)[:, 0] for channel in range(5)]
        np.testing.assert_array_equal(smooth(x, 9, mode).T, each)


@pytest.mark.parametrize("width", [3, 10, 200])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_blocks_are_joined_where_they_meet(width, beyond):
    block = int(30 / -math.log(decay_of(width)))  # rows after which the past weighs e^-30
    x = with_gaps(3 * block + beyond, "nowhere", seed=width)
    np.testing.assert_allclose(smooth(x, width, "online")[:, 0], slow_average(x[:, 0], width), rtol=1e-11)


def test_a_long_signal_is_the_recursion_too():
    x = with_gaps(100_000, "the middle")
    np.testing.assert_allclose(smooth(x, 30, "online")[:, 0], slow_average(x[:, 0], 30), rtol=1e-10)


def test_the_mean_age_of_an_average_is_half_its_width_less_one():
    pulse = np.zeros((5000, 1))
    pulse[1] = 1.0
    weights = smooth(pulse, 40, "online")[1:, 0]
    assert weights.sum() == pytest.approx(1.0)
    assert (weights * np.arange(4999)).sum() == pytest.approx(40 / 2 - 1)


def test_the_narrowest_average_is_the_signal():
    x = with_gaps(31, "nowhere")
    np.testing.assert_array_equal(smooth(x, 2, "online"), x)


@given(SIGNAL, st.integers(2, 300), st.integers(1, 59))
def test_online_knows_no_later_row(x, width, border):
    changed = x.copy()
    changed[border:] = np.nan_to_num(changed[border:], nan=7.0) * 3 + 1
    before, after = smooth(x, width, "online"), smooth(changed, width, "online")
    np.testing.assert_allclose(after[:border], before[:border], rtol=1e-12)


@given(SIGNAL, st.integers(2, 300))
def test_an_average_is_nan_before_the_first_value_only_and_within_what_was_seen(x, width):
    out = smooth(x, width, "online")
    for given_, found in zip(x.T, out.T, strict=True):
        seen = np.flatnonzero(np.isfinite(given_))
        first = seen[0] if len(seen) else len(given_)
        assert np.isnan(found[:first]).all()
        assert np.isfinite(found[first:]).all()
        if len(seen):
            assert (found[first:] >= np.nanmin(given_) * (1 - 1e-9)).all()
            assert (found[first:] <= np.nanmax(given_) * (1 + 1e-9)).all()


# ---- offline kernels -----------------------------------------------------------------------------


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("width", [1, 2, 3, 10, 50, 300])
def test_offline_is_three_boxes(width, where):
    x = with_gaps(211, where)
    np.testing.assert_allclose(smooth(x, width, "offline")[:, 0], slow_bell(x[:, 0], width), rtol=1e-11)


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 18, 33, 34, 35])
def test_offline_is_three_boxes_where_the_series_is_about_as_long_as_the_box(rows):
    x = with_gaps(rows, "nowhere")
    np.testing.assert_allclose(smooth(x, 30, "offline")[:, 0], slow_bell(x[:, 0], 30), rtol=1e-11)


@pytest.mark.parametrize("width", [3, 30, 50, 100, 150, 200, 300])
def test_the_bell_is_as_wide_as_a_box_of_its_width(width):
    pulse = np.zeros((1401, 1))
    pulse[700] = 1.0
    weights, away = smooth(pulse, width, "offline")[:, 0], np.arange(1401) - 700
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights, weights[::-1], atol=1e-15)
    assert (np.diff(weights[:701]) >= 0).all()
    wanted = (width**2 - 1) / 12
    # the box is odd: at most one row narrower or wider, 3 ((b + 1)^2 - b^2) / 12 = (2 b + 1) / 4 of variance
    assert (weights * away**2).sum() == pytest.approx(wanted, abs=(2 * math.sqrt(4 * wanted + 1) + 1) / 4)


@given(SIGNAL, st.integers(2, 300))
def test_the_bell_lies_within_what_was_seen_and_looks_the_same_backwards(x, width):
    out = smooth(x, width, "offline")
    np.testing.assert_allclose(smooth(x[::-1], width, "offline")[::-1], out, rtol=1e-9, atol=1e-9)
    for given_, found in zip(x.T, out.T, strict=True):
        if np.isfinite(given_).any():
            assert np.isfinite(found[np.isfinite(given_)]).all()
            assert np.nanmin(found) >= np.nanmin(given_) * (1 - 1e-9)
            assert np.nanmax(found) <= np.nanmax(given_) * (1 + 1e-9)
        else:
            assert np.isnan(found).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", [2, 7, 150])
def test_a_constant_stays_what_it_is_up_to_the_edges(mode, width):
    x = np.full((97, 2), 3.7)
    x[20:40, 1] = np.nan
    found = smooth(x, width, mode)
    np.testing.assert_allclose(found[np.isfinite(found)], 3.7, rtol=1e-12)
    assert np.isfinite(found[:, 0]).all()


def test_a_huge_fault_leaves_rows_out_of_reach_as_they_were():
    x = with_gaps(2000, "nowhere")
    faulty = x.copy()
    faulty[300] = 1e18
    before, after = smooth(x, 30, "offline"), smooth(faulty, 30, "offline")
    reach = 3 * 8  # three boxes of 17 rows
    far = np.abs(np.arange(2000) - 300) > reach
    np.testing.assert_allclose(after[far], before[far], rtol=1e-12)
    assert (after[~far] > 1e12).all()


@pytest.mark.parametrize("mode", MODES)
def test_signals_of_float32_are_smoothed_in_float64(mode):
    x = with_gaps(300, "the middle").astype(np.float32)
    np.testing.assert_array_equal(smooth(x, 11, mode), smooth(x.astype(np.float64), 11, mode))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_smoothed_to_nothing(mode):
    assert smooth(np.zeros((0, 3)), 20, mode).shape == (0, 3)


# ---- the scale -----------------------------------------------------------------------------------


WIDTHS = (4, 9, 30)


def signals_of(rows: int, channels: int = 2, names=SIGNALS, seed: int = 0):
    rng = np.random.default_rng(seed)
    return {name: np.abs(rng.normal(size=(rows, channels))) * (1 + 4 * k) for k, name in enumerate(names)}


def flat_scale(median: float, upper: float, *, series: int = 1, channels: int = 2) -> SignalScale:
    shape = (series + 1, channels, len(SIGNALS), len(WIDTHS))
    return SignalScale(WIDTHS, np.full(shape, median), np.full(shape, upper))


@pytest.mark.parametrize("mode", MODES)
def test_the_scale_is_median_and_upper_quantile_of_the_part_trained_on(mode):
    one, two = signals_of(400, seed=1), signals_of(250, seed=2)
    parts = [slice(30, 350), slice(10, 250)]
    scale = fit_signal_scale([one, two], parts, mode, 100)
    assert scale.widths == widths_of(100, mode)
    assert scale.median.shape == scale.upper.shape == (3, 2, len(SIGNALS), len(scale.widths))
    for s, name in enumerate(SIGNALS):
        for w, width in enumerate(scale.widths):
            smoothed = [smooth(signals[name], width, mode)[part, 1]
                        for signals, part in zip((one, two), parts, strict=True)]  # fmt: skip
            for row, values in enumerate([*smoothed, np.concatenate(smoothed)]):
                assert scale.median[row, 1, s, w] == np.median(values)
                assert scale.upper[row, 1, s, w] == np.quantile(values, 0.99)


def test_a_series_of_few_rows_and_a_channel_without_values_take_the_scale_of_all():
    long, short, empty = signals_of(400, seed=1), signals_of(LEAST - 1, seed=2), signals_of(300, seed=3)
    for signal in empty.values():
        signal[:, 1] = np.nan
    scale = fit_signal_scale([long, short, empty], [slice(400), slice(LEAST - 1), slice(300)], "online", 100)
    np.testing.assert_array_equal(scale.median[1], scale.median[-1])
    np.testing.assert_array_equal(scale.upper[2, 1], scale.upper[-1, 1])
    assert (scale.median[2, 0] != scale.median[-1, 0]).all()
    assert (scale.median[0] != scale.median[-1]).all()


def test_a_signal_that_the_model_does_not_give_has_no_scale():
    few = signals_of(200, names=SCORERS["forecast"])
    scale = fit_signal_scale([few], [slice(200)], "online", 100)
    has = np.isfinite(scale.median).all(axis=(0, 1, 3))
    assert {name for name, there in zip(SIGNALS, has, strict=True) if there} == set(SCORERS["forecast"])
    assert np.isnan(scale.median[:, :, ~has]).all()


def test_a_channel_that_never_had_a_value_has_no_scale_and_no_score():
    signals = signals_of(200)
    for signal in signals.values():
        signal[:, 0] = np.nan
    scale = fit_signal_scale([signals], [slice(200)], "online", 100)
    assert np.isnan(scale.median[:, 0]).all()
    score = strangeness(signals_of(50, seed=4), scale, -1, scorer="combined", mode="online")
    assert np.isnan(score[:, 0]).all()
    assert np.isfinite(score[:, 1]).all()


def test_the_usual_width_is_that_of_the_longest_season_within_bounds():
    assert usual_width((24, 150, 8000), 336) == 150
    assert usual_width((24,), 336) == usual_width((), 336) == 100
    assert usual_width((336,), 336) == 200


# ---- the score -----------------------------------------------------------------------------------


def test_on_scale_is_zero_to_the_median_log_two_at_the_upper_and_slow_beyond():
    found = on_scale(np.array([0.0, 2.0, 3.0, 2.0 + 9.0]), np.array(2.0), np.array(3.0))
    np.testing.assert_allclose(found, [0, 0, math.log(2), math.log(10)])


def test_a_scale_that_never_moved_divides_by_the_smallest():
    assert on_scale(np.array(2.5), np.array(2.0), np.array(2.0)) == pytest.approx(math.log1p(0.5 / SMALLEST))


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("mode", MODES)
def test_the_score_is_the_sum_over_signals_and_widths(mode, scorer):
    signals, rng = signals_of(80), np.random.default_rng(5)
    median = rng.uniform(0, 1, (3, 2, len(SIGNALS), 3))
    scale = SignalScale(WIDTHS, median, median + rng.uniform(0.5, 2, median.shape))
    found = strangeness(signals, scale, 1, scorer=scorer, mode=mode)
    for channel in range(2):
        wanted = np.zeros(80)
        for s, name in enumerate(SIGNALS):
            for w, width in enumerate(WIDTHS if name in SCORERS[scorer] else ()):
                m, u = scale.median[1, channel, s, w], scale.upper[1, channel, s, w]
                begun = np.concatenate([[m][: mode == "online"], signals[name][:, channel]])
                smoothed = smooth(begun[:, None], width, mode)[-80:, 0]
                wanted += [math.log(1 + max(v - m, 0) / (u - m)) for v in smoothed]
        np.testing.assert_allclose(found[:, channel], wanted, rtol=1e-9)


def test_a_new_series_is_scored_on_the_scale_of_all():
    signals, scale = signals_of(50), flat_scale(0.1, 1.0, series=2)
    scale.median[-1], scale.upper[-1] = 0.4, 3.0
    found = strangeness(signals, scale, -1, scorer="combined", mode="online")
    wanted = strangeness(signals, flat_scale(0.4, 3.0), 0, scorer="combined", mode="online")
    np.testing.assert_array_equal(found, wanted)


@given(SIGNAL, st.sampled_from(SIGNALS), st.sampled_from(MODES), st.floats(0, 100))
@settings(max_examples=50)
def test_scores_are_not_negative_and_never_fall_when_an_error_grows(x, name, mode, more):
    others = {other: np.ones(x.shape) for other in SIGNALS}
    scale = flat_scale(0.5, 2.0, channels=x.shape[1])
    low = strangeness(others | {name: x}, scale, 0, scorer="combined", mode=mode)
    high = strangeness(others | {name: x + more}, scale, 0, scorer="combined", mode=mode)
    assert (low >= 0).all()
    assert (high >= low - 1e-9).all()


def test_a_row_is_scored_by_the_signals_that_it_has():
    signals = {name: np.full((6, 1), np.nan) for name in SIGNALS}
    signals["band"][2:] = 9.0
    scale = flat_scale(0.0, 1.0, channels=1)
    found = strangeness(signals, scale, 0, scorer="combined", mode="online")[:, 0]
    assert np.isnan(found[:2]).all()
    decays = np.array([decay_of(width) for width in WIDTHS])
    wanted = [np.log1p(9.0 * (1.0 - decays ** (row + 1))).sum() for row in range(4)]  # from the median, 0, towards 9
    np.testing.assert_allclose(found[2:], wanted)


# ---- channels ------------------------------------------------------------------------------------


SCORES = np.array([[1.0, 3.0, 0.0], [np.nan, 2.0, 6.0], [0.0, 0.0, 0.0], [np.nan] * 3, [np.nan, 0.0, 0.0]])


def test_the_largest_channel_is_the_score_of_a_row():
    row, share = gather_channels(SCORES, "largest")
    np.testing.assert_array_equal(row, [3.0, 6.0, 0.0, np.nan, 0.0])
    np.testing.assert_allclose(share[:3], [[0.25, 0.75, 0.0], [0.0, 0.25, 0.75], [1 / 3, 1 / 3, 1 / 3]])


def test_the_mean_is_over_the_channels_that_have_a_score():
    row, share = gather_channels(SCORES, "mean")
    np.testing.assert_allclose(row, [4 / 3, 4.0, 0.0, np.nan, 0.0])
    np.testing.assert_array_equal(share, gather_channels(SCORES, "largest")[1])


def test_equal_shares_are_those_of_channels_that_have_a_score():
    _, share = gather_channels(SCORES, "largest")
    assert np.isnan(share[3]).all()
    np.testing.assert_array_equal(share[4], [0.0, 0.5, 0.5])


@given(SIGNAL, st.sampled_from(["largest", "mean"]))
def test_shares_sum_to_one_wherever_there_is_a_score(scores, how):
    row, share = gather_channels(scores, how)
    some = np.isfinite(scores).any(axis=1)
    np.testing.assert_array_equal(np.isfinite(row), some)
    np.testing.assert_allclose(share[some].sum(axis=1), 1.0)
    assert (share[some] >= 0).all()
    assert np.isnan(share[~some]).all()
