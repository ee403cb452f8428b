"""What made a forecast, drawn: the past and what was forecast, each input's contributions below, gates and attention.

Nothing here imports matplotlib: `plots` opens that door and hands the class of figures in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

import numpy as np

from grucast.core.arrays import Array, Stamps
from grucast.report.panel import FAINT, INK, MEDIAN, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAISED, LOWERED = "#b91c1c", "#1d4ed8"  # contributions above and below zero
MOST_INPUTS = 4  # panels of contributions beside that of past values
MOST_LINES = 6  # gates in one panel


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Contributions (T,) of one input at `ds` (T,), in the units of the file."""

    name: str
    ds: Stamps
    contribution: Array


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Shares (S,) of one gate, or of attention, at the steps that begin at `ds` (S,)."""

    name: str
    ds: Stamps
    share: Array


@dataclass(frozen=True, slots=True, eq=False)
class AttributionPicture:
    """The past `ds`, `y` (L,) of one series, its median `ahead`, `median` (n,), and what made it.

    `inputs` begins with past values; `gates` and `attention` are empty where the network has none.
    """

    title: str
    ds: Stamps
    y: Array
    ahead: Stamps
    median: Array
    inputs: tuple[Bars, ...]
    gates: tuple[Line, ...] = ()
    attention: tuple[Line, ...] = ()


def draw_attribution(new_figure: Callable[..., Figure], picture: AttributionPicture, tz: tzinfo | None) -> Figure:
    """The figure of `picture`, one panel below the other over one axis of time."""
    first, *others = picture.inputs
    felt = [one for one in others if one.contribution.any()]
    others = sorted(felt, key=lambda one: -float(np.abs(one.contribution).sum()))[:MOST_INPUTS]
    strips = [(name, lines) for name, lines in (("gates", picture.gates), ("attention", picture.attention)) if lines]
    count = 2 + len(others) + len(strips)
    figure = new_figure(figsize=(9.0, 2.0 + 1.25 * count), facecolor="white")
    figure.set_layout_engine("constrained", h_pad=0.08, hspace=0.03)
    grid = figure.subplots(count, 1, sharex=True, squeeze=False, height_ratios=[2.0, *[1.0] * (count - 1)])[:, 0]
    _draw_past(grid[0], picture, tz)
    for axes, one in zip(grid[1:], (first, *others), strict=False):
        _draw_bars(axes, one)
    for axes, (name, lines) in zip(grid[2 + len(others) :], strips, strict=True):
        _draw_lines(axes, name, lines)
    return figure


def _draw_past(axes: Axes, picture: AttributionPicture, tz: tzinfo | None) -> None:
    if picture.ds.dtype.kind == "M":
        axes.xaxis_date(tz)
    axes.plot(picture.ds, picture.y, color=INK, linewidth=1.1, gid="observed")
    dot = "o" if len(picture.median) < 3 else ""
    axes.plot(picture.ahead, picture.median, color=MEDIAN, linewidth=1.6, marker=dot, markersize=4, gid="median")
    axes.axvline(picture.ds[-1], color=FAINT, linewidth=0.7, linestyle=(0, (2, 2)), gid="cutoff")
    axes.set_title(shortened(picture.title, 90), loc="left", fontsize=12, fontweight="bold")


def _draw_bars(axes: Axes, one: Bars) -> None:
    """A bar for each row, upwards in one colour and downwards in the other."""
    for name, color, some in (("raised", RAISED, one.contribution > 0), ("lowered", LOWERED, one.contribution < 0)):
        axes.vlines(one.ds[some], 0.0, one.contribution[some], color=color, linewidth=_thickness(len(one.ds)), gid=name)
    axes.axhline(0.0, color=FAINT, linewidth=0.6)
    axes.set_title(f"{shortened(one.name, 60)}: {float(one.contribution.sum()):+.4g}", loc="left", fontsize=9)
    axes.margins(x=0.01, y=0.1)


def _draw_lines(axes: Axes, name: str, lines: tuple[Line, ...]) -> None:
    """Shares between 0 and 1 as steps, each named at its end."""
    for place, one in enumerate(lines[:MOST_LINES]):
        axes.plot(one.ds, one.share, drawstyle="steps-post", linewidth=1.2, color=f"C{place}", label=one.name)
    axes.set_ylim(0.0, None if name == "attention" else 1.0)
    axes.set_title(name, loc="left", fontsize=9)
    axes.legend(loc="upper left", fontsize=7, frameon=False, ncols=min(len(lines), MOST_LINES))


def _thickness(rows: int) -> float:
    """Width of a bar in points, so that as many as there are stand beside each other."""
    return float(np.clip(500.0 / max(rows, 1), 0.6, 6.0))
