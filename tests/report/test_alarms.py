"""Pictures of alarms: what is drawn, what is thinned, what is left out."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.core.errors import UsageError
from grucast.report.alarms import MOST_PANELS, AlarmPicture, Channel, fitting, risen, thinned
from grucast.report.plots import render_alarms


def picture(rows=50, *, channels=2, name="m1", events=1, first="2024-01-01"):
    """A series of `rows` hours that wave, the highest score in the middle."""
    ds = np.datetime64(first, "us") + np.arange(rows) * np.timedelta64(1, "h")
    y = np.sin(np.arange(rows) / 3.0)
    told = np.stack([y - 1, y, y + 1], axis=1)
    score = np.where(np.arange(rows) == rows // 2, 9.0, 1.0)
    spans = tuple((ds[rows // 2], ds[rows // 2]) for _ in range(events))
    return AlarmPicture(name, ds, tuple(Channel(f"c{at}", y + at, told + at) for at in range(channels)), score,
                        np.full(rows, 5.0), spans)


def drawn(*shown, series=None):
    """The picture as SVG, and the note."""
    content, note = render_alarms(shown, len(shown) if series is None else series, ".svg", None)
    return content.decode(), note


def test_each_channel_has_a_panel_and_the_scores_have_one():
    text, note = drawn(picture(channels=3))
    assert note == ""
    assert len(re.findall('id="observed"', text)) == 3
    assert len(re.findall('id="expected"', text)) == 3
    assert len(re.findall('id="score"', text)) == 1
    assert len(re.findall('id="threshold"', text)) == 1
    assert len(re.findall('id="event"', text)) == 4


def test_an_alarm_of_one_row_rises_from_the_threshold_and_falls_back():
    score, nan = np.array([1.0, 2.0, 9.0, np.nan, 6.0, 5.0]), np.nan
    np.testing.assert_array_equal(risen(score, np.full(6, 5.0)), [nan, 5.0, 9.0, 5.0, 6.0, 5.0])
    np.testing.assert_array_equal(risen(score, np.full(6, nan)), np.full(6, nan))


def test_without_an_event_nothing_is_shaded():
    text, _ = drawn(picture(events=0))
    assert 'id="event"' not in text


def test_the_same_picture_gives_the_same_bytes_of_every_kind():
    for kind in (".png", ".svg", ".html"):
        first, second = (render_alarms([picture()], 1, kind, None)[0] for _ in range(2))
        assert first == second
    assert render_alarms([picture()], 1, ".png", None)[0][:4] == b"\x89PNG"


def test_more_series_than_fit_are_counted():
    text, note = drawn(*[picture(name=f"m{at}") for at in range(6)], series=9)
    assert note == "the plot shows 4 of 9 series, those with events first"
    assert len(re.findall('id="score"', text)) == 4


@given(st.lists(st.integers(1, 20), min_size=1, max_size=9))
def test_as_many_as_fit_are_drawn_and_always_one(channels):
    shown = [picture(5, channels=count) for count in channels]
    kept = fitting(shown)
    panels = [count + 1 for count in channels]
    assert len(kept) >= 1
    assert len(kept) == 1 or sum(panels[: len(kept)]) <= MOST_PANELS
    assert len(kept) == len(shown) or sum(panels[: len(kept) + 1]) > MOST_PANELS


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_can_be_drawn(rows):
    assert drawn(picture(rows))[0].startswith("<?xml")


def test_rows_without_values_scores_or_forecasts_can_be_drawn():
    one = picture(20, channels=1)
    nothing = np.full(20, np.nan)
    text, _ = drawn(AlarmPicture("", one.ds, (Channel("load", nothing, np.full((20, 3), np.nan)),), nothing,
                                 np.full(20, np.inf), ()))
    assert 'id="expected"' not in text


def test_a_long_series_keeps_its_extremes_when_it_is_thinned():
    one = picture(1000, channels=1)
    one.channels[0].y[[123, 789]] = [77.0, -66.0]
    small = thinned(one, 30)
    assert len(small.ds) == len(small.score) == len(small.channels[0].y) == 60
    assert (small.channels[0].y.max(), small.channels[0].y.min()) == (77.0, -66.0)
    assert small.score.max() == 9.0
    assert (small.ds[0], small.ds[-1]) == (one.ds[0], one.ds[-1])
    assert (np.diff(small.ds) >= np.timedelta64(0)).all()


def test_a_short_series_is_not_thinned():
    one = picture(60)
    assert thinned(one, 30) is one


def test_missing_values_do_not_hide_the_others_when_thinned():
    one = picture(400, channels=1)
    one.channels[0].y[::2] = np.nan
    assert np.isfinite(thinned(one, 50).channels[0].y).all()


def test_nothing_to_plot_is_said():
    with pytest.raises(UsageError, match="nothing to plot"):
        render_alarms([], 0, ".png", None)
