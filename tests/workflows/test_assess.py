"""The report, against numbers worked out window by window."""

import numpy as np
import pytest
from small_panels import HORIZON, ROWS, options_of, panel_of, values

from grucast.forecasting.predict import quantiles_at
from grucast.workflows.learning.assess import Protocol, assess, skill_notes
from grucast.workflows.learning.learn import calibrated, prepare
from tests.making import torch_network, weights_of


@pytest.fixture(scope="module")
def case():
    """Two series of two channels and a network of random weights."""
    prepared = prepare(panel_of(values(seed=1), values(ROWS - 40, seed=2)), options_of())
    weights = weights_of(torch_network(prepared.model, prepared.window, spread=0.1))
    return calibrated(prepared, [weights])


def report_windows(prepared):
    """(series, values (T, C), origin) of every report window."""
    for one, split in zip(prepared.panel.series, prepared.splits, strict=True):
        start, stop = split.report_rows
        for origin in range(start, stop - HORIZON + 1):
            yield one, one.y, origin


def mean_miss(prepared, forecast, channels=(0, 1)):
    """The mean absolute error of forecast(known rows, channel) -> (H,) over all observed targets."""
    missed = []
    for _, y, origin in report_windows(prepared):
        for channel in channels:
            away = np.abs(y[origin : origin + HORIZON, channel] - forecast(y[:origin, channel], channel))
            missed += away[np.isfinite(away)].tolist()
    return np.mean(missed)


def last_value(known, _channel):
    return np.full(HORIZON, known[np.isfinite(known)][-1])


def same_hour(known, _channel):
    """The value 24 rows before, or where that is missing the last one observed."""
    day = known[-24:][:HORIZON]
    return np.where(np.isfinite(day), day, last_value(known, _channel))


def test_the_naive_numbers_are_those_worked_out_by_hand(case):
    naive = assess(*case)["baselines"]["naive"]
    assert naive["mae"] == pytest.approx(mean_miss(case[0], last_value))


def test_the_seasonal_naive_numbers_are_those_worked_out_by_hand(case):
    seasonal = assess(*case)["baselines"]["seasonal_naive"]
    assert seasonal["mae"] == pytest.approx(mean_miss(case[0], same_hour))


def test_the_numbers_of_the_model_are_those_of_its_forecasts(case):
    prepared, forecaster = case
    streams = prepared.streams
    missed, inside = [], []
    for index, one in enumerate(prepared.panel.series):
        start, stop = prepared.splits[index].report_rows
        for origin in range(start, stop - HORIZON + 1):
            found = quantiles_at(forecaster, streams, (2 * index + np.arange(2), np.full(2, origin)))  # (C, H, Q)
            y = one.y[origin : origin + HORIZON].T
            seen = np.isfinite(y)
            missed += np.abs(y - found[:, :, 6])[seen].tolist()
            inside += ((found[:, :, 2] <= y) & (y <= found[:, :, 10]))[seen].tolist()
    told = assess(prepared, forecaster)["holdout"]
    assert told["mae"] == pytest.approx(np.mean(missed))
    assert told["coverage"]["80"] == pytest.approx(np.mean(inside))


def test_skill_is_measured_against_the_best_baseline(case):
    told = assess(*case)
    best = min(one["mae"] for one in told["baselines"].values())
    assert told["skill"] == pytest.approx(1 - told["holdout"]["mae"] / best)


def test_every_window_of_the_report_parts_counts(case):
    assert assess(*case)["windows"] == sum(1 for _ in report_windows(case[0]))


def test_a_stride_keeps_the_newest_window(case):
    prepared, forecaster = case
    told = assess(prepared, forecaster, Protocol(stride=10**6))
    assert told["windows"] == 2
    missed = []
    for one, split in zip(prepared.panel.series, prepared.splits, strict=True):
        origin = split.report - HORIZON
        for channel in range(2):
            away = np.abs(one.y[origin:, channel] - last_value(one.y[:origin, channel], channel))
            missed += away[np.isfinite(away)].tolist()
    assert told["baselines"]["naive"]["mae"] == pytest.approx(np.mean(missed))


