"""A backtest says what a pencil says, its forecasts know nothing later, and a killed one goes on."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, RowOptions, TrainOptions, WindowOptions
from grucast.core.errors import Busy, DataError, InputMissing, ModelError, UsageError
from grucast.evaluation import BASELINES
from grucast.evaluation.folds import parse_splits
from grucast.training import fit as fitting
from grucast.workflows.backtest import backtest
from grucast.workflows.backtesting import learn as backtest_learn
from grucast.workflows.backtesting.folds import Rolling
from grucast.workflows.backtesting.trial import BacktestRequest
from grucast.workflows.train import TrainRequest, train
from tests.command import COMMAND, TINY, clean_environment, hourly, write_lines

ROWS, HORIZON, SEASON = 220, 5, 12
SPLITS = "120:40:47"
START, STOP = 160, 207


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch, tmp_path):
    monkeypatch.setattr(fitting, "STEPS_MIN", 3)
    monkeypatch.setattr(fitting, "STEPS_MAX", 3)
    monkeypatch.chdir(tmp_path)


def values(rows=ROWS, seed=1):
    """Two columns of very different size, (rows, 2), some of the first missing."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(rows) * 2 * np.pi / SEASON)
    y = np.stack([10 + 3 * wave, 500 - 90 * wave], axis=1) + rng.normal(size=(rows, 2)) * [0.4, 12.0]
    y[3::31, 0] = np.nan
    return y


def wide(y, name="two.csv"):
    """A file of hourly rows with a column for each of y (rows, C)."""
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(len(y)) * np.timedelta64(1, "h")
    lines = [",".join([str(stamp), *("" if np.isnan(one) else repr(float(one)) for one in row)])
             for stamp, row in zip(stamps, y, strict=True)]
    return write_lines(Path(name), lines, ",".join(["ds", "a", "b", "c"][: y.shape[1] + 1]))


def tiny(**fit):
    return TrainOptions(WindowOptions(horizon=HORIZON, context_length=24, season=(SEASON,)), NetworkOptions(hidden=4),
                        FitOptions(epochs=1, batch_size=32, patience=1, threads=1, **fit))


def asked(file, *, splits=SPLITS, step=None, refit="never", options=None, **more):
    rolling = Rolling(None if splits is None else parse_splits(splits), step, refit)
    return BacktestRequest((str(file),), ReadOptions(), tiny() if options is None else options, rolling, **more)


def read(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


# ---- figures -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The data of two columns, the report on them, and every forecast made."""
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "STEPS_MIN", 3)
        patch.setattr(fitting, "STEPS_MAX", 3)
        patch.chdir(folder)
        report = backtest(asked(wide(values()), forecasts=Path("all.csv"))).report
        return values(), report, read("all.csv")


def last_values(y, origin):
    """The last observed value of each column before `origin`, HORIZON times, (H, 2)."""
    known = [column[:origin][~np.isnan(column[:origin])][-1] for column in y.T]
    return np.tile(known, (HORIZON, 1))


def naive_misses(y, *, splits=(START, STOP)):
    """|y - naive| of every window, (N, H, 2), NaN where nothing was observed."""
    first, stop = splits
    return np.stack([np.abs(y[row : row + HORIZON] - last_values(y, row)) for row in range(first, stop - HORIZON + 1)])


def test_the_figures_of_the_naive_forecast_are_those_worked_out_window_by_window(judged):
    y, report, _ = judged
    missed = naive_misses(y)
    naive = report["metrics"]["naive"]
    assert naive["mae"] == pytest.approx(np.nanmean(missed))
    assert naive["rmse"] == pytest.approx(np.sqrt(np.nanmean(missed**2)))
    assert report["windows"] == len(missed) == STOP - START - HORIZON + 1


