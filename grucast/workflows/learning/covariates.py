"""Whether covariates of several series are brought to size together, or in each series by itself.

A shop of a thousand visitors and one of fifty share a network; what a hundred visitors more mean is not the same in
both. But a price is a price everywhere, and a temperature too: in each series by itself it would lose what the series
tell each other. So a ridge with the effects of the covariates is asked, on the validation part, as in `shape.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grucast.preprocessing.sources import with_own_covariates
from grucast.training.effects import PENALTIES
from grucast.training.start import choose_effects
from grucast.workflows.learning.prepared import VALIDATION_WINDOWS, Prepared, fit_sampler, part_windows, streams_of

GAIN = 0.01  # by so much the error must be smaller
FEWEST = 2  # series that share a network


def by_series(prepared: Prepared, fit_rows: Sequence[int]) -> Prepared:
    """`prepared`, or the same with covariates in sizes of each series where a ridge forecasts better.

    `fit_rows` are those of each series that scales are fitted on.
    """
    columns = tuple(one for one in prepared.model.effects if one < len(prepared.panel.layout.columns.known))
    if len(prepared.panel.series) < FEWEST or not columns or not len(part_windows(prepared, "validation", 1)[0]):
        return prepared
    scales = with_own_covariates(prepared.scales, prepared.panel, fit_rows)
    streams = streams_of(prepared.panel, scales, prepared.model, prepared.window.horizon)
    said = "covariates are brought to size in each series by itself: a ridge forecasts better so"
    tried = replace(prepared, scales=scales, streams=streams, notes=[*prepared.notes, said])
    together, alone = (_error(one, columns) for one in (prepared, tried))
    return tried if alone < (1.0 - GAIN) * together else prepared


def _error(prepared: Prepared, columns: tuple[int, ...]) -> float:
    """The mean absolute error, in scales, of a ridge beside the best effects of `columns`."""
    data = prepared.streams, prepared.window, prepared.training.seed
    at = part_windows(prepared, "validation", VALIDATION_WINDOWS)
    return choose_effects(columns, data, fit_sampler(prepared), at, PENALTIES).error
