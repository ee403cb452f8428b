"""Draw what was scored: the series with events first, thinned while they pass, so that memory stays bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grucast.core.arrays import Array
from grucast.core.files import write_whole
from grucast.core.series import Panel
from grucast.detection.verdict import Causes
from grucast.report.alarms import MOST_PANELS, AlarmPicture, Channel, thinned
from grucast.report.plots import plot_kind, render_alarms
from grucast.workflows.detecting.table import Judged
from grucast.workflows.picture import zone_of

MOST_CHANNELS = 4  # of a series: those that led an event, or the first


class Album:
    """Pictures of the series that will be drawn: as many with events, and as many without, as may be needed."""

    def __init__(self, path: Path, panel: Panel) -> None:
        self.path, self.panel = path, panel
        self.strange: list[AlarmPicture] = []
        self.normal: list[AlarmPicture] = []

    def add(self, judged: Judged) -> None:
        """Take in one series: its rows that are reported."""
        kept = self.strange if judged.events else self.normal
        if len(kept) < MOST_PANELS and judged.begin < len(judged.scores.score):
            kept.append(thinned(_picture(judged, self.panel)))

    def write(self) -> list[str]:
        """Draw what was taken in, series with events first; notes on what was left out."""
        shown = [*self.strange, *self.normal]
        content, note = render_alarms(shown, len(self.panel.series), plot_kind(self.path), zone_of(self.panel.tz))
        write_whole(self.path, content)
        return [note] if note else []


def _picture(judged: Judged, panel: Panel) -> AlarmPicture:
    rows = slice(judged.begin, None)
    scores = judged.scores
    names = panel.channels if len(panel.channels) > 1 or not scores.unique_id else ("",)
    channels = tuple(Channel(names[at], scores.y[rows, at], scores.expected[rows, at]) for at in _leading(judged))
    events = tuple((scores.ds[max(event.start, judged.begin)], scores.ds[event.stop - 1]) for event in judged.events)
    threshold = _usual(judged.threshold, judged.cause)[rows]
    return AlarmPicture(scores.unique_id, scores.ds[rows], channels, scores.score[rows], threshold, events)


def _usual(threshold: Array, cause: Causes) -> Array:
    """The threshold (T,) without the rows where another judge's alarm made it sink: there that of the row before."""
    own = np.flatnonzero(cause == 0)
    if not len(own) or len(own) == len(cause):
        return threshold
    return np.asarray(threshold[own[np.maximum(np.searchsorted(own, np.arange(len(cause)), side="right") - 1, 0)]])


def _leading(judged: Judged) -> list[int]:
    """The channels to draw, in the order of the file: those that led the strongest events, else the first."""
    share = judged.scores.share
    strongest = sorted(judged.events, key=lambda event: -event.severity)
    led = dict.fromkeys(int(np.argmax(np.nan_to_num(share[event.peak]))) for event in strongest)
    return sorted([*led, *(at for at in range(share.shape[1]) if at not in led)][:MOST_CHANNELS])
