"""`grucast tune`: the defaults first, each trial kept, each training of the finalists too, nothing chosen for noise."""

from __future__ import annotations

import sqlite3
import sys
import tomllib
from contextlib import nullcontext

import optuna
import pytest

from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.core.errors import UsageError
from grucast.workflows.tune import TuneRequest, tune
from grucast.workflows.tuning import study, trial
from grucast.workflows.tuning.compare import compare_cells
from grucast.workflows.tuning.trial import GivenUp, Outcome
from tests.command import hourly, write_lines

OPTIONS = TrainOptions(WindowOptions(horizon=12, context_length=48, season=(24,)), NetworkOptions(layers=2))


@pytest.fixture
def data(tmp_path):
    return str(write_lines(tmp_path / "load.csv", hourly(300)))


class Tried(list):
    """The options of every trial, and of each training of the finalists with the row where its fold ends."""

    def __init__(self):
        self.finals = []


def outcome(error, folds, *, width=1, cut=False):
    return Outcome(error, 10 * width, 3, 0.5, cut=cut, errors=(error,) * len(folds))


@pytest.fixture
def tried(monkeypatch):
    """What was tried, by a stand-in whose error grows with the width: the default of 128 is not the best."""
    asked = Tried()

    def try_out(folds, options, deadline, told=None):
        (asked.finals.append((options, folds[0].splits[0].report)) if len(folds) == 1 else asked.append(options))
        width = options.network.hidden or 128
        return outcome(width / 100, folds, width=width)

    monkeypatch.setattr(trial, "try_out", try_out)
    return asked


def request(data, **more):
    return TuneRequest((data,), ReadOptions(), more.pop("options", OPTIONS), **more)


def test_the_first_trial_is_the_defaults_and_the_best_is_never_worse(data, tried):
    result = tune(request(data, trials=9))
    report = result.report
    assert tried[0].network == OPTIONS.network
    assert report["history"][0] == {
        "number": 0, "state": "complete", "error": 1.28, "settings": {},
        "outcome": {"parameters": 1280, "epochs": 3, "seconds": 0.5, "cut": False, "errors": [1.28, 1.28]}}
    assert report["default_error"] == 1.28
    assert report["error"] == min(one["error"] for one in report["history"]) <= 1.28
    assert (report["trials"], report["pruned"], report["failed"], len(tried)) == (9, 0, 0, 9)


def test_the_best_settings_are_toml_with_what_was_given(data, tried):
    result = tune(request(data, trials=12))
    table = tomllib.loads(result.toml)
    assert table["hidden"] == 100 * result.report["error"] < 128
    assert (table["horizon"], table["context_length"], table["season"], table["layers"]) == (12, 48, [24], 2)
    error = result.report["error"]
    assert result.toml.splitlines()[0] == (
        f"# 12 trials, 0 given up early: error (MASE at 2 origins) {error:.4g}, 1.28 with the defaults; "
        f"over 6 origins {1 - error / 1.28:.1%} lower than theirs, give or take 0.0%")


def test_where_nothing_is_better_the_settings_are_those_given(data, monkeypatch):
    monkeypatch.setattr(trial, "try_out", lambda folds, *_: outcome(2.0, folds))
    result = tune(request(data, trials=4))
    assert result.report["settings"] == {}
    assert "nothing was better" in result.toml
    assert tomllib.loads(result.toml) == {"horizon": 12, "context_length": 48, "season": [24], "layers": 2}


def test_a_search_goes_on_where_the_last_one_ended(data, tmp_path, tried):
    storage = tmp_path / "trials.db"
    first = tune(request(data, trials=3, storage=storage)).report["history"]
    second = tune(request(data, trials=5, storage=storage)).report["history"]
    assert second[:3] == first
    assert len(tried) == len(second) == 5
    before = len(tried.finals)
    assert tune(request(data, trials=5, storage=storage)).report["history"] == second
    assert (len(tried), len(tried.finals)) == (5, before)


def test_other_data_or_options_begin_a_search_of_their_own_in_the_same_storage(data, tmp_path, tried):
    storage = tmp_path / "trials.db"
    tune(request(data, trials=2, storage=storage))
    other = TrainOptions(OPTIONS.window, OPTIONS.network, FitOptions(seed=1))
    assert tune(request(data, trials=2, storage=storage, options=other)).report["history"][0]["settings"] == {}
    write_lines(tmp_path / "load.csv", hourly(301))
    assert tune(request(data, trials=2, storage=storage)).report["history"][0]["settings"] == {}
    assert len(tried) == 6


