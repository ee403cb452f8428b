"""Alarms as pictures: what was observed and expected, the score below it with its threshold, events over both.

The door to matplotlib is that of `plots`. Long series are thinned before they are drawn: each piece of rows gives
its smallest and its largest value, so that no spike is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from grucast.core.arrays import Array, Ints, Stamps
from grucast.report.breaks import breaks, parted
from grucast.report.panel import BANDS, FAINT, INK, MEDIAN, alone, shortened, stamp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALARM, SHADE = "#b91c1c", "#fecaca"
MOST_PANELS = 12  # axes; more cannot be read
PIECES = 1_500  # of a series, each drawn as its smallest and its largest value


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of T rows: `y` (T,) and the lower end, the middle and the upper end of what was expected, (T, 3)."""

    name: str
    y: Array
    expected: Array


@dataclass(frozen=True, slots=True, eq=False)
class AlarmPicture:
    """One series of T rows: the channels to draw, the score (T,) and its threshold (T,), the spans of events."""

    name: str
    ds: Stamps
    channels: tuple[Channel, ...]
    score: Array
    threshold: Array
    events: tuple[tuple[Any, Any], ...]  # first and last stamp


def thinned(picture: AlarmPicture, pieces: int = PIECES) -> AlarmPicture:
    """The picture with at most two rows a piece: of values and scores the smallest and the largest, in that order.

    The band and the threshold take the widest and the highest of the piece: an approximation no wider than a pixel.
    A gap between rows is no part of a piece, and gets an empty row.
    """
    rows, gaps = len(picture.ds), breaks(picture.ds)
    if rows <= 2 * pieces:
        return _broken(picture, gaps)
    edges = np.unique(np.concatenate([np.linspace(0, rows, pieces + 1).astype(np.int64), gaps]))
    starts, last = edges[:-1], np.maximum(edges[1:] - 1, edges[:-1])
    channels = tuple(Channel(one.name, _both(one.y, starts), np.stack([
        np.repeat(np.fmin.reduceat(one.expected[:, 0], starts), 2),
        np.repeat(one.expected[(starts + last) // 2, 1], 2),
        np.repeat(np.fmax.reduceat(one.expected[:, 2], starts), 2)], axis=1)) for one in picture.channels)
    thin = AlarmPicture(picture.name, np.stack([picture.ds[starts], picture.ds[last]], axis=1).ravel(), channels,
                        _both(picture.score, starts), np.repeat(np.fmax.reduceat(picture.threshold, starts), 2),
                        picture.events)
    return _broken(thin, 2 * np.searchsorted(starts, gaps))


def _broken(picture: AlarmPicture, at: Ints) -> AlarmPicture:
    """The picture with an empty row before each row of `at`, so that no line is drawn across."""
    if not len(at):
        return picture
    channels = tuple(Channel(one.name, parted(picture.ds, one.y, at)[1], parted(picture.ds, one.expected, at)[1])
                     for one in picture.channels)
    ds, score = parted(picture.ds, picture.score, at)
    return AlarmPicture(picture.name, ds, channels, score, parted(picture.ds, picture.threshold, at)[1],
                        picture.events)


def _both(values: Array, starts: Ints) -> Array:
    """Smallest and largest value of each piece, one after the other; NaN where a piece has none."""
    return np.stack([np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)], axis=1).ravel()


def fitting(shown: Sequence[AlarmPicture]) -> list[AlarmPicture]:
    """The first pictures whose panels, one a channel and one for the score, are at most `MOST_PANELS` together."""
    panels, kept = 0, list[AlarmPicture]()
    for picture in shown:
        panels += len(picture.channels) + 1
        if kept and panels > MOST_PANELS:
            break
        kept.append(picture)
    return kept


def draw_alarms(new_figure: type[Figure], shown: Sequence[AlarmPicture], tz: tzinfo | None, note: str) -> Figure:
    """A figure with the pictures below each other, the panels of each on one axis of time."""
    heights = [height for picture in shown for height in (*[2.0] * len(picture.channels), 1.1)]
    figure = new_figure(figsize=(10.0, 1.05 * sum(heights) + 0.7), facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.05, hspace=0.03)
    axes = list(figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0])
    for picture in shown:
        own, axes = axes[: len(picture.channels) + 1], axes[len(picture.channels) + 1 :]
        _draw(own, picture, tz)
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=8, color=FAINT)
    return figure


