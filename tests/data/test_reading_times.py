"""Stamps in all their forms, zones, and axes that are numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from grucast.core.errors import DataError, UsageError


def stamps(reading):
    return [str(one)[:19] for one in reading.panel.series[0].ds]


@pytest.mark.parametrize(("cells", "expected"), [
    (("2024-01-31", "2024-02-01"), ("2024-01-31T00:00:00", "2024-02-01T00:00:00")),
    (("2024-01-31 05:06:07", "2024-02-01 00:00:00"), ("2024-01-31T05:06:07", "2024-02-01T00:00:00")),
    (("2024-01-31T05:06", "2024-02-01T00:00"), ("2024-01-31T05:06:00", "2024-02-01T00:00:00")),
    (("1949-01", "1949-02"), ("1949-01-01T00:00:00", "1949-02-01T00:00:00")),
    (("1-01", "1-02"), ("0001-01-01T00:00:00", "0001-02-01T00:00:00")),
    (("1998 Q1", "1998 Q2"), ("1998-01-01T00:00:00", "1998-04-01T00:00:00")),
    (("1998Q4", "1999Q1"), ("1998-10-01T00:00:00", "1999-01-01T00:00:00")),
    (("31 12 2018 23:50", "01 01 2019 00:00"), ("2018-12-31T23:50:00", "2019-01-01T00:00:00")),
    (("1/30/04", "2/2/04"), ("2004-01-30T00:00:00", "2004-02-02T00:00:00")),
    (("31.12.2018", "01.01.2019"), ("2018-12-31T00:00:00", "2019-01-01T00:00:00")),
    (("03.04.2019", "04.04.2019"), ("2019-04-03T00:00:00", "2019-04-04T00:00:00")),
    (("Jan 2020", "Feb 2020"), ("2020-01-01T00:00:00", "2020-02-01T00:00:00")),
    (("5 Jan 2020", "6 Jan 2020"), ("2020-01-05T00:00:00", "2020-01-06T00:00:00")),
    (("2020-W01", "2020-W02"), ("2019-12-30T00:00:00", "2020-01-06T00:00:00")),
    (("1/31/2020 1:00 PM", "1/31/2020 2:00 PM"), ("2020-01-31T13:00:00", "2020-01-31T14:00:00")),
    (("31/01/2020 24:00", "01/02/2020 01:00"), ("2020-02-01T00:00:00", "2020-02-01T01:00:00")),
    (("20240131", "20240201"), ("2024-01-31T00:00:00", "2024-02-01T00:00:00")),
])
def test_a_form_of_stamps_is_found(read_text, cells, expected):
    assert stamps(read_text("date,a\n" + "".join(f"{cell},{at}\n" for at, cell in enumerate(cells)))) == list(expected)


def test_fractions_of_a_second_are_kept(read_text):
    ds = read_text("ds,a\n2024-01-01T00:00:00.004,1\n2024-01-01T00:00:00.008001,2\n").panel.series[0].ds
    assert ds.astype("datetime64[us]").astype(int).tolist() == [1704067200004000, 1704067200008001]


def test_the_29th_of_february_is_a_day_in_leap_years_only(read_text):
    with pytest.raises(DataError, match=r":3: column 'ds': '2023-02-29' is not a time"):
        read_text("ds,a\n2023-02-28,1\n2023-02-29,2\n2023-03-01,3\n")
    assert len(stamps(read_text("ds,a\n2024-02-28,1\n2024-02-29,2\n2024-03-01,3\n"))) == 3


def test_a_missing_stamp_is_an_error_with_its_line(read_text):
    with pytest.raises(DataError, match=r":3: column 'ds': the stamp is missing"):
        read_text("ds,a\n2024-01-01,1\n,2\n2024-01-03,3\n")


@pytest.mark.parametrize("text", [
    "Date;Time;a\n31/01/2024;23.00.00;1\n01/02/2024;00.00.00;2\n",
    "Datum;Uhrzeit;a\n2024-01-31;23:00;1\n2024-02-01;00:00;2\n",
    "year,month,day,hour,a\n2024,1,31,23,1\n2024,2,1,0,2\n",
    "YEAR,MO,DY,HR,a\n2024,1,31,23,1\n2024,2,1,0,2\n",
    "2024;01;31;23;  1\n2024;02;01;00;  2\n",
])
def test_columns_side_by_side_are_joined_to_a_time(read_text, text):
    reading = read_text(text)
    assert stamps(reading) == ["2024-01-31T23:00:00", "2024-02-01T00:00:00"]
    assert any("are joined to a time" in note for note in reading.notes)
    assert len(reading.panel.channels) == 1


def test_a_date_and_an_hour_column_are_joined_when_dates_repeat(read_text):
    text = "date,hour,a\n" + "".join(f"2024-01-0{day},{hour},{day + hour}\n" for day in (1, 2) for hour in range(1, 25))
    reading = read_text(text)
    assert stamps(reading)[0] == "2024-01-01T01:00:00"
    assert stamps(reading)[-1] == "2024-01-03T00:00:00"


def test_a_stamp_column_is_preferred_to_its_parts(read_text):
    text = "Datum;Uhrzeit;Stempel;a\n2024-01-31;23:00;2024-01-31 23:00:00;1\n2024-02-01;00:00;2024-02-01 00:00:00;2\n"
    assert read_text(text).panel.layout.columns.time == ("Stempel",)


def test_named_time_columns_are_joined_in_order(read_text):
    text = "Time,Date,a\n00:15,1/2/2024,1\n00:30,1/2/2024,2\n"
    reading = read_text(text, time_col=("Date", "Time"), time_format="%d/%m/%Y %H:%M")
    assert stamps(reading) == ["2024-02-01T00:15:00", "2024-02-01T00:30:00"]


def test_even_steps_decide_about_day_and_month_when_only_one_order_has_them(read_text):
    # day first these are two days minute by minute, month first there is a month between them
    rows = "".join(f"{day}/2/2007;{hour:02d}:00:00;{hour}\n" for day in (1, 2) for hour in range(24))
    reading = read_text("Date;Time;a\n" + rows)
    assert stamps(reading)[0] == "2007-02-01T00:00:00"


def test_a_year_column_is_a_time_when_it_rises(read_text):
    assert stamps(read_text("Year,a\n1990,5\n1991,6\n1992,7\n"))[0] == "1990-01-01T00:00:00"


def test_an_index_and_elapsed_seconds_stay_numbers(read_text):
    index = read_text("t,a\n0,5\n1,6\n2,7\n").panel
    seconds = read_text("time_s,a\n0.0,5\n0.5,6\n1.0,7\n").panel
    assert (index.layout.clock.kind, index.series[0].ds.tolist()) == ("index", [0.0, 1.0, 2.0])
    assert (seconds.layout.clock.kind, seconds.series[0].ds.tolist()) == ("elapsed", [0.0, 0.5, 1.0])


def test_a_column_called_t_that_does_not_rise_is_data(read_text):
    reading = read_text("t,a\n0,5\n3,6\n2,7\n")
    assert reading.panel.channels == ("t", "a")
    assert reading.panel.layout.clock.kind == "row"


def test_an_index_rises_within_each_id(read_text):
    panel = read_text("unique_id,ds,y\nH1,1,5\nH1,2,6\nH2,1,7\nH2,2,8\n").panel
    assert panel.layout.clock.kind == "index"
    assert [series.ds.tolist() for series in panel.series] == [[1.0, 2.0], [1.0, 2.0]]


def test_no_time_numbers_the_rows_and_leaves_the_time_out(read_text):
    reading = read_text("ds,a\n2024-01-02,1\n2024-01-01,2\n", no_time=True)
    assert reading.panel.series[0].ds.tolist() == [0.0, 1.0]
    assert reading.panel.series[0].y[:, 0].tolist() == [1.0, 2.0]
    assert reading.panel.channels == ("a",)


def test_one_offset_is_the_zone(read_text):
    panel = read_text("ds,a\n2024-01-01T00:00:00+05:30,1\n2024-01-01T01:00:00+05:30,2\n").panel
    assert panel.tz == "+05:30"
    assert str(panel.series[0].ds[0])[:19] == "2023-12-31T18:30:00"


@pytest.mark.parametrize("offset", ["+24:00", "-99:39", "-99:99", "+05:60", "+1275"])
@pytest.mark.parametrize("rows", [3, 1])  # read all at once, and one by one beside stamps of another width
def test_an_offset_of_a_day_or_more_is_none(read_text, offset, rows):
    good = "".join(f"2024-01-01T0{hour}:00:00+01:00,{hour}\n" for hour in range(rows))
    more = "2024-01-01T05:00:00Z,5\n" if rows == 1 else ""
    with pytest.raises(DataError, match=f"'2024-01-01T04:00:00{re.escape(offset)}' is not a time") as error:
        read_text(f"ds,a\n{good}2024-01-01T04:00:00{offset},4\n{more}")
    assert (error.value.line, error.value.column) == (rows + 2, "ds")


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000", " UTC"])
def test_utc_is_called_utc(read_text, offset):
    assert read_text(f"ds,a\n2024-01-01T00:00:00{offset},1\n2024-01-01T01:00:00{offset},2\n").panel.tz == "UTC"


def test_a_zone_names_offsets_that_are_in_the_file(read_text):
    panel = read_text("ds,a\n2024-01-01T00:00:00+01:00,1\n2024-01-01T01:00:00+01:00,2\n", tz="Europe/Berlin").panel
    assert panel.tz == "Europe/Berlin"
    assert str(panel.series[0].ds[0])[:19] == "2023-12-31T23:00:00"


def test_local_stamps_stay_local_without_a_zone(read_text):
    panel = read_text("ds,a\n2024-07-01T00:00:00,1\n2024-07-01T01:00:00,2\n").panel
    assert panel.tz == ""
    assert str(panel.series[0].ds[0])[:19] == "2024-07-01T00:00:00"


def test_a_stamp_that_the_clock_skips_is_an_error_with_its_line(read_text):
    with pytest.raises(DataError, match=r":3: 2024-03-31T02:30:00 does not exist in Europe/Berlin"):
        read_text("ds,a\n2024-03-31 01:30:00,1\n2024-03-31 02:30:00,2\n2024-03-31 03:30:00,3\n", tz="Europe/Berlin")


def test_a_stamp_of_the_double_hour_that_stands_once_is_an_error_that_names_the_mend(read_text):
    text = "ds,a\n2024-10-27 01:00:00,1\n2024-10-27 02:00:00,2\n2024-10-27 03:00:00,3\n"
    with pytest.raises(DataError, match=r":3: 2024-10-27T02:00:00 comes twice .* --duplicates first or last"):
        read_text(text, tz="Europe/Berlin")
    first = read_text(text, tz="Europe/Berlin", duplicates="first").panel.series[0].ds
    last = read_text(text, tz="Europe/Berlin", duplicates="last").panel.series[0].ds
    assert (str(first[1])[:19], str(last[1])[:19]) == ("2024-10-27T00:00:00", "2024-10-27T01:00:00")


def test_the_double_hour_is_right_when_the_newest_row_comes_first(read_text):
    rows = ["2024-10-27 03:00,4", "2024-10-27 02:00,3", "2024-10-27 02:00,2", "2024-10-27 01:00,1"]
    series = read_text("ds,a\n" + "\n".join(rows) + "\n", tz="Europe/Berlin").panel.series[0]
    assert series.y[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_an_unknown_zone_is_a_usage_error_with_a_guess(read_text):
    with pytest.raises(UsageError, match="Europe/Berlin"):
        read_text("ds,a\n2024-01-01,1\n2024-01-02,2\n", tz="Europe/Brelin")


def test_an_unknown_directive_is_a_usage_error(read_text):
    with pytest.raises(UsageError, match="%K"):
        read_text("ds,a\n2024-01-01,1\n2024-01-02,2\n", time_format="%K")


def test_resampling_gathers_irregular_stamps(read_text):
    text = "ds,a\n2024-01-01 00:05,1\n2024-01-01 00:50,3\n2024-01-01 02:10,8\n2024-01-01 02:20,\n"
    for agg, values in (("mean", [2.0, 8.0]), ("sum", [4.0, 8.0]), ("last", [3.0, 8.0]), ("max", [3.0, 8.0])):
        reading = read_text(text, resample="1h", agg=agg)
        assert stamps(reading) == ["2024-01-01T00:00:00", "2024-01-01T02:00:00"]
        assert reading.panel.series[0].y[:, 0].tolist() == values


def test_resampling_to_days_follows_the_zone(read_text):
    # 2024-07-01 in Berlin begins at 22:00 UTC
    text = "ds,a\n2024-06-30 21:30Z,1\n2024-06-30 22:30Z,2\n2024-07-01 21:30Z,3\n"
    series = read_text(text, resample="D", agg="sum", tz="Europe/Berlin").panel.series[0]
    assert [str(one)[:16] for one in series.ds] == ["2024-06-29T22:00", "2024-06-30T22:00"]
    assert series.y[:, 0].tolist() == [1.0, 5.0]


def test_resampling_to_months_needs_a_calendar(read_text):
    series = read_text("ds,a\n2024-01-05,1\n2024-01-20,2\n2024-02-29,4\n", resample="MS", agg="sum").panel.series[0]
    assert [str(one)[:10] for one in series.ds] == ["2024-01-01", "2024-02-01"]
    assert series.y[:, 0].tolist() == [3.0, 4.0]


def test_excluded_periods_are_masked_both_ends_included(read_text, tmp_path):
    periods = tmp_path / "out.csv"
    periods.write_text("from,to\n2024-01-02,2024-01-03\n")
    text = "ds,a\n" + "".join(f"2024-01-0{day},{day}\n" for day in range(1, 6))
    series = read_text(text, exclude=str(periods)).panel.series[0]
    assert series.observed[:, 0].tolist() == [True, False, False, True, True]


def test_excluded_periods_of_local_stamps_are_in_the_zone_of_the_data(read_text, tmp_path):
    periods = tmp_path / "out.csv"
    periods.write_text("from,to\n2024-01-01T01:00,2024-01-01T01:00\n")
    text = "ds,a\n" + "".join(f"2024-01-01T0{hour}:00:00+01:00,{hour}\n" for hour in range(4))
    assert read_text(text, exclude=str(periods)).panel.series[0].observed[:, 0].tolist() == [True, False, True, True]


def test_a_wrong_period_is_an_error_with_its_line(read_text, tmp_path):
    periods = tmp_path / "out.csv"
    periods.write_text("from,to\n2024-01-02,2024-01-01\n")
    with pytest.raises(DataError, match=r"out\.csv:2: the period ends before it begins"):
        read_text("ds,a\n2024-01-01,1\n2024-01-02,2\n", exclude=str(periods))


def test_two_late_rows_after_a_long_gap_are_an_error_and_three_are_not(read_text):
    head = "ds,a\n" + "".join(f"2024-01-0{day},{day}\n" for day in range(1, 6))
    late = [f"2024-03-0{day},{day}\n" for day in range(1, 4)]
    with pytest.raises(DataError, match=":7: the stamp 2024-03-01"):
        read_text(head + "".join(late[:2]))
    assert np.diff(read_text(head + "".join(late)).panel.series[0].ds).max() == np.timedelta64(56, "D")


def test_a_format_is_taken_for_stamps_that_look_like_numbers(read_text):
    reading = read_text("k,a\n20240131,1\n20240201,2\n", time_format="%Y%m%d")
    assert stamps(reading) == ["2024-01-31T00:00:00", "2024-02-01T00:00:00"]
    assert reading.panel.channels == ("a",)


@pytest.mark.parametrize("named", [{}, {"time_col": ("date",)}])
@pytest.mark.parametrize(
    ("form", "cells", "expected"),
    [
        ("%y%m%d", ("050101", "050102"), ["2005-01-01T00:00:00", "2005-01-02T00:00:00"]),
        ("%Y.%m", ("2023.10", "2023.11"), ["2023-10-01T00:00:00", "2023-11-01T00:00:00"]),
    ],
)
def test_a_format_is_held_against_the_cell_as_it_is_written(read_text, named, form, cells, expected):
    text = "date,a\n" + "".join(f"{cell},{at}\n" for at, cell in enumerate(cells, 5))
    reading = read_text(text, time_format=form, **named)
    assert stamps(reading) == expected
    assert stamps(read_text(text, layout=reading.panel.layout)) == expected


def test_a_format_says_which_of_two_numbers_is_the_day_even_where_iso_would_fit(read_text):
    text = "date,a\n2024-01-02,1\n2024-02-02,2\n2024-03-02,3\n"
    reading = read_text(text, time_format="%Y-%d-%m", time_col=("date",))
    assert stamps(reading) == ["2024-02-01T00:00:00", "2024-02-02T00:00:00", "2024-02-03T00:00:00"]


def test_digits_with_a_decimal_point_after_them_are_still_a_stamp(read_text):
    text = "date,a\n20240131.0,1\n20240201.0,2\n"
    reading = read_text(text)
    assert stamps(reading) == ["2024-01-31T00:00:00", "2024-02-01T00:00:00"]
    assert stamps(read_text(text, layout=reading.panel.layout)) == stamps(reading)


def test_years_in_a_column_called_date_are_years(read_text):
    assert stamps(read_text("date,a\n1990,5\n1991,6\n1992,7\n"))[1] == "1991-01-01T00:00:00"
