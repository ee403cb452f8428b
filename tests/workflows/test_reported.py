"""Which rows are told of, and that no event reaches over silenced ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.core.config import RowOptions
from grucast.core.errors import UsageError
from grucast.core.series import Clock, Layout, Panel
from grucast.detection.events import find_events
from grucast.workflows.detecting.reported import events_between, first_reported, silenced
from tests.making import hourly_panel, series_of

HIGH = np.array([0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 0.0])


def spans(score, silent, *, gap=2, rows=1):
    """First and last row, peak and openness of each event above 1."""
    events = events_between(np.asarray(score), np.ones(len(score)), np.asarray(silent, dtype=bool), gap, rows)
    return [(one.start, one.stop - 1, one.peak, one.open) for one in events]


def test_the_last_rows_are_those_that_each_file_has():
    long, short = series_of(np.arange(7.0)), series_of([1.0, 2.0])
    long.line[4:6] = 0
    assert first_reported(hourly_panel(long, short), None, 3) == [2, 0]


@pytest.mark.parametrize(("since", "rows"), [
    ("2024-01-01T03:00", [3, 2]), ("2h", [5, 2]), ("0.5 h", [6, 2]), ("1w", [0, 0]), ("90min", [5, 2])])
def test_a_duration_ends_with_the_newest_row_of_all_series(since, rows):
    assert first_reported(hourly_panel(series_of(np.arange(7.0)), series_of([1.0, 2.0])), since, None) == rows


def test_rows_that_are_only_numbered_have_no_duration():
    one = series_of(np.arange(5.0))
    numbered = type(one)("", np.arange(5.0), one.y, one.observed, one.known, one.past, one.static, one.line)
    panel = Panel((numbered,), Layout(clock=Clock(kind="row")))
    assert first_reported(panel, "3", None) == [3]
    with pytest.raises(UsageError, match="have no stamps"):
        first_reported(panel, "2h", None)


def test_an_event_ends_where_rows_are_silenced_however_large_the_gap_may_be():
    assert spans(HIGH, [0, 0, 0, 1, 0, 0, 0]) == [(1, 2, 1, False), (4, 5, 4, True)]


def test_what_is_left_of_an_event_must_be_long_enough():
    assert spans(HIGH, [0, 0, 1, 0, 0, 0, 0], rows=2) == [(3, 5, 3, True)]


def test_rows_that_are_all_silenced_have_no_event():
    assert spans(HIGH, [1] * 7) == []


def test_an_event_before_silenced_rows_is_not_open():
    assert spans(HIGH, [0, 0, 0, 0, 0, 1, 1]) == [(1, 4, 1, False)]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=40), st.integers(0, 5), st.integers(1, 4))
def test_where_nothing_is_silenced_the_events_are_those_of_the_whole(score, gap, rows):
    whole = find_events(np.array(score), np.ones(len(score)), min_gap=gap, min_rows=rows)
    none = np.zeros(len(score), dtype=bool)
    assert events_between(np.array(score), np.ones(len(score)), none, gap, rows) == whole


@pytest.mark.parametrize(("line", "rows"), [
    ("2024-01-01T01:00,2024-01-01T03:00", [1, 2, 3]), ("2024-01-01T02:30,2024-01-01T02:59", [])])
def test_periods_hold_both_their_ends(tmp_path, line, rows):
    (tmp_path / "out.csv").write_text(f"from,to\n{line}\n")
    (silent,) = silenced(hourly_panel(series_of(np.arange(5.0))), RowOptions(exclude=str(tmp_path / "out.csv")))
    assert np.flatnonzero(silent).tolist() == rows


def test_without_a_word_nothing_is_silenced():
    a, b = silenced(hourly_panel(series_of([1.0, 2.0]), series_of([1.0])), RowOptions())
    assert (a.tolist(), b.tolist()) == ([False, False], [False])
