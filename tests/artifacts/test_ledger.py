"""The ledger keeps each forecast once, what came true of it, and when jobs ran."""

import numpy as np
import pytest

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Issued, Tally
from grucast.artifacts.state import open_state, read_state
from grucast.core.errors import ModelError
from grucast.core.results import Visit

LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture
def state(tmp_path):
    with open_state(tmp_path / "jobs.state") as opened:
        yield opened


def issued(cutoff, *, name="load", first=0.0):
    """A forecast of two steps."""
    said = first + np.arange(6.0).reshape(2, 3)
    return Issued(name, cutoff, "d1", LEVELS, np.array([cutoff + 1, cutoff + 2]), said, np.array([7.0, 8.0]))


def test_a_forecast_comes_back_as_it_was_issued(state):
    ledger.enter(state, "day", [issued(10.0)])
    (found,) = ledger.awaiting(state, "day", "load")
    assert (found.unique_id, found.cutoff, found.digest, found.levels) == ("load", 10.0, "d1", LEVELS)
    np.testing.assert_array_equal(found.due, [11.0, 12.0])
    np.testing.assert_array_equal(found.said, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found.naive, [7.0, 8.0])


def test_of_one_job_series_and_cutoff_the_first_forecast_counts(state):
    ledger.enter(state, "day", [issued(10.0)])
    ledger.enter(state, "day", [issued(10.0, first=100.0), issued(10.0, name="wind")])
    ledger.enter(state, "night", [issued(10.0)])
    assert [one.said[0, 0] for one in ledger.awaiting(state, "day", "load")] == [0.0]
    assert len(list(ledger.awaiting(state, "day", "wind"))) == 1
    assert ledger.jobs(state) == ["day", "night"]


def test_tallies_add_up_and_a_closed_forecast_lets_its_numbers_go(state):
    ledger.enter(state, "", [issued(10.0), issued(11.0)])
    first, _ = ledger.awaiting(state, "", "load")
    ledger.judge(state, "", first, Tally(1, 1, (0, 1), 2.0, 3.0), closed=False)
    ledger.judge(state, "", first, Tally(1, 0, (0, 0), 0.5, 0.25), closed=True)
    assert ledger.tallies(state, "") == [(10.0, 12.0, 1, Tally(2, 1, (0, 1), 2.5, 3.25))]
    assert [one.cutoff for one in ledger.awaiting(state, "", "load")] == [11.0]


def test_series_with_one_cutoff_are_counted_together(state):
    for name, truths in (("load", 1), ("wind", 2)):
        ledger.enter(state, "", [issued(10.0, name=name)])
        ledger.judge(state, "", issued(10.0, name=name), Tally(truths, truths, (0, 1), 2.0, 3.0), closed=False)
    assert ledger.tallies(state, "") == [(10.0, 12.0, 2, Tally(3, 3, (0, 2), 4.0, 6.0))]
    assert ledger.series_count(state, "") == 2


def test_errors_too_large_for_a_number_do_not_break_the_tally(state):
    ledger.enter(state, "", [issued(10.0)])
    (one,) = ledger.awaiting(state, "", "load")
    ledger.judge(state, "", one, Tally(1, 1, (1, 1), float("inf"), float("nan")), closed=False)
    ((*_, tally),) = ledger.tallies(state, "")
    assert tally.error == float("inf")
    assert np.isnan(tally.naive_error)


def test_only_the_newest_closed_forecasts_are_kept(state, monkeypatch):
    monkeypatch.setattr(ledger, "KEPT", 3)
    ledger.enter(state, "", [issued(float(cutoff)) for cutoff in range(10, 16)])
    for one in ledger.awaiting(state, "", "load"):
        ledger.judge(state, "", one, Tally(2, 2, (2, 2), 1.0, 1.0), closed=one.cutoff != 11.0)
    ledger.forget(state, "", "load")
    assert [cutoff for cutoff, *_ in ledger.tallies(state, "")] == [11.0, 13.0, 14.0, 15.0]  # 11 still waits


def test_widths_belong_to_the_model_they_were_learned_of(state):
    ledger.keep_widths(state, "day", "d1", [("load", np.array([0.1, -0.2])), ("wind", np.zeros(2))])
    ledger.keep_widths(state, "day", "d1", [("load", np.array([0.3, -0.4]))])
    np.testing.assert_array_equal(ledger.widths(state, "day", "d1")["load"], [0.3, -0.4])
    assert ledger.widths(state, "day", "d2") == {}
    assert ledger.widths(state, "night", "d1") == {}


def test_the_newest_runs_of_each_job_are_kept(state, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "VISITS", 2)
    for at in (5.0, 3.0, 9.0):
        ledger.note_visit(state, Visit("day", "forecast", at, 1e15 + at, "utc", 3600.0))
    ledger.note_visit(state, Visit("day", "detect-anomalies", 1.0, 4.5, "number", 0.0))
    with read_state(tmp_path / "jobs.state") as seen:
        found = ledger.visits(seen)
    assert [one.at for one in found["day", "forecast"]] == [5.0, 9.0]
    assert found["day", "detect-anomalies"] == [Visit("day", "detect-anomalies", 1.0, 4.5, "number", 0.0)]


def test_a_forecast_that_lacks_numbers_is_damage(state):
    ledger.enter(state, "", [issued(10.0)])
    state.write("UPDATE forecasts SET said = ?", b"\0" * 8)
    with pytest.raises(ModelError, match=r"jobs\.state: the state is damaged: a forecast of 'load' lacks numbers"):
        list(ledger.awaiting(state, "", "load"))
