"""The state file: held by one, readable by all, whole or as it was, and never a traceback."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from grucast.artifacts.state import open_state, read_state
from grucast.artifacts.state_schema import VERSION
from grucast.core.errors import Busy, CannotCreate, Denied, GrucastError, InputMissing, ModelError

PUT = "INSERT INTO jobs VALUES (?, 'd', '{}', '{}', 3, 'now')"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "load.state"


def put(path, job="one"):
    with open_state(path) as state, state.transaction():
        state.write(PUT, job)


def jobs(path):
    with read_state(path) as state:
        return [job for (job,) in state.rows("SELECT job FROM jobs ORDER BY job")]


def test_what_a_transaction_wrote_is_there_for_the_next_one_and_for_readers(path):
    put(path, "one")
    put(path, "two")
    assert jobs(path) == ["one", "two"]


def test_a_new_state_leaves_itself_and_its_lock_and_nothing_else(path):
    put(path)
    jobs(path)
    assert sorted(one.name for one in path.parent.iterdir()) == [".load.state.lock", "load.state"]


def test_a_transaction_that_fails_leaves_nothing(path):
    put(path)
    with open_state(path) as state:
        with pytest.raises(ModelError), state.transaction():
            [state.write(PUT, job) for job in ("two", "one")]
        assert state.row("SELECT count(*) FROM jobs") == (1,)
    assert jobs(path) == ["one"]


def test_a_process_that_dies_inside_a_transaction_leaves_what_was_there(path):
    put(path)
    killed = subprocess.run([sys.executable, "-c", f"""
import os, pathlib
from grucast.artifacts.state import open_state
with open_state(pathlib.Path({str(path)!r})) as state, state.transaction():
    state.write({PUT!r}, "two")
    os.kill(os.getpid(), 9)
"""], check=False)
    assert killed.returncode == -9
    assert jobs(path) == ["one"]
    put(path, "three")
    assert jobs(path) == ["one", "three"]


def test_a_reader_sees_the_last_transaction_while_another_is_being_written(path):
    put(path)
    with open_state(path) as state, state.transaction():
        state.write(PUT, "two")
        assert jobs(path) == ["one"]
    assert jobs(path) == ["one", "two"]


def test_a_second_writer_is_busy_at_once_or_waits(path):
    put(path)
    entered = threading.Event()

    def hold():
        with open_state(path):
            entered.set()
            time.sleep(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    with pytest.raises(Busy), open_state(path):
        pass
    with open_state(path, wait=True) as state, state.transaction():
        state.write(PUT, "two")
    holder.join()
    assert jobs(path) == ["one", "two"]


def test_a_newer_schema_is_refused_and_left_alone(path):
    put(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for opened in (open_state, read_state):
        with pytest.raises(ModelError, match="newer grucast"), opened(path):
            pass
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (name)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ModelError, match="not a state of grucast"), open_state(path):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"ds,load\n2024-01-01,3\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_database_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    for opened in (open_state, read_state):
        with pytest.raises(ModelError, match="damaged"), opened(path):
            pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("keep", range(0, 24_000, 3001))
def test_a_state_cut_short_is_new_or_an_error_of_ours(path, keep):
    for job in range(400):
        put(path, f"{job:0200}")
        if job == 5:
            break
    path.write_bytes(path.read_bytes()[:keep])
    code = 0
    try:
        with open_state(path) as state:
            state.rows("SELECT * FROM jobs")
            state.rows("SELECT * FROM events")
    except GrucastError as error:
        code = error.exit_code
    assert code == (0 if keep == 0 else 78)


def test_there_must_be_a_state_to_read(path):
    with pytest.raises(InputMissing), read_state(path):
        pass


def test_a_folder_or_a_place_that_is_not_there_cannot_be_a_state(path):
    path.mkdir()
    with pytest.raises(CannotCreate), open_state(path):
        pass
    with pytest.raises(CannotCreate), open_state(path.parent / "nowhere" / "state"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_that_may_not_be_written_is_denied(path):
    put(path)
    path.chmod(0o444)
    with pytest.raises(Denied), open_state(path) as state, state.transaction():
        state.write(PUT, "two")
