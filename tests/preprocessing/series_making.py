"""Small series for the tests of this room."""

from __future__ import annotations

import numpy as np

from grucast.core.series import STAMP, Clock, Columns, Layout, Panel, Series


def series(ds, y=None, unique_id="", observed=None, known=None, label=None) -> Series:
    """A series with these stamps (ISO texts or numbers) and values; lines count from 2, below a header."""
    given = np.asarray(ds)
    stamps = given if given.dtype == np.float64 else given.astype(STAMP)
    rows = len(stamps)
    values = np.arange(rows, dtype=np.float64) if y is None else np.asarray(y, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    seen = np.isfinite(values) if observed is None else observed
    ahead = np.zeros((rows, 0)) if known is None else np.asarray(known, dtype=np.float64)
    return Series(unique_id, stamps, values, seen, ahead, np.zeros((rows, 0)), np.zeros(0), np.arange(rows) + 2, label)


def panel(*members: Series, clock: Clock | None = None) -> Panel:
    """A panel of these series; the channels are called a, b, c, ..."""
    channels = tuple("abcdefgh"[: members[0].y.shape[1]])
    return Panel(members, Layout(columns=Columns(target=channels), clock=clock or Clock()))


def every(first: str, step: str, count: int) -> np.ndarray:
    """`count` stamps from `first`, a NumPy step such as "1h" apart."""
    number = int("".join(sign for sign in step if sign.isdigit()))
    unit = step.lstrip("0123456789")
    return np.datetime64(first, "us") + np.arange(count) * np.timedelta64(number, unit).astype("timedelta64[us]")
