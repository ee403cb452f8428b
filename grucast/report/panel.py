"""One panel of a plot: a channel's history, its forecast and the intervals, labelled where they are.

Nothing here imports matplotlib: `plots` opens that door and hands the axes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np

from grucast.core.arrays import Array, Mask, Stamps
from grucast.report.breaks import breaks, parted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
MEDIAN, BANDS = "#1d4ed8", ("#a9c1f5", "#dfe8fc")  # the inner and the outer intervals
FEWEST_ROWS = 40  # of history; four horizons where that is more


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One channel of one series: its rows `ds` and `y`, (T,) each, and what is forecast from them.

    Rows at or after the first forecast stamp are drawn as what came true. `quantiles` is (H, Q).
    """

    name: str
    ds: Stamps
    y: Array
    ahead: Stamps  # (H,)
    quantiles: Array
    quantile_levels: tuple[float, ...]

    def at(self, level: float) -> Array:
        """The quantile at `level`, (H,), interpolated between the levels there are."""
        return np.array([np.interp(level, self.quantile_levels, row) for row in self.quantiles])


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """How a plot is drawn: interval `levels` in per cent, the zone of its clock, `rows` of history (None: found)."""

    title: str = ""
    levels: tuple[int, ...] = (80, 95)
    tz: tzinfo | None = None
    rows: int | None = None


def draw_panel(axes: Axes, picture: Picture, options: PlotOptions, *, heading: str, small: bool) -> None:
    """Draw `picture` into `axes` under `heading`; a `small` panel leaves out the words that its neighbours say."""
    past = picture.ds < picture.ahead[0]
    rows = options.rows or max(FEWEST_ROWS, 4 * len(picture.ahead))
    ds, y = picture.ds[past][-rows:], picture.y[past][-rows:]
    if ds.dtype.kind == "M":
        axes.xaxis_date(options.tz)
    joined = len(y) > 0 and bool(np.isfinite(y[-1]))  # the last value is known: the fan opens from it
    fan = np.concatenate([ds[-1:], picture.ahead]) if joined else picture.ahead

    def from_now(values: Array) -> Array:
        return np.concatenate([y[-1:], values]) if joined else values

    ends = {}
    for place, level in enumerate(sorted(options.levels, reverse=True)):
        low, high = picture.at(0.5 - level / 200), picture.at(0.5 + level / 200)
        color = BANDS[1] if place == 0 and len(options.levels) > 1 else BANDS[0]
        axes.fill_between(fan, from_now(low), from_now(high), color=color, linewidth=0, gid=f"interval-{level}")
        ends[f"{level} %"] = float(high[-1])
    median = picture.at(0.5)
    dot = "o" if len(median) < 3 else ""
    axes.plot(fan, from_now(median), color=MEDIAN, linewidth=1.6, marker=dot, markersize=3, gid="median")
    _line(axes, ds, y, gid="observed")
    _line(axes, picture.ds[~past], picture.y[~past], gid="came-true", dashed=True)
    axes.margins(x=0.0 if _at_an_end_of_time(picture) else 0.01, y=0.08)
    heading = shortened(heading, 34 if small else 90)
    axes.set_title(heading, loc="left", fontsize=9 if small else 12, fontweight="bold", pad=8 if small else 18)
    if len(ds):
        _mark_now(axes, ds[-1], stamp(ds[-1], options.tz), small=small)
    if not small:
        _label_ends(axes, {"median": float(median[-1]), **dict(reversed(ends.items()))})


def _at_an_end_of_time(picture: Picture) -> bool:
    """Whether there is no room for a margin: matplotlib knows no year before 1 and none after 9999."""
    if picture.ahead.dtype.kind != "M":
        return False
    years = np.concatenate([picture.ds[:1], picture.ahead[-1:]]).astype("datetime64[Y]").astype(np.int64) + 1970
    return bool((years <= 1).any() or (years >= 9999).any())


def _line(axes: Axes, x: Stamps, y: Array, *, gid: str, dashed: bool = False) -> None:
    """A line that breaks where values or rows are missing; a value with no neighbour, which no line shows, is a dot."""
    if not np.isfinite(y).any():
        return
    x, y = parted(x, y, breaks(x))
    axes.plot(x, y, color=INK, linewidth=1.1, linestyle=(0, (1.5, 1.5)) if dashed else "-", gid=gid)
    lone = alone(np.isfinite(y))
    axes.plot(x[lone], y[lone], color=INK, linestyle="", marker="o", markersize=2)


def alone(known: Mask) -> Mask:
    """Rows (T,) that are `known` and have no known neighbour."""
    framed = np.concatenate([[False], known, [False]])
    lone: Mask = known & ~framed[:-2] & ~framed[2:]
    return lone


def _mark_now(axes: Axes, now: Any, words: str, *, small: bool) -> None:
    """A thin line between what was observed and what is forecast, its stamp above it."""
    axes.axvline(now, color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)), gid="cutoff")
    left, right = (words, "") if small else (f"observed to {words}", "forecast")
    for text, side, color in ((left, -1, FAINT if small else INK), (right, 1, MEDIAN)):
        axes.annotate(text, (now, 1.0), (5 * side, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
                      ha="left" if side > 0 else "right", va="bottom", fontsize=7 if small else 8.5, color=color)


def _label_ends(axes: Axes, ends: dict[str, float]) -> None:
    """Words at the right end of each line and band, moved apart where they would touch."""
    low, high = axes.get_ylim()
    names = sorted(ends, key=lambda name: ends[name])
    for name, place in zip(names, spaced([(ends[name] - low) / (high - low) for name in names], 0.05), strict=True):
        axes.text(1.012, place, name, transform=axes.transAxes, va="center", fontsize=8.5,
                  color=MEDIAN if name == "median" else FAINT)


def spaced(places: Sequence[float], gap: float) -> list[float]:
    """Rising `places` pushed up just enough to lie `gap` apart, then moved back as one so that their mean stays.

    >>> spaced([0.25, 0.25], 0.5)
    [0.0, 0.5]
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    shift = (sum(moved) - sum(places)) / len(moved)
    return [place - shift for place in moved]


def stamp(now: Any, tz: tzinfo | None = None) -> str:
    """A place on the time axis in words: an instant in the zone `tz` (None: as it stands), or a number.

    >>> stamp(np.datetime64("2024-01-30T23:00", "us")), stamp(np.float64(99.0))
    ('2024-01-30 23:00', '99')
    """
    if not isinstance(now, np.datetime64):
        return f"{now:g}"
    moment: datetime = now.astype("datetime64[us]").item()
    if tz is not None:
        moment = moment.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None)
    return moment.isoformat(" ", "seconds" if moment.second else "minutes").removesuffix(" 00:00")


def shortened(words: str, most: int) -> str:
    """`words` on one line, cut to `most` characters.

    >>> shortened("a very long name", 8)
    'a very …'
    """
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
