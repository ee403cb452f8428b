"""Coverage, skill and the band in which a coverage is right, by hand; and how old rows are."""

import math
import time

import numpy as np
import pytest

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Issued, Tally
from grucast.artifacts.state import open_state
from grucast.core.errors import ModelError, UsageError
from grucast.core.results import Visit
from grucast.core.series import Clock
from grucast.workflows.monitoring import ages
from grucast.workflows.monitoring.standing import SURE, TOLERANCE, blocks, judged, standing_of
from grucast.workflows.status import allowed_silence
from tests.making import hourly_panel, series_of


def test_forecasts_that_overlap_are_one_block():
    assert blocks([(0, 10), (4, 14), (9, 19), (10, 20), (11, 21), (25, 35)]) == [0, 0, 0, 1, 1, 2]
    assert blocks([(0, 10), (0, 10), (0, 12)]) == [0, 0, 0]  # series side by side


def test_of_few_blocks_a_coverage_is_told_and_not_judged():
    found = judged(np.array([3.0, 5.0]), np.array([4.0, 6.0]), [0, 1], 0.8)
    assert (found.realised, found.band, found.right) == (0.8, None, None)
    assert judged(np.zeros(0), np.zeros(0), [], 0.8).realised is None


def test_the_band_is_that_of_a_ratio_over_blocks():
    """Twelve blocks of ten truths, half of them holding 10, half 7: mean .85, residuals +-1.5."""
    inside, bounded = np.array([10.0, 7.0] * 6), np.full(12, 10.0)
    found = judged(inside, bounded, list(range(12)), 0.8)
    error = math.sqrt(12 * 1.5**2 * 12 / 11) / 120
    assert error > math.sqrt(0.8 * 0.2 / 120)
    assert found.realised == pytest.approx(0.85)
    assert found.band == pytest.approx((0.8 - TOLERANCE - SURE * error, 0.8 + TOLERANCE + SURE * error))
    assert found.right is True


def test_blocks_that_all_hold_alike_are_no_surer_than_independent_truths():
    found = judged(np.full(20, 9.0), np.full(20, 9.0), list(range(20)), 0.95)
    assert found.band[0] == pytest.approx(0.95 - TOLERANCE - SURE * math.sqrt(0.95 * 0.05 / 180))
    assert found.right is True


@pytest.mark.parametrize(("held", "right"), [(60, False), (80, True), (100, False)])
def test_too_narrow_and_too_wide_are_both_wrong(held, right):
    blocks_ = 40
    assert judged(np.full(blocks_, float(held)), np.full(blocks_, 100.0), list(range(blocks_)), 0.8).right is right


@pytest.mark.parametrize("seed", range(3))
def test_right_intervals_are_rarely_called_wrong(seed):
    """Truths of a block err together: a block holds all of its ten with probability .8, or none."""
    rng = np.random.default_rng(seed)
    wrong = sum(judged(10.0 * (rng.random(60) < 0.8), np.full(60, 10.0), list(range(60)), 0.8).right is False
                for _ in range(300))
    assert wrong <= 3


def test_a_standing_adds_up_the_ledger(tmp_path):
    with open_state(tmp_path / "s") as state:
        for name, cutoff in (("a", 0.0), ("b", 0.0), ("a", 50.0), ("a", 60.0)):
            due = cutoff + np.array([1.0, 2.0])
            said = Issued(name, cutoff, "d", (0.1, 0.5, 0.9), due, np.zeros((2, 3)), np.zeros(2))
            ledger.enter(state, "day", [said])
            if cutoff < 60.0:  # the last one has met no truth
                ledger.judge(state, "day", said, Tally(2, 2, (1, 2), 3.0, 6.0), closed=True)
        found = standing_of(state, "day")
    assert (found.series, found.forecasts, found.truths, found.blocks) == (2, 3, 6, 2)
    assert {level: one.realised for level, one in found.coverage.items()} == {"80": 0.5, "95": 1.0}
    assert found.skill == 0.5
    assert found.wrong == []


