"""Data that cannot be right end every command with its code and one line, and change nothing that was there."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest

from tests.command import contents, hourly, write_lines

FIXTURES = Path(__file__).parents[1] / "data" / "fixtures"

# number in the table of faults, file, line, column, what is said, the mend
REFUSED = [
    ("1", "empty.csv", None, "", "empty", ""),
    ("2", "header_only.csv", None, "", "no rows below the header", ""),
    ("3", "one_row.csv", None, "", "one row", ""),
    ("4", "no_numeric_column.csv", None, "", "no column of numbers", "--target-col"),
    ("5", "all_missing.csv", None, "", "every cell of 'load' is missing", "--target-col"),
    ("7", "infinity.csv", 8, "load", "'inf' is not a finite number", "--na-value inf"),
    ("18a", "lone_giant.csv", 8, "load", "1e+308", "--na-value"),
    ("18a", "overflow.csv", 8, "load", "'1e400' is not a finite number", "--na-value 1e400"),
    ("8", "duplicate_timestamp.csv", 7, "", "line 6", "--duplicates"),
    ("10", "mixed_offsets.csv", 7, "", "no UTC offset", "write all stamps alike"),
    ("12", "autumn_hour_twice.csv", 7, "", "line 6", "--tz"),
    ("16", "decimal_comma_ambiguous.csv", 2, "load", "'1,100' may be 1100 or 1.100", "--decimal ,"),
    ("17", "thousands_ambiguous.csv", 2, "load", "'1,100' may be 1100 or 1.100", "--thousands ,"),
    ("20", "text_in_number_column.csv", 9, "load", "'n/a' is not a number", "--na-value n/a"),
    ("21", "two_columns_of_one_name.csv", 1, "load", "two columns are called 'load'", "its own name"),
    ("27", "ragged_row.csv", 6, "", "3 fields where the header has 2", "mend the line"),
    ("27", "short_row.csv", 6, "", "1 field where the header has 2", "mend the line"),
    ("28", "nul_byte.csv", 4, "", "NUL", "write it again"),
    ("29", "day_or_month_first.csv", 2, "date", "day first or month first", "--time-format"),
    ("32", "not_a_date.csv", 8, "ds", "'not-a-date' is not a time", "--time-format"),
    ("34", "stamp_in_2124.csv", 13, "", "2124-01-01", "mend the stamp"),
    ("35", "random_bytes.csv", 1, "", "NUL", "write it again"),
    ("", "truncated.csv.gz", None, "", "gzip data end too early", "copy the file again"),
    ("", "unclosed_quote.csv", 3, "", "quote", "mend the quotes"),
]
CASES = pytest.mark.parametrize(("number", "name", "line", "column", "message", "mend"), REFUSED,
                                ids=[f"{one[0]}-{one[1]}" for one in REFUSED])
ASKED_ANEW = {"no_numeric_column.csv", "decimal_comma_ambiguous.csv", "thousands_ambiguous.csv",
              "day_or_month_first.csv"}  # a model knows the column, the signs, the format


@CASES
def test_train_ends_with_65_and_the_model_that_was_there_stays(installed, tmp_path, number, name, line, column,
                                                               message, mend):
    shutil.copyfile(FIXTURES / name, tmp_path / name)
    (tmp_path / "old.grucast").write_bytes(b"a model trained last year")
    before = contents(tmp_path)
    ended = installed("train", name, "-o", "old.grucast", "--max-seconds", "1", "--epochs", "1", "--hidden", "4")
    assert ended.code == 65
    where = f"{name}:{line}: " if line else f"{name}: "
    assert ended.error.startswith(f"grucast: error: {where}" + (f"column {column!r}: " if column else ""))
    assert message in ended.error
    assert mend in ended.error
    assert contents(tmp_path) == before


@CASES
def test_check_ends_with_65_and_lists_the_fault(installed, tmp_path, number, name, line, column, message, mend):
    shutil.copyfile(FIXTURES / name, tmp_path / name)
    ended = installed("check", name, "-q")
    assert (ended.code, ended.err) == (65, "")
    faults = [one for one in csv.DictReader(io.StringIO(ended.out)) if one["severity"] == "error"]
    assert (faults[0]["file"], faults[0]["line"], faults[0]["column"]) == (name, str(line or ""), column)
    assert message in faults[0]["message"]
    assert mend in faults[0]["mend"]


@pytest.mark.parametrize(("name", "line", "message"), [
    (one[1], one[2], one[4]) for one in REFUSED if one[1] not in ASKED_ANEW | {"one_row.csv", "all_missing.csv"}])
def test_forecast_ends_with_one_line_and_changes_nothing(installed, tiny, name, line, message):
    shutil.copyfile(FIXTURES / name, tiny / name)
    (tiny / "next.csv").write_text("the forecast of yesterday")
    before = contents(tiny)
    ended = installed("forecast", name, "-m", "load.grucast", "-o", "next.csv", "--append", "all.csv")
    assert ended.code in ((65, 78) if name == "lone_giant.csv" else (65,))
    assert f"{name}:{line}: " in ended.error if line else name in ended.error
    assert contents(tiny) == before


def test_three_rows_are_too_few_to_learn_from(installed, tmp_path):
    write_lines(tmp_path / "short.csv", hourly(3))
    assert installed("check", "short.csv", "-q").code == 65
    ended = installed("train", "short.csv")
    assert ended.code == 65
    assert "nothing can be learned from 3 rows" in ended.error


@pytest.mark.parametrize("word", ["none.csv", "folder", "below/none.csv"])
def test_data_that_are_not_there_are_66(installed, tmp_path, word):
    (tmp_path / "folder").mkdir()
    for command in ("train", "check"):
        ended = installed(command, word)
        assert ended.code == 66
        assert word in ended.error
