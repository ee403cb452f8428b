"""What a model learns about normal rows: from which rows, of which series, and that it survives the file."""

from dataclasses import replace

import numpy as np
import pytest
from small_panels import HORIZON, options_of, panel_of, values

from grucast.core.errors import ModelError
from grucast.detection.calibration import EMPTY, score_for_rate
from grucast.detection.scoring import MODES, SCORERS, SIGNALS, fit_signal_scale, widths_of
from grucast.forecasting.errors import row_errors
from grucast.forecasting.predict import Forecaster
from grucast.workflows.detecting.scores import Scoring, of_series, pack_watch, unpack_watch
from grucast.workflows.learning import watch as watching
from grucast.workflows.learning.learn import Learned, prepare
from grucast.workflows.learning.prepared import Prepared
from grucast.workflows.learning.watch import fit_watch
from tests.making import torch_network, weights_of

BESIDE = {"online.sudden", "offline.sudden", "stuck"}  # laws that have nothing to do with the scorer
ROWS = (400, 260, 15)  # the last is too short to be split
CONTEXT = 24


def prepared_of(*arrays, **more) -> Prepared:
    """The preparation of a panel; two channels, a context of a day."""
    return prepare(panel_of(*arrays), options_of(**more))


def three():
    return tuple(values(rows, seed) for seed, rows in enumerate(ROWS))


def learned_of(prepared: Prepared, seed: int = 0) -> Learned:
    """Random weights: what is learned about normal rows does not ask whether they are any good."""
    weights = weights_of(torch_network(prepared.model, prepared.window, seed=seed))
    members = [{name: value for name, value in weights.items() if not name.startswith("rebuild.")}]
    levels = len(prepared.model.quantile_levels)
    forecaster = Forecaster(members, prepared.model, prepared.window, prepared.scales.transform,
                            np.ones((prepared.window.horizon, levels)), np.ones(2))  # fmt: skip
    return Learned(members, forecaster, ())


def watched(prepared: Prepared):
    return fit_watch(prepared, learned_of(prepared, 1), learned_of(prepared, 2))


@pytest.fixture(scope="module")
def small():
    """A preparation, the model with its heads and what it knows; made once."""
    prepared = prepared_of(*three())
    return prepared, *watched(prepared)


def later_changed(prepared: Prepared) -> Prepared:
    """Other values, and other gaps, in all rows that the fit part does not hold."""
    streams, rng = prepared.streams, np.random.default_rng(3)
    z, observed = streams.z.copy(), streams.observed.copy()
    for n, (start, length) in enumerate(zip(streams.start, streams.length, strict=True)):
        split = prepared.splits[streams.series[n]]
        rows = slice(start + (split.fit if split else length), start + length)
        z[rows] = rng.normal(0, 30, len(z[rows]))
        observed[rows] = rng.random(len(z[rows])) < 0.8
    return replace(prepared, streams=replace(streams, z=np.where(observed, z, 0.0), observed=observed))


# ---- what it gives -------------------------------------------------------------------------------


def test_there_is_a_scale_for_each_series_and_one_for_all(small):
    _, _, watch = small
    for mode in MODES:
        scale = watch.scale[mode]
        assert scale.widths == widths_of(100, mode)
        assert scale.median.shape == scale.upper.shape == (4, 2, len(SIGNALS), len(scale.widths))
        assert (scale.upper >= scale.median).all()
        np.testing.assert_array_equal(scale.median[2], scale.median[-1])  # fifteen rows say nothing of their own
        assert (scale.median[0] != scale.median[1]).any()


def test_there_is_a_law_for_every_way_to_score(small):
    _, _, watch = small
    wanted = {f"{mode}.{scorer}.{gather}" for mode in MODES for scorer in SCORERS for gather in ("largest", "mean")}
    assert set(watch.calibration) == wanted | BESIDE


def test_the_law_is_about_the_rows_that_were_held_out(small):
    prepared, _, watch = small
    held = [len_ - split.fit for len_, split in zip(ROWS, prepared.splits, strict=True) if split]
    assert len(held) == 2
    for law in watch.calibration.values():
        assert law.rows + law.left_out == sum(held)


