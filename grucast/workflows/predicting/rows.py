"""The rows that `forecast --state` works on: what was appended, laid behind what the last run kept.

A run keeps the last rows of each series, as many as anything looks back on that a forecast is made of. Where the file
is the one that was read, the next run reads only what came after, and what it forecasts is what a run over the whole
file does, to the last digit. That holds for rows on a grid of stamps, of series that the model knows (others are
sized by all their rows), that come in order. At the first surprise all is read: a late or repeated row, a new series, a
gap, a line that is bad or not whole by itself, another file, another model, another option.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from grucast.artifacts.state import read_state
from grucast.artifacts.tails import Tail, Tails, load_tails
from grucast.core.config import ReadOptions, StateOptions
from grucast.core.errors import DataError, ModelError
from grucast.core.results import Artifact
from grucast.core.series import Panel, Series
from grucast.data.findings import Findings
from grucast.data.reading import read_loaded
from grucast.data.tail import Mark, read_fresh, whole_lines
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.grid import is_numeric
from grucast.workflows.detecting.arrived import LONG, Arrived, Axis, Counts, fresh_rows
from grucast.workflows.detecting.reading_on import TORN, Unclear, Wanted, behind, rows_in
from grucast.workflows.drift import CONTEXTS, begins_as_trained, check_frequency
from grucast.workflows.learning.model_file import series_ids
from grucast.workflows.predicting.doubts import WINDOWS
from grucast.workflows.predicting.taken import Taken
from grucast.workflows.serving import refuse_none_whole, whole_bins

MOST_VALUES = 2_000_000  # that are kept, of all series: more cost a run more than reading does


def take_rows(wanted: Wanted, artifact: Artifact, options: StateOptions, horizon: int) -> Taken:
    """The rows to forecast from.

    Errors: DataError for bad data, ModelError where columns or frequency are others, Busy where the file is being
    written over.
    """
    rows = rows_needed(artifact, horizon)
    about = _about(wanted, artifact, rows)
    known = _known(options, about) if about and not wanted.verify else None
    grown = None if known is None else _grown(known, wanted, rows)
    return grown or _everything(wanted, artifact, about, rows)


def rows_needed(artifact: Artifact, horizon: int) -> int:
    """The last rows of a series that anything looks back on: its level, the doubts, the seasonal naive forecast."""
    window = artifact.manifest.window
    season = window.seasons[0] if window.seasons else 1
    return max(CONTEXTS * window.context_length, window.context_length + WINDOWS * window.horizon, season, horizon)


def _about(wanted: Wanted, artifact: Artifact, rows: int) -> str:
    """What kept rows hang on, "" where none can be kept: rows are gathered, filled in later or on no grid."""
    layout, read = wanted.layout, wanted.read
    plain = replace(read, format=replace(read.format, na_value=())) == ReadOptions()
    if not plain or layout.resample or layout.columns.known or is_numeric(layout.clock) or not layout.clock.freq:
        return ""
    said = "\0".join((artifact.digest, repr(layout), repr(read), str(rows)))
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def _known(options: StateOptions, about: str) -> Tails | None:
    """What the last run kept; None where there is no state, or one that an older grucast wrote."""
    if options.state is None or not Path(options.state).is_file():
        return None
    try:
        with read_state(options.state) as state:
            return load_tails(state, options.job or "", about)
    except ModelError:  # whoever opens it to write says what is wrong with it
        return None


# ---- what was appended ---------------------------------------------------------------------------


def _grown(known: Tails, wanted: Wanted, rows: int) -> Taken | None:
    """The kept rows and behind them those that came; None at the first surprise."""
    try:
        mark = Mark(**known.mark)
    except TypeError:  # of another grucast
        return None
    fresh = read_fresh(wanted.source, mark)
    if fresh is None:
        return None
    last = {one.unique_id: one.ds[-1] for one in known.series}
    try:
        arrived = {one.unique_id: one for one in rows_in(fresh, wanted, last)}
        if not arrived.keys() <= last.keys():
            return None
        axis = Axis(wanted.layout.clock, True, wanted.source)
        series = [_longer(one, arrived[one.unique_id], axis) if one.unique_id in arrived else one
                  for one in known.series]
    except (Unclear, DataError, _Surprise):
        return None
    panel = Panel(tuple(map(_series, series)), wanted.layout)
    tails = Tails(known.about, asdict(fresh.mark), tuple(_last(one, rows) for one in series))
    return Taken(panel, wanted.source, (TORN,) if fresh.torn else (), True, tails, kept=not arrived)


class _Surprise(Exception):
    """Rows that are not simply the next ones."""


def _longer(one: Tail, arrived: Arrived, axis: Axis) -> Tail:
    """A series with the rows that arrived, and those missing between them."""
    if arrived.ds[0] <= one.ds[-1] or not (arrived.ds[1:] > arrived.ds[:-1]).all():
        raise _Surprise
    if any(new != old and not (np.isnan(new) and not np.isnan(old))
           for new, old in zip(arrived.static, one.static, strict=True)):
        raise _Surprise
    fresh, line = fresh_rows(arrived, one.ds[-1], one.ds[-1], axis, Counts())
    if np.diff(np.flatnonzero(np.concatenate([[1], line]))).max() > LONG:
        raise _Surprise
    return Tail(one.unique_id, np.concatenate([one.ds, fresh.ds]), np.concatenate([one.y, fresh.y]),
                np.concatenate([one.past, fresh.past]), one.static)


def _series(one: Tail) -> Series:
    return Series(one.unique_id, one.ds, one.y, np.isfinite(one.y), np.zeros((len(one.ds), 0)), one.past, one.static,
                  np.zeros(len(one.ds), dtype=np.int64))


def _last(one: Tail, rows: int) -> Tail:
    return Tail(one.unique_id, one.ds[-rows:], one.y[-rows:], one.past[-rows:], one.static)


# ---- all of it -----------------------------------------------------------------------------------


def _everything(wanted: Wanted, artifact: Artifact, about: str, rows: int) -> Taken:
    """All rows, without a last line that does not end; and what the next run needs of them."""
    source, mark, torn = whole_lines(wanted.source)
    read = replace(wanted.read, rows=replace(wanted.read.rows, last_line="drop"))
    reading = read_loaded(Findings(), [source], read, layout=wanted.layout)
    check_frequency(reading.panel, reading.file)
    panel = whole_bins(reading.panel)
    refuse_none_whole(panel, reading.file)
    panel, _ = regularise(panel, gaps=read.rows.gaps, file=reading.file)
    begins = begins_as_trained(panel, artifact)
    mark = behind(mark, source, wanted)
    tails = None
    if mark is not None and about and begins and _can_be_kept(panel, wanted, artifact, rows):
        tails = Tails(about, asdict(mark), tuple(_last(_tail(one), rows) for one in panel.series))
    return Taken(panel, reading.file, (*reading.notes, *((TORN,) if torn else ())), begins, tails)


def _can_be_kept(panel: Panel, wanted: Wanted, artifact: Artifact, rows: int) -> bool:
    """Whether the series are known to the model, read as it says, and not too many."""
    values = sum(min(len(one), rows) * one.y.shape[1] for one in panel.series)
    known = set(series_ids(artifact.tensors))
    all_known = all(one.unique_id in known for one in panel.series)
    return panel.layout == wanted.layout and values <= MOST_VALUES and all_known


def _tail(one: Series) -> Tail:
    return Tail(one.unique_id, one.ds, np.where(one.observed, one.y, np.nan), one.past, one.static)
