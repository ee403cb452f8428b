"""What is searched, on which rows, and how settings are written."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.cli.options import build, words
from grucast.core.config import (
    ColumnOptions,
    FitOptions,
    FormatOptions,
    NetworkOptions,
    ReadOptions,
    RowOptions,
    StructureOptions,
    TimeOptions,
    TrainOptions,
    ValueOptions,
    WindowOptions,
)
from grucast.core.errors import DataError
from grucast.workflows.learning.learn import prepare
from grucast.workflows.tuning import trial
from grucast.workflows.tuning.folds import before_report, folds_of
from grucast.workflows.tuning.space import applied, changes, defaults, space_of
from grucast.workflows.tuning.toml import as_toml
from tests.workflows.small_panels import ROWS, panel_of, values

H = 6


@pytest.fixture(scope="module")
def panel():
    return panel_of(values(), values(170, seed=1))


def names(space):
    return {one.name for one in space}


# ---- the space -----------------------------------------------------------------------------------


def test_the_defaults_change_nothing(panel):
    options = TrainOptions(WindowOptions(horizon=H))
    space = space_of(prepare(panel, options), options)
    assert names(space) == {"context_length", "season", "cell", "layers", "hidden", "dropout", "learning_rate",
                            "batch_size", "transform"}
    assert changes(space, defaults(space)) == {}
    assert applied(options, {}) == options
    assert all(one.default in one.values or one.range for one in space)


def test_what_is_given_is_not_searched(panel):
    given = TrainOptions(WindowOptions(horizon=H, context_length=48, season=(24,)),
                         NetworkOptions(cell="lstm", layers=2, hidden=4, dropout=0.0),
                         FitOptions(learning_rate=0.01), ValueOptions(transform="none"))
    assert names(space_of(prepare(panel, given), given)) == {"batch_size"}


@pytest.mark.parametrize(("structure", "lacks"), [(StructureOptions(delay=8), "cell"),
                                                  (StructureOptions(dilations=(8, 24)), "layers")])
def test_a_setting_that_another_option_decides_is_not_searched(panel, structure, lacks):
    options = TrainOptions(WindowOptions(horizon=H, context_length=48), NetworkOptions(structure=structure))
    assert lacks not in names(space_of(prepare(panel, options), options))


def test_a_logarithm_is_offered_only_to_values_above_zero():
    for offset, there in ((0.0, True), (-100.0, False)):
        panel, options = panel_of(values() + offset), TrainOptions(WindowOptions(horizon=H))
        [transform] = [one for one in space_of(prepare(panel, options), options) if one.name == "transform"]
        assert ("log" in transform.values) == there


def test_every_choice_makes_a_model_that_can_be_prepared(panel):
    options = TrainOptions(WindowOptions(horizon=H), NetworkOptions(hidden=4))
    for one in space_of(prepare(panel, options), options):
        for value in one.values:
            prepared = prepare(panel, applied(options, {one.name: value}))
            if one.name == "context_length":
                assert prepared.window.context_length == value


# ---- the rows ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 4))
def test_folds_never_hold_a_row_of_the_report_part_and_roll_back_in_time(lengths, horizon, count):
    panel = panel_of(*(values(rows) for rows in lengths))
    rows = before_report(panel, TrainOptions(), horizon)
    try:
        folds = folds_of(panel, rows, horizon, count)
    except DataError:
        assert max(rows) < 4 * horizon + 3
        return
    assert 1 <= len(folds) <= count
    allowed = dict(zip(panel.ids(), rows, strict=True))
    newest = {}
    for fold in folds:
        for one, split in zip(fold.panel.series, fold.splits, strict=True):
            assert len(one) == split.report <= allowed[one.unique_id]
            assert horizon < split.fit < split.validation == split.calibration < split.report
            assert split.report - split.validation == split.validation - split.fit >= horizon
            assert split.report < newest.get(one.unique_id, split.report + 1)
            newest[one.unique_id] = split.report


def test_the_newest_fold_ends_where_the_report_part_of_train_begins():
    panel = panel_of(values(300))
    rows = before_report(panel, TrainOptions(), H)
    assert rows == [270]  # the last tenth of 300 rows is reported on
    newest, earlier = folds_of(panel, rows, H, 2)
    assert [(one.fit, one.validation, one.report) for one in (*newest.splits, *earlier.splits)] == [
        (216, 243, 270), (189, 216, 243)]


def test_too_few_rows_are_an_error_that_says_how_many():
    panel = panel_of(values(20))
    with pytest.raises(DataError, match=r"too few rows to tune with a horizon of 6: \d+ before the report part; give"):
        folds_of(panel, before_report(panel, TrainOptions(), 6), 6, 2)


# ---- TOML ----------------------------------------------------------------------------------------


def test_every_trial_is_measured_in_the_same_unit_whatever_seasons_it_tries(panel, monkeypatch):
    folds, right, asked = folds_of(panel, [ROWS, 170], H, 1), trial.assess, []

    def watched(prepared, forecaster, protocol):
        asked.append((prepared.seasons, protocol.season))
        return right(prepared, forecaster, protocol)

    monkeypatch.setattr(trial, "assess", watched)
    for season in (24, 12):
        window = WindowOptions(horizon=H, season=(season,))
        trial.try_out(folds, TrainOptions(window, NetworkOptions(hidden=4), FitOptions(epochs=1)), math.inf)
    assert asked == [((24,), 1), ((12,), 1)]


def test_settings_come_back_from_toml_as_they_were():
    options = TrainOptions(
        WindowOptions(horizon=7, season=(24, 168)),
        NetworkOptions(cell="tau-gru", dropout=0.1, structure=StructureOptions(attention=True, delay=24)),
        FitOptions(learning_rate=0.00123, max_seconds=60.0, threads=2), ValueOptions(min=-1.5, transform="asinh"))
    text = as_toml((options,), ["found by\ntune"])
    assert text.startswith("# found by\n# tune\n")
    table = tomllib.loads(text)
    plain = {word.name: word.default for word in words(TrainOptions)}
    assert table.keys() <= plain.keys()
    back = build(TrainOptions, {**plain, **table})
    assert back == replace(options, fit=replace(options.fit, max_seconds=None, threads=None))


def test_how_the_data_are_read_comes_back_too_whatever_its_words():
    read = ReadOptions(ColumnOptions(target_col=("load", 'a "größe" \U0001f600 \x7f'), past_col=("temperature",)),
                       TimeOptions(tz="Europe/Berlin"), FormatOptions(delimiter="\t", na_value=("n/a", "-")),
                       RowOptions(exclude="out ages.csv", duplicates="last"))
    table = tomllib.loads(as_toml((read, TrainOptions()), []))
    plain = {word.name: word.default for word in words(ReadOptions)}
    assert build(ReadOptions, {**plain, **{name: tuple(value) if isinstance(value, list) else value
                                           for name, value in table.items()}}) == read


def test_the_defaults_are_an_empty_table():
    assert tomllib.loads(as_toml((ReadOptions(), TrainOptions()), ["nothing was better"])) == {}


def test_values_after_the_report_part_begins_do_not_reach_a_fold():
    y = values(300)
    later = y.copy()
    later[270:] = 1e6
    one, two = (folds_of(panel_of(each), [270], H, 2) for each in (y, later))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.panel.series[0].y, second.panel.series[0].y)
