"""The alarms of a job in its state: each event is raised once, whatever is run again.

An event that is found in the rows of a run is one that is known when their rows meet; what is known of it is brought up
to date, its name and its beginning stay. A new one is written with the watermark in one transaction, marked as to be
printed and to be told; the marks go when that is done. So an event that was raised by a run that died is told of by the
next, and one that was told of never again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grucast.artifacts.state import Record, State
from grucast.artifacts.state_arrays import DAMAGED
from grucast.core.arrays import Ints, Stamps
from grucast.core.errors import ModelError
from grucast.detection.events import Event
from grucast.workflows.detecting.kept import LATE, REVISED, on_axis_of_table, points
from grucast.workflows.detecting.table import COLUMNS, Document, Telling, Told

PEAK = ("peak", "severity", "score", "p_value", "y", "y_hat", "channels", "reason")  # what the worst row says
FLAGS = {LATE: "late", REVISED: "revised"}


@dataclass(frozen=True, slots=True, eq=False)
class Raised:
    """How new events are raised: the job, the model's digest, the time on the wall, and who is to be told."""

    job: str
    digest: str
    now: str
    tell: bool


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The events in the rows of one series, `told` in the order of `events`.

    Alarms with up to `gap` rows between them are one event. Events that end before the row `begin` are recorded and
    not reported.
    """

    unique_id: str
    ds: Stamps  # (T,) all rows looked at
    flags: Ints  # (T,) of them, as they are kept
    events: Sequence[Event]
    told: Sequence[Told]
    gap: int
    begin: int = 0


@dataclass(slots=True, eq=False)
class _Known:
    """An event of the table."""

    begin: Any
    stop: Any
    open: bool
    document: Document
    taken: bool = False

    @property
    def event_id(self) -> str:
        """Its name."""
        return str(self.document["event_id"])


def settle(state: State, found: Found, raised: Raised, telling: Telling) -> tuple[list[str], list[Document]]:
    """Write the events of a series into the table; the names of those found, and the documents of those that ended."""
    known, names, ended = _known(state, raised.job, found), [], []
    for event, told in zip(found.events, found.told, strict=True):
        first, last = (on_axis_of_table(found.ds[at]) for at in (event.start, event.stop - 1))
        document = told.document | {"flags": [*told.document["flags"], *_flags(found.flags, event)]}
        same = next((one for one in known if one.begin <= last and first <= one.stop), None)
        names.append(document["event_id"] if same is None else same.event_id)
        if same is None:
            _insert(state, raised, document, (first, last, event.open), event.stop > found.begin)
        elif not same.taken:  # a second one: what was raised as one event is two by now
            same.taken = True
            merged = _merged(same, document, (first, last), found.ds)
            _update(state, merged, min(first, same.begin), last, event.open)
            ended += [merged] if same.open and not event.open else []
    for one in known:
        if one.open and not one.taken and _rows_after(found.ds, one.stop) > found.gap:
            one.document["end"] = telling.stamps(points([one.stop], found.ds.dtype))[0]
            _update(state, one.document, one.begin, one.stop, False)
            ended.append(one.document)
    return names, ended


def _known(state: State, job: str, found: Found) -> list[_Known]:
    """The events of the series that may meet its rows, in order of time."""
    rows = state.rows("SELECT begin, stop, open, document FROM events WHERE job = ? AND unique_id = ? AND"
                      " (open = 1 OR stop >= ?) ORDER BY begin", job, found.unique_id,
                      on_axis_of_table(found.ds[0]))
    return [_Known(begin, stop, bool(is_open), read_document(text)) for begin, stop, is_open, text in rows]


def _flags(flags: Ints, event: Event) -> list[str]:
    rows = flags[event.start : event.stop]
    return [name for flag, name in FLAGS.items() if (rows & flag).any()]


def _rows_after(ds: Stamps, stop: Any) -> int:
    """How many rows come after a point of the axis."""
    return len(ds) - int(np.searchsorted(ds, points([stop], ds.dtype)[0], side="right"))


def _merged(same: _Known, document: Document, ends: tuple[Any, Any], ds: Stamps) -> Document:
    """An event that is known, as the rows of this run show it; these may not reach back to where it began."""
    first, last = ends
    merged = document | {"event_id": same.event_id}
    if first <= same.begin:
        return merged
    more = _rows_after(ds, same.stop) - _rows_after(ds, last)
    merged |= {"start": same.document["start"], "rows": same.document["rows"] + more,
               "flags": list(dict.fromkeys([*same.document["flags"], *document["flags"]]))}
    if same.document["severity"] >= document["severity"]:
        merged |= {name: same.document[name] for name in PEAK}
    return merged


def _insert(state: State, raised: Raised, document: Document, rows: tuple[Any, Any, bool], reported: bool) -> None:
    first, last, is_open = rows
    state.write("INSERT INTO events (event_id, job, unique_id, begin, stop, open, document, digest, raised, to_print,"
                " to_tell) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
                document["event_id"], raised.job, document["unique_id"], first, last, is_open, json.dumps(document),
                raised.digest, raised.now, reported, reported and raised.tell)


def _update(state: State, document: Document, first: Any, last: Any, is_open: bool) -> None:
    state.write("UPDATE events SET begin = ?, stop = ?, open = ?, document = ? WHERE event_id = ?", first, last,
                is_open, json.dumps(document), document["event_id"])


# ---- telling of them -----------------------------------------------------------------------------


def to_print(state: State, job: str) -> list[Document]:
    """The events that have not been printed, in order of time."""
    return _documents(state.rows("SELECT document FROM events WHERE job = ? AND to_print = 1 ORDER BY begin, unique_id",
                                 job))


def to_tell(state: State, job: str) -> list[Document]:
    """The events that --on-event has not had and nobody has muted, in order of time."""
    return _documents(state.rows("SELECT document FROM events WHERE job = ? AND to_tell = 1 AND muted = 0"
                                 " ORDER BY begin, unique_id", job))


def printed(state: State, events: Sequence[Document]) -> None:
    """Remember that these were printed."""
    _write_each(state, "UPDATE events SET to_print = 0 WHERE event_id = ?", events)


def told(state: State, events: Sequence[Document]) -> None:
    """Remember that --on-event has had these."""
    _write_each(state, "UPDATE events SET to_tell = 0 WHERE event_id = ?", events)


def _write_each(state: State, sql: str, events: Sequence[Document]) -> None:
    with state.transaction():
        state.write_all(sql, [(one["event_id"],) for one in events])


def _documents(rows: Sequence[Record]) -> list[Document]:
    return [read_document(text) for (text,) in rows]


def read_document(text: object) -> Document:
    """An event of the table. ModelError where it is none."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not set(COLUMNS) <= set(found):
        raise ModelError(DAMAGED.format("an event is not what was written"))
    return found
