"""Every window is there once, and what a fold is given ends before the first row that it forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grucast.core.config import TrainOptions, WindowOptions
from grucast.core.errors import DataError, UsageError
from grucast.core.series import Columns
from grucast.evaluation.folds import parse_splits
from grucast.preprocessing.splits import split_by_time
from grucast.workflows.backtesting.folds import Rolling, known_only, plan_folds
from tests.making import hourly_panel, series_of


def wave(rows, seed=0):
    return 10 + 3 * np.sin(np.arange(rows) * np.pi / 12) + np.random.default_rng(seed).normal(0, 0.3, rows)


def options(horizon=5, season=(24,), context=None):
    return TrainOptions(WindowOptions(horizon=horizon, season=season, context_length=context))


def plan(*rows, horizon=5, season=(24,), **rolling):
    members = [series_of(wave(count, count), unique_id=str(number)) for number, count in enumerate(rows)]
    if "splits" in rolling:
        rolling["splits"] = parse_splits(rolling["splits"])
    return plan_folds(hourly_panel(*members), Rolling(**rolling), options(horizon, season))


# ---- every window --------------------------------------------------------------------------------


@pytest.mark.parametrize(("horizon", "windows"), [(96, 2785), (192, 2689), (336, 2545), (720, 2161)])
def test_the_long_horizon_protocol_has_every_window(horizon, windows):
    found = plan(17_420, horizon=horizon, splits="8640:2880:2880")
    assert found.windows == windows
    (fold,) = found.folds
    assert (fold.origin[0][0], fold.origin[0][-1] + horizon) == (11_520, 14_400)


def test_rows_after_the_three_parts_are_not_there():
    assert len(plan(300, splits="100:50:40").panel.series[0]) == 190


def test_a_step_leaves_origins_out_and_begins_with_the_first():
    (fold,) = plan(300, splits="100:50:40", step=7).folds
    assert fold.origin[0].tolist() == [150, 157, 164, 171, 178, 185]


def test_without_splits_the_test_part_is_what_train_reports_on():
    (fold,) = plan(300).folds
    split = split_by_time(300, 5, 1)
    assert fold.origin[0].tolist() == list(range(split.calibration, 296))
    assert fold.splits[0].fit_rows == split.fit_rows
    assert fold.splits[0].validation_rows == split.validation_rows
    assert fold.splits[0].calibration_rows == split.calibration_rows


def test_each_series_has_the_windows_of_its_own_length():
    (fold,) = plan(190, 170, 152, 120, splits="100:50:40").folds
    assert [len(one) for one in fold.origin] == [36, 16, 0, 0]
    index, origin = fold.windows()
    assert (index == np.repeat([0, 1], [36, 16])).all()
    assert origin[36] == 150


def test_refitting_makes_a_fold_of_each_origin_a_horizon_apart():
    found = plan(190, 163, splits="100:50:40", refit="each")
    assert found.step == 5
    assert [fold.origin[0].tolist() for fold in found.folds] == [[row] for row in range(150, 186, 5)]
    assert [fold.origin[1].tolist() for fold in found.folds] == [[150], [155], [], [], [], [], [], []]


# ---- nothing later -------------------------------------------------------------------------------


def test_a_fold_knows_the_rows_before_its_origin_and_learns_from_no_others():
    for fold in plan(190, splits="100:50:40", refit="each").folds:
        (origin,) = fold.origin[0]
        assert fold.known[0] == origin
        assert fold.splits[0].fit == origin - 50
        assert fold.splits[0].validation == fold.splits[0].calibration == fold.splits[0].report == origin


def test_a_short_series_calibrates_on_no_row_that_is_judged():
    (fold,) = plan(45).folds  # train would calibrate on the rows of its report
    assert fold.splits[0].calibration == fold.known[0] == fold.origin[0][0]


def test_without_a_validation_part_one_is_held_out_of_the_training_part():
    found = plan(300, splits="200:0:40")
    (split,) = found.folds[0].splits
    assert found.anew
    assert 0 < split.fit < split.validation < split.calibration == split.report == 200


@given(st.integers(60, 200), st.integers(1, 9), st.sampled_from(["never", "each"]), st.integers(1, 30))
def test_no_part_reaches_beyond_what_is_known_and_what_is_known_ends_before_the_origins(rows, horizon, refit, step):
    found = plan(rows, rows - 20, horizon=horizon, refit=refit, step=step)
    for fold in found.folds:
        for split, known, origin in zip(fold.splits, fold.known, fold.origin, strict=True):
            assert split.fit <= split.validation <= split.calibration <= split.report == known
            assert (origin >= known).all()


def test_what_a_fold_is_given_holds_no_later_value():
    panel = known_only(hourly_panel(series_of(wave(50)), series_of(wave(40))), [30, 40], 6)
    assert [len(one) for one in panel.series] == [30, 40]


def test_covariates_known_ahead_stay_without_values():
    one = series_of(np.arange(20.0), known=np.arange(20.0)[:, None], past=np.arange(20.0)[:, None])
    (cut,) = known_only(hourly_with_known(one), [12], 3).series
    assert cut.known[:, 0].tolist() == list(range(15))
    assert cut.y[:12, 0].tolist() == cut.past[:12, 0].tolist() == list(range(12))
    assert np.isnan(cut.y[12:]).all()
    assert np.isnan(cut.past[12:]).all()
    assert not cut.observed[12:].any()


def hourly_with_known(*members):
    panel = hourly_panel(*members)
    return replace(panel, layout=replace(panel.layout, columns=Columns(target=("a",), known=("k",), past=("p",))))


@pytest.mark.parametrize("splits", [None, "300:100:100"])
def test_rows_that_are_judged_move_neither_horizon_nor_seasons_nor_parts(splits):
    y = wave(500)
    asked = Rolling(None if splits is None else parse_splits(splits))
    before = plan_folds(hourly_panel(series_of(y)), asked, TrainOptions())
    start = before.folds[0].known[0]
    y[start:] = np.random.default_rng(2).normal(0, 1e4, 500 - start)
    after = plan_folds(hourly_panel(series_of(y)), asked, TrainOptions())
    assert before.seasons == after.seasons == (24,)
    assert before.horizon == after.horizon == 24
    assert before.folds[0].splits == after.folds[0].splits


# ---- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("splits", "says"), [("100:4:40", "validation part of 4 rows"), ("100:50:4", "test part of 4"),
                                              ("9:0:40", "9 rows are too few")])
def test_parts_that_hold_no_window_are_a_usage_error(splits, says):
    with pytest.raises(UsageError, match=says):
        plan(300, splits=splits)


def test_parts_longer_than_the_data_are_an_error_that_says_both():
    with pytest.raises(DataError, match="asks for 190 rows, and there are 189"):
        plan(189, 120, splits="100:50:40")


def test_a_series_too_short_to_hold_anything_out_is_an_error():
    with pytest.raises(DataError, match="nothing can be held out of 12 rows with a horizon of 5"):
        plan(12)
