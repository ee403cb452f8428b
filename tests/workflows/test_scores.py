"""Scores of the rows of a panel, by a model: the rows that have one, batches of series, what each row costs."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from small_panels import panel_of, values

from grucast.core.config import ModelConfig, WindowSpec
from grucast.core.errors import ModelError
from grucast.detection.calibration import EMPTY
from grucast.detection.scoring import MODES, SCORERS, SIGNALS, SignalScale, gather_channels, strangeness
from grucast.detection.stuck import StuckScale
from grucast.detection.sudden import LAGS, SuddenScale
from grucast.forecasting.errors import row_errors
from grucast.forecasting.predict import Forecaster
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.sources import Scales
from grucast.workflows.detecting import scores as scoring_rows
from grucast.workflows.detecting.scores import Scoring, Watch, of_series, score_panel, scorers_of, scorings, signals_of
from tests.making import hourly_panel, random_streams, series_of, torch_network, weights_of

WINDOW = WindowSpec(24, 6, 12)
CALENDAR = ("day_sin", "day_cos")
IDS = ("one", "two", "three", "four")


def model_of(*, channels=2, calendar=CALENDAR, seed=0):
    """A forecaster with random weights, and scales for the series `one` and `two`."""
    model = ModelConfig(hidden=4, channels=channels, narrow=3, known=len(calendar), calendar=calendar)
    weights = weights_of(torch_network(model, WINDOW, seed=seed))
    weights["state.mean"], weights["state.whiten"] = np.zeros(4, np.float32), np.eye(4, dtype=np.float32)
    transform = Transform("none", np.ones(channels))
    forecaster = Forecaster([weights], model, WINDOW, transform, np.ones((6, 13)), np.ones(channels))
    none = np.zeros((2, 0))
    return forecaster, Scales(transform, IDS[:2], np.full((2, channels), 2.5), none, none, none)


def watch_of(*, channels=2, rows=3) -> Watch:
    """A scale for each of two series, the second twice as high, and one for all."""
    shape = (rows, channels, len(SIGNALS), 2)
    median = np.full(shape, 0.2) * np.arange(1, rows + 1)[:, None, None, None]
    model = ModelConfig(channels=channels, narrow=3)
    weights, level = np.zeros((channels, LAGS)), np.ones((rows, channels))
    jumps = SuddenScale(weights, np.ones(channels), level, np.ones((channels, 4)))
    names = (*(one.name for one in scorings(model, channels)), "online.sudden", "offline.sudden", "stuck")
    return Watch({mode: SignalScale((4, 9), median, median + 1) for mode in MODES}, jumps,
                 StuckScale(np.zeros((channels, 1)), np.zeros(channels)), dict.fromkeys(names, EMPTY))  # fmt: skip


ONLINE = Scoring()


def scored(panel, *, scoring=ONLINE, model=None, watch=None):
    return list(score_panel(panel, model or model_of(), watch or watch_of(), panel.series[0].ds[0], scoring))


# ---- what is scored ------------------------------------------------------------------------------


def test_each_row_of_the_grid_has_a_line_and_those_with_context_a_score():
    one, two = scored(panel_of(values(120), values(90, 1)))
    assert (one.unique_id, two.unique_id) == ("one", "two")
    assert (len(one.score), len(two.score)) == (120, 90)
    assert one.expected.shape == (120, 2, 3)
    assert np.isnan(one.expected[:24]).all()
    assert np.isfinite(one.expected[24:]).all()
    assert (one.expected[24:, :, 0] <= one.expected[24:, :, 1]).all()
    assert np.isnan(one.score[:23]).all()  # the first window ends with row 23: its state is the first signal
    assert (one.score[24:] >= 0).all()
    np.testing.assert_allclose(one.share[24:].sum(axis=1), 1.0)


def test_a_row_without_any_value_has_no_score_and_one_with_some_has():
    y = values(120)
    y[50] = np.nan
    y[60, 0] = np.nan
    (found,) = scored(panel_of(y))
    assert np.isnan(found.score[50])
    assert np.isnan(found.share[50]).all()
    assert np.isfinite(found.score[[49, 51, 60]]).all()
    np.testing.assert_array_equal(found.y[60], y[60])


def test_a_series_is_on_its_own_scale_and_a_new_one_on_that_of_all():
    y = values(100)
    first, second, new = (scored(hourly_panel(series_of(y, unique_id=name)))[0] for name in ("one", "two", "new"))
    assert np.nansum(first.score) > np.nansum(second.score)  # the same errors, a higher median
    alone = scored(hourly_panel(series_of(y, unique_id="two")), watch=watch_of(rows=1))[0]  # one scale for all
    np.testing.assert_allclose(alone.score, first.score)
    assert not np.allclose(new.score[30:], first.score[30:])


def test_a_series_shorter_than_the_context_has_rows_and_no_scores():
    (found,) = scored(panel_of(values(20)))
    assert len(found.score) == 20
    assert np.isnan(found.score).all()
    assert np.isnan(found.expected).all()


def test_scores_are_those_of_the_parts_put_together_by_hand():
    streams = random_streams((80, 50), channels=2)
    forecaster, _ = model_of(calendar=())
    errors = row_errors(forecaster, streams)
    for mode in MODES:
        signals = signals_of(errors, streams, mode, 3)
        assert [set(one) for one in signals] == [set(SIGNALS)] * 2
        looked = errors.rebuilt if mode == "offline" else errors.latest
        np.testing.assert_array_equal(signals[1]["rebuilt"][:, 1], looked[210:260])
        np.testing.assert_array_equal(signals[1]["near"][:, 0], np.abs(errors.near[160:210]))
    np.testing.assert_array_equal(of_series(errors.expected, streams, 0)[:, 1], errors.expected[80:160])


@pytest.mark.parametrize("gather", ["largest", "mean"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scorer", SCORERS)
def test_how_rows_are_scored_is_asked_for(mode, scorer, gather):
    model, panel = model_of(calendar=()), panel_of(values(90))
    (found,) = scored(panel, scoring=Scoring(mode, scorer, gather), model=model)
    z, seen = panel.series[0].y / 2.5, panel.series[0].observed
    streams = replace(random_streams((90,), channels=2), z=np.where(seen, z, 0.0).T.reshape(-1),
                      observed=seen.T.reshape(-1), scale=np.full(2, 2.5), origin=np.zeros(2, np.int64))  # fmt: skip
    (signals,) = signals_of(row_errors(model[0], streams), streams, mode, 3)
    channels = strangeness(signals, watch_of().scale[mode], 0, scorer=scorer, mode=mode)
    np.testing.assert_allclose(found.score, gather_channels(channels, gather)[0], rtol=1e-3, atol=1e-4)


def test_a_model_without_that_law_says_what_to_train():
    watch = watch_of()
    watch = replace(watch, calibration={"online.forecast.largest": EMPTY})
    with pytest.raises(ModelError, match="--objective both"):
        scored(panel_of(values(60)), watch=watch)


@pytest.mark.parametrize(("objective", "wanted"), [("both", set(SCORERS)), ("forecast", {"forecast"}),
                                                   ("reconstruct", {"reconstruction"})])  # fmt: skip
def test_a_model_offers_the_scorers_of_its_jobs(objective, wanted):
    assert set(scorers_of(ModelConfig(objective=objective))) == wanted


def test_one_channel_is_gathered_one_way():
    assert {one.gather for one in scorings(ModelConfig(), 1)} == {"largest"}
    assert len(list(scorings(ModelConfig(), 2))) == 2 * len(list(scorings(ModelConfig(), 1)))


# ---- time flows one way --------------------------------------------------------------------------


@pytest.mark.parametrize("scorer", SCORERS)
def test_an_online_score_knows_no_later_row_and_an_offline_one_does(scorer):
    before, after = values(140), values(140)
    after[100:] = 40.0
    after[110:120] = np.nan
    for mode in MODES:
        (one,), (two,) = (scored(panel_of(y), scoring=Scoring(mode, scorer)) for y in (before, after))
        same = np.array_equal(two.score[:100], one.score[:100], equal_nan=True)
        assert same == (mode == "online")
        assert not np.array_equal(two.score[100:], one.score[100:], equal_nan=True)


def test_rows_that_come_change_no_score_of_those_before():
    y = values(140)
    (long,), (short,) = scored(panel_of(y)), scored(panel_of(y[:101]))
    np.testing.assert_allclose(long.score[:101], short.score, rtol=1e-9)


# ---- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1e6, 1e30, 1e305])
@pytest.mark.parametrize("mode", MODES)
def test_a_value_far_outside_has_a_finite_score_that_stands_out(mode, value):
    y = values(300)
    y[200, 1] = value
    (found,) = scored(panel_of(y), scoring=Scoring(mode))
    assert np.isfinite(found.score[24:]).all()
    assert abs(int(np.nanargmax(found.score)) - 200) <= 3
    assert found.share[200, 1] > 0.6


def test_a_flat_sensor_is_scored():
    y = values(300)
    y[150:250, 0] = y[150, 0]
    (found,) = scored(panel_of(y))
    assert np.isfinite(found.score[24:]).all()


# ---- many series, many rows ----------------------------------------------------------------------


def test_series_in_small_batches_are_scored_as_all_at_once(monkeypatch):
    panel = panel_of(values(100), values(60, 1), values(20, 2), values(80, 3))
    whole = scored(panel)
    monkeypatch.setattr(scoring_rows, "TOGETHER", 200)
    assert [len(some) for some in scoring_rows._batches(panel)] == [1, 3]
    for one, two in zip(whole, scored(panel), strict=True):
        assert one.unique_id == two.unique_id
        np.testing.assert_allclose(two.score, one.score, rtol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_row_more_costs_less_than_200_bytes(monkeypatch, mode):
    monkeypatch.setattr("grucast.inference.predict.CHUNK_BYTES", 2**18)
    monkeypatch.setattr("grucast.preprocessing.sources.CALENDAR_ROWS", 1000)
    model, watch = model_of(channels=1), watch_of(channels=1)
    peaks = []
    for rows in (8_000, 24_000):
        panel = hourly_panel(series_of(values(rows)[:, 0], unique_id="one"))
        tracemalloc.start()
        scored(panel, scoring=Scoring(mode), model=model, watch=watch)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 16_000 < 200
