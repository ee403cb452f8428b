"""`grucast backtest` says what was done on standard error and gives the figures on standard output."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from grucast.evaluation import BASELINES
from grucast.training import fit as fitting
from tests.command import TINY, hourly, write_lines

DOCS = Path(__file__).parents[2] / "docs"
WORDS = ("backtest", "load.csv", *TINY, "--season", "24", "--context-length", "24", "--horizon", "6")


@pytest.fixture
def load(tmp_path, monkeypatch):
    """300 hours of a load; training is short."""
    monkeypatch.setattr(fitting, "STEPS_MIN", 3)
    monkeypatch.setattr(fitting, "STEPS_MAX", 3)
    return write_lines(tmp_path / "load.csv", hourly(300))


def test_a_line_for_each_forecaster(grucast, load):
    ran = grucast(*WORDS, "--step", "5")
    lines = list(csv.DictReader(io.StringIO(ran.out)))
    assert ran.code == 0
    assert [one["forecaster"] for one in lines] == ["grucast", *BASELINES.names()]
    assert list(lines[0])[1:] == ["mae", "rmse", "mse", "smape", "mase", "wql", "msis", "coverage-80", "coverage-95"]
    assert all(float(one["mae"]) > 0 for one in lines)


def test_what_was_done_is_said_with_the_skill(grucast, load):
    said = grucast(*WORDS, "--step", "5").err
    # 30 of 300 rows are the test part; origins 270, 275, ..., 290
    assert "5 windows of 6 rows, last rows known from 2024-01-12T05:00:00 to 2024-01-13T01:00:00\n" in said
    assert re.search(r"^(no )?skill", said, re.MULTILINE)


def test_quiet_leaves_the_figures_alone(grucast, load):
    ran = grucast(*WORDS, "--step", "5", "-q")
    assert ran.err == ""
    assert ran.out.startswith("forecaster,")


def test_a_table_is_aligned(grucast, load):
    first, second, *_ = grucast(*WORDS, "--step", "5", "--format", "table", "-q").out.splitlines()
    assert first.split()[:4] == ["forecaster", "MAE", "RMSE", "sMAPE"]
    assert second.startswith("grucast ")


def test_json_has_the_keys_that_the_reference_explains(grucast, load):
    document = json.loads(grucast(*WORDS, "--splits", "200:40:30", "--step", "8", "--json").out)
    section = (DOCS / "reference" / "json.md").read_text().partition("## grucast backtest --json\n")[2]
    rows = [line.split("|") for line in section.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    assert [row[1].strip(" `") for row in rows] == list(document)
    assert set(document["protocol"]) <= set(re.findall("`([a-z_]+)`", rows[0][2]))
    assert document["protocol"]["splits"] == [200, 40, 30]
    assert document["windows"] == 4
    assert len(document["by_step"]) == 6
    assert [one["unique_id"] for one in document["by_series"]] == ["load"]


def test_the_report_goes_to_a_file_and_forecasts_to_another(grucast, load, tmp_path):
    files = "-o", "report.json", "--forecasts", "all.csv"
    ran = grucast(*WORDS, "--step", "8", "--json", *files, "--levels", "50", "-q")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    report = json.loads((tmp_path / "report.json").read_text())
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert lines[0] == "unique_id,cutoff,ds,y_hat,lo-50,hi-50,y"
    assert len(lines) == 1 + 6 * report["windows"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.csv", "load.csv", "report.json"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--splits", "1:2"), 2, "--splits takes three numbers"),
        (("--refit", "weekly"), 2, "--refit: 'weekly' is not one of never, each"),
        (("--step", "0"), 2, "--step: 0 is not at least 1"),
        (("--jobs", "2"), 2, "--jobs would change nothing"),
        (("--splits", "9000:100:100"), 65, "asks for 9200 rows, and there are 300"),
        (("--resume",), 66, "there is no run to go on with"),
        (("--forecasts", "nowhere/all.csv"), 73, "there is no folder nowhere"),
        (("-m", "none.grucast"), 66, "none.grucast"),
    ],
)
def test_an_error_is_one_line_with_its_code(grucast, load, words, code, says):
    ran = grucast("backtest", "load.csv", *words)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert ran.err.count("\n") == 1
