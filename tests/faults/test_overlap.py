"""Two runs at once: one writes, the other comes back later or waits, and a reader sees one whole model."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from grucast.core.locks import locked
from tests.command import COMMAND, TINY, clean_environment, contents


def begun(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A training in `folder` that has kept its first epoch."""
    process = subprocess.Popen([*COMMAND, "train", "load.csv", *words], cwd=folder, env=clean_environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(1200):
        if (folder / ".load.grucast.resume").exists():
            return process
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    raise AssertionError("no epoch was kept")


def test_a_second_writer_is_told_at_once_before_it_works_for_hours(installed, tiny):
    with locked(tiny / "load.grucast"):
        before = contents(tiny)
        start = time.monotonic()
        ended = installed("train", "load.csv", "--epochs", "100000", "--patience", "100000")
        assert time.monotonic() - start < 10  # it did not train
    assert ended.code == 75
    assert ended.error == "grucast: error: load.grucast: another grucast is writing it; try later"
    assert contents(tiny) == before


def test_a_lock_taken_meanwhile_costs_no_model_and_no_work(installed, tiny):
    """What was learned lies in the file to resume from, and goes on to the same model."""
    old = (tiny / "load.grucast").read_bytes()
    seeded = (*TINY, "--seed", "3")
    process = begun(tiny, "-q", *seeded)
    with locked(tiny / "load.grucast"):
        assert installed("forecast", "-q").code == 0  # readers need no lock
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err.count(b"\n")) == (75, 1)
    assert b"load.grucast: another grucast is writing it; try later" in err
    assert (tiny / "load.grucast").read_bytes() == old
    assert installed("train", "load.csv", "-q", *seeded, "--resume").code == 0
    assert (tiny / "load.grucast").read_bytes() != old
    assert not (tiny / ".load.grucast.resume").exists()


def test_with_wait_a_training_publishes_when_the_other_is_done(installed, tiny):
    old = (tiny / "load.grucast").read_bytes()
    lock = locked(tiny / "load.grucast")
    lock.__enter__()
    timer = threading.Timer(12, lambda: lock.__exit__(None, None, None))
    timer.start()
    start = time.monotonic()
    assert installed("train", "load.csv", "-q", *TINY, "--seed", "3", "--wait").code == 0
    assert time.monotonic() - start > 11
    assert (tiny / "load.grucast").read_bytes() != old


@pytest.mark.slow
def test_a_training_that_waits_can_be_stopped(installed, tiny):
    before = contents(tiny)
    with locked(tiny / "load.grucast"):
        process = begun(tiny, "-q", *TINY, "--seed", "3", "--wait")
        time.sleep(15)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143
    after = contents(tiny)
    del after[".load.grucast.resume"]
    assert after == before | {".load.grucast.lock": b""}
