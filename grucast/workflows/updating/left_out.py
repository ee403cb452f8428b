"""Rows left out by hand when a model was trained are left out of what it learns later, too.

`--exclude` and `--exclude-labelled` of the training are in the model file; what a run says itself counts instead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grucast.core.config import ReadOptions
from grucast.core.results import Manifest
from grucast.core.series import Layout
from grucast.data.periods import from_text
from grucast.data.reading import Reading, read_panel
from grucast.preprocessing.grid import is_numeric


def as_trained(read: ReadOptions, manifest: Manifest) -> ReadOptions:
    """The options, with `--exclude-labelled` where the model was trained with it."""
    labelled = read.rows.exclude_labelled or manifest.data.excluded_labelled
    return replace(read, rows=replace(read.rows, exclude_labelled=labelled))


def read_left_out(source: str, read: ReadOptions, manifest: Manifest) -> Reading:
    """The data of `source` without rows left out: by the options, else by the periods that the model remembers.

    `read` is what `as_trained` gives. The reading says which periods these were, so that the next model remembers them.
    """
    reading = read_panel([source], read, layout=_with_label(manifest.layout, read))
    return reading if read.rows.exclude else _masked(reading, manifest)


def _with_label(layout: Layout, read: ReadOptions) -> Layout:
    """The layout with the column of labels that --label-col names, where labelled rows are left out."""
    label = read.columns.label_col if read.rows.exclude_labelled else None
    return replace(layout, columns=replace(layout.columns, label=label or layout.columns.label))


def _masked(reading: Reading, manifest: Manifest) -> Reading:
    """The reading with the rows of the periods that the model remembers unobserved, and a note on how many."""
    told, clock = manifest.data.excluded, manifest.layout.clock
    if not told:
        return reading
    periods, series, count = list(from_text(told, numeric=is_numeric(clock))), [], 0
    for one in reading.panel.series:
        masked = np.zeros(len(one), dtype=bool)
        for start, stop in periods:
            masked |= (one.ds >= start) & (one.ds <= stop)
        count += int(masked.sum())
        seen = one.observed & ~masked[:, None]  # (T, C)
        series.append(replace(one, y=np.where(masked[:, None], np.nan, one.y), observed=seen))
    note = f"{count} rows lie in the periods left out when the model was trained and are masked"
    return replace(reading, panel=replace(reading.panel, series=tuple(series)), notes=(*reading.notes, note),
                   excluded=told)
