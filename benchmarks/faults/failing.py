"""Every call of the system failing in turn, and a disk that is full: the old file stays, and one line says why.

For each thing that reads or writes (saving and loading a model, writing and rewriting a table, reading data, a whole
`forecast -o` and `detect-anomalies --scores`) its calls are counted; then it is done again and again, the n-th call
failing with ENOSPC, EIO, EACCES, EMFILE or EINTR, each in a child process. Right is: it is done all the same, or it
ends with an error of ours (66, 73, 74, 75, 77 or 78) in one line; what was there is there byte for byte, or the new
file is, whole; and nothing lies beside it that the next run does not take away.

Then a file system of 1 MB (`--small DIR`, else one is mounted where that is allowed) is filled to the last byte, and
a model and a table are written over good ones.

    python benchmarks/faults/failing.py [--every N] [--small DIR] [--json FILE]
"""

from __future__ import annotations

import csv
import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calls import REAL, Turn, failing
from common import Report, arguments
from tally import Tally, shown, small_model

from grucast.artifacts.store import load, save
from grucast.core.errors import GrucastError
from grucast.core.files import rewriting, write_whole
from grucast.data import sources

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EINTR)
ALLOWED = (66, 73, 74, 75, 77, 78)
NEW = b"ds,y_hat\n" + b"2024-01-01,1.25\n" * 5000


def run_command(words: list[str]) -> None:
    """A command of grucast in this process; what ended it as an error of ours."""
    from grucast.cli import boundary
    from grucast.cli.commands import command

    read, write = os.pipe()
    kept, usual = os.dup(2), sys.stderr
    os.dup2(write, 2)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False))  # the usual one may be a file, with a place in it
    try:
        code = boundary.run(command, words)
    finally:
        sys.stderr = usual
        os.dup2(kept, 2)
        REAL["close"](write)
    lines = REAL["read"](read, 65536).decode().splitlines()
    REAL["close"](read)
    if code == 0:
        return
    assert len(lines) == 1, f"{code}: {lines}"
    assert lines[0].startswith("grucast: error: "), lines
    error = GrucastError(lines[0])
    error.exit_code = code
    raise error


def change(path: Path) -> None:
    """Read a table and write it again with more in it."""
    with rewriting(path) as write:
        write(path.read_bytes() + NEW)


def jobs(folder: Path) -> Mapping[str, tuple[Callable[[], Any], tuple[Path, ...]]]:
    """What reads or writes, and the files that it may replace."""
    model, next_csv = folder / "load.grucast", folder / "next.csv"
    scores = folder / "scores.csv"
    artifact = load(model)
    return {
        "save a model": (lambda: save(artifact, model), (model,)),
        "load a model": (lambda: load(model), ()),
        "write a table": (lambda: write_whole(next_csv, NEW), (next_csv,)),
        "rewrite a table": (lambda: change(next_csv), (next_csv,)),
        "read data": (lambda: sources.load(str(folder / "load.csv")), ()),
        "grucast forecast -o": (lambda: run_command(["forecast", "-q", "-o", "next.csv"]), (next_csv,)),
        "grucast detect-anomalies --scores": (
            lambda: run_command(["detect-anomalies", "-q", "-o", "next.csv", "--scores", "scores.csv"]),
            (next_csv, scores)),
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of `folder` with its bytes."""
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def in_a_child(work: Callable[[], None]) -> str:
    """Call `work` in a copy of this process; what it raised, "" for nothing."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        said = ""
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return said or (f"it died of {status}" if status else "")


def check_whole(before: Mapping[str, bytes], after: Mapping[str, bytes], targets: list[str], failed: str) -> None:
    """AssertionError where another file than the targets changed, or one of these is neither the old nor a whole."""
    for name, old in before.items():
        assert name in after, f"{failed}: {name} is gone"
        if after[name] == old:
            continue
        assert name in targets, f"{failed}: {name} was changed"
        if name.endswith(".grucast"):
            load(Path(name))
        else:
            rows = csv.reader(after[name].removeprefix(b"yesterday\n").decode().splitlines())
            assert after[name].endswith(b"\n"), f"{failed}: {name} is torn"
            assert len({len(row) for row in rows}) == 1, f"{failed}: {name} is torn"


def try_once(folder: Path, job: str, turn: Turn) -> None:
    """Do `job` with the call of `turn` failing; AssertionError for what must not happen."""
    work, targets = jobs(folder)[job]
    before = contents(folder)
    ended: GrucastError | None = None
    try:
        with failing(turn):
            work()
    except GrucastError as error:
        ended = error
    if ended is not None:
        assert ended.exit_code in ALLOWED, f"{turn.failed}: exit {ended.exit_code}: {ended}"
        assert "\n" not in str(ended)
    check_whole(before, contents(folder), [one.name for one in targets], turn.failed)
    work()  # the next run takes away what is left
    left = {one for one in contents(folder) if one.startswith(".") and not one.endswith(".lock")}
    assert not left, f"{turn.failed}: {left} stayed"


def all_turns(folder: Path, job: str, every: int) -> Tally:
    """`job` once for each call that it makes and each error."""
    tally, turn = Tally(job), Turn()
    for name in ("next.csv", "scores.csv"):
        (folder / name).write_bytes(b"yesterday\n")
    with failing(turn):
        jobs(folder)[job][0]()
    good = contents(folder)
    good |= {"next.csv": b"yesterday\n", "scores.csv": b"yesterday\n"}
    for at in range(0, turn.made, every):
        for number in ERRORS:
            for one in folder.iterdir():
                one.unlink()
            for name, content in good.items():
                (folder / name).write_bytes(content)
            with tally.attempt(f"call {at}, {errno.errorcode[number]}"):
                now = Turn(at, number)
                said = in_a_child(lambda now=now: try_once(folder, job, now))
                assert not said, said
    return tally


# ---- a full disk ---------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path | None, mount: Path) -> Iterator[Path | None]:
    """A file system of a megabyte; None where there is none and none can be mounted."""
    if folder is not None:
        yield folder
        return
    mount.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], capture_output=True,
                          check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        yield None
        return
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=False)


