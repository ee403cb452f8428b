"""The benchmark of covariates: the same rows for all sides, ratios to the side without, and what is counted."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import covariates  # noqa: E402
import trials  # noqa: E402
from common import Failed  # noqa: E402


def report(wql):
    metrics = {"wql": wql, "mase": 0.5, "coverage": {"80": 0.79, "95": 0.94}}
    return {"windows": 7, "notes": [], "metrics": dict.fromkeys(("grucast", "seasonal_naive", "linear"), metrics)}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """What three sides give whose WQL are those named, None for one that goes wrong; and the words of each command."""

    def run(*wql):
        answers, asked = iter(wql), []

        def answer(path, words, *, limit):
            asked.append((path.read_text(), words))
            found = next(answers)
            if found is None:
                raise Failed("backtest: exit 65: it is empty")
            return report(found), trials.Spent(0, "", "", 1.0, 2.0, 3.0)

        monkeypatch.setattr(covariates, "backtest", answer)
        (tmp_path / "load.csv").write_text("ds,y\n1,10\n2,20\n3,30\n")
        trial = covariates.Trial("load", "load.csv", "--horizon 1", {"one": "--known-col a", "two": "--holidays DE"},
                                 cut=True)
        return list(covariates.measure(trial, tmp_path, rows=2, words=["--seed", "3"], limit=9.0)), asked

    return run


def test_every_side_has_the_same_last_rows_and_its_own_words(measured):
    _, asked = measured(0.4, 0.3, 0.2)
    assert {content for content, _ in asked} == {"ds,y\n2,20\n3,30\n"}
    assert [words for _, words in asked] == [["--horizon", "1", *more, "--seed", "3"]
                                            for more in ((), ("--known-col", "a"), ("--holidays", "DE"))]


def test_a_ratio_is_to_the_side_without_and_the_best_one_counts(measured):
    results, _ = measured(0.4, 0.38, 0.34)
    assert [one["ratio"] for one in results] == [1.0, pytest.approx(0.95), pytest.approx(0.85)]
    found = covariates.summary(results)
    assert (found["best"], found["reached"], found["wrong"]) == ({"load": pytest.approx(0.85)}, ["load"], [])


def test_a_side_that_goes_wrong_is_named_and_the_others_go_on(measured):
    results, _ = measured(0.4, None, 0.44)
    found = covariates.summary(results)
    assert (found["best"], found["reached"], found["wrong"]) == ({"load": pytest.approx(1.1)}, [], ["load, one"])
    assert covariates.row(results[1])[-1] == "backtest: exit 65: it is empty"
    assert len({len(covariates.row(one)) for one in results}) == 1


def test_a_file_that_is_compressed_is_cut_alike(tmp_path):
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"ds,y\n1,10\n2,20\n3,30\n"))
    assert covariates.last_rows(packed, 1, tmp_path / "cut.csv").read_text() == "ds,y\n3,30\n"


def test_without_data_it_says_where_they_come_from(tmp_path):
    done = subprocess.run([sys.executable, FOLDER / "covariates.py", "--data", tmp_path / "none"], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 66
    assert "benchmarks/README.md" in done.stderr
