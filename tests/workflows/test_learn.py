"""What is learned comes from the rows that it may come from."""

from dataclasses import replace

import numpy as np
import pytest
from small_panels import HORIZON, ROWS, options_of, panel_of, values

from grucast.core.config import TrainOptions, WindowOptions
from grucast.core.errors import DataError
from grucast.preprocessing.windows import Windows, cutoffs_between, gather, gather_targets
from grucast.training import fit as fitting
from grucast.training.fit import Run
from grucast.workflows.learning.learn import calibrated, learn, prepare, to_the_end, to_the_report
from grucast.workflows.learning.prepared import even_stride, fit_sampler, last_sampler, part_windows
from tests.making import torch_network, weights_of


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch):
    monkeypatch.setattr(fitting, "STEPS_MIN", 3)
    monkeypatch.setattr(fitting, "STEPS_MAX", 3)


def disturbed(y, start):
    """Other values from row `start` on; the last row is observed, so that the series is as long as before."""
    changed = y.copy()
    changed[start:] = -7 * changed[start:] + np.random.default_rng(9).normal(size=changed[start:].shape) * 500
    changed[start:-1:5] = np.nan
    changed[-1] = 1e5
    return changed


def two(rows=ROWS):
    """Two series; all parts of both hold rows."""
    return values(rows, 1), values(rows - 40, 2)


def both(change):
    """The panel, and the panel with each series changed from the row that `change` gives for its split."""
    one, other = two()
    before = prepare(panel_of(one, other), options_of())
    rows = [change(split) for split in before.splits]
    return before, prepare(panel_of(disturbed(one, rows[0]), disturbed(other, rows[1])), options_of())


def assert_equal(one, other, names):
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


# ---- what may not be seen ------------------------------------------------------------------------


def test_rows_after_the_fit_part_move_no_scale_and_no_plan():
    before, after = both(lambda split: split.fit)
    assert before.splits == after.splits
    assert (before.window, before.model, before.training) == (after.window, after.model, after.training)
    assert_equal(before.scales, after.scales, ["scale", "known", "past", "static"])
    np.testing.assert_array_equal(before.scales.transform.unit, after.scales.transform.unit)


def test_rows_after_the_fit_part_move_no_window_that_is_fitted_on():
    before, after = both(lambda split: split.fit)
    draws = [fit_sampler(one).draw(500, np.random.default_rng(0)) for one in (before, after)]
    np.testing.assert_array_equal(*draws)
    windows = [gather(one.streams, one.window, *draws[0]) for one in (before, after)]
    assert_equal(*windows, Windows.__slots__)
    np.testing.assert_array_equal(*[gather_targets(one.streams, HORIZON, *draws[0]) for one in (before, after)])


def test_report_rows_move_no_weight_and_no_interval():
    found = []
    for prepared in both(lambda split: split.report_rows[0]):
        prepared, learned = learn(prepared, Run())
        found.append((learned, to_the_report(prepared, learned, Run())))
    (early, later), (early_too, later_too) = found
    for one, other in ((early, early_too), (later, later_too)):
        for name, weights in one.members[0].items():
            np.testing.assert_array_equal(weights, other.members[0][name], err_msg=name)
        assert_equal(one.forecaster, other.forecaster, ["factors", "trusted"])


def test_report_rows_move_no_weight_where_they_calibrate_too():
    y = values(57)  # below ten horizons: calibration and report are the same rows
    members = []
    for changed in (y, disturbed(y, 45)):
        prepared = prepare(panel_of(changed), options_of(context=8, season=(1,)))
        assert prepared.splits[0].shared
        assert prepared.splits[0].report_rows[0] == 45
        members.append(to_the_report(*learn(prepared, Run()), Run()).members[0])
    for name, weights in members[0].items():
        np.testing.assert_array_equal(weights, members[1][name], err_msg=name)


def test_report_rows_have_no_say_in_the_seasons():
    y = np.random.default_rng(0).normal(size=(600, 1))
    y[540:, 0] = 500 * np.sin(np.arange(60) * 2 * np.pi / 24)
    options = TrainOptions(WindowOptions(horizon=6, context_length=24))
    prepared = prepare(panel_of(y), options)
    assert prepared.splits[0].report_rows == (540, 600)
    assert prepared.seasons == ()
    y[:540, 0] += 3 * np.sin(np.arange(540) * 2 * np.pi / 24)
    y[540:] = 500 * np.random.default_rng(1).normal(size=(60, 1))
    assert prepare(panel_of(y), options).seasons == (24,)


