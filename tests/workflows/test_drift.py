"""A model refuses rows of another frequency or unit, and is not misled by few rows, gaps, holidays and zeros."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.core.errors import ModelError
from grucast.core.results import Artifact, DataFacts, Manifest
from grucast.core.series import STAMP, Clock, Columns, Layout, Panel, Series
from grucast.preprocessing.scaling import fit_scale
from grucast.workflows.drift import check_frequency, check_level
from tests.making import hourly_panel, series_of


def panel(ds, clock: Clock) -> Panel:
    rows = len(ds)
    none = np.zeros((rows, 0))
    series = Series("", np.asarray(ds), np.zeros((rows, 1)), np.ones((rows, 1), dtype=bool), none, none, np.zeros(0),
                    np.arange(rows))
    return Panel((series,), Layout(columns=Columns(target=("y",)), clock=clock))


def stamps(rows: int, freq: str):
    return pd.date_range("2024-01-01", periods=rows, freq=freq).to_numpy().astype(STAMP)


@pytest.mark.parametrize(("rows", "freq", "model"), [
    (5, "B", "B"),  # Monday to Friday: they might be days
    (30, "B", "D"),  # weekends are gaps now
    (3, "MS", "BMS"),  # each first of a month is a business day
    (12, "BMS", "BMS"), (9, "W-SUN", "W-SUN"), (50, "h", "60min"), (50, "D", "24h"), (1, "h", "D"), (2, "h", "h"),
])
def test_rows_that_can_be_of_the_frequency_of_the_model_are_taken(rows, freq, model):
    check_frequency(panel(stamps(rows, freq), Clock(freq=model)), "f.csv")


@pytest.mark.parametrize(("rows", "freq", "model"), [
    (9, "W-MON", "W-SUN"), (5, "MS", "ME"), (12, "QS", "MS"), (12, "MS", "QS"), (12, "D", "W-SUN"), (50, "h", "24h"),
    (50, "30min", "h"), (50, "2h", "h"), (20, "D", "h"),
])
def test_rows_of_another_frequency_are_refused_by_name(rows, freq, model):
    with pytest.raises(ModelError, match=f"f.csv: the rows come every '{freq}', the model was trained on '{model}'"):
        check_frequency(panel(stamps(rows, freq), Clock(freq=model)), "f.csv")


@pytest.mark.parametrize(("step", "clock", "same"), [
    (0.01, Clock(kind="elapsed", step=0.01), True), (0.02, Clock(kind="elapsed", step=0.01), False),
    (0.008, Clock(kind="elapsed", step=0.008, freq="8ms"), True),
    (0.004, Clock(kind="elapsed", step=0.008, freq="8ms"), False),
    (1.0, Clock(kind="index"), True), (5.0, Clock(kind="index"), False), (1.0, Clock(kind="row"), True),
])
def test_the_step_of_a_numeric_axis_is_that_of_the_model(step, clock, same):
    given = panel(np.arange(50) * step, clock)
    if same:
        check_frequency(given, "f.csv")
    else:
        with pytest.raises(ModelError, match="the rows come every"):
            check_frequency(given, "f.csv")


@pytest.mark.parametrize(("freq", "every", "said"), [
    ("B", 2, "every 2 steps of 'B'"), ("W-SUN", 3, "every 3 steps of 'W-SUN'"), ("h", 2, "every 2 steps of 'h'"),
])
def test_rows_left_out_regularly_are_another_frequency_though_a_few_are_out_of_step(freq, every, said):
    ds = np.delete(stamps(400, freq), [77, 190, 301])[::every]
    with pytest.raises(ModelError, match=f"f.csv: the rows come {said}, the model was trained on '{freq}'"):
        check_frequency(panel(ds, Clock(freq=freq)), "f.csv")


def test_two_rows_with_a_gap_between_them_are_of_the_frequency_of_the_model():
    check_frequency(panel(stamps(9, "h")[[0, 3, 5, 8]], Clock(freq="h")), "f.csv")


def test_rows_of_which_most_are_missing_at_random_are_left_to_the_gridding():
    kept = np.sort(np.random.default_rng(3).choice(600, 200, replace=False))
    check_frequency(panel(stamps(600, "h")[kept], Clock(freq="h")), "f.csv")


def test_a_gap_and_a_stray_stamp_are_left_to_the_gridding():
    ds = stamps(60, "h")
    ds = np.delete(ds, np.arange(20, 45))
    ds[10] += np.timedelta64(7, "m")
    check_frequency(panel(ds, Clock(freq="h")), "f.csv")


# ---- level ---------------------------------------------------------------------------------------


def model_of(y, *, context=5) -> Artifact:
    """What a model of an hourly series (T, C) knows of its level."""
    seen = [y[np.isfinite(y[:, channel]), channel] for channel in range(y.shape[1])]
    tensors = {"series.ids": np.frombuffer(b"load", dtype=np.uint8),
               "drift.level": np.array([[np.median(np.abs(one)) for one in seen]]),
               "scale.series": fit_scale(y, np.isfinite(y))[None], "drift.head": np.nan_to_num(y[:7])}
    manifest = Manifest({}, Layout(), DataFacts("", "", len(y), 1, "", ""), WindowSpec(context, 3, 1), ModelConfig(),
                        TrainingConfig(), {}, 0, {})
    return Artifact(manifest, tensors)


def later(y) -> Panel:
    return hourly_panel(series_of(y, unique_id="load"))


def wave(rows: int, *, level: float = 50.0) -> np.ndarray:
    hours = np.arange(rows)[:, None]
    return level + np.concatenate([np.sin(hours), 3 * np.cos(hours)], axis=1)


@pytest.mark.parametrize("factor", [1000.0, 1e6, 1e-3, 1e-6])
def test_another_unit_is_refused_by_column_and_size(factor):
    trained, now = wave(90), wave(80)
    now[:, 1] *= factor
    with pytest.raises(ModelError, match=r"f\.csv: column 'b' is about .*, the model was trained on values about 50"):
        check_level(later(now), model_of(trained), "f.csv")


@pytest.mark.parametrize("factor", [1.0, 30.0, 1 / 30.0, -1.0])
def test_a_level_that_can_be_reached_is_taken(factor):
    check_level(later(wave(80) * factor), model_of(wave(90)), "f.csv")


def test_only_the_last_ten_contexts_are_looked_at():
    now = wave(80)
    now[:54] *= 1e4  # of the last 10 x 5 rows 24 are far off, fewer than half
    check_level(later(now), model_of(wave(90)), "f.csv")
    now[54:57] *= 1e4
    with pytest.raises(ModelError, match="another unit"):
        check_level(later(now), model_of(wave(90)), "f.csv")


def test_a_file_that_begins_with_the_rows_trained_on_is_never_refused():
    trained = wave(90)
    check_level(later(np.concatenate([trained[:20], trained * 1e6])), model_of(trained), "f.csv")


def test_what_never_moved_when_it_was_trained_on_may_be_anything():
    check_level(later(wave(80) * 1e6), model_of(np.full((90, 2), 4.0)), "f.csv")


def test_zeros_are_no_unit():
    """A panel in the dark, a product that is not sold: 3 of 36 real files would have been refused for them."""
    now = wave(80)
    now[:, 0] = 0.0
    check_level(later(now), model_of(wave(90)), "f.csv")


def test_a_series_that_was_not_trained_on_has_no_level_to_keep():
    check_level(hourly_panel(series_of(wave(80) * 1e6, unique_id="new")), model_of(wave(90)), "f.csv")


@pytest.mark.parametrize(("factor", "refused"), [(1000.0, True), (1e-3, True), (1.0, False), (20.0, False)])
def test_of_a_series_that_is_mostly_zero_the_spread_tells_its_unit(factor, refused):
    sold = np.zeros((90, 1))
    sold[::9, 0] = [4.0, 2.0, 3.0, 5.0, 1.0, 2.0, 4.0, 3.0, 2.0, 6.0]
    now = later(sold[:80] * factor)
    if not refused:
        check_level(now, model_of(sold), "f.csv")
        return
    with pytest.raises(ModelError, match="another unit"):
        check_level(now, model_of(sold), "f.csv")
