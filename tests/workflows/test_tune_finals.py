"""The second stage of `grucast tune`: where finalists meet the defaults, what is kept, what the choice stands on."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.core.progress import silent
from grucast.workflows.tune import TuneRequest, summary, tune
from grucast.workflows.tuning import finals, trial
from grucast.workflows.tuning.trial import Outcome
from tests.command import hourly, write_lines

OPTIONS = TrainOptions(WindowOptions(horizon=12, context_length=48, season=(24,)))
FEW = TrainOptions(OPTIONS.window, NetworkOptions(cell="gru", dropout=0.1), FitOptions(batch_size=64))  # to search
ROWS = 480  # the report part is the last 48


class Bench:
    """A stand-in for trainings: an error for each fold, by `error_of(options, row where it ends)`; what was asked."""

    def __init__(self, error_of):
        self.error_of, self.trials, self.finals, self.stop_after = error_of, [], [], math.inf

    def __call__(self, folds, options, deadline, told=None):
        ends = [fold.splits[0].report for fold in folds]
        if len(folds) == 1:
            if len(self.finals) >= self.stop_after:
                raise KeyboardInterrupt
            self.finals.append((ends[0], options.network, options.fit.seed))
        else:
            self.trials.append(options)
        errors = tuple(self.error_of(options, end) for end in ends)
        return Outcome(sum(errors) / len(errors), 1, 1, 0.1, cut=time.monotonic() > deadline, errors=errors)


def narrow(options):
    return options.network.hidden == 64


@pytest.fixture
def data(tmp_path):
    return str(write_lines(tmp_path / "load.csv", hourly(ROWS)))


@pytest.fixture
def bench(monkeypatch):
    def put(error_of):
        found = Bench(error_of)
        monkeypatch.setattr(trial, "try_out", found)
        return found

    return put


def request(data, *, trials=8, **more):
    return TuneRequest((data,), ReadOptions(), more.pop("options", OPTIONS), trials=trials, **more)


def test_finalists_and_defaults_meet_at_further_origins_each_with_its_seed(data, bench):
    found = bench(lambda options, end: 0.9 if narrow(options) else 1.0)
    report = tune(request(data)).report
    ends = sorted({end for end, *_ in found.finals}, reverse=True)
    first = 432 - 2 * 43  # two trials' origins, of 43 rows each, before the report part at 432
    assert ends == [first - place * 34 for place in range(4)]  # (346 - 172) // 5 rows: 172 are to learn from
    assert len(found.finals) == 3 * 4 == report["choice"]["trainings"]  # eight trials send two
    assert {seed for end, _, seed in found.finals if end == first} == {1}
    assert len({(end, seed) for end, _, seed in found.finals}) == 4
    assert report["choice"]["origins"] == 6
    assert report["settings"] == {"hidden": 64}


def test_a_gain_at_the_origins_of_the_trials_alone_keeps_the_defaults(data, bench):
    bench(lambda options, end: 0.8 if narrow(options) and end > 350 else 1.02 if narrow(options) else 1.0)
    result = tune(request(data))
    [lucky, *_] = result.report["choice"]["finalists"]
    assert (lucky["settings"], lucky["worse"], lucky["holds"]) == ({"hidden": 64}, 4, False)
    assert lucky["errors"] == [[0.8], [0.8], [1.02], [1.02], [1.02], [1.02]]
    assert result.report["settings"] == {}
    assert result.report["choice"]["ratio"] == 1.0
    assert "nothing was better by more than noise over 6 origins" in summary(result.report)


def test_the_error_told_stays_that_of_the_trials_and_the_ratio_that_of_all_origins(data, bench):
    bench(lambda options, end: (0.9 if narrow(options) else 1.0) * (10 if end > 400 else 1))
    report = tune(request(data)).report
    assert (report["error"], report["default_error"], report["origins"]) == (pytest.approx(4.95), 5.5, 2)
    assert report["choice"]["ratio"] == pytest.approx(0.9)
    assert "over 6 origins 10.0% lower than theirs" in summary(report)


def test_short_series_meet_again_at_the_origins_of_the_trials(tmp_path, bench):
    found = bench(lambda options, end: 0.9 if narrow(options) else 1.0)
    short = str(write_lines(tmp_path / "short.csv", hourly(100)))
    options = TrainOptions(WindowOptions(horizon=12, context_length=16, season=(24,)))
    report = tune(request(short, options=options)).report
    ends = [end for end, *_ in found.finals[::3]]
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == len(ends) == 2
    assert report["choice"]["origins"] == 2
    assert report["choice"]["finalists"][0]["errors"] == [[0.9, 0.9], [0.9, 0.9]]


def test_an_interrupted_final_goes_on_without_loss_and_ends_as_an_uninterrupted_one(data, tmp_path, bench):
    def error_of(options, end):
        drawn = np.random.default_rng((end, options.network.hidden or 0, options.network.layers, options.fit.seed))
        return float(np.exp(drawn.normal(-0.05 if narrow(options) else 0.0, 0.03)))

    whole = bench(error_of)
    expected = tune(request(data, storage=tmp_path / "whole.db")).report
    parted = bench(error_of)
    parted.stop_after = 5
    with pytest.raises(KeyboardInterrupt):
        tune(request(data, storage=tmp_path / "parted.db"))
    parted.stop_after = math.inf
    heard = []
    request_again = request(data, storage=tmp_path / "parted.db")
    found = tune(request_again, lambda stage, done, total, text="": heard.append((stage, done, total))).report
    assert (parted.finals, len(parted.trials)) == (whole.finals, len(whole.trials))
    assert [one for one in heard if one[0] == "finals"] == [("finals", done, 12) for done in range(5, 13)]
    for key in ("choice", "history", "settings", "number", "error"):
        assert found[key] == expected[key]


def test_trials_after_an_interruption_are_those_of_an_uninterrupted_search(data, tmp_path, bench):
    def error_of(options, end):
        return 1.0 + (options.network.hidden or 128) / 1000 + (options.fit.learning_rate or 0.004)

    bench(error_of)
    expected = tune(request(data, trials=11, options=FEW, storage=tmp_path / "whole.db")).report
    found = bench(error_of)
    for stop in (3, 9):
        def interrupt(folds, options, deadline, told=None, stop=stop):
            if len(found.trials) == stop:
                raise KeyboardInterrupt
            return found(folds, options, deadline, told)

        trial.try_out = interrupt
        with pytest.raises(KeyboardInterrupt):
            tune(request(data, trials=11, options=FEW, storage=tmp_path / "parted.db"))
    trial.try_out = found
    again = tune(request(data, trials=11, options=FEW, storage=tmp_path / "parted.db")).report
    assert [one["settings"] for one in again["history"]] == [one["settings"] for one in expected["history"]]
    assert again["settings"] == expected["settings"]


def test_the_first_trials_change_one_setting_each_and_later_ones_join_what_helped(data, bench):
    bench(lambda options, end: 1 - 0.1 * narrow(options) - 0.05 * (options.network.layers == 2))
    history = tune(request(data, trials=7, options=FEW)).report["history"]
    assert [one["settings"] for one in history] == [
        {}, {"learning_rate": 0.0016}, {"transform": "asinh"}, {"layers": 2}, {"hidden": 64}, {"transform": "log"},
        {"layers": 2, "hidden": 64}]


def test_no_stage_sees_a_row_of_the_report_part(tmp_path, monkeypatch):
    def seen(folds, options, deadline, told=None):
        # an error that every value handed over has a part in
        errors = tuple(1.5 + math.sin(float(np.nansum(one.y * np.arange(1, len(one) + 1)[:, None])))
                       for fold in folds for one in fold.panel.series)
        return Outcome(sum(errors) / len(errors) * (options.network.layers or 1), 1, 1, 0.1, cut=False, errors=errors)

    monkeypatch.setattr(trial, "try_out", seen)
    lines, reports = hourly(ROWS), []
    for change in (False, True, "before"):
        start = ROWS - 48 - (change == "before")
        told = [f"{line.split(',')[0]},{1e4 + place}" if change and place >= start else line
                for place, line in enumerate(lines)]
        write_lines(tmp_path / "load.csv", told)
        reports.append(tune(request(str(tmp_path / "load.csv"))).report)
    plain, perturbed, earlier = ([one[key] for key in ("choice", "history", "settings", "error")] for one in reports)
    assert plain == perturbed
    assert plain != earlier  # one row before it is seen


def test_time_that_runs_out_in_the_final_is_said_with_how_many_origins_the_choice_stands_on(data, bench, monkeypatch):
    def error_of(options, end):
        if end == 346 - 34:  # at the second of the further origins
            monkeypatch.setattr(time, "monotonic", lambda: math.inf)
        return 0.9 if narrow(options) else 1.0

    bench(error_of)
    options = TrainOptions(OPTIONS.window, OPTIONS.network, FitOptions(max_seconds=600.0))
    clock = time.monotonic
    try:
        report = tune(request(data, options=options)).report
    finally:
        monkeypatch.setattr(time, "monotonic", clock)
    assert any("time ran out after 3 of 12 trainings of the finalists: the choice stands on 3 origins" in note
               for note in report["notes"])
    assert report["settings"] == {"hidden": 64}


def test_with_the_defaults_alone_there_is_no_final(data, bench):
    found = bench(lambda options, end: 1.0)
    result = tune(request(data, trials=1), silent)
    assert found.finals == []
    assert result.report["choice"]["origins"] == 0
    assert "nothing else was tried" in result.toml


def test_settings_that_fail_at_a_further_origin_are_not_chosen(data, bench):
    bench(lambda options, end: math.nan if narrow(options) and end < 300 else 0.5 if narrow(options) else 1.0)
    report = tune(request(data)).report
    assert report["settings"] == {}
    assert report["choice"]["finalists"][0]["errors"][-1] == [None]


def test_finalists_are_as_many_as_there_is_time_for_and_what_is_kept_costs_nothing():
    def bouts(number):
        return [finals.Bout(f"{number} {place}", number, place, None, TrainOptions(), math.inf) for place in range(4)]

    each = {number: bouts(number) for number in (0, 7, 3, 9)}  # the defaults first, then by rank
    assert finals.affordable(each, {}, math.inf) == [0, 7, 3, 9]
    assert finals.affordable(each, {}, 15.9) == [0, 7, 3]
    assert finals.affordable(each, {}, 0.0) == [0, 7]  # one always has its chance
    assert finals.affordable(each, {bout.name: 1.0 for bout in each[7]}, 12.0) == [0, 7, 3, 9]
