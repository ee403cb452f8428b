"""`forecast --state`: each forecast is set against what came true, and intervals follow."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Issued
from grucast.artifacts.state import open_state, read_state
from grucast.core.config import ReadOptions, StateOptions
from grucast.forecasting.adaptive import GAIN
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.monitoring.duty import Duty
from grucast.workflows.predicting.ledger import axis, rows_of
from tests.command import hourly, run_installed, write_lines

NOW = 1_706_000_000.0


def run(folder, rows, *, job=None, state="jobs.state", horizon=None, lines=None):
    """Forecast from the first `rows` hours of the data that `tiny` was trained on."""
    write_lines(folder / "now.csv", lines or hourly(rows))
    duty = Duty(StateOptions(folder / state, job), clock=lambda: NOW + rows)
    return forecast(ForecastRequest(str(folder / "now.csv"), folder / "load.grucast", ReadOptions(), horizon=horizon,
                                    duty=duty))  # fmt: skip


def tallies(folder, job=""):
    with read_state(folder / "jobs.state") as state:
        return ledger.tallies(state, job)


# ---- which row a step is about -------------------------------------------------------------------


def waiting(cutoff, due):
    wanted = np.asarray(due, dtype=float)
    return Issued("a", cutoff, "d", (0.1, 0.5, 0.9), wanted, np.zeros((len(due), 3)), np.zeros(len(due)))


def test_a_step_is_about_the_row_whose_stamp_is_nearest():
    place = np.array([10.0, 20.0, 30.4, 47.0])
    assert rows_of(waiting(20.0, [30.0, 40.0, 50.0]), place, by_order=False).tolist() == [2, -1, 3]


def test_a_step_that_had_its_truth_is_about_no_row():
    place = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    assert rows_of(waiting(10.0, [20.0, np.nan, 40.0, np.nan]), place, by_order=False).tolist() == [1, -1, 3, -1]


def test_rows_without_a_frequency_are_counted_from_the_cutoff():
    place = np.array([10.0, 20.0, 21.0, 70.0])
    assert rows_of(waiting(20.0, [30.0, 40.0, 50.0]), place, by_order=True).tolist() == [2, 3, -1]
    assert rows_of(waiting(5.0, [30.0, 40.0, 50.0]), place, by_order=True).tolist() == [-1, -1, -1]  # rotated away


def test_no_rows_tell_nothing():
    assert rows_of(waiting(20.0, [30.0]), np.zeros(0), by_order=False).tolist() == [-1]
    assert rows_of(waiting(20.0, [30.0]), np.array([30.0]), by_order=False).tolist() == [0]


# ---- runs ----------------------------------------------------------------------------------------


def test_a_first_run_gives_the_forecast_that_there_is_without_a_state(tiny):
    first = run(tiny, 400)
    plain = forecast(ForecastRequest(str(tiny / "now.csv"), tiny / "load.grucast", ReadOptions()))
    assert first.rows == plain.rows
    assert (first.standing.forecasts, plain.standing) == (0, None)


def test_truths_are_counted_once_they_are_there(tiny):
    run(tiny, 400)
    standing = run(tiny, 403).standing
    assert (standing.forecasts, standing.truths, standing.series) == (1, 3, 1)
    assert run(tiny, 403).standing == standing  # the same cutoff again: nothing new


def test_coverage_and_errors_are_those_of_what_was_printed(tiny):
    said = run(tiny, 400)
    truth = np.array([float(line.partition(",")[2]) for line in hourly(410)[400:]])
    rows = [dict(zip(said.columns, row, strict=True)) for row in said.rows[:10]]
    run(tiny, 410)
    ((cutoff, until, count, tally),) = tallies(tiny)[:1]
    assert count == 1
    assert until - cutoff == len(said.rows) * 3_600_000_000
    assert tally.truths == 10
    met = list(zip(rows, truth, strict=True))
    assert tally.inside == tuple(sum(row[f"lo-{level}"] <= y <= row[f"hi-{level}"] for row, y in met)
                                 for level in (80, 95))  # fmt: skip
    np.testing.assert_allclose(tally.error, np.abs(truth - [row["y_hat"] for row in rows]).sum())
    past = np.array([float(line.partition(",")[2]) for line in hourly(400)])
    np.testing.assert_allclose(tally.naive_error, np.abs(truth - past[376:386]).sum())  # a day before


def test_intervals_that_miss_grow_and_the_median_stays(tiny):
    """Truths far outside of every interval for one row: each width moves by gain x weight x coverage."""
    first = run(tiny, 400)
    far = [*hourly(400), "2024-01-17T16:00:00,1000.0"]
    plain = forecast(ForecastRequest(str(write_lines(tiny / "far.csv", far)), tiny / "load.grucast", ReadOptions()))
    grown = run(tiny, 401, lines=far)
    steps = len(first.rows)
    with read_state(tiny / "jobs.state") as state:
        width = ledger.widths(state, "", grown.digest)["load"]
    np.testing.assert_allclose(width, GAIN / np.sqrt(steps) * np.array([0.95, 0.9, 0.8, 0.6, 0.4, 0.2]))
    for before, after in zip(plain.rows, grown.rows, strict=True):
        old, new = (dict(zip(plain.columns, row, strict=True)) for row in (before, after))
        assert new["y_hat"] == old["y_hat"]
        for level, place in ((95, 0), (80, 2)):
            np.testing.assert_allclose(new[f"hi-{level}"] - new["y_hat"],
                                       np.exp(width[place]) * (old[f"hi-{level}"] - old["y_hat"]))  # fmt: skip


def test_a_value_that_is_missing_is_waited_for(tiny):
    run(tiny, 400)
    lines = hourly(403)
    lines[401] = lines[401].partition(",")[0] + ","
    assert run(tiny, 403, lines=lines).standing.truths == 2
    assert run(tiny, 404).standing.truths == 4 + 1  # the missing one came, and the forecast from 403 meets its first


def test_a_forecast_whose_time_is_long_past_waits_no_more(tiny):
    run(tiny, 400, horizon=4)
    run(tiny, 450, horizon=4, lines=hourly(450)[410:])  # the rows in between never came: a new file
    with open_state(tiny / "jobs.state") as state:
        (waits,) = ledger.awaiting(state, "", "load")
    assert waits.cutoff == axis(np.array(["2024-01-19T17"], "M8[us]"))


def test_jobs_that_share_a_file_do_not_mix(tiny):
    run(tiny, 400, job="a")
    assert run(tiny, 402, job="b").standing.truths == 0
    assert run(tiny, 402, job="a").standing.truths == 2


@pytest.mark.parametrize(("words", "says"), [
    (("--job", "a"), "--job would change nothing without --state FILE"),
    (("--wait",), "--wait would change nothing without --state FILE"),
    (("--state", "s.db", "--cutoff", "2024-01-05"), "--cutoff and --state do not go together"),
])
def test_options_that_do_not_go_together_are_refused(tiny, words, says):
    ended = run_installed("forecast", "load.csv", *words, folder=tiny)
    assert ended.code == 2
    assert says in ended.error
    assert not (tiny / "s.db").exists()


def test_the_command_tells_the_ledger_in_json_and_leaves_no_other_file(tiny):
    before = {one.name for one in tiny.iterdir()}
    for rows in (400, 401):
        write_lines(tiny / "load.csv", hourly(rows))
        ended = run_installed("forecast", "-q", "--json", "--state", "s.db", "--job", "day", folder=tiny)
        assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)["ledger"]
    assert (told["job"], told["forecasts"], told["truths"]) == ("day", 1, 1)
    assert {one.name for one in tiny.iterdir()} - before == {"s.db", ".s.db.lock"}
