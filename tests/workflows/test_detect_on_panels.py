"""Runs with a state over several series, several columns and other axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from grucast.core.config import AlarmOptions, ArrivalOptions
from tests.command import Ended, run_installed, write_lines
from tests.workflows.going_on_making import Job, number

SMALL = ("-q", "--epochs", "1", "--threads", "1", "--hidden", "4", "--context-length", "24", "--horizon", "6",
         "--season", "24")
NAMES = ("unique_id", "ds", "y", "channel", "is_anomaly", "flags")
NUMBERS = ("score", "p_value", "threshold", "y_hat")


def by_row(lines):
    return {(one["unique_id"], one["ds"], one["channel"]): one for one in lines}


def assert_same(said, whole):
    """The lines of runs are those of one run over all, in whatever order."""
    assert len(said) == len(whole)
    mine, theirs = by_row(said), by_row(whole)
    assert mine.keys() == theirs.keys()
    for key, one in theirs.items():
        assert [mine[key][name] for name in NAMES] == [one[name] for name in NAMES]
    for name in NUMBERS:
        values = ([number(lines[key][name]) for key in theirs] for lines in (mine, theirs))
        np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-9, err_msg=name)


def wave(rows, *, seed, stamps=True, level=50.0):
    """(stamp, value) of rows, a day in them, and a fault now and then."""
    at = np.arange(rows)
    rng = np.random.default_rng(seed)
    y = level + 10 * np.sin(at * np.pi / 12) + rng.normal(0, 1, rows)
    y[rng.integers(rows // 2, rows, 4)] += 60
    return [(str(np.datetime64("2024-03-01T00:00:00") + one * np.timedelta64(1, "h")) if stamps else str(one), value)
            for one, value in zip(at.tolist(), y.tolist(), strict=True)]


def train(folder, header, lines, *words):
    write_lines(folder / "load.csv", lines, header)
    assert run_installed("train", "load.csv", *SMALL, *words, folder=folder) == Ended(0, "", "")
    return folder / "load.grucast"


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Lines of three series that begin at different times, and a model of two of them."""
    series = {"a": wave(500, seed=1), "b": wave(500, seed=2, level=500.0), "c": wave(500, seed=3)[60:]}
    lines = sorted(((stamp, name, value) for name, rows in series.items() for stamp, value in rows))
    text = [f"{stamp},{name},{value!r}" for stamp, name, value in lines]
    known = [line for line in text if ",c," not in line][:800]
    return text, train(tmp_path_factory.mktemp("long"), "ds,unique_id,y", known)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Lines with two columns to watch and one beside them, and a model."""
    one, other = wave(500, seed=4), wave(500, seed=5, level=-3.0)
    beside = np.random.default_rng(6).normal(0, 1, 500).tolist()
    text = [f"{stamp},{value!r},{more!r},{past!r}" for (stamp, value), (_, more), past in
            zip(one, other, beside, strict=True)]
    return text, train(tmp_path_factory.mktemp("wide"), "ds,load,speed,wind", text[:400], "--past-col", "wind")


def test_the_series_of_a_long_file_go_on_each_by_itself(long, tmp_path):
    lines, model = long
    lines = [line for line in lines if ",c," not in line]
    job = Job(tmp_path, model, header="ds,unique_id,y")
    for start, stop in ((0, 700), (700, 703), (703, 851), (851, len(lines))):
        job.grow(lines[start:stop])
    whole, events = job.oracle()
    assert_same(job.said, whole)
    assert {one["event_id"] for one in job.table()} == {one["event_id"] for one in events}
    assert len(events) > 2


def test_a_series_that_the_model_does_not_know_has_the_scale_of_its_first_rows(long, tmp_path):
    lines, model = long
    job = Job(tmp_path, model, header="ds,unique_id,y")
    job.grow(lines[:900])
    whole, _ = job.oracle()
    assert_same(job.said, whole)
    for start in range(900, len(lines), 60):
        job.grow(lines[start : start + 60])
    scores = [number(one["score"]) for one in job.said if one["unique_id"] == "c"]
    assert np.isfinite(scores[24:]).all()


def test_a_series_that_comes_later_is_taken_in(long, tmp_path):
    lines, model = long
    job = Job(tmp_path, model, header="ds,unique_id,y")
    for start, stop in ((0, 100), (100, 140), (140, 400), (400, 600)):
        job.grow(lines[start:stop])
    whole, _ = job.oracle()
    known = [one for one in whole if one["unique_id"] != "c"]
    assert_same([one for one in job.said if one["unique_id"] != "c"], known)
    mine = [one for one in job.said if one["unique_id"] == "c"]
    theirs = [one for one in whole if one["unique_id"] == "c"]
    assert [(one["ds"], one["score"] != "") for one in mine] == [(one["ds"], one["score"] != "") for one in theirs]


def test_columns_and_covariates_go_on(wide, tmp_path):
    lines, model = wide
    job = Job(tmp_path, model, header="ds,load,speed,wind")
    for start, stop in ((0, 401), (401, 402), (402, 480), (480, 500)):
        job.grow(lines[start:stop])
    whole, events = job.oracle()
    assert_same(job.said, whole)
    assert {one["event_id"] for one in job.table()} == {one["event_id"] for one in events}


def test_a_line_a_column_is_written_where_it_is_asked_for(wide, tmp_path):
    lines, model = wide
    job = Job(tmp_path, model, header="ds,load,speed,wind")
    job.grow(lines[:450])
    before = len(job.said)
    job.grow(lines[450:460], per_channel=True)
    assert [one["unique_id"] for one in job.said[before:]] == ["load", "speed"] * 10


def test_local_stamps_go_on_through_the_hour_that_comes_twice(tmp_path):
    instants = np.datetime64("2024-10-20T00:00") + np.arange(400) * np.timedelta64(30, "m")
    change = np.datetime64("2024-10-27T01:00")  # UTC
    local = [str(one + np.timedelta64(2 if one < change else 1, "h")) + ":00" for one in instants]
    y = (50 + 10 * np.sin(np.arange(400) * np.pi / 24) + np.random.default_rng(3).normal(0, 1, 400)).tolist()
    lines = [f"{stamp},{value!r}" for stamp, value in zip(local, y, strict=True)]
    model = train(tmp_path, "ds,load", lines[:300], "--tz", "Europe/Berlin")
    twice = local.index("2024-10-27T02:00:00")
    job = Job(tmp_path, model)
    for start, stop in ((0, twice + 1), (twice + 1, twice + 3), (twice + 3, twice + 4), (twice + 4, 400)):
        job.grow(lines[start:stop])
    assert_same(job.said, job.oracle()[0])


def test_an_axis_of_seconds_and_one_without_a_grid_go_on(tmp_path):
    rng = np.random.default_rng(8)
    for kind, axis in (("even", np.arange(400) * 0.5), ("uneven", np.cumsum(rng.uniform(0.2, 3.0, 400)))):
        folder = tmp_path / kind
        folder.mkdir()
        lines = [f"{at!r},{value!r}" for at, (_, value) in
                 zip(np.round(axis, 3).tolist(), wave(400, seed=9), strict=True)]
        job = Job(folder, train(folder, "time_s,load", lines[:300]), header="time_s,load")
        for start, stop in ((0, 300), (300, 301), (301, 350), (350, 400)):
            job.grow(lines[start:stop])
        assert_same(job.said, job.oracle()[0])


def test_a_late_row_of_an_axis_without_a_grid_is_put_between_the_others(tmp_path):
    axis = np.round(np.cumsum(np.random.default_rng(8).uniform(0.2, 3.0, 400)), 3).tolist()
    lines = [f"{at!r},{value!r}" for at, (_, value) in zip(axis, wave(400, seed=9), strict=True)]
    job = Job(tmp_path, train(tmp_path, "time_s,load", lines[:300]), header="time_s,load")
    job.grow([*lines[:380], *lines[381:390]])
    before = len(job.said)
    assert job.grow([lines[380], *lines[390:]]).counts.late == 1
    whole = by_row(job.oracle([*lines])[0])
    mine = [one | {"flags": ""} for one in job.said[before:]]
    assert len(mine) == 11
    assert_same(mine, [whole[key] for key in by_row(mine)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_however_rows_arrive_they_are_scored_as_if_all_had_been_there(wide, tmp_path_factory, data):
    """Rows in any order within the lateness, in runs of any size: each is scored as a run over all known rows does."""
    lines, model = wide
    first = data.draw(some.integers(380, 440), label="rows of the first run")
    late = 20
    held = data.draw(some.lists(some.integers(first, 480), max_size=5, unique=True), label="rows that come late")
    delay = {row: data.draw(some.integers(1, late - 1), label="by") for row in held}
    gone = data.draw(some.lists(some.integers(first, 480), max_size=4, unique=True), label="rows that never come")
    order = sorted({*range(first, 500)} - {*gone}, key=lambda row: (row + delay.get(row, 0), row))
    cuts = sorted(data.draw(some.lists(some.integers(0, len(order)), max_size=6), label="runs"))
    job = Job(tmp_path_factory.mktemp("any"), model, header="ds,load,speed,wind",
              alarm=AlarmOptions(rule=data.draw(some.sampled_from(["pot-stream", "dynamic"]))))
    arrival = ArrivalOptions(lateness=f"{late + len(gone) + 5}h")
    job.grow(lines[:first], arrival=arrival)
    for start, stop in zip([0, *cuts], [*cuts, len(order)], strict=True):
        before = len(job.said)
        job.grow([lines[row] for row in order[start:stop]], arrival=arrival)
        whole = by_row(job.oracle(sorted(job.lines))[0])
        mine = [one | {"flags": ""} for one in job.said[before:]]
        assert_same(mine, [whole[(one["unique_id"], one["ds"], by_stamp(whole)[one["ds"]])] for one in mine])
    assert len({one["event_id"] for one in job.events}) == len(job.events)


def by_stamp(whole):
    """The channel that a run over the whole file names, by stamp."""
    return {ds: channel for _, ds, channel in whole}
