"""The benchmarks read what the README names, judge what came of a file, and say where data are when they are not."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import common  # noqa: E402
import forecast_folder  # noqa: E402

SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "common.py")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_in_the_readme(script):
    assert f"benchmarks/{script}" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", ["forecast_folder.py", "m4.py"])
def test_without_the_data_one_line_says_where_to_get_them(script):
    done = subprocess.run([sys.executable, FOLDER / script], capture_output=True, text=True, check=False)
    assert done.returncode == 66
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "--data DIR" in done.stderr
    assert "README.md" in done.stderr


def test_a_file_is_found_gzipped_or_not(tmp_path):
    (tmp_path / "b.csv.gz").touch()
    assert common.find(tmp_path, ["a.csv", "b.csv"], "nowhere") == tmp_path / "b.csv.gz"


def test_the_competitions_wide_files_and_long_files_hold_the_same(tmp_path):
    import m4

    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv.gz"
    wide.write_text('"V1","V2","V3","V4"\n"H1","5","6.5",""\n"H2","7","8","9"\n')
    long.write_bytes(gzip.compress(b"unique_id,ds,y\nH1,1,5\nH1,2,6.5\nH2,1,7\nH2,2,8\nH2,3,9\n"))
    for path in (wide, long):
        found = m4.read_rows(path)
        assert {name: values.tolist() for name, values in found.items()} == {"H1": [5.0, 6.5], "H2": [7.0, 8.0, 9.0]}


def answer(**changes):
    one = {"unique_id": "a", "ds": ["2024-01-01T00:00:00", "2024-01-01T01:00:00"], "y_hat": [1.0, 2.0],
           "lo-80": [0.0, 1.0], **changes}
    return {"freq": "h", "forecasts": [one]}


def test_a_right_forecast_is_right():
    assert forecast_folder.wrong_forecast(answer(), 2) == ""


@pytest.mark.parametrize(("changes", "word"), [
    ({"y_hat": [1.0, float("nan")]}, "finite"),
    ({"lo-80": [None, 1.0]}, "finite"),
    ({"ds": ["2024-01-01T00:00:00"]}, "stamps"),
    ({"ds": ["2024-01-01T00:00:00", "2024-01-01T02:00:00"]}, "steps of h"),
    ({"ds": ["2024-01-01T01:00:00", "2024-01-01T00:00:00"]}, "steps of h"),
])
def test_a_wrong_forecast_is_told(changes, word):
    assert word in forecast_folder.wrong_forecast(answer(**changes), 2)


def test_no_forecast_is_wrong():
    assert forecast_folder.wrong_forecast({"freq": "h", "forecasts": []}, 2) == "no forecast"


@pytest.mark.parametrize(("ds", "freq", "right"), [
    ([4.0, 5.0], "", True),
    ([5, 4], "", False),
    (["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"], "h", True),  # the clock goes forward
    (["2024-03-30T00:00:00+01:00", "2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"], "D", True),
    (["2024-01-05T00:00:00", "2024-01-08T00:00:00"], "B", True),
    (["2024-01-05T00:00:00", "2024-01-06T00:00:00"], "B", False),
    (["2024-01-01T00:00:00", "2024-02-01T00:00:00"], "MS", True),
])
def test_stamps_are_steps_of_the_frequency(ds, freq, right):
    assert forecast_folder.stamps_right(ds, freq) is right


def test_a_report_holds_machine_versions_seed_and_time(tmp_path, capsys):
    parser = common.arguments("")
    report = common.Report("x", parser.parse_args(["--json", str(tmp_path / "x.json"), "--seed", "3"]))
    report.show(common.Table("T", ("", "MAE"), (("naive", "1"),)))
    report.close(mae=1.0)
    written = json.loads((tmp_path / "x.json").read_text())
    assert {"machine", "cores", "python", "numpy", "torch", "seed", "seconds", "mae"} <= set(written)
    assert written["seed"] == 3
    assert "| naive |" in capsys.readouterr().out


def test_naive2_of_a_row_is_what_the_competition_computes():
    import m4

    # season 4, indices 0.4 0.8 1.2 1.6 by hand; last value 8 in phase 3: 8 / 1.6 = 5
    y = np.tile([2.0, 4.0, 6.0, 8.0], 10)[:, None]
    contest = m4.Contest("x", 6, 4, 8, (0.0, 0.0), ())
    data = m4.Data(("a",), (y,), np.tile([2.0, 4.0, 6.0, 8.0, 2.0, 4.0], (1, 1))[:, :, None])
    assert m4.reference(data, contest, np.ones((1, 1)))["smape"] == pytest.approx(0.0, abs=1e-9)
