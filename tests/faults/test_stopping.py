"""A signal, a limit or a reader that goes away ends a run cleanly, whatever it was doing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.command import COMMAND, clean_environment, contents

SWALLOWS = """
import sys, time, types
from grucast.cli import app, boundary
boundary._GRACE = 0.2
class Careless:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(5)  # the signal comes in here, and what it raises is swallowed
def train(*_):
    Careless()
    time.sleep(20)
module = types.ModuleType("grucast.workflows.train")
module.TrainRequest, module.train = (lambda *_, **__: None), train
sys.modules["grucast.workflows.train"] = module
sys.argv = ["grucast", "train", "data.csv"]
app.main()
"""


def test_a_signal_that_was_swallowed_in_a_destructor_is_not_forgotten_and_nothing_is_said_of_it():
    with subprocess.Popen([sys.executable, "-c", SWALLOWS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
        assert (process.returncode, err) == (143, b"")


def test_another_fault_in_a_destructor_is_still_told():
    code = SWALLOWS.replace("time.sleep(5)", "raise ValueError('told')").replace("time.sleep(20)", "pass")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"told" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_to_be_ignored_is_ignored(tiny, number):
    """As by `nohup`, or by a shell for its jobs in the background."""
    process = subprocess.Popen([*COMMAND, "forecast", "-q"], cwd=tiny, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment(), preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.count(b"\n"), err) == (0, 25, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("after", [0.15, 0.25, 0.35])
def test_a_signal_at_any_moment_leaves_no_traceback_and_no_file(tiny, number, after):
    before = contents(tiny)
    process = subprocess.Popen([*COMMAND, "forecast", "-o", "next.csv", "-q"], cwd=tiny, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=clean_environment())
    time.sleep(after)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + number, -number)  # too early for us, it is the system that ends it
    assert (out, err) == (b"", b"")
    assert {key: value for key, value in contents(tiny).items() if key != "next.csv"} == before


def limited(kind: int, value: int):
    return lambda: resource.setrlimit(kind, (value, value))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the address space")
@pytest.mark.parametrize("megabytes", [60, 100, 150])
def test_too_little_memory_is_one_line(installed, tiny, megabytes, tmp_path_factory):
    """NumPy and OpenBLAS would end the process with a page of text or none of ours."""
    before = contents(tiny)
    reports = str(tmp_path_factory.mktemp("reports"))
    ended = installed("forecast", "-o", "next.csv", preexec_fn=limited(resource.RLIMIT_AS, megabytes << 20),
                      env={"TMPDIR": reports})
    assert ended.code == 70
    assert ended.error.startswith(f"grucast: error: not enough memory; the report lies in {reports}")
    assert contents(tiny) == before


def test_a_forecast_needs_little_memory(installed, tiny):
    assert installed("forecast", "-q", preexec_fn=limited(resource.RLIMIT_AS, 400 << 20)).code == 0


def test_a_limit_on_the_size_of_files_is_an_input_output_error_and_the_old_file_stays(installed, tiny):
    (tiny / "next.csv").write_text("yesterday")
    before = contents(tiny)
    ended = installed("forecast", "-o", "next.csv", "-q", preexec_fn=limited(resource.RLIMIT_FSIZE, 512))
    assert ended.code == 74
    assert ended.error == "grucast: error: cannot write next.csv: file too large; what was there is as it was"
    assert contents(tiny) == before


def test_a_reader_that_stops_reading_ends_the_run_without_a_word(tiny):
    """`head` closes the pipe; a pipe that nobody empties is waited for."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*COMMAND, "forecast", "-q"], cwd=tiny, stdout=write, stderr=subprocess.PIPE, check=False,
                          env=clean_environment())
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_pipe_is_waited_for_and_loses_nothing(tiny):
    whole = subprocess.run([*COMMAND, "detect-anomalies", "-q", "--scores", "/dev/stdout"], cwd=tiny,
                           capture_output=True, check=True, env=clean_environment()).stdout
    slow = subprocess.Popen([*COMMAND, "detect-anomalies", "-q", "--scores", "/dev/stdout"], cwd=tiny,
                            stdout=subprocess.PIPE, env=clean_environment(), pipesize=4096)
    assert slow.stdout is not None
    time.sleep(1.5)
    assert slow.poll() is None  # it has more to say than the pipe holds
    assert slow.stdout.read() == whole
    assert slow.wait() == 0
