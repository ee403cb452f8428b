"""Forecasts held against what came true: by name and time, and at which step."""

from __future__ import annotations

import math

import pytest

from grucast.core.config import ColumnOptions
from grucast.core.errors import DataError, UsageError
from tests.workflows.forecast_making import DAYS, actuals, measure, said, write


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- which value belongs to which ----------------------------------------------------------------


def test_values_are_found_by_name_and_time_in_any_order():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("B", DAYS[11], 79), ("A", DAYS[11], 21), ("A", DAYS[10], 22),
          ("B", DAYS[10], 80))
    found = measure("f.csv", "a.csv")  # truth: A 20, 21; B 80, 78
    assert found.total.metrics["mae"] == pytest.approx((1 + 0 + 2 + 0) / 4)
    assert [(name, one.metrics["mae"]) for name, one in found.by_series] == [("B", 0.5), ("A", 1.0)]
    assert [(step, one.metrics["mae"]) for step, one in found.by_step] == [(1, 1.0), (2, 0.5)]


def test_a_wide_file_of_data_is_told_by_its_columns():
    write("a.csv", "time,load,temp,note", *((f"{day} 00:00", at, -at, "x") for at, day in enumerate(DAYS[:9])))
    write("f.csv", "unique_id,ds,y_hat", ("temp", f"{DAYS[7]}T00:00:00", -5), ("load", f"{DAYS[8]}T00:00:00", 8))
    assert dict(measure("f.csv", "a.csv").by_series)["temp"].metrics["mae"] == 2.0
    write("w.csv", "time,load,temp", (DAYS[7], 8, -7), (DAYS[8], 9, -9))
    assert [one.metrics["mae"] for _, one in measure("w.csv", "a.csv").by_series] == [1.0, 0.5]


def test_several_targets_of_a_long_file_are_named_by_id_and_column():
    write("a.csv", "unique_id,ds,load,temp", *(("A", day, at, 2 * at) for at, day in enumerate(DAYS[:9])))
    write("f.csv", "unique_id,ds,y_hat", ("A/temp", DAYS[8], 15))
    assert measure("f.csv", "a.csv").total.metrics["mae"] == 1.0


def test_one_series_without_a_name_is_the_one_there_is():
    write("a.csv", "ds,load", *((day, at) for at, day in enumerate(DAYS[:9])))
    write("f.csv", "ds,y_hat", (DAYS[8], 5))
    assert measure("f.csv", "a.csv").by_series[0][0] == "load"
    write("f.csv", "unique_id,ds,y_hat", ("meter 5", DAYS[8], 5))
    assert measure("f.csv", "a.csv").by_series[0][0] == "meter 5"


def test_one_id_is_not_taken_for_another():
    write("a.csv", "unique_id,ds,y", *(("A", day, at) for at, day in enumerate(DAYS[:9])))
    write("f.csv", "unique_id,ds,y_hat", ("B", DAYS[8], 5))
    with pytest.raises(DataError, match=r"f.csv: no series of the forecasts \(B\) is in a.csv \(A\)"):
        measure("f.csv", "a.csv")


def test_forecasts_without_ids_of_several_series_are_refused():
    actuals()
    write("f.csv", "ds,y_hat", (DAYS[8], 5))
    with pytest.raises(DataError, match=r"the forecasts name no series, and a.csv has 2: A, B"):
        measure("f.csv", "a.csv")


def test_an_id_that_was_written_so_that_no_spreadsheet_runs_it_is_the_same_id():
    write("a.csv", "unique_id,ds,y", *((one, day, at) for at, day in enumerate(DAYS[:9]) for one in ("=A", "B")))
    write("f.csv", "unique_id,ds,y_hat", ("'=A", DAYS[8], 5))
    assert measure("f.csv", "a.csv").total.metrics["mae"] == 3.0


def test_a_column_of_ids_that_one_file_has_is_looked_for_there_only():
    actuals()
    write("f.csv", "meter,when,y_hat", ("A", DAYS[10], 21), ("B", DAYS[10], 80))
    found = measure("f.csv", "a.csv", columns=ColumnOptions(id_col=("meter",), time_col=("when",)))
    assert [one.metrics["mae"] for _, one in found.by_series] == [1.0, 0.0]
    with pytest.raises(DataError, match=r"there is no column 'metre'"):
        measure("f.csv", "a.csv", columns=ColumnOptions(id_col=("metre",)))


def test_series_and_rows_on_one_side_only_do_not_count_and_are_said():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[18], 28), ("A", DAYS[19], 29), ("A", DAYS[20], 0),
          ("Z", DAYS[19], 0))
    found = measure("f.csv", "a.csv")
    assert (found.total.points, found.total.metrics["mae"]) == (2, 0.0)
    assert "1 of 2 series of f.csv are not in a.csv and do not count: Z" in said(found)
    assert "1 of 2 series of a.csv are not forecast: B" in said(found)
    assert "1 of 3 values forecast have no actual value in a.csv and do not count" in said(found)


