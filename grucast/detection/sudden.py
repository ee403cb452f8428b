"""Faults of a row or two, which no average over a hundred rows shows: the jump of an error against those beside it.

The network's errors follow each other: what it does not know now it mostly did not know an hour ago. So the error of
a row is foretold from the six before it, and what is left, the *jump*, is measured in jumps that are usual:

    jump_t   = u_t - sum over i of a_i u_(t-i)              u the mean signed error of a row over all its forecasts
    unit_t   = median |jump| of the channel at this phase of the shortest season
    calm_t   = exponential average of min(|jump| / unit, 6) over the rows before, about 20 of them
    sudden_t = log(1 + |jump_t| / unit_t / max(calm_t, 0.3))

An autoregression of the errors (Box & Jenkins 1970) with a scale that moves with the season and, as in ARCH (Engle
1982, Econometrica 50:987-1007), with the rows just before. Offline the same is done backwards too, and only what
sticks out from both sides counts: the harmonic mean of both jumps, 0 where one goes up and the other down. A price
that leaps and stays is then normal, a price that leaps for one day is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Leads
from grucast.detection.scoring import LEAST, exponential

LAGS = 6
MOST = 9.0  # median errors: an earlier error counts as no more, or a fault would make the rows after it strange
CALM = 1.0 - 1.0 / 20.0  # weight of the past in the average of jumps
USUAL = 1.2  # where that average begins: mean of |x| over its median, of a normal law
LARGEST = 6.0  # units: a jump counts as no more in it
STILLEST = 0.3  # of that average
NARROWEST = 1e-3  # of a unit, in scales of the series
PRIOR = 20.0  # rows of a phase that weigh as much as all phases together
LONGEST_CYCLE = 200  # rows


@dataclass(frozen=True, slots=True, eq=False)
class SuddenScale:
    """What jumps were usual on the training part.

    `weights` (C, 6) foretell an error from those before it, each held to `most` (C,); `level` (N + 1, C) is the usual
    jump of each series, the last row that of all together; `profile` (C, P) how it changes over the season.
    """

    weights: Array
    most: Array
    level: Array
    profile: Array

    def unit(self, series: int, origin: int, rows: int) -> Array:
        """The usual jump of each row and channel (T, C), the first row `origin` rows after phase 0."""
        phase = (origin + np.arange(rows)) % self.profile.shape[1]
        return np.asarray(np.maximum(self.level[series] * self.profile[:, phase].T, NARROWEST))


def cycle_of(seasons: Sequence[int]) -> int:
    """The rows over which usual jumps may change: the shortest season, 1 where that is too long."""
    return min((one for one in seasons if one <= LONGEST_CYCLE), default=1)


def fit_sudden(
    errors: Sequence[Array | Array32], parts: Sequence[slice], origins: Sequence[int], cycle: int
) -> SuddenScale:
    """The scale from signed errors (T, C) of each series, of their rows (`parts`) that were trained on."""
    channels = errors[0].shape[1]
    weights, most = np.zeros((channels, LAGS)), np.zeros(channels)
    level, profile = np.zeros((len(errors) + 1, channels)), np.ones((channels, cycle))
    starts = [origin + part.start for origin, part in zip(origins, parts, strict=True)]
    for channel in range(channels):
        mine = [one[part, channel].astype(np.float64) for one, part in zip(errors, parts, strict=True)]
        most[channel] = MOST * _median(np.abs(np.concatenate(mine)))
        weights[channel] = _fit_weights(mine, most[channel])
        jumps = [np.abs(_jumps(one, weights[channel], most[channel])) for one in mine]
        pooled = _median(np.concatenate(jumps))
        own = [_median(one) if np.isfinite(one).sum() >= LEAST else pooled for one in jumps]
        level[:, channel] = [*own, pooled]
        relative = np.concatenate([one / max(unit, NARROWEST) for one, unit in zip(jumps, own, strict=True)])
        phases = [start + np.arange(len(one)) for one, start in zip(mine, starts, strict=True)]
        profile[channel] = _fit_profile(relative, np.concatenate(phases) % cycle, cycle)
    return SuddenScale(weights, most, level, profile)


def _median(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _fit_weights(errors: Sequence[Array], most: float) -> Array:
    """Least squares of an error on the six before it, all held to `most`, with a small ridge."""
    total, right = np.zeros((LAGS, LAGS)), np.zeros(LAGS)
    for one in errors:
        target = np.clip(one, -most, most)
        before = _before(target)
        seen = np.isfinite(target)
        total += before[seen].T @ before[seen]
        right += before[seen].T @ target[seen]
    power = np.trace(total) / LAGS
    if not power > 0:
        return right
    return np.asarray(np.linalg.solve(total + 1e-3 * power * np.eye(LAGS), right))


def _before(errors: Array) -> Array:
    """The six errors before each (T, 6), the last one first; 0 for what is missing."""
    known = np.concatenate([np.zeros(LAGS), np.nan_to_num(errors)])
    return np.stack([known[LAGS - lag : len(known) - lag] for lag in range(1, LAGS + 1)], axis=1)


def _jumps(errors: Array | Array32, weights: Array, most: float) -> Array:
    """What the errors before do not foretell, (T,)."""
    out = errors.astype(np.float64)
    held = np.clip(np.nan_to_num(out), -most, most)
    for lag, weight in enumerate(weights.tolist(), start=1):
        out[lag:] -= weight * held[:-lag]
    return out


def _fit_profile(relative: Array, phases: Ints, cycle: int) -> Array:
    """The median of `relative` at each phase (P,), drawn towards 1."""
    out = np.ones(cycle)
    if cycle == 1:
        return out
    seen = np.isfinite(relative)
    order = np.argsort(phases[seen], kind="stable")
    groups = np.split(relative[seen][order], np.searchsorted(phases[seen][order], np.arange(1, cycle)))
    for phase, group in enumerate(groups):
        if len(group):
            out[phase] = (len(group) * np.median(group) + PRIOR) / (len(group) + PRIOR)
    return out


def sudden(
    errors: Array | Array32, scale: SuddenScale, series: int, origin: int, mode: str
) -> tuple[Array32, Leads]:
    """How sudden each row was (T,), and the channel where it was most; from signed errors (T, C), NaN where none.

    `series` is the row of `scale.level`, -1 for a series that is new; `origin` as in `SuddenScale.unit`.
    """
    rows, channels = errors.shape
    out: Array32 = np.full(rows, np.nan, dtype=np.float32)
    lead: Leads = np.zeros(rows, dtype=np.int16)
    unit = scale.unit(series, origin, rows)
    for channel in range(channels):
        known = scale.weights[channel], float(scale.most[channel])
        ahead = _jumps(errors[:, channel], *known)
        if mode == "offline":
            back = _jumps(errors[::-1, channel], *known)[::-1]
            own = _from_both_sides(ahead, back, unit[:, channel])
        else:
            own = np.abs(ahead) / unit[:, channel]
            own /= np.maximum(_calm(own), STILLEST)
        higher = ~(own <= out) & np.isfinite(own)
        out[higher], lead[higher] = own[higher], channel
    return np.asarray(np.log1p(out)), lead


def _from_both_sides(ahead: Array, back: Array, unit: Array) -> Array:
    """The harmonic mean of the jumps (T,) seen from before and from behind, in usual ones; 0 where signs differ."""
    one, other = np.abs(ahead) / unit, np.abs(back) / unit
    calm = (_calm(one) + _calm(other[::-1])[::-1]) / 2.0
    total = one + other
    mean = 2.0 * one * (other / np.where(total > 0, total, 1.0))
    return np.where(np.isfinite(total), np.where(ahead * np.sign(back) > 0, mean, 0.0), np.nan) / np.maximum(
        calm, STILLEST
    )


def _calm(relative: Array) -> Array:
    """The average of the jumps before each row (T,), of those that were seen."""
    seen = np.isfinite(relative)
    average = exponential(np.concatenate([[USUAL], np.minimum(relative[seen], LARGEST)]), CALM)
    out = np.full(len(relative), USUAL)
    out[seen] = average[:-1]
    return out


class RunningSudden:
    """`sudden` of one series row by row, online."""

    def __init__(self, scale: SuddenScale, series: int) -> None:
        self.scale, self.series = scale, series
        channels = len(scale.most)
        self.before: deque[Array] = deque([np.zeros(channels)] * LAGS, maxlen=LAGS)  # the last one first
        self.calm = np.full(channels, USUAL)

    def push(self, errors: Array, phase: int) -> tuple[float, int]:
        """How sudden the next row is, and the channel; from its signed errors (C,)."""
        jump = errors - np.einsum("cl,lc->c", self.scale.weights, np.stack(self.before))
        relative = np.abs(jump) / self.scale.unit(self.series, phase, 1)[0]
        value = relative / np.maximum(self.calm, STILLEST)
        self.before.appendleft(np.clip(np.nan_to_num(errors), -self.scale.most, self.scale.most))
        moved = CALM * self.calm + (1.0 - CALM) * np.minimum(relative, LARGEST)
        self.calm = np.where(np.isfinite(relative), moved, self.calm)
        if not np.isfinite(value).any():
            return np.nan, 0
        lead = int(np.nanargmax(value))
        return float(np.log1p(np.float32(value[lead]))), lead