def test_each_series_and_each_step_is_told_by_itself(judged):
    y, report, _ = judged
    missed = naive_misses(y)
    assert [one["unique_id"] for one in report["by_series"]] == ["a", "b"]
    assert [one["naive"]["mae"] for one in report["by_series"]] == pytest.approx(np.nanmean(missed, axis=(0, 1)))
    assert [one["step"] for one in report["by_step"]] == [1, 2, 3, 4, 5]
    assert [one["naive"]["mae"] for one in report["by_step"]] == pytest.approx(np.nanmean(missed, axis=(0, 2)))


def test_the_scale_of_mase_comes_from_the_rows_before_the_first_origin(judged):
    y, report, _ = judged
    scale = np.nanmean(np.abs(y[SEASON:START] - y[: START - SEASON]), axis=0)
    assert report["metrics"]["naive"]["mase"] == pytest.approx(np.nanmean(naive_misses(y) / scale))


def test_the_figures_of_the_model_are_those_of_the_forecasts_in_the_file(judged):
    _, report, rows = judged
    pairs = [(float(row["y"]), float(row["y_hat"])) for row in rows if row["y"]]
    assert report["metrics"]["grucast"]["mae"] == pytest.approx(np.mean([abs(one - other) for one, other in pairs]))
    inside = [float(row["lo-80"]) <= float(row["y"]) <= float(row["hi-80"]) for row in rows if row["y"]]
    assert report["metrics"]["grucast"]["coverage"]["80"] == pytest.approx(np.mean(inside))


def test_every_baseline_stands_beside_the_model(judged):
    assert tuple(judged[1]["metrics"]) == ("grucast", *BASELINES.names())
    best = min(one["mae"] for name, one in judged[1]["metrics"].items() if name != "grucast")
    assert judged[1]["skill"] == pytest.approx(1 - judged[1]["metrics"]["grucast"]["mae"] / best)


def test_the_file_holds_every_forecast_once_with_the_last_row_known_and_what_came(judged):
    y, _, rows = judged
    stamps = [str(np.datetime64("2024-01-01T00:00:00") + row * np.timedelta64(1, "h")) for row in range(ROWS)]
    expected = [(name, stamps[row - 1], stamps[row + step], y[row + step, column])
                for row in range(START, STOP - HORIZON + 1)
                for column, name in enumerate("ab") for step in range(HORIZON)]
    assert [(row["unique_id"], row["cutoff"], row["ds"]) for row in rows] == [one[:3] for one in expected]
    came = [float(row["y"] or "nan") for row in rows]
    np.testing.assert_array_equal(came, [one[3] for one in expected])


def test_methods_that_look_for_a_season_themselves_are_given_four(judged):
    _, report, _ = judged  # the context of the model holds two seasons, in which naive2 tells none from chance
    seen = {name: report["by_series"][1][name]["mae"] for name in ("naive", "naive2", "ses", "theta")}
    assert max(seen["naive2"], seen["ses"], seen["theta"]) < seen["naive"] / 2


def test_standardised_errors_are_in_deviations_of_the_training_part(judged):
    y, plain, _ = judged
    report = backtest(asked(wide(values()), standardise=True)).report
    deviation = np.nanstd(y[:120], axis=0)
    assert report["metrics"]["naive"]["mae"] == pytest.approx(np.nanmean(naive_misses(y) / deviation))
    for name in ("mase", "coverage"):
        assert report["metrics"]["grucast"][name] == pytest.approx(plain["metrics"]["grucast"][name])


def test_without_splits_the_figures_are_those_that_train_reports():
    file = wide(values())
    report = backtest(asked(file, splits=None)).report
    trained = train(TrainRequest((str(file),), ReadOptions(), tiny())).report
    assert report["metrics"]["grucast"] == trained["holdout"]
    assert report["metrics"]["linear"] == trained["baselines"]["linear"]
    assert report["metrics"]["grucast"]["mae"] > 0


