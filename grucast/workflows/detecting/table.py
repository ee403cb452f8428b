"""Events as rows and as JSON: the columns that `detect-anomalies` prints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from grucast.core.arrays import Array, Mask, Stamps
from grucast.core.results import RowScores
from grucast.core.series import STAMP, Panel, Series
from grucast.data.writing import format_stamps
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.events import Event
from grucast.detection.verdict import CAUSES, Causes
from grucast.workflows.detecting.reasons import Reasons
from grucast.workflows.detecting.scores import Scoring

Document: TypeAlias = dict[str, Any]  # an event under the names of COLUMNS; channels and flags are lists
COLUMNS = ("event_id", "unique_id", "start", "end", "peak", "rows", "severity", "score", "p_value", "y", "y_hat",
           "channels", "flags", "reason")
LOW = "low_confidence"
ALSO = 0.5  # of the share of the leading channel: a channel with so much took part


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One series of the grid after detection, the first T rows of it scored; rows from `begin` on are reported."""

    series: Series
    scores: RowScores
    threshold: Array  # (T,)
    p_value: Array  # (T,)
    events: list[Event]
    cause: Causes  # (T,)
    begin: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Telling:
    """What it takes to put scores into words: the panel, the law of scores, the rule, how scores were made.

    `fine`: stamps have parts of a second.
    """

    panel: Panel
    calibration: ScoreCalibration
    rule: str
    scoring: Scoring
    context: int
    fine: bool = False
    per_channel: bool = False

    def stamps(self, ds: Stamps) -> list[str]:
        """Stamps as text, with microseconds where any stamp of the panel has them, so that all are written alike."""
        if not self.fine:
            return format_stamps(ds, self.panel.tz)
        return format_stamps(np.concatenate([ds, [np.datetime64(1, "us")]]), self.panel.tz)[:-1]


def is_fine(panel: Panel) -> bool:
    """Whether any stamp of the panel has a part of a second; false where the axis is a number."""
    return any(one.ds.dtype == STAMP and bool((one.ds != one.ds.astype("datetime64[s]")).any())
               for one in panel.series)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One event: its document, and where it stands among the others."""

    order: tuple[Any, ...]
    document: Document


def events_of(judged: Judged, telling: Telling) -> list[Told]:
    """The events of one series, ready to be written."""
    low = low_confidence(judged.series, len(judged.scores.score), telling.context) if judged.events else None
    reasons = Reasons(judged.scores, telling.stamps)
    return [] if low is None else [_told(event, judged, telling, (low, reasons)) for event in judged.events]


def _told(event: Event, judged: Judged, telling: Telling, known: tuple[Mask, Reasons]) -> Told:
    low, reasons = known
    doubted = judged.scores.doubted is not None and bool(judged.scores.doubted[event.start]) and event.start > 0
    scores, peak, names = judged.scores, event.peak, telling.panel.channels
    share = np.nan_to_num(scores.share[peak])
    leading = np.argsort(-share, kind="stable")
    lead = int(leading[0])
    took_part = [names[channel] for channel in leading.tolist() if share[channel] >= ALSO * share[lead]]
    start, end, top = telling.stamps(scores.ds[[event.start, event.stop - 1, peak]])
    document = {
        "event_id": event_id(judged, event, telling.rule), "unique_id": scores.unique_id, "start": start,
        "end": None if event.open else end, "peak": top, "rows": event.rows,
        "severity": float(event.severity), "score": float(scores.score[peak]), "p_value": float(judged.p_value[peak]),
        "y": float(scores.y[peak, lead]), "y_hat": float(scores.expected[peak, lead, 1]),
        "channels": took_part, "flags": [LOW] if low[peak] or doubted else [],
        "reason": reasons.of(event, (lead, names[lead]), _driver(judged, peak, telling)),
    }
    return Told((scores.ds[event.start], scores.unique_id), document)


def _driver(judged: Judged, peak: int, telling: Telling) -> str:
    """What drove the score of a row: another judge, or the scorer."""
    cause = int(judged.cause[peak])
    return CAUSES[cause] if cause else telling.scoring.scorer


def event_id(judged: Judged, event: Event, rule: str) -> str:
    """The name of an event of a series that was judged."""
    return event_name(judged.scores.unique_id, judged.scores.ds[event.start], rule)


def event_name(unique_id: str, start: Any, rule: str) -> str:
    """A name that stays the same in every run: from the series, the start and the rule."""
    known = "\0".join((unique_id, str(start), rule))
    return "e" + hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def event_rows(events: Sequence[Document]) -> list[list[object]]:
    """Events as rows under `COLUMNS`; several words in a cell are joined by `;`."""
    return [[";".join(value) if isinstance(value, list) else value for value in (one[name] for name in COLUMNS)]
            for one in events]


def figures_of(scored: int, events: Sequence[Document]) -> dict[str, float]:
    """What monitors are told of a run."""
    going = sum(one["end"] is None for one in events)
    return {"rows_scored": float(scored), "events": float(len(events)), "events_open": float(going)}


def doubted_rows(scores: RowScores) -> Mask:
    """Rows (T,) with a score that come after errors far beyond the usual ones."""
    scored = np.isfinite(scores.score)
    return scored & scores.doubted if scores.doubted is not None else np.zeros_like(scored)


def doubts(rows: int) -> list[str]:
    """A note on so many of these rows, if there are any."""
    if not rows:
        return []
    note = (f"low confidence: before {rows:,} row{'s' if rows > 1 else ''} the model erred by more than twice what it "
            "did on rows held out when it was trained; scores and events are as ever; if that lasts, train it anew")
    return [note]


def low_confidence(series: Series, rows: int, context: int) -> Mask:
    """Rows (T,) with fewer rows than a context before them, or with more than half of the context missing."""
    seen = np.zeros(rows + 1, dtype=np.int64)  # values observed before each row
    np.cumsum(series.observed[:rows].sum(axis=1), out=seen[1:])
    low = np.ones(rows, dtype=bool)
    if rows > context:
        low[context:] = 2 * (seen[context:-1] - seen[: rows - context]) < context * series.observed.shape[1]
    return low
