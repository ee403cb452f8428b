"""Files that are there whole or not at all: written to a sibling, synced, renamed.

Beside `NAME` stand `.NAME.tmp` (one fixed name; what a killed run left is removed by the next one) and
`.NAME.lock` (never deleted: a lock on a deleted file guards nothing).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from grucast.core.errors import Busy, CannotCreate, Denied, GrucastError, IoFailure

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CANNOT_CREATE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # folders that cannot be synced on some file systems


def publish(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all; until then what was there stays as it was.

    The lock is held from the first byte to the rename and is freed by dying. Errors: Busy when another
    writer holds it, CannotCreate, Denied, IoFailure (a full disk).
    """
    try:
        mode = _mode(path)
        with locked(path):
            _replace(path, content, mode)
    except OSError as error:
        raise write_error(error, path) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside `path`, or raise Busy at once."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(_beside(path, "lock"), flags, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"{path}: another grucast is writing it; try later") from error
        yield
    finally:
        os.close(handle)


def write_error(error: OSError, path: Path) -> GrucastError:
    """What a failed write to `path` means for the user."""
    message = f"cannot write {path}: {(error.strerror or str(error)).lower()}"
    if error.errno in _DENIED:
        return Denied(message)
    if error.errno in _CANNOT_CREATE:
        return CannotCreate(message)
    return IoFailure(f"{message}; what was there is as it was")


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}") if path.name else path / f".{kind}"


def _mode(path: Path) -> int | None:
    """The permissions of the file at `path`, None where there is none.

    CannotCreate for a link, a pipe or a device: a rename would replace it, and nobody who names one wants that.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "not a regular file"
        raise CannotCreate(f"cannot write {path}: it is {kind}")
    return stat.S_IMODE(mode)


def _replace(path: Path, content: bytes, mode: int | None) -> None:
    temporary = _beside(path, "tmp")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(temporary, flags, 0o666)
    try:
        try:
            if mode is not None:
                os.fchmod(handle, mode)
            _write_all(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:  # an interrupt too must leave nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_all(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
