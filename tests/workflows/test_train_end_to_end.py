"""`grucast train` in a process of its own: the same bytes, the old model until the new one is whole, no stray file."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from grucast.core.files import rewriting
from grucast.training.fit import FitState
from grucast.training.resume import Keeper
from tests.command import COMMAND, TINY, clean_environment, contents, hourly, write_lines

KEYS = {"model", "digest", "series", "rows", "freq", "season", "horizon", "context_length", "parameters", "epochs",
        "seconds", "holdout", "baselines", "skill", "notes"}
METRICS = {"mae", "rmse", "mse", "smape", "mase", "wql", "msis", "coverage"}
LONG = ("--hidden", "16", "--epochs", "400", "--patience", "400", "--threads", "1")


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_one_seed_gives_the_same_bytes_and_another_seed_others(installed, tiny):
    """The second run names the file by another path; the model does not know where it was made."""
    first = (tiny / "load.grucast").read_bytes()
    assert installed("train", "./load.csv", "-q", *TINY).code == 0
    assert (tiny / "load.grucast").read_bytes() == first
    assert installed("train", "load.csv", "-q", *TINY, "--seed", "1").code == 0
    assert (tiny / "load.grucast").read_bytes() != first


def test_the_report_has_the_documented_keys_and_quiet_prints_it_alone(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    ended = installed("train", "load.csv", "--json", "-q", *TINY)
    assert (ended.code, ended.err) == (0, "")
    report = json.loads(ended.out)
    assert report.keys() == KEYS
    assert report["holdout"].keys() == METRICS
    assert report["baselines"].keys() == {"naive", "seasonal_naive", "linear"}
    assert all(one.keys() == METRICS for one in report["baselines"].values())
    assert report["holdout"]["coverage"].keys() == {"80", "95"}
    assert (report["model"], report["rows"], report["freq"], report["horizon"]) == ("load.grucast", 200, "h", 20)
    assert names(tmp_path) == {"load.csv", "load.grucast", ".load.grucast.lock"}


def test_a_run_without_options_prints_its_accuracy_beside_the_baselines_once(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    ended = installed("train", "load.csv", *TINY)
    lines = ended.err.splitlines()
    table = lines.index(next(line for line in lines if line.startswith("held out"))) + 1
    assert [line.split()[0] for line in lines[table : table + 4]] == ["grucast", "naive", "seasonal_naive", "linear"]
    assert sum("skill" in line for line in lines) == 1
    assert ended.out == ""


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A training that goes on for minutes, once it has kept its first epoch."""
    process = subprocess.Popen([*COMMAND, "train", "load.csv", *words], cwd=folder, env=clean_environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(1200):
        if (folder / ".load.grucast.resume").exists():
            return process
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("no epoch was kept")


@pytest.mark.parametrize(("number", "code"), [
    (signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)])
def test_a_stopped_training_leaves_the_old_model_and_what_it_can_go_on_from(tiny, number, code):
    before = contents(tiny)
    process = started(tiny, *LONG)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, b"", b"")
    after = contents(tiny)
    assert after.pop(".load.grucast.resume")
    assert after == before


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    words = ("--hidden", "4", "--epochs", "6", "--patience", "6", "--threads", "1")
    process = started(tmp_path, *words)
    process.kill()
    process.communicate()
    assert installed("train", "load.csv", "-q", *words, "--resume").code == 0
    resumed = (tmp_path / "load.grucast").read_bytes()
    assert names(tmp_path) == {"load.csv", "load.grucast", ".load.grucast.lock"}
    assert installed("train", "load.csv", "-q", *words).code == 0
    assert (tmp_path / "load.grucast").read_bytes() == resumed


def test_another_run_cannot_be_gone_on_with(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    process = started(tmp_path, *LONG)
    process.kill()
    process.communicate()
    ended = installed("train", "load.csv", *LONG, "--seed", "5", "--resume")
    assert ended.code == 2
    assert "other data or options" in ended.error
    (tmp_path / ".load.grucast.resume").write_bytes((tmp_path / ".load.grucast.resume").read_bytes()[:-100])
    ended = installed("train", "load.csv", *LONG, "--resume")
    assert ended.code == 78
    assert "damaged" in ended.error


def test_two_trainings_of_one_model_do_not_stop_each_other(tmp_path):
    keeper = Keeper(tmp_path / "load.grucast", "a run")
    with rewriting(keeper.path):
        keeper.keep(FitState(draws="{}"))
    assert not keeper.path.exists()
    keeper.keep(FitState(draws="{}"))
    assert keeper.path.exists()


def test_without_a_killed_run_there_is_nothing_to_go_on_with(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    ended = installed("train", "load.csv", "--resume")
    assert ended.code == 66
    assert "there is no run to go on with" in ended.error


@pytest.mark.slow
def test_the_time_that_is_given_is_kept_and_the_best_so_far_is_a_model(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(400))
    ended = installed("train", "load.csv", "-q", *LONG, "--max-seconds", "1")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert installed("forecast", "-q").code == 0


@pytest.mark.slow
def test_settings_come_from_a_file_and_the_command_line_wins(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(200))
    (tmp_path / "run.toml").write_text('hidden = 4\nepochs = 1\nthreads = 1\nhorizon = 7\ntarget-col = ["load"]\n')
    report = json.loads(installed("train", "load.csv", "--config", "run.toml", "--horizon", "5", "--json", "-q").out)
    assert (report["horizon"], report["epochs"]) == (5, 1)


@pytest.mark.parametrize(("words", "code", "said"), [
    (("-o", "load.csv"), 2, "load.csv is read by this very command"),
    (("-o", "none/m.grucast"), 73, "there is no folder none"),
    (("-o", "folder"), 73, "it is a folder"),
    (("--min", "5", "--max", "4"), 2, "--min 5 is not below --max 4"),
    (("--cell", "grru"), 2, "did you mean 'gru'?"),
    (("--levels", "99"), 2, "--levels 99"),
    (("--objective", "reconstruct", "--min", "0"), 2, "--min would change nothing with --objective reconstruct"),
    (("--objective", "reconstruct", "--max", "0"), 2, "--max would change nothing with --objective reconstruct"),
    (("--objective", "reconstruct", "--levels", "50"), 2, "--levels would change nothing with --objective reconstruct"),
])
def test_what_cannot_be_done_is_said_before_any_work(installed, tmp_path, words, code, said):
    write_lines(tmp_path / "load.csv", hourly(50))
    (tmp_path / "folder").mkdir()
    before = names(tmp_path)
    ended = installed("train", "load.csv", *words)
    assert ended.code == code
    assert said in ended.error
    assert names(tmp_path) == before
