"""Forecasts and alarms as pictures: what was observed, what is expected, and how sure that is.

matplotlib (the extra `plot`) is imported in one place, `_matplotlib`, when something is drawn. The
settings of the user's matplotlib do not enter, and no date does: the same forecast gives the same bytes.
"""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grucast.core.arrays import Array, Stamps
from grucast.core.errors import UsageError
from grucast.core.results import Forecast
from grucast.report.alarms import AlarmPicture, draw_alarms, fitting
from grucast.report.attribution import AttributionPicture, draw_attribution
from grucast.report.html import page
from grucast.report.panel import FAINT, GRID, INK, Picture, PlotOptions, draw_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".html")
MOST = 12  # small multiples; more cannot be read
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "grucast", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9.0,
    "text.color": INK, "axes.edgecolor": GRID, "axes.labelcolor": FAINT, "axes.grid": True, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "grid.color": GRID, "grid.linewidth": 0.6, "xtick.color": FAINT, "ytick.color": FAINT,
    "xtick.major.size": 3.0, "ytick.major.size": 0.0, "xtick.labelsize": 8.0, "ytick.labelsize": 8.0,
    "lines.solid_capstyle": "round", "lines.solid_joinstyle": "round", "axes.formatter.useoffset": False,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "date.autoformatter.month": "%b %Y", "date.autoformatter.day": "%-d %b", "date.autoformatter.hour": "%-d %b %H:%M",
    "date.autoformatter.minute": "%H:%M", "date.autoformatter.second": "%H:%M:%S",
}


def pictures(ds: Stamps, y: Array, forecast: Forecast, *, channels: Sequence[str] = ()) -> list[Picture]:
    """A picture for each channel of a forecast from the history `ds` (T,), `y` (T, C)."""
    series = forecast.unique_id
    told = y.shape[1] > 1 or not series  # a channel that stands for its series needs no name
    names = [channels[place] if told and channels else "" for place in range(y.shape[1])]
    return [
        Picture("/".join(filter(None, (series, name))), ds, y[:, place], forecast.ds, forecast.quantiles[:, place],
                forecast.quantile_levels)
        for place, name in enumerate(names)
    ]


def plot_kind(path: Path) -> str:
    """The ending of `path` where it is one that can be drawn, else a UsageError: ask before any work is done."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UsageError(f"{path}: a plot ends in {', '.join(KINDS)}")
    return kind


def render(shown: Sequence[Picture], kind: str, options: PlotOptions | None = None) -> tuple[bytes, str]:
    """The bytes of a plot of `kind` (from `plot_kind`), and a note on what was left out ("" mostly).

    At most 12 pictures are drawn, as small multiples; .html is one self-contained page around the .svg.
    Raises UsageError where matplotlib is not installed.
    """
    if not shown:
        raise UsageError("there is nothing to plot")
    options = options or PlotOptions()
    left_out = len(shown) - MOST
    note = f"the plot shows the first {MOST} of {len(shown)} series; {left_out} are left out" if left_out > 0 else ""
    title = options.title or shown[0].name
    return _saved(lambda new_figure: _draw(new_figure, shown[:MOST], options, note), kind, title, note), note


def render_alarms(shown: Sequence[AlarmPicture], series: int, kind: str, tz: tzinfo | None) -> tuple[bytes, str]:
    """As `render`, for scores and events of the first of `shown` that fit; there are `series` in all."""
    if not shown:
        raise UsageError("there is nothing to plot")
    fit = fitting(shown)
    left_out = series - len(fit)
    note = f"the plot shows {len(fit)} of {series} series, those with events first" if left_out > 0 else ""
    title = shown[0].name or shown[0].channels[0].name
    return _saved(lambda new_figure: draw_alarms(new_figure, fit, tz, note), kind, title, note), note


def render_attribution(picture: AttributionPicture, kind: str, tz: tzinfo | None) -> bytes:
    """The bytes of a plot of `kind` (from `plot_kind`) of what made a forecast."""
    return _saved(lambda new_figure: draw_attribution(new_figure, picture, tz), kind, picture.title, "")


def _saved(draw: Callable[[type[Figure]], Figure], kind: str, title: str, note: str) -> bytes:
    """The bytes of the figure that `draw` makes; the same figure gives the same bytes."""
    with _matplotlib() as new_figure, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font has not is a box
        figure = draw(new_figure)
        buffer = io.BytesIO()
        if kind == ".png":
            figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        else:
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "grucast"})
    content = buffer.getvalue()
    return page(title, content.decode(), caption=note).encode() if kind == ".html" else content


@contextmanager
def _matplotlib() -> Iterator[type[Figure]]:
    """The class of figures, inside our own style; the one door to matplotlib.

    matplotlib would leave a cache in the home directory; where there is none yet, it is kept from doing so.
    """
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - fails without HOME
    before = os.environ.get("MPLCONFIGDIR")
    with tempfile.TemporaryDirectory() as scratch:
        if before is None and not (Path(home) / "matplotlib").is_dir():
            os.environ["MPLCONFIGDIR"] = scratch
        try:
            import matplotlib
            import matplotlib.font_manager  # reads or builds the cache
            from matplotlib.figure import Figure
        except ImportError as error:
            raise UsageError("plots need matplotlib: pip install 'grucast[plot]'") from error
        finally:
            if before is None:
                os.environ.pop("MPLCONFIGDIR", None)
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            yield Figure


def _draw(new_figure: type[Figure], shown: Sequence[Picture], options: PlotOptions, note: str) -> Figure:
    columns = min(len(shown), 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 3)
    rows = -(-len(shown) // columns)
    size = (9.0, 4.2) if len(shown) == 1 else (4.4 * columns + 0.6, 2.6 * rows + 0.5)
    figure = new_figure(figsize=size, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1, hspace=0.04, wspace=0.02)
    grid = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place < len(shown):
            heading = shown[place].name if len(shown) > 1 else options.title or shown[place].name
            draw_panel(axes, shown[place], options, heading=heading, small=len(shown) > 1)
        else:
            axes.set_axis_off()
    if len(shown) > 1 and options.title:
        figure.suptitle(options.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=8, color=FAINT)
    return figure