def test_rows_without_any_value_are_not_in_the_law():
    y = values(300)
    y[-40:-10] = np.nan
    prepared = prepared_of(y)
    assert prepared.splits[0].fit < 260
    _, watch = watched(prepared)
    for name, law in watch.calibration.items():
        blind = 4 if name.endswith("sudden") else 0  # rows after a context without any value
        assert law.rows + law.left_out == 300 - prepared.splits[0].fit - 30 - blind


def test_the_heads_of_the_final_model_are_those_of_all_rows(small):
    prepared, final, _ = small
    assert "rebuild.up.weight" in final.members[0]
    assert final.forecaster.members is final.members
    everything = watching.with_heads(prepared, learned_of(prepared, 2), prepared.streams.length[::2])
    np.testing.assert_array_equal(final.members[0]["state.whiten"], everything.members[0]["state.whiten"])


@pytest.mark.parametrize(("objective", "scorer"), [("forecast", "forecast"), ("reconstruct", "reconstruction")])
def test_a_model_for_one_job_knows_the_law_of_that_job(objective, scorer):
    options = options_of()
    options = replace(options, network=replace(options.network, objective=objective))
    prepared = prepare(panel_of(values(200)), options)
    final, watch = watched(prepared)
    assert {name.split(".")[1] for name in watch.calibration if name not in BESIDE} == {scorer}
    assert ("state.mean" in final.members[0]) == (objective == "reconstruct")


# ---- time flows one way --------------------------------------------------------------------------


def test_what_was_held_out_changes_neither_the_heads_nor_the_scale_that_its_law_is_on(small):
    prepared, _, _ = small
    changed, rows = later_changed(prepared), watching._fit_rows(prepared)
    judged = []
    for one in (prepared, changed):
        learned = watching.with_heads(one, learned_of(prepared, 1), rows)
        judged.append((learned, watching._judge(one, learned.forecaster, rows, lambda *_: None)))
    (before, held), (after, other) = judged
    for name, value in before.members[0].items():
        np.testing.assert_array_equal(after.members[0][name], value, err_msg=name)
    one, two = (fit_signal_scale(each.signals["online"], each.parts, "online", 100) for each in (held, other))
    np.testing.assert_array_equal(two.median, one.median)
    np.testing.assert_array_equal(two.upper, one.upper)
    assert not np.array_equal(other.signals["online"][0]["near"], held.signals["online"][0]["near"], equal_nan=True)


def test_faults_in_the_held_out_rows_raise_their_law(small):
    prepared, _, watch = small
    _, other = watched(later_changed(prepared))
    name = Scoring().name
    assert np.median(other.calibration[name].scores) > 1.5 * np.median(watch.calibration[name].scores)


# ---- in the file ---------------------------------------------------------------------------------


def test_what_is_known_survives_the_file(small):
    prepared, _, watch = small
    arrays = pack_watch(watch)
    assert {value.dtype for value in arrays.values()} <= {np.dtype(np.float32), np.dtype(np.float64)}
    found = unpack_watch(arrays, prepared.model, 2)
    for mode in MODES:
        assert found.scale[mode].widths == watch.scale[mode].widths
        np.testing.assert_array_equal(found.scale[mode].median, watch.scale[mode].median)
        np.testing.assert_array_equal(found.scale[mode].upper, watch.scale[mode].upper)
    for name, law in watch.calibration.items():
        for field in ("scores", "ranks"):
            np.testing.assert_array_equal(getattr(found.calibration[name], field), getattr(law, field))
        for field in ("rows", "tail", "events", "dependence", "gap", "left_out"):
            assert getattr(found.calibration[name], field) == getattr(law, field)


def test_what_has_no_scale_has_none_after_the_file_either():
    """A channel without a value in training: the file holds finite numbers only, and must not make zeros of it."""
    y = values(300)
    y[:, 1] = np.nan
    prepared = prepared_of(y)
    _, watch = watched(prepared)
    assert np.isnan(watch.scale["online"].median[:, 1]).all()
    arrays = pack_watch(watch)
    assert all(np.isfinite(value).all() for value in arrays.values())
    found = unpack_watch(arrays, prepared.model, 2)
    for mode in MODES:
        np.testing.assert_array_equal(found.scale[mode].median, watch.scale[mode].median)
        np.testing.assert_array_equal(found.scale[mode].upper, watch.scale[mode].upper)


