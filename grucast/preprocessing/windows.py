"""Windows of many series of any length, gathered by index from one flat store.

A *stream* is one channel of one series. All streams lie behind each other in `Streams`; a window is a
stream and a cutoff, the number of rows known. Rows before the start of a series are masked. A hole, rows without a
value inside of it, is filled from the window alone, see `fill_holes`: a network that learned from rows without holes
takes an empty one for a change of level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array, Array32, Ints, Mask
from grucast.core.config import WindowSpec

FARTHEST = 1e15  # scales from the anchor: what a fault may weigh, so that squares and sums of float32 stay finite


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What one series gives to windows: scaled values and covariates.

    `z` is (T, C), transformed and divided by `scale`, 0 where not observed; `observed` (T, C); `known`
    (T + H, K) or longer, `past` (T, P), `static` (S,), all scaled, 0 where missing; `scale` (C,) in
    transformed units; `origin` the position of the first row on the seasonal clock of the panel; `lag` (C,) and
    `share` (C,) as in `preprocessing/repeats.py`, None where nothing is repeated.
    """

    z: Array
    observed: Mask
    known: Array
    past: Array
    static: Array
    scale: Array
    origin: int = 0
    lag: Ints | None = None
    share: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """All streams flat: N streams over R rows of values, series over T rows of covariates."""

    z: Array  # (R,)
    observed: Mask  # (R,)
    start: Ints  # (N,) first row of the stream in z
    length: Ints  # (N,)
    series: Ints  # (N,)
    channel: Ints  # (N,)
    scale: Array  # (N,)
    origin: Ints  # (N,)
    lag: Ints  # (N,) rows back to what is repeated, 0 where nothing is
    share: Array  # (N,) of it in a forecast
    known: Array32  # (sum of T + H, K)
    past: Array32  # (sum of T, P)
    static: Array32  # (number of series, S)
    covariate_start: Ints  # (number of series, 2): first row of the series in `known` and in `past`
    known_length: Ints  # (number of series,)


def flatten(sources: Sequence[Source]) -> Streams:
    """The streams of `sources`, channels of a series behind each other."""
    channels = sources[0].z.shape[1]
    lengths = np.array([len(one.z) for one in sources], dtype=np.int64)
    known_lengths = np.array([len(one.known) for one in sources], dtype=np.int64)
    length = np.repeat(lengths, channels)
    firsts = [np.concatenate([[0], np.cumsum(rows)[:-1]]) for rows in (known_lengths, lengths)]
    return Streams(
        z=np.concatenate([one.z.T.reshape(-1) for one in sources]),
        observed=np.concatenate([one.observed.T.reshape(-1) for one in sources]),
        start=np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64),
        length=length,
        series=np.repeat(np.arange(len(sources)), channels),
        channel=np.tile(np.arange(channels), len(sources)),
        scale=np.concatenate([one.scale for one in sources]),
        origin=np.repeat(np.array([one.origin for one in sources], dtype=np.int64), channels),
        lag=np.concatenate([np.zeros(channels, dtype=np.int64) if one.lag is None else one.lag for one in sources]),
        share=np.concatenate([np.zeros(channels) if one.share is None else one.share for one in sources]),
        known=_single([one.known for one in sources]),
        past=_single([one.past for one in sources]),
        static=np.stack([one.static for one in sources]).astype(np.float32),
        covariate_start=np.stack(firsts, axis=1).astype(np.int64),
        known_length=known_lengths,
    )


def _single(covariates: Sequence[Array]) -> Array32:
    """Covariates of all series behind each other; what float32 does not hold is infinite, which forecasts refuse."""
    with np.errstate(over="ignore"):
        return np.concatenate(covariates).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """B windows as a network takes them, and what is done with its forecast; all float32 but `level`.

    `x` is (z - z[anchor]) over the context, the anchor being the last row that is observed or filled, so z = x + level.
    """

    x: Array32  # (B, L)
    mask: Array32  # (B, L) 1 where observed or filled
    seen: Array32  # (B, L) 1 where observed
    known: Array32  # (B, L + H, K)
    past: Array32  # (B, L, P)
    static: Array32  # (B, S)
    anchor: Ints  # (B,)
    channel: Ints  # (B,)
    phase: Ints  # (B, number of seasons)
    level: Array  # (B,) z of the anchor row; 0 where the context has no observed row
    lag: Ints  # (B,) rows back to what the series repeats, 0 where it repeats nothing
    share: Array32  # (B,) of it in the forecast

    def __len__(self) -> int:
        return len(self.x)

    def moves(self, y: Array, seen: Mask) -> Array:
        """What is learned: targets y (B, H) less the anchor, 0 where not `seen` (B, H), faults held as in `x`."""
        return np.where(seen, np.clip(y - self.level[:, None], -FARTHEST, FARTHEST), 0.0)


def gather(streams: Streams, spec: WindowSpec, stream: Ints, cutoff: Ints) -> Windows:
    """The contexts that end before row `cutoff` (B,) of `stream` (B,), with covariates over context and horizon."""
    L, H = spec.context_length, spec.horizon
    steps = np.arange(-L, 0)
    rows = cutoff[:, None] + steps  # (B, L), rows of the stream
    inside = (rows >= 0) & (rows < streams.length[stream][:, None])
    flat = np.where(inside, streams.start[stream][:, None] + rows, 0)
    seen = streams.observed[flat] & inside
    z, there = fill_holes(np.where(seen, streams.z[flat], 0.0), seen, inside, spec.fill)
    anchor = np.where(there.any(axis=1), L - 1 - np.argmax(there[:, ::-1], axis=1), L - 1)
    level = np.take_along_axis(z, anchor[:, None], axis=1)
    known, past = _covariates(streams, stream, cutoff, L, H)
    first = cutoff - L + streams.origin[stream]
    seasons = np.asarray(spec.seasons, dtype=np.int64)
    return Windows(
        x=np.where(there, np.clip(z - level, -FARTHEST, FARTHEST), 0.0).astype(np.float32),
        mask=there.astype(np.float32),
        seen=seen.astype(np.float32),
        known=known,
        past=past,
        static=streams.static[streams.series[stream]],
        anchor=anchor,
        channel=streams.channel[stream],
        phase=first[:, None] % seasons if len(seasons) else np.zeros((len(stream), 0), dtype=np.int64),
        level=level[:, 0],
        lag=streams.lag[stream],
        share=streams.share[stream].astype(np.float32),
    )


