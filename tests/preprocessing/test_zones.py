import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.core.errors import UsageError
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.zones import instants, local_stamps, written

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Asia/Kolkata", "+05:30", "-03:00", "UTC")
MOMENT = st.integers(-2_000_000_000, 4_000_000_000)  # seconds: 1906 to 2096


def stamps(*texts):
    return np.array(texts, dtype=STAMP)


def test_berlin_is_one_hour_ahead_in_winter_and_two_in_summer():
    local = local_stamps(stamps("2024-01-15T12:00", "2024-07-15T12:00"), "Europe/Berlin")
    assert local.tolist() == stamps("2024-01-15T13:00", "2024-07-15T14:00").tolist()


def test_a_clock_changes_at_the_very_second():
    local = local_stamps(stamps("2024-03-31T00:59:59", "2024-03-31T01:00:00"), "Europe/Berlin")
    assert local.tolist() == stamps("2024-03-31T01:59:59", "2024-03-31T03:00:00").tolist()


def test_a_fixed_offset_is_arithmetic():
    assert local_stamps(stamps("2024-01-01"), "-03:30")[0] == np.datetime64("2023-12-31T20:30")


def test_local_stamps_without_a_zone_are_left_alone():
    ds = stamps("2024-01-01")
    assert local_stamps(ds, "") is ds


def test_a_time_that_comes_twice_is_the_first_one():
    assert instants(stamps("2024-10-27T02:30"), "Europe/Berlin")[0] == np.datetime64("2024-10-27T00:30")


def test_a_time_that_spring_leaves_out_is_an_hour_later():
    moment = instants(stamps("2024-03-31T02:30"), "Europe/Berlin")
    assert local_stamps(moment, "Europe/Berlin")[0] == np.datetime64("2024-03-31T03:30")


@settings(deadline=None)
@given(st.lists(MOMENT, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_local_stamps_are_what_pandas_says(seconds, tz):
    import pandas as pd

    ds = np.array(sorted(seconds), dtype="datetime64[s]").astype(STAMP)
    zone = pd.Timestamp(f"2000-01-01T00:00{tz}").tz if tz[0] in "+-" else tz
    expected = pd.DatetimeIndex(ds, tz="UTC").tz_convert(zone).tz_localize(None).values.astype(STAMP)
    assert local_stamps(ds, tz).tolist() == expected.tolist()


@settings(deadline=None)
@given(MOMENT, st.sampled_from(ZONES))
def test_the_wall_clock_is_the_same_after_going_back_and_forth(second, tz):
    wall = local_stamps(np.array([second], dtype="datetime64[s]").astype(STAMP), tz)
    assert local_stamps(instants(wall, tz), tz) == wall


@pytest.mark.parametrize("tz", ["Europe/Berln", "../etc/passwd", "+2", "Mars"])
def test_an_unknown_zone_is_a_usage_error(tz):
    with pytest.raises(UsageError, match="zone"):
        local_stamps(stamps("2024-01-01"), tz)


def test_a_misspelt_zone_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'Europe/Berlin'"):
        local_stamps(stamps("2024-01-01"), "Europe/Berln")


def test_stamps_are_written_with_the_offset_of_their_season():
    clock = Clock(tz="Europe/Berlin")
    assert written(np.datetime64("2024-07-01T10:00"), clock) == "2024-07-01T12:00:00+02:00"
    assert written(np.datetime64("2024-01-01T10:00:00.5"), clock) == "2024-01-01T11:00:00.500000+01:00"


def test_local_stamps_and_numbers_are_written_plainly():
    assert written(np.datetime64("2024-07-01T10:00", "us"), Clock()) == "2024-07-01T10:00:00"
    assert written(np.float64(0.002778), Clock(kind="elapsed")) == "0.002778"


def test_an_offset_west_of_greenwich_is_written_with_its_minutes():
    assert written(np.datetime64("2024-07-01T10:00", "us"), Clock(tz="-03:30")) == "2024-07-01T06:30:00-03:30"
