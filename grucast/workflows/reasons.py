"""Why an event was one, in words: a value that stood still, one that was not expected, or a shape that is new."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from grucast.core.arrays import Array, Ints, Mask, Stamps
from grucast.core.results import RowScores
from grucast.detection.events import Event

STUCK = 8  # rows of one value that are worth a word
RARE = 0.01  # of the rows before, at most, stood still for as long: earlier faults may, a meter that rests by night not
PART = 0.1  # of the event's rows, at least: a few still rows do not explain a long event
ONE_SIDE = 0.9  # of the rows above what was expected, or below
FEW = 8  # rows that have no side


def reason_of(event: Event, scores: RowScores, channel: tuple[int, str], driver: str,
              stamps: Callable[[Stamps], list[str]]) -> str:
    """What was strange about the leading channel (its number and name) in the rows of `event`.

    `driver` is what drove the score of the peak: `stuck` or `sudden`, which say so themselves, or a scorer. Then the
    first that holds: the channel repeated one value for long, as it rarely did before; a value lay outside its 95 %
    interval (the one furthest outside, with its stamp where that is not the peak); it stayed on one side
    of what was expected; else its shape, which is all that the scorer can say.
    """
    at, name = channel
    y, expected = scores.y[:, at], scores.expected[:, at]
    rows = slice(event.start, event.stop)
    stuck = _run_at(y[: event.stop], event.peak) if driver == "stuck" else _stuck(y, event)
    if stuck:
        return f"{name} stuck at {_number(float(y[event.stop - 1 - stuck[1]]), 0.0)} for {stuck[0]} rows"
    if driver == "sudden":
        return _jumped(event.peak, y, expected, name)
    row = _furthest(y[rows], expected[rows])
    if row is not None:
        row += event.start
        when = "" if row == event.peak else f" at {stamps(scores.ds[row : row + 1])[0]}"
        low, high = float(expected[row, 0]), float(expected[row, 2])
        return f"{name} {_number(float(y[row]), high - low)}{when}, expected {_interval(low, high)}"
    side = _side(y[rows] - expected[rows, 1])
    if side:
        return f"{name} {side} what was expected for {event.rows} rows, though inside its interval"
    if driver == "forecast":
        return f"{name} harder to forecast than the rows trained on"
    return f"shape of {name} unlike the rows trained on"


def _jumped(row: int, y: Array, expected: Array, name: str) -> str:
    """That a row stood out: from its interval, or only from the rows beside it."""
    low, high = float(expected[row, 0]), float(expected[row, 2])
    value = _number(float(y[row]), high - low)
    if low <= y[row] <= high:
        return f"{name} {value}, out of step with the rows beside it"
    return f"{name} {value}, expected {_interval(low, high)}"


def _run_at(y: Array, row: int) -> tuple[int, int]:
    """The run of one value that `row` belongs to: its rows, and rows from its end to the end of y (T,)."""
    first, stop = run_bounds(y)
    run = int(np.searchsorted(stop, row, side="right"))
    return int(stop[run] - first[run]), len(y) - int(stop[run])


def _stuck(y: Array, event: Event) -> tuple[int, int] | None:
    """The longest run of one value that touches the event: its rows, and rows from its end to the event's end.

    None where it is short, beside the event too, or where rows before it often stood still for as long.
    """
    first, stop = run_bounds(y[: event.stop])
    length = stop - first
    inside = stop > event.start
    if not inside.any():
        return None
    longest = int(np.argmax(np.where(inside, length, 0)))
    before = length[:longest]
    alike = int(before[before >= length[longest]].sum())
    if length[longest] < max(STUCK, PART * event.rows) or alike > RARE * first[longest]:
        return None
    return int(length[longest]), event.stop - int(stop[longest])


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
