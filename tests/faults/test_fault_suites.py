"""The suites of `benchmarks/faults`, some hundred tries of each: nothing accepted, lost, torn or left behind.

Those that listen to the system's calls, make them fail or fork run in a process of their own.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grucast.core.errors import DataError

SUITES = Path(__file__).resolve().parents[2] / "benchmarks" / "faults"
sys.path[:0] = [str(SUITES), str(SUITES.parent)]

import tables  # noqa: E402

AROUND = """
import os, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
import {suite} as suite
folder, model = Path(sys.argv[2]), Path("load.grucast")
os.chdir(folder)
tallies = {call}
for one in tallies:
    assert one.tried, one.what
    assert not one.wrong, one.examples
print(sum(one.tried for one in tallies))
"""


def tried(suite: str, call: str, folder: Path) -> int:
    """How many tries the suite made of which none went wrong."""
    code = AROUND.format(suite=suite, call=call)
    done = subprocess.run([sys.executable, "-c", code, str(SUITES), str(folder)], capture_output=True, text=True,
                          check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("call", [
    "[suite.in_process('flips', suite.flips(model.read_bytes(), 300, 1))]",
    "[suite.in_process('cuts', suite.cuts(model.read_bytes(), 211))]",
    "[suite.in_process('blocks', suite.blocks(model.read_bytes(), 200, 1))]",
], ids=["flips", "cuts", "blocks"])
def test_a_damaged_model_is_refused_and_does_nothing_else(tiny, call):
    assert tried("damage", call, tiny) > 150


def test_a_forged_model_is_refused_or_forecasts_finite_numbers(tiny):
    call = ("[(judge := suite.Judge(Path('load.csv')), judge(model.read_bytes()), suite.warm_up(), "
            "suite.in_process('forged', suite.forged(model.read_bytes(), 250, 1), judge))[-1]]")
    assert tried("damage", call, tiny) == 250


def test_every_call_of_a_save_that_fails_leaves_the_old_model_or_the_new_one(tiny):
    assert tried("failing", "[suite.all_turns(folder, job, 2) for job in ('save a model', 'load a model')]", tiny) > 40


@pytest.mark.parametrize(("job", "every"), [("write a table", 3), ("rewrite a table", 5), ("read data", 2)])
def test_every_call_that_fails_leaves_the_old_table_or_the_new_one(tiny, job, every):
    assert tried("failing", f"[suite.all_turns(folder, {job!r}, {every})]", tiny) > 10


@pytest.mark.slow
@pytest.mark.parametrize("job", ["grucast forecast -o", "grucast detect-anomalies --scores"])
def test_every_call_of_a_command_that_fails_is_one_line(tiny, job):
    assert tried("failing", f"[suite.all_turns(folder, {job!r}, 1)]", tiny) > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_keeps_the_old_model_and_the_old_table(tiny):
    (tiny / "disk").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny / "disk")], check=False,
                      capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert tried("failing", "[suite.full_disk(Path('disk'), model, 2)]", tiny) >= 8
    finally:
        subprocess.run(["umount", str(tiny / "disk")], check=True)


def test_two_writers_and_a_reader_never_meet_a_mixture(tiny):
    assert tried("kills", "[suite.writers_and_reader(folder, 3)[0]]", tiny) > 3


def test_kills_in_the_middle_of_saves_lose_nothing(tiny):
    assert tried("kills", "[suite.killed_saves(folder, 30, 5)]", tiny) == 30


@pytest.mark.slow
def test_a_killed_training_loses_nothing(tiny):
    assert tried("kills", "[suite.killed_trainings(folder, 2, 5)]", tiny) == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_a_generated_table_is_read_as_it_was_written_or_refused_with_the_row_of_its_fault(tmp_path, draw):
    tables.judge(tmp_path / "made.csv", tables.faulty(draw))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_a_table_after_an_accident_to_its_bytes_is_read_or_refused(tmp_path, draw):
    tables.allowed(tables.read(tmp_path / "garbled.csv", tables.garbled(draw)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path, content):
    tables.allowed(tables.read(tmp_path / "any.csv", content))


@pytest.mark.parametrize("fault", tables.FAULTS, ids=lambda one: one.__name__)
def test_each_planted_fault_is_refused_with_its_line(tmp_path, fault):
    draw = random.Random(3)
    made = tables.make(draw)
    fault(made, 5, draw)
    found = tables.read(tmp_path / "made.csv", made.content())
    assert isinstance(found, DataError)
    assert found.line in ((len(made.lines),) if fault is tables.far_away else (6, 7))
