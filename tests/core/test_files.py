"""Files that are there whole or not at all, whoever writes, fails or dies meanwhile."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grucast.core.errors import Busy, CannotCreate, Denied, IoFailure
from grucast.core.files import check_writable, publish, rewriting, write_whole


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_is_written_and_nothing_else(tmp_path):
    write_whole(tmp_path / "a.csv", b"x\n")
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"x\n"


def test_a_model_has_its_lock_beside_it(tmp_path):
    publish(tmp_path / "m.grucast", b"x")
    assert names(tmp_path) == [".m.grucast.lock", "m.grucast"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "a.csv", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("write", [write_whole, publish])
@pytest.mark.parametrize("kind", ["half", "link", "pipe", "second name"])
def test_what_a_killed_run_left_is_replaced_and_nothing_else_is_touched(tmp_path, write, kind):
    other, left = tmp_path / "other", tmp_path / ".a.tmp"
    other.write_bytes(b"another file")
    {"half": lambda: left.write_bytes(b"half of a much longer file"), "link": lambda: left.symlink_to(other),
     "pipe": lambda: os.mkfifo(left), "second name": lambda: left.hardlink_to(other)}[kind]()
    write(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert other.read_bytes() == b"another file"
    assert not left.exists()


@pytest.mark.parametrize(("number", "kind"), [
    (errno.ENOSPC, IoFailure), (errno.EIO, IoFailure), (errno.EACCES, Denied), (errno.EPERM, Denied)])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, number, kind):
    (tmp_path / "a.csv").write_text("old")

    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=r"a\.csv"):
        write_whole(tmp_path / "a.csv", b"new")
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"


def test_a_missing_folder_or_a_folder_cannot_be_created(tmp_path):
    with pytest.raises(CannotCreate):
        write_whole(tmp_path / "no" / "a.csv", b"x")
    with pytest.raises(CannotCreate):
        write_whole(tmp_path, b"x")


def test_a_path_below_a_file_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotCreate):
        write_whole(tmp_path / "file" / "a.csv", b"x")


def test_a_link_is_followed_and_the_mode_kept(tmp_path):
    real = tmp_path / "real.csv"
    real.write_text("old")
    real.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(real)
    write_whole(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_written_is_known_before(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "astray.csv").symlink_to(tmp_path / "no" / "a.csv")
    for path in (tmp_path, tmp_path / "no" / "a.csv", tmp_path / "file" / "a.csv", tmp_path / "astray.csv"):
        with pytest.raises(CannotCreate) as foretold:
            check_writable(path)
        with pytest.raises(CannotCreate):
            write_whole(path, b"x")
        assert str(foretold.value).startswith("cannot write ")


def test_what_can_be_written_is_so_before_too_and_nothing_is_written_for_it(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("old.csv")
    (tmp_path / "ahead.csv").symlink_to("to_come.csv")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    for name in ("old.csv", "link.csv", "ahead.csv", "pipe", "new.csv"):
        check_writable(tmp_path / name)
    check_writable(Path("/dev/null"))
    assert names(tmp_path) == before
    assert (tmp_path / "old.csv").read_text() == "old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_is_protected_is_known_before(tmp_path):
    (tmp_path / "a.csv").touch(mode=0o444)
    with pytest.raises(Denied):
        check_writable(tmp_path / "a.csv")


def test_a_device_is_written_to_and_not_replaced():
    write_whole(Path("/dev/null"), b"x")
    assert Path("/dev/null").is_char_device()


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=write_whole, args=(tmp_path / "pipe", b"through"))
    writer.start()
    assert (tmp_path / "pipe").read_bytes() == b"through"
    writer.join()
    assert names(tmp_path) == ["pipe"]


# ---- two writers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [write_whole, publish])
def test_a_second_writer_is_told_to_come_back_and_changes_nothing(tmp_path, write):
    path = tmp_path / "a"
    with rewriting(path) as first:
        with pytest.raises(Busy, match="try later"):
            write(path, b"second")
        first(b"first")
    assert path.read_bytes() == b"first"
    write(path, b"second")
    assert path.read_bytes() == b"second"


def test_nothing_is_written_and_nothing_left_where_the_writer_changes_its_mind(tmp_path):
    (tmp_path / "a").write_text("old")
    with rewriting(tmp_path / "a"):
        pass
    with pytest.raises(KeyboardInterrupt), rewriting(tmp_path / "a"):
        raise KeyboardInterrupt
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_failure_while_the_temporary_file_is_locked_does_not_lock_it_for_good(tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(os, "fstat", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
        with pytest.raises(IoFailure):
            write_whole(tmp_path / "a", b"x")
    write_whole(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_a_writer_whose_file_was_taken_for_stale_begins_anew(tmp_path, monkeypatch):
    """Between making its temporary file and locking it, a writer may lose it to one that finds it unlocked."""
    path, temporary = tmp_path / "a", tmp_path / ".a.tmp"
    lock, stolen = fcntl.flock, []

    def steal_first(handle, operation):
        if not stolen:
            stolen.append(temporary.unlink())
            temporary.write_bytes(b"of another writer, killed since")
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", steal_first)
    write_whole(path, b"x")
    assert path.read_bytes() == b"x"
    assert names(tmp_path) == ["a"]


WRITE_FOR_A_WHILE = """
import sys, time
from pathlib import Path
from grucast.core.errors import Busy
from grucast.core.files import write_whole
path, letter, stop = Path(sys.argv[1]), sys.argv[2].encode(), time.monotonic() + float(sys.argv[3])
written = 0
while time.monotonic() < stop:
    try:
        write_whole(path, letter * 200_000)
        written += 1
    except Busy:
        pass
print(written)
"""


def test_two_writers_and_a_reader_never_meet_a_torn_file(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"c" * 200_000)
    command = [sys.executable, "-c", WRITE_FOR_A_WHILE, str(path)]
    writers = [subprocess.Popen([*command, letter, "1.5"], stdout=subprocess.PIPE, text=True) for letter in "ab"]
    seen = set()
    while any(one.poll() is None for one in writers):
        content = path.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        seen.add(content[:1])
        time.sleep(0.001)
    assert all(int(one.communicate()[0]) > 0 for one in writers)
    assert {b"a", b"b"} <= seen
    assert names(tmp_path) == ["a"]


ADD_LINES = """
import sys, time
from pathlib import Path
from grucast.core.errors import Busy
from grucast.core.files import rewriting
path = Path(sys.argv[1])
for turn in range(30):
    while True:
        try:
            with rewriting(path) as write:
                write(path.read_bytes() + f"{sys.argv[2]}{turn}\\n".encode())
            break
        except Busy:
            time.sleep(0.001)
"""


def test_what_is_read_and_rewritten_by_two_loses_no_line(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    command = [sys.executable, "-c", ADD_LINES, str(tmp_path / "a")]
    writers = [subprocess.Popen([*command, letter]) for letter in "xy"]
    assert [one.wait() for one in writers] == [0, 0]
    assert sorted((tmp_path / "a").read_text().split()) == sorted(f"{one}{turn}" for one in "xy" for turn in range(30))
