"""A budget of false alarms, in words and as a rate."""

from __future__ import annotations

import pytest

from grucast.core.errors import UsageError
from grucast.detection.budget import Budget, parse_budget, rate, strained


@pytest.mark.parametrize(("text", "budget"), [
    ("1 per 5000 rows", Budget(1, rows=5000)),
    ("1 per 1 row", Budget(1, rows=1)),
    ("0.5 per 12h", Budget(0.5, seconds=43_200)),
    ("2 per 90 min", Budget(2, seconds=5_400)),
    ("3 / 2w", Budget(3, seconds=1_209_600)),
    (" 1  PER 30D ", Budget(1, seconds=2_592_000)),
])
def test_a_budget_is_events_in_rows_or_in_time(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "1", "one per day", "1 per 30", "1 per 30 moons", "0 per 30d", "1 per 0 rows",
                                  "-1 per 30d", "6 per 5 rows", "1 per 5000 rows each", "1per30d"])
def test_what_is_no_budget_is_refused_in_one_line_that_shows_one(text):
    with pytest.raises(UsageError, match="1 per 5000 rows") as refused:
        parse_budget(text)
    assert "\n" not in str(refused.value)


def test_a_budget_of_rows_needs_no_clock():
    assert rate(parse_budget("3 per 5000 rows")) == pytest.approx(0.0006)
    assert rate(parse_budget("3 per 5000 rows"), 60.0, series=7) == pytest.approx(0.0006)


def test_a_budget_of_time_is_shared_by_rows_and_series():
    assert rate(parse_budget("1 per 30d"), 3600.0) == pytest.approx(1 / 720)
    assert rate(parse_budget("1 per 30d"), 3600.0, series=5) == pytest.approx(1 / 3600)


def test_more_than_an_event_a_row_is_an_event_a_row():
    assert rate(parse_budget("10 per 1h"), 3600.0) == 1.0


def test_a_budget_of_time_without_a_frequency_is_an_error_that_names_the_way_out():
    with pytest.raises(UsageError, match="N per M rows"):
        rate(parse_budget("1 per 30d"))


@pytest.mark.parametrize(("rows", "gap", "word"), [
    (200, 40, ""),  # one in 1,000 rows is five times what is known, and 25 gaps
    (199, 40, "a guess: the model knows how 199 normal rows score, and the budget is one false alarm in 1,000 rows"),
    (5000, 200, ""),
    (5000, 201, "alarms within 201 rows of each other are one event"),
    (5000, 0, ""),
])
def test_a_budget_beyond_what_is_known_or_shorter_than_events_is_said(rows, gap, word):
    said = strained(1 / 1000, rows, gap)
    assert word in said
    assert bool(word) == bool(said)


def test_without_a_budget_or_a_law_nothing_is_said_of_it():
    assert strained(0.0, 200, 40) == strained(1 / 1000, 0, 40) == ""
