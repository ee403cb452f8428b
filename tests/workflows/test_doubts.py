"""A model that errs far more on new rows than when it was trained says so, and one that does not says nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from grucast.artifacts.store import load, save
from grucast.core.config import ReadOptions, StateOptions
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.monitoring.duty import Duty
from grucast.workflows.predicting.doubts import FAR_ERROR, doubt, doubt_issued
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


# ---- by the ledger -------------------------------------------------------------------------------


def issued(folder, lines, **more):
    """A forecast with a ledger."""
    write_lines(folder / "now.csv", lines)
    duty = Duty(StateOptions(folder / "jobs.state"), clock=lambda: 1_706_000_000.0 + len(lines))
    return forecast(ForecastRequest(str(folder / "now.csv"), folder / "load.grucast", ReadOptions(), duty=duty, **more))


def test_forecasts_that_were_given_out_and_came_out_far_worse_are_a_doubt(tiny):
    said = issued(tiny, noisy(400, 400, 1.0))
    assert said.flags == ()
    later = noisy(424, 400, -9.0)
    truth = np.array([float(line.partition(",")[2]) for line in later[400:]])
    error = np.abs(truth - [row[2] for row in said.rows]).mean()
    after = issued(tiny, later)
    assert after.flags == ("low_confidence",)
    (note,) = [one for one in after.notes if "low confidence" in one]
    assert note.startswith("low confidence: the newest 24 values that came were missed by ")
    assert f"({error:.4g}, not " in note


def test_forecasts_that_came_true_are_none(tiny):
    issued(tiny, hourly(400))
    after = issued(tiny, hourly(424))
    assert after.flags == ()
    assert not [one for one in after.notes if "low confidence" in one]


def test_what_another_model_forecast_is_not_held_against_this_one(tiny):
    issued(tiny, hourly(400))
    artifact = load(tiny / "load.grucast")
    parent = replace(artifact.manifest, parent="0" * 64)  # the same weights under another digest
    save(replace(artifact, manifest=parent), tiny / "load.grucast")
    (note,) = [one for one in issued(tiny, noisy(424, 400, -9.0)).notes if "low confidence" in one]
    assert "the newest 24 rows" in note  # what it would have forecast tells


DAY = 24.0  # rows of the horizon of `tiny`, on an axis of hours


@pytest.mark.parametrize(("found", "doubted"), [
    ([], False),
    ([(100.0, 100.0 + DAY, 24, 24 * 1.9)], False),
    ([(100.0, 100.0 + DAY, 24, 24 * 2.1)], True),
    ([(100.0, 100.0 + DAY, 23, 23 * 9.0)], False),  # not yet the truths of one horizon
    ([(100.0, 100.0 + DAY, 4, 4 * 9.0), (80.0, 80.0 + DAY, 24, 24 * 1.0)], True),  # 60 / 28
    ([(100.0, 100.0 + DAY, 4, 4 * 7.0), (80.0, 80.0 + DAY, 24, 24 * 1.0)], False),  # 52 / 28
    ([(100.0, 100.0 + DAY, 24, 24 * 3.0), (4.0, 4.0 + DAY, 24, 0.0)], True),  # the older one began too long ago
    ([(100.0, 100.0 + DAY, 24, 24 * 3.0), (5.0, 5.0 + DAY, 24, 0.0)], False),
    ([(100.0, 100.0 + DAY, 24, math.nan)], False),
])
def test_the_forecasts_of_the_last_four_horizons_are_judged_together(tiny, found, doubted):
    manifest = load(tiny / "load.grucast").manifest
    known = manifest.accuracy["holdout"]["mae"]
    in_units = [(*one[:3], one[3] * known) for one in found]
    assert bool(doubt_issued(in_units, manifest)) == doubted
