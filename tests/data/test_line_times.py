"""The stamps of a stream, the hour that comes twice, and what is said of rows that are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grucast.core.errors import DataError, ModelError
from grucast.core.series import Clock, Columns, Layout
from grucast.data.lines import RowReader
from tests.data.line_making import BERLIN, WIDE, from_file, from_lines

EPOCH = Layout(columns=Columns(time=("ds",), target=("y",)), clock=Clock("epoch_s", tz="UTC"))

# ---- the hour that comes twice -------------------------------------------------------------------


def berlin(*times: str, after=None) -> list[str]:
    """The instants (UTC) of these times of 27 October 2024 in Berlin."""
    text = "ds,y\n" + "".join(f"2024-10-27T{time},1\n" for time in times)
    return [str(row.ds)[11:16] for row in from_lines(text, BERLIN, after=after)]


def test_the_second_run_of_the_autumn_hour_is_an_hour_later():
    assert berlin("02:00", "02:30", "02:00", "02:30", "03:00") == ["00:00", "00:30", "01:00", "01:30", "02:00"]


def test_once_the_hour_runs_again_a_stamp_that_was_missing_in_the_first_run_is_of_the_second():
    assert berlin("02:00", "02:40", "02:00", "02:20", "02:40") == ["00:00", "00:40", "01:00", "01:20", "01:40"]


def test_an_autumn_hour_that_began_in_the_history_goes_on():
    half = np.datetime64("2024-10-27T00:30", "us")
    assert berlin("02:45", "02:00", "02:15", after={"": half}) == ["00:45", "01:00", "01:15"]


def test_each_series_has_its_own_autumn_hour():
    layout = Layout(columns=Columns("long", ("ds",), ("id",), ("y",)), clock=Clock(tz="Europe/Berlin"))
    text = "id,ds,y\n" + "".join(f"{name},2024-10-27T02:15,1\n" for name in "abab")
    assert [str(row.ds)[11:16] for row in from_lines(text, layout)] == ["00:15", "00:15", "01:15", "01:15"]


def test_the_next_autumn_begins_anew():
    text = "ds,y\n2024-10-27T02:00,1\n2024-10-27T02:00,1\n2025-10-26T02:00,1\n"
    assert str(from_lines(text, BERLIN)[-1].ds) == "2025-10-26T00:00:00.000000"


# ---- stamps --------------------------------------------------------------------------------------


def test_digits_that_were_written_as_a_decimal_number_are_the_stamp_as_in_a_file(tmp_path):
    layout = Layout(columns=Columns(time=("ds",), target=("y",)), clock=Clock(format="%Y%m%d"))
    text = "ds,y\n20240131.0,1\n20240201.0,2\n"
    expected = from_file(tmp_path / "data.csv", text, layout).series[0].ds.tolist()
    assert [row.ds for row in from_lines(text, layout)] == expected


def test_seconds_beyond_all_calendars_are_no_time():
    with pytest.raises(DataError, match=r"^standard input:2: column 'ds': '1e300' is not a time"):
        from_lines("ds,y\n1e300,1\n", EPOCH)


def test_what_is_constant_in_a_series_is_kept_where_a_row_leaves_it_out():
    layout = Layout(columns=Columns("long", (), ("id",), ("y",), static=("size",)), clock=Clock(kind="row"))
    rows = from_lines("id,y,size\na,1,\nb,2,7\na,3,5\na,4,\nb,5,\n", layout)
    np.testing.assert_array_equal([row.static[0] for row in rows], [np.nan, 7.0, 5.0, 5.0, 7.0])


# ---- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["2024-01-03,n/a,1", "2024-01-03,1,inf", "2024-01-03,1e400,1", "2024-01-03,1", "2024-01-03,1,2,3", ",1,2",
     "2024-02-30,1,2", "NA,1,2", "yesterday,1,2", "2024-01-03T00:00:00Z,1,2", '2024-01-03,"1,2', "# 2024-01-03",
     "2024-01-03,1_000,2", "2024-01-03,,1;2"],
)  # fmt: skip
def test_a_fault_in_a_row_is_said_as_of_a_file(tmp_path, line):
    text = f"ds,load,temp\n2024-01-01,3,4\n2024-01-02,5,6\n{line}\n"
    with pytest.raises(DataError) as of_file:
        from_file(tmp_path / "data.csv", text, WIDE)
    with pytest.raises(DataError) as of_stream:
        from_lines(text, WIDE)
    ours, theirs = of_stream.value, of_file.value
    assert (ours.message, ours.column, ours.mend) == (theirs.message, theirs.column, theirs.mend)
    assert (ours.file, ours.line) == ("standard input", 4)


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        (BERLIN, "2024-03-31T02:30:00,1"),
        (Layout(columns=Columns("long", (), ("ds",), ("y",)), clock=Clock(kind="row")), " ,1"),
        (Layout(columns=Columns("wide", ("ds",), (), ("y",)), clock=Clock("epoch_s", tz="UTC")), "soon,1"),
        (Layout(columns=Columns("wide", ("ds",), (), ("y",)), clock=Clock("index")), "NA,1"),
        (Layout(columns=Columns("wide", (), (), ("y",), static=("ds",)), clock=Clock("row")), "12.5,1"),
    ],
)
def test_a_fault_of_other_columns_is_said_as_of_a_file(tmp_path, layout, line):
    good = ["1711850000,1"] if layout.clock.kind != "stamp" else ["2024-03-31T01:30:00,1", "2024-03-31T03:30:00,1"]
    text = "\n".join(["ds,y", *good, line, ""])
    with pytest.raises(DataError) as of_file:
        from_file(tmp_path / "data.csv", text, layout)
    with pytest.raises(DataError) as of_stream:
        from_lines(text, layout)
    expected = str(of_file.value).removeprefix(of_file.value.file)
    assert str(of_stream.value) == f"standard input{expected}"


@pytest.mark.parametrize(("first", "second", "said"), [("+01:00", "", "has no UTC offset, the others have one"),
                                                       ("", "Z", "has a UTC offset, the others have none")])
def test_stamps_with_and_without_offsets_do_not_mix(first, second, said):
    with pytest.raises(DataError, match=f"^standard input:3: the stamp {said}; write all stamps alike"):
        from_lines(f"ds,y\n2024-01-01T00:00:00{first},1\n2024-01-01T01:00:00{second},2\n", BERLIN)


def test_an_offset_where_the_model_had_none_is_refused_and_local_stamps_are_read_on():
    reader = RowReader(WIDE)
    reader.read("ds,load,temp\n")
    with pytest.raises(DataError, match=r"^standard input:2: the stamps have UTC offsets, .* had none"):
        reader.read("2024-01-01T00:00:00Z,1,2\n")
    assert reader.read("2024-01-01T00:00:00,1,2\n").ds == np.datetime64("2024-01-01", "us")


def test_a_nul_byte_is_no_text():
    with pytest.raises(DataError, match=r"^standard input:2: a NUL byte"):
        from_lines("ds,load,temp\n2024-01-01,1\0,2\n", WIDE)


def test_a_stamp_beyond_the_calendar_of_a_zone_is_a_fault():
    with pytest.raises(DataError, match="beyond the year 9999"):
        from_lines("ds,y\n9999-12-31T24:00:00,1\n", BERLIN)


def test_rows_that_were_gathered_cannot_be_followed():
    with pytest.raises(ModelError, match="--resample 1h"):
        RowReader(replace(WIDE, resample="1h"))
