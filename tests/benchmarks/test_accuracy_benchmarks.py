"""The benchmarks of many sets: which files and columns count, what stands beside, and what a command costs."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import coverage  # noqa: E402
import exchange  # noqa: E402
import newcomer  # noqa: E402
import scale  # noqa: E402
import trials  # noqa: E402


def script(name, *words):
    return subprocess.run([sys.executable, FOLDER / name, *words], capture_output=True, text=True, check=False)


def write_daily(path, rows, seed=3):
    """A week, noise, and a column `open` that repeats the row before in five rows of six or more."""
    stamps = np.datetime64("2021-03-01") + np.arange(rows)
    week = np.arange(rows) % 7
    y = 50 + 10 * np.sin(week) + np.random.default_rng(seed).normal(0, 1, rows)
    lines = [f"{stamp},{value:.3f},{int(day == 6)}\n" for stamp, value, day in zip(stamps, y, week, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("day,load,open\n" + "".join(lines), encoding="utf-8")


# ---- which sets, which columns -------------------------------------------------------------------


def test_sets_with_a_benchmark_of_their_own_are_left_out_and_the_smallest_come_first(tmp_path):
    for name, size in (("a/ETTm1.csv", 1), ("a/m4_weekly_train.csv.gz", 2), ("b/exchange_rate_8.csv", 3),
                       ("b/large.csv", 9), ("a/small.csv", 4), ("b/large_test.csv", 5)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert [path.name for path in trials.sets(tmp_path, [])] == ["small.csv", "large.csv"]
    assert [path.name for path in trials.sets(tmp_path, ["b"])] == ["large.csv"]


def test_where_there_is_an_index_only_what_it_lists_counts(tmp_path):
    for name in ("listed.csv", "beats.csv"):
        (tmp_path / name).touch()
    (tmp_path / "INDEX.csv").write_text("name,file\nlisted,listed.csv\n")
    assert [path.name for path in trials.sets(tmp_path, [])] == ["listed.csv"]


def test_the_share_of_rows_that_repeat_the_row_before_is_counted_within_series_and_over_what_is_observed():
    first, second = np.array([1.0, 1.0, 1.0, 2.0]), np.array([2.0, np.nan, 2.0, 2.0])
    assert trials.repeated([first, second]) == 3 / 4  # 1-1, 1-1, 1-2 and 2-2; no step from one series to the next


def test_a_column_that_never_moves_or_was_never_seen_repeats_the_row_before():
    assert trials.repeated([np.full(5, 3.0)]) == 1.0
    assert trials.repeated([np.full(4, np.nan)]) == 1.0


def test_codes_are_left_out_and_the_horizon_is_the_default_one(tmp_path):
    path = tmp_path / "shop.csv"
    write_daily(path, 350)
    lines = path.read_text().splitlines()
    closed = [line[:-1] + str(int(row > 200)) for row, line in enumerate(lines[1:])]
    path.write_text("\n".join([lines[0], *closed]) + "\n")
    seen = trials.look(path)
    assert (seen.rows, seen.horizon, seen.left_out) == (350, 14, ("open",))  # 14 days
    assert seen.kept() == [True, False]


# ---- beside what ---------------------------------------------------------------------------------


def test_the_seasonal_naive_forecast_is_taken_where_it_is_better_in_training_column_by_column():
    rows = np.arange(60)
    y = np.stack([rows % 5, rows * 1.0], axis=1)  # what repeats; a line, on which an older value is further away
    assert newcomer.better(y, 3, 5) == ["seasonal_naive", "naive"]


@pytest.mark.parametrize(("rows", "season"), [(60, 1), (7, 5)])
def test_without_a_season_that_fits_the_naive_forecast_stands_beside(rows, season):
    assert newcomer.better(np.arange(rows)[:, None] % 5.0, 3, season) == ["naive"]


def test_missing_values_decide_nothing():
    y = np.tile([0.0, 4.0, 1.0, 3.0], 12)[:, None]
    y[17:31] = np.nan
    assert newcomer.better(y, 2, 4) == ["seasonal_naive"]


def test_the_baseline_is_chosen_without_the_rows_that_are_judged(tmp_path):
    path = tmp_path / "shop.csv"
    write_daily(path, 210)
    before = newcomer.chosen(trials.look(path), 140, 7)
    lines = path.read_text().splitlines()
    later = [f"{line.split(',')[0]},{row * 1e6},0" for row, line in enumerate(lines[141:])]
    path.write_text("\n".join(lines[:141] + later) + "\n")
    assert newcomer.chosen(trials.look(path), 140, 7) == before
    assert before[0] == "seasonal_naive"


def entry(ours, naive, seasonal, inside=0.8):
    return {"grucast": {"mase": ours, "coverage": {"80": inside, "95": None}}, "naive": {"mase": naive},
            "seasonal_naive": {"mase": seasonal}, "linear": {"mase": naive}}


def test_the_ratio_is_that_of_the_means_each_series_beside_its_own_baseline():
    found = newcomer.judge([entry(1.0, 2.0, 9.0, 0.7), entry(2.0, 9.0, 4.0, 0.8)], ["naive", "seasonal_naive"])
    assert (found["mase"], found["baseline_mase"], found["ratio"]) == (1.5, 3.0, 0.5)
    assert (found["seasonal"], found["undefined"], found["coverage80"]) == (1, 0, pytest.approx(0.75))
    assert (found["over_linear"], found["coverage95"]) == (pytest.approx(3 / 11), None)


def test_a_series_without_a_mase_is_counted_and_does_not_count():
    found = newcomer.judge([entry(None, None, None), entry(3.0, 2.0, 4.0)], ["naive", "naive"])
    assert (found["ratio"], found["undefined"], found["series"]) == (1.5, 1, 2)


def test_the_summary_has_the_geometric_mean_what_is_above_the_bar_and_what_went_wrong():
    results = [{"set": "a", "wrong": "", "ratio": 0.5}, {"set": "b", "wrong": "", "ratio": 2.0},
               {"set": "c", "wrong": "train: exit 70"}, {"set": "d", "wrong": "", "ratio": None}]
    found = newcomer.summary(results)
    assert found["geometric_mean"] == pytest.approx(1.0)
    assert (found["sets"], found["above"], found["wrong"]) == (2, {"b": 2.0}, ["c"])


# ---- intervals -----------------------------------------------------------------------------------


def scores(inside80, inside95, msis=1.0, wql=0.1):
    return {"coverage": {"80": inside80, "95": inside95}, "msis": msis, "wql": wql}


def test_intervals_are_gathered_over_series_and_scores_where_all_methods_have_them():
    first = {"grucast": scores(0.7, 0.9, 2.0), "seasonal_naive": scores(0.8, 1.0, 3.0), "linear": scores(0.8, 0.9, 4.0)}
    second = {"grucast": scores(0.9, 1.0, 8.0), "seasonal_naive": scores(0.6, 0.9, None), "linear": scores(0.8, 0.9)}
    found = coverage.gather([first, second])
    assert found["grucast"]["80"] == pytest.approx(0.8)
    assert found["seasonal_naive"]["95"] == pytest.approx(0.95)
    assert (found["grucast"]["msis"], found["seasonal_naive"]["msis"], found["linear"]["msis"]) == (2.0, 3.0, 4.0)


def judged(name, ours, beside):
    one = {"set": name, "wrong": "", "grucast": {"80": ours[0], "95": ours[1], "msis": ours[2]},
           "seasonal_naive": {"80": beside[0], "95": beside[1], "msis": beside[2]}}
    return {**one, "steady": coverage.off(one["seasonal_naive"]) <= coverage.STEADY}


def test_sets_count_as_near_within_two_points_where_the_rows_are_like_those_before():
    found = coverage.summary([
        judged("near", (0.82, 0.94, 3.0), (0.84, 0.95, 3.0)),
        judged("far", (0.80, 0.92, 5.0), (0.80, 0.95, 4.0)),
        judged("shifts", (0.50, 0.70, 5.0), (0.60, 0.95, 9.0)),
    ])
    assert (found["sets"], found["steady"], found["near"]) == (3, 2, ["near"])
    assert found["msis_no_worse"] == ["near", "shifts"]


@pytest.mark.parametrize(("rows", "horizon", "windows", "step"), [
    (10_000, 24, 200, 4),  # 1,000 rows hold 977 windows; every fourth gives 244
    (100, 12, 200, 1),
])
def test_windows_are_spread_over_the_report_part(rows, horizon, windows, step):
    assert coverage.step_of(rows, horizon, windows) == step


# ---- exchange rates ------------------------------------------------------------------------------


def test_the_parts_of_exchange_rates_are_those_of_the_papers_and_leave_no_row_out():
    assert exchange.parts(7588) == (5311, 760, 1517)
    assert sum(exchange.parts(101)) == 101


def test_what_a_command_says_of_its_skill_is_found_in_its_talk():
    said = "4 windows\nno skill over the naive forecast: the errors are alike\ngrucast: note: 5: no skill over drift\n"
    spent = trials.Spent(0, "", said, 1.0, 1.0, 1.0)
    assert exchange.verdict(spent) == "no skill over the naive forecast: the errors are alike"


# ---- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_the_slope_is_the_power_with_which_costs_grow(power):
    sizes = [100.0, 1_000.0, 10_000.0]
    assert scale.slope(sizes, [3.0 + 0.5 * size**power for size in sizes], 3.0) == pytest.approx(power, abs=1e-5)


def test_points_that_cost_hardly_more_than_starting_say_nothing_of_a_slope():
    assert scale.slope([1.0, 2.0, 4.0, 8.0], [10.0, 10.5, 14.0, 18.0], 10.0) == 1.0  # 4 and 8 more at 4 and 8
    assert scale.slope([1.0, 2.0, 4.0], [10.0, 10.5, 14.0], 10.0) is None


def test_a_file_of_several_series_has_all_rows_of_each(tmp_path):
    path = tmp_path / "x.csv"
    scale.write(path, 5, 3, seed=1)
    lines = path.read_text().splitlines()
    assert lines[0] == "unique_id,ds,y"
    assert [line.split(",")[0] for line in lines[1:]] == ["s0"] * 5 + ["s1"] * 5 + ["s2"] * 5
    assert lines[6].split(",")[1] == lines[1].split(",")[1] == "2020-01-01T00:00:00"


def test_one_dimension_grows_and_the_others_stay():
    sizes = scale.shapes("series", 0.5)
    assert [size for size, _ in sizes] == [8, 32, 128, 512]
    assert {(shape.rows, shape.horizon, shape.context) for _, shape in sizes} == {(300, 24, 96)}
    assert [shape.context for _, shape in scale.shapes("context", 0.5)] == [96, 384, 1536]


def test_a_command_is_told_apart_by_what_it_says_costs_and_ends_with(tmp_path):
    busy = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint('out'); print('err', file=sys.stderr)\n"
    found = trials.spend([sys.executable, "-c", busy + "sys.exit(3)"], tmp_path)
    assert (found.code, found.stdout, found.stderr) == (3, "out\n", "err\n")
    assert 0.3 <= found.cpu <= found.seconds + 0.1


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    found = trials.spend([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, limit=0.3)
    assert found.code == 124
    assert "longer than" in found.stderr
    assert found.seconds < 30


def test_memory_is_that_of_the_command_and_not_of_who_measures(tmp_path):
    ballast = bytearray(b"x") * (200 << 20)
    small = trials.spend([sys.executable, "-c", "pass"], tmp_path).peak
    large = trials.spend([sys.executable, "-c", "x = bytearray(b'x') * (150 << 20)"], tmp_path).peak
    assert len(ballast) / 2**20 > 100 > small
    assert 140 < large - small < 160


# ---- as commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["newcomer.py", "coverage.py", "exchange.py", "cells.py"])
def test_without_the_data_one_line_says_where_to_get_them(name):
    done = script(name)
    assert done.returncode == 66
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "--data DIR" in done.stderr


@pytest.mark.slow
def test_newcomer_and_coverage_measure_a_set_and_name_one_that_went_wrong(tmp_path):
    write_daily(tmp_path / "forecast" / "shops" / "shop.csv", 300)
    (tmp_path / "forecast" / "shops" / "broken.csv").write_text("day,load\n2021-03-01,1\n2021-03-02,\n")
    for name in ("newcomer", "coverage"):
        done = script(f"{name}.py", "--data", str(tmp_path), "--train", "--epochs 1 --hidden 4", "--json",
                      str(tmp_path / "found.json"))
        assert done.returncode == 1, done.stderr
        found = json.loads((tmp_path / "found.json").read_text())
        assert found["wrong"] == ["broken"]
        assert found["benchmark"] == name
        assert {one["set"] for one in found["results"]} == {"broken", "shop"}
        assert "| shop " in done.stdout


@pytest.mark.slow
def test_exchange_and_cells_and_scale_run_on_small_settings(tmp_path):
    rng = np.random.default_rng(2)
    walk = 1.0 + 0.01 * rng.normal(size=(400, 2)).cumsum(axis=0)
    stamps = np.datetime64("1990-01-01") + np.arange(400)
    rows = [f"{stamp},{one:.5f},{two:.5f}\n" for stamp, (one, two) in zip(stamps, walk, strict=True)]
    (tmp_path / "exchange_rate_8.csv").write_text("date,0,OT\n" + "".join(rows))
    found = tmp_path / "found.json"
    small = ["--data", str(tmp_path), "--horizons", "8", "--context", "12", "--train", "--epochs 1 --hidden 4"]
    done = script("exchange.py", *small, "--json", str(found))
    assert done.returncode == 0, done.stderr
    results = json.loads(found.read_text())["results"]
    assert [one["horizon"] for one in results] == [8, "14, train"]
    assert results[0]["windows"] == 80 - 8 + 1  # every window of the last fifth
    assert all("skill" in one["verdict"] for one in results)
    done = script("scale.py", "--only", "windows", "--factor", "0.1", "--json", str(found))
    assert done.returncode == 0, done.stderr
    assert all(math.isfinite(one) and one > 0 for one in json.loads(found.read_text())["windows"].values())
    lines = "".join(f"{stamp},{value:.3f}\n" for stamp, value in zip(
        np.datetime64("2016-07-01T00") + np.arange(14_400), np.sin(np.arange(14_400) / 4), strict=True))
    (tmp_path / "ETTh1.csv").write_text("date,OT\n" + lines)
    done = script("cells.py", "--data", str(tmp_path), "--cells", "rnn", "--sets", "ETTh1", "--horizon", "6",
                  "--context", "12", "--epochs", "1", "--json", str(found))
    assert done.returncode == 0, done.stderr
    one = json.loads(found.read_text())["results"][0]
    assert (one["cell"], one["windows"]) == ("rnn", 2880 - 6 + 1)
    assert one["parameters"] > 0 < one["peak"]
