from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from series_making import every, panel, series

from grucast.core.errors import DataError
from grucast.core.series import Clock, Repeats
from grucast.preprocessing.gaps import regularise

ALIASES = {"h": "1h", "15min": "15m", "D": "1D", "W-SUN": "7D"}


@settings(deadline=None)
@given(st.sampled_from(sorted(ALIASES)), st.sets(st.integers(4, 199)), st.randoms(use_true_random=False))
def test_every_value_keeps_its_stamp_and_none_is_invented(alias, missing, random):
    grid = every("2023-01-01", ALIASES[alias], 200)
    rows = np.array([row for row in range(200) if row not in missing])
    y = np.array([[random.random(), random.random()] for _ in rows])
    y[::7, 1] = np.nan
    whole, _ = regularise(panel(series(grid[rows], y), clock=Clock(freq=alias)))
    one = whole.series[0]
    assert one.ds.tolist() == grid[: rows[-1] + 1].tolist()
    np.testing.assert_array_equal(one.y[rows], y)
    assert one.observed.sum() == np.isfinite(y).sum()
    others = np.setdiff1d(np.arange(len(one)), rows)
    assert np.isnan(one.y[others]).all()
    assert (one.line[others] == 0).all()
    assert one.line[rows].tolist() == (np.arange(len(rows)) + 2).tolist()


def test_a_series_without_gaps_is_handed_on_as_it_is():
    one = series(every("2024-01-01", "1h", 48))
    whole, notes = regularise(panel(one))
    assert whole.series[0] is one
    assert whole.freq == "h"
    assert notes == []


def test_a_gap_is_named_from_and_to():
    _, notes = regularise(panel(series(np.delete(every("2024-01-01", "1h", 200), slice(50, 110)))))
    assert notes == ["60 rows are missing, from 2024-01-03T02:00:00 to 2024-01-05T13:00:00: masked"]


def test_three_gaps_are_named_and_the_others_counted():
    ds = np.delete(every("2024-01-01", "1D", 60), [5, 10, 20, 30, 31, 40])
    _, notes = regularise(panel(series(ds, unique_id="s")))
    assert notes == [
        "1 row is missing, 2024-01-06T00:00:00 (series 's'): masked",
        "1 row is missing, 2024-01-11T00:00:00 (series 's'): masked",
        "1 row is missing, 2024-01-21T00:00:00 (series 's'): masked",
        "3 more missing rows in 2 other gaps: masked",
    ]


def test_the_hour_that_spring_leaves_out_is_a_gap_like_any_other():
    """Reading has said already which option names the zone."""
    hours = every("2024-03-30T00:00", "1h", 100)
    _, notes = regularise(panel(series(np.delete(hours, 26))))  # Sunday 31 March, 02:00
    assert notes == ["1 row is missing, 2024-03-31T02:00:00: masked"]


def test_empty_cells_are_counted_by_column():
    y = np.ones((10, 2))
    y[3:5, 0] = np.nan
    y[9, 1] = np.nan
    _, notes = regularise(panel(series(every("2024-01-01", "1h", 10), y)))
    assert notes == ["3 empty cells (a 2, b 1): masked"]


def test_last_rows_that_only_tell_known_covariates_are_not_missing():
    y = [1.0, 2.0, 3.0, np.nan, np.nan]
    one = series(every("2024-01-01", "1h", 5), y, known=np.ones((5, 1)))
    assert regularise(panel(one), gaps="error")[1] == []


def test_masked_rows_have_no_covariates_and_no_label():
    ds = np.delete(every("2024-01-01", "1h", 10), 4)
    one = series(ds, known=np.ones((9, 1)), label=np.ones(9, dtype=np.int64))
    full = regularise(panel(one))[0].series[0]
    assert np.isnan(full.known[4]).all()
    assert full.label.tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]


def test_repeats_stay_when_gaps_are_filled():
    one = replace(series(every("2024-01-01", "1h", 20)[[*range(9), *range(11, 20)]]),
                  repeats=Repeats(every("2024-01-01", "1h", 1), np.array([[5.0]]), np.array([30])))
    whole, _ = regularise(panel(one))
    assert len(whole.series[0]) == 20
    assert whole.series[0].repeats is one.repeats


def test_each_series_has_its_own_grid():
    first = series(np.delete(every("2024-01-01T00:00", "1h", 9), 3), unique_id="a")
    second = series(every("2024-01-05T00:30", "1h", 5), unique_id="b")
    whole, _ = regularise(panel(first, second))
    assert [len(one) for one in whole.series] == [9, 5]


