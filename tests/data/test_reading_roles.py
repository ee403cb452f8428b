"""Which column plays which part, found or named."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.errors import DataError, UsageError

WIDE = "ds,load,temp,holiday,sky\n" + "".join(f"2024-01-0{day},{day * 10},{day / 2},{day % 2},clear\n"
                                             for day in range(1, 8))
LONG = "unique_id,ds,y,price\n" + "".join(f"{name},2024-01-0{day},{day * scale},{scale}\n"
                                          for name, scale in (("b", 10), ("a", 1)) for day in range(1, 5))


def test_a_wide_file_has_every_numeric_column_as_a_channel_of_one_series(read_text):
    panel = read_text(WIDE).panel
    assert panel.ids() == ("",)
    assert panel.channels == ("load", "temp", "holiday")
    assert panel.series[0].y[2].tolist() == [30.0, 1.5, 1.0]
    assert panel.series[0].line.tolist() == [2, 3, 4, 5, 6, 7, 8]


def test_a_text_column_is_left_out_with_a_note(read_text):
    assert read_text(WIDE).notes == ("the column 'sky' is text and is left out",)


def test_a_long_file_has_a_series_an_id_in_order_of_appearance(read_text):
    panel = read_text(LONG).panel
    assert panel.ids() == ("b", "a")
    assert panel.channels == ("y",)
    assert panel.layout.columns.shape == "long"
    assert panel.series[1].y[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert panel.series[1].line.tolist() == [6, 7, 8, 9]


def test_covariates_are_taken_where_they_are_named(read_text):
    series = read_text(WIDE, target_col=("load",), known_col=("holiday",), past_col=("temp",)).panel.series[0]
    assert series.y.shape == (7, 1)
    assert series.known[:, 0].tolist() == [1, 0, 1, 0, 1, 0, 1]
    assert series.past[:3, 0].tolist() == [0.5, 1.0, 1.5]


def test_a_static_column_is_one_value_a_series(read_text):
    panel = read_text(LONG, static_col=("price",)).panel
    assert [series.static.tolist() for series in panel.series] == [[10.0], [1.0]]


def test_a_static_column_that_changes_is_an_error_with_its_line(read_text):
    with pytest.raises(DataError, match=r":4: column 'load': 30 after 10: not constant") as caught:
        read_text("ds,load,y\n2024-01-01,10,1\n2024-01-02,10,2\n2024-01-03,30,3\n", target_col=("y",),
                  static_col=("load",))
    assert caught.value.line == 4


def test_rows_with_known_covariates_and_no_targets_stay(read_text):
    text = WIDE + "2024-01-08,,,1,\n2024-01-09,,,0,\n"
    series = read_text(text, target_col=("load",), known_col=("holiday",)).panel.series[0]
    assert len(series) == 9
    assert series.observed[:, 0].tolist() == [True] * 7 + [False] * 2
    assert series.known[7:, 0].tolist() == [1.0, 0.0]


def test_several_id_columns_are_joined(read_text):
    text = "region,kind,ds,y\n" + "".join(f"{region},{kind},2024-01-0{day},{day}\n" for region in ("n", "s")
                                          for kind in ("gas", "oil") for day in (1, 2, 3))
    panel = read_text(text, id_col=("region", "kind")).panel
    assert panel.ids() == ("n/gas", "n/oil", "s/gas", "s/oil")


def test_ids_that_are_numbers_keep_their_zeros(read_text):
    text = "id,ds,y\n" + "".join(f"{name},2024-01-0{day},{day}\n" for name in ("007", "7") for day in (1, 2, 3))
    assert read_text(text).panel.ids() == ("007", "7")


def test_stamps_that_repeat_without_an_id_name_the_columns_that_could_be_one(read_text):
    text = "date,shop,item,sold\n" + "".join(f"2024-01-0{day},{shop},{item},{day}\n" for shop in ("x", "y")
                                             for item in ("pen", "cup") for day in (1, 2, 3))
    text = text.replace("2024-01-01,x,cup,1", "2024-01-01,x,cup,5")
    with pytest.raises(DataError) as caught:
        read_text(text)
    assert caught.value.line == 5
    assert "line 2" in caught.value.message
    assert caught.value.mend.startswith("name the series with --id-col shop --id-col item")


def test_a_label_is_never_a_target(read_text):
    reading = read_text("value,label\n1,0\n2,1\n3,0\n")
    assert reading.panel.channels == ("value",)
    assert reading.panel.series[0].label.tolist() == [0, 1, 0]


def test_a_file_without_a_label_has_none(read_text):
    assert read_text(WIDE).panel.series[0].label is None


def test_labelled_rows_are_masked_when_asked(read_text):
    series = read_text("value,label\n1,0\n2,1\n3,0\n", exclude_labelled=True).panel.series[0]
    assert series.observed[:, 0].tolist() == [True, False, True]
    assert np.isnan(series.y[1, 0])


def test_an_empty_column_is_left_out_with_a_note(read_text):
    reading = read_text("ds,a,b\n2024-01-01,1,\n2024-01-02,2,\n")
    assert reading.panel.channels == ("a",)
    assert reading.notes == ("the column 'b' is empty and is left out",)


def test_half_numbers_make_a_column_numeric_and_its_text_an_error(read_text):
    with pytest.raises(DataError, match=r":3: column 'a': 'off' is not a number; add --na-value off"):
        read_text("ds,a\n2024-01-01,1\n2024-01-02,off\n2024-01-03,off\n2024-01-04,4\n")


def test_fewer_than_half_numbers_make_a_column_text(read_text):
    reading = read_text("ds,a,b\n2024-01-01,1,1\n2024-01-02,off,2\n2024-01-03,off,3\n")
    assert reading.panel.channels == ("b",)


@pytest.mark.parametrize("cell", ["1_000", "٣", "infinity", "0x10", "1e5e", "--3", "1 2"])
def test_what_python_would_take_for_a_number_is_not_one(read_text, cell):
    with pytest.raises(DataError, match=r"is not a (finite )?number"):
        read_text(f"ds,a\n2024-01-01,1\n2024-01-02,2\n2024-01-03,{cell}\n")


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "NULL", "None"])
def test_usual_marks_are_missing(read_text, cell):
    series = read_text(f"ds,a\n2024-01-01,1\n2024-01-02,{cell}\n2024-01-03,3\n").panel.series[0]
    assert series.observed[:, 0].tolist() == [True, False, True]


def test_a_mark_that_was_met_is_said(read_text):
    assert read_text("ds,a\n2024-01-01,1\n2024-01-02,null\n2024-01-03,3\n").notes == ("cells with 'null' are missing",)


def test_na_values_are_missing_by_text_and_by_number(read_text):
    text = "ds,a\n2024-01-01,1\n2024-01-02,-9\n2024-01-03,-9.0\n2024-01-04,off\n"
    series = read_text(text, na_value=("-9", "off")).panel.series[0]
    assert series.observed[:, 0].tolist() == [True, False, False, False]


def test_a_named_column_that_is_absent_is_an_error_with_a_guess(read_text):
    with pytest.raises(DataError, match="there is no column 'lod', did you mean 'load'"):
        read_text(WIDE, target_col=("lod",))


def test_one_column_cannot_have_two_parts(read_text):
    with pytest.raises(UsageError, match="'load' is named twice"):
        read_text(WIDE, target_col=("load",), past_col=("load",))


def test_two_time_columns_are_an_error_that_asks(read_text):
    text = "start,end,a\n" + "".join(f"2024-01-0{day},2024-01-0{day + 1},{day}\n" for day in range(1, 6))
    with pytest.raises(DataError, match="'start' and 'end' are both times; add --time-col start"):
        read_text(text)
    assert read_text(text, time_col=("end",)).panel.series[0].ds[0] == np.datetime64("2024-01-02")


def test_a_counter_and_a_decimal_year_say_nothing_new(read_text):
    text = "No,ds,year_of,a\n" + "".join(f"{month},2024-{month:02d}-01,{2024 + (month - 0.5) / 12:.3f},{month * 3}\n"
                                         for month in range(1, 13))
    assert read_text(text).panel.channels == ("a",)


def test_train_rows_keeps_the_first_rows_of_each_series(read_text):
    panel = read_text(LONG, train_rows=3).panel
    assert [len(series) for series in panel.series] == [3, 3]


def test_one_id_is_enough_for_a_long_file_called_unique_id(read_text):
    assert read_text("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\n").panel.ids() == ("a",)