def test_a_series_of_which_nothing_came_true_yet_is_there_and_empty():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[19], 28), ("B", DAYS[25], 0))
    found = measure("f.csv", "a.csv")
    assert [(name, one.points) for name, one in found.by_series] == [("A", 1), ("B", 0)]
    assert math.isnan(found.by_series[1][1].metrics["mae"])


def test_nothing_that_came_true_is_an_error_with_both_spans():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[25], 28), ("A", DAYS[27], 28))
    with pytest.raises(DataError, match=r"no value forecast has an actual value in a.csv; it has "
                                        r"2024-01-26T00:00:00 to 2024-01-28T00:00:00, a.csv has 2024-01-01T00:00:00 to "
                                        r"2024-01-20T00:00:00"):
        measure("f.csv", "a.csv")


def test_a_missing_actual_value_does_not_count():
    write("a.csv", "ds,y", (DAYS[0], 1), (DAYS[1], 2), (DAYS[2], ""), (DAYS[3], 4))
    write("f.csv", "ds,y_hat", (DAYS[2], 3), (DAYS[3], 5))
    found = measure("f.csv", "a.csv")
    assert [(step, one.points) for step, one in found.by_step] == [(2, 1)]


def test_a_missing_forecast_leaves_the_metric_out_and_is_said_with_its_line():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[8], 18), ("A", DAYS[9], ""), ("B", DAYS[8], 80))
    found = measure("f.csv", "a.csv")
    assert math.isnan(found.total.metrics["mae"])
    assert dict(found.by_series)["B"].metrics["mae"] == 4.0
    assert "f.csv:3: a forecast is missing, as in 1 of 3 rows" in said(found)


def test_two_values_of_one_time_are_refused_unless_they_are_of_two_forecasts():
    actuals()
    write("f.csv", "unique_id,ds,y_hat", ("A", DAYS[8], 18), ("A", DAYS[8], 19))
    with pytest.raises(DataError, match=r"f.csv:3: column 'ds': the stamp stands twice in one forecast"):
        measure("f.csv", "a.csv")
    write("g.csv", "unique_id,cutoff,ds,y_hat", ("A", DAYS[6], DAYS[8], 18), ("A", DAYS[7], DAYS[8], 20))
    found = measure("g.csv", "a.csv")
    assert [(step, one.metrics["mae"]) for step, one in found.by_step] == [(1, 2.0), (2, 0.0)]


def test_files_without_a_time_belong_row_by_row():
    write("a.csv", "y", (1,), (3,), (3,))
    write("f.csv", "y_hat", (1,), (2,), (5,))
    found = measure("f.csv", "a.csv")
    assert [one.metrics["mae"] for _, one in found.by_step] == [0.0, 1.0, 2.0]
    write("b.csv", "y", (1,), (3,))
    with pytest.raises(DataError, match=r"3 values are forecast of 'y', and b.csv has 2; give one for each row"):
        measure("f.csv", "b.csv")


def test_row_by_row_is_said_where_one_file_tells_the_time_and_asked_for_by_no_time():
    write("a.csv", "ds,y", (DAYS[4], 1), (DAYS[5], 3))
    write("f.csv", "y_hat", (1,), (2,))
    assert "taken row by row" in said(measure("f.csv", "a.csv"))
    write("g.csv", "ds,y_hat", (DAYS[0], 1), (DAYS[1], 2))
    assert measure("g.csv", "a.csv", no_time=True).total.metrics["mae"] == 0.5


def test_rows_without_a_time_are_numbered_as_in_a_forecast_of_them():
    write("a.csv", "load", *((at * at,) for at in range(9)))
    write("f.csv", "unique_id,ds,y_hat", ("load", 7, 50), ("load", 8, 64))
    assert measure("f.csv", "a.csv").total.metrics["mae"] == 0.5


def test_elapsed_seconds_are_found_though_their_last_digits_differ():
    write("a.csv", "time_s,mV", *((f"{0.008 * at:.3f}", at) for at in range(40)))
    write("f.csv", "unique_id,ds,y_hat", *(("mV", repr(0.008 * at), at + 1) for at in range(33, 40)))
    found = measure("f.csv", "a.csv")
    assert (found.total.points, found.total.metrics["mae"]) == (7, 1.0)
    assert [step for step, _ in found.by_step] == [1, 2, 3, 4, 5, 6, 7]