def test_days_across_a_clock_change_are_regular_in_their_zone():
    ds = [*every("2024-03-28T23:00", "24h", 3), *every("2024-04-01T22:00", "24h", 10)]  # 1 April is missing
    whole, notes = regularise(panel(series(np.array(ds)), clock=Clock(tz="Europe/Berlin")))
    assert whole.freq == "D"
    assert whole.series[0].ds[3] == np.datetime64("2024-03-31T22:00")
    assert notes == ["1 row is missing, 2024-04-01T00:00:00+02:00: masked"]


def test_unequal_steps_stay_in_order_with_their_typical_step():
    minutes = np.array([0, 61, 119, 185, 240, 301, 355, 422])
    one = series(np.datetime64("2024-01-01", "us") + minutes * np.timedelta64(60, "s"))
    whole, notes = regularise(panel(one))
    assert whole.series[0] is one
    assert whole.freq == ""
    assert whole.layout.clock.step == 61 * 60.0  # the median of 61, 58, 66, 55, 61, 54, 67 minutes
    assert "--resample" in notes[0]


def test_rounded_elapsed_seconds_get_a_step():
    ds = np.round(np.delete(np.arange(4000), slice(700, 900)) / 360, 6)
    whole, notes = regularise(panel(series(ds), clock=Clock(kind="elapsed")))
    assert whole.layout.clock.step == pytest.approx(1 / 360, rel=1e-7)
    assert len(whole.series[0]) == 4000
    assert notes[0].startswith("200 rows are missing, from 1.9444")


def test_elapsed_seconds_with_an_alias_get_both():
    clock = regularise(panel(series(np.arange(100) * 0.008), clock=Clock(kind="elapsed")))[0].layout.clock
    assert (clock.freq, clock.step) == ("8ms", 0.008)


def test_numbered_rows_are_left_alone():
    one = series(np.arange(5.0))
    assert regularise(panel(one, clock=Clock(kind="row")))[0].series[0] is one


def test_gaps_error_names_the_line_after_the_first_gap():
    ds = np.delete(every("2024-01-01", "1h", 48), 20)
    with pytest.raises(DataError, match=r"^load.csv:22: 1 row is missing, 2024-01-01T20:00:00; --gaps mask"):
        regularise(panel(series(ds)), gaps="error", file="load.csv")


def test_gaps_error_names_the_first_empty_cell():
    y = np.ones((9, 2))
    y[4, 1] = np.nan
    with pytest.raises(DataError, match=r"^load.csv:6: column 'b': the cell at 2024-01-01T04:00:00 is empty"):
        regularise(panel(series(every("2024-01-01", "1h", 9), y)), gaps="error", file="load.csv")


def test_a_stamp_off_a_given_frequency_is_an_error_with_its_line():
    ds = every("2024-01-01", "1h", 9) + np.array([0, 0, 0, 0, 0, 7, 0, 0, 0]) * np.timedelta64(60, "s")
    with pytest.raises(DataError, match=r"^load.csv:7: stamp 2024-01-01T05:07:00 is not on the grid of 'h'"):
        regularise(panel(series(ds), clock=Clock(freq="h")), file="load.csv")


def test_a_given_frequency_that_would_leave_nearly_all_empty_is_refused():
    with pytest.raises(DataError, match=r"a grid of min would have 11,881 rows for the 199 of the file"):
        regularise(panel(series(every("2024-01-01", "1h", 199)), clock=Clock(freq="min")))


def test_one_stamp_in_2124_is_an_error():
    ds = np.append(every("2024-01-01", "1h", 50), np.datetime64("2124-01-01"))
    with pytest.raises(DataError, match=r"^x.csv:52: stamp 2124-01-01T00:00:00 lies alone, after a gap"):
        regularise(panel(series(ds)), file="x.csv")


def test_two_stamps_of_1970_before_all_others_are_an_error():
    ds = np.append(every("1970-01-01", "1h", 2), every("2024-01-01", "1h", 50))
    with pytest.raises(DataError, match=r"^x.csv:3: stamp 1970-01-01T01:00:00 lies alone, before a gap"):
        regularise(panel(series(ds)), file="x.csv")


def test_three_rows_after_a_long_gap_are_a_gap():
    ds = np.append(every("2024-01-01", "1D", 30), every("2024-04-01", "1D", 3))
    assert len(regularise(panel(series(ds)))[0].series[0]) == 94


def test_a_weekend_after_two_business_days_is_not_a_long_gap():
    whole, _ = regularise(panel(series(["2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"])))
    assert whole.freq == "B"
