import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_making import every, series

from grucast.core.series import STAMP, Clock
from grucast.preprocessing.frequency import default_horizon, find_frequency, find_step

FOUND_AS = {  # the shortest name of the same grid
    "QS-OCT": "QS", "QS-NOV": "QS-FEB", "QE-JAN": "QE-OCT",
}  # fmt: skip
ALIASES = (
    "8ms", "500ms", "s", "min", "10min", "15min", "30min", "h", "2h", "6h", "D", "2D", "W-SUN", "W-FRI", "2W-TUE", "MS",
    "ME", "2ME", "QS", "QS-OCT", "QS-NOV", "QS-MAR", "QE", "QE-JAN", "QE-NOV", "YS", "YS-JUL", "YE", "YE-JUN",
    "2QS-FEB", "BME",
)  # fmt: skip


def found(*members, clock=None):
    return find_frequency(members, clock or Clock())


@settings(deadline=None)
@given(st.integers(0, 15_000), st.sampled_from(ALIASES), st.sets(st.integers(4, 79), max_size=16))
def test_every_frequency_is_found_with_rows_missing(day, alias, missing):
    ds = pd.date_range(np.datetime64(day, "D"), periods=80, freq=alias).values.astype(STAMP)
    assert found(series(np.delete(ds, sorted(missing)))) == (FOUND_AS.get(alias, alias), [])


def test_half_years_are_found_where_most_steps_are_years():
    ds = ["2010-05-01", "2010-11-01", "2011-05-01", "2012-05-01", "2013-05-01", "2014-05-01", "2014-11-01"]
    assert found(series(ds)) == ("2QS-FEB", [])


@settings(deadline=None)
@given(st.integers(0, 15_000), st.sets(st.integers(0, 59), max_size=6))
def test_business_days_are_found_with_holidays_missing(day, holidays):
    ds = pd.date_range(np.datetime64(day, "D"), periods=60, freq="B").values.astype(STAMP)
    assert found(series(np.delete(ds, sorted(holidays)))) == ("B", [])


def test_days_of_a_working_week_alone_are_days():
    assert found(series(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]))[0] == "D"


def test_one_weekend_left_out_makes_business_days():
    assert found(series(["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"]))[0] == "B"


def test_a_saturday_among_business_days_makes_days():
    ds = pd.date_range("2024-01-01", periods=40, freq="B").append(pd.DatetimeIndex(["2024-02-03"])).sort_values()
    assert found(series(ds.values.astype(STAMP)))[0] == "D"


def test_all_series_decide_together():
    assert found(series(["2024-01-01", "2024-01-08"]), series(["2024-01-01", "2024-01-02", "2024-01-03"])) == ("D", [])


def test_three_months_are_enough_and_two_are_not():
    assert found(series(["2024-01-01", "2024-02-01", "2024-03-01"]))[0] == "MS"
    alias, notes = found(series(["2024-01-01", "2024-02-01"]))
    assert alias == ""
    assert notes == ["fewer than three stamps: no frequency; --freq names it"]


def test_months_of_the_year_1_are_months():
    assert found(series(["0001-01-01", "0001-02-01", "0001-03-01", "0001-04-01"]))[0] == "MS"


def test_months_on_the_15th_are_months():
    assert found(series(["2024-01-15", "2024-02-15", "2024-03-15", "2024-04-15"]))[0] == "MS"


def test_last_trading_days_are_ends_of_business_months():
    ds = ["2023-10-31", "2023-11-30", "2023-12-29", "2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30"]
    assert found(series(ds))[0] == "BME"


def test_four_weeks_are_not_a_month():
    assert found(series(every("2024-01-07", "28D", 12)))[0] == "4W-SUN"


def test_hours_with_the_hour_of_spring_missing_are_hours():
    ds = every("2024-03-30T00:00", "1h", 72)
    assert found(series(np.delete(ds, 26))) == ("h", [])


def test_local_midnights_in_berlin_are_days():
    clock = Clock(tz="Europe/Berlin")
    ds = [*every("2024-03-28T23:00", "24h", 3), *every("2024-03-31T22:00", "24h", 3)]  # UTC
    assert find_frequency([series(np.array(ds))], clock) == ("D", [])


