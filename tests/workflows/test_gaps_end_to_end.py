"""A gap in normal rows: forecasts after it are nearly as good as without it, and it raises no alarm by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions
from grucast.forecasting.predict import quantiles_at
from grucast.preprocessing.sources import Setting, make_source
from grucast.preprocessing.windows import flatten
from grucast.workflows.detect import DetectRequest, detect
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.serving import first_row, read_gridded, unpacked
from tests.command import hourly, write_lines

ROWS, CUTS = 1700, range(1250, 1650, 10)


def without(lines, gap, places):
    """The lines without `gap` rows at each of `places`."""
    left_out = {row for place in places for row in range(place, place + gap)}
    return [line for row, line in enumerate(lines) if row not in left_out]


@pytest.fixture(scope="module")
def served(watcher, tmp_path_factory):
    """The watcher's model, and the panel of 1,700 rows on its grid, of which 1,200 were learned from."""
    file = write_lines(tmp_path_factory.mktemp("gaps") / "all.csv", hourly(ROWS))
    artifact = load(watcher / "load.grucast")
    _, panel, _ = read_gridded(str(file), ReadOptions(), artifact.manifest.layout)
    return artifact, unpacked(artifact, watcher / "load.grucast"), panel


def error_after(served, gap, *, bridged=True):
    """The mean absolute error of forecasts that begin two rows after a gap."""
    artifact, (forecaster, scales), panel = served
    if not bridged:
        forecaster = replace(forecaster, window=replace(forecaster.window, fill=()))
    (one,), horizon = panel.series, forecaster.window.horizon
    setting = Setting(panel.layout.clock, first_row(artifact.manifest), horizon, forecaster.model.calendar)
    missed = []
    for cut in CUTS:
        observed, y = one.observed.copy(), one.y.copy()
        observed[cut - 2 - gap : cut - 2], y[cut - 2 - gap : cut - 2] = False, np.nan
        source = make_source(replace(one, observed=observed, y=y), scales, setting, stop=cut)
        found = quantiles_at(forecaster, flatten([source]), (np.zeros(1, dtype=np.int64), np.array([cut])))
        missed.append(np.abs(found[0, :, found.shape[2] // 2] - one.y[cut : cut + horizon, 0]).mean())
    return float(np.mean(missed))


@pytest.mark.parametrize(("gap", "most"), [(3, 1.1), (12, 1.25), (30, 1.8)])  # of 48 rows to look back on
def test_a_gap_costs_little_where_the_network_learned_from_rows_without_one(served, gap, most):
    usual = error_after(served, 0)
    assert error_after(served, gap) < most * usual
    if gap > 3:
        assert error_after(served, gap, bridged=False) > 1.5 * usual  # the network is given an empty hole


@pytest.mark.parametrize("gap", [3, 12, 30, 46, 100])
def test_a_gap_raises_no_alarm(watcher, tmp_path, gap):
    source = write_lines(tmp_path / "new.csv", without(hourly(ROWS), gap, (1250, 1450)))
    whole = write_lines(tmp_path / "whole.csv", hourly(ROWS))
    found = [detect(DetectRequest(str(one), watcher / "load.grucast", ReadOptions())).events
             for one in (source, whole)]
    severe = [max((event["severity"] for event in one), default=0.0) for one in found]
    assert severe[0] < max(severe[1], 1.0) * 1.25


@pytest.mark.parametrize(("after", "doubted"), [(1, True), (20, True), (30, False)])
def test_a_forecast_with_next_to_nothing_to_look_back_on_says_so(watcher, tmp_path, after, doubted):
    lines = hourly(1300 + after)
    source = write_lines(tmp_path / "new.csv", without(lines, 80, (1220,)))
    said = forecast(ForecastRequest(str(source), watcher / "load.grucast", ReadOptions()))
    notes = [note for note in said.notes if "a gap left" in note]
    wanted = f"low confidence: a gap left {after} of the 48 rows to look back on; rows that come will mend it"
    assert notes == [wanted] * doubted
    assert said.flags == ("low_confidence",) * doubted
    assert not any("train it anew" in note for note in said.notes)
