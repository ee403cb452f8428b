"""The comparison with other libraries: what they are given, how they are judged, and what a process cost."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"
sys.path.insert(0, str(FOLDER))

import compare  # noqa: E402
import environments  # noqa: E402
import errand  # noqa: E402
import figures  # noqa: E402
import methods  # noqa: E402
import sets  # noqa: E402

DAILY = sets.Source("daily.csv", ("load", "price"), "D", 3, 2, time="day")


def daily(folder, rows=24):
    """A file of two columns with the newest row first: load counts rows from 0, price their squares."""
    path = folder / "daily.csv"
    lines = [f"{np.datetime64('2024-02-20') + row},{row},{row * row}\n" for row in reversed(range(rows))]
    path.write_text("day,load,price\n" + "".join(lines), encoding="utf-8")
    return path


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- what everybody is given ---------------------------------------------------------------------


def test_series_are_in_order_of_time_however_the_file_is(tmp_path):
    lines = sets.read(daily(tmp_path, rows=11), DAILY)
    assert lines["load"].y.tolist() == list(range(11))
    assert lines["price"].ds[0] == "2024-02-20T00:00:00"
    assert lines["price"].ds[10] == "2024-03-01T00:00:00"


def test_without_a_time_column_rows_are_numbered(tmp_path):
    lines = sets.read(daily(tmp_path, rows=4), replace(DAILY, time=""))
    assert lines["load"].ds == ("0", "1", "2", "3")
    assert lines["load"].y.tolist() == [3, 2, 1, 0]


def test_a_long_file_gives_a_series_for_each_id(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("who,ds,y\nb,2024-01-01,5\na,2024-01-02,2\na,2024-01-01,1\n", encoding="utf-8")
    lines = sets.read(path, sets.Source("long.csv", ("y",), "D", 1, 1, time="ds", series="who"))
    assert {name: line.y.tolist() for name, line in lines.items()} == {"a": [1, 2], "b": [5]}


def test_what_came_goes_on_where_each_history_ends(tmp_path):
    task = sets.prepare(daily(tmp_path), DAILY, tmp_path)
    assert len(task.histories) == sets.CUTOFFS
    for cutoff, history in enumerate(task.histories):
        known = [float(row["y"]) for row in rows_of(history) if row["unique_id"] == "load"]
        assert known == list(range(24 - 15 + 3 * cutoff))
        assert task.truth["load"][cutoff].tolist() == [len(known), len(known) + 1, len(known) + 2]


def test_no_history_holds_a_row_that_is_forecast(tmp_path):
    path, changed = daily(tmp_path), tmp_path / "changed"
    changed.mkdir()
    sets.prepare(path, DAILY, tmp_path)
    text = path.read_text(encoding="utf-8").splitlines()
    late = changed / "daily.csv"
    late.write_text("\n".join([text[0], *(f"{line[:10]},-7,-7" for line in text[1:4]), *text[4:]]) + "\n")
    sets.prepare(late, DAILY, changed)
    for cutoff in range(sets.CUTOFFS):
        name = f"history_{cutoff}.csv"
        assert (tmp_path / name).read_bytes() == (changed / name).read_bytes()


def test_every_set_has_its_own_name_and_there_are_ten():
    assert len({source.name for source in sets.SOURCES}) == len(sets.SOURCES) == 10


# ---- how it is judged ----------------------------------------------------------------------------


def test_forecasts_are_judged_as_by_hand(tmp_path):
    task = sets.prepare(daily(tmp_path), replace(DAILY, columns=("load",)), tmp_path)
    forecasts = {"load": task.truth["load"] + 4.0}
    forecasts["load"][-1] = 0.0
    found = compare.judge(forecasts, task)
    # 24 rows; the season is 2, so the scale is 2; the last three values are 21, 22, 23
    assert found["mase_last"] == pytest.approx(22 / 2)
    assert found["mase"] == pytest.approx((4 * 12 + 21 + 22 + 23) / 15 / 2)
    assert found["smape_last"] == pytest.approx(200.0)
    ahead = sum(200 * 4 / (2 * value + 4) for value in range(9, 21))
    assert found["smape"] == pytest.approx((ahead + 3 * 200) / 15)


def test_a_forecast_that_lacks_a_step_has_no_figure(tmp_path):
    task = sets.prepare(daily(tmp_path), DAILY, tmp_path)
    out = tmp_path / "out.csv"
    errand.write(str(out), [(cutoff, name, step, 1.0) for cutoff in range(5) for name in ("load", "price")
                            for step in range(3) if (cutoff, name, step) != (2, "price", 1)])
    forecasts = methods.read_forecasts(out, task)
    assert np.isnan(forecasts["price"]).sum() == 1
    assert math.isnan(compare.judge(forecasts, task)["mase"])


def outcome(mase, **beside):
    return {"mase": mase, "train": {"wall": 9.0, "cpu": 5.0, "peak": 7}, "cold": [{"wall": 2.0, "cpu": 1.5, "peak": 3},
            {"wall": 2.0, "cpu": 1.25, "peak": 3}], "size": 40, **beside}


def test_a_set_where_one_failed_is_said_and_counts_for_neither():
    methods_run = [methods.Method("grucast", "grucast"), methods.Method("peer GRU", "darts", "block")]
    pairs = {"a": (outcome(0.8), outcome(0.9)), "b": (outcome(0.9), outcome(0.9)), "c": (outcome(0.9), {"wrong": "no"}),
             "d": ({"wrong": "no"}, outcome(0.9)), "e": (outcome(1.2), outcome(0.9))}
    results = {name: {"grucast": ours, "peer GRU": theirs} for name, (ours, theirs) in pairs.items()}
    (line,) = figures.verdict(results, methods_run)
    assert "more accurate on 1 of 3 (2 failed)" in line


def test_a_training_that_was_ended_counts_its_steps_on():
    ended = outcome(1.0, steps=250, full=1000, fit_cpu=4.0)
    assert figures.whole(ended) == pytest.approx(5.0 + 3 * 4.0)
    assert figures.whole(outcome(1.0, steps=1000, full=1000, fit_cpu=4.0)) == 5.0
    assert figures.whole(outcome(1.0)) == 5.0


def test_ratios_are_taken_set_by_set():
    peers = {"a": outcome(2.0), "b": outcome(8.0), "c": {"wrong": "no"}}
    results = {name: {"grucast": outcome(1.0), "peer": peer} for name, peer in peers.items()}
    assert figures.mean_ratio(results, "peer", "grucast", lambda one: one.get("mase")) == pytest.approx(4.0)


def test_a_set_that_a_peer_was_not_run_on_counts_for_nothing():
    peer = methods.Method("peer GRU", "darts", "block")
    results = {"a": {"grucast": outcome(1.0), "peer GRU": outcome(2.0)}, "b": {"grucast": outcome(1.0)}}
    (line,) = figures.verdict(results, [methods.Method("grucast", "grucast"), peer])
    assert "more accurate on 1 of 1" in line


def test_every_table_has_a_row_a_set_and_a_failure_leaves_its_cell_empty():
    results = {"a": {"grucast": outcome(0.5), "seasonal naive": outcome(1.0)},
               "b": {"grucast": outcome(0.5), "seasonal naive": {"wrong": "no"}}}
    table = next(figures.accuracy(results))
    assert table.rows[0] == ("a", "0.500", "1.00")
    assert table.rows[1] == ("b", "0.500", "–")
    assert table.rows[2][1] == "0.500"


# ---- what a process cost -------------------------------------------------------------------------


def measured(tmp_path, limit, *code):
    facts = tmp_path / "cost.json"
    done = subprocess.run([sys.executable, "-I", "-S", FOLDER / "measure.py", facts, str(limit), sys.executable, "-c",
                           *code], capture_output=True, text=True, check=False)
    return done, json.loads(facts.read_text(encoding="utf-8"))


def test_the_status_and_the_output_of_the_command_come_through(tmp_path):
    done, cost = measured(tmp_path, 60, "print('said'); raise SystemExit(7)")
    assert (done.returncode, done.stdout) == (7, "said\n")
    assert 0 < cost["cpu"] < 60


def test_memory_is_that_of_the_command(tmp_path):
    small = measured(tmp_path, 60, "pass")[1]["peak"]
    large = measured(tmp_path, 60, "held = bytearray(90_000_000)")[1]["peak"]
    assert 85_000_000 < large - small < 95_000_000


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    done, cost = measured(tmp_path, 0.5, "import time; time.sleep(50)")
    assert done.returncode == 124
    assert cost["wall"] < 25


def test_installed_bytes_leave_out_what_installs_and_tell_torch_apart(tmp_path):
    for name, size in (("pip/a.py", 100), ("pip-23.2.dist-info/RECORD", 50), ("torch/lib/x.so", 7000),
                       ("darts/b.py", 30), ("six.py", 4)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    assert environments.installed(tmp_path) == (7034, 34)
