"""The ledger: forecasts as they were issued against what came true, and when jobs ran. Tables of the state file.

A forecast is entered once for each job, series and cutoff. Its numbers are kept while a truth may still come; then
its tally stays, for the `KEPT` newest forecasts of a series. Axes are numbers here: see `state_schema.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from grucast.artifacts.state import State
from grucast.core.arrays import Array
from grucast.core.errors import ModelError
from grucast.core.results import Visit

KEPT = 1000  # newest forecasts of a series whose tallies stay
VISITS = 100  # newest runs of a job that are kept


@dataclass(frozen=True, slots=True, eq=False)
class Issued:
    """A forecast of H steps of one series, as it was given out.

    `due` (H,) is when each step is, a value of the axis; NaN once its truth has been there. `said` (H, Q) are its
    quantiles at `levels` (Q,), `naive` (H,) what the seasonal naive forecast said.
    """

    unique_id: str
    cutoff: float
    digest: str  # of the model
    levels: tuple[float, ...]
    due: Array
    said: Array
    naive: Array


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of forecasts whose truths came.

    `truths` counts steps, `bounded` those whose interval has a width; `inside` counts the bounded ones within the
    80 % and the 95 % interval; `error` and `naive_error` are sums of absolute errors.
    """

    truths: int = 0
    bounded: int = 0
    inside: tuple[int, int] = (0, 0)
    error: float = 0.0
    naive_error: float = 0.0


# ---- forecasts -----------------------------------------------------------------------------------


def enter(state: State, job: str, issued: Iterable[Issued]) -> None:
    """Put forecasts in; one whose job, series and cutoff are there already is left out: the first one counts."""
    state.write_all(
        "INSERT OR IGNORE INTO forecasts (job, unique_id, cutoff, until, digest, levels, due, said, naive)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((job, one.unique_id, one.cutoff, float(one.due[-1]), one.digest, _bytes(one.levels), _bytes(one.due),
          _bytes(one.said), _bytes(one.naive)) for one in issued))


def awaiting(state: State, job: str, unique_id: str) -> Iterator[Issued]:
    """The forecasts of a series whose truths have not all come, in order of their cutoffs."""
    found = state.rows("SELECT cutoff, digest, levels, due, said, naive FROM forecasts"
                       " WHERE job = ? AND unique_id = ? AND said IS NOT NULL ORDER BY cutoff", job, unique_id)
    for cutoff, digest, levels, due, said, naive in found:
        known, steps = _floats(levels), _floats(due)
        table = _floats(said)
        if len(table) != len(known) * len(steps) or len(_floats(naive)) != len(steps):
            raise ModelError(f"{state.path}: the state is damaged: a forecast of {unique_id!r} lacks numbers")
        yield Issued(unique_id, cutoff, digest, tuple(known.tolist()), steps, table.reshape(len(steps), -1),
                     _floats(naive))


def judge(state: State, job: str, issued: Issued, news: Tally, *, closed: bool) -> None:
    """Add what was learned of a forecast, whose `due` is as it is now; a closed one lets its numbers go."""
    state.write(
        "UPDATE forecasts SET due = ?, truths = truths + ?, bounded = bounded + ?, inside_80 = inside_80 + ?,"
        " inside_95 = inside_95 + ?, error = error + ?, naive_error = naive_error + ?,"
        " said = CASE WHEN ?8 THEN NULL ELSE said END, naive = CASE WHEN ?8 THEN NULL ELSE naive END"
        " WHERE job = ?9 AND unique_id = ?10 AND cutoff = ?11",
        _bytes(issued.due), news.truths, news.bounded, *news.inside, news.error, news.naive_error, closed,
        job, issued.unique_id, issued.cutoff)


def forget(state: State, job: str, unique_id: str) -> None:
    """Let go of all but the newest closed forecasts of a series."""
    state.write(
        "DELETE FROM forecasts WHERE job = ?1 AND unique_id = ?2 AND said IS NULL AND cutoff <= (SELECT cutoff FROM"
        " forecasts WHERE job = ?1 AND unique_id = ?2 ORDER BY cutoff DESC LIMIT 1 OFFSET ?3)", job, unique_id, KEPT)