def test_an_interrupted_trial_is_not_counted_and_the_others_are_kept(data, tmp_path, tried, monkeypatch):
    storage = tmp_path / "trials.db"
    whole = trial.try_out

    def interrupt(*given):
        if len(tried) == 2 or tried.finals:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(trial, "try_out", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tune(request(data, trials=5, storage=storage))
    monkeypatch.setattr(trial, "try_out", whole)
    report = tune(request(data, trials=5, storage=storage)).report
    assert [one["state"] for one in report["history"]] == ["complete"] * 5
    assert report["trials"] == len(tried) == 5


def test_interrupted_defaults_are_tried_again_first(data, tmp_path, tried, monkeypatch):
    storage, whole = tmp_path / "trials.db", trial.try_out

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "try_out", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tune(request(data, trials=2, storage=storage))
    monkeypatch.setattr(trial, "try_out", whole)
    assert tune(request(data, trials=2, storage=storage)).report["history"][0]["settings"] == {}


def test_trials_that_are_given_up_or_do_not_go_together_are_counted_as_such(data, monkeypatch):
    asked = []

    def try_out(folds, options, deadline, told=None):
        asked.append(told)
        if len(asked) == 2:
            raise GivenUp
        if len(asked) == 3:
            raise UsageError("--this and --that do not go together")
        return outcome(1.0, folds)

    monkeypatch.setattr(trial, "try_out", try_out)
    report = tune(request(data, trials=4)).report
    assert [one["state"] for one in report["history"]] == ["complete", "pruned", "failed", "complete"]
    assert (report["pruned"], report["failed"]) == (1, 1)
    assert asked[0] is None  # the defaults are never given up


def test_a_trial_that_is_worse_than_the_others_at_the_same_epoch_is_given_up(data, monkeypatch):
    def try_out(folds, options, deadline, told=None):
        loss = 1.0 if len(losses) < 5 else 9.0
        losses.append(loss)
        if told is not None and any(told(epoch, loss) for epoch in range(1, 9)):
            raise GivenUp
        return outcome(loss, folds)

    losses: list[float] = []
    monkeypatch.setattr(trial, "try_out", try_out)
    assert [one["state"] for one in tune(request(data, trials=6)).report["history"]] == ["complete"] * 5 + ["pruned"]


def test_time_that_runs_out_leaves_the_best_so_far(data, monkeypatch):
    monkeypatch.setattr(trial, "try_out", lambda *_: Outcome(1.5, 1, 1, 0.1, cut=True))
    options = TrainOptions(OPTIONS.window, OPTIONS.network, FitOptions(max_seconds=0.0))
    with pytest.raises(UsageError, match="--max-seconds: there was no time for a single trial"):
        tune(request(data, trials=4, options=options))
    options = TrainOptions(OPTIONS.window, OPTIONS.network, FitOptions(max_seconds=600.0))
    report = tune(request(data, trials=1, options=options)).report
    assert report["error"] == 1.5
    assert any("time ran out while the defaults were tried" in note for note in report["notes"])


def test_what_is_no_storage_is_known_before_rows_are_read(tmp_path):
    (tmp_path / "notes.txt").write_text("short")
    with pytest.raises(UsageError, match="not a storage of trials"):
        tune(request(str(tmp_path / "gone.csv"), storage=tmp_path / "notes.txt"))


def test_an_empty_file_becomes_a_storage(data, tmp_path, tried):
    (tmp_path / "trials.db").touch()
    tune(request(data, trials=2, storage=tmp_path / "trials.db"))
    assert (tmp_path / "trials.db").read_bytes().startswith(b"SQLite format 3\0")


def test_what_is_no_storage_is_left_alone(data, tmp_path, tried):
    (tmp_path / "notes.txt").write_text("not a storage " * 100)
    with pytest.raises(UsageError, match=r"--storage .*notes.txt: not a storage of trials; name another file"):
        tune(request(data, storage=tmp_path / "notes.txt"))
    assert (tmp_path / "notes.txt").read_text() == "not a storage " * 100


def test_without_optuna_one_line_says_how_to_get_it(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"tune needs optuna: pip install 'grucast\[tune\]'"):
        tune(request(data))


def test_every_cell_is_compared_on_the_same_folds_the_best_first_without_optuna(data, monkeypatch):
    errors = {"gru": 0.5, "gru-v1": 0.6, "lstm": 0.4, "rnn": 0.9}

    def try_out(folds, options, deadline, told=None):
        if options.network.cell == "mingru":
            raise UsageError("mingru does not go with that")
        return Outcome(errors.get(options.network.cell, 0.7), 5, 2, 0.25, cut=False)

    monkeypatch.setattr("grucast.workflows.tuning.compare.try_out", try_out)
    monkeypatch.setitem(sys.modules, "optuna", None)
    report = compare_cells(request(data))
    assert [one["cell"] for one in report["cells"]][:3] == ["lstm", "gru", "gru-v1"]
    assert report["cells"][-1] == {"cell": "mingru", "error": None, "parameters": None, "epochs": None, "seconds": None}
    assert report["notes"][-1] == "mingru: mingru does not go with that"


def test_trials_of_several_processes_are_begun_in_one_that_hands_each_out_once(data, tmp_path, tried, monkeypatch):
    handed = []

    def by_others(pool, work, tasks):
        if work is study.run_trial:
            handed.append([one.id for one in tasks])
            monkeypatch.setattr(optuna.Study, "ask", None)  # two that ask SQLite at once may get the same trial
        for one in tasks:
            yield one, work(one)
        monkeypatch.setattr(optuna.Study, "ask", ask)

    ask = optuna.Study.ask
    monkeypatch.setattr(study, "done_by", by_others)
    monkeypatch.setattr(sys.modules[tune.__module__], "workers", lambda jobs: nullcontext())
    report = tune(request(data, trials=7, jobs=3, storage=tmp_path / "t.db")).report
    assert [len(one) for one in handed] == [3, 3, 1]
    assert len({one for wave in handed for one in wave}) == len(tried) == 7
    assert [one["state"] for one in report["history"]] == ["complete"] * 7
    assert report["history"][0]["settings"] == {}


def test_a_real_search_in_two_processes_ends_in_settings_that_train_takes(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    few = ("--horizon", "6", "--context-length", "24", "--epochs", "1", "--hidden", "4", "--season", "24",
           "--transform", "none")
    ended = installed("tune", "load.csv", "--trials", "3", "--jobs", "2", "--storage", "t.db", "-o", "best.toml",
                      "--origins", "1", *few)
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert "3 trials" in ended.err
    with sqlite3.connect(tmp_path / "t.db") as storage:
        assert storage.execute("SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')").fetchone() == (3,)
    assert installed("train", "load.csv", "-q", "--config", "best.toml", "--threads", "1").code == 0
