"""Two commands that measure the same forecasts by different ways find the same figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.evaluation.folds import parse_splits
from grucast.training import fit as fitting
from grucast.workflows.backtest import backtest
from grucast.workflows.backtesting.folds import Rolling
from grucast.workflows.backtesting.trial import BacktestRequest
from grucast.workflows.evaluate_forecasts import ForecastsRequest, document, evaluate_forecasts
from tests.workflows.forecast_making import write

SEASON, HORIZON = 12, 5
SHARED = ("mae", "rmse", "mse", "smape", "mase", "msis", "coverage")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What `backtest` says of two columns with gaps, and what `evaluate forecasts` says of the file that it wrote."""
    patch = pytest.MonkeyPatch()
    patch.setattr(fitting, "STEPS_MIN", 3)
    patch.setattr(fitting, "STEPS_MAX", 3)
    patch.chdir(tmp_path_factory.mktemp("both"))
    rng = np.random.default_rng(4)
    wave = np.sin(np.arange(220) * 2 * np.pi / SEASON)
    y = np.stack([10 + 3 * wave, 500 - 90 * wave], axis=1) + rng.normal(size=(220, 2)) * [0.4, 12.0]
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(220) * np.timedelta64(1, "h")
    rows = [(stamp, "" if at % 31 == 3 else one, two) for at, (stamp, (one, two)) in
            enumerate(zip(stamps, y.tolist(), strict=True)) if at not in (57, 171)]  # empty cells, and rows not there
    write("data.csv", "ds,a,b", *rows)
    options = TrainOptions(WindowOptions(horizon=HORIZON, context_length=24, season=(SEASON,)),
                           NetworkOptions(hidden=4), FitOptions(epochs=1, batch_size=32, patience=1, threads=1))
    asked = BacktestRequest(("data.csv",), ReadOptions(), options, Rolling(parse_splits("120:40:47"), None, "never"),
                            forecasts=Path("forecasts.csv"))
    report = backtest(asked).report
    found = document(evaluate_forecasts(ForecastsRequest("forecasts.csv", ("data.csv",), season=SEASON)))
    patch.undo()
    return report, found


def test_they_agree_on_all_values_together(both):
    report, found = both
    for name in SHARED:
        assert found[name] == pytest.approx(report["metrics"]["grucast"][name], rel=1e-9), name


@pytest.mark.parametrize(("part", "key"), [("by_series", "unique_id"), ("by_step", "step")])
def test_they_agree_on_every_series_and_every_step(both, part, key):
    report, found = both
    assert [one[key] for one in found[part]] == [one[key] for one in report[part]]
    for ours, theirs in zip(found[part], report[part], strict=True):
        for name in SHARED:
            assert ours[name] == pytest.approx(theirs["grucast"][name], rel=1e-9), (ours[key], name)
