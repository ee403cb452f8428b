"""Draw what made a forecast."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grucast.core.files import write_whole
from grucast.core.series import Panel
from grucast.preprocessing.grid import stamps_after
from grucast.report.attribution import AttributionPicture, Bars, Line
from grucast.report.plots import plot_kind, render_attribution
from grucast.workflows.explaining.words import Explained
from grucast.workflows.picture import zone_of


def plot_explanation(path: Path, explained: Explained, panel: Panel) -> None:
    """Write the plot of what was explained.

    Errors: UsageError where matplotlib is missing; those of writing.
    """
    content = render_attribution(picture_of(explained, panel), plot_kind(path), zone_of(panel.tz))
    write_whole(path, content)


def picture_of(explained: Explained, panel: Panel) -> AttributionPicture:
    """What is drawn of an explanation; attention is the mean over what is ahead."""
    chosen, inside = explained.chosen, explained.inside
    stamps, median = explained.steps, np.sum(list(explained.parts.values()), axis=0)
    behind = explained.strands[0].ds
    stop = chosen.cutoff
    ahead = stamps_after(behind[-1], int(chosen.steps[-1]) + 1, panel.layout.clock)[chosen.steps]
    gates = [Line(f"{one.name} {one.layer}", stamps, one.by_step) for one in inside.gates]
    asked = [] if inside.attention is None else [Line("share", stamps, np.mean(inside.attention, axis=0))]
    return AttributionPicture(
        title=f"{chosen.name}: what made its forecast", ds=behind,
        y=chosen.series.y[stop - len(behind) : stop, chosen.channel], ahead=ahead, median=median[chosen.steps],
        inputs=tuple(Bars(one.name, one.ds, one.contribution) for one in explained.strands),
        gates=tuple(gates), attention=tuple(asked))
