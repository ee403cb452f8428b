"""The benchmarks of detection: the floors, the protocol, the counting of events, and how they stop."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson
from sklearn.linear_model import Ridge

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import alarm_rate  # noqa: E402
import common  # noqa: E402
import floors  # noqa: E402
import samples  # noqa: E402
import tsb_ad  # noqa: E402

from sample_data.generate import Fault  # noqa: E402


def script(name, *words):
    return subprocess.run([sys.executable, FOLDER / name, *words], capture_output=True, text=True, check=False)


# ---- floors --------------------------------------------------------------------------------------


def wave(rows, channels=1):
    noise = np.random.default_rng(5).standard_normal((rows, channels))
    return np.sin(np.arange(rows) / 7.0)[:, None] * np.arange(1.0, channels + 1) + 0.1 * noise


def test_the_ridge_is_that_of_scikit_learn():
    x, train, lags = wave(430)[:, 0], 300, 20
    z = (x - x[:train].mean()) / x[:train].std()
    windows = np.array([z[row - lags:row] for row in range(lags, len(z))])
    model = Ridge(alpha=1.0).fit(windows[:train - lags], z[lags:train])
    error = floors.ridge_error(x, train, lags)
    assert error[:lags].tolist() == [0.0] * lags
    np.testing.assert_allclose(error[lags:], np.abs(z[lags:] - model.predict(windows)), atol=1e-9)


def test_the_centred_mean_takes_as_many_rows_from_either_side():
    error = np.zeros(400)
    error[200] = 1.0
    touched = np.flatnonzero(floors.centred(error))
    assert abs((touched[0] + touched[-1]) / 2 - 200) <= 0.5
    assert len(touched) == 100
    assert floors.centred(error)[200] == pytest.approx(0.01)


def test_the_trailing_mean_moves_a_twentieth_of_the_way():
    np.testing.assert_allclose(floors.trailing(np.array([1.0, 1.0, 3.0, 1.0])), [1.0, 1.0, 1.1, 1.095])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("floor", [floors.ridge_floor, lambda *words: floors.forest_floor(*words, 0)])
def test_online_a_floor_does_not_see_what_comes_later(floor, channels):
    x = wave(520, channels)
    changed = x.copy()
    changed[450:] += 9.0
    before, after = floor(x, 260, "online"), floor(changed, 260, "online")
    known = slice(200, 450)  # the forest gives the rows before its first window the lowest of all
    np.testing.assert_array_equal(before[known], after[known])
    assert after[450] > before[450]


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_a_fault_in_any_channel_is_the_strangest_row_of_the_ridge(mode):
    x = wave(700, 3)
    x[:, 1] = 4.0  # a channel that never moves
    x[600, 2] += 30.0
    assert abs(int(np.argmax(floors.ridge_floor(x, 400, mode))) - 600) <= 50


# ---- TSB-AD --------------------------------------------------------------------------------------

INDEX = """collection,file,n,channels,train_len,vus_window,pub_A,pub_B,pub_best,pub_best_method,evalset
one,one/a.csv,700,1,300.0,12.0,0.2,0.6,0.7,C,True
one,one/b.csv,600,1,200.0,11.0,0.4,0.1,0.8,C,True
one,one/t.csv,500,1,100.0,9.0,,,,,False
tsb_smap_m,m/c.csv,400,2,150.0,8.0,0.3,,0.3,A,True
ecg_tsbuad,e/r805.csv.gz,90000,1,23040.0,99.0,,,,,False
"""


@pytest.fixture
def index(tmp_path):
    (tmp_path / "anomaly").mkdir()
    (tmp_path / "anomaly" / "INDEX.csv").write_text(INDEX)
    return tmp_path / "anomaly" / "INDEX.csv"


@pytest.mark.parametrize(("part", "files"), [
    ("dev", ["a.csv", "b.csv", "r805.csv.gz"]), ("tune", ["t.csv", "r805.csv.gz"]),
    ("all", ["a.csv", "b.csv", "t.csv", "r805.csv.gz"]),
])
def test_a_part_is_judged_on_or_tuned_on(index, part, files):
    assert [job.path.name for job in tsb_ad.read_index(index, part, ["u", "ecg"])] == files


def test_files_of_several_channels_come_again_with_the_labelled_one_named(index):
    jobs = tsb_ad.read_index(index, "dev", ["m"])
    assert [(job.track, job.target) for job in jobs] == [("m", ""), ("named", "c00")]


def test_of_an_electrocardiogram_the_first_part_is_taken(index):
    (job,) = tsb_ad.read_index(index, "dev", ["ecg"])
    assert (job.collection, job.rows, job.train, job.window) == ("r805", 60_000, 10_000, 99)


def write_series(path, rows=700):
    y = np.round(wave(rows)[:, 0], 4)
    label = np.zeros(rows, dtype=int)
    label[520:560] = 1
    y[520:560] += 2.0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value", "label"])
        writer.writerows(zip([f"2024-01-01 00:{row // 60:02}:{row % 60:02}" for row in range(rows)], y, label,
                             strict=True))
    return label


def test_the_command_sees_neither_labels_nor_stamps_and_what_it_scores_is_judged(index, monkeypatch):
    label = write_series(index.parent / "one" / "a.csv")
    rows = list(csv.reader((index.parent / "one" / "a.csv").open(newline="")))[1:]
    ran = []

    def command(words, folder):
        ran.append(words)
        assert (folder / "data.csv").read_text() == "value\n" + "".join(f"{row[1]}\n" for row in rows)
        scores = ["y,y_hat,channel,score", "1,,,", *(f"1,{one},value,{one}" for one in label.tolist()[1:])]
        (folder / "scores.csv").write_text("\n".join(scores) + "\n")
        return 2.0

    monkeypatch.setattr(tsb_ad, "grucast", command)
    (job,) = [job for job in tsb_ad.read_index(index, "dev", ["u"]) if job.path.name == "a.csv"]
    result = tsb_ad.measure(job, modes=("online",), ours=True, threads=1, seed=0)
    assert ran[0][:5] == ["train", "data.csv", "--no-time", "--train-rows", "300"]
    assert ran[1][:6] == ["detect-anomalies", "data.csv", "-m", "m.grucast", "--mode", "online"]
    assert result["wrong"] == ""
    assert result["scores"]["online"]["grucast"] == max(result["scores"]["online"].values())
    assert result["scores"]["online"]["grucast"] > 0.7
    assert result["scores"]["online"]["next step"] < 0.2  # right where y_hat is 1, wrong outside: |1 - label|


def test_a_command_that_fails_is_told_and_the_floors_stay(index, monkeypatch):
    write_series(index.parent / "one" / "a.csv")
    monkeypatch.setattr(common, "grucast_command", lambda: [sys.executable, "-c", "raise SystemExit('no luck')"])
    job = tsb_ad.read_index(index, "dev", ["u"])[0]
    result = tsb_ad.measure(job, modes=("offline",), ours=True, threads=1, seed=0)
    assert result["wrong"] == "train: exit 1: no luck"
    assert set(result["scores"]["offline"]) == {"ridge", "forest"}


def test_scores_and_errors_are_read_in_the_units_of_their_channel(tmp_path):
    (tmp_path / "s.csv").write_text("y,y_hat,channel,score\n3,1,a,0.5\n,,,\n7,1,b,2.5\n4,3,still,1\n")
    score, step = tsb_ad.read_scores(tmp_path / "s.csv", {"a": 0.5, "b": 3.0, "still": 0.0})
    np.testing.assert_array_equal(score, [0.5, math.nan, 2.5, 1.0])
    np.testing.assert_array_equal(step, [4.0, math.nan, 2.0, 1.0])


def outcome(grucast, published):
    scores = {"ridge": 0.5, "forest": 0.25}
    seconds = {}
    if grucast is not None:
        scores |= {"grucast": grucast, "next step": 0.1}
        seconds = {"train": 5.0, "detect online": 2.0}
    return {"collection": "one", "track": "u", "rows": 600, "published": published, "seconds": seconds,
            "scores": {"online": scores}}


def test_a_line_holds_means_and_the_best_method_on_average_not_by_hindsight():
    group = [outcome(0.8, {"A": 0.2, "B": 0.6, "best": 0.9}), outcome(0.6, {"A": 0.5, "B": 0.3, "best": 0.8}),
             outcome(None, {})]
    assert tsb_ad.line("one", group, "online") == (
        "one", "2 of 3", "0.700", "0.100", "0.500", "0.250", "–", "–", "0.450 B", "7.00", "300")


def test_without_the_data_one_line_says_where_to_get_them():
    done = script("tsb_ad.py")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (66, "", 1)
    assert "TSB-AD" in done.stderr


# ---- events --------------------------------------------------------------------------------------


def test_events_are_the_rows_that_bear_their_name(tmp_path):
    (tmp_path / "s.csv").write_text("score,event_id\n1,\n9,e2\n1,\n8,e2\n7,e1\n0,\n")
    assert common.events(tmp_path / "s.csv") == [(1, 4), (4, 5)]


@pytest.mark.parametrize(("slack", "found", "right"), [(0, 1, 1), (2, 2, 2)])
def test_faults_and_events_meet_where_they_share_a_row(slack, found, right):
    faults = [Fault("spike", "y", 10, 11, -4.0), Fault("spike", "y", 30, 31, 4.0), Fault("stuck", "*", 50, 58, 0.0)]
    counts = samples.count([(8, 11), (32, 35), (90, 95)], faults, slack)
    assert counts["4"] == samples.Count(faults=2, found=found)
    assert counts["stuck"] == samples.Count(faults=1)
    assert counts["events"] == samples.Count(events=3, right=right)


def test_counts_of_several_seeds_are_added():
    one = {"apart": {"4": {"4": {"faults": 3, "found": 2, "events": 0, "right": 0}}}}
    assert samples.total([one, {"apart": {}}, one], ["apart", "4", "4"]) == samples.Count(faults=6, found=4)


# ---- budgets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.3, 10.0, 11.4, 50.0, 800.0])
def test_the_band_is_that_of_poisson(mean):
    assert alarm_rate.band(mean) == tuple(poisson.interval(0.95, mean))


@pytest.mark.parametrize(("budget", "rows", "step", "events"), [
    ("1 per 24d", 5760, 3600.0, 10.0), ("3 per 200 rows", 1000, None, 15.0), ("5 per 20s", 25_000, 0.008, 50.0)])
def test_a_budget_allows_events_in_proportion_to_the_rows(budget, rows, step, events):
    assert alarm_rate.expected(budget, rows, step) == pytest.approx(events)


@pytest.mark.parametrize("name", sorted(alarm_rate.PLANS))
def test_five_budgets_are_judged_on_ten_of_their_periods_or_more(name):
    plan = alarm_rate.PLANS[name]
    sample = plan.make(3)
    rows = len(sample.columns["label"]) // 3
    periods = [alarm_rate.expected(budget, rows, plan.step) / alarm_rate.parse_budget(budget).events
               for budget in plan.budgets]
    assert len(periods) == 5
    assert min(periods) >= 10.0
    assert not sample.faults


def test_the_share_of_cells_inside_the_band_is_counted():
    results = [{"generator": "stock", "rows": 5000, "counts": {"1 per 500 rows": count, "2 per 500 rows": 20}}
               for count in (3, 4, 17, 18)]  # the band of 10 is 4 to 17
    table = alarm_rate.table(results)
    assert [row[-1] for row in table.rows] == ["50 %", "100 %"]
    assert table.title.startswith("75.0 %")


# ---- processes -----------------------------------------------------------------------------------


def test_every_job_is_done_once():
    assert sorted(common.each(math.sqrt, [4.0, 9.0, 25.0], 2)) == [2.0, 3.0, 5.0]


def test_an_interruption_ends_the_processes_and_what_they_started(tmp_path):
    long = f"73.{os.getpid()}"  # seconds that no other test sleeps
    (tmp_path / "long.py").write_text(
        f"import sys\nsys.path.insert(0, {str(FOLDER)!r})\nimport subprocess\nfrom common import each\n"
        "def work(seconds):\n    return subprocess.run(['sleep', seconds], check=False).returncode\n"
        f"if __name__ == '__main__':\n    for one in each(work, ['0', {long!r}, {long!r}], 2):\n"
        "        print(one, flush=True)\n    print('shown', flush=True)\n")
    with subprocess.Popen([sys.executable, tmp_path / "long.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        process.send_signal(signal.SIGINT)
        said, warned = process.communicate(timeout=30)
    assert said == "shown\n"
    assert len(warned.splitlines()) == 1
    until = time.monotonic() + 10.0  # a killed process takes a moment to go
    while (here := f"sleep {long}" in running()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not here


def running():
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


# ---- whole runs ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_collection_is_measured_from_end_to_end(index, tmp_path):
    for name in ("a", "b"):
        write_series(index.parent / "one" / f"{name}.csv", 700 if name == "a" else 600)
    done = script("tsb_ad.py", "--data", tmp_path, "--tracks", "u", "--processes", "1", "--json", tmp_path / "o.json")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "o.json").read_text())
    assert [set(one["scores"]) for one in written["results"]] == [{"offline", "online"}] * 2
    assert all(one["scores"]["offline"]["grucast"] > 0.5 for one in written["results"])


@pytest.mark.slow
def test_a_budget_is_measured_from_end_to_end():
    done = script("alarm_rate.py", "--seeds", "1", "--generators", "stock", "--processes", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| stock |") == 5


@pytest.mark.slow
def test_samples_are_measured_from_end_to_end():
    done = script("samples.py", "--seeds", "1", "--generators", "stock", "--sizes", "8", "--processes", "1")
    assert done.returncode == 0, done.stderr
    assert "8 deviations" in done.stdout