def test_a_window_with_nothing_observed_before_it_is_not_judged_and_that_is_said():
    y = values()
    y[130:162, 0] = np.nan  # 24 rows of context before origins 160 and 161 have no value of a; two targets do
    result = backtest(asked(wide(y)))
    blind = sum(np.isfinite(y[origin : origin + HORIZON, 0]).sum() for origin in range(160, 163))
    assert any(f"{blind} values are not judged" in note for note in result.notes)
    assert result.report["metrics"]["grucast"]["mae"] is not None


# ---- nothing later -------------------------------------------------------------------------------


def forecasts(y, name, **more):
    """What was forecast from a file of y, by (column, cutoff, stamp); what came is left out."""
    backtest(asked(wide(y, f"{name}.csv"), forecasts=Path(f"{name}_all.csv"), **more))
    return {(row["unique_id"], row["cutoff"], row["ds"]): [row[key] for key in ("y_hat", "lo-95", "hi-80")]
            for row in read(f"{name}_all.csv")}


@pytest.mark.parametrize("more", [{}, {"splits": None}, {"refit": "each", "step": 9, "jobs": 1}])
def test_other_values_later_on_move_no_forecast_made_before(more):
    y = values()
    changed = y.copy()
    turn = 203 if more.get("splits", SPLITS) is None else 180
    changed[turn:] = -7 * changed[turn:] + np.random.default_rng(9).normal(size=changed[turn:].shape) * 1e4
    changed[turn:-1:4, 1] = np.nan
    changed[-1] = 1e7
    before, after = forecasts(y, "before", **more), forecasts(changed, "after", **more)
    last_known = str(np.datetime64("2024-01-01T00:00:00") + (turn - 1) * np.timedelta64(1, "h"))
    early = [key for key in before if key[1] <= last_known]
    assert len(early) >= 2 * HORIZON
    assert {key: before[key] for key in early} == {key: after[key] for key in early}
    assert before != after  # forecasts from later rows did see them


def test_a_refitted_model_learns_from_the_rows_that_came(monkeypatch):
    lessons = []
    answer = backtest_learn.answer
    monkeypatch.setattr(backtest_learn, "answer", lambda lesson: lessons.append(lesson) or answer(lesson))
    backtest(asked(wide(values()), refit="each", step=20, jobs=1))
    assert [len(lesson.panel.series[0]) for lesson in lessons] == [160, 180, 200]
    assert [lesson.splits[0].fit for lesson in lessons] == [120, 140, 160]


def test_covariates_known_ahead_reach_a_refitted_forecast():
    y = values()[:, :1]
    lines = [f"{np.datetime64('2024-01-01T00:00:00') + row * np.timedelta64(1, 'h')},"
             f"{'' if np.isnan(value) else repr(float(value))},{row % 7}" for row, value in enumerate(y[:, 0])]
    file = write_lines(Path("known.csv"), lines, "ds,y,k")
    read_options = ReadOptions(columns=replace(ReadOptions().columns, known_col=("k",), target_col=("y",)))
    reports = [backtest(replace(asked(file, refit=refit, step=43, **more), read=read_options)).report
               for refit, more in (("never", {}), ("each", {"jobs": 1}))]  # one window, from the same rows
    assert reports[0]["windows"] == reports[1]["windows"] == 1
    for name in ("mae", "wql", "msis"):
        assert reports[0]["metrics"]["grucast"][name] == pytest.approx(reports[1]["metrics"]["grucast"][name])


# ---- several series ------------------------------------------------------------------------------


def test_series_too_short_to_be_judged_are_named_by_number_and_left_out():
    y = values()[:, 1]
    lines = [f"{name},{np.datetime64('2024-01-01T00:00:00') + row * np.timedelta64(1, 'h')},{y[row]}"
             for name, rows in (("long", ROWS), ("short", 100)) for row in range(rows)]
    result = backtest(asked(write_lines(Path("long.csv"), lines, "unique_id,ds,y")))
    assert "1 of 2 series are too short to be judged" in result.notes
    assert [one["unique_id"] for one in result.report["by_series"]] == ["long"]
    assert result.report["windows"] == STOP - START - HORIZON + 1


