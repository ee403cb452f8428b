"""Rolling origins: which rows a forecast may see and which it must tell.

An *origin* is the first row forecast; the row before it is the *cutoff*, the last row known. Every
context comes from rows before its origin and every target from rows at or after it, in one function
(`windows`), so that no caller can look ahead by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of one series in order of time: fit [0, fit), validation [fit, test), test [test, stop)."""

    fit: int
    test: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.fit <= self.test <= self.stop:
            raise ValueError(f"parts must be in order of time, not {self.fit}, {self.test}, {self.stop}")


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """N windows of one series.

    `context` is (N, L, C), NaN where the series had not begun or was not observed; `target` (N, H, C);
    `origin` (N,) the first row of each target, `origin - 1` the cutoff.
    """

    origin: Ints
    context: Array
    target: Array


def parse_splits(text: str) -> Parts:
    """The parts of `A:B:C`: rows for fit, validation and test. The rows after A + B + C are not used.

    >>> parse_splits("8640:2880:2880")
    Parts(fit=8640, test=11520, stop=14400)
    """
    words = text.split(":")
    if len(words) != 3 or not all(word.strip().isascii() and word.strip().isdigit() for word in words):
        raise UsageError(f"--splits takes three numbers of rows such as 8640:2880:2880, not {text!r}")
    fit, validation, test = (int(word) for word in words)
    if not fit or not test:
        raise UsageError(f"--splits {text}: the training and the test part need at least one row each")
    return Parts(fit, fit + validation, fit + validation + test)


def origins(start: int, stop: int, horizon: int, *, step: int = 1) -> Ints:
    """Every origin from `start` on, `step` rows apart, whose `horizon` rows end by `stop`: (N,).

    None is dropped; there is none when fewer than `horizon` rows are there.
    """
    if horizon < 1 or step < 1:
        raise ValueError(f"horizon and step have at least one row, not {horizon} and {step}")
    return np.arange(start, stop - horizon + 1, step, dtype=np.int64)


def contexts(y: Array, origin: Ints, length: int) -> Array:
    """The `length` rows before each origin of `y` (T, C): (N, L, C), NaN before the series begins.

    No row at or after an origin is touched, so an origin of T, just after the end, is allowed.
    """
    padded = np.concatenate([np.full((length, y.shape[1]), np.nan), y])
    known: Array = padded[origin[:, None] + np.arange(length)]
    return known


def targets(y: Array, origin: Ints, horizon: int) -> Array:
    """The `horizon` rows from each origin of `y` (T, C): (N, H, C)."""
    came: Array = y[origin[:, None] + np.arange(horizon)]
    return came


def windows(y: Array, origin: Ints, length: int, horizon: int) -> Windows:
    """What is known before each origin of `y` (T, C), and what came."""
    return Windows(origin, contexts(y, origin, length), targets(y, origin, horizon))


def rolling(y: Array, origin: Ints, length: int, horizon: int, *, numbers: int = 1 << 22) -> Iterator[Windows]:
    """All windows of `y` (T, C) in order, in chunks of about `numbers` values, the last, smaller one included."""
    size = max(1, numbers // max(1, (length + horizon) * y.shape[1]))
    for first in range(0, len(origin), size):
        yield windows(y, origin[first : first + size], length, horizon)