def fill_holes(z: Array, seen: Mask, inside: Mask, seasons: Sequence[int]) -> tuple[Array, Mask]:
    """Values (B, L) with the holes of each window filled, and where there is one: observed or filled.

    A hole is a row `inside` of the series that was not `seen`. What is filled in is the sum of the mean for the phase
    of each of `seasons`, taken one after the other off what was seen in the window, 1 first; and of what is left, on a
    straight line from the row seen before the hole to the one seen after it, level at both ends of the window. A phase
    that was never seen has what lies on a straight line between its neighbours. Without `seasons`, and where nothing
    was seen, holes stay empty.
    """
    holes = inside & ~seen
    some = np.flatnonzero(holes.any(axis=1) & seen.any(axis=1)) if seasons else np.zeros(0, dtype=np.int64)
    if not len(some):
        return z, seen
    known = seen[some]
    left, shape = np.where(known, z[some], 0.0), np.zeros((len(some), z.shape[1]))
    for season in seasons:
        mean = _by_phase(left, known, season)
        left, shape = left - mean, shape + mean
    out, there = z.copy(), seen.copy()
    out[some] = np.where(known, z[some], np.where(holes[some], shape + _between(left, known), 0.0))
    there[some] |= holes[some]
    return out, there


def _by_phase(values: Array, known: Mask, season: int) -> Array:
    """For each row of values (B, L) the mean of the `known` ones of its phase, (B, L); there is one in each window."""
    before = -values.shape[1] % season
    total, count = (np.pad(each, ((0, 0), (before, 0))).reshape(len(values), -1, season).sum(axis=1)
                    for each in (np.where(known, values, 0.0), known.astype(np.float64)))
    mean, never = total / np.maximum(count, 1.0), np.flatnonzero((count == 0).any(axis=1))
    if len(never):  # a year, say, between the one before and the one after it
        three = _between(np.tile(mean[never], 3), np.tile(count[never] > 0, 3))
        mean[never] = three[:, season : 2 * season]
    return np.asarray(np.tile(mean, (1, (before + values.shape[1]) // season))[:, before:])


def _between(values: Array, known: Mask) -> Array:
    """Each row of values (B, L) on a straight line between the nearest `known` ones, level beyond the outermost.

    One of each window at least is known.
    """
    rows = np.arange(values.shape[1], dtype=np.int32)
    before = np.maximum.accumulate(np.where(known, rows, np.int32(-1)), axis=1)
    after = np.minimum.accumulate(np.where(known, rows, np.int32(len(rows)))[:, ::-1], axis=1)[:, ::-1]
    at, row = np.nonzero(~known)
    first, last = before[at, row], after[at, row]
    first, last = np.where(first < 0, last, first), np.where(last == len(rows), first, last)
    one, two = values[at, first], values[at, last]
    out = values.copy()
    out[at, row] = one + (row - first) / np.maximum(last - first, 1) * (two - one)
    return out


def _covariates(streams: Streams, stream: Ints, cutoff: Ints, L: int, H: int) -> tuple[Array32, Array32]:
    """Known (B, L + H, K) and past (B, L, P) covariates, zero outside the series."""
    series = streams.series[stream]
    known = np.zeros((len(stream), L + H, streams.known.shape[1]), dtype=np.float32)
    past = np.zeros((len(stream), L, streams.past.shape[1]), dtype=np.float32)
    for out, store, column, limit in (
        (known, streams.known, 0, streams.known_length[series]),
        (past, streams.past, 1, streams.length[stream]),
    ):
        if not out.shape[2]:
            continue
        rows = (cutoff - L)[:, None] + np.arange(out.shape[1])
        inside = (rows >= 0) & (rows < limit[:, None])
        flat = np.where(inside, streams.covariate_start[series, column][:, None] + rows, 0)
        out[...] = np.where(inside[:, :, None], store[flat], 0.0)
    return known, past


def gather_targets(streams: Streams, horizon: int, stream: Ints, cutoff: Ints) -> tuple[Array, Mask]:
    """The rows after the cutoff: z (B, H), 0 where missing, and whether they were observed (B, H)."""
    rows = cutoff[:, None] + np.arange(horizon)
    inside = rows < streams.length[stream][:, None]
    flat = np.where(inside, streams.start[stream][:, None] + rows, 0)
    seen = streams.observed[flat] & inside
    return np.where(seen, streams.z[flat], 0.0), seen


def cutoffs_between(first: Ints, last: Ints, stride: int = 1) -> tuple[Ints, Ints]:
    """All (stream, cutoff) pairs with first[n] <= cutoff <= last[n] for stream n, every `stride` rows.

    Counted back from `last`, so that the newest window is always among them. Streams with last < first
    give none.
    """
    counts = np.maximum((last - first) // stride + 1, 0)
    stream = np.repeat(np.arange(len(first)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return stream, last[stream] - within * stride
