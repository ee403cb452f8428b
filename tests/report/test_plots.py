"""A plot shows what is known and what is expected, in the same bytes every time."""

from __future__ import annotations

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from datetime import timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import grucast
from grucast.core.errors import UsageError
from grucast.core.results import Forecast
from grucast.report.html import page
from grucast.report.panel import Picture, PlotOptions, shortened, spaced, stamp
from grucast.report.plots import pictures, plot_kind, render

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
DAY = np.timedelta64(1, "D").astype("timedelta64[us]")
DS = np.datetime64("2024-01-01", "us") + np.arange(60) * DAY


def picture(name="load", *, ds=DS, known=50, horizon=10, y=None):
    y = np.sin(np.arange(len(ds))) if y is None else y
    quantiles = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * np.sqrt(np.arange(1, horizon + 1))[:, None]
    return Picture(name, ds[:known], y[:known], ds[known:][:horizon], quantiles, LEVELS)


def groups(svg: bytes) -> list[str]:
    """The names of what was drawn."""
    found = [element.get("id", "") for element in ElementTree.fromstring(svg).iter()]
    return [name for name in found if name.startswith(("interval", "median", "observed", "came-true", "cutoff"))]


def test_a_plot_holds_history_forecast_and_both_intervals():
    content, note = render([picture()], ".svg")
    assert sorted(groups(content)) == ["cutoff", "interval-80", "interval-95", "median", "observed"]
    assert note == ""


def test_rows_after_the_cutoff_are_drawn_as_what_came_true():
    whole = picture()
    later = Picture("load", DS, np.sin(np.arange(60)), whole.ahead, whole.quantiles, LEVELS)
    assert "came-true" in groups(render([later], ".svg")[0])


@pytest.mark.parametrize("kind", [".png", ".svg", ".html"])
def test_the_same_forecast_gives_the_same_bytes(kind):
    assert render([picture()], kind) == render([picture()], kind)


def test_a_png_is_a_png():
    assert render([picture()], ".png")[0].startswith(b"\x89PNG\r\n")


def test_a_page_fetches_nothing_and_runs_nothing():
    html = render([picture()], ".html", PlotOptions("Load"))[0].decode()
    assert html.startswith("<!DOCTYPE html>")
    assert "<title>Load</title>" in html
    assert html.count("<svg") == 1
    for word in ("<script", " src=", "@import", "url(http", "<?xml", "<!DOCTYPE svg"):
        assert word not in html


def test_a_name_with_markup_in_it_is_only_words():
    html = page("<script>alert(1)</script>", "<?xml?><svg></svg>", caption="a & b")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<figcaption>a &amp; b</figcaption>" in html


def test_at_most_twelve_series_are_drawn_and_the_rest_are_counted():
    content, note = render([picture(f"meter {k}") for k in range(15)], ".svg")
    assert groups(content).count("median") == 12
    assert note == "the plot shows the first 12 of 15 series; 3 are left out"


@pytest.mark.parametrize("count", [2, 3, 4, 5, 12])
def test_every_series_up_to_twelve_is_drawn(count):
    content, note = render([picture(f"meter {k}") for k in range(count)], ".svg")
    assert groups(content).count("median") == count
    assert note == ""


def test_a_forecast_of_several_channels_is_a_picture_a_channel():
    quantiles = np.stack([picture().quantiles, picture().quantiles + 5], axis=1)
    forecast = Forecast("town", DS[49], DS[50:], quantiles, LEVELS)
    shown = pictures(DS[:50], np.ones((50, 2)), forecast, channels=("load", "heat"))
    assert [one.name for one in shown] == ["town/load", "town/heat"]
    np.testing.assert_array_equal(shown[1].at(0.5), np.full(10, 5.0))


def test_a_single_channel_has_the_name_of_its_series_or_of_its_column():
    for unique_id, name in (("meter 7", "meter 7"), ("", "load")):
        forecast = Forecast(unique_id, DS[49], DS[50:], picture().quantiles[:, None], LEVELS)
        assert [one.name for one in pictures(DS[:50], np.ones((50, 1)), forecast, channels=("load",))] == [name]


