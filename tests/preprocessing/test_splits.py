from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.preprocessing.splits import Split, split_by_time

LENGTHS = st.integers(0, 5000)
HORIZONS = st.integers(1, 400)
CONTEXTS = st.integers(1, 1500)


@settings(deadline=None)
@given(LENGTHS, HORIZONS, CONTEXTS)
def test_parts_are_ordered_disjoint_and_hold_a_window_each(length, horizon, context):
    split = split_by_time(length, horizon, context)
    if split is None:
        assert length <= 3 * horizon
        return
    parts = [split.fit_rows, split.validation_rows, split.calibration_rows]
    parts += [] if split.shared else [split.report_rows]
    assert parts[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert split.report_rows[1] == split.report == length
    assert split.fit > horizon
    assert all(stop - start >= horizon for start, stop in parts)


@settings(deadline=None)
@given(LENGTHS, HORIZONS, CONTEXTS)
def test_only_a_series_below_ten_horizons_shares_calibration_and_report(length, horizon, context):
    split = split_by_time(length, horizon, context)
    if split is not None:
        assert split.shared == (length < 10 * horizon)
        assert (split.report_rows == split.calibration_rows) == split.shared


def test_a_long_series_gives_a_tenth_to_each_part():
    assert split_by_time(10_000, 24, 336) == Split(7000, 8000, 9000, 10_000)


def test_a_long_horizon_gives_two_horizons_to_each_part():
    assert split_by_time(1000, 96, 200) == Split(424, 616, 808, 1000)


def test_three_years_of_months_have_parts_of_six():
    assert split_by_time(36, 3, 12) == Split(18, 24, 30, 36)


def test_below_ten_horizons_calibration_and_report_are_the_same_rows():
    split = split_by_time(90, 10, 10)
    assert split == Split(50, 70, 90, 90, shared=True)
    assert split.calibration_rows == split.report_rows == (70, 90)


def test_parts_shrink_so_that_fit_holds_a_window_with_a_whole_context():
    assert split_by_time(700, 96, 336) == Split(432, 566, 700, 700, shared=True)


def test_parts_are_never_below_a_horizon():
    assert split_by_time(31, 10, 500) == Split(11, 21, 31, 31, shared=True)


@pytest.mark.parametrize(("length", "horizon"), [(0, 1), (3, 1), (30, 10)])
def test_a_series_too_short_to_hold_anything_out_has_no_split(length, horizon):
    assert split_by_time(length, horizon, 5) is None
