"""A stream of lines gives what a file with these lines gives, row for row and error for error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, ModelError
from grucast.core.series import Clock, Columns, FileFormat, Layout
from grucast.data.lines import Row, RowReader
from grucast.data.reading import read_panel
from grucast.preprocessing.zones import local_stamps

WIDE = Layout(columns=Columns(time=("ds",), target=("load", "temp")))
LONE = Layout(columns=Columns(target=("load",)), clock=Clock(kind="row"))
BERLIN = Layout(columns=Columns(time=("ds",), target=("y",)), clock=Clock(tz="Europe/Berlin"))
AUTUMN, SPRING = np.datetime64("2024-10-26T18:00", "us"), np.datetime64("2024-03-30T18:00", "us")
CLOCKS = {  # what a time column may be, and how the instant or number in it is written
    "ISO": Clock(), "blank": Clock(), "day first": Clock(format="%d.%m.%Y %H:%M"), "fraction": Clock(),
    "American": Clock(format="%b %d %Y %I:%M %p"), "joined": Clock(format="%d/%m/%Y %H.%M.%S"),
    "digits": Clock(format="%Y%m%dT%H%M%S"), "seconds": Clock(kind="epoch_s", tz="UTC"),
    "milliseconds": Clock(kind="epoch_ms", tz="UTC"), "offset": Clock(tz="+05:30"),
    "changing offset": Clock(tz="Europe/Berlin"), "zone": Clock(tz="Europe/Berlin"), "fixed": Clock(tz="-03:00"),
    "index": Clock(kind="index"), "elapsed": Clock(kind="elapsed"), "row": Clock(kind="row"),
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows as text, and the layout they were written by."""

    layout: Layout
    names: list[str]
    rows: list[list[str]]
    before: tuple[str, ...] = ()  # lines of preamble and comments

    def text(self) -> str:
        sign = " " if self.layout.format.delimiter == "whitespace" else self.layout.format.delimiter
        lines = [self.names, *self.rows] if self.layout.format.header else self.rows
        return "".join(f"{line}\n" for line in (*self.before, *(sign.join(row) for row in lines)))


