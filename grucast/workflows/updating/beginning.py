"""Whether a file begins with what a model learned from, and which of its rows the model knows.

Both ways of `update` ask: going on rehearses old rows, and training anew without them would forget what only they show.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grucast.core.errors import ModelError
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.preprocessing.grid import rewritten
from grucast.preprocessing.sources import length_known
from grucast.preprocessing.zones import written
from grucast.workflows.learning.model_file import series_ids
from grucast.workflows.serving import first_row, last_row

SAME = 0.5  # of the first rows must be those that the model remembers; corrected values are no other file


def from_the_beginning(panel: Panel, artifact: Artifact, *, file: str, model: str) -> Panel:
    """The series the model knows, in its order, then new ones.

    ModelError where one of its series is missing, where DATA does not begin with what the model learned from (phases of
    seasons are counted from the first row), and where it ends before that did.
    """
    panel = _in_order(panel, artifact, file, model)
    _check_beginning(panel, artifact, file, model)
    _check_end(panel, artifact, file, model)
    return panel


def known_rows(panel: Panel, artifact: Artifact) -> list[int]:
    """How many rows of each series the model has learned from; none of a series that is new, whenever its rows came."""
    old, last = set(series_ids(artifact.tensors)), last_row(artifact.manifest)
    return [min(int(np.searchsorted(one.ds, last, side="right")), length_known(one)) if one.unique_id in old else 0
            for one in panel.series]


def count_new(panel: Panel, artifact: Artifact) -> int:
    """Rows of all series that the model has not learned from."""
    return sum(map(length_known, panel.series)) - sum(known_rows(panel, artifact))


def _in_order(panel: Panel, artifact: Artifact, file: str, model: str) -> Panel:
    """The series the model knows, in its order, then new ones. ModelError where one of its series is missing."""
    here = {one.unique_id: one for one in panel.series}
    known = series_ids(artifact.tensors)
    missing = [name for name in known if name not in here]
    if missing:
        raise ModelError(f"{file}: series {missing[0]!r}, which {model} was trained on, is not there; give the whole "
                         "data, or train a model on these")
    some = set(known)
    new = [one for one in panel.series if one.unique_id not in some]
    return replace(panel, series=(*(here[name] for name in known), *new))


def _check_beginning(panel: Panel, artifact: Artifact, file: str, model: str) -> None:
    """ModelError where the first series does not begin with the rows that the model remembers."""
    head, one, manifest = artifact.tensors["drift.head"], panel.series[0], artifact.manifest
    rows = np.nan_to_num(one.y[: len(head)])
    begins = len(one) > 0 and one.ds[0] == first_row(manifest)
    if not begins or rows.shape != head.shape or (rows.size and np.mean(rows == head) < SAME):
        since = rewritten(manifest.data.first, manifest.layout.clock)
        raise ModelError(f"{file}: does not begin with the rows that {model} was trained on, from {since} on; give the "
                         "whole data, or train a model on these")


def _check_end(panel: Panel, artifact: Artifact, file: str, model: str) -> None:
    """ModelError where the last row trained on is not reached: a file that was cut, or one half written."""
    manifest, ends = artifact.manifest, max(one.ds[-1] for one in panel.series if len(one))
    if ends < last_row(manifest):
        clock = manifest.layout.clock
        raise ModelError(f"{file}: ends with {written(ends, clock)}, and {model} was trained on rows up to "
                         f"{rewritten(manifest.data.last, clock)}; give the whole data, or train a model on these")
