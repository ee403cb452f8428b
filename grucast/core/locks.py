"""Locks between processes: `flock` on a file beside what is written, freed by dying.

Beside `NAME` lies `.NAME.lock`. It is empty and is never deleted: a lock on a deleted file guards nothing,
for the next one would make another file of that name and lock that. Readers need no lock, as everything
here is published by a rename or in one transaction.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from grucast.core.errors import Busy, write_error


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of `path` for the length of the block; with `wait` as long as it takes to get it.

    A signal ends the waiting. Not re-entrant: whoever asks twice waits for itself. Errors: Busy at once when
    another holds it and `wait` is False; CannotCreate, Denied, IoFailure where there can be no lock file.
    """
    try:
        handle = _open(beside(path, "lock"))
    except OSError as error:
        raise write_error(error, path) from error
    try:
        if not take(handle, wait=wait):
            raise busy(path)
        yield
    finally:
        os.close(handle)


def check_free(path: Path) -> None:
    """Busy where somebody holds the lock of `path` now, as can be told before hours of work; makes no file."""
    if beside(path, "lock").exists():
        with locked(path):
            pass


def take(handle: int, *, wait: bool = False) -> bool:
    """Lock the file behind `handle`; False where somebody else has, and `wait` is False."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def busy(path: Path) -> Busy:
    """What a second writer of `path` is told."""
    return Busy(f"{path}: another grucast is writing it; try later")


def beside(path: Path, kind: str) -> Path:
    """`.NAME.kind`, the name of a helping file of `path`."""
    return path.with_name(f".{path.name}.{kind}") if path.name else path / f".{kind}"


def _open(path: Path) -> int:
    """A handle on the lock file, new or there; one that another user made need only be readable."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
    return os.open(path, flags | os.O_RDONLY)
