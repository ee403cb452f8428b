"""Hold forecasts against what came true: which series and which rows of two files belong together.

Series are matched by name, rows by time, or by their order where the files do not tell the time alike. What
stands on one side only is left out and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.core.errors import DataError
from grucast.core.series import Clock
from grucast.data.writing import escape, format_stamps
from grucast.workflows.judging.files import Forecasts
from grucast.workflows.judging.sheets import refuse_mixed_zones, split_rows
from grucast.workflows.judging.steps import Held, Pair, gathered, hold_series
from grucast.workflows.judging.truths import Track, Truth, find_grid, joined

NAMED = 5  # series that a message names


def hold(
    forecasts: Forecasts, truth: Truth, history: Truth | None, season: int
) -> tuple[list[str], Held, list[str]]:
    """The names of the series, the values forecast that came true, and notes on what did not fit.

    Errors: DataError where nothing fits, where zones are told in one file only, where a stamp stands twice in
    one forecast, and where a value is forecast for a time that its cutoff knew.
    """
    notes: list[str] = []
    by_time = _told_alike(forecasts, truth, notes)
    pairs = _match(forecasts, truth, history, notes)
    ds = forecasts.ds
    if not by_time:
        pairs = [_in_order(one, forecasts, truth) for one in pairs]
        forecasts, ds = replace(forecasts, cutoff=None), _order_of(forecasts)
    assert ds is not None  # noqa: S101 - told alike
    grid = find_grid([joined(one.history, one.track) for one in pairs], truth.freq if by_time else Clock(kind="row"))
    parts = [hold_series(forecasts, ds, one, grid, season) for one in pairs]
    held = gathered(parts)
    _refuse_nothing(forecasts, truth, held, by_time=by_time)
    notes += _remarks(truth, history, sum(len(one.rows) for one in pairs), held)
    return [one.name for one in pairs], held, notes


# ---- which belongs to which ----------------------------------------------------------------------


def _told_alike(forecasts: Forecasts, truth: Truth, notes: list[str]) -> bool:
    """Whether rows are matched by time; otherwise they are in order, with a note where one file tells the time."""
    sheet = forecasts.sheet
    if sheet.clock == "stamp" and truth.clock == "stamp":
        refuse_mixed_zones((sheet.file, sheet.tz), (truth.file, truth.tz))
        return True
    if sheet.clock == "number" and truth.clock in ("number", ""):  # rows without a time are numbered from 0
        return True
    if sheet.clock or truth.clock:
        notes.append(f"the forecasts of {sheet.file} are taken row by row: it and {truth.file} do not tell the time "
                     "alike")
    return False


def _match(forecasts: Forecasts, truth: Truth, history: Truth | None, notes: list[str]) -> list[Pair]:
    """The series that both sides have, in the order of the forecasts; those on one side only are noted."""
    rows = split_rows(forecasts.series, len(forecasts.ids))
    found = _by_name(forecasts.ids, truth, named=forecasts.named)
    file = forecasts.sheet.file
    if not found:
        raise _nothing_matches(forecasts, truth)
    missing = [name for number, name in enumerate(forecasts.ids) if number not in found]
    if missing:
        notes.append(f"{len(missing)} of {len(forecasts.ids)} series of {file} are not in {truth.file} and do not "
                     f"count: {_listed(missing)}")
    forecast = set(found.values())
    lacking = [name for name in truth.tracks if name not in forecast] if truth.named else []
    if lacking:
        notes.append(f"{len(lacking)} of {len(truth.tracks)} series of {truth.file} are not forecast: "
                     f"{_listed(lacking)}")
    before = {} if history is None else _by_name(tuple(found.values()), history, named=truth.named)
    if history is not None and history.clock != truth.clock:
        raise DataError(f"the time is not told as in {truth.file}", file=history.file, mend="write both alike")
    if history is not None and history.clock == "stamp":
        refuse_mixed_zones((history.file, history.tz), (truth.file, truth.tz))
    return [Pair(at, forecasts.ids[number] or name, rows[number], truth.tracks[name],
                 history.tracks[before[at]] if history is not None and at in before else None)
            for at, (number, name) in enumerate(found.items())]


def _by_name(ids: Sequence[str], truth: Truth, *, named: bool) -> dict[int, str]:
    """The name in `truth` of each of `ids` that it has; one and one belong together where no ids say otherwise."""
    names: Mapping[str, str] = {escape(name): name for name in truth.tracks} | {name: name for name in truth.tracks}
    found = {number: names[name] for number, name in enumerate(ids) if name in names}
    if not found and len(ids) == len(truth.tracks) == 1 and not (named and truth.named):
        return {0: next(iter(truth.tracks))}
    return found


def _nothing_matches(forecasts: Forecasts, truth: Truth) -> DataError:
    """The error where no series is on both sides."""
    file, there = forecasts.sheet.file, _listed(list(truth.tracks))
    if forecasts.ids == ("",):
        return DataError(f"the forecasts name no series, and {truth.file} has {len(truth.tracks)}: {there}", file=file,
                         mend="name one with --target-col, or the column of ids with --id-col")
    return DataError(f"no series of the forecasts ({_listed(forecasts.ids)}) is in {truth.file} ({there})", file=file,
                     mend="name the column of ids with --id-col, or that of the actual values with --target-col")


def _in_order(pair: Pair, forecasts: Forecasts, truth: Truth) -> Pair:
    """The pair with rows numbered in the order of the files; a history lies before."""
    count = len(pair.track.ds)
    if len(pair.rows) != count:
        whose = f" of {pair.name!r}" if pair.name else ""
        raise DataError(f"{len(pair.rows)} values are forecast{whose}, and {truth.file} has {count}",
                        file=forecasts.sheet.file, mend="give one for each row, or times of one kind in both files")
    history = pair.history
    if history is not None:
        history = Track(np.arange(-len(history.ds), 0, dtype=np.float64), history.y)
    return replace(pair, track=Track(np.arange(count, dtype=np.float64), pair.track.y), history=history)


def _order_of(forecasts: Forecasts) -> Array:
    """The number of each value within its series, (P,), in the order of the file."""
    order = np.empty(len(forecasts.series))
    for rows in split_rows(forecasts.series, len(forecasts.ids)):
        order[rows] = np.arange(len(rows))
    return order


# ---- what did not fit ----------------------------------------------------------------------------


def _refuse_nothing(forecasts: Forecasts, truth: Truth, held: Held, *, by_time: bool) -> None:
    """A DataError where no value that was forecast came true."""
    if len(held.row):
        return
    file, ds = forecasts.sheet.file, forecasts.ds
    mend = ""
    if by_time and ds is not None:
        times = [one.ds for one in truth.tracks.values() if len(one.ds)]
        ends = [[min(one[0] for one in times), max(one[-1] for one in times)]] if times else []
        spans = [" to ".join(_texts(np.array(one), forecasts)) for one in ([ds.min(), ds.max()], *ends)]
        mend = f"it has {spans[0]}, {truth.file} has {spans[1]}" if times else ""
    raise DataError(f"no value forecast has an actual value in {truth.file}", file=file, mend=mend)


def _texts(ds: Stamps, forecasts: Forecasts) -> list[str]:
    return format_stamps(ds.view("datetime64[us]") if ds.dtype == np.int64 else ds, forecasts.sheet.tz)


def _remarks(truth: Truth, history: Truth | None, total: int, held: Held) -> list[str]:
    """What a reader of the figures should know of rows that do not count, `total` being those of the series matched."""
    notes = []
    if len(held.row) < total:
        notes.append(f"{total - len(held.row)} of {total} values forecast have no actual value in {truth.file} and do "
                     "not count")
    if held.skipped:
        notes.append(f"{held.skipped} steps have no forecast, though later steps of the same forecasts have one")
    if held.late and history is not None:
        notes.append(f"{held.late} rows of {history.file} are not before the forecasts and are not used for scales")
    return notes


def _listed(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
