"""The last rows of each series that a job forecasts, and how far its data were read.

They stand for the data as long as nothing but appending was done to these. What they hang on (model, options, how
many rows are kept) is in `about`: where that is another, they are not looked at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.artifacts.state import State
from grucast.artifacts.state_arrays import DAMAGED, pack, unpack
from grucast.core.arrays import Array, Stamps
from grucast.core.errors import ModelError
from grucast.core.series import STAMP


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The last T rows of a series: stamps (T,), `y` (T, C) with NaN where missing, `past` (T, P), `static` (S,)."""

    unique_id: str
    ds: Stamps
    y: Array
    past: Array
    static: Array


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """All tails of a job in the order of the file; `mark` says where reading stopped, as the fields of a `Mark`."""

    about: str
    mark: dict[str, Any]
    series: tuple[Tail, ...]


def load_tails(state: State, job: str, about: str) -> Tails | None:
    """What was kept for a job; None where there is nothing, or it hangs on something else."""
    found = state.row("SELECT mark FROM readings WHERE job = ? AND about = ?", job, about)
    if found is None:
        return None
    rows = state.rows("SELECT unique_id, content FROM tails WHERE job = ? ORDER BY number", job)
    try:
        return Tails(about, dict(json.loads(found[0])),
                     tuple(_tail(unique_id, unpack(content)) for unique_id, content in rows))
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(DAMAGED.format(f"the rows of job {job!r}: {error}")) from error


def save_tails(state: State, job: str, tails: Tails) -> None:
    """Keep these in place of those there were."""
    state.write("DELETE FROM tails WHERE job = ?", job)
    state.write("INSERT OR REPLACE INTO readings (job, about, mark) VALUES (?, ?, ?)", job, tails.about,
                json.dumps(tails.mark))
    state.write_all("INSERT INTO tails (job, number, unique_id, content) VALUES (?, ?, ?, ?)",
                    ((job, number, one.unique_id, _content(one)) for number, one in enumerate(tails.series)))


def _content(one: Tail) -> bytes:
    return pack({"ds": one.ds.astype(STAMP).astype(np.int64), "y": one.y, "past": one.past, "static": one.static})


def _tail(unique_id: str, found: dict[str, npt.NDArray[Any]]) -> Tail:
    return Tail(unique_id, found["ds"].astype(np.int64).astype(STAMP),
                *(np.array(found[name], dtype=np.float64) for name in ("y", "past", "static")))
