"""Each series keeps the lag and the share that made its past forecasts better, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from grucast.forecasting.repeats import SHARES, find_repeats, lags_of, repeat
from grucast.preprocessing.windows import Source, cutoffs_between, flatten, gather_targets

ROWS, HORIZON = 240, 6
RNG = np.random.default_rng(8)
WEEK = np.tile(RNG.normal(size=21), 12)[:ROWS]  # three "days" of seven steps make the "week" of 21
DAY = np.tile(RNG.normal(size=7), 40)[:ROWS]
LAGS = (7, 14, 21)


def streams_of(*columns):
    none = np.zeros((ROWS, 0))
    return flatten([Source(one[:, None], np.isfinite(one)[:, None], none, none, np.zeros(0), np.ones(1))
                    for one in (np.asarray(column, dtype=float) for column in columns)])


def judged(streams, medians=None):
    """Windows of all streams, forecasts of nothing (or `medians` of the truth), and what `find_repeats` makes of it."""
    count = len(streams.length)
    at = cutoffs_between(np.full(count, 21), np.full(count, ROWS - HORIZON), 1)
    truth = gather_targets(streams, HORIZON, *at)
    said = np.zeros_like(truth[0]) if medians is None else medians(np.where(truth[1], truth[0], 0.0))
    return find_repeats(said, streams, at, truth, LAGS)


def test_a_series_that_repeats_itself_is_repeated_with_its_own_lag():
    lag, share = judged(streams_of(WEEK, DAY, np.zeros(ROWS)))
    assert lag.tolist() == [21, 7, 0]
    assert share.tolist() == [1.0, 1.0, 0.0]


def test_noise_is_hardly_touched_and_right_forecasts_are_not():
    noise = np.random.default_rng(5).normal(size=(20, ROWS))
    assert judged(streams_of(*noise))[1].mean() < 0.1
    assert judged(streams_of(WEEK), medians=lambda y: y)[1].tolist() == [0.0]


def test_the_share_is_that_of_the_least_error():
    """Half of the truth is in the forecast, all of it a week before, noise in both."""
    y = WEEK + 0.5 * RNG.normal(size=ROWS)
    streams = streams_of(y)
    lag, share = judged(streams, medians=lambda y: 0.5 * y)
    assert lag.tolist() == [21]
    errors = [np.abs(y[21:] - (0.5 * y[21:] + w * (y[:-21] - 0.5 * y[21:]))).mean() for w in SHARES]
    assert 0 < share[0] <= SHARES[int(np.argmin(errors))] + 0.1


def test_streams_are_judged_apart():
    both = judged(streams_of(WEEK, DAY + RNG.normal(size=ROWS)))
    for place, column in enumerate((WEEK,)):
        alone = judged(streams_of(column))
        assert (both[0][place], both[1][place]) == (alone[0][0], alone[1][0])


def test_two_blocks_decide_nothing():
    streams = streams_of(WEEK)
    at = cutoffs_between(np.array([24]), np.array([35]), 1)  # blocks of six rows: 24 to 29 and 30 to 35
    truth = gather_targets(streams, HORIZON, *at)
    assert find_repeats(np.zeros_like(truth[0]), streams, at, truth, LAGS)[1].tolist() == [0.0]


def test_missing_values_are_no_errors():
    holes = np.where(np.arange(ROWS) % 5 == 0, np.nan, WEEK)
    lag, share = judged(streams_of(holes))
    assert (lag.tolist(), share.tolist()) == ([21], [1.0])


def test_quantiles_move_together_and_a_step_without_a_value_stays():
    z = np.arange(ROWS, dtype=float)
    z[20] = np.nan
    streams = replace(streams_of(z), lag=np.array([7]), share=np.array([0.4]))
    quantiles = np.array([[[8.0, 10.0, 13.0]] * 3])
    found = repeat(quantiles, streams, (np.array([0]), np.array([26])), 1)  # a lag before: rows 19, 20, 21
    assert found[0] == pytest.approx(np.array([[11.6, 13.6, 16.6], [8.0, 10.0, 13.0], [12.4, 14.4, 17.4]]))


def test_without_a_share_quantiles_are_the_same_object():
    streams = streams_of(WEEK)
    quantiles = np.ones((1, 3, 3))
    assert repeat(quantiles, streams, (np.array([0]), np.array([40])), 1) is quantiles


def test_lags_are_whole_seasons_that_the_context_holds():
    assert lags_of((24, 7), 60) == (7, 14, 21, 24, 28, 35, 42, 48, 49, 56)
    assert lags_of((24,), 200) == tuple(range(24, 193, 24))
    assert lags_of((1,), 60) == lags_of((), 60) == lags_of((24,), 20) == ()
