"""A model refuses rows of another frequency, and is not misled by few rows, gaps and holidays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from grucast.core.errors import ModelError
from grucast.core.series import STAMP, Clock, Columns, Layout, Panel, Series
from grucast.workflows.drift import check_frequency


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


def test_a_gap_and_a_stray_stamp_are_left_to_the_gridding():
    ds = stamps(60, "h")
    ds = np.delete(ds, np.arange(20, 45))
    ds[10] += np.timedelta64(7, "m")
    check_frequency(panel(ds, Clock(freq="h")), "f.csv")
