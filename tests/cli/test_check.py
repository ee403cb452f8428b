"""The data doctor tells everything at once, and its exit code says whether train would read the data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"


def checked(grucast, name, *arguments):
    return grucast("check", str(FIXTURES / name), *arguments)


def test_data_that_train_would_read_are_described(grucast):
    ran = checked(grucast, "gap_and_empty_cell.csv", "--json", "-q")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert (found["readable"], found["rows"], found["series"], found["freq"]) == (True, 7, 1, "h")
    assert (found["columns"]["time"], found["columns"]["target"]) == (["ds"], ["load"])
    assert (found["first"], found["last"]) == ("2024-01-01T00:00:00", "2024-01-01T08:00:00")
    assert (found["missing_rows"], found["missing_cells"]) == (2, 1)


def test_every_fault_is_told_with_its_line_and_mend(grucast):
    ran = checked(grucast, "text_in_two_rows.csv", "--json")
    faults = [one for one in json.loads(ran.out)["findings"] if one["severity"] == "error"]
    assert ran.code == 65
    assert [(one["line"], one["column"]) for one in faults] == [(3, "load"), (4, "load")]
    assert "--na-value n/a" in faults[0]["mend"]


def test_the_mend_that_was_told_mends(grucast):
    assert checked(grucast, "text_in_two_rows.csv", "--na-value", "n/a", "--na-value", "x").code == 0


def test_a_page_shows_what_was_understood_and_then_the_faults(grucast):
    lines = checked(grucast, "text_in_two_rows.csv", "--format", "table").out.splitlines()
    assert lines[0].split() == ["rows", "5", "in", "1", "series,", "wide"]
    assert lines[-2].startswith("error: ")
    assert "text_in_two_rows.csv:3: column 'load': 'n/a' is not a number" in lines[-2]


def test_csv_is_a_finding_a_row(grucast):
    lines = checked(grucast, "text_in_two_rows.csv").out.splitlines()
    assert lines[0] == "severity,file,line,column,message,mend"
    assert [line.split(",")[0] for line in lines[1:3]] == ["error", "error"]


def test_gaps_that_must_not_be_are_a_fault(grucast):
    assert checked(grucast, "gap_and_empty_cell.csv", "--gaps", "error").code == 65


def test_a_file_that_nothing_can_be_read_from_is_told_as_a_finding(grucast):
    ran = checked(grucast, "empty.csv", "--json")
    found = json.loads(ran.out)
    assert ran.code == 65
    assert found.keys() == {"readable", "findings"}
    assert found["readable"] is False
    assert len(found["findings"]) == 1


@pytest.mark.parametrize("arguments", [["none.csv"], ["none.csv", "--json"]])
def test_a_file_that_is_not_there_is_missing_input(grucast, arguments):
    ran = grucast("check", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (66, "", 1)


def test_a_column_that_is_not_there_is_guessed_at(grucast):
    ran = checked(grucast, "gap_and_empty_cell.csv", "--target-col", "laod", "--json")
    assert ran.code == 65
    assert "did you mean 'load'?" in json.loads(ran.out)["findings"][0]["message"]