def test_local_midnights_written_as_instants_are_days():
    ds = [*every("2024-03-28T23:00", "24h", 3), *every("2024-03-31T22:00", "24h", 3)]
    assert find_frequency([series(np.array(ds))], Clock(tz="UTC")) == ("D", [])


def test_a_step_that_few_neighbours_keep_is_found_when_the_grid_is_dense():
    hours = np.array([0, 2, 3, 5, 7, 8, 10, 11, 13, 15, 16, 18])
    assert found(series(np.datetime64("2024-01-01", "us") + hours * np.timedelta64(3600, "s")))[0] == "h"


def test_unequal_steps_are_said_with_the_first_line_and_the_mend():
    ds = ["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:07", "2024-01-01T02:48", "2024-01-01T04:01"]
    alias, notes = found(series(ds))
    assert alias == ""
    (note,) = notes
    assert note.startswith("the steps between stamps are unequal, the first is 2024-01-01T02:07:00 (line 4)")
    assert note.endswith("rows are taken in order, frequency none; --resample h would put them on a grid")


def test_a_grid_that_would_be_nearly_empty_is_no_frequency():
    minutes = np.array([0, 1, *range(100, 10_000, 100)])
    alias, notes = found(series(np.datetime64("2024-01-01", "us") + minutes * np.timedelta64(60, "s")))
    assert alias == ""
    assert "unequal" in notes[0]


@pytest.mark.parametrize(("rate", "alias"), [(125, "8ms"), (2, "500ms"), (1000, "ms"), (0.1, "10s"), (1 / 3600, "h")])
def test_elapsed_seconds_have_an_alias_where_one_says_them(rate, alias):
    assert found(series(np.arange(500) / rate), clock=Clock(kind="elapsed")) == (alias, [])


@pytest.mark.parametrize("rate", [360, 300, 60, 7])
def test_elapsed_seconds_rounded_to_a_rate_have_a_step_and_no_alias(rate):
    one = series(np.round(np.arange(5000) / rate, 6))
    assert found(one, clock=Clock(kind="elapsed")) == ("", [])
    assert find_step([one]) == pytest.approx(1 / rate, rel=1e-7)


def test_the_step_of_rounded_seconds_is_found_over_long_gaps():
    ds = np.round(np.arange(100_000) / 360, 6)
    assert find_step([series(ds[np.r_[0:2000, 60_000:100_000]])]) == pytest.approx(1 / 360, rel=1e-9)


def test_the_step_of_an_index_is_found_with_rows_missing():
    assert find_step([series([0.0, 5, 10, 20, 25, 40, 45, 50])]) == 5.0


def test_beats_of_a_heart_have_no_step():
    beats = np.cumsum(0.8 + 0.05 * np.sin(np.arange(200.0) ** 2))
    alias, notes = found(series(beats), clock=Clock(kind="elapsed"))
    assert alias == ""
    assert notes[0].startswith("the steps between stamps are unequal")
    assert "--resample" not in notes[0]
    assert find_step([series(beats)]) == 0.0


def test_numbered_rows_have_no_frequency_and_nothing_to_say():
    assert found(series(np.arange(5.0)), clock=Clock(kind="row")) == ("", [])


@pytest.mark.parametrize(
    ("freq", "horizon"),
    [("15min", 96), ("h", 24), ("60min", 24), ("D", 14), ("B", 10), ("W-FRI", 8), ("MS", 12), ("ME", 12), ("BME", 12),
     ("QS-FEB", 8), ("QE", 8), ("YS", 6), ("YE-JUN", 6)],
)  # fmt: skip
def test_the_horizon_follows_the_frequency(freq, horizon):
    assert default_horizon(freq, (7,), 10_000) == horizon


def test_elsewhere_the_horizon_is_a_season_or_24():
    assert default_horizon("30min", (48, 336), 10_000) == 48
    assert default_horizon("", (285,), 10_000) == 285
    assert default_horizon("", (15, 105), 10_000) == 105
    assert default_horizon("", (15, 105, 350), 10_000) == 105
    assert default_horizon("", (), 10_000) == 24


def test_the_horizon_is_at_most_a_tenth_of_the_shortest_series_and_at_least_one():
    assert default_horizon("MS", (12,), 36) == 3
    assert default_horizon("h", (24,), 7) == 1
