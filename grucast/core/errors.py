"""Every error a user can meet, with its exit code.

    GrucastError
    ├── UsageError      2   the command line is wrong
    ├── DataError      65   the data are bad; names file, line, column and the mend
    ├── InputMissing   66   the input is not there or cannot be read
    ├── InternalError  70   a bug of ours
    ├── CannotCreate   73   the output cannot be created
    ├── IoFailure      74   an input/output error, a full disk
    ├── Busy           75   the model or the input is in use: try later
    ├── Denied         77   permission
    └── ModelError     78   the model cannot be used

Exit 10 (anomalies found), 130 and 143 (interrupted) are not errors and are not raised from here.
The message is one line. Foreign errors are translated at the border, where something can be added.
"""

from __future__ import annotations

import errno
from pathlib import Path

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CANNOT_CREATE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}


class GrucastError(Exception):
    """An error with an exit code and a one-line message."""

    exit_code = 70


class UsageError(GrucastError):
    """The command line or the arguments of a function do not make sense."""

    exit_code = 2


class DataError(GrucastError):
    """The data are bad. `line` is the physical line, the header being 1.

    >>> str(DataError("'n/a' is not a number", file="load.csv", line=1205, column="load", mend="add --na-value n/a"))
    "load.csv:1205: column 'load': 'n/a' is not a number; add --na-value n/a"
    """

    exit_code = 65

    def __init__(
        self,
        message: str,
        *,
        file: str | Path = "",
        line: int | None = None,
        column: str = "",
        mend: str = "",
    ) -> None:
        self.message, self.file, self.line, self.column, self.mend = message, str(file), line, column, mend
        where = self.file
        if line is not None:
            where = f"{where}:{line}" if where else f"line {line}"
        parts = [where] if where else []
        if column:
            parts.append(f"column {column!r}")
        parts.append(message)
        super().__init__(": ".join(parts) + (f"; {mend}" if mend else ""))


class InputMissing(GrucastError):
    """The input file is not there or not readable."""

    exit_code = 66


class InternalError(GrucastError):
    """Something that cannot happen happened."""

    exit_code = 70


class CannotCreate(GrucastError):
    """The output cannot be created."""

    exit_code = 73


class IoFailure(GrucastError):
    """Reading or writing failed half way; the previous file is as it was."""

    exit_code = 74


class Busy(GrucastError):
    """Somebody else holds the model or the input is changing."""

    exit_code = 75


class Denied(GrucastError):
    """The system refuses access."""

    exit_code = 77


class ModelError(GrucastError):
    """The model file is damaged, too new, or does not fit the data or the request."""

    exit_code = 78


def write_error(error: OSError, path: Path) -> GrucastError:
    """What a failed write to `path` means for the user."""
    message = f"cannot write {path}: {(error.strerror or str(error)).lower()}"
    if error.errno in _DENIED:
        return Denied(message)
    if error.errno in _CANNOT_CREATE:
        return CannotCreate(message)
    return IoFailure(f"{message}; what was there is as it was")