@pytest.mark.parametrize("name", ["anomaly.online.median", "anomaly.offline.upper", "anomaly.online.widths",
                                  "anomaly.online.combined.largest.numbers"])  # fmt: skip
def test_a_file_without_an_array_is_damaged(small, name):
    prepared, _, watch = small
    arrays = pack_watch(watch)
    del arrays[name]
    with pytest.raises(ModelError, match="damaged"):
        unpack_watch(arrays, prepared.model, 2)


def test_a_file_of_other_channels_is_damaged(small):
    prepared, _, watch = small
    with pytest.raises(ModelError, match="damaged"):
        unpack_watch(pack_watch(watch), prepared.model, 3)


# ---- long series: a piece of each ----------------------------------------------------------------


def judged_whole_and_in_a_piece(monkeypatch, prepared, trained):
    learned = watching.with_heads(prepared, learned_of(prepared), trained)
    whole = watching._judge(prepared, learned.forecaster, trained, lambda *_: None)
    monkeypatch.setattr(watching, "MOST_ROWS", 1)  # ten contexts are judged at least
    piece = watching._judge(prepared, learned.forecaster, trained, lambda *_: None)
    return whole, piece


@pytest.mark.parametrize("season", [(24,), (25,)], ids=["a day", "a season that no calendar has"])
def test_a_piece_of_a_long_series_looks_as_in_the_whole(monkeypatch, season):
    """Phases of seasons and calendar are those of the whole, windows end at the same rows."""
    y = values(1503)
    prepared = prepared_of(y, season=season)
    assert prepared.model.seasonal == season
    assert prepared.model.calendar
    trained = watching._fit_rows(prepared)
    assert trained[0] < 1503
    whole, piece = judged_whole_and_in_a_piece(monkeypatch, prepared, trained)
    begin = int(whole.parts[0].stop - piece.parts[0].stop)
    rows = len(piece.signals["online"][0]["near"])
    assert begin > 500
    assert 10 * CONTEXT - 4 <= rows <= 10 * CONTEXT
    first = CONTEXT + HORIZON + 6  # rows that windows from before the piece do not reach
    for name in SIGNALS:
        np.testing.assert_allclose(piece.signals["online"][0][name][first:],
                                   whole.signals["online"][0][name][begin + first : begin + rows],
                                   rtol=2e-4, atol=2e-5, err_msg=name)  # fmt: skip


def test_only_long_series_are_cut(monkeypatch):
    prepared = prepared_of(values(1503), values(150, 1), values(15, 2))
    monkeypatch.setattr(watching, "MOST_ROWS", 1)
    learned, trained = learned_of(prepared), watching._fit_rows(prepared)
    streams, cut, starts = watching._piece(prepared, learned.forecaster, trained)
    assert [len(one) for one in cut] == streams.length[::2].tolist()
    assert starts[1:] == [0, 0]
    assert streams.length[2:].tolist() == [150, 150, 15, 15]
    assert streams.length[0] <= 240
    assert starts[0] < trained[0] < starts[0] + streams.length[0]
    _, watch = watched(prepared)
    assert all(law.rows > 100 for law in watch.calibration.values())


def test_a_series_without_any_value_beside_a_long_one_is_passed_over(monkeypatch):
    empty = np.full((700, 2), np.nan)
    prepared = prepared_of(values(1503), empty, values(300, 2))
    monkeypatch.setattr(watching, "MOST_ROWS", 1)
    _, watch = watched(prepared)
    np.testing.assert_array_equal(watch.scale["online"].median[1], watch.scale["online"].median[-1])
    assert watch.calibration[Scoring().name] is not EMPTY


# ---- many series ---------------------------------------------------------------------------------