def test_skill_over_a_naive_forecast_without_error_is_not_defined(tmp_path):
    with open_state(tmp_path / "s") as state:
        said = Issued("a", 0.0, "d", (0.1, 0.5, 0.9), np.array([1.0]), np.zeros((1, 3)), np.zeros(1))
        ledger.enter(state, "", [said])
        ledger.judge(state, "", said, Tally(1, 0, (0, 0), 1.0, 0.0), closed=True)
        assert standing_of(state, "").skill is None


# ---- how often a job runs ------------------------------------------------------------------------


def visits(*times, reach=0.0):
    return [Visit("", "forecast", float(at), 0.0, "utc", reach) for at in times]


def test_a_job_may_be_silent_for_three_of_its_intervals():
    assert allowed_silence(visits(*range(0, 36_000, 3600))) == 3 * 3600.0


def test_a_weekend_is_no_silence_to_a_job_of_working_days():
    day = 86_400
    times = [week * 7 * day + weekday * day for week in range(4) for weekday in range(5)]
    assert allowed_silence(visits(*times)) == 1.5 * 3 * day


def test_of_a_first_run_its_forecasts_may_run_out():
    assert allowed_silence(visits(5.0, reach=86_400.0)) == 86_400.0
    assert allowed_silence(visits(5.0, 6.0)) is None


def test_runs_by_hand_do_not_make_a_job_of_seconds():
    assert allowed_silence(visits(1.0, 2.0, 3.0)) == 600.0


# ---- how old rows are ----------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [
    ("36h", 129_600.0), ("1.5 d", 129_600.0), ("90s", 90.0), ("2W", 1_209_600.0),
])
def test_a_duration_is_read(text, seconds):
    assert ages.seconds_in(text, "--max-age") == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1 month", "0d", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match=r"--max-age .* is not a duration such as 36h or 7d"):
        ages.seconds_in(text, "--max-age")


NOON = np.datetime64("2024-06-01T12:00:00", "us").astype(np.int64)


def test_instants_are_compared_with_utc_and_local_stamps_with_the_clock_of_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "Etc/GMT-3")  # three hours east of Greenwich
    time.tzset()
    try:
        at = NOON / 1e6 + 60.0
        assert ages.age(float(NOON), "utc", at) == pytest.approx(60.0)
        assert ages.age(float(NOON), "local", at) == pytest.approx(60.0 + 3 * 3600)
        assert ages.age(4.0, "number", at) is None
        assert "2024-06-01T15:01:00" in ages.clock_in_words("local", at)
        assert ages.clock_in_words("utc", at) == "UTC, 2024-06-01T12:01:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("clock", "kind"), [
    (Clock(), "local"), (Clock(tz="Europe/Berlin"), "utc"), (Clock(kind="epoch_ms"), "utc"),
    (Clock(kind="row"), "number"), (Clock(kind="elapsed"), "number"),
])
def test_the_kind_of_an_axis_is_that_of_its_clock(clock, kind):
    assert ages.kind_of(clock) == kind


def test_data_whose_last_row_is_too_old_are_refused_by_name():
    panel = hourly_panel(series_of(np.arange(5.0)), series_of(np.arange(7.0), unique_id="b"))
    at = ages.visit_of("", "", panel, 0.0).last_row / 1e6 + 7200.0
    seen = ages.visit_of("", "", panel, at - ages.age(0.0, "local", 0.0))  # whatever the zone of this machine is
    ages.refuse_old_data("3h", seen, "f.csv")
    with pytest.raises(ModelError, match=r"f\.csv: its last row, 2024-01-01T06:00:00, is 2\.0 h old, and --max-age"):
        ages.refuse_old_data("1h", seen, "f.csv")


def test_a_visit_knows_how_far_its_forecasts_look():
    panel = hourly_panel(series_of(np.arange(5.0)))
    seen = ages.visit_of("day", "forecast", panel, 9.0, steps=24)
    assert (seen.job, seen.axis, seen.reach) == ("day", "local", 86_400.0)
    assert np.datetime64(int(seen.last_row), "us") == np.datetime64("2024-01-01T04")
