"""What came true, and what was known before: series as plain times and values, to hold forecasts against."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grucast.core.arrays import Array, Ints, Stamps
from grucast.core.config import ReadOptions
from grucast.core.series import Clock, Panel, Series
from grucast.data.findings import Findings
from grucast.data.reading import read_loaded
from grucast.data.sources import Source, load
from grucast.data.tables import open_table
from grucast.preprocessing.frequency import find_frequency, find_step
from grucast.preprocessing.grid import locate
from grucast.workflows.judging.files import Forecasts
from grucast.workflows.judging.sheets import split_rows

HEAD = 1 << 16  # bytes of a file that its columns are looked for in
SPARSE = 20  # places of a grid for each row: with more the rows are taken in order


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One series: `ds` (T,) rising, int64 microseconds or numbers; `y` (T,) in the units of the file, NaN for none."""

    ds: Stamps
    y: Array


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The series of the actual values by name. `named`: by ids and not only by columns. `clock` as in a `Sheet`."""

    tracks: Mapping[str, Track]
    named: bool
    file: str
    clock: str
    tz: str
    freq: Clock  # with the frequency that was given, if any
    notes: tuple[str, ...]


def read_truth(sources: Sequence[str], read: ReadOptions, *, elsewhere: Collection[str] = ()) -> Truth:
    """The series in files of data, read as `train` reads them. Errors: those of `read_panel`.

    A column of ids or times that was asked for and that only the forecasts have is found anew here: its name
    is among those of `elsewhere`.
    """
    loaded = [load(name) for name in sources]
    reading = read_loaded(Findings(), loaded, _without(read, elsewhere, loaded[0]), least=1)
    panel = reading.panel
    clock = panel.layout.clock
    kind = "" if clock.kind == "row" else "number" if clock.kind in ("elapsed", "index") else "stamp"
    return Truth(dict(_tracks(panel)), panel.layout.columns.shape == "long", reading.file, kind, panel.tz, clock,
                 reading.notes)


def _without(read: ReadOptions, elsewhere: Collection[str], source: Source) -> ReadOptions:
    """The options without the columns that `source` does not have and that are `elsewhere`."""
    columns = read.columns
    if not any(name in elsewhere for name in (*columns.id_col, *columns.time_col)):
        return read
    head = source if source.file.endswith(".parquet") else replace(source, body=b"".join(
        source.body[:HEAD].splitlines(keepends=True)[:-1]) if len(source.body) > HEAD else source.body)
    task, _ = open_table([head], ReadOptions(format=read.format), Findings(collect=True), None)
    lacking = {name for name in elsewhere if name not in task.table.columns}
    return replace(read, columns=replace(columns, id_col=tuple(one for one in columns.id_col if one not in lacking),
                                         time_col=() if lacking & set(columns.time_col) else columns.time_col))


def _tracks(panel: Panel) -> list[tuple[str, Track]]:
    """Every channel of every series by the name that its forecast has."""
    long, several = panel.layout.columns.shape == "long", len(panel.channels) > 1
    found = []
    for one in panel.series:
        ds = one.ds.astype(np.int64) if one.ds.dtype.kind == "M" else one.ds
        for at, channel in enumerate(panel.channels):
            name = (f"{one.unique_id}/{channel}" if several else one.unique_id) if long else channel
            found.append((name, Track(ds, np.where(one.observed[:, at], one.y[:, at], np.nan))))
    return found


def own_truth(forecasts: Forecasts) -> Truth:
    """The column y of a file of forecasts as the truth of its series.

    Errors: DataError for two values of one time.
    """
    assert forecasts.truth is not None  # noqa: S101 - the caller has looked
    sheet, ds = forecasts.sheet, forecasts.ds
    tracks = {}
    for name, rows in zip(forecasts.ids, split_rows(forecasts.series, len(forecasts.ids), ds), strict=True):
        if ds is None:
            tracks[name] = Track(np.arange(len(rows), dtype=np.float64), forecasts.truth[rows])
            continue
        y, again = forecasts.truth[rows], np.flatnonzero(np.diff(ds[rows]) == 0)
        other = again[(y[again + 1] != y[again]) & ~(np.isnan(y[again + 1]) & np.isnan(y[again]))]
        if len(other):
            sheet.task.fault(int(forecasts.row[rows[other[0] + 1]]), "another value than before at the same time",
                             column="y", mend="mend the cell, or name a file of actual values")
        once = np.setdiff1d(np.arange(len(rows)), again + 1)
        tracks[name] = Track(ds[rows[once]], y[once])
    return Truth(tracks, forecasts.named, sheet.file, sheet.clock, sheet.tz, Clock(kind=_kind(sheet.clock)), ())


def _kind(clock: str) -> str:
    return {"": "row", "number": "index"}.get(clock, "stamp")


def joined(history: Track | None, track: Track) -> Track:
    """What is known of one series from a history and from the actual values, which win where both have a time."""
    if history is None or not len(history.ds):
        return track
    ds = np.concatenate([track.ds, history.ds])
    kept, first = np.unique(ds, return_index=True)  # the first of equal times: the actual one
    return Track(kept, np.concatenate([track.y, history.y])[first])


@dataclass(frozen=True, slots=True)
class Placed:
    """The places that the rows of a track have on a grid: `places` (T,) from 0, gaps left out; in order without one."""

    track: Track
    places: Ints
    clock: Clock  # kind "row" where the rows are in order

    def of(self, stamp: float) -> float:
        """The place of a time that has no row; between two places where it is not on the grid, or there is none."""
        after = int(np.searchsorted(self.track.ds, stamp, side="right"))
        near = max(after - 1, 0)
        if self.clock.kind != "row":
            ends = np.array(sorted([self.track.ds[near], stamp]), dtype=self.track.ds.dtype)
            steps, off = locate(_stamps(ends), self.clock)
            if off < 0:
                return float(self.places[near] + steps[-1] * (1 if after else -1))
        return float(self.places[near]) + (0.5 if after else -0.5)


@dataclass(frozen=True, slots=True)
class Grid:
    """The places that rows of series have, by a frequency that all of them share; in order where there is none."""

    clock: Clock

    def place(self, track: Track) -> Placed:
        """The rows of a series on the grid, or in order where they do not lie on it or where it would be all gaps."""
        if len(track.ds) > 1 and self.clock.kind != "row":
            places, off = locate(_stamps(track.ds), self.clock)
            if off < 0 and places[-1] <= SPARSE * len(places):
                return Placed(track, places, self.clock)
        return Placed(track, np.arange(len(track.ds)), Clock(kind="row"))


def _stamps(ds: Stamps) -> Stamps:
    return ds.view("datetime64[us]") if ds.dtype == np.int64 else ds


def find_grid(tracks: Sequence[Track], clock: Clock) -> Grid:
    """The grid on which `tracks` lie; `clock` has the frequency where it was given."""
    if clock.kind == "row" or clock.freq:
        return Grid(clock)
    series = [_bare(one) for one in tracks]
    if clock.kind in ("index", "elapsed"):
        step = find_step(series)
        return Grid(Clock(kind="index", step=step) if step else Clock(kind="row"))
    freq = find_frequency(series, clock)[0]
    return Grid(replace(clock, freq=freq) if freq else Clock(kind="row"))


def _bare(track: Track) -> Series:
    """The track as a series of one channel."""
    ds = _stamps(track.ds)
    none, y = np.zeros((len(ds), 0)), track.y[:, None]
    return Series("", ds, y, ~np.isnan(y), none, none, np.zeros(0), np.zeros(len(ds), dtype=np.int64))