def test_local_stamps_and_instants_meet_where_the_zone_is_named():
    write("a.csv", "ds,y", *((f"2024-07-01T{hour:02}:00:00", hour) for hour in range(10)))
    write("f.csv", "ds,y_hat", ("2024-07-01T06:00:00+00:00", 8), ("2024-07-01T09:00:00+02:00", 9))
    with pytest.raises(DataError, match=r"a.csv: the stamps have no UTC offset, those of f.csv have one; say the zone"):
        measure("f.csv", "a.csv")
    found = measure("f.csv", "a.csv", tz="Europe/Berlin")  # 06:00 UTC is 08:00 there, and 09:00+02:00 is 09:00
    assert found.total.metrics["mae"] == 0.0


def test_one_row_of_truth_is_enough():
    write("a.csv", "ds,y", (DAYS[0], 3))
    write("f.csv", "ds,y_hat", (DAYS[0], 5))
    assert measure("f.csv", "a.csv").total.metrics["mae"] == 2.0


def test_without_a_file_of_truth_the_column_y_is_it():
    write("f.csv", "unique_id,cutoff,ds,y_hat,y", ("A", DAYS[1], DAYS[2], 5, 4), ("A", DAYS[1], DAYS[3], 5, 7),
          ("A", DAYS[2], DAYS[3], 6, 7))
    found = measure("f.csv")
    assert [(step, one.metrics["mae"]) for step, one in found.by_step] == [(1, 1.0), (2, 2.0)]
    write("g.csv", "unique_id,cutoff,ds,y_hat,y", ("A", DAYS[1], DAYS[3], 5, 7), ("A", DAYS[2], DAYS[3], 6, 8))
    with pytest.raises(DataError, match=r"g.csv:3: column 'y': another value than before at the same time"):
        measure("g.csv")
    write("h.csv", "ds,y_hat", (DAYS[1], 5))
    with pytest.raises(UsageError, match=r"ACTUALS is missing, and h.csv has no column y"):
        measure("h.csv")


# ---- steps ---------------------------------------------------------------------------------------


def test_steps_are_counted_from_the_cutoff_over_rows_that_are_missing():
    days = [day for at, day in enumerate(DAYS[:20]) if at not in (12, 15)]
    write("a.csv", "ds,y", *((day, at) for at, day in enumerate(days)))
    write("f.csv", "cutoff,ds,y_hat", *((DAYS[11], DAYS[at], 0) for at in (13, 14, 15, 16)))
    found = measure("f.csv", "a.csv")
    assert [step for step, _ in found.by_step] == [2, 3, 5]  # days 13, 14 and 16 after day 11; no truth of 15
    assert "1 steps have no forecast" in said(found)  # of the first


def test_steps_are_counted_from_a_cutoff_that_has_no_row_and_lies_anywhere():
    days = [day for at, day in enumerate(DAYS[:20]) if at >= 5 and at not in (11, 12)]
    write("a.csv", "ds,y", *((day, at) for at, day in enumerate(days)))
    for cutoff, first in ((DAYS[11], 13), (DAYS[12], 13), (DAYS[1], 6), ("2024-01-11T15:00:00", 13)):
        write("f.csv", "cutoff,ds,y_hat", (cutoff, DAYS[first], 0), (cutoff, DAYS[first + 1], 0))
        steps = [step for step, _ in measure("f.csv", "a.csv").by_step]
        lag = first - DAYS.index(cutoff[:10]) if len(cutoff) == 10 else 3  # off the grid: after the row of day 10
        assert steps == [lag, lag + 1], cutoff


def test_a_forecast_without_a_cutoff_begins_with_its_first_value_true_or_not():
    days = [day for at, day in enumerate(DAYS[:20]) if at != 12]
    write("a.csv", "ds,y", *((day, at) for at, day in enumerate(days)))
    write("f.csv", "ds,y_hat", (DAYS[12], 0), (DAYS[13], 0), (DAYS[14], 0))
    assert [step for step, _ in measure("f.csv", "a.csv").by_step] == [2, 3]


def test_a_forecast_for_a_time_that_its_cutoff_knew_is_refused():
    actuals()
    write("f.csv", "unique_id,cutoff,ds,y_hat", ("A", DAYS[6], DAYS[7], 1), ("A", DAYS[8], DAYS[8], 1))
    with pytest.raises(DataError, match=r"f.csv:3: column 'cutoff': the value forecast is not after its cutoff"):
        measure("f.csv", "a.csv")


def test_unequal_steps_are_counted_in_rows():
    write("a.csv", "ds,y", (DAYS[0], 1), (DAYS[1], 2), (DAYS[4], 3), (DAYS[9], 5), (DAYS[11], 8), (DAYS[18], 8))
    write("f.csv", "ds,y_hat", (DAYS[9], 5), (DAYS[11], 5), (DAYS[18], 5))
    assert [step for step, _ in measure("f.csv", "a.csv").by_step] == [1, 2, 3]
