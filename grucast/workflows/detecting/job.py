"""What a job of `detect-anomalies` keeps in a state: how it judges, where it stopped reading, and its series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from grucast.artifacts.state import Record, State
from grucast.artifacts.state_arrays import DAMAGED
from grucast.core.arrays import Array
from grucast.core.errors import ModelError
from grucast.core.series import STAMP, Clock
from grucast.data.tail import Mark
from grucast.preprocessing.grid import is_numeric
from grucast.workflows.detecting.going_on import Known
from grucast.workflows.detecting.kept import Kept, from_records, nothing_kept, on_axis_of_table, points, records
from grucast.workflows.detecting.machine import Maker, rows_passed, static_of
from grucast.workflows.detecting.ring import Snapshots, begin_again


@dataclass(frozen=True, slots=True)
class Judging:
    """How the rows of a job are judged, and on what axis. `rate` is what the budget means for its series."""

    scoring: str
    rule: str
    budget: str
    threshold: float | None
    rate: float
    columns: tuple[str, ...]
    past: tuple[str, ...]
    clock: Clock
    regular: bool

    def same_rule(self, other: Judging) -> bool:
        """Whether rows are judged by the other in the same way."""
        return (self.scoring, self.rule, self.budget, self.threshold) == (
            other.scoring, other.rule, other.budget, other.threshold)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its last run left it."""

    name: str
    digest: str
    judging: Judging
    mark: Mark | None
    runs: int


def load_job(state: State, name: str) -> Job | None:
    """The job of that name, None where it never ran."""
    found = state.row("SELECT digest, judging, mark, runs FROM jobs WHERE job = ?", name)
    if found is None:
        return None
    digest, judging, mark, runs = found
    try:
        how, where = json.loads(judging), json.loads(mark)
        how |= {"columns": tuple(how["columns"]), "past": tuple(how["past"]), "clock": Clock(**how["clock"])}
        return Job(name, digest, Judging(**how), None if where is None else Mark(**where), int(runs))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(DAMAGED.format(f"job {name!r}: {error}")) from error


def save_job(state: State, job: Job, now: str) -> None:
    """Write the job as this run leaves it."""
    mark = None if job.mark is None else asdict(job.mark)
    state.write("INSERT INTO jobs (job, digest, judging, mark, runs, last_run) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (job) DO UPDATE SET digest = excluded.digest, judging = excluded.judging,"
                " mark = excluded.mark, runs = excluded.runs, last_run = excluded.last_run",
                job.name, job.digest, json.dumps(asdict(job.judging)), json.dumps(mark), job.runs, now)


# ---- its series ----------------------------------------------------------------------------------


def empty(judging: Judging) -> Kept:
    """No rows of such a job."""
    return nothing_kept(np.float64 if is_numeric(judging.clock) else STAMP, len(judging.columns), len(judging.past))


def watermarks(state: State, name: str, judging: Judging) -> dict[str, Any]:
    """The newest row of each series, by id."""
    found = state.rows("SELECT unique_id, watermark FROM series WHERE job = ? ORDER BY number", name)
    return dict(zip((one for one, _ in found), points([at for _, at in found], empty(judging).ds.dtype), strict=True))


def load_series(state: State, name: str, unique_id: str, judging: Judging) -> Known:
    """A series with all its kept rows; one without any where it is new."""
    found = state.row("SELECT number, begin, current, earlier, settled FROM series WHERE job = ? AND unique_id = ?",
                      name, unique_id)
    nothing = empty(judging)
    if found is None:
        return Known(unique_id, None, nothing, None)
    number, begin, *snapshots = found
    rows = state.rows("SELECT ds, data FROM kept WHERE series = ? ORDER BY ds", number)
    if not rows:
        raise ModelError(DAMAGED.format(f"series {unique_id!r} has no rows"))
    return Known(unique_id, points([begin], nothing.ds.dtype)[0], from_records(rows, nothing), Snapshots(*snapshots))


def save_series(state: State, name: str, known: Known, changed: int, most: int) -> None:
    """Write a series, of its rows those from `changed` on; of all of them the last `most` are kept."""
    kept, snapshots = known.kept, known.snapshots
    if snapshots is None:
        raise ModelError(f"series {known.unique_id!r} has not been scored")
    blobs = snapshots.current, snapshots.earlier, snapshots.settled
    state.write("INSERT INTO series (job, unique_id, begin, watermark, current, earlier, settled)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job, unique_id) DO UPDATE SET watermark ="
                " excluded.watermark, current = excluded.current, earlier = excluded.earlier, settled ="
                " excluded.settled", name, known.unique_id, on_axis_of_table(known.begin),
                on_axis_of_table(kept.ds[-1]), *blobs)
    number = _number(state, name, known.unique_id)
    cut = max(0, len(kept) - most)
    state.write("DELETE FROM kept WHERE series = ? AND (ds < ? OR ds >= ?)", number, on_axis_of_table(kept.ds[cut]),
                on_axis_of_table(kept.ds[min(changed, len(kept) - 1)]))
    state.write_all("INSERT INTO kept (series, ds, data) VALUES (?, ?, ?)",
                    records(kept.rows(max(cut, min(changed, len(kept) - 1))), number))


def _number(state: State, name: str, unique_id: str) -> int:
    found: Record | None = state.row("SELECT number FROM series WHERE job = ? AND unique_id = ?", name, unique_id)
    return 0 if found is None else int(found[0])


def judge_anew(state: State, job: tuple[str, Judging], maker: Maker, lateness: int, ahead: Mapping[str, Array]) -> None:
    """Let the series of a job go on with another model or another rule: it looks at the rows that are kept.

    `ahead` has the covariates known ahead (R, K) of the rows after those.
    """
    name, judging = job
    none = np.zeros((0, len(maker.columns.known)))
    for unique_id in watermarks(state, name, judging):
        known = load_series(state, name, unique_id, judging)
        if known.snapshots is None:
            continue
        offset = rows_passed(known.snapshots.current) - len(known.kept)
        whose = unique_id, static_of(known.snapshots.current), ahead.get(unique_id, none)
        anew = begin_again(known.kept, whose, maker, offset, lateness)
        save_series(state, name, replace(known, snapshots=anew), len(known.kept), len(known.kept))
