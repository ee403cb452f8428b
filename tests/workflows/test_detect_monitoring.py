"""`detect-anomalies --max-age --metrics-file`, with and without a state: what monitors are told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.command import Ended, hourly, run_installed, write_lines
from tests.workflows.test_metrics_file import read_back

MINE = 'job="",command="detect-anomalies"'


@pytest.fixture
def folder(watcher, tmp_path) -> Path:
    """The folder of the test with `load.csv`, 1,200 hours, and the model that watches them."""
    for name in ("load.csv", "load.grucast"):
        shutil.copyfile(watcher / name, tmp_path / name)
    return tmp_path


def spiked(rows: int) -> list[str]:
    """Loads whose hour 1180 is far off."""
    lines = hourly(rows)
    lines[1180] = lines[1180].partition(",")[0] + ",900.0"
    return lines


def test_the_figures_of_a_run_are_those_of_what_it_printed(folder):
    write_lines(folder / "load.csv", spiked(1200))
    ended = run_installed("detect-anomalies", "--json", "-q", "--metrics-file", "m.prom", folder=folder)
    told, found = json.loads(ended.out), read_back((folder / "m.prom").read_text())
    assert found["grucast_rows_scored", MINE] == told["rows_scored"]
    assert found["grucast_events", MINE] == len(told["events"]) > 0
    assert found["grucast_events_open", MINE] == sum(one["end"] is None for one in told["events"])
    assert found["grucast_last_row_timestamp_seconds", MINE] == found["grucast_model_last_row_timestamp_seconds", MINE]


def test_a_job_is_seen_by_status(folder):
    words = ("detect-anomalies", "-q", "--state", "s.db", "--job", "night", "--metrics-file", "m.prom", "-o", "e.csv")
    for rows in (1198, 1200):
        write_lines(folder / "load.csv", hourly(rows))
        assert run_installed(*words, folder=folder) == Ended(0, "", "")
    found = read_back((folder / "m.prom").read_text())
    assert found["grucast_rows_scored", 'job="night",command="detect-anomalies"'] == 2.0
    seen = json.loads(run_installed("status", "--json", "--state", "s.db", folder=folder).out)
    (job,) = seen["jobs"]
    assert (job["job"], job["command"], job["runs"]) == ("night", "detect-anomalies", 2)
    assert job["last_row"] == "2024-02-19T23:00:00"


@pytest.mark.parametrize("more", [(), ("--state", "s.db")])
def test_an_old_model_is_refused_before_anything_is_done(folder, more):
    ended = run_installed("detect-anomalies", "--max-age", "30d", "--metrics-file", "m.prom", *more, folder=folder)
    assert ended.code == 78
    assert "load.grucast: the last row it was trained on, 2024-02-19T23:00:00, is " in ended.error
    assert not (folder / "m.prom").exists()
    assert not (folder / "s.db").exists()


def test_a_stream_writes_no_figures(folder):
    ended = run_installed("detect-anomalies", "--follow", "--metrics-file", "m.prom", folder=folder)
    assert ended.code == 2
    assert "--follow and --metrics-file do not go together" in ended.error