def tallies(state: State, job: str) -> list[tuple[float, float, int, Tally]]:
    """The forecasts of a job that met a truth, all series with one cutoff and last step together, in order.

    For each: cutoff, last step, how many forecasts, and their tally. Gathered in SQLite: a row for each forecast of
    thousands of series would cost a run more than its forecasts do.
    """
    found = state.rows(
        "SELECT cutoff, until, count(*), sum(truths), sum(bounded), sum(inside_80), sum(inside_95), sum(error),"
        " sum(naive_error) FROM forecasts WHERE job = ? AND truths > 0 GROUP BY cutoff, until"
        " ORDER BY cutoff, until", job)
    return [(cutoff, until, count, Tally(truths, bounded, (inner, outer), _number(error), _number(naive)))
            for cutoff, until, count, truths, bounded, inner, outer, error, naive in found]


def realised(state: State, job: str, digest: str, steps: int) -> list[tuple[float, float, int, float]]:
    """The forecasts of one model that met a truth and have no more than so many steps, newest first.

    For each cutoff and last step: both, how many truths, and the sum of absolute errors.
    """
    found = state.rows("SELECT cutoff, until, sum(truths), sum(error) FROM forecasts WHERE job = ? AND digest = ?"
                       " AND truths > 0 AND length(due) <= ? GROUP BY cutoff, until ORDER BY cutoff DESC, until",
                       job, digest, 8 * steps)
    return [(cutoff, until, truths, _number(error)) for cutoff, until, truths, error in found]


def series_count(state: State, job: str) -> int:
    """How many series of a job have forecasts that met a truth."""
    ((count,),) = state.rows("SELECT count(DISTINCT unique_id) FROM forecasts WHERE job = ? AND truths > 0", job)
    return int(count)


# ---- how wide ------------------------------------------------------------------------------------


def widths(state: State, job: str, digest: str) -> dict[str, Array]:
    """For each series the logarithms of the factors on its intervals, as far as they were learned of this very model.

    Another model is calibrated on other rows: its intervals begin as they are.
    """
    found = state.rows("SELECT unique_id, widths FROM widths WHERE job = ? AND digest = ?", job, digest)
    return {unique_id: _floats(blob) for unique_id, blob in found}


def keep_widths(state: State, job: str, digest: str, learned: Iterable[tuple[str, Array]]) -> None:
    """Keep the widths of series, in place of those there were."""
    state.write_all("INSERT OR REPLACE INTO widths (job, unique_id, digest, widths) VALUES (?, ?, ?, ?)",
                    ((job, unique_id, digest, _bytes(one)) for unique_id, one in learned))


# ---- runs ----------------------------------------------------------------------------------------


def note_visit(state: State, visit: Visit) -> None:
    """Keep that a job ran."""
    state.write("INSERT OR REPLACE INTO visits (job, command, at, last_row, axis, reach) VALUES (?, ?, ?, ?, ?, ?)",
                visit.job, visit.command, visit.at, visit.last_row, visit.axis, visit.reach)
    state.write("DELETE FROM visits WHERE job = ?1 AND command = ?2 AND at <= (SELECT at FROM visits WHERE job = ?1"
                " AND command = ?2 ORDER BY at DESC LIMIT 1 OFFSET ?3)", visit.job, visit.command, VISITS)


def visits(state: State) -> dict[tuple[str, str], list[Visit]]:
    """The newest runs of each job and command, in order of time."""
    found: dict[tuple[str, str], list[Visit]] = {}
    for row in state.rows("SELECT job, command, at, last_row, axis, reach FROM visits ORDER BY job, command, at"):
        found.setdefault((row[0], row[1]), []).append(Visit(*row))
    return found


def jobs(state: State) -> list[str]:
    """The names of the jobs that have forecasts in the ledger."""
    return [name for (name,) in state.rows("SELECT DISTINCT job FROM forecasts ORDER BY job")]


def _bytes(values: Array | Sequence[float]) -> bytes:
    return np.ascontiguousarray(values, dtype="<f8").tobytes()


def _floats(blob: bytes) -> Array:
    return np.frombuffer(blob, dtype="<f8").copy()


def _number(value: float | None) -> float:
    """SQLite keeps no NaN: what overflowed both ways is NULL."""
    return float("nan") if value is None else float(value)
