"""A sensor that stands still: how rare it is that a value is repeated so often, judged by the training part.

For each channel, runs of equal values are counted: how many reach r repeats. Where ten runs or more did, their number
per row is how often it happens; beyond, each further repeat is as likely as the next one was for those. The
surprise of a row is -log of that, summed over channels: one sensor that repeats a reading may be chance, five that
do at the same time are not (`together`). Sensors that rest together by night have large sums too, and often; so the
sums get a law of their own on rows that were not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Leads

FEWEST = 10  # runs that must have reached a number of repeats for it to be counted
COUNTED = 200  # repeats, at most
LEAST_LIKELY = 0.02  # of one more repeat


@dataclass(frozen=True, slots=True, eq=False)
class StuckScale:
    """-log of how often a run reaches r repeats, per row: `surprise` (C, R + 1), and `beyond` (C,) per repeat after R.

    All 0 for a channel whose training part had too few changes to tell.
    """

    surprise: Array
    beyond: Array

    def of(self, channel: int, repeats: Ints) -> Array:
        """The surprise of so many repeats (T,)."""
        table = self.surprise[channel]
        last = len(table) - 1
        return np.asarray(table[np.minimum(repeats, last)] + self.beyond[channel] * np.maximum(repeats - last, 0))


def repeats(y: Array, *, ahead: bool = False) -> Ints:
    """How often the value of each row (T,) was repeated up to it, 0 where it is new; NaN neither counts nor interrupts.

    `ahead`: how often in the whole run that the row belongs to. -1 where y is NaN.
    """
    seen = np.flatnonzero(np.isfinite(y))
    out = np.full(len(y), -1)
    if not len(seen):
        return out
    new = np.concatenate([[True], y[seen][1:] != y[seen][:-1]])
    first = np.flatnonzero(new)
    length = np.diff(np.append(first, len(seen)))
    if ahead:
        out[seen] = np.repeat(length - 1, length)
    else:
        out[seen] = np.arange(len(seen)) - np.repeat(first, length)
    return out


def fit_stuck(values: Sequence[Array], parts: Sequence[slice]) -> StuckScale:
    """The scale from the values (T, C) of each series, of their rows (`parts`) that were trained on."""
    channels = values[0].shape[1]
    tables, beyond = [], np.zeros(channels)
    for channel in range(channels):
        mine = [one[part, channel] for one, part in zip(values, parts, strict=True)]
        rows = sum(int(np.isfinite(one).sum()) for one in mine)
        table, beyond[channel] = _surprise(np.concatenate([_longest(one) for one in mine]), rows)
        tables.append(table)
    size = max(map(len, tables))
    steps = [np.arange(1, size - len(table) + 1) for table in tables]
    return StuckScale(np.stack([np.append(table, table[-1] + one * more)
                                for table, one, more in zip(tables, beyond.tolist(), steps, strict=True)]), beyond)


def _longest(y: Array) -> Ints:
    """The repeats that each run of y (T,) reached."""
    count = repeats(y)
    count = count[count >= 0]
    return count[np.append(count[1:] == 0, True)] if len(count) else count


def _surprise(runs: Ints, rows: int) -> tuple[Array, float]:
    """-log of the runs per row that reached 0 to r repeats, and the surprise of one more.

    The chance of one more is that of the runs that reached r; where most of them went on, their median says how far,
    which a few faults among them do not move.
    """
    if len(runs) < FEWEST:
        return np.zeros(1), 0.0
    last = min(int(np.sort(runs)[-FEWEST]), COUNTED)
    reached = np.cumsum(np.bincount(np.minimum(runs, last), minlength=last + 1)[::-1])[::-1]
    more = runs[runs >= last] - last
    middle = float(np.median(more))
    one_more = 0.5 ** (1.0 / middle) if middle >= 1.0 else (np.count_nonzero(more) + 1.0) / (len(more) + 2.0)
    return -np.log(reached / rows), -float(np.log(max(one_more, LEAST_LIKELY)))


def stuck(y: Array, scale: StuckScale, mode: str) -> tuple[Array32, Leads]:
    """The surprise of each row (T,) of y (T, C), NaN where no channel has a value, and the channel that has most of it.

    Online a run counts as far as it has come, offline with its whole length.
    """
    own = np.zeros(y.shape, dtype=np.float32)
    some = np.zeros(len(y), dtype=bool)
    for channel in range(y.shape[1]):
        count = repeats(y[:, channel], ahead=mode == "offline")
        own[:, channel] = np.where(count > 0, scale.of(channel, np.maximum(count, 0)), 0.0)
        some |= count >= 0
    return np.where(some, together(own), np.float32(np.nan)), np.argmax(own, axis=1).astype(np.int16)


def together(own: Array32) -> Array32:
    """The surprise of each row (T,) from those of its channels (T, C), >= 0.

    That m of C channels stand still together may happen to C over m choices of them, so the surprise of the m largest
    is their sum less the logarithm of that many; the most surprising m counts. Beyond the half of the channels the
    choices are fewer, but a channel that adds nothing must not make the others stranger, so they count as many.
    """
    channels = own.shape[1]
    if channels == 1:
        return own[:, 0]
    choices = [math.lgamma(channels + 1) - math.lgamma(m + 1) - math.lgamma(channels - m + 1)
               for m in range(1, channels + 1)]
    cost = np.maximum.accumulate(choices).astype(np.float32)
    out = np.zeros(len(own), dtype=np.float32)
    moved = np.flatnonzero(own.any(axis=1))
    largest = -np.sort(-own[moved], axis=1)
    out[moved] = np.maximum((np.cumsum(largest, axis=1) - cost).max(axis=1), 0.0)
    return out


class RunningStuck:
    """`stuck` of one series row by row, online."""

    def __init__(self, scale: StuckScale) -> None:
        self.scale = scale
        self.last = np.full(len(scale.beyond), np.nan)
        self.count = np.zeros(len(scale.beyond), dtype=np.int64)

    def push(self, y: Array) -> tuple[float, int]:
        """The surprise of the next row, whose values are y (C,), and the channel."""
        seen = np.isfinite(y)
        self.count = np.where(seen, np.where(y == self.last, self.count + 1, 0), self.count)
        self.last = np.where(seen, y, self.last)
        own = np.zeros((1, len(y)), dtype=np.float32)
        for channel in np.flatnonzero(seen & (self.count > 0)).tolist():
            own[0, channel] = self.scale.of(channel, self.count[channel : channel + 1])[0]
        return (float(together(own)[0]), int(np.argmax(own))) if seen.any() else (np.nan, 0)
