"""Files that are there whole or not at all: written to a sibling, synced, renamed.

Beside `NAME` stands `.NAME.tmp` while it is written: one fixed name, locked by its writer; what a killed run
left is removed by the next one. Only who holds its lock may rename or remove it. Beside a model there is
also `.NAME.lock` (see `core/locks.py`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from grucast.core.errors import CannotCreate, Denied, write_error
from grucast.core.locks import beside, busy, locked, take

_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # folders that cannot be synced on some file systems
_TRIES = 10  # times that others may take the temporary file away before it counts as busy

Content: TypeAlias = bytes | Iterable[bytes]  # whole, or piece by piece where it is large
Write: TypeAlias = Callable[[Content], None]


def publish(path: Path, content: bytes, *, wait: bool = False, check: Callable[[], None] | None = None) -> None:
    """Put a model at `path`, whole or not at all; until then what was there stays as it was.

    `.NAME.lock` is held from the first byte to the rename and is freed by dying; `wait` waits for another
    writer to be done. `check` is called while it is held, before anything is written, and may refuse. Errors:
    Busy when another writer holds it; CannotCreate, also for a link, a pipe or a device, which a rename would
    replace; Denied; IoFailure (a full disk).
    """
    try:
        _mode(path)
        with locked(path, wait=wait), _temporary(path) as (temporary, handle):
            if check is not None:
                check()
            _put(path, temporary, handle, content, _mode(path))
    except OSError as error:
        raise write_error(error, path) from error


def check_place(path: Path) -> None:
    """Raise what a model at `path` cannot be published for, as far as it can be told before hours of work."""
    try:
        _mode(path)
        if not path.parent.is_dir():
            raise CannotCreate(f"cannot write {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise Denied(f"cannot write {path}: permission denied")
    except OSError as error:
        raise write_error(error, path) from error


def check_writable(path: Path) -> None:
    """Raise what `write_whole` would refuse `path` for, as far as it can be told before hours of work."""
    try:
        if not _is_stream(path):
            check_place(Path(os.path.realpath(path)) if path.is_symlink() else path)
    except OSError as error:
        raise write_error(error, path) from error


def write_whole(path: Path, content: Content) -> None:
    """Put `content` at `path`, whole or not at all, and leave nothing beside it; see `rewriting`."""
    with rewriting(path) as write:
        write(content)


@contextlib.contextmanager
def rewriting(path: Path) -> Iterator[Write]:
    """Hold the right to write `path` and give the function that puts bytes there, once, whole or not at all.

    Nobody else writes it meanwhile, so that it may be read, changed and written. A link is followed, the
    permissions of an existing file are kept, a device or a pipe is written to as it is. Errors: Busy when
    another writer is at it, CannotCreate, Denied, IoFailure.
    """
    try:
        if _is_stream(path):
            yield lambda content: _write_through(path, content)
            return
        target = Path(os.path.realpath(path))
        mode = _mode(target)
        with _temporary(target) as (temporary, handle):
            yield lambda content: _put(target, temporary, handle, content, mode)
    except BrokenPipeError:  # whoever read the pipe has enough: not a failure
        raise
    except OSError as error:
        raise write_error(error, path) from error


def _is_stream(path: Path) -> bool:
    """Whether `path` is a device or a pipe, that is written to as it is; Denied where what is there may not be."""
    if not path.exists():
        return False
    if not os.access(path, os.W_OK):
        raise Denied(f"cannot write {path}: permission denied")
    return not path.is_file() and not path.is_dir()


def _mode(path: Path) -> int | None:
    """The permissions of the file at `path`, None where there is none; CannotCreate for what is no file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "not a regular file"
        raise CannotCreate(f"cannot write {path}: it is {kind}")
    return stat.S_IMODE(mode)


# ---- the temporary file --------------------------------------------------------------------------


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, int]]:
    """`.NAME.tmp`, new and locked, and its handle; gone afterwards, unless it was renamed."""
    temporary = beside(path, "tmp")
    handle = _open_temporary(path, temporary)
    try:
        yield temporary, handle
    finally:  # an interrupt too must leave nothing behind
        with contextlib.suppress(OSError):
            if _is(temporary, handle):
                temporary.unlink()
        os.close(handle)


def _open_temporary(path: Path, temporary: Path) -> int:
    """A handle on a new, locked `temporary`; Busy where another writer has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    for _ in range(_TRIES):
        try:
            handle = os.open(temporary, flags, 0o666)
        except FileExistsError:
            _remove_stale(path, temporary)
            continue
        try:
            if take(handle) and _is(temporary, handle):  # else somebody took it for stale in between
                return handle
        except BaseException:  # left open, it would be locked for as long as this process lives
            os.close(handle)
            raise
        os.close(handle)
    raise busy(path)


def _remove_stale(path: Path, temporary: Path) -> None:
    """Remove what a killed run left; Busy where its writer lives."""
    try:
        handle = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError:  # a link, or not ours to read: no writer of ours made it
        temporary.unlink(missing_ok=True)
        return
    try:
        if not take(handle):
            raise busy(path)
        if _is(temporary, handle):
            temporary.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is(path: Path, handle: int) -> bool:
    """Whether `path` still names the file behind `handle`."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _put(path: Path, temporary: Path, handle: int, content: Content, mode: int | None) -> None:
    """Write `content` to the temporary file and give it the name `path`."""
    if mode is not None:
        os.fchmod(handle, mode)
    _write_all(handle, content)
    os.fsync(handle)
    temporary.replace(path)
    _sync_folder(path.parent)


def _write_through(path: Path, content: Content) -> None:
    """Write to a device or a pipe."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _write_all(handle, content)
    finally:
        os.close(handle)


def _write_all(handle: int, content: Content) -> None:
    for piece in (content,) if isinstance(content, bytes) else content:
        rest = memoryview(piece)
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
