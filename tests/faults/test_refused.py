"""Data that cannot be right end every command with its code and one line, and change nothing that was there."""

from __future__ import annotations

import pytest

from tests.command import contents, hourly, write_lines
from tests.faults.fault_files import copied, refused

ASKED_ANEW = {"no_numeric_column.csv", "decimal_comma_ambiguous.csv", "thousands_ambiguous.csv",
              "day_or_month_first.csv"}  # a model knows the column, the signs, the format
MAY_BE_OTHER_DATA = {"lone_giant.csv", "split_decimal_commas.csv"}


@pytest.mark.parametrize(("name", "line"), [
    (name, line) for _, name, line in refused() if name not in ASKED_ANEW | {"one_row.csv", "all_missing.csv"}])
def test_forecast_ends_with_one_line_and_changes_nothing(installed, tiny, name, line):
    """A file that ends up without the model's column or on another level is 78 as well."""
    copied(name, tiny)
    (tiny / "next.csv").write_text("the forecast of yesterday")
    before = contents(tiny)
    ended = installed("forecast", name, "-m", "load.grucast", "-o", "next.csv", "--append", "all.csv")
    assert ended.code in (65, 78)
    assert ended.code == 65 or name in MAY_BE_OTHER_DATA
    assert ended.error.startswith(f"grucast: error: {name}")
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
