"""The state of jobs between their runs: one SQLite file, written by one process at a time and readable at any moment.

    with open_state(path, wait=wait) as state:      # flock on .NAME.lock, tables made when the file is new
        known = state.rows("SELECT ... WHERE job = ?", job)
        with state.transaction():                   # all of it or nothing, also where the machine dies
            state.write("INSERT ...", ...)

    with read_state(path) as state:                 # for looking only: no lock, the last transaction that ended

A write-ahead log, synced at the end of each transaction. What is in the tables is said in `state_schema.py`; a
file with a newer schema is refused, an older one is brought up to date in one transaction. Nothing in a state can run.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from grucast.artifacts.state_schema import APPLICATION, STEPS, TABLES, VERSION
from grucast.core.errors import Busy, CannotCreate, Denied, GrucastError, InputMissing, IoFailure, ModelError
from grucast.core.files import check_place
from grucast.core.locks import locked

Record: TypeAlias = tuple[Any, ...]

PATIENCE = 5.0  # seconds that a reader's short lock may take
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_FAILED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_TOOBIG}
MEND = "move it away, and the next run begins a new one"


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """An open state file. Errors of every method: ModelError (damaged), IoFailure, Busy, Denied."""

    path: Path
    connection: sqlite3.Connection

    def rows(self, sql: str, *values: object) -> list[Record]:
        """All rows of a query."""
        with translated(self.path):
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Record | None:
        """The first row of a query, None where there is none."""
        with translated(self.path):
            found: Record | None = self.connection.execute(sql, values).fetchone()
            return found

    def write(self, sql: str, *values: object) -> int:
        """Do one statement; the number of the row that it put in."""
        with translated(self.path):
            return self.connection.execute(sql, values).lastrowid or 0

    def write_all(self, sql: str, many: Iterable[Record]) -> None:
        """Do one statement for each of many rows."""
        with translated(self.path):
            self.connection.executemany(sql, many)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What the block writes is there as a whole once it ends, and not at all when it does not."""
        self.write("BEGIN IMMEDIATE")
        try:
            yield
            self.write("COMMIT")
        except BaseException:  # an interrupt too
            with contextlib.suppress(sqlite3.Error):
                self.connection.rollback()
            raise


@contextlib.contextmanager
def open_state(path: Path, *, wait: bool = False) -> Iterator[State]:
    """The state at `path`, made when missing, held until the block ends.

    Errors: Busy when another holds it and `wait` is False; ModelError where it is damaged, too new or no state of
    ours; CannotCreate, Denied, IoFailure.
    """
    if not path.is_file():
        check_place(path)
    with locked(path, wait=wait), translated(path), contextlib.closing(_connect(str(path))) as connection:
        connection.execute("PRAGMA busy_timeout = 5000")
        state = State(path, connection)
        _prepare(state)
        yield state


@contextlib.contextmanager
def read_state(path: Path) -> Iterator[State]:
    """The state at `path` for reading, as the last transaction left it.

    Errors: InputMissing where there is none; ModelError where it is damaged, newer or older, or no state of ours.
    """
    if not path.is_file():
        raise InputMissing(f"{path}: there is no such state")
    address = path.absolute().as_uri()
    quiet = not path.with_name(path.name + "-wal").exists()  # nobody writes: needs no file beside it
    with translated(path), contextlib.closing(_connect(f"{address}?mode=ro{'&immutable=1' if quiet else ''}")) as found:
        state = State(path, found)
        if _version(state) != VERSION:
            raise ModelError(f"{path}: the state is of an older grucast; run a job with it once")
        yield state


def _connect(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=PATIENCE, isolation_level=None, uri=name.startswith("file:"))


def _prepare(state: State) -> None:
    """Settings of the connection, and the tables where they are not there or older."""
    found = _version(state)
    state.rows("PRAGMA journal_mode = WAL")
    state.write("PRAGMA synchronous = FULL")
    state.write("PRAGMA foreign_keys = ON")
    if found == VERSION:
        return
    with state.transaction():
        for statement in TABLES if not found else [one for at in range(found, VERSION) for one in STEPS[at]]:
            state.write(statement)
        state.write(f"PRAGMA application_id = {APPLICATION}")
        state.write(f"PRAGMA user_version = {VERSION}")


def _version(state: State) -> int:
    """The version of the tables, 0 for a new file. ModelError for another program's database, or a newer grucast's."""
    ((application,),), ((version,),) = state.rows("PRAGMA application_id"), state.rows("PRAGMA user_version")
    ((tables,),) = state.rows("SELECT count(*) FROM sqlite_schema")
    if application != APPLICATION and (tables or application or version):
        raise ModelError(f"{state.path}: this is not a state of grucast; name another file with --state")
    if version > VERSION:
        raise ModelError(f"{state.path}: the state was written by a newer grucast (version {version}, known up to "
                         f"{VERSION}); update grucast")
    return int(version)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Make errors of SQLite those of grucast."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(error, path) from error


def _meaning(error: sqlite3.Error, path: Path) -> GrucastError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest says where it happened
    said = f"{path}: {error}"
    if code in _BUSY:
        return Busy(f"{said}; try later")
    if code in _DENIED:
        return Denied(f"cannot write {said}")
    if code == sqlite3.SQLITE_CANTOPEN:
        return CannotCreate(f"cannot write {said}")
    if code in _FAILED:
        return IoFailure(f"{said}; the state is as it was")
    return ModelError(f"{path}: the state is damaged ({error}); {MEND}")