def test_of_very_many_series_as_many_are_judged_as_fit(monkeypatch):
    prepared = prepared_of(*(values(150, seed) for seed in range(4)))
    monkeypatch.setattr(watching, "MOST_IN_ALL", 600)  # of 4 x 2 x 150
    some = watching._some(prepared)
    assert len(some.panel.series) == 2
    assert [one.unique_id for one in some.panel.series] == ["one", "three"]
    assert some.splits == prepared.splits[::2]
    np.testing.assert_array_equal(some.streams.z, prepared.streams.z.reshape(4, 300)[::2].reshape(-1))
    np.testing.assert_array_equal(some.streams.origin, prepared.streams.origin[[0, 1, 4, 5]])
    _, watch = watched(prepared)
    assert all(scale.median.shape[0] == 1 for scale in watch.scale.values())  # one scale for all
    assert watch.calibration[Scoring().name].rows > 0


def test_few_series_are_all_judged():
    prepared = prepared_of(*three())
    assert watching._some(prepared) is prepared


def test_beyond_so_many_series_there_is_one_scale(monkeypatch):
    prepared = prepared_of(*three())
    monkeypatch.setattr(watching, "MOST_SERIES", 2)
    _, watch = watched(prepared)
    assert all(scale.median.shape[0] == 1 for scale in watch.scale.values())


# ---- constant series -----------------------------------------------------------------------------


def test_a_series_that_never_moves_has_a_scale_and_scores_of_zero():
    y = values(300)
    y[:, 1] = 5.0
    prepared = prepared_of(y)
    _, watch = watched(prepared)
    forecast = [SIGNALS.index(name) for name in SCORERS["forecast"]]
    assert (watch.scale["online"].upper[:, 1, forecast] == 0).all()
    assert np.isfinite(watch.scale["online"].upper).all()
    assert watch.calibration["online.forecast.largest"].rows > 0


@pytest.mark.parametrize(("seasons", "gap"), [((), 30), ((24, 168), 30), ((110,), 110), ((15, 105), 30), ((288,), 30)])
def test_alarms_are_joined_over_a_third_of_a_kernel_or_a_beat(seasons, gap):
    assert watching.usual_gap(seasons, 100) == gap


def test_few_rows_still_have_a_law_of_lone_ones():
    """Some 180 rows held out: joined over thirty there are too few events, one by one there are enough."""
    prepared = prepared_of(values(600))
    _, watch = watched(prepared)
    assert watch.calibration[Scoring().name].events is None
    law = watch.calibration["online.sudden"]
    assert law.gap < watch.calibration[Scoring().name].gap
    assert law.events is not None
    assert score_for_rate(1e-4, law) > law.scores[-1]


# ---- usual errors --------------------------------------------------------------------------------


def test_usual_errors_are_those_of_rows_held_out_on_the_weights_that_did_not_see_them(small):
    prepared, _, watch = small
    splits, streams = prepared.splits, prepared.streams
    missed = np.abs(row_errors(learned_heads(prepared), streams).near)
    long = [of_series(missed, streams, number)[splits[number].fit :] for number in (0, 1)]
    np.testing.assert_allclose(watch.usual[:2], [np.nanmean(one, axis=0) for one in long], rtol=1e-5)
    np.testing.assert_allclose(watch.usual[2], watch.usual[3])  # too short for its own: that of all
    np.testing.assert_allclose(watch.usual[3], np.nanmean(np.concatenate(long), axis=0), rtol=1e-5)


def learned_heads(prepared: Prepared) -> Forecaster:
    """The weights of the fit part as `watched` has them; heads that rebuild do not forecast."""
    return watching.with_heads(prepared, learned_of(prepared, 1), np.array([one.fit if one else 15 for one in
                                                                            prepared.splits])).forecaster


def test_usual_errors_survive_the_file_and_an_older_one_has_none(small):
    prepared, _, watch = small
    arrays = pack_watch(watch)
    np.testing.assert_array_equal(unpack_watch(arrays, prepared.model, 2).usual, watch.usual)
    older = {name: one for name, one in arrays.items() if name != "anomaly.usual"}
    assert unpack_watch(older, prepared.model, 2).usual is None


def test_usual_errors_of_another_shape_are_refused(small):
    prepared, _, watch = small
    with pytest.raises(ModelError, match=r"anomaly\.usual has shape \(4, 3\)"):
        unpack_watch(pack_watch(watch) | {"anomaly.usual": np.ones((4, 3))}, prepared.model, 2)