def _draw(own: Sequence[Axes], picture: AlarmPicture, tz: tzinfo | None) -> None:
    for axes in own[1:]:
        axes.sharex(own[0])
    for place, (axes, channel) in enumerate(zip(own, picture.channels, strict=False)):
        heading = "/".join(filter(None, (picture.name if place == 0 or not channel.name else "", channel.name)))
        _values(axes, picture.ds, channel, tz)
        axes.set_title(shortened(heading, 90), loc="left", fontsize=10, fontweight="bold", pad=5)
    _scores(own[-1], picture, tz)
    for axes in own:
        for first, last in picture.events:
            axes.axvspan(first, last, facecolor=SHADE, edgecolor=ALARM, linewidth=0.5, alpha=0.6, zorder=0.5,
                         gid="event")
        axes.margins(x=0.01, y=0.08)
    for axes in own[:-1]:
        axes.tick_params(labelbottom=False)


def _values(axes: Axes, ds: Stamps, channel: Channel, tz: tzinfo | None) -> None:
    """Observed values over the interval that was expected; the middle would hide what it is about."""
    if ds.dtype.kind == "M":
        axes.xaxis_date(tz)
    known = np.isfinite(channel.expected).all(axis=1)
    if known.any():
        axes.fill_between(ds, channel.expected[:, 0], channel.expected[:, 2], where=known.tolist(), color=BANDS[0],
                          linewidth=0, gid="expected")
        _limit(axes, channel)
    axes.plot(ds, channel.y, color=INK, linewidth=0.8, gid="observed")
    _dots(axes, ds, channel.y, INK)


def _dots(axes: Axes, ds: Stamps, values: Array, color: str) -> None:
    """A dot for each value with no neighbour, which no line shows."""
    lone = alone(np.isfinite(values))
    if lone.any():
        axes.plot(ds[lone], values[lone], color=color, linestyle="", marker="o", markersize=2, gid="alone")


def _limit(axes: Axes, channel: Channel) -> None:
    """Keep a wild band from flattening the values: it may reach one span of the values beyond them."""
    seen = channel.y[np.isfinite(channel.y)]
    if not len(seen):
        return
    low, high = float(seen.min()), float(seen.max())
    span = (high - low) or abs(high) or 1.0
    if np.isfinite(span) and np.isfinite([low - span, high + span]).all():
        band = channel.expected[np.isfinite(channel.expected)]
        axes.set_ylim(max(low - span, min(low, float(band.min()))) - 0.05 * span,
                      min(high + span, max(high, float(band.max()))) + 0.05 * span)


def _scores(axes: Axes, picture: AlarmPicture, tz: tzinfo | None) -> None:
    """The score, the threshold as a dashed line, alarms in red."""
    ds, score, threshold = picture.ds, picture.score, picture.threshold
    if ds.dtype.kind == "M":
        axes.xaxis_date(tz)
    axes.plot(ds, score, color=MEDIAN, linewidth=0.8, gid="score")
    _dots(axes, ds, score, MEDIAN)
    level = np.where(np.isfinite(threshold), threshold, np.nan)
    axes.plot(ds, level, color=ALARM, linewidth=0.9, linestyle=(0, (4, 2)), gid="threshold")
    axes.plot(ds, risen(score, level), color=ALARM, linewidth=1.0, gid="alarm")
    count = len(picture.events)
    words = "no event" if not count else "1 event" if count == 1 else f"{count:,} events"
    if count and count <= 3:
        words += ": " + ", ".join(stamp(first, tz) for first, _ in picture.events)
    axes.set_title(f"score and threshold; {words}", loc="left", fontsize=8.5, color=FAINT, pad=4)
    axes.set_ylim(bottom=0.0)


def risen(score: Array, threshold: Array) -> Array:
    """The score (T,) where it is above the threshold and, so that one row alone makes a line too, the threshold beside
    such rows; NaN elsewhere."""
    above = score > threshold
    beside = above.copy()
    beside[1:] |= above[:-1]
    beside[:-1] |= above[1:]
    return np.where(beside, np.fmax(score, threshold), np.nan)
