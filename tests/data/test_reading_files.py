"""Files: several, compressed, missing, from standard input; formats, preambles, last lines; a model's layout."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from grucast.core.errors import DataError, InputMissing, ModelError, UsageError
from grucast.data.reading import read_panel
from tests.data.conftest import options_of

DAYS = "".join(f"2024-01-0{day},{day}\n" for day in range(1, 5))


def test_several_files_are_one_in_order_of_time(tmp_path):
    for name, days in (("b.csv", (1, 2)), ("a.csv", (3, 4))):
        (tmp_path / name).write_text("ds,y\n" + "".join(f"2024-01-0{day},{day}\n" for day in days))
    reading = read_panel([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], options_of())
    assert reading.panel.series[0].y[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert reading.panel.series[0].line.tolist() == [2, 3, 2, 3]
    assert reading.notes == ()


def test_an_error_in_the_second_file_names_it(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y\n" + DAYS)
    (tmp_path / "b.csv").write_text("ds,y\n2024-01-05,5\n2024-01-06,x\n")
    with pytest.raises(DataError) as caught:
        read_panel([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], options_of())
    assert caught.value.file.endswith("b.csv")
    assert caught.value.line == 3


def test_files_with_other_columns_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y\n" + DAYS)
    (tmp_path / "b.csv").write_text("ds,z\n" + DAYS)
    with pytest.raises(DataError, match=r"b\.csv:1: the columns are not those of .*a\.csv: 'y', 'z'"):
        read_panel([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], options_of())


def test_standard_input_is_read_for_a_dash(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"ds,y\n2024-01-01,1\n2024-01-02,2"))))
    reading = read_panel(["-"], options_of())
    assert reading.panel.rows == 2
    assert reading.file == "-"


def test_what_is_not_a_file_is_missing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing.csv", "pipe", "."):
        with pytest.raises(InputMissing):
            read_panel([str(tmp_path / name)], options_of())


def test_no_sources_is_a_usage_error():
    with pytest.raises(UsageError):
        read_panel([], options_of())


def test_a_workbook_is_refused_by_name(read_text):
    with pytest.raises(DataError, match="workbook or a zip archive, not text; save it as CSV"):
        read_text(b"PK\x03\x04rest", name="data.csv")


@pytest.mark.parametrize(("text", "given"), [
    ("ds\ty\n2024-01-01\t1.5\n2024-01-02\t2\n", {}),
    ("ds|y\n2024-01-01|1.5\n2024-01-02|2\n", {}),
    ("ds   y\n2024-01-01   1.5\n2024-01-02   2\n", {}),
    ("ds y\n2024-01-01 1.5\n2024-01-02 2\n", {"delimiter": "whitespace"}),
    ("ds;y\r\n2024-01-01;1,5\r\n2024-01-02;2,0\r\n", {}),
    ("ds,y\r2024-01-01,1.5\r2024-01-02,2\r", {}),
    ('"ds","y"\n"2024-01-01","1,5"\n"2024-01-02","2,0"\n', {}),
    ("ds/y\n2024-01-01/1.5\n2024-01-02/2\n", {"delimiter": "/"}),
    ("# made by hand\n# in winter\nds,y\n2024-01-01,1.5\n# a remark\n2024-01-02,2\n", {}),
    ("Station: Bremen, Germany\nunits: degrees\n\nds,y\n2024-01-01,1.5\n2024-01-02,2\n2024-01-03,\n2024-01-04,\n", {}),
    ("junk,junk,junk\nds,y\n2024-01-01,1.5\n2024-01-02,2\n", {"skip_rows": 1}),
    ("%ds,y\n%\nds,y\n2024-01-01,1.5\n2024-01-02,2\n", {"comment": "%"}),
    ("ds,y,\n2024-01-01,1.5,\n2024-01-02,2,\n", {}),
    ("ds,y\n2024-01-01,1.5,\n2024-01-02,2,\n", {}),
    ("ds, y\n2024-01-01, 1.5\n2024-01-02, 2\n\n\n", {}),
])
def test_a_table_is_read_however_it_is_written(read_text, text, given):
    series = read_text(text, **given).panel.series[0]
    assert [str(one)[:10] for one in series.ds[:2]] == ["2024-01-01", "2024-01-02"]
    assert series.y[:2, 0].tolist() == [1.5, 2.0]


def test_lines_are_physical_lines(read_text):
    text = '# a comment\nds,y,remark\n2024-01-01,1,"two\nlines"\n\n2024-01-02,2,none\n# more\n2024-01-03,x,none\n'
    with pytest.raises(DataError, match=r"data\.csv:8: column 'y': 'x' is not a number"):
        read_text(text)
    assert read_text(text.replace("x", "3")).panel.series[0].line.tolist() == [3, 6, 8]


def test_a_file_without_a_header_has_numbered_columns(read_text):
    reading = read_text("2024-01-01,1,5\n2024-01-02,2,6\n")
    assert reading.panel.channels == ("col2", "col3")
    assert "no header found: the columns are called col1 to col3" in reading.notes
    assert read_text("a,b\n1,2\n3,4\n", no_header=True, target_col=("col1",), na_value=("a",)).panel.rows == 3


def test_a_blank_line_in_a_file_of_one_column_is_a_missing_cell(read_text):
    series = read_text("y\n1\n\n3\n\n\n").panel.series[0]
    assert series.observed[:, 0].tolist() == [True, False, True]


def test_a_header_with_too_few_names_is_an_error(read_text):
    with pytest.raises(DataError, match=r"data\.csv:1: the header has 1 field, the rows have 2"):
        read_text("load\n3,5\n4,2\n5,1\n")
    assert read_text("load\n3,5\n4,2\n5,1\n", decimal=",").panel.series[0].y[:, 0].tolist() == [3.5, 4.2, 5.1]


def test_points_group_thousands_in_a_file_with_decimal_commas(read_text):
    series = read_text("ds;y\n2024-01-01;1.234,5\n2024-01-02;1.234\n2024-01-03;7\n").panel.series[0]
    assert series.y[:, 0].tolist() == [1234.5, 1234.0, 7.0]


def test_two_decimal_signs_in_one_file_are_an_error(read_text):
    with pytest.raises(DataError, match=r":2: column 'y': '1,25' and '1,234\.5' do not agree on a decimal sign"):
        read_text('ds;y\n2024-01-01;1,25\n2024-01-02;"1,234.5"\n')


def test_an_encoding_can_be_named(read_text):
    body = "ds,Größe\n2024-01-01,1\n2024-01-02,2\n".encode("utf-16-be")
    assert read_text(body, encoding="utf-16-be").panel.channels == ("Größe",)
    with pytest.raises(UsageError, match="no such encoding"):
        read_text("ds,y\n", encoding="utf-9")


def test_a_model_reads_the_next_file_in_the_same_way(read_text):
    first = read_text("Datum;Wert;Rest\n" + "".join(f"{day:02d}.01.2024;1.00{day},5;x\n" for day in range(1, 6)))
    # alone, this file would be ambiguous: 1,500 and a column more
    layout = first.panel.layout
    again = read_text("Wert;Neu;Datum\n1,500;7;06.01.2024\n1,250;8;07.01.2024\n", layout=layout)
    assert again.panel.channels == ("Wert",)
    assert again.panel.series[0].y[:, 0].tolist() == [1.5, 1.25]
    assert str(again.panel.series[0].ds[0])[:10] == "2024-01-06"
    assert again.panel.layout is layout
    assert again.notes == ()


def test_a_model_refuses_a_file_without_its_columns(read_text):
    layout = read_text("ds,load,temp\n2024-01-01,1,2\n2024-01-02,2,3\n").panel.layout
    with pytest.raises(ModelError, match=r"data\.csv: the model needs a column 'temp'"):
        read_text("ds,load\n2024-01-01,1\n", layout=layout)


def test_a_model_of_a_long_file_refuses_a_wide_one(read_text):
    layout = read_text("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\n").panel.layout
    with pytest.raises(ModelError, match="'unique_id'"):
        read_text("ds,y\n2024-01-01,1\n2024-01-02,2\n", layout=layout)


def test_a_model_reads_one_row_and_wholly_missing_rows(read_text):
    layout = read_text("ds,y\n" + DAYS).panel.layout
    assert read_text("ds,y\n2024-01-05,\n", layout=layout).panel.series[0].observed.tolist() == [[False]]


def test_a_model_that_numbered_its_rows_does_so_again(read_text):
    layout = read_text("y\n1\n2\n3\n").panel.layout
    assert read_text("y\n4\n5\n", layout=layout).panel.series[0].ds.tolist() == [0.0, 1.0]


def test_a_model_joins_its_time_columns_again(read_text):
    layout = read_text("Date;Time;a\n31/01/2024;23.00.00;1\n01/02/2024;00.00.00;2\n").panel.layout
    again = read_text("Date;Time;a\n02/03/2024;01.00.00;1\n02/03/2024;02.00.00;2\n", layout=layout)
    assert str(again.panel.series[0].ds[0])[:19] == "2024-03-02T01:00:00"


def test_the_zone_of_a_model_is_applied_to_local_stamps(read_text):
    layout = read_text("ds,y\n2024-07-01 00:00,1\n2024-07-01 01:00,2\n", tz="Europe/Berlin").panel.layout
    again = read_text("ds,y\n2024-07-01 02:00,1\n2024-07-01 03:00,2\n", layout=layout).panel
    assert again.series[0].ds[0] == np.datetime64("2024-07-01T00:00")


def test_a_model_of_local_stamps_refuses_offsets(read_text):
    layout = read_text("ds,y\n" + DAYS).panel.layout
    with pytest.raises(DataError, match="those the model learned from had none"):
        read_text("ds,y\n2024-07-01T00:00:00Z,1\n", layout=layout)


def test_reading_a_plain_file_imports_no_heavy_library(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("ds,y\n" + DAYS)
    code = ("import sys; from grucast.data.reading import read_panel; from grucast.core.config import ReadOptions;"
            "read_panel([sys.argv[1]], ReadOptions());"
            "sys.exit(str(sorted({'pandas', 'torch', 'sklearn', 'pyarrow'} & set(sys.modules))))")
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert result.stderr.strip() == "[]"


def test_parquet_reads_like_csv(tmp_path, read_text):
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamps = pa.array(np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]").astype("datetime64[us]"))
    table = pa.table({"ds": stamps, "y": pa.array([1, 2, None, 4]), "sky": pa.array(["a", "b", "c", "d"])})
    pq.write_table(table, tmp_path / "data.parquet")
    panel = read_panel([str(tmp_path / "data.parquet")], options_of()).panel
    assert panel.channels == ("y",)
    assert panel.series[0].observed[:, 0].tolist() == [True, True, False, True]
    assert [str(one)[:10] for one in panel.series[0].ds] == ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


def test_a_long_parquet_file_with_a_zone_keeps_its_instants(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamps = pa.array(np.arange("2024-01-01", "2024-01-03", dtype="datetime64[D]").astype("datetime64[us]"),
                      pa.timestamp("us", tz="Europe/Berlin"))
    table = pa.table({"id": [1, 1, 2, 2], "ds": pa.concat_arrays([stamps, stamps]), "y": [1.0, 2.0, 3.0, 4.0]})
    pq.write_table(table, tmp_path / "data.parquet")
    panel = read_panel([str(tmp_path / "data.parquet")], options_of()).panel
    assert panel.ids() == ("1", "2")
    assert panel.tz == "UTC"
    assert str(panel.series[0].ds[0])[:19] == "2024-01-01T00:00:00"


def test_a_damaged_parquet_file_is_refused(read_text):
    with pytest.raises(DataError, match="not a Parquet file, or it is damaged"):
        read_text(b"PAR1rest", name="data.parquet")


@pytest.mark.parametrize(("option", "words"), [
    ({"target_col": ("temp",)}, "--target-col temp: the model learned with load; leave it out, or train anew"),
    ({"known_col": ("temp",)}, "--known-col temp: the model learned with none"),
    ({"time_col": ("ds", "temp")}, "--time-col ds, temp: the model learned with ds"),
    ({"freq": "h"}, "--freq h: the model learned with none"),
    ({"tz": "Europe/Berlin"}, "--tz Europe/Berlin: the model learned with none"),
    ({"skip_rows": 2}, "--skip-rows 2: the model learned with 0"),
    ({"no_time": True}, "--no-time: the model learned without it; leave it out, or train anew"),
    ({"no_header": True}, "--no-header: the model learned without it")])
def test_an_option_that_a_model_cannot_heed_any_more_is_a_usage_error(read_text, option, words):
    text = "ds,load,temp\n2024-01-01,1,2\n2024-01-02,2,3\n"
    layout = read_text(text, target_col=("load",)).panel.layout
    with pytest.raises(UsageError) as caught:
        read_text(text, layout=layout, **option)
    assert str(caught.value).startswith(words)


def test_an_option_that_says_what_the_model_learned_with_is_no_error(read_text):
    """As with GRUCAST_TARGET_COL in the environment of a job that trains and forecasts."""
    text = "#x\nds,load,temp\n2024-01-01,1,2\n2024-01-02,2,3\n"
    said = {"target_col": ("load",), "time_col": ("ds",), "comment": "#", "tz": "Europe/Berlin"}
    layout = read_text(text, **said).panel.layout
    assert read_text(text, layout=layout, **said).panel.channels == ("load",)


def test_more_lines_to_skip_than_there_are_cost_nothing(read_text):
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"empty|no rows"):
        read_text("ds,y\n2024-01-01,1.5\n2024-01-02,2\n", skip_rows=10**9)
    assert time.perf_counter() - start < 1


def test_a_header_with_a_line_end_in_quotes_is_one_header(read_text):
    reading = read_text('ds,"load\n[MW]"\n' + DAYS)
    assert reading.panel.channels == ("load\n[MW]",)
    assert reading.panel.series[0].line.tolist() == [3, 4, 5, 6]
    assert reading.notes == ()
    with pytest.raises(DataError) as caught:
        read_text('# made by hand\nds,"load\n[MW]"\n' + DAYS + "2024-01-05,x\n", comment="#")
    assert caught.value.line == 8


def test_a_mark_for_inches_is_no_quote(read_text):
    reading = read_text('ds,y,what\n' + "".join(f'2024-01-0{day},{day},pipe 5"\n' for day in range(1, 6)))
    assert reading.panel.rows == 5
