"""Whether data still are what a model learned from: the same frequency, the same order of magnitude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grucast.core.errors import ModelError
from grucast.core.results import Artifact
from grucast.core.series import Clock, Panel, Series
from grucast.preprocessing.alias import parse_frequency
from grucast.preprocessing.frequency import find_frequency, find_step
from grucast.preprocessing.grid import is_numeric, locate, nominal_share
from grucast.preprocessing.scaling import fit_scale
from grucast.workflows.learning.model_file import series_ids

FAR_LEVEL = 100.0  # times off: another unit, not another week
FAR_SPREAD = 300.0  # of what is mostly zero, whose spread may come from a handful of rows
CONTEXTS = 10  # whose median is compared
STEP_SLACK = 0.01  # share of a numeric step
NOMINAL = 0.8  # share of stamps exactly on their place in the week or the month
SINGLE = 0.05  # share of single steps below which rows are not those of the clock with gaps
FEWEST = 8  # steps, below which gaps are only gaps


def check_frequency(panel: Panel, file: str) -> None:
    """ModelError where rows that are not gridded yet have another frequency than the clock of the model.

    Where most steps are single steps of the model's grid the frequency is that of the model: a few stamps off
    the grid, or gaps, are for the gridding to judge. So are steps that are mostly unlike each other.
    """
    clock = panel.layout.clock
    if is_numeric(clock) and clock.kind != "row" and not clock.freq:
        step = find_step(panel.series)
        if step and not math.isclose(step, clock.step, rel_tol=STEP_SLACK):
            raise _other(file, f"every {step:.6g}", f"steps of {clock.step:.6g}")
    elif clock.freq and not _keeps(panel.series, clock):
        found, _ = find_frequency(panel.series, replace(clock, freq=""))
        if found and found != clock.freq:
            raise _other(file, f"every {found!r}", repr(clock.freq))
        count = _usual_count(panel.series, clock)
        if count > 1:  # every second week has no name; one odd step, and every second hour is hourly with gaps
            raise _other(file, f"every {count} steps of {clock.freq!r}", repr(clock.freq))


def _keeps(series: Sequence[Series], clock: Clock) -> bool:
    """Whether half of the steps are those of the clock, and weeks and months begin on its day."""
    axes = [one.ds for one in series if len(one) > 1]
    if not axes:
        return True
    frequency = parse_frequency(clock.freq)
    if not is_numeric(clock) and frequency.unit == "time":  # off the grid, two half hours are an hour of places
        return bool(np.median(np.concatenate([np.diff(axis) for axis in axes]).astype(np.int64)) == frequency.count)
    single = np.median(np.concatenate([np.diff(locate(axis, clock)[0]) for axis in axes])) == 1
    if is_numeric(clock) or frequency.unit in ("day", "business"):
        return bool(single)
    nominal = sum(nominal_share(axis, clock) * len(axis) for axis in axes)
    return bool(single and nominal >= NOMINAL * sum(map(len, axes)))


def _usual_count(series: Sequence[Series], clock: Clock) -> int:
    """How many steps of the clock lie between rows in the median, where hardly any are single steps; else 1."""
    steps = np.concatenate([np.diff(locate(one.ds, clock)[0]) for one in series if len(one) > 1])
    if len(steps) < FEWEST or np.mean(steps <= 1) >= SINGLE:
        return 1
    return int(np.median(steps))


def _other(file: str, found: str, trained: str) -> ModelError:
    return ModelError(f"{file}: the rows come {found}, the model was trained on {trained}; train a model on them")


def begins_as_trained(panel: Panel, artifact: Artifact) -> bool:
    """Whether the first series begins with the rows trained on."""
    head, one = artifact.tensors["drift.head"], panel.series[0]
    return len(one) >= len(head) and np.array_equal(np.nan_to_num(one.y[: len(head)]), head)


def check_level(panel: Panel, artifact: Artifact, file: str) -> None:
    """ModelError where a series lies at another order of magnitude than the one trained on: another unit.

    Not where the trained series never moved, and not while the file still begins with the rows trained on. Values
    that are mostly zero now are in no unit: a device that is off, a product that is not sold. Where they were mostly
    zero in training, too, the mean distance from the median is compared.
    """
    tensors, rows = artifact.tensors, CONTEXTS * artifact.manifest.window.context_length
    if begins_as_trained(panel, artifact):
        return
    plain = artifact.manifest.values.get("transform", "none") == "none"  # else scales are not in the units of y
    places = {name: row for row, name in enumerate(series_ids(tensors))}
    for one in panel.series:
        row = places.get(one.unique_id)
        if row is None:
            continue
        for channel, name in enumerate(panel.channels):
            before, scale = float(tensors["drift.level"][row, channel]), float(tensors["scale.series"][row, channel])
            late = one.y[-rows:, channel]
            seen = late[np.isfinite(late)]
            if not len(seen) or scale == 0.0:
                continue
            now = float(np.median(np.abs(seen)))
            far = FAR_LEVEL
            if before == 0.0 and plain:  # mostly zero: what is left is how far it moves
                before, now = scale, float(fit_scale(seen[:, None], np.ones((len(seen), 1), dtype=bool))[0])
                far = FAR_SPREAD
            if now and before and (now / far > before or now < before / far):
                raise ModelError(f"{file}: column {name!r} is about {now:.3g}, the model was trained on values "
                                 f"about {before:.3g}; another unit? train a model on them")


def check_unit(panel: Panel, artifact: Artifact, file: str) -> None:
    """ModelError where the whole file lies at another order of magnitude than the rows trained on.

    Where it began as the model knows it, rows that are far off are what we look for.
    """
    rows = CONTEXTS * artifact.manifest.window.context_length
    began = Panel(tuple(one.rows(0, rows) for one in panel.series), panel.layout)
    try:
        check_level(began, artifact, file)
    except ModelError:
        check_level(panel, artifact, file)