@pytest.mark.parametrize("y", [
    np.full(60, np.nan), np.where(np.arange(60) % 2, np.nan, 1.0), np.full(60, 42.0), np.arange(60) * 1e306,
    np.arange(60) * 1e-300,
], ids=["nothing observed", "every other row missing", "constant", "huge", "tiny"])
def test_awkward_histories_are_drawn_without_a_warning(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert groups(render([picture(y=y)], ".svg")[0])


def test_a_series_without_history_is_still_drawn():
    assert "median" in groups(render([picture(known=0)], ".svg")[0])


@pytest.mark.parametrize("first", ["0001-01-01", "9999-11-02"])
def test_the_first_and_the_last_days_of_the_calendar_are_drawn(first):
    """Sixty days of the first year, or the last sixty there are: a year 1 is how the months of three years are told."""
    assert "median" in groups(render([picture(ds=np.datetime64(first, "us") + np.arange(60) * DAY)], ".svg")[0])


def test_one_step_on_a_numbered_axis_is_drawn():
    assert "median" in groups(render([picture(ds=np.arange(60.0), horizon=1)], ".svg")[0])


@pytest.mark.parametrize("name", ["$x_1$", "$", "温度", "a\tb\nc", "x" * 500, "\\frac{1}{2}", "&<>\"'"])
def test_any_name_can_be_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shown in ([picture(name)], [picture(name), picture(name)]):
            drawing = ElementTree.fromstring(render(shown, ".svg", PlotOptions(name))[0])
            assert drawing.tag.endswith("svg")


def test_instants_are_shown_on_the_clock_of_their_zone():
    now = np.datetime64("2024-07-01T22:30:00", "us")
    assert stamp(now) == "2024-07-01 22:30"
    assert stamp(now, ZoneInfo("Europe/Berlin")) == "2024-07-02 00:30"
    assert stamp(now, timezone(timedelta(hours=-3))) == "2024-07-01 19:30"
    assert stamp(np.datetime64("2024-07-01T22:30:05", "us")) == "2024-07-01 22:30:05"
    plain, moved = (render([picture()], ".svg", PlotOptions(tz=zone)) for zone in (None, ZoneInfo("Asia/Tokyo")))
    assert plain != moved


def test_labels_that_would_touch_are_moved_apart():
    assert spaced([0.1, 0.5], 0.1) == [0.1, 0.5]
    moved = spaced([0.5, 0.5, 0.5], 0.1)
    assert moved == pytest.approx([0.4, 0.5, 0.6])


def test_a_long_name_is_cut():
    assert shortened("a  very\nlong name", 8) == "a very …"
    assert shortened("short", 8) == "short"


@pytest.mark.parametrize("path", ["plot.pdf", "plot", "plot.png.txt"])
def test_another_ending_is_a_usage_error_that_lists_the_endings(path):
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.html"):
        plot_kind(Path(path))


def test_endings_may_be_written_large():
    assert plot_kind(Path("a.PNG")) == ".png"


def test_without_matplotlib_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"pip install 'grucast\[plot\]'"):
        render([picture()], ".png")


def test_nothing_to_plot_is_a_usage_error():
    with pytest.raises(UsageError, match="nothing to plot"):
        render([], ".svg")


DRAW = """
import sys, numpy as np
from grucast.report.panel import Picture
from grucast.report.plots import render
shown = Picture("a", np.arange(9.0), np.arange(9.0), np.arange(9.0, 12.0), np.zeros((3, 1)), (0.5,))
sys.stdout.buffer.write(render([shown], ".svg")[0])
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, with `folder` as its home and its working directory."""
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(grucast.__file__).parents[1])}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=folder, env=environment)


def test_the_settings_of_the_users_matplotlib_do_not_enter(tmp_path):
    plain, styled = tmp_path / "plain", tmp_path / "styled"
    for folder in (plain, styled):
        folder.mkdir()
    (styled / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: none\n")
    assert run(DRAW, plain).stdout == run(DRAW, styled).stdout


def test_drawing_leaves_nothing_in_a_home_without_a_cache_and_says_nothing(tmp_path):
    assert run(DRAW, tmp_path).stderr == b""
    assert list(tmp_path.iterdir()) == []


def test_importing_the_room_does_not_import_matplotlib(tmp_path):
    done = run("import sys, grucast.report.plots, grucast.report.tables; print('matplotlib' in sys.modules)", tmp_path)
    assert done.stdout == b"False\n"