def written(kind: str, instant: np.datetime64, place: int) -> list[str]:
    """The cells of the time columns for one instant (UTC), or for one place on a numeric axis."""
    if kind in ("index", "elapsed", "row"):
        return {"index": [str(7 + 3 * place)], "elapsed": [f"{place / 8:.3f}"], "row": []}[kind]
    since = int(instant.astype(np.int64))
    if kind in ("seconds", "milliseconds"):
        return [str(since // (1_000_000 if kind == "seconds" else 1000))]
    tz = CLOCKS[kind].tz
    local = local_stamps(np.array([instant]), tz)[0]
    iso = str(local.astype("datetime64[s]"))
    if kind in ("offset", "changing offset"):
        minutes = int((local - instant).astype(np.int64)) // 60_000_000
        return [f"{iso}{'+' if minutes >= 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"]
    when = local.astype("datetime64[s]").item()
    if kind == "joined":
        return [when.strftime("%d/%m/%Y"), when.strftime("%H.%M.%S")]
    if CLOCKS[kind].format:
        return [when.strftime(CLOCKS[kind].format)]
    return [f"{iso}.250" if kind == "fraction" else iso.replace("T", " ") if kind == "blank" else iso]


def number(value: float, form: FileFormat) -> str:
    """A number by the signs of a format."""
    whole, fraction = f"{abs(value):.4f}".split(".")
    groups = f"{int(whole):,}".replace(",", form.thousands) if form.thousands else whole
    return f"{'-' if value < 0 else ''}{groups}{form.decimal}{fraction}"


@st.composite
def formats(draw, kind):
    decimal = draw(st.sampled_from(".,"))
    blanks = kind in ("blank", "day first", "American", "joined")
    signs = [sign for sign in (",", ";", "\t", "|", *(() if blanks else ("whitespace",))) if sign != decimal]
    delimiter = draw(st.sampled_from(signs))
    thousands = draw(st.sampled_from([one for one in ("", "'", ".", ",") if one not in (decimal, delimiter)]))
    return FileFormat(delimiter, decimal, thousands, na_values=draw(st.sampled_from([(), ("n/a",), ("-9999", "?")])),
                      comment=draw(st.sampled_from(["", "#"])), header=draw(st.booleans()))


@st.composite
def tables(draw):
    kind = draw(st.sampled_from(sorted(CLOCKS)))
    form = draw(formats(kind))
    ids = draw(st.integers(0, 2))
    width = [draw(st.integers(1, 3)), *(draw(st.integers(0, 2)) for _ in range(3))]  # targets, known, past, static
    count, series = draw(st.integers(20, 28)), draw(st.integers(1, 3)) if ids else 1
    start = draw(st.sampled_from([AUTUMN, SPRING])) + np.timedelta64(1, "h") * draw(st.integers(0, 5))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = []
    for place in range(count):
        for one in range(series):
            time = written(kind, start + place * np.timedelta64(30, "m"), place)
            time = [cell.replace(".", form.decimal) for cell in time] if kind == "elapsed" else time
            names = [["north", "süd", "7"][one], "same"][:ids]
            values = [_cell(random, form) for _ in range(sum(width[:3]))]
            rows.append([*time, *names, *values, *(number(one + 0.5, form) for _ in range(width[3])), "note"])
    order = random.permutation(len(rows[0])).tolist()
    names = [f"n{at}" if form.header else f"col{1 + order.index(at)}" for at in range(len(order))]
    times = len(time)
    cuts = np.cumsum([0, times, ids, *width]).tolist()
    parts = [tuple(names[low:high]) for low, high in pairwise(cuts)]
    before = tuple(["a preamble", "of two lines"][: draw(st.integers(0, 2))]) if form.header else ()
    form = replace(form, skip_rows=len(before))
    layout = Layout(form, Columns("long" if ids else "wide", *parts), CLOCKS[kind])
    before += ("# a comment",) if form.comment else ()
    return Table(layout, [names[at] for at in order], [[row[at] for at in order] for row in rows], before)


def _cell(random: np.random.Generator, form: FileFormat) -> str:
    if random.random() < 0.2:
        return str(random.choice(["NA", *form.na_values, *([] if form.delimiter == "whitespace" else ["", " "])]))
    return number(float(np.round(random.normal() * 10.0 ** random.integers(-3, 7), 4)), form)


def from_file(path, text: str, layout: Layout):
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1e9, 1e9))
    return read_panel([str(path)], ReadOptions(), layout=layout).panel


def from_lines(text: str, layout: Layout, **more) -> list[Row]:
    reader = RowReader(layout, **more)
    return [row for line in text.splitlines(keepends=True) if (row := reader.read(line)) is not None]


def assert_alike(rows: list[Row], panel, *, lines: bool = True) -> None:
    """The rows of each series, stacked, are the series."""
    assert {row.unique_id for row in rows} == set(panel.ids())
    for series in panel.series:
        mine = [row for row in rows if row.unique_id == series.unique_id]
        assert [row.ds for row in mine] == list(series.ds)
        for name in ("y", "known", "past"):
            np.testing.assert_array_equal(np.array([getattr(row, name) for row in mine]), getattr(series, name))
        np.testing.assert_array_equal(mine[-1].static, series.static)
        assert not lines or [row.line for row in mine] == series.line.tolist()


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


def test_pandas_is_not_needed():
    code = ("import sys; from grucast.core.series import *; from grucast.data.lines import RowReader\n"
            "r = RowReader(Layout(columns=Columns(time=('ds',), target=('y',)), clock=Clock(tz='Europe/Berlin')))\n"
            "r.read('ds,y'); assert r.read('2024-10-27T02:30,1').y[0] == 1.0\n"
            "assert not {'pandas', 'torch', 'scipy', 'sklearn'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
