"""The arithmetic of frequencies: `pandas.date_range` is the independent route."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_making import every

from grucast.core.errors import DataError, ModelError, UsageError
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.frequency import locate, parse_frequency, positions, stamps_after, stamps_at
from grucast.preprocessing.grid import rewritten, steps_between
from grucast.preprocessing.zones import instants

ALIASES = (
    "ms", "8ms", "s", "30s", "min", "15min", "h", "2h", "6h", "D", "2D", "10D", "B", "3B", "W-SUN", "W-MON", "W-FRI",
    "2W-WED", "MS", "2MS", "ME", "QS", "QS-FEB", "QS-OCT", "QE", "QE-OCT", "QE-NOV", "YS", "YS-JUL", "YE", "YE-JUN",
    "2QS", "6MS", "BMS", "BME", "BQS", "BQE", "BYS", "BYE",
)  # fmt: skip
LONG = tuple(alias for alias in ALIASES if parse_frequency(alias).unit != "time")
MINUTE = st.integers(-140_000_000, 140_000_000)  # 1703 to 2236


def on_grid(minute: int, alias: str) -> np.datetime64:
    """The first stamp of the grid at or after a minute since 1970."""
    start = pd.Timestamp(np.datetime64(minute, "m"))
    return pd.date_range(start, periods=1, freq=alias)[0].to_datetime64().astype(STAMP)


@settings(deadline=None)
@given(MINUTE, st.sampled_from(ALIASES), st.integers(1, 40))
def test_stamps_after_are_those_of_pandas(minute, alias, count):
    last = on_grid(minute, alias)
    expected = pd.date_range(last, periods=count + 1, freq=alias)[1:].values.astype(STAMP)
    assert stamps_after(last, count, Clock(freq=alias)).tolist() == expected.tolist()


@settings(deadline=None)
@given(MINUTE, st.sampled_from(ALIASES), st.sets(st.integers(1, 3000), max_size=30))
def test_places_and_stamps_are_inverse(minute, alias, places):
    clock = Clock(freq=alias)
    there = np.array([0, *sorted(places)])
    assert positions(stamps_at(on_grid(minute, alias), there, clock), clock).tolist() == there.tolist()


@settings(deadline=None)
@given(st.integers(0, 20_000), st.integers(4, 23), st.sampled_from(LONG),
       st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]))  # fmt: skip
def test_days_and_longer_follow_the_clock_on_the_wall_as_in_pandas(day, hour, alias, tz):
    start = pd.Timestamp(np.datetime64(day, "D")) + pd.Timedelta(hours=hour)
    expected = pd.date_range(start, periods=12, freq=alias, tz=tz).tz_convert("UTC").tz_localize(None)
    utc = expected.values.astype(STAMP)
    clock = Clock(freq=alias, tz=tz)
    assert stamps_after(utc[0], 11, clock).tolist() == utc[1:].tolist()
    assert positions(utc, clock).tolist() == list(range(12))


@settings(deadline=None)
@given(MINUTE, st.sampled_from(["8ms", "15min", "h", "6h"]), st.sampled_from(["Europe/Berlin", "+02:00", ""]))
def test_steps_below_a_day_are_steps_between_instants(minute, alias, tz):
    last = on_grid(minute, alias)
    step = np.timedelta64(parse_frequency(alias).count, "us")
    assert np.all(np.diff(stamps_after(last, 50, Clock(freq=alias, tz=tz))) == step)


def test_a_day_in_berlin_has_23_hours_in_spring():
    midnight = np.datetime64("2024-03-30T23:00", "us")  # 31 March, 00:00 in Berlin
    after = stamps_after(midnight, 1, Clock(freq="D", tz="Europe/Berlin"))
    assert after[0] == np.datetime64("2024-03-31T22:00")


def test_a_day_with_a_fixed_offset_has_24_hours():
    assert stamps_after(np.datetime64("2024-03-30T23:00", "us"), 1, Clock(freq="D", tz="+01:00"))[0] == np.datetime64(
        "2024-03-31T23:00"
    )


def test_business_days_with_an_offset_are_those_of_the_place():
    friday = np.datetime64("2024-03-07T20:00", "us")  # Friday 8 March, 04:00 in Singapore
    assert stamps_after(friday, 1, Clock(freq="B", tz="+08:00"))[0] == np.datetime64("2024-03-10T20:00")


def test_months_in_the_year_1():
    clock = Clock(freq="MS")
    after = stamps_after(np.datetime64("0001-11-01", "us"), 3, clock)
    assert after.astype("datetime64[D]").astype(str).tolist() == ["0001-12-01", "0002-01-01", "0002-02-01"]


def test_months_that_start_keep_the_day_of_their_first_stamp():
    after = stamps_after(np.datetime64("2024-01-15T06:00", "us"), 2, Clock(freq="MS"))
    assert after.tolist() == np.array(["2024-02-15T06:00", "2024-03-15T06:00"], dtype=STAMP).tolist()


def test_the_last_trading_day_before_a_holiday_belongs_to_its_month():
    ds = np.array(["2024-01-31", "2024-02-29", "2024-03-28"], dtype=STAMP)  # 29 March 2024 was Good Friday
    assert positions(ds, Clock(freq="BME")).tolist() == [0, 1, 2]


def test_six_hour_readings_of_a_local_clock_stay_on_their_grid_when_it_changes():
    ds = np.array(["2024-03-30T17:00", "2024-03-30T23:00", "2024-03-31T04:00", "2024-03-31T10:00"], dtype=STAMP)
    assert positions(ds, Clock(freq="6h", tz="Europe/Berlin")).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("alias", "ds", "row"),
    [
        ("h", ["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T02:10"], 3),
        ("D", ["2024-01-01", "2024-01-02T06:00"], 2),
        ("B", ["2024-01-05", "2024-01-06"], 2),
        ("W-SUN", ["2024-01-07", "2024-01-10"], 2),
        ("MS", ["2024-01-01", "2024-02-01", "2024-03-02"], 3),
        ("ME", ["2024-01-31", "2024-02-28"], 2),
        ("QS", ["2024-01-01", "2024-05-01"], 2),
        ("QS", ["2024-02-01", "2024-05-01"], 1),
        ("2D", ["2024-01-01", "2024-01-02"], 2),
        ("MS", ["2024-01-31", "2024-02-29"], 1),
        ("YE", ["2023-12-31", "2024-12-30"], 2),
    ],
)
def test_a_stamp_off_the_grid_is_an_error_that_names_its_row(alias, ds, row):
    with pytest.raises(DataError, match=rf"row {row}: .*not on the grid of '{alias}'"):
        positions(np.array(ds, dtype=STAMP), Clock(freq=alias))


def test_two_stamps_on_one_place_are_an_error():
    ds = np.array(["2024-01-01T00:00", "2024-01-01T00:30"], dtype=STAMP)
    with pytest.raises(DataError, match="row 2"):
        positions(ds, Clock(freq="D"))


def test_rounded_elapsed_seconds_lie_on_the_grid_of_their_rate():
    ds = np.round(np.arange(20_000) / 360, 6)
    keep = np.r_[0:5000, 13_000:20_000]
    assert positions(ds[keep], Clock(kind="elapsed", step=1 / 360)).tolist() == keep.tolist()


def test_an_index_counts_in_its_step():
    clock = Clock(kind="index", step=5.0)
    assert positions(np.array([10.0, 15.0, 30.0]), clock).tolist() == [0, 1, 4]
    assert stamps_after(30.0, 2, clock).tolist() == [35.0, 40.0]


def test_a_number_off_the_grid_is_an_error():
    with pytest.raises(DataError, match="row 3: stamp 12"):
        positions(np.array([0.0, 5.0, 12.0]), Clock(kind="index", step=5.0))


def test_elapsed_seconds_step_by_their_frequency():
    assert stamps_after(0.2, 2, Clock(kind="elapsed", freq="100ms")).tolist() == [0.3, 0.4]


def test_stamps_without_a_frequency_are_places_in_order_and_step_by_the_typical_step():
    clock = Clock(step=90.0)
    ds = np.array(["2024-01-01T00:00", "2024-01-01T00:01", "2024-01-01T05:00"], dtype=STAMP)
    assert positions(ds, clock).tolist() == [0, 1, 2]
    assert stamps_after(ds[-1], 1, clock)[0] == np.datetime64("2024-01-01T05:01:30")


def test_no_stamps_have_no_places():
    assert positions(np.zeros(0, dtype=STAMP), Clock(freq="h")).tolist() == []


def test_the_length_of_a_step_is_known():
    assert parse_frequency("15min").microseconds == 15 * 60 * 1e6
    assert parse_frequency("2W-SUN").microseconds == 14 * 86_400 * 1e6


@pytest.mark.parametrize(("first", "second"), [("QS", "QS-OCT"), ("QE", "QE-MAR"), ("YE", "YE-DEC"), ("W", "W-SUN")])
def test_aliases_of_one_grid_mean_the_same(first, second):
    one, other = parse_frequency(first), parse_frequency(second)
    assert (one.count, one.rule, one.anchor, one.cycle) == (other.count, other.rule, other.anchor, other.cycle)


@pytest.mark.parametrize(
    ("alias", "hint"),
    [("H", "'h'"), ("15T", "'15min'"), ("M", "'ME'"), ("daily", "'D'"), ("2Hour", "'2h'"), ("W-SAN", "'W-SAT'|'W-SUN'"),
     ("hh", "'h'"), ("Q", "'QE'")],
)  # fmt: skip
def test_an_unknown_alias_is_a_usage_error_with_a_suggestion(alias, hint):
    with pytest.raises(UsageError, match=f"did you mean ({hint})"):
        parse_frequency(alias)


@pytest.mark.parametrize("alias", ["", "0h", "-1h", "h-MON", "15", "MS-JAN", "D D", "1.5h"])
def test_nonsense_is_a_usage_error(alias):
    with pytest.raises(UsageError):
        parse_frequency(alias)


def test_a_long_grid_of_minutes_is_exact():
    ds = every("1999-12-31T23:59", "1m", 200_000)
    assert positions(ds, Clock(freq="min"))[-1] == 199_999


# ---- one step at a time --------------------------------------------------------------------------


@settings(deadline=None)
@given(MINUTE, st.sampled_from(ALIASES), st.sampled_from(["", "Europe/Berlin", "America/New_York", "+05:30"]),
       st.integers(1, 300))  # fmt: skip
def test_the_rows_between_two_stamps_are_those_that_stamps_after_counts(minute, alias, tz, count):
    clock = Clock(freq=alias, tz=tz)
    last = instants(np.array([on_grid(minute, alias)]), tz)[0]
    later = stamps_after(last, count, clock)[-1]
    assert steps_between(last, later, clock) == count
    assert steps_between(later, last, clock) == -count


@settings(deadline=None)
@given(MINUTE, st.sampled_from(ALIASES), st.sampled_from(["", "Europe/Berlin"]), st.integers(1, 10**11))
def test_a_later_stamp_is_on_the_grid_where_locate_says_so(minute, alias, tz, microseconds):
    clock, last = Clock(freq=alias, tz=tz), on_grid(minute, alias)
    stamp = last + np.timedelta64(microseconds, "us")
    places, off = locate(np.array([last, stamp]), clock)
    try:
        count = steps_between(last, stamp, clock)
    except ValueError:
        count = 0
    assert (places[1] if off < 0 else 0) == count


@given(st.sampled_from([0.1, 1 / 360, 5.0, 1e6]), st.integers(-(10**6), 10**6), st.integers(-1000, 1000))
def test_numbers_step_by_their_step_in_both_directions(step, first, count):
    clock = Clock(kind="index", step=step)
    assert steps_between(first * step, (first + count) * step, clock) == count


def test_a_stamp_again_is_no_step_and_an_earlier_one_is_a_step_back():
    clock, last = Clock(freq="15min"), np.datetime64("2024-01-01T00:15", "us")
    assert steps_between(last, last, clock) == 0
    assert steps_between(last, np.datetime64("2023-12-31T23:45", "us"), clock) == -2


def test_a_second_stamp_in_one_week_is_the_same_row():
    thursday, friday = np.array(["2024-03-28", "2024-03-29"], dtype=STAMP)
    assert steps_between(thursday, friday, Clock(freq="W-FRI")) == 0
    assert steps_between(friday, thursday, Clock(freq="W-FRI")) == 0


def test_stamps_without_a_frequency_are_one_step_apart():
    early, late = np.array(["2024-03-28T00:00:01", "2024-05-29"], dtype=STAMP)
    assert [steps_between(early, late, Clock()), steps_between(late, late, Clock())] == [1, 0]
    assert steps_between(late, early, Clock()) == -1


@pytest.mark.parametrize(
    ("clock", "last", "stamp"),
    [
        (Clock(freq="h"), "2024-01-01T00:00", "2024-01-01T01:10"),
        (Clock(freq="h"), "2024-01-01T01:10", "2024-01-01T00:00"),
        (Clock(freq="B"), "2024-01-05", "2024-01-06"),
        (Clock(freq="D"), "2024-01-05", "2024-01-06T06:00"),
        (Clock(freq="6h", tz="Europe/Berlin"), "2024-01-01T00:00", "2024-01-01T07:30"),
    ],
)
def test_a_step_that_ends_off_the_grid_is_a_value_error_that_names_the_stamp(clock, last, stamp):
    with pytest.raises(ValueError, match="is not on the grid of"):
        steps_between(np.datetime64(last, "us"), np.datetime64(stamp, "us"), clock)


def test_a_number_between_two_places_is_a_value_error():
    with pytest.raises(ValueError, match="stamp 12 is not on the grid of step 5"):
        steps_between(0.0, 12.0, Clock(kind="index", step=5.0))


def test_six_hours_that_a_changed_clock_made_five_are_one_step():
    before, after = np.array(["2024-03-30T23:00", "2024-03-31T04:00"], dtype=STAMP)
    clock = Clock(freq="6h", tz="Europe/Berlin")
    assert [steps_between(before, after, clock), steps_between(after, before, clock)] == [1, -1]


@pytest.mark.parametrize(("stored", "clock", "text"), [
    ("2022-12-31T23:00:00.000000", Clock(tz="Europe/Berlin"), "2023-01-01T00:00:00+01:00"),
    ("2024-07-01T10:30:00.000000", Clock(tz="-03:30"), "2024-07-01T07:00:00-03:30"),
    ("2024-07-01T10:30:00.250000", Clock(), "2024-07-01T10:30:00.250000"),
    ("12345678901.5", Clock(kind="elapsed"), "12345678901.5")])
def test_a_stamp_of_a_model_file_is_written_as_the_data_are(stored, clock, text):
    assert rewritten(stored, clock) == text


@pytest.mark.parametrize(("stored", "kind"), [("NaT", "stamp"), ("lstm", "stamp"), ("lstm", "row"), ("nan", "row")])
def test_what_is_no_stamp_in_a_model_file_is_damage(stored, kind):
    with pytest.raises(ModelError, match="is no stamp"):
        rewritten(stored, Clock(kind=kind))
