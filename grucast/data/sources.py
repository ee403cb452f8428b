"""Give the bytes of a file as UTF-8: opened with care, decompressed and decoded."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import stat
import sys
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from grucast.core.errors import Busy, DataError, Denied, InputMissing, IoFailure, UsageError
from grucast.data.findings import Findings

GZIP = b"\x1f\x8b"
NOT_TEXT = {  # how other things begin, and what to do instead
    b"PK\x03\x04": ("a workbook or a zip archive", "save it as CSV"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "save it as CSV"),
    b"SQLite format 3": ("an SQLite database", "export a table as CSV"),
    b"%PDF": ("a PDF", "save the table as CSV"),
}
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
LOOKED_AT = 1 << 16  # bytes searched for control characters; NUL is looked for everywhere
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
RESTED = 10.0  # seconds after which a file counts as no longer being written


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was when it was opened. `body` is UTF-8 without a byte order mark."""

    file: str
    body: bytes
    rested: bool  # nobody wrote to it in the last ten seconds
    encoding: str = "utf-8"


def load(name: str, *, now: float | None = None) -> Source:
    """The decompressed bytes of `name`; "-" is standard input. They are not decoded yet.

    A fixed length is read: what is appended meanwhile does not count. Missing, a directory, a FIFO:
    InputMissing. No permission: Denied. Shrunk or changed while it was read: Busy. Damaged gzip: DataError.
    """
    if name == "-":
        raw, rested, file = sys.stdin.buffer.read(), True, "-"
    else:
        raw, changed = _read_fixed(Path(name))
        rested = (time.time() if now is None else now) - changed >= RESTED
        file = name
    if raw.startswith(GZIP) or file.endswith(".gz"):
        raw = _decompress(raw, file)
    return Source(file, raw, rested)


def _read_fixed(path: Path) -> tuple[bytes, float]:
    """The bytes `path` had when it was opened, and when it was last changed."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before it is opened: a pipe would be waited for
            raise InputMissing(f"{path}: is {'a directory' if path.is_dir() else 'not a regular file'}")
        with path.open("rb", buffering=0) as handle:
            state = os.fstat(handle.fileno())
            raw = _whole(handle, state.st_size)
            still = len(raw) == state.st_size and _unchanged(handle, state, raw)
    except (FileNotFoundError, NotADirectoryError):
        raise InputMissing(f"{path}: there is no such file") from None
    except PermissionError:
        raise Denied(f"{path}: permission denied") from None
    except (OSError, ValueError) as error:
        raise IoFailure(f"{path}: cannot be read ({error})") from None
    if not still:
        became = "became shorter" if len(raw) < state.st_size else "was changed"
        raise Busy(f"{path}: {became} while it was read; try later")
    return raw, state.st_mtime


def _whole(handle: io.FileIO, size: int) -> bytes:
    """`size` bytes from the beginning of the file, fewer where it ends before."""
    handle.seek(0)
    raw = handle.read(size) or b""
    while len(raw) < size and (more := handle.read(size - len(raw))):  # a system gives at most 2 GiB at once
        raw += more
    return raw


def _unchanged(handle: io.FileIO, before: os.stat_result, raw: bytes) -> bool:
    """Whether the file still begins with `raw`: read again where somebody has written to it, to append or not."""
    after = os.fstat(handle.fileno())
    if (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size):
        return True
    return _whole(handle, len(raw)) == raw


def _decompress(raw: bytes, file: str) -> bytes:
    """What is in a gzip file."""
    try:
        return gzip.decompress(raw)
    except EOFError:
        raise DataError("the gzip data end too early", file=file, mend="copy the file again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the gzip data are damaged ({error})", file=file, mend="copy the file again") from None


def decode(source: Source, encoding: str, findings: Findings) -> Source:
    """`source` as UTF-8; `encoding` "" is found: a byte order mark, UTF-8, UTF-16, else Windows-1252."""
    raw = source.body
    for magic, (what, mend) in NOT_TEXT.items():
        if raw.startswith(magic):
            raise DataError(f"this is {what}, not text", file=source.file, mend=mend)
    if encoding:
        return replace(source, body=_transcode(raw, encoding, source.file), encoding=encoding)
    for bom, name in BOMS:
        if raw.startswith(bom):
            findings.note(f"a byte order mark says {name}" if name == "utf-8" else f"encoding {name} found")
            return replace(source, body=_transcode(raw, name, source.file), encoding=name)
    if name := _bare_utf16(raw):
        findings.note(f"encoding {name} found")
        return replace(source, body=_transcode(raw, name, source.file), encoding=name)
    _refuse_binary(raw, source.file)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        name = "cp1252" if _fits(raw, "cp1252") else "latin-1"
        findings.note(f"not UTF-8: read as {name}")
        return replace(source, body=_transcode(raw, name, source.file), encoding=name)
    return source


def _bare_utf16(raw: bytes) -> str:
    """UTF-16 without a mark is ASCII text with a NUL beside every letter."""
    head = raw[:1000]
    if len(head) < 8 or len(raw) % 2:
        return ""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.9 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.9 * half and odd == 0 else ""


def _fits(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_binary(raw: bytes, file: str) -> None:
    """Text has no NUL and no control characters."""
    found = raw.find(0)
    if found < 0:
        match = CONTROL.search(raw, 0, LOOKED_AT)
        found = match.start() if match else -1
    if found >= 0:
        what = "a NUL byte" if raw[found] == 0 else f"the control byte 0x{raw[found]:02x}"
        line = raw.count(b"\n", 0, found) + 1
        raise DataError(f"{what} stands here: the file is damaged or not text", file=file, line=line,
                        mend="write it again as CSV")


def _transcode(raw: bytes, encoding: str, file: str) -> bytes:
    """`raw` from `encoding` to UTF-8, without a byte order mark."""
    try:
        text = raw.decode(encoding)
    except LookupError:
        raise UsageError(f"--encoding {encoding}: there is no such encoding") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"byte 0x{raw[error.start]:02x} is not {encoding}", file=file, line=line,
                        mend="say another --encoding") from None
    body = text.removeprefix("\ufeff").encode("utf-8")
    _refuse_binary(body, file)
    return body