# ---- a model that is there -----------------------------------------------------------------------


@pytest.fixture
def model():
    """A model of the first 150 rows of `two.csv`."""
    file = wide(values())
    train(TrainRequest((str(file),), ReadOptions(rows=RowOptions(train_rows=150)), tiny()))
    return Path("two.grucast")


def test_a_model_is_judged_on_all_rows_after_those_it_was_trained_on(model):
    report = backtest(asked("two.csv", splits=None, options=TrainOptions(), model=model)).report
    assert report["windows"] == ROWS - 150 - HORIZON + 1
    assert report["protocol"]["first_cutoff"] == "2024-01-07T05:00:00"  # row 150
    assert report["metrics"]["naive"]["mae"] == pytest.approx(np.nanmean(naive_misses(values(), splits=(150, ROWS))))


def test_a_model_is_not_judged_on_rows_it_was_trained_on(model):
    with pytest.raises(ModelError, match=r"up to 2024-01-07T05:00:00, .*--train-rows 140"):
        backtest(asked("two.csv", splits="100:40:60", options=TrainOptions(), model=model))


def test_a_model_of_all_rows_has_nothing_to_be_judged_on(model):
    short = wide(values()[:152], "short.csv")
    with pytest.raises(DataError, match="no 5 rows are there after 2024-01-07T05:00:00"):
        backtest(asked(short, splits=None, options=TrainOptions(), model=model))


