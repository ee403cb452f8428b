"""One writer at a time: the second is told so or waits, and whoever dies lets go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from grucast.core.errors import Busy, CannotCreate
from grucast.core.files import publish
from grucast.core.locks import locked

HOLD = """
import sys
from pathlib import Path
from grucast.core.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `a`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "a")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_busy_at_once_and_the_lock_file_stays(tmp_path, holder):
    start = time.monotonic()
    with pytest.raises(Busy, match="try later"), locked(tmp_path / "a"):
        pass
    assert time.monotonic() - start < 1
    assert [one.name for one in tmp_path.iterdir()] == [".a.lock"]
    assert (tmp_path / ".a.lock").read_bytes() == b""


def test_who_waits_gets_it_when_the_first_is_done(tmp_path, holder):
    threading.Timer(0.3, holder.stdin.close).start()
    start = time.monotonic()
    with locked(tmp_path / "a", wait=True):
        assert time.monotonic() - start > 0.2


def test_a_holder_that_is_killed_lets_go(tmp_path, holder):
    with pytest.raises(Busy), locked(tmp_path / "a"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path / "a"):
        assert (tmp_path / ".a.lock").exists()


def test_a_model_waits_for_the_writer_before_it_when_asked_to(tmp_path, holder):
    with pytest.raises(Busy):
        publish(tmp_path / "a", b"new")
    assert not (tmp_path / "a").exists()
    threading.Timer(0.3, holder.stdin.close).start()
    publish(tmp_path / "a", b"new", wait=True)
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_signal_ends_the_waiting(tmp_path, holder):
    waiting = subprocess.Popen([sys.executable, "-c", HOLD.replace(")):", "), wait=True):"), str(tmp_path / "a")],
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    assert waiting.poll() is None
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=5) != 0


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_something_else_in_the_place_of_the_lock_is_not_opened(tmp_path, kind):
    place, other = tmp_path / ".a.lock", tmp_path / "other"
    {"link": lambda: place.symlink_to(other), "folder": place.mkdir}[kind]()
    with pytest.raises(CannotCreate, match="cannot write"), locked(tmp_path / "a"):
        pass
    assert not other.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_lock_file_of_another_user_can_be_taken():
    """As the model of one user that a second may replace, in a folder that both may write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        with locked(folder / "a"):
            pass
        (folder / ".a.lock").chmod(0o644)
        code = HOLD.replace("with locked", "import os\nos.setuid(65534)\nwith locked")
        command = [sys.executable, "-c", code, str(folder / "a")]
        ended = subprocess.run(command, input="", capture_output=True, text=True)
    assert ended.stdout == "held\n", ended.stderr
