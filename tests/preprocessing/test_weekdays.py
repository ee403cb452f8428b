"""The week must show on later rows before it counts; days of the week that mean nothing do not."""

import numpy as np
import pytest
from series_making import every, series

from grucast.core.series import Clock
from grucast.preprocessing.weekdays import week_matters

HOURS, DAYS = 24 * 7 * 12, 7 * 40  # twelve weeks, forty weeks


def hourly(y):
    return series(every("2024-01-03", "1h", len(y)), y)  # from a Wednesday on


def daily(y):
    return series(every("2024-01-03", "1D", len(y)), y)


def noise(rows, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


def hours_and_weekdays(rows):
    """Hour of the day and day of the week, Monday 0, of the rows of an hourly series from a Wednesday on."""
    t = np.arange(rows)
    return t % 24, (t // 24 + 2) % 7


def test_quiet_sundays_matter():
    _, weekday = hours_and_weekdays(HOURS)
    assert week_matters([hourly(noise(HOURS) - 4.0 * (weekday == 6))], [HOURS], Clock(freq="h"))


def test_a_sunday_that_differs_only_in_its_shape_matters():
    """Its mean is that of the other days, its evening high where theirs is low."""
    hour, weekday = hours_and_weekdays(HOURS)
    wave = np.sin(2 * np.pi * hour / 24)
    assert week_matters([hourly(noise(HOURS) + np.where(weekday == 6, -3.0, 3.0) * wave)], [HOURS], Clock(freq="h"))


def test_a_weekday_of_a_daily_series_matters():
    y = noise(DAYS)
    y[::7] += 5.0
    assert week_matters([daily(y)], [DAYS], Clock(freq="D"))


@pytest.mark.parametrize("seed", range(5))
def test_a_day_that_is_like_every_other_does_not_matter(seed):
    hour, _ = hours_and_weekdays(HOURS)
    assert not week_matters([hourly(noise(HOURS, seed) + 3.0 * (hour > 12))], [HOURS], Clock(freq="h"))


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_has_no_week(seed):
    assert not week_matters([daily(np.cumsum(noise(DAYS, seed)))], [DAYS], Clock(freq="D"))


def test_a_week_that_ended_does_not_matter():
    """What held for the first three quarters must hold for the last."""
    y = noise(DAYS)
    y[: 3 * DAYS // 4 : 7] += 5.0
    y[-DAYS // 4 + 3 :: 7] += 5.0
    assert not week_matters([daily(y)], [DAYS], Clock(freq="D"))


def test_rows_after_the_fit_part_have_no_say():
    y = np.r_[noise(DAYS), noise(DAYS)]
    y[DAYS::7] += 50.0
    assert not week_matters([daily(y)], [DAYS], Clock(freq="D"))
    assert week_matters([daily(y[DAYS:])], [DAYS], Clock(freq="D"))


def test_one_column_is_enough():
    y = np.stack([noise(DAYS, seed) for seed in range(3)], axis=1)
    assert not week_matters([daily(y)], [DAYS], Clock(freq="D"))
    y[::7, 1] += 5.0
    assert week_matters([daily(y)], [DAYS], Clock(freq="D"))


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_size_does_not_count(size):
    y = noise(DAYS)
    y[::7] += 5.0
    assert week_matters([daily(y * size)], [DAYS], Clock(freq="D"))


def test_a_fault_does_not_make_a_week():
    y = noise(DAYS)
    y[7 * 3] = y[7 * 34] = 1e6  # on one weekday, once early and once late
    assert not week_matters([daily(y)], [DAYS], Clock(freq="D"))


@pytest.mark.parametrize("y", [np.full(DAYS, 3.0), np.full(DAYS, np.nan), np.ones(4), np.ones(0)])
def test_what_never_moves_or_is_not_there_has_no_week(y):
    assert not week_matters([daily(y)], [len(y)], Clock(freq="D"))


@pytest.mark.parametrize("clock", [Clock(freq="W-SUN"), Clock(freq="MS"), Clock(kind="elapsed", freq="h"), Clock()])
def test_a_clock_without_days_has_no_week(clock):
    y = noise(DAYS)
    y[::7] += 5.0
    assert not week_matters([daily(y)], [DAYS], clock)
