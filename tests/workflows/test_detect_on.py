"""Runs over a file that grows say what one run over the whole file says, and each event once."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.config import AlarmOptions
from tests.command import hourly
from tests.workflows.going_on_making import Job, number

ROWS = 1300
WORDS = ("event_id", "unique_id", "start", "end", "peak", "rows", "channels", "flags", "reason")
SAME = ("unique_id", "ds", "y", "channel", "is_anomaly", "flags")


def faulty(rows: int = ROWS) -> list[str]:
    """Hourly loads with spikes, a stuck sensor, missing rows and empty cells."""
    lines = hourly(rows)
    stamps = [line.split(",")[0] for line in lines]
    for at in (220, 221, 700, 1201, 1202, 1204, 1250):
        lines[at] = f"{stamps[at]},{150 + at % 7}"
    still = lines[1100].split(",")[1]
    lines[1101:1115] = [f"{stamp},{still}" for stamp in stamps[1101:1115]]
    for at in (300, 1203, 1260):
        lines[at] = f"{stamps[at]},"
    return [line for at, line in enumerate(lines) if at not in (500, 501, 502, 1230, 1231)]


def assert_same_lines(said, whole):
    """The score lines of runs are those of one run over all, to ten digits."""
    assert [[one[name] for name in SAME] for one in said] == [[one[name] for name in SAME] for one in whole]
    for name in ("score", "p_value", "threshold", "y_hat"):
        mine, theirs = ([number(one[name]) for one in lines] for lines in (said, whole))
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9, err_msg=name)


def assert_same_events(job: Job, whole):
    """Each event was raised once, and as the state has them by now they are those of one run over all."""
    assert [one["event_id"] for one in job.events] == [one["event_id"] for one in whole]
    ended = {one["event_id"] for one in job.ended}
    for one, table, raised in zip(whole, job.table(), job.events, strict=True):
        assert {name: table[name] for name in WORDS} == {name: one[name] for name in WORDS}
        assert table["severity"] == pytest.approx(one["severity"], rel=1e-6)
        assert raised["start"] == one["start"]
        assert (one["event_id"] in ended) == (raised["end"] is None and one["end"] is not None)


@pytest.fixture
def job(watcher, tmp_path) -> Job:
    return Job(tmp_path, watcher / "load.grucast")


@pytest.mark.parametrize("rule", ["pot-stream", "pot", "dynamic"])
def test_runs_over_a_growing_file_say_what_one_run_over_it_says(job, rule):
    job.alarm = AlarmOptions(rule=rule, false_alarms="1 per 200 rows")
    lines = faulty()
    for start, stop in ((0, 30), (30, 31), (31, 600), (600, 1195), (1195, 1196), (1196, 1202), (1202, 1210),
                        (1210, 1290), (1290, len(lines))):
        job.grow(lines[start:stop])
    whole, events = job.oracle()
    assert_same_lines(job.said, whole)
    assert len(events) > 3
    assert_same_events(job, events)
