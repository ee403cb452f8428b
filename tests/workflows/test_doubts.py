"""A model that errs far more on new rows than when it was trained says so, and one that does not says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.predicting.doubts import FAR_ERROR, doubt
from grucast.workflows.serving import read_gridded, unpacked
from tests.command import hourly, write_lines


def notes(folder, lines):
    write_lines(folder / "now.csv", lines)
    request = ForecastRequest(str(folder / "now.csv"), folder / "load.grucast", ReadOptions())
    return [note for note in forecast(request).notes if "low confidence" in note]


def noisy(rows, begin, factor):
    """Loads whose distance from 100 is `factor` times as large from row `begin` on."""
    lines = hourly(rows)
    for row in range(begin, rows):
        stamp, _, value = lines[row].partition(",")
        lines[row] = f"{stamp},{100 + factor * (float(value) - 100)!r}"
    return lines


def test_new_rows_like_the_old_ones_are_no_cause_for_doubt(tiny):
    assert notes(tiny, hourly(500)) == []


def test_new_rows_that_are_missed_by_far_are(tiny):
    (note,) = notes(tiny, noisy(500, 400, -9.0))
    assert note.startswith("low confidence: the newest 96 rows were forecast with ")
    assert note.endswith("; train it anew")


@pytest.mark.parametrize("rows", [400, 423])
def test_of_fewer_new_rows_than_a_horizon_nothing_is_known(tiny, rows):
    assert notes(tiny, noisy(rows, 380, -9.0)) == []


def test_the_error_is_that_of_forecasts_made_before_the_rows_they_are_about(tiny):
    """One new horizon: its error is that of the forecast from the last row trained on."""
    write_lines(tiny / "now.csv", noisy(424, 400, -9.0))
    said = forecast(ForecastRequest(str(tiny / "load.csv"), tiny / "load.grucast", ReadOptions()))
    artifact = load(tiny / "load.grucast")
    model = unpacked(artifact, tiny / "load.grucast")
    _, panel, _ = read_gridded(str(tiny / "now.csv"), ReadOptions(), artifact.manifest.layout)
    error = np.abs(panel.series[0].y[400:, 0] - [row[2] for row in said.rows]).mean()
    known = artifact.manifest.accuracy["holdout"]["mae"]
    assert error > FAR_ERROR * known
    (note,) = doubt(panel, model, artifact.manifest)
    assert f"({error:.4g}, not {known:.4g})" in note
    assert "the newest 24 rows" in note
