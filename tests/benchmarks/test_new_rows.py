"""Ten new rows are measured from end to end, and what is said of them is that of a run without a state."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

from new_rows import differ  # noqa: E402


def line(ds, **numbers):
    return {"ds": ds, "flags": "", **{name: repr(value) for name, value in numbers.items()}}


def test_the_last_lines_are_compared_by_the_largest_share_that_they_differ_by():
    mine = [line("b", score=2.0, y_hat=50.0), line("c", score=4.0, y_hat=50.0)]
    theirs = [line("a", score=9.0, y_hat=9.0), line("b", score=2.0, y_hat=40.0), line("c", score=5.0, y_hat=50.0)]
    assert differ(mine, theirs, ("score", "y_hat")) == pytest.approx(0.25)
    assert differ(mine, theirs, ("score",)) == pytest.approx(0.2)
    assert differ(theirs, theirs, ("score", "y_hat")) == 0.0


def test_other_stamps_or_flags_are_another_answer():
    assert differ([line("a", score=1.0)], [line("b", score=1.0)], ("score",)) == math.inf
    assert differ([line("a", score=1.0)], [line("a", score=1.0) | {"flags": "late"}], ("score",)) == math.inf


def test_a_number_that_is_missing_differs_from_one_that_is_there():
    empty = line("a", score=1.0) | {"score": ""}
    assert differ([empty], [empty], ("score",)) == 0.0
    assert math.isnan(differ([empty], [line("a", score=1.0)], ("score",)))


@pytest.mark.parametrize("command", ["forecast", pytest.param("detect-anomalies", marks=pytest.mark.slow)])
def test_runs_over_a_short_and_a_longer_file_are_measured(command, tmp_path):
    words = ["--command", command, "--sizes", "2000,7000", "--runs", "1", "--json", "found.json"]
    done = subprocess.run([sys.executable, str(FOLDER / "new_rows.py"), *words], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["cost"]) == set(found["tail"]) == set(found["whole"]) == {"2000", "7000"}
    for name in ("tail", "whole"):
        assert max(found[name].values()) < (1e-6 if command == "detect-anomalies" else 1e-15)