def full_disk(disk: Path, model: Path, every: int) -> Tally:
    """Fill the disk so that n bytes are left, for many n, and write over good files."""
    tally = Tally("a full disk under a good model and a good table")
    artifact, whole = load(model), model.read_bytes()
    for free in range(0, len(whole) + 8192, 4096 * every):
        for name, work in (("model", lambda: save(artifact, disk / "m.grucast")),
                           ("table", lambda: write_whole(disk / "t.csv", NEW))):
            (disk / "m.grucast").write_bytes(whole)
            (disk / "t.csv").write_bytes(b"yesterday\n")
            fill(disk / "filler", free)
            with tally.attempt(f"{name}, {free} bytes free"):
                code = 0
                try:
                    work()
                except GrucastError as error:
                    code = error.exit_code
                assert code in (0, 74), f"exit {code}"
                assert (disk / "m.grucast").read_bytes() == whole
                assert (disk / "t.csv").read_bytes() in (b"yesterday\n", NEW)
                left = {one.name for one in disk.iterdir()} - {"m.grucast", "t.csv", "filler", ".m.grucast.lock"}
                assert not left, left
            (disk / "filler").unlink()
    return tally


def fill(path: Path, free: int) -> None:
    """Take all of the disk but `free` bytes."""
    path.touch()
    disk = os.statvfs(path)
    handle = os.open(path, os.O_WRONLY)
    try:
        with suppress(OSError):
            os.posix_fallocate(handle, 0, max(disk.f_bavail * disk.f_frsize - free, 1))
    finally:
        os.close(handle)


def measure(scratch: Path, every: int, small: Path | None) -> Iterator[Tally]:
    """A tally for each job and one for a full disk, as they come."""
    folder = scratch / "work"
    folder.mkdir()
    small_model(folder)
    os.chdir(folder)
    for job in jobs(folder):
        yield all_turns(folder, job, every)
    os.chdir(scratch)
    with small_disk(small, scratch / "disk") as disk:
        if disk is None:
            print("no small file system could be mounted: a full disk was not tried")
        else:
            yield full_disk(disk, folder / "load.grucast", every)


def main() -> int:
    """Measure and print; 1 when anything went wrong."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--every", type=int, default=1, help="try each N-th call")
    parser.add_argument("--small", type=Path, help="a folder on a small file system, empty")
    options = parser.parse_args()
    report = Report("faults/failing", options)
    with tempfile.TemporaryDirectory() as scratch:
        return shown(report, "Calls of the system that fail", measure(Path(scratch), options.every, options.small))


if __name__ == "__main__":
    sys.exit(main())
