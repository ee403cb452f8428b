"""Runs above a threshold become events."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.detection.events import Event, find_events

#                 0  1  2  3    4    5  6  7  8  9
SCORE = np.array([0, 5, 7, 0, np.nan, 6, 0, 0, 0, 9.0])


def spans(events: list[Event]) -> list[tuple[int, int]]:
    return [(event.start, event.stop) for event in events]


def test_rows_above_the_threshold_that_touch_are_one_event():
    assert spans(find_events(SCORE, 4.0)) == [(1, 3), (5, 6), (9, 10)]


def test_runs_are_joined_over_gaps_and_a_missing_score_is_part_of_a_gap():
    assert spans(find_events(SCORE, 4.0, min_gap=1)) == [(1, 3), (5, 6), (9, 10)]
    assert spans(find_events(SCORE, 4.0, min_gap=2)) == [(1, 6), (9, 10)]
    assert spans(find_events(SCORE, 4.0, min_gap=3)) == [(1, 10)]


def test_events_are_dropped_by_the_rows_they_span_after_they_were_joined():
    assert spans(find_events(SCORE, 4.0, min_rows=2)) == [(1, 3)]
    assert spans(find_events(SCORE, 4.0, min_gap=2, min_rows=3)) == [(1, 6)]


def test_an_event_names_its_highest_row_and_how_far_that_is_above_the_threshold():
    event = find_events(SCORE, 4.0, min_gap=2)[0]
    assert (event.peak, event.severity) == (2, pytest.approx(7 / 4))


def test_the_threshold_may_differ_from_row_to_row():
    threshold = np.array([9, 6, 3, 9, 9, 9, 9, 9, 9, 9.0])  # row 9 is at its threshold, not above
    assert find_events(SCORE, threshold) == [Event(2, 3, 2, 7 / 3, open=False)]


def test_an_event_is_open_while_another_row_could_still_join_it():
    assert [event.open for event in find_events(SCORE, 4.0)] == [False, False, True]
    assert [event.open for event in find_events(SCORE[:8], 4.0, min_gap=1)] == [False, False]
    assert [event.open for event in find_events(SCORE[:8], 4.0, min_gap=2)] == [True]


def test_a_threshold_of_zero_makes_severity_infinite():
    assert find_events(SCORE, 0.0)[0].severity == np.inf


def test_what_was_not_scored_or_has_no_threshold_is_never_flagged():
    assert find_events(np.full(3, np.nan), -1.0) == []
    assert find_events(np.ones(4), np.full(4, np.nan)) == []
    assert find_events(np.empty(0), 1.0) == []


def test_a_constant_is_not_above_itself():
    assert find_events(np.full(7, 3.0), 3.0) == []


@given(st.lists(st.floats(0, 9) | st.just(float("nan")), max_size=40), st.integers(0, 4), st.integers(1, 4))
def test_events_cover_the_flagged_rows_in_order_and_lie_further_apart_than_the_gap(values, gap, rows):
    score = np.array(values, dtype=float)
    events = find_events(score, 5.0, min_gap=gap)
    covered = [row for event in events for row in range(event.start, event.stop) if score[row] > 5.0]
    assert covered == np.flatnonzero(score > 5.0).tolist()
    assert all(later.start - earlier.stop > gap for earlier, later in pairwise(events))
    assert all(event.start <= event.peak < event.stop and event.severity > 1 for event in events)
    assert find_events(score, 5.0, min_gap=gap, min_rows=rows) == [event for event in events if event.rows >= rows]
