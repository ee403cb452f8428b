"""Where lines break: a gap in time is seen, and what only comes unevenly is not taken for one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.report.alarms import AlarmPicture, Channel, thinned
from grucast.report.breaks import breaks, parted
from grucast.report.panel import Picture
from grucast.report.plots import render, render_alarms

START = np.datetime64("2024-01-01", "us")
HOUR = np.timedelta64(1, "h").astype("timedelta64[us]")
LEVELS = (0.1, 0.5, 0.9)


def after(hours):
    """Stamps so many hours after the first."""
    return START + np.rint(np.array(hours) * 3.6e9).astype("timedelta64[us]")


def strokes(svg: bytes, name: str) -> int:
    """Of how many strokes the line called `name` is made."""
    found = re.search(rf'<g id="{name}">\s*<path d="([^"]*)"', svg.decode())
    return found.group(1).count("M")


@pytest.mark.parametrize(("hours", "gaps"), [
    ([0, 1, 2, 5, 6, 7], [3]),
    ([0, 1, 2, 3.5, 4.5, 5.5], []),  # half an hour late
    ([0, 0.9, 2.1, 3, 4.05, 9, 10, 11], [5]),  # uneven by a few minutes
    ([*range(20), *range(50, 70), 100, 101], [20, 40]),
    ([0, 1, 50, 51, 52, 90, 91], []),  # a third of the steps: so its rows come
    ([0, 1, 100], [2]),
    ([0, 5], []), ([0], []), ([], []),
])
def test_a_step_that_is_long_beside_the_others_is_a_gap(hours, gaps):
    assert breaks(after(hours)).tolist() == gaps
    assert breaks(np.array(hours, dtype=float)).tolist() == gaps  # a numeric axis


def test_weekends_and_nights_are_how_rows_come_and_holidays_are_gaps():
    days = np.array([day for day in range(400) if day % 7 < 5 and not 200 <= day < 235])
    assert breaks(after(24.0 * days)).tolist() == [int(np.searchsorted(days, 235))]
    months = np.arange("2015-01", "2024-01", dtype="datetime64[M]").astype("datetime64[us]")
    assert not len(breaks(months))


@given(st.integers(0, 1000))
def test_steps_as_uneven_as_chance_makes_them_are_no_gaps(seed):
    steps = np.minimum(np.random.default_rng(seed).exponential(size=999), 10.0)
    assert not len(breaks(after(np.cumsum(steps))))


def test_a_gap_too_short_to_be_seen_does_not_count():
    hours = np.arange(20_000.0)
    hours[9_000:] += 10
    assert not len(breaks(after(hours)))
    hours[9_000:] += 10
    assert breaks(after(hours)).tolist() == [9_000]


def test_an_empty_row_stands_before_each_break():
    ds, values = parted(np.array([1.0, 2.0, 9.0]), np.array([[5.0, 6.0], [7.0, 8.0], [3.0, 4.0]]), np.array([2]))
    assert ds.tolist() == [1.0, 2.0, 9.0, 9.0]
    np.testing.assert_array_equal(values, [[5, 6], [7, 8], [np.nan, np.nan], [3, 4]])


def test_the_history_of_a_forecast_is_not_joined_across_a_gap():
    ds = after([*range(20), *range(60, 80)])
    quantiles = np.array([[-1.0, 0.0, 1.0]] * 5)
    content, _ = render([Picture("load", ds, np.sin(np.arange(40.0)), ds[-1] + np.arange(1, 6) * HOUR, quantiles,
                                 LEVELS)], ".svg")
    assert strokes(content, "observed") == 2


def alarms(hours):
    """A picture of rows so many hours after the first, their values and scores far from straight."""
    ds, rows = after(hours), len(hours)
    y = np.random.default_rng(3).normal(size=rows)
    told = np.stack([y - 1, y, y + 1], axis=1)
    return AlarmPicture("m", ds, (Channel("load", y, told),), np.abs(y), np.full(rows, 9.0), ())


@pytest.mark.parametrize("pieces", [1500, 7])
def test_values_scores_and_thresholds_are_not_joined_across_a_gap(pieces):
    content, _ = render_alarms([thinned(alarms([*range(30), *range(80, 103)]), pieces)], 1, ".svg", None)
    assert [strokes(content, name) for name in ("observed", "score", "threshold")] == [2, 2, 2]


def test_thinned_pieces_end_at_a_gap():
    small = thinned(alarms([*range(30), *range(80, 103)]), 2)
    assert np.isnan(small.score).tolist() == [False] * 4 + [True] + [False] * 2
    assert small.ds[[3, 5]].tolist() == after([29, 80]).tolist()
    assert (np.diff(small.ds) >= np.timedelta64(0)).all()


def test_a_row_between_two_gaps_is_a_dot():
    content, _ = render_alarms([thinned(alarms([*range(20), 60, *range(100, 120)]))], 1, ".svg", None)
    assert content.decode().count('id="alone"') == 2
