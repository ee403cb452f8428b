"""On which scale many series share one network: as they are, or on that of asinh.

One network for many series sees quiet nights and busy days of places of every size. On a scale on which steps are
relative where values are large (`asinh(y / unit)`, the unit being a typical size, so that zero and values below it are
no trouble) they look more alike. Whether that helps is asked of a ridge, which costs a second, on the validation part,
where nothing that is reported is decided: of its error in the scales of the series, and of its error relative to the
values, one half each, as OWA weighs MASE and sMAPE (Makridakis et al. 2020, section 2.4). One series has a network to
itself, which learns its shape: over 15 of them the network was no better for it (benchmarks/LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.forecasting.predict import untransformed
from grucast.preprocessing.sources import fit_scales
from grucast.preprocessing.windows import gather, gather_targets
from grucast.training.start import fit_ridge
from grucast.workflows.learning.prepared import VALIDATION_WINDOWS, Prepared, fit_sampler, part_windows, streams_of

GAIN = 0.03  # by so much a mean of the two ratios must lie below 1
FEWEST = 2  # series that share a network
KIND = "asinh"


def on_its_scale(prepared: Prepared, fit_rows: Sequence[int]) -> Prepared:
    """`prepared`, whose values are as they are, or the same on the scale of asinh where a ridge forecasts better.

    `fit_rows` are those of each series that scales are fitted on.
    """
    validation = part_windows(prepared, "validation", VALIDATION_WINDOWS)
    if len(prepared.panel.series) < FEWEST or not len(validation[0]):
        return prepared
    scales = replace(fit_scales(prepared.panel, fit_rows, KIND), holidays=prepared.scales.holidays)
    streams = streams_of(prepared.panel, scales, prepared.model, prepared.window.horizon)
    said = (f"the series share an {KIND} scale, on which a ridge forecasts better; --transform none takes the values "
            "as they are")
    tried = replace(prepared, scales=scales, streams=streams, notes=[*prepared.notes, said])
    size = np.where(prepared.streams.scale > 0, prepared.streams.scale, np.inf)[validation[0]]  # (N,) in units of y
    plain, shaped = (_errors(one, validation, size) for one in (prepared, tried))
    told = np.isfinite(plain).all() and np.isfinite(shaped).all() and (plain > 0).all()
    return tried if told and float(np.mean(shaped / plain)) < 1.0 - GAIN else prepared


def _errors(prepared: Prepared, at: tuple[Ints, Ints], size: Array) -> Array:
    """Of a ridge on the windows `at`: its mean absolute error in sizes (N,), and that relative to the values (sMAPE).

    Windows of infinite size, of series that never moved, do not count.
    """
    window, streams, counted = prepared.window, prepared.streams, np.isfinite(size)
    weights, _ = fit_ridge((streams, window, prepared.training.seed), fit_sampler(prepared), at)
    windows = gather(streams, window, *at)
    z, seen = gather_targets(streams, window.horizon, *at)
    ahead = windows.x.astype(np.float64) @ weights + windows.level[:, None]
    transform = prepared.scales.transform
    y, found = (untransformed(transform, streams, at[0], one[:, :, None])[:, :, 0] for one in (z, ahead))
    seen &= counted[:, None]
    if not seen.any():
        return np.full(2, np.nan)
    missed, reach = np.abs(y - found)[seen], (np.abs(y) + np.abs(found))[seen]
    relative = np.divide(2.0 * missed, reach, out=np.zeros_like(missed), where=reach > 0)
    return np.array([np.mean(missed / np.broadcast_to(size[:, None], seen.shape)[seen]), np.mean(relative)])