def test_each_channel_is_told_by_itself(case):
    told = assess(*case)["by_channel"]
    for channel, name in enumerate("ab"):
        assert told[name]["naive"] == pytest.approx(mean_miss(case[0], last_value, (channel,)))


def test_standardised_errors_are_in_deviations_of_each_channel(case):
    deviation = np.array([2.0, 40.0])
    told = assess(*case, Protocol(standardise=(np.array([3.0, -5.0]), deviation)))
    away = [mean_miss(case[0], lambda known, c: last_value(known, c), (channel,)) for channel in range(2)]
    counts = [sum(np.isfinite(y[o : o + HORIZON, c]).sum() for _, y, o in report_windows(case[0])) for c in range(2)]
    wanted = np.average(np.array(away) / deviation, weights=counts)
    assert told["baselines"]["naive"]["mae"] == pytest.approx(wanted)
    assert told["holdout"]["mase"] == pytest.approx(assess(*case)["holdout"]["mase"])


def test_blocks_of_any_size_tell_the_same(case, monkeypatch):
    whole = assess(*case)
    monkeypatch.setattr("grucast.workflows.learning.assess.BLOCK_NUMBERS", 1)
    pieces = assess(*case)
    assert pieces["holdout"]["mae"] == pytest.approx(whole["holdout"]["mae"])
    assert pieces["baselines"]["linear"]["wql"] == pytest.approx(whole["baselines"]["linear"]["wql"])


def test_report_rows_do_not_move_the_baselines(case):
    """The naive interval is as wide as the past says: a wild report part is missed, not learned."""
    prepared, forecaster = case
    start = prepared.splits[0].report_rows[0]
    y = values(seed=1)
    y[start:] += np.random.default_rng(0).normal(size=y[start:].shape) * 1e4
    wild = prepare(panel_of(y, values(ROWS - 40, seed=2)), options_of())
    told = assess(wild, forecaster)["baselines"]
    for name in ("naive", "seasonal_naive", "linear"):
        assert told[name]["coverage"]["95"] < 0.75


def test_a_model_that_is_no_better_is_told_so_by_channel():
    errors = {"load": {"model": 1.0, "naive": 2.0, "seasonal_naive": 1.001, "linear": None},
              "wind": {"model": 1.0, "naive": 1.2, "seasonal_naive": 1.1, "linear": 1.3},
              "sun": {"model": None, "naive": 1.2, "seasonal_naive": 1.1, "linear": 1.3}}  # fmt: skip
    assert skill_notes({"by_channel": errors}) == ["load: no skill over the seasonal naive forecast"]


def test_channels_without_skill_share_a_note_and_the_last_of_many_are_counted():
    errors = {f"c{at}": {"model": 1.0, "naive": 0.5 if at % 5 else 2.0, "linear": 0.9} for at in range(13)}
    assert skill_notes({"by_channel": errors}) == [
        "c0, c5, c10: no skill over the linear forecast",
        "c1, c2, c3, c4, c6, c7, c8, c9 and 2 others: no skill over the naive forecast"]


def test_windows_whose_whole_context_is_missing_are_judged_for_nobody():
    y = values()
    y[-40:-12] = np.nan  # longer than the context of 24, inside the report part
    prepared = prepare(panel_of(y), options_of())
    weights = weights_of(torch_network(prepared.model, prepared.window, spread=0.1))
    report = assess(*calibrated(prepared, [weights]))
    assert np.isfinite(report["holdout"]["mae"])
    assert all(np.isfinite(one["mae"]) for one in report["baselines"].values())


def test_a_season_that_is_named_is_that_of_the_scale_whatever_the_model_has():
    """One series of one channel: MASE times the mean step of its past, one row or the season apart, is the MAE."""
    y = values(seed=4)[:, 1:]
    made = prepare(panel_of(y), options_of(season=(24,)))
    prepared, forecaster = calibrated(made, [weights_of(torch_network(made.model, made.window, spread=0.1))])
    past = y[: prepared.splits[0].report_rows[0], 0]
    for season, apart in ((None, 24), (1, 1), (7, 7)):
        told = assess(prepared, forecaster, Protocol(season=season))["holdout"]
        assert told["mase"] * np.mean(np.abs(past[apart:] - past[:-apart])) == pytest.approx(told["mae"])
