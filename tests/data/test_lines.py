"""A stream of lines gives what a file with these lines gives; its header, its blank lines, its objects."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from grucast.core.errors import DataError, ModelError
from grucast.core.series import Clock, Columns, FileFormat, Layout
from grucast.data.lines import RowReader
from tests.data.line_making import WIDE, assert_alike, from_file, from_lines, tables

LONE = Layout(columns=Columns(target=("load",)), clock=Clock(kind="row"))
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(tables())
def test_rows_of_a_stream_are_the_rows_of_the_file(tmp_path, table):
    text = table.text()
    assert_alike(from_lines(text, table.layout), from_file(tmp_path / "data.csv", text, table.layout))


@SETTINGS
@given(tables())
def test_objects_with_the_cells_as_texts_are_the_rows_of_the_file(tmp_path, table):
    objects = "".join(json.dumps(dict(zip(table.names, row, strict=True))) + "\n" for row in table.rows)
    panel = from_file(tmp_path / "data.csv", table.text(), table.layout)
    assert_alike(from_lines(objects, table.layout), panel, lines=False)


# ---- JSON ----------------------------------------------------------------------------------------


def test_numbers_of_objects_have_a_decimal_point_whatever_the_files_had():
    layout = replace(WIDE, format=FileFormat(";", ",", "."))
    row, = from_lines('{"temp": 1.25, "ds": "2024-01-01T06:00:00", "load": "1.234,5"}\n', layout)
    assert row.y.tolist() == [1234.5, 1.25]
    assert row.ds == np.datetime64("2024-01-01T06:00", "us")


def test_null_and_a_key_that_is_not_there_are_missing():
    rows = from_lines('{"ds": "2024-01-01", "load": null, "temp": 3}\n\n{"ds": "2024-01-02", "load": NaN}\n', WIDE)
    np.testing.assert_array_equal([row.y for row in rows], [[np.nan, 3.0], [np.nan, np.nan]])
    assert [row.line for row in rows] == [1, 3]


def test_a_number_that_means_missing_is_missing_in_an_object():
    layout = replace(WIDE, format=FileFormat(na_values=("-9999",)))
    row, = from_lines('{"ds": "2024-01-01", "load": -9999.0, "temp": 4}', layout)
    np.testing.assert_array_equal(row.y, [np.nan, 4.0])


def test_ids_and_epochs_may_be_numbers_in_objects():
    layout = Layout(columns=Columns("long", ("t",), ("site", "unit"), ("y",)), clock=Clock("epoch_ms", tz="UTC"))
    row, = from_lines('{"t": 1704067200250, "site": 12, "unit": "b", "y": 1}', layout)
    assert (row.unique_id, row.ds) == ("12/b", np.datetime64("2024-01-01T00:00:00.250", "us"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"ds": "2024-01-02", "load": "x"}', "column 'load': 'x' is not a number; add --na-value x"),
        ('{"ds": "2024-01-02", "load": 1e400}', "column 'load': '1e400' is not a finite number; add --na-value 1e400"),
        ('{"ds": "2024-01-02", "load": -Infinity}', "column 'load': '-Infinity' is not a finite number"),
        ('{"ds": "2024-01-02", "load": true}', "column 'load': 'true' is not a number"),
        ('{"ds": "2024-01-02", "load": [1]}', r"column 'load': '\[1\]' is not a number"),
        ('{"ds": "2024-01-02", "load": 1' + "0" * 400 + "}", "column 'load': '10+' is not a finite number"),
        ('{"load": 1}', "column 'ds': the stamp is missing"),
        ('{"ds": 20240102, "load": 1}', "column 'ds': '20240102' is not a time"),
        ('{"ds": "2024-01-02", "load": 1', "this is not a JSON object .*; write one object a line"),
        ('{"ds": "2024-01-02", "load": 1, "load": 2}', "this is not a JSON object .'load' stands twice"),
        ("[1, 2]", "this is not a JSON object; write one object a line"),
        ("[" * 100_000, "this is not a JSON object .too deep"),
        ("2024-01-02,1,2", "this is not a JSON object"),
    ],
)
def test_a_fault_in_an_object_is_said_with_its_line_and_the_next_row_is_read(line, said):
    reader = RowReader(WIDE)
    reader.read('{"ds": "2024-01-01", "load": 5, "temp": 6}\n')
    with pytest.raises(DataError, match=f"^standard input:2: {said}"):
        reader.read(line + "\n")
    assert reader.read('{"ds": "2024-01-03", "load": 7, "temp": 8}\n').y.tolist() == [7.0, 8.0]


def test_targets_that_are_never_named_are_probably_misspelt():
    with pytest.raises(ModelError, match=r"input:1: the model needs a column 'load', .* did you mean 'Load'"):
        RowReader(WIDE).read('{"ds": "2024-01-01", "Load": 5}')


def test_a_blank_after_the_delimiter_is_not_part_of_a_quoted_cell(tmp_path):
    text = 'ds,load,temp\n2024-01-01, "1",2\n2024-01-02, "3",4\n'
    assert_alike(from_lines(text, WIDE), from_file(tmp_path / "data.csv", text, WIDE))


# ---- headers and blank lines ---------------------------------------------------------------------


def test_a_header_gives_no_row_and_its_columns_come_in_any_order():
    reader = RowReader(WIDE)
    lines = ["\ufefftemp, note ,ds,load\r\n", "3,x,2024-01-01,4\r\n", "\n"]
    rows = [reader.read(line) for line in lines]
    assert [row is None for row in rows] == [True, False, True]
    assert rows[1].y.tolist() == [4.0, 3.0]


def test_a_header_that_comes_again_is_no_row():
    rows = from_lines("ds,load,temp\n2024-01-01,1,2\nds,load,temp\n2024-01-02,3,4\n", WIDE)
    assert [row.line for row in rows] == [2, 4]


def test_a_stream_may_begin_with_the_header_though_the_files_had_lines_before_it():
    layout = replace(WIDE, format=FileFormat(skip_rows=3))
    assert from_lines("ds,load,temp\n2024-01-01,1,2\n", layout)[0].y.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("header", ["ds,load", "2024-01-01,1,2"])
def test_a_stream_without_a_column_of_the_model_is_refused_and_told_of_the_header(header):
    with pytest.raises(ModelError, match=r"^standard input:1: the model needs a column .* begins with the header"):
        RowReader(WIDE).read(header)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(DataError, match=r"standard input:1: column 'load': two columns are called 'load'"):
        RowReader(WIDE).read("ds,load,load,temp\n")


def test_a_delimiter_at_the_end_of_each_row_is_no_field(tmp_path):
    text = "ds,load,temp\n2024-01-01,1,2,\n2024-01-02,3,4,\n"
    assert_alike(from_lines(text, WIDE), from_file(tmp_path / "data.csv", text, WIDE))


@pytest.mark.parametrize("comment", ["", "#"])
def test_blank_lines_of_one_column_are_missing_cells_as_in_a_file(tmp_path, comment):
    layout = replace(LONE, format=FileFormat(comment=comment))
    text = "load\n\n4\n\n\n5\n6\n\n"
    series, = from_file(tmp_path / "data.csv", text, layout).series
    seen = series.observed[:, 0]
    rows = from_lines(text, layout)
    assert [row.ds for row in rows] == series.ds[seen].tolist()
    assert [float(row.y[0]) for row in rows] == series.y[seen, 0].tolist()


def test_rows_are_counted_on_from_where_the_history_ends():
    long = Layout(columns=Columns("long", (), ("id",), ("y",)), clock=Clock(kind="row"))
    text = "id,y\na,1\nb,2\na,3\nc,4\n"
    rows = from_lines(text, long, first_row=5, after={"a": 99.0, "b": 0.0})
    assert [(row.unique_id, row.ds) for row in rows] == [("a", 100.0), ("b", 1.0), ("a", 101.0), ("c", 5.0)]


def test_pandas_is_not_needed():
    code = ("import sys; from grucast.core.series import *; from grucast.data.lines import RowReader\n"
            "r = RowReader(Layout(columns=Columns(time=('ds',), target=('y',)), clock=Clock(tz='Europe/Berlin')))\n"
            "r.read('ds,y'); assert r.read('2024-10-27T02:30,1').y[0] == 1.0\n"
            "assert not {'pandas', 'torch', 'scipy', 'sklearn'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