def test_judging_a_model_imports_no_torch(model):
    code = ("import sys\nfrom grucast.cli import boundary\nfrom grucast.cli.app import _command\n"
            "code = boundary.run(_command, ['backtest', 'two.csv', '-m', 'two.grucast', '-q'])\n"
            "assert code == 0 and 'torch' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"jobs": 2}, "--jobs would change nothing"),
        ({"model": Path("m.grucast")}, "--horizon would change nothing"),
        ({"model": Path("m.grucast"), "options": TrainOptions(), "refit": "each"}, "--refit each and --model"),
        ({"model": Path("m.grucast"), "options": TrainOptions(), "resume": True}, "--resume would change nothing"),
        ({"options": TrainOptions(network=NetworkOptions(objective="reconstruct"))}, "does not forecast"),
        ({"output": Path("one.csv"), "forecasts": Path("one.csv")}, "would be written twice"),
        ({"forecasts": Path("two.csv")}, "is read by this very command"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(more, says):
    with pytest.raises(UsageError, match=says):
        backtest(asked(wide(values()), **more))


# ---- interrupted ---------------------------------------------------------------------------------


class Killed(BaseException):
    """Something that ends a run."""


def killed_after(monkeypatch, folds):
    """Let a run train so many folds and then end; how many were trained is counted in what comes back."""
    trained = []
    answer = backtest_learn.answer

    def count(lesson):
        if len(trained) == folds:
            raise Killed
        trained.append(lesson)
        return answer(lesson)

    monkeypatch.setattr(backtest_learn, "answer", count)
    return trained


def without_time(report):
    return {key: value for key, value in report.items() if key != "seconds"}


def test_a_killed_run_goes_on_with_the_folds_it_has_and_ends_the_same(monkeypatch):
    request = asked(wide(values()), refit="each", step=10, jobs=1, output=Path("report.json"))
    whole = without_time(backtest(request).report)
    with monkeypatch.context() as patch:
        killed_after(patch, 3)
        with pytest.raises(Killed):
            backtest(request)
    assert sorted(one.name for one in Path(".report.json.folds").iterdir()) == [f"{n}.safetensors" for n in range(3)]
    trained = killed_after(monkeypatch, 9)
    assert without_time(backtest(replace(request, resume=True)).report) == whole
    assert len(trained) == 5 - 3
    assert sorted(one.name for one in Path().iterdir()) == ["two.csv"]


def test_a_run_with_other_options_does_not_go_on_with_it(monkeypatch):
    request = asked(wide(values()), refit="each", step=20, jobs=1)
    with monkeypatch.context() as patch:
        killed_after(patch, 1)
        with pytest.raises(Killed):
            backtest(request)
    with pytest.raises(UsageError, match="other data or options"):
        backtest(replace(request, resume=True, options=tiny(seed=3)))


def test_damaged_state_is_said_and_not_used(monkeypatch):
    request = asked(wide(values()), refit="each", step=20, jobs=1)
    with monkeypatch.context() as patch:
        killed_after(patch, 1)
        with pytest.raises(Killed):
            backtest(request)
    Path(".two.backtest.folds/0.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"0\.safetensors: damaged; leave --resume out"):
        backtest(replace(request, resume=True))


@pytest.mark.parametrize("refit", ["never", "each"])
def test_without_a_killed_run_there_is_nothing_to_go_on_with(refit):
    with pytest.raises(InputMissing, match="there is no run to go on with"):
        backtest(asked(wide(values()), refit=refit, resume=True))


def test_a_killed_training_goes_on_too(monkeypatch):
    request = asked(wide(values()), splits=None, options=tiny(), step=3)
    request = replace(request, options=replace(request.options, fit=replace(request.options.fit, epochs=3, patience=3)))
    whole = without_time(backtest(request).report)
    with monkeypatch.context() as patch:
        patch.setattr(fitting.Fit, "for_steps", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            backtest(request)
    assert Path(".two.backtest.resume").exists()
    assert without_time(backtest(replace(request, resume=True)).report) == whole
    assert not Path(".two.backtest.resume").exists()


def test_a_failed_file_of_forecasts_leaves_no_half_of_it(monkeypatch):
    request = asked(wide(values()), refit="each", step=20, jobs=1, forecasts=Path("all.csv"))
    killed_after(monkeypatch, 1)
    with pytest.raises(Killed):
        backtest(request)
    assert not list(Path().glob("*all.csv*"))
    assert not list(Path().glob(".*all.csv*"))


class Deadly:
    """What ends the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (9,)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run_instead_of_hanging_it():
    with pytest.raises(Busy, match="--resume and fewer --jobs"):
        list(backtest_learn.answers([Deadly(), Deadly()], 2))
    assert not active_children()


@pytest.mark.slow
def test_a_terminated_run_leaves_no_process_and_goes_on(tmp_path):
    write_lines(Path("load.csv"), hourly(400))
    words = [*COMMAND, "backtest", "load.csv", *TINY, "--refit", "each", "--step", "4", "--jobs", "2", "--json"]
    running = subprocess.Popen([*words, "-o", "half.json"], env=clean_environment(), stderr=subprocess.PIPE)
    began = time.monotonic()
    while not Path(".half.json.folds/0.safetensors").exists():
        assert running.poll() is None
        assert time.monotonic() < began + 120
        time.sleep(0.1)
    running.terminate()
    assert (running.communicate(timeout=60)[1], running.returncode) == (b"", 143)
    kept = len(list(Path(".half.json.folds").glob("*.safetensors")))
    assert kept < 5
    resumed = subprocess.run([*words, "-o", "half.json", "--resume"], env=clean_environment(), check=True)
    whole = subprocess.run([*words, "-o", "whole.json"], env=clean_environment(), check=True)
    assert resumed.returncode == whole.returncode == 0
    reports = [without_time(json.loads(Path(name).read_text())) for name in ("half.json", "whole.json")]
    assert reports[0] == reports[1]


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one(monkeypatch, tmp_path):
    monkeypatch.undo()  # processes of their own know nothing of shorter epochs
    monkeypatch.chdir(tmp_path)
    reports = [without_time(backtest(asked(wide(values()), refit="each", step=20, jobs=jobs)).report)
               for jobs in (1, 2)]
    for name in ("mae", "wql", "msis"):
        assert reports[0]["metrics"]["grucast"][name] == pytest.approx(reports[1]["metrics"]["grucast"][name])
