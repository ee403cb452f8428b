"""Whatever goes wrong is one line on standard error, nothing on standard output, and the right exit code."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grucast.cli.boundary import translate
from grucast.core import errors

PYTHON = [sys.executable, "-m", "grucast"]


@pytest.mark.parametrize(("error", "code"), [
    (errors.UsageError("no"), 2), (errors.DataError("no"), 65), (errors.InputMissing("no"), 66),
    (errors.InternalError("no"), 70), (errors.CannotCreate("no"), 73), (errors.IoFailure("no"), 74),
    (errors.Busy("no"), 75), (errors.Denied("no"), 77), (errors.ModelError("no"), 78)])
def test_each_error_has_its_exit_code(grucast, train_fails, error, code):
    train_fails(error)
    ran = grucast("train", "data.csv")
    assert (ran.code, ran.out, ran.err) == (code, "", "grucast: error: no\n")


def test_every_error_of_ours_was_tried():
    assert {one.__name__ for one in errors.GrucastError.__subclasses__()} == {
        "UsageError", "DataError", "InputMissing", "InternalError", "CannotCreate", "IoFailure", "Busy", "Denied",
        "ModelError"}


def test_a_data_error_names_file_row_column_and_mend(grucast, train_fails):
    train_fails(errors.DataError("'n/a' is not a number", file="load.csv", line=1205, column="load",
                                 mend="add --na-value n/a"))
    assert grucast("train", "load.csv").err == (
        "grucast: error: load.csv:1205: column 'load': 'n/a' is not a number; add --na-value n/a\n")


@pytest.mark.parametrize("text", ["two\nlines", "a\rb", "\x1b[31mred", "nul\0", "half \ud800"])
def test_a_message_stays_one_line_whatever_a_file_put_in_it(grucast, train_fails, text):
    train_fails(errors.DataError(text))
    ran = grucast("train", "data.csv")
    assert ran.err.count("\n") == 1
    assert ran.err.rstrip("\n").isprintable()


@pytest.mark.parametrize(("number", "kind"), [
    (errno.ENOENT, errors.InputMissing), (errno.EISDIR, errors.InputMissing), (errno.EACCES, errors.Denied),
    (errno.EPERM, errors.Denied), (errno.ENOSPC, errors.IoFailure), (errno.EIO, errors.IoFailure),
    (errno.EDQUOT, errors.IoFailure)])
def test_an_error_of_the_system_is_translated_at_the_border(number, kind):
    assert isinstance(translate(OSError(number, os.strerror(number), "x.csv")), kind)


# ---- bugs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("what\nnow"), RecursionError(), MemoryError(), AssertionError()])
def test_a_bug_is_one_line_that_says_where_the_report_lies(grucast, train_fails, error, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    train_fails(error)
    ran = grucast("train", "data.csv")
    assert (ran.code, ran.out, ran.err.count("\n")) == (70, "", 1)
    report = Path(ran.err.rpartition("the report lies in ")[2].strip())
    assert report.parent == tmp_path
    assert "Traceback" in report.read_text()
    assert type(error).__name__ in report.read_text()


def test_a_bug_is_told_even_where_no_report_can_be_written(grucast, train_fails, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    train_fails(ValueError("what"))
    ran = grucast("train", "data.csv")
    assert (ran.code, ran.err) == (70, "grucast: error: a bug of ours: ValueError: what; --debug shows where\n")


@pytest.mark.parametrize(("words", "shown"), [((), True), (("--no-debug",), False), (("--no-debug", "--debug"), True)])
def test_the_command_line_decides_about_the_traceback_and_not_the_environment(grucast, train_fails, monkeypatch, words,
                                                                              shown):
    monkeypatch.setenv("GRUCAST_DEBUG", "yes")
    train_fails(ValueError("what"))
    assert ("Traceback" in grucast("train", "data.csv", *words).err) == shown


def test_debug_shows_the_traceback_and_then_the_line(grucast, train_fails):
    train_fails(errors.DataError("bad"))
    ran = grucast("train", "data.csv", "--debug")
    assert ran.err.startswith("Traceback (most recent call last)")
    assert ran.err.endswith("grucast: error: bad\n")
    assert ran.code == 65


# ---- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "message"), [
    (["trian", "data.csv"], "no command 'trian', did you mean 'train'?"),
    (["forcast"], "no command 'forcast', did you mean 'forecast'?"),
    (["xyz"], "no command 'xyz'"),
    (["--versoin"], "no option --versoin, did you mean '--version'?"),
    (["inspect", "a", "b"], "got unexpected extra argument(s) (b)"),
    (["inspect", "--jsn"], "no option --jsn, did you mean '--json'?"),
])
def test_a_wrong_name_is_one_line_that_guesses(grucast, arguments, message):
    ran = grucast(*arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"grucast: error: {message}\n")


def test_no_words_at_all_are_answered_with_the_help(grucast):
    ran = grucast()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: grucast")


# ---- processes -----------------------------------------------------------------------------------

WAITS = """
import signal, sys, types
from pathlib import Path
from grucast.cli.app import main
marker = Path(sys.argv[1])
def train(request, progress):
    try:
        print("ready", file=sys.stderr, flush=True)
        signal.pause()
    finally:
        marker.write_text("cleaned up")
module = types.ModuleType("grucast.workflows.train")
module.TrainRequest, module.train = types.SimpleNamespace, train
sys.modules["grucast.workflows.train"] = module
sys.argv = ["grucast", "train", "data.csv"]
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may have them ignored, as nohup does
signal.signal(signal.SIGHUP, signal.SIG_DFL)
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_after_it_cleaned_up(tmp_path, number, code):
    marker = tmp_path / "marker"
    with subprocess.Popen([sys.executable, "-c", WAITS, str(marker)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"ready\n"
        process.send_signal(number)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()  # else a signal that nobody hears is waited for without end
    assert (process.returncode, out, err) == (code, b"", b"")
    assert marker.read_text() == "cleaned up"


def test_a_reader_that_goes_away_is_no_error(model):
    with subprocess.Popen([*PYTHON, "inspect", str(model), "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_tolerated(model, closed):
    command = f'"$0" -m grucast inspect "$1" --json {closed}'
    done = subprocess.run(["/bin/sh", "-c", command, sys.executable, str(model)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_under_standard_output_is_an_input_output_error(model):
    if not Path("/dev/full").exists():  # macOS has none: a closed one is tried above
        return
    with Path("/dev/full").open("w") as full:
        command = [*PYTHON, "inspect", str(model), "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 74
    assert done.stderr.count(b"\n") == 1


def test_the_plainest_environment_is_enough(model, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run([*PYTHON, "inspect", str(model), "--json"], env=environment, capture_output=True, check=True)
    assert "Wärme".encode() in done.stdout


def test_the_version_is_printed():
    done = subprocess.run([*PYTHON, "--version"], capture_output=True, check=True, text=True)
    assert done.stdout.startswith("grucast ")


@pytest.mark.slow
def test_help_costs_at_most_three_times_the_import_of_typer():
    def fastest(command: list[str]) -> float:
        times = []
        for _ in range(10):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest([*PYTHON, "--help"]) <= 3 * fastest([sys.executable, "-c", "import typer"])
