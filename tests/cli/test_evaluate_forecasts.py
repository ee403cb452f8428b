"""`grucast evaluate forecasts`: what is written, in which format, and how it ends when something is wrong."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_reference import DOCS, documented

HOURS = [f"2024-01-01T{hour:02}:00:00" for hour in range(12)]


@pytest.fixture
def files(grucast):
    """Two series of twelve hours, a rising and a falling one, and forecasts of the last three hours of each."""
    rows = [(one, stamp, first + step * at) for one, first, step in (("up", 1, 2), ("down", 90, -3))
            for at, stamp in enumerate(HOURS)]
    Path("actuals.csv").write_text("unique_id,ds,y\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    made = [(one, stamp, y + 1, y - 1, y + 4) for one, stamp, y in rows if stamp >= HOURS[9]]
    Path("forecasts.csv").write_text("unique_id,ds,y_hat,lo-80,hi-80\n"
                                     + "".join(f"{','.join(map(str, row))}\n" for row in made))
    return lambda *words: grucast("evaluate", "forecasts", "forecasts.csv", "actuals.csv", *words)


def table(text):
    """The cells of CSV, a dictionary a line."""
    return list(csv.DictReader(io.StringIO(text)))


def test_json_has_all_together_by_series_and_by_step(files):
    found = json.loads(files("--json", "-q").out)
    assert (found["series"], found["points"], found["mae"]) == (2, 6, 1.0)
    assert found["mase"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (found["coverage"], found["wql"]) == ({"80": 1.0}, None)
    assert [(one["unique_id"], one["points"]) for one in found["by_series"]] == [("up", 3), ("down", 3)]
    assert [one["step"] for one in found["by_step"]] == [1, 2, 3]
    assert [one["winkler"] for one in found["by_step"]] == [{"80": pytest.approx(5.0)}] * 3


def test_every_key_is_explained(files):
    found = json.loads(files("--json").out)
    assert found.keys() == documented("evaluate forecasts")
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    for one in (*found["by_series"], *found["by_step"]):
        assert all(f"`{key}`" in page for key in one)


def test_csv_is_one_line_for_all_or_a_line_for_each_series_or_step(files):
    assert [(one["series"], one["points"], one["mae"]) for one in table(files("-q").out)] == [("2", "6", "1.0")]
    assert [(one["unique_id"], one["coverage-80"]) for one in table(files("-q", "--by", "series").out)] == [
        ("up", "1.0"), ("down", "1.0")]
    assert [(one["step"], one["points"]) for one in table(files("-q", "--by", "step").out)] == [
        ("1", "2"), ("2", "2"), ("3", "2")]


def test_json_lines_are_the_lines_of_the_csv(files):
    lines = [json.loads(line) for line in files("-q", "--by", "series", "--format", "jsonl").out.splitlines()]
    assert [(one["unique_id"], one["mae"], one["wql"]) for one in lines] == [("up", 1.0, None), ("down", 1.0, None)]


def test_a_table_has_a_row_a_metric_and_by_series_the_ones_that_matter(files):
    rows = [line.split() for line in files("-q", "--format", "table").out.splitlines()]
    assert ["mae", "1"] in rows
    assert ["winkler-80", "5"] in rows
    shown = files("-q", "--format", "table", "--by", "series").out.splitlines()
    assert shown[0].split() == ["unique_id", "points", "mae", "rmse", "smape", "mase", "owa", "wql", "msis",
                                "coverage-80"]
    assert shown[1].split()[:3] == ["up", "3", "1"]


def test_a_file_gets_the_output_and_standard_output_nothing(files):
    ran = files("-q", "--json", "-o", "out.json")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert json.loads(Path("out.json").read_text())["points"] == 6


def test_notes_are_said_on_standard_error_and_stand_in_the_json(files):
    ran = files("--json")
    note = "wql is left out: it needs the nine deciles, and there is no 0.2, 0.3, 0.4, 0.6, 0.7, 0.8"
    assert json.loads(ran.out)["notes"] == [note]
    assert ran.err == f"grucast: note: {note}\n"


def test_season_and_history_say_what_errors_are_scaled_by(files):
    Path("past.csv").write_text("unique_id,ds,y\n" + "".join(f"up,2023-12-31T{hour:02}:00:00,{hour % 3 * 5}\n"
                                                             for hour in range(8)))
    found = json.loads(files("--history", "past.csv", "--season", "2", "--json", "-q").out)
    assert found["season"] == 2
    # two hours apart: 10, 5, 5 in turn, six of them; the series that is not in it has its own rows before, 6 apart
    assert [one["mase"] for one in found["by_series"]] == pytest.approx([1 / (40 / 6), 1 / 6])


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["nowhere.csv", "actuals.csv"], 66, "nowhere.csv: there is no such file"),
        (["forecasts.csv", "nowhere.csv"], 66, "nowhere.csv: there is no such file"),
        (["forecasts.csv", "actuals.csv", "--history", "nowhere.csv"], 66, "nowhere.csv: there is no such file"),
        (["forecasts.csv"], 2,
         "ACTUALS is missing, and forecasts.csv has no column y; name a file that says what came true"),
        ([], 2, "FORECASTS is missing; see grucast evaluate forecasts --help"),
        (["forecasts.csv", "actuals.csv", "--season", "0"], 2, "--season: 0 is not between 1 and 100000"),
        (["forecasts.csv", "actuals.csv", "--by", "stepp"], 2,
         "--by: 'stepp' is not one of series, step, did you mean 'step'?"),
        (["forecasts.csv", "actuals.csv", "--by", "step", "--json"], 2,
         "--by step and JSON do not go together: it has all, series and steps; leave --by out"),
        (["forecasts.csv", "actuals.csv", "-o", "actuals.csv"], 2,
         "actuals.csv is read by this very command; name another file to write to"),
        (["forecasts.csv", "actuals.csv", "--forecast-col", "y_hut"], 65,
         "forecasts.csv:1: there is no column 'y_hut', did you mean 'y_hat'?"),
        (["actuals.csv", "actuals.csv"], 65,
         "actuals.csv:1: there is no column of forecasts, such as y_hat; name it with --forecast-col"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_an_exit_code(grucast, files, words, code, line):
    ran = grucast("evaluate", "forecasts", *words)
    assert (ran.code, ran.out, ran.err) == (code, "", f"grucast: error: {line}\n")


def test_an_empty_file_of_forecasts_is_bad_data(grucast, files):
    for content, said in (("", "the file is empty"), ("ds,y_hat\n", "there are no rows below the header")):
        Path("empty.csv").write_text(content)
        ran = grucast("evaluate", "forecasts", "empty.csv", "actuals.csv")
        assert (ran.code, ran.out, ran.err) == (65, "", f"grucast: error: empty.csv: {said}\n")


def test_standard_input_holds_forecasts_too(grucast, files, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("forecasts.csv").read_bytes())))
    assert json.loads(grucast("evaluate", "forecasts", "-", "actuals.csv", "--json", "-q").out)["points"] == 6


def test_several_files_of_actual_values_are_read_as_one(grucast, files):
    lines = Path("actuals.csv").read_text().splitlines(keepends=True)
    Path("one.csv").write_text("".join(lines[:15]))
    Path("two.csv").write_text("".join([lines[0], *lines[15:]]))
    ran = grucast("evaluate", "forecasts", "forecasts.csv", "one.csv", "two.csv", "--json", "-q")
    assert json.loads(ran.out)["by_series"] == json.loads(files("--json", "-q").out)["by_series"]


def test_the_help_has_an_example(grucast):
    assert "Example:\n  grucast evaluate forecasts" in grucast("evaluate", "forecasts", "--help").out


def test_nothing_heavy_is_imported(files):
    heavy = "pandas", "torch", "sklearn", "scipy", "rich", "pydantic", "matplotlib"
    code = ("import sys; from grucast.cli import boundary; from grucast.cli.app import _command\n"
            "boundary.run(_command, sys.argv[1:])\n"
            f"sys.exit(','.join(name for name in {heavy!r} if name in sys.modules) or 0)")
    words = "evaluate", "forecasts", "forecasts.csv", "actuals.csv", "--json", "--season", "2"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["points"] == 6


FIXTURES = Path(__file__).parents[1] / "data" / "fixtures"
FAULTS = sorted(one for one in FIXTURES.iterdir() if not one.name.startswith("."))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_a_faulty_file_is_measured_or_refused_with_one_line(grucast, files, fault):
    for words in ([str(fault), "actuals.csv"], ["forecasts.csv", str(fault)], [str(fault), str(fault)],
                  ["forecasts.csv", "actuals.csv", "--history", str(fault)]):  # fmt: skip
        ran = grucast("evaluate", "forecasts", *words, "-q")
        assert ran.code in (0, 65), (words, ran.err)
        if ran.code == 65:
            assert (ran.out, ran.err.count("\n"), ran.err[:16]) == ("", 1, "grucast: error: "), words
