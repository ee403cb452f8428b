"""The system's calls, counted, and the one whose turn it is failing."""

from __future__ import annotations

import builtins
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CALLS = ("open", "write", "read", "fsync", "fchmod", "fstat", "lstat", "stat", "replace", "rename", "unlink", "close",
         "access", "listdir", "scandir")
REAL = {name: getattr(os, name) for name in CALLS}  # for what is not tried


class File:
    """An open file whose calls can fail too."""

    def __init__(self, real: Any, count: Callable[[str], None]) -> None:
        self._real, self._count = real, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in ("read", "readinto", "write", "seek", "flush"):
            return found

        def called(*words: Any) -> Any:
            self._count(f"file.{name}")
            return found(*words)

        return called

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)


@dataclass
class Turn:
    """The calls made so far; the one numbered `at` fails with `number`."""

    at: int = -1
    number: int = 0
    made: int = 0
    failed: str = ""

    def count(self, name: str) -> None:
        """One more call; OSError when its turn has come."""
        self.made += 1
        if self.made - 1 == self.at:
            self.failed = name
            raise OSError(self.number, os.strerror(self.number), name)


@contextmanager
def failing(turn: Turn) -> Iterator[None]:
    """The system's calls, counted by `turn`; a `close` that fails has closed, as on Linux."""
    opens, flock = builtins.open, fcntl.flock

    def wrap(name: str, real: Any) -> Any:
        def called(*words: Any, **more: Any) -> Any:
            if name == "close":
                real(*words, **more)
            turn.count(name)
            return None if name == "close" else real(*words, **more)

        return called

    def open_file(*words: Any, **more: Any) -> Any:
        turn.count("builtins.open")
        return File(opens(*words, **more), turn.count)

    for name, real in REAL.items():
        setattr(os, name, wrap(name, real))
    builtins.open = io.open = open_file  # type: ignore[assignment]
    fcntl.flock = wrap("flock", flock)
    try:
        yield
    finally:
        for name, real in REAL.items():
            setattr(os, name, real)
        builtins.open = io.open = opens
        fcntl.flock = flock
