"""What was appended to a file since it was read last: only those bytes are read, and only when the others still stand.

A `Mark` says where reading stopped. That the file still begins with what was read is told by two hashes, of the
first and of the last 64 KB before the mark; a change in the middle of a longer file is seen by reading all of it
only. An unterminated last line is not read: it may be half written.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from grucast.core.errors import Busy, Denied, InputMissing, IoFailure
from grucast.data.sources import GZIP, Source, load

EDGE = 1 << 16


@dataclass(frozen=True, slots=True)
class Mark:
    """Where reading stopped: after `offset` bytes, which were `lines` lines, the header on line `header` (0: none)."""

    offset: int
    lines: int
    header: int
    head: str  # sha256 of the first 64 KB before the offset
    tail: str  # and of the last
    device: int = 0
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Fresh:
    """Whole lines that have not been read: `body`, the first of them line `first`; `mark` stands behind them.

    `head` is the file down to its header, b"" where that lies too far in. `torn`: a last line was left out.
    """

    file: str
    body: bytes
    head: bytes
    first: int
    mark: Mark
    torn: bool


def whole_lines(name: str) -> tuple[Source, Mark | None, bool]:
    """All lines of a file, without a last one that does not end, whether there was one, and the mark behind them.

    No mark where it cannot be read on later: standard input, gzip, what is not text. Its `header` is 0 so far.
    Errors: those of `load`.
    """
    source = load(name)
    state = None if name == "-" else _status(Path(name))
    if state is None or name.endswith((".gz", ".parquet")) or _is_binary(_first(name)):
        return source, None, False
    stop = source.body.rfind(b"\n") + 1
    mark = mark_behind(source.body[:stop], state)
    return Source(source.file, source.body[:stop], True), mark, stop < len(source.body)


def _is_binary(body: bytes) -> bool:
    """Whether lines cannot be told by their bytes: UTF-16 and UTF-32 too, what is compressed, old line ends."""
    return body.startswith(GZIP) or b"\0" in body[:EDGE] or (b"\r" in body[:EDGE] and b"\n" not in body[:EDGE])


def _first(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(EDGE)


def mark_behind(body: bytes, state: os.stat_result, *, header: int = 0) -> Mark:
    """The mark behind `body`, the beginning of a file."""
    return Mark(len(body), body.count(b"\n"), header, _hash(body[:EDGE]), _hash(body[-EDGE:]), state.st_dev,
                state.st_ino)


def read_fresh(name: str, mark: Mark) -> Fresh | None:
    """What `name` has after the mark; None where it does not begin any more with what was read up to it.

    Errors: those of `load`; Busy where the file was changed, not appended to, while it was read.
    """
    path = Path(name)
    before = _status(path)
    if before.st_size < mark.offset:
        return None
    try:
        with path.open("rb", buffering=0) as handle:
            state = os.fstat(handle.fileno())
            head = _read(handle.fileno(), 0, min(EDGE, mark.offset))
            tail = _read(handle.fileno(), max(0, mark.offset - EDGE), min(EDGE, mark.offset))
            if (_hash(head), _hash(tail)) != (mark.head, mark.tail):
                return None
            raw = _read(handle.fileno(), mark.offset, state.st_size - mark.offset)
            after = os.fstat(handle.fileno())
            changed = after.st_size < state.st_size or (
                after.st_mtime_ns != state.st_mtime_ns and after.st_size == state.st_size)
    except OSError as error:
        raise IoFailure(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    if changed or len(raw) < state.st_size - mark.offset:
        raise Busy(f"{path}: was changed while it was read; try later")
    stop = raw.rfind(b"\n") + 1
    behind = _moved(mark, head, tail, raw[:stop], state)
    return Fresh(name, raw[:stop], _down_to(head, mark.header), mark.lines + 1, behind, stop < len(raw))


def _moved(mark: Mark, head: bytes, tail: bytes, body: bytes, state: os.stat_result) -> Mark:
    """The mark behind `body`, which stands behind `mark`; `head` and `tail` are the edges before that."""
    first = _hash((head + body)[:EDGE]) if mark.offset < EDGE else mark.head
    return Mark(mark.offset + len(body), mark.lines + body.count(b"\n"), mark.header, first,
                _hash((tail + body)[-EDGE:]), state.st_dev, state.st_ino)


def rotated(name: str, mark: Mark) -> str | None:
    """The file of the same folder that was `name` when the mark was set, under its new name; None for none."""
    path = Path(name)
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.name == path.name or entry.inode() != mark.inode or not entry.is_file(follow_symlinks=False):
                    continue
                if entry.stat().st_dev == mark.device:
                    return str(path.with_name(entry.name))
    except OSError:
        return None
    return None


def _down_to(head: bytes, line: int) -> bytes:
    """The first `line` lines of `head`; b"" where they do not end in it."""
    stop = 0
    for _ in range(line):
        stop = head.find(b"\n", stop) + 1
        if not stop:
            return b""
    return head[:stop]


def _status(path: Path) -> os.stat_result:
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputMissing(f"{path}: there is no such file") from None
    except PermissionError:
        raise Denied(f"{path}: permission denied") from None
    if not stat.S_ISREG(state.st_mode):
        raise InputMissing(f"{path}: is {'a directory' if stat.S_ISDIR(state.st_mode) else 'not a regular file'}")
    return state


def _read(handle: int, start: int, count: int) -> bytes:
    """`count` bytes from `start` on, fewer where the file ends before."""
    parts = []
    while count > 0 and (part := os.pread(handle, min(count, 1 << 30), start)):
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return b"".join(parts)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
