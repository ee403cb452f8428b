"""The fault table: each fixture is named after its fault; what is said names file, line, column and mend."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.errors import DataError
from grucast.data.sources import LOOKED_AT

HOUR = np.timedelta64(3_600_000_000, "us")

REFUSED = [  # file, line, column, words in the message, words in the mend
    ("empty.csv", None, "", "empty", ""),
    ("header_only.csv", None, "", "no rows below the header", ""),
    ("one_row.csv", None, "", "one row", ""),
    ("no_numeric_column.csv", None, "", "no column of numbers", "--target-col"),
    ("all_missing.csv", None, "", "every cell of 'load' is missing", "--target-col"),
    ("infinity.csv", 8, "load", "'inf' is not a finite number", "add --na-value inf"),
    ("overflow.csv", 8, "load", "'1e400' is not a finite number", "add --na-value 1e400"),
    ("lone_giant.csv", 8, "load", "1e+308", "--na-value"),
    ("duplicate_timestamp.csv", 7, "", "2024-01-01T04:00:00 stands in line 6 already",
     "--duplicates first, last or mean"),
    ("mixed_offsets.csv", 7, "", "no UTC offset", "alike"),
    ("autumn_hour_twice.csv", 7, "", "stands in line 6 already", "say the zone with --tz"),
    ("autumn_hour_twice.csv", 7, "", "2024-10-27T02:00:00", "--duplicates"),
    ("decimal_comma_ambiguous.csv", 2, "load", "'1,100' may be 1100 or 1.100", "add --thousands , or --decimal ,"),
    ("thousands_ambiguous.csv", 2, "load", "'1,100' may be 1100 or 1.100", "add --thousands , or --decimal ,"),
    ("text_in_number_column.csv", 9, "load", "'n/a' is not a number", "add --na-value n/a"),
    ("two_columns_of_one_name.csv", 1, "load", "two columns are called 'load'", "its own name"),
    ("ragged_row.csv", 6, "", "3 fields where the header has 2", "mend the line"),
    ("short_row.csv", 6, "", "1 field where the header has 2", "mend the line"),
    ("nul_byte.csv", 4, "", "NUL", "write it again"),
    ("random_bytes.csv", None, "", "", ""),
    ("day_or_month_first.csv", 2, "date", "'01/02/2024' may be day first or month first",
     "--time-format %d/%m/%Y or --time-format %m/%d/%Y"),
    ("not_a_date.csv", 8, "ds", "'not-a-date' is not a time", "--time-format"),
    ("stamp_in_2124.csv", 13, "", "2124-01-01", "mend the stamp"),
    ("truncated.csv.gz", None, "", "gzip data end too early", "copy the file again"),
    ("unclosed_quote.csv", 3, "", "quote", "mend the quotes"),
    ("split_decimal_commas.csv", 3, "", "decimal commas", "';'"),
]


@pytest.mark.parametrize(("name", "line", "column", "message", "mend"), REFUSED,
                         ids=[f"{one[0]}-{at}" for at, one in enumerate(REFUSED)])
def test_a_fault_is_refused_with_its_place_and_its_mend(read, name, line, column, message, mend):
    with pytest.raises(DataError) as caught:
        read(name)
    error = caught.value
    assert error.exit_code == 65
    assert error.file.endswith(name)
    assert "\n" not in str(error)
    assert message in error.message
    assert mend in error.mend
    if name != "random_bytes.csv":
        assert (error.line, error.column) == (line, column)


def test_a_constant_series_is_read(read):
    assert np.unique(read("constant.csv").panel.series[0].y).tolist() == [7.0]


def test_numbers_about_1e307_are_read_exactly(read):
    assert read("all_about_1e307.csv").panel.series[0].y[:3, 0].tolist() == [1.0e307, 1.1e307, 1.2e307]


def test_numbers_about_1e_minus_300_are_read_exactly(read):
    assert read("all_about_1e-300.csv").panel.series[0].y[:3, 0].tolist() == [1.0e-300, 1.1e-300, 1.2e-300]


@pytest.mark.parametrize(("policy", "value"), [("first", 14.0 - 2.0 + 1.0), ("last", 99.0), ("mean", 56.0)])
def test_duplicates_are_settled_as_asked(read, policy, value):
    # line 6 has 10 + (4 * 7) % 13 + 4 * 0.25 = 13, line 7 has 99
    reading = read("duplicate_timestamp.csv", duplicates=policy)
    assert reading.panel.series[0].y[4, 0] == value
    assert reading.panel.rows == 8
    assert any("1 rows stand at a stamp that is there already" in note for note in reading.notes)


def test_a_row_that_stands_twice_with_the_same_values_is_taken_once_and_said(read):
    reading = read("duplicate_row.csv")
    assert reading.panel.rows == 8
    assert any("same values" in note for note in reading.notes)


@pytest.mark.parametrize(("policy", "kept", "line", "value"), [("first", 6, 7, 99.0), ("last", 7, 6, 13.0),
                                                               ("mean", 6, 7, 99.0)])
def test_a_row_that_is_dropped_for_another_of_its_stamp_is_remembered(read, policy, kept, line, value):
    one = read("duplicate_timestamp.csv", duplicates=policy).panel.series[0]
    assert (one.line[4], one.repeats.line.tolist(), one.repeats.y.tolist()) == (kept, [line], [[value]])
    assert one.repeats.ds.tolist() == [one.ds[4]]


def test_a_row_that_says_the_same_again_is_remembered(read):
    one = read("duplicate_row.csv").panel.series[0]
    assert sorted([*one.line.tolist(), *one.repeats.line.tolist()]) == list(range(2, 11))


def test_a_file_with_one_row_a_stamp_has_no_repeats(read):
    assert read("plain.csv").panel.series[0].repeats is None


def test_each_series_remembers_its_own_repeats_in_order_of_time(read_text):
    text = "id,ds,y\n" + "".join(f"{name},2024-01-0{day},{y}\n" for name, day, y in [
        ("b", 2, 1), ("a", 1, 2), ("b", 2, 3), ("c", 1, 4), ("a", 3, 5), ("b", 1, 6), ("b", 1, 7), ("c", 2, 8)])
    b, a, c = read_text(text, id_col=("id",), duplicates="last").panel.series
    assert (b.unique_id, b.repeats.line.tolist(), b.repeats.y[:, 0].tolist()) == ("b", [7, 2], [6.0, 1.0])
    assert (a.repeats, c.repeats) == (None, None)


def test_what_is_excluded_is_masked_in_repeats_too(read, tmp_path):
    periods = tmp_path / "out.csv"
    periods.write_text("from,to\n2024-01-01T04:00,2024-01-01T04:00\n")
    one = read("duplicate_timestamp.csv", duplicates="first", exclude=str(periods)).panel.series[0]
    assert np.isnan([one.y[4, 0], one.repeats.y[0, 0]]).all()
    assert np.isfinite(np.delete(one.y, 4)).all()


def test_unsorted_rows_are_sorted_and_said(read):
    reading = read("unsorted.csv")
    assert np.all(np.diff(reading.panel.series[0].ds) == HOUR)
    assert reading.panel.series[0].line.tolist() == [2, 3, 7, 5, 6, 4, 8, 9]
    assert reading.notes == ("the rows were not in order of time and are sorted",)


def test_an_hour_missing_in_spring_is_a_gap_and_the_note_names_tz(read):
    reading = read("spring_hour_missing.csv")
    assert np.diff(reading.panel.series[0].ds).max() == 2 * HOUR
    assert len(reading.notes) == 1
    assert "2024-03-31T02:00:00" in reading.notes[0]
    assert "--tz" in reading.notes[0]


@pytest.mark.parametrize(("minutes", "first", "told"), [
    (15, "2024-03-31T02:00", True), (60, "2024-10-06T02:00", True), (60, "2024-04-01T02:00", False)])
def test_it_is_known_in_quarters_and_in_the_south_and_not_on_a_monday(read_text, minutes, first, told):
    start = np.datetime64(first) - np.timedelta64(40 * minutes, "m")
    stamps = start + np.arange(100) * np.timedelta64(minutes, "m")
    missing = (stamps >= np.datetime64(first)) & (stamps < np.datetime64(first) + np.timedelta64(1, "h"))
    reading = read_text("ds,y\n" + "".join(f"{one},{at % 7}\n" for at, one in enumerate(stamps[~missing])))
    assert any("--tz" in note for note in reading.notes) == told


def test_a_model_that_knows_no_zone_does_not_say_so_again(read):
    layout = read("spring_hour_missing.csv").panel.layout
    assert read("spring_hour_missing.csv", layout=layout).notes == ()


def test_an_hour_missing_in_spring_is_no_gap_with_a_zone(read):
    reading = read("spring_hour_missing.csv", tz="Europe/Berlin")
    assert np.all(np.diff(reading.panel.series[0].ds) == HOUR)
    assert reading.notes == ()


def test_the_hour_that_comes_twice_is_right_with_a_zone(read):
    series = read("autumn_hour_twice.csv", tz="Europe/Berlin").panel.series[0]
    assert np.all(np.diff(series.ds) == HOUR)
    assert series.ds[0] == np.datetime64("2024-10-26T20:00:00")


def test_the_hour_that_comes_twice_is_right_with_offsets(read):
    reading = read("autumn_hour_with_offsets.csv")
    assert np.all(np.diff(reading.panel.series[0].ds) == HOUR)
    assert reading.panel.tz == "+01:00"
    assert any("--tz" in note for note in reading.notes)


@pytest.mark.parametrize(("name", "note"), [
    ("semicolon.csv", "delimiter ';' found"),
    ("byte_order_mark.csv", "byte order mark"),
    ("utf_16.csv", "utf-16"),
    ("decimal_comma.csv", "decimal sign ',' found"),
])
def test_another_way_to_write_the_table_is_read_alike_and_said(read, name, note):
    plain, other = read("plain.csv"), read(name)
    assert other.panel.series[0].y.tolist() == plain.panel.series[0].y[:12].tolist()
    assert other.panel.series[0].ds.tolist() == plain.panel.series[0].ds[:12].tolist()
    assert any(note in one for one in other.notes)


def test_the_plain_case_has_no_notes(read):
    assert read("plain.csv").notes == ()


def test_thousands_separators_are_read_when_they_can_only_be_that(read):
    reading = read("thousands.csv")
    assert reading.panel.series[0].y[:3, 0].tolist() == [1100.5, 2137.5, 3174.5]
    assert "thousands separator ',' found" in reading.notes


@pytest.mark.parametrize(("given", "value"), [({"thousands": ","}, 1100.0), ({"decimal": ","}, 1.1)])
@pytest.mark.parametrize("name", ["thousands_ambiguous.csv", "decimal_comma_ambiguous.csv"])
def test_an_unclear_comma_is_what_the_option_says(read, name, given, value):
    assert read(name, **given).panel.series[0].y[0, 0] == value


def test_without_a_time_column_rows_are_numbered_and_it_is_said(read):
    reading = read("no_time_column.csv")
    assert reading.panel.series[0].ds.tolist() == list(range(12))
    assert reading.notes == ("there is no time column: the rows are numbered from 0",)


def test_a_gap_of_60_hours_stays_a_gap(read):
    series = read("gap_of_60_hours.csv").panel.series[0]
    assert len(series) == 60
    assert np.diff(series.ds).max() == 61 * HOUR


def test_empty_cells_are_unobserved(read):
    series = read("two_empty_cells.csv").panel.series[0]
    assert np.flatnonzero(~series.observed[:, 0]).tolist() == [3, 8]
    assert np.isnan(series.y[[3, 8], 0]).all()


def test_a_last_line_cut_in_a_number_is_left_out_while_the_file_is_fresh(read):
    reading = read("last_line_cut_in_a_number.csv", rested=1.0)
    assert reading.panel.rows == 11
    assert len(reading.notes) == 1
    assert "line 13" in reading.notes[0]
    assert "left out" in reading.notes[0]


def test_a_whole_last_line_of_a_rested_file_is_taken_with_a_note(read):
    reading = read("last_line_cut_in_a_number.csv", rested=11.0)
    assert reading.panel.rows == 12
    assert reading.notes == ("the last line has no line end and is taken",)


def test_a_last_line_without_all_fields_is_never_taken(read):
    assert read("last_line_cut_in_a_stamp.csv", rested=3600.0).panel.rows == 12


def test_keep_and_drop_decide_about_the_last_line(read):
    assert read("last_line_cut_in_a_number.csv", rested=1.0, last_line="keep").panel.rows == 12
    assert read("last_line_cut_in_a_number.csv", rested=99.0, last_line="drop").panel.rows == 11


def test_day_first_is_found_from_later_rows(read):
    reading = read("day_first.csv")
    assert str(reading.panel.series[0].ds[0]) == "2024-01-25T00:00:00.000000"
    assert str(reading.panel.series[0].ds[-1]) == "2024-02-05T00:00:00.000000"
    assert reading.panel.layout.clock.format == "%d/%m/%Y"


def test_month_first_is_found_from_later_rows(read):
    reading = read("month_first.csv")
    assert str(reading.panel.series[0].ds[-1]) == "2024-02-05T00:00:00.000000"
    assert reading.panel.layout.clock.format == "%m/%d/%Y"


def test_a_format_decides_about_day_and_month(read):
    first = read("day_or_month_first.csv", time_format="%d/%m/%Y").panel.series[0].ds
    second = read("day_or_month_first.csv", time_format="%m/%d/%Y").panel.series[0].ds
    assert str(first[1])[:10] == "2024-02-02"
    assert str(second[1])[:10] == "2024-02-02"
    assert str(first[0])[:10] == "2024-02-01"
    assert str(second[0])[:10] == "2024-01-02"


@pytest.mark.parametrize(("name", "kind"), [("epoch_seconds.csv", "epoch_s"), ("epoch_milliseconds.csv", "epoch_ms")])
def test_an_epoch_is_read_as_utc(read, name, kind):
    panel = read(name).panel
    assert str(panel.series[0].ds[0]) == "2024-01-01T00:00:00.000000"
    assert np.all(np.diff(panel.series[0].ds) == HOUR)
    assert (panel.layout.clock.kind, panel.tz) == (kind, "UTC")


@pytest.mark.parametrize(("scale", "words"), [
    (10**6, "microseconds since 1970"), (10**9, "nanoseconds since 1970"), (10**11, r"beyond 2\^53")])
def test_an_epoch_too_fine_to_be_read_is_refused_and_never_rounded(read_text, scale, words):
    lines = [f"{(1_705_507_200 + 3600 * hour) * scale},{hour}\n" for hour in range(20)]
    with pytest.raises(DataError, match=words):
        read_text("ds,y\n" + "".join(lines))
    assert read_text("ds,y\n" + "".join(lines), no_time=True).panel.rows == 20


def test_a_sentinel_is_a_warning_that_names_the_mend_and_the_values_stay(read):
    reading = read("sentinel.csv")
    warning = next(one for one in reading.findings if one.severity == "warning")
    assert (warning.line, warning.column, warning.mend) == (7, "load", "add --na-value -9999")
    assert "6 times" in warning.message
    assert (reading.panel.series[0].y == -9999).sum() == 6


def test_na_value_makes_a_sentinel_missing(read):
    reading = read("sentinel.csv", na_value=("-9999",))
    assert (~reading.panel.series[0].observed).sum() == 6
    assert not reading.findings


def test_an_id_that_is_a_formula_is_read_as_it_is(read):
    assert read("formula_as_id.csv").panel.ids() == ("=cmd|' /C calc'!A0", "plain")


def test_a_gzip_file_reads_like_the_file_in_it(read):
    plain, packed = read("plain.csv"), read("plain.csv.gz")
    assert packed.panel.series[0].y.tolist() == plain.panel.series[0].y.tolist()
    assert packed.digest == plain.digest


def test_windows_1252_is_read_with_a_note(read):
    reading = read("windows_1252.csv")
    assert reading.panel.channels == ("Größe",)
    assert reading.notes == ("not UTF-8: read as cp1252",)


def test_a_nul_byte_far_down_is_found(read_text):
    body = b"ds,y\n" + b"2024-01-01,5\n" * (LOOKED_AT // 10) + b"2024-01-01,\x006\n"
    with pytest.raises(DataError, match="NUL"):
        read_text(body)
