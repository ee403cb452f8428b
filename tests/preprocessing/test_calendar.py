import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_making import every

from grucast.core.series import STAMP, Clock
from grucast.preprocessing.calendar import calendar_features


def feature(name, stamp, clock):
    values, names = calendar_features(np.array([stamp], dtype=STAMP), clock)
    return values[0, names.index(name)]


@pytest.mark.parametrize(
    ("freq", "names"),
    [
        ("h", ("day_sin", "day_cos", "week_sin", "week_cos", "weekend", "year_sin", "year_cos")),
        ("15min", ("day_sin", "day_cos", "week_sin", "week_cos", "weekend", "year_sin", "year_cos")),
        ("D", ("week_sin", "week_cos", "weekend", "year_sin", "year_cos")),
        ("B", ("week_sin", "week_cos", "year_sin", "year_cos")),
        ("W-SUN", ("year_sin", "year_cos")),
        ("MS", ("year_sin", "year_cos")),
        ("QE", ("year_sin", "year_cos")),
        ("YS", ()),
        ("8ms", ()),
        ("", ()),
    ],
)
def test_only_cycles_that_the_frequency_can_see_are_given(freq, names):
    values, given_names = calendar_features(every("2024-01-01", "1h", 5), Clock(freq=freq))
    assert given_names == names
    assert values.shape == (5, len(names))


def test_a_numeric_axis_has_no_calendar():
    assert calendar_features(np.arange(4.0), Clock(kind="elapsed", freq="h"))[0].shape == (4, 0)


def test_six_in_the_morning_is_a_quarter_of_the_day():
    clock = Clock(freq="h")
    assert feature("day_sin", "2024-05-01T06:00", clock) == pytest.approx(0.5)
    assert feature("day_cos", "2024-05-01T06:00", clock) == pytest.approx(0.0)


def test_the_week_begins_on_monday():
    assert feature("week_cos", "2024-01-01", Clock(freq="D")) == pytest.approx(0.5)  # a Monday
    assert feature("week_sin", "1969-12-29", Clock(freq="D")) == pytest.approx(0.0)  # before 1970, too


def test_saturday_and_sunday_are_the_weekend():
    weekend = [feature("weekend", f"2024-01-0{day}", Clock(freq="D")) for day in range(1, 8)]
    assert weekend == [-0.5, -0.5, -0.5, -0.5, -0.5, 0.5, 0.5]


def test_the_middle_of_the_year_is_opposite_to_new_year():
    assert feature("year_cos", "2023-07-02T12:00", Clock(freq="h")) == pytest.approx(-0.5)


def test_the_hour_is_that_of_the_clock_on_the_wall():
    clock = Clock(freq="h", tz="Europe/Berlin")
    winter, summer = feature("day_sin", "2024-01-10T05:00", clock), feature("day_sin", "2024-07-10T04:00", clock)
    assert winter == pytest.approx(0.5)
    assert summer == pytest.approx(0.5)


@settings(deadline=None)
@given(st.integers(-60_000_000_000, 60_000_000_000), st.sampled_from(["h", "D", "B", "W-SUN", "QS"]))
def test_features_lie_between_minus_and_plus_a_half(second, freq):
    values, _ = calendar_features(np.array([second], dtype="datetime64[s]").astype(STAMP), Clock(freq=freq))
    assert np.abs(values).max() <= 0.5
