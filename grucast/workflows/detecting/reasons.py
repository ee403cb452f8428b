"""Why an event was one, in words: a value that stood still, one that was not expected, or a shape that is new."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.results import RowScores
from grucast.detection.events import Event

STUCK = 8  # rows of one value that are worth a word
RARE = 0.01  # of the rows before, at most, stood still for as long: earlier faults may, a meter that rests by night not
PART = 0.1  # of the event's rows, at least: a few still rows do not explain a long event
ONE_SIDE = 0.9  # of the rows above what was expected, or below
FEW = 8  # rows that have no side


@dataclass(slots=True, eq=False)
class Reasons:
    """The reasons of the events of one series; `stamps` writes stamps as text."""

    scores: RowScores
    stamps: Callable[[Stamps], list[str]]
    _runs: dict[int, tuple[Ints, Ints]] = field(default_factory=dict)

    def of(self, event: Event, channel: tuple[int, str], driver: str) -> str:
        """What was strange about the leading channel (its number and name) in the rows of `event`.

        `driver` is what drove the score of the peak: `stuck` or `sudden`, which say so themselves, or a scorer. Then
        the first that holds: the channel repeated one value for long, as it rarely did before; a value lay outside its
        95 % interval (the one furthest outside, with its stamp where that is not the peak); it stayed on one
        side of what was expected; else its shape, which is all that the scorer can say.
        """
        at, name = channel
        y, expected = self.scores.y[:, at], self.scores.expected[:, at]
        rows = slice(event.start, event.stop)
        stuck = self._run_at(event, at) if driver == "stuck" else self._stuck(event, at)
        if stuck:
            return f"{name} stuck at {_number(float(y[stuck[0]]), 0.0)} for {stuck[1] - stuck[0]} rows"
        if driver == "sudden":
            return _jumped(event.peak, y, expected, name)
        row = _furthest(y[rows], expected[rows])
        if row is not None:
            row += event.start
            when = "" if row == event.peak else f" at {self.stamps(self.scores.ds[row : row + 1])[0]}"
            low, high = float(expected[row, 0]), float(expected[row, 2])
            return f"{name} {_number(float(y[row]), high - low)}{when}, expected {_interval(low, high)}"
        side = _side(y[rows] - expected[rows, 1])
        if side:
            return f"{name} {side} what was expected for {event.rows} rows, though inside its interval"
        if driver == "forecast":
            return f"{name} harder to forecast than the rows trained on"
        return f"shape of {name} unlike the rows trained on"

    def _bounds(self, at: int) -> tuple[Ints, Ints]:
        """The runs of a channel, found once for all events."""
        if at not in self._runs:
            self._runs[at] = run_bounds(self.scores.y[:, at])
        return self._runs[at]

    def _run_at(self, event: Event, at: int) -> tuple[int, int]:
        """First row and end of the run of one value that the peak belongs to, up to the end of the event."""
        first, stop = self._bounds(at)
        run = int(np.searchsorted(stop, event.peak, side="right"))
        return int(first[run]), min(int(stop[run]), event.stop)

    def _stuck(self, event: Event, at: int) -> tuple[int, int] | None:
        """First row and end of the longest run of one value that touches the event, up to the event's end.

        None where it is short, beside the event too, or where rows before it often stood still for as long.
        """
        first, stop = self._bounds(at)
        begin, end = int(np.searchsorted(stop, event.start, side="right")), int(np.searchsorted(first, event.stop))
        if begin >= end:
            return None
        length = np.minimum(stop[begin:end], event.stop) - first[begin:end]
        longest = int(np.argmax(length))
        if length[longest] < max(STUCK, PART * event.rows):
            return None
        run = begin + longest
        before = stop[:run] - first[:run]
        if int(before[before >= length[longest]].sum()) > RARE * first[run]:
            return None
        return int(first[run]), min(int(stop[run]), event.stop)


def _jumped(row: int, y: Array, expected: Array, name: str) -> str:
    """That a row stood out: from its interval, or only from the rows beside it."""
    low, high = float(expected[row, 0]), float(expected[row, 2])
    value = _number(float(y[row]), high - low)
    if not (y[row] < low or y[row] > high):
        return f"{name} {value}, out of step with the rows beside it"
    return f"{name} {value}, expected {_interval(low, high)}"


def run_bounds(y: Array) -> tuple[Ints, Ints]:
    """First rows and ends (not included) of the runs of equal values in `y` (T,); NaN belongs to none."""
    seen = np.isfinite(y)
    same: Mask = seen[1:] & seen[:-1] & (y[1:] == y[:-1])
    first: Ints = np.flatnonzero(seen & ~np.concatenate([[False], same]))
    last: Ints = np.flatnonzero(seen & ~np.concatenate([same, [False]]))
    return first, last + 1


def _furthest(y: Array, expected: Array) -> int | None:
    """The row that lies furthest outside its interval, in units of the interval; None where none does."""
    beyond = np.maximum(y - expected[:, 2], expected[:, 0] - y)
    width = np.maximum(expected[:, 2] - expected[:, 0], np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        away = np.where(np.isfinite(beyond), beyond / width, -np.inf)
    row = int(np.argmax(away))
    return row if away[row] > 0 else None


def _side(residual: Array) -> str:
    """`above` or `below`, "" where neither."""
    known = residual[np.isfinite(residual)]
    if len(known) < FEW:
        return ""
    above = float(np.mean(known > 0))
    return "above" if above >= ONE_SIDE else "below" if above <= 1.0 - ONE_SIDE else ""


def _interval(low: float, high: float) -> str:
    """`430–510`, or one number where both are; a dash beside a minus sign cannot be read, so then `-5 to 3`."""
    words = _number(low, high - low), _number(high, high - low)
    if words[0] == words[1]:
        return words[0]
    return (" to " if low < 0 or high < 0 or "e" in "".join(words) else "–").join(words)


def _number(value: float, width: float) -> str:
    """A number to two digits of `width`; to six of its own where there is no width or it is far from it."""
    plain = math.isfinite(width) and width >= 1e-6 and 1e-6 * abs(value) <= width and max(width, abs(value)) < 1e12
    if not plain:
        return f"{value:.6g}"
    places = max(0, 1 - math.floor(math.log10(width)))
    text = f"{value:.{places}f}"
    return "0" if text.strip("-0.") == "" else text
