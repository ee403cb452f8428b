"""Whether the rows that came are such as the model knows: asked before it learns from them."""

from __future__ import annotations

from dataclasses import replace

from grucast.core.errors import ModelError
from grucast.core.results import Artifact
from grucast.core.series import Panel
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.sources import Scales
from grucast.workflows.drift import FAR_LEVEL
from grucast.workflows.learning.model_file import series_ids
from grucast.workflows.predicting.doubts import FAR_ERROR, MOST, WINDOWS, recent_error


def strange(
    panel: Panel, model: tuple[Forecaster, Scales], artifact: Artifact, *, file: str, full: bool
) -> list[str]:
    """A note where the old model forecast the rows that came with more than twice the error of its report.

    ModelError beyond a hundred times, the factor by which the drift guard tells another unit from another week. A note
    would not do there: what is held out lies in the new unit too, so that weights which follow it win, and the report
    of what is published is made from such rows, so that no later run warns of them. A model that stays goes on warning.
    A level that did change so much is no work for a few steps either, with scales that stay. Whoever means these rows
    says so with `full`, which trains on all of them and is only told.

    A series that the model does not know says nothing of it.
    """
    known = set(series_ids(artifact.tensors))
    old = replace(panel, series=tuple(one for one in panel.series if one.unique_id in known))
    windows = max(WINDOWS, MOST // (len(old.series) * len(old.channels)))  # all rows that came, if it can be
    error, before, rows = recent_error(old, model, artifact.manifest, windows=windows)
    if not error > FAR_ERROR * before:
        return []
    said = (f"the newest {rows:,} rows were forecast with {error / before:,.1f} times the error that the model had "
            f"when it was trained ({error:.4g}, not {before:.4g})")
    if full:
        return [f"low confidence: {said}; look at them"]
    if error > FAR_LEVEL * before:
        raise ModelError(f"{file}: {said}; another unit? mend them, or train it anew with --full")
    return [f"low confidence: {said}; look at them, or train it anew with --full"]