def test_the_last_rows_are_learned_in_the_end():
    y = values()
    members = []
    for changed in (y, disturbed(y, ROWS - 20)):
        prepared = prepare(panel_of(changed), options_of())
        members.append(to_the_end(*learn(prepared, Run()), Run()).members[0])
    assert any(not np.array_equal(weights, members[1][name]) for name, weights in members[0].items())


# ---- which windows -------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["validation", "calibration", "report"])
def test_targets_of_a_part_lie_wholly_in_it_and_all_of_its_rows_are_targets(part):
    one, other = two()
    prepared = prepare(panel_of(one, other), options_of())
    stream, cutoff = part_windows(prepared, part, 10**6)
    for number in range(4):
        start, stop = getattr(prepared.splits[number // 2], f"{part}_rows")
        assert sorted(cutoff[stream == number]) == list(range(start, stop - HORIZON + 1))


def test_windows_to_fit_on_end_where_the_fit_part_ends():
    one, other = two()
    prepared = prepare(panel_of(one, other), options_of())
    sampler = fit_sampler(prepared)
    assert sampler.stream.tolist() == [0, 1, 2, 3]
    assert sampler.last.tolist() == [prepared.splits[n // 2].fit - HORIZON for n in range(4)]
    assert (sampler.first >= 1).all()


def test_the_last_training_before_the_report_ends_where_the_report_begins():
    one, other = two()
    prepared = prepare(panel_of(one, other), options_of())
    last = last_sampler(prepared, "report").last
    assert last.tolist() == [prepared.splits[n // 2].report_rows[0] - HORIZON for n in range(4)]


def test_the_very_last_training_takes_windows_with_half_of_their_targets():
    prepared = prepare(panel_of(values()), options_of(horizon=7))
    assert last_sampler(prepared, "end").last.tolist() == [ROWS - 4] * 2


def test_one_short_series_that_cuts_the_horizon_of_all_is_named():
    panel = panel_of(values(400, 1), values(400, 2), values(30, 3))
    asked = replace(options_of(), window=WindowOptions(context_length=24, season=(12,)))
    prepared = prepare(panel, asked)
    assert prepared.window.horizon == 3
    name = panel.series[2].unique_id
    assert any(note.startswith("horizon 3, not ") and f"{name!r} has 30 rows" in note for note in prepared.notes)
    assert not any("shortest" in note for note in prepare(panel_of(values(400, 1), values(400, 2)), asked).notes)


def test_a_series_too_short_to_hold_anything_out_is_learned_only_in_the_end():
    prepared = prepare(panel_of(values(), values(12)), options_of())
    assert prepared.splits[1] is None
    for part in ("validation", "calibration", "report"):
        assert set(part_windows(prepared, part, 10**6)[0]) == {0, 1}
    assert set(fit_sampler(prepared).stream) == {0, 1}
    assert set(last_sampler(prepared, "report").stream) == {0, 1}
    assert set(last_sampler(prepared, "end").stream) == {0, 1, 2, 3}


@pytest.mark.parametrize("rows", [19, 20, 25, 40, 61, 100])
def test_a_series_of_any_length_that_is_split_has_windows_in_every_part(rows):
    prepared = prepare(panel_of(values(rows)), options_of(context=None, season=(1,)))
    assert fit_sampler(prepared).windows > 0
    assert last_sampler(prepared, "report").windows > 0
    for part in ("validation", "calibration", "report"):
        assert len(part_windows(prepared, part, 10**6)[0])


def test_a_series_without_any_value_beside_others_is_learned_around():
    gone = np.full((50, 2), np.nan)
    prepared = prepare(panel_of(values(), gone), options_of())
    learned = to_the_end(*learn(prepared, Run()), Run())
    assert all(np.isfinite(weights).all() for weights in learned.members[0].values())


def test_no_more_windows_are_taken_than_asked_for_however_many_series_there_are():
    prepared = prepare(panel_of(*[values(seed=seed) for seed in range(4)]), options_of())
    stream, _ = part_windows(prepared, "validation", 6)
    assert 4 <= len(stream) <= 8
    assert len(set(stream)) == len(stream)


@pytest.mark.parametrize(
    ("total", "most", "seasons", "wanted"),
    [(100, 100, (24,), 1), (700, 100, (24,), 7), (700, 100, (7,), 8), (2400, 100, (24, 168), 25), (200, 100, (2,), 3)],
)
def test_windows_are_thinned_out_of_step_with_every_season(total, most, seasons, wanted):
    assert even_stride(total, most, seasons) == wanted


def test_every_phase_of_a_short_season_is_seen():
    for stride in (even_stride(total, 50, (7, 24)) for total in range(50, 3000, 50)):
        _, cutoff = cutoffs_between(np.array([0]), np.array([stride * 167]), stride)
        assert set(cutoff % 7) == set(range(7))
        assert len(set(cutoff % 24)) >= 4


# ---- what is decided -----------------------------------------------------------------------------


def test_a_season_of_one_row_is_none():
    prepared = prepare(panel_of(values()), options_of(season=(1,)))
    assert prepared.seasons == prepared.window.seasons == prepared.model.seasonal == ()


def test_the_network_is_told_the_day_of_the_week_where_that_has_helped_and_only_there():
    rows = 7 * 24 * 6
    alike, restful = values(rows), values(rows)
    restful[np.arange(rows) // 24 % 7 == 2] -= 5.0
    assert prepare(panel_of(alike), options_of()).model.calendar == ("day_sin", "day_cos")
    told = prepare(panel_of(restful), options_of()).model.calendar
    assert told == ("day_sin", "day_cos", "week_sin", "week_cos", "weekend")


def test_too_few_rows_are_refused_with_the_horizon_that_they_allow():
    with pytest.raises(DataError, match=r"^a\.csv: nothing can be learned from 12 rows with a horizon of 6; "
                                        r"give more rows or a shorter --horizon \(at most 3\)$"):  # fmt: skip
        prepare(panel_of(values(12)), options_of(), file="a.csv")
    assert prepare(panel_of(values(12)), options_of(horizon=3)).splits[0] is not None


def test_a_series_that_never_moves_does_not_narrow_the_intervals_of_the_others():
    alone = prepare(panel_of(values()), options_of(season=(1,)))
    beside = prepare(panel_of(values(), np.full((ROWS, 2), 7.0)), options_of(season=(1,)))
    weights = weights_of(torch_network(alone.model, alone.window, spread=0.1))
    assert alone.model == beside.model
    found = [calibrated(prepared, [weights])[1] for prepared in (alone, beside)]
    assert_equal(*found, ["factors", "trusted"])


def test_bounds_are_those_of_the_options():
    prepared = prepare(panel_of(values()), options_of(min=0.0, max=90.0))
    _, forecaster = calibrated(prepared, [weights_of(torch_network(prepared.model, prepared.window))])
    assert (forecaster.low, forecaster.high) == (0.0, 90.0)


# ---- what series repeat --------------------------------------------------------------------------


def weekly(rows, seed):
    """A week of its own in each series and noise, which a network of random weights knows nothing of."""
    rng = np.random.default_rng(seed)
    return np.tile(10 * rng.normal(size=(14, 2)), (rows // 14 + 1, 1))[:rows] + rng.normal(size=(rows, 2))


def repeating(*columns):
    prepared = prepare(panel_of(*columns), options_of(context=28, season=(7,)))
    weights = weights_of(torch_network(prepared.model, prepared.window, spread=0.1))
    return calibrated(prepared, [weights])


def test_series_that_share_a_network_repeat_their_own_season():
    prepared, _ = repeating(weekly(ROWS, 1), weekly(ROWS, 2))
    assert (prepared.scales.repeats.lag % 14 == 0).all()
    assert (prepared.scales.repeats.lag > 0).all()
    assert (prepared.scales.repeats.share > 0.5).all()
    np.testing.assert_array_equal(prepared.streams.lag, prepared.scales.repeats.lag.reshape(-1))


def test_one_series_alone_repeats_nothing():
    assert repeating(weekly(ROWS, 1))[0].scales.repeats is None


def test_what_series_repeat_comes_from_rows_before_the_report():
    y = weekly(ROWS, 1), weekly(ROWS, 2)
    start = prepare(panel_of(*y), options_of(context=28, season=(7,))).splits[0].report_rows[0]
    (one, calm), (other, loud) = repeating(*y), repeating(*(disturbed(each, start) for each in y))
    assert_equal(one.scales.repeats, other.scales.repeats, ["lag", "share"])
    assert_equal(calm, loud, ["factors", "trusted"])
