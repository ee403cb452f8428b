"""Why an event was one: worked out by hand on a few rows."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.results import RowScores
from grucast.detection.events import Event
from grucast.workflows.detecting.reasons import Reasons, run_bounds

LOW, MIDDLE, HIGH = 430.0, 470.0, 510.0


def reason(values, *, start=0, stop=None, peak=0, expected=(LOW, MIDDLE, HIGH), driver="combined"):
    """The reason of an event in the rows start to stop of a channel called load."""
    y = np.array(values, dtype=float)[:, None]
    rows = len(y)
    told = np.tile(np.array(expected), (rows, 1, 1)).reshape(rows, 1, 3)
    nothing = np.zeros(rows, np.float32)
    scores = RowScores("", np.arange(rows, dtype=float), y, told, np.ones(rows), np.ones((rows, 1)), nothing, nothing,
                       (np.zeros(rows, np.int16),) * 2)  # fmt: skip
    event = Event(start, rows if stop is None else stop, peak, 2.0, False)
    return Reasons(scores, lambda ds: [f"row {one:g}" for one in ds]).of(event, (0, "load"), driver)


def test_a_value_outside_its_interval_is_told_with_it():
    assert reason([470, 812, 480], peak=1) == "load 812, expected 430–510"


def test_the_value_furthest_outside_is_told_with_its_stamp_where_it_is_not_the_peak():
    assert reason([470, 520, 100, 480], peak=1) == "load 100 at row 2, expected 430–510"


def test_rows_outside_of_the_event_do_not_count():
    assert reason([9999, 470, 530, 480], start=1, peak=2) == "load 530, expected 430–510"


@pytest.mark.parametrize(("expected", "y", "said"), [
    ((-5.0, 0.0, 3.0), 9.04, "load 9.0, expected -5.0 to 3.0"),
    ((0.0012, 0.0015, 0.0018), 0.0042, "load 0.00420, expected 0.00120–0.00180"),
    ((1e15, 2e15, 3e15), 9e15, "load 9e+15, expected 1e+15 to 3e+15"),
    ((7.0, 7.0, 7.0), 8.0, "load 8, expected 7"),
])
def test_numbers_are_written_to_two_digits_of_the_interval(expected, y, said):
    assert reason([y], expected=expected) == said


def test_a_value_that_stands_still_is_told_before_all_else():
    moving = [470.0 + row % 2 for row in range(10)]
    assert reason([*moving, *[900.0] * 8], start=10, peak=12) == "load stuck at 900 for 8 rows"


def test_the_rows_before_the_event_in_which_it_stood_still_already_count():
    moving = [470.0 + row % 2 for row in range(10)]
    assert reason([*moving, *[470.5] * 12, 471.0], start=16, peak=17) == "load stuck at 470.5 for 12 rows"


def test_standing_still_is_no_reason_where_it_often_did_so_for_as_long():
    values = [*[0.0] * 9, 470.0, 471.0, *[900.0] * 9]
    assert reason(values, start=11, peak=11) == "load 900, expected 430–510"


def test_a_few_still_rows_do_not_explain_a_long_event():
    values = [*[470.0 + row % 2 for row in range(71)], *[475.0] * 8, 600.0]
    assert reason(values) == "load stuck at 475 for 8 rows"  # a tenth of 80 rows
    assert reason([471.0, *values]) == "load 600 at row 80, expected 430–510"


def test_an_earlier_fault_does_not_make_a_later_one_usual():
    values = [*[0.0] * 9, *[470.0 + row % 2 for row in range(991)], *[900.0] * 9]  # 9 of 1,000 rows stood still
    assert reason(values, start=1000, peak=1000) == "load stuck at 900 for 9 rows"
    assert reason(values[5:], start=995, peak=995) == "load stuck at 900 for 9 rows"
    assert reason([*values[:9], *values[109:]], start=900, peak=900) == "load stuck at 900 for 9 rows"  # 9 of 900
    assert reason([*values[:9], *values[111:]], start=898, peak=898) == "load 900, expected 430–510"


def test_rows_on_one_side_of_what_was_expected_are_told_as_such():
    above = [471.0 + row % 3 for row in range(10)]
    assert reason(above) == "load above what was expected for 10 rows, though inside its interval"
    assert reason([940.0 - value for value in above]) == (
        "load below what was expected for 10 rows, though inside its interval")


@pytest.mark.parametrize(("scorer", "said"), [
    ("combined", "shape of load unlike the rows trained on"),
    ("reconstruction", "shape of load unlike the rows trained on"),
    ("forecast", "load harder to forecast than the rows trained on"),
])
def test_a_score_that_no_value_explains_is_told_by_its_errors(scorer, said):
    assert reason([465.0 + 10 * (row % 2) for row in range(10)], driver=scorer) == said


def test_rows_without_a_forecast_or_a_value_are_no_reason():
    assert reason([470, np.nan, 480], expected=(np.nan, np.nan, np.nan)) == "shape of load unlike the rows trained on"


def test_runs_end_where_values_change_or_are_missing():
    first, stop = run_bounds(np.array([1.0, 1.0, 2.0, np.nan, 2.0, 2.0, 2.0]))
    assert list(zip(first.tolist(), stop.tolist(), strict=True)) == [(0, 2), (2, 3), (4, 7)]


def test_a_row_that_another_judge_called_is_told_by_itself():
    """The value furthest outside is the echo after it; what was called is the row before."""
    assert reason([470, 520, 100, 480], peak=1, driver="sudden") == "load 520, expected 430–510"


def test_a_sudden_row_inside_its_interval_is_out_of_step():
    assert reason([470, 505, 470], peak=1, driver="sudden") == "load 505, out of step with the rows beside it"


def test_a_run_that_the_judge_called_may_be_short():
    assert reason([470, 471, 471, 471, 469], peak=2, driver="stuck") == "load stuck at 471 for 3 rows"


def test_a_run_is_told_up_to_the_end_of_the_event():
    assert reason([470, 471, 471, 471, 471], stop=4, peak=3, driver="stuck") == "load stuck at 471 for 3 rows"
