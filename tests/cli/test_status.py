"""`grucast status`: 0 where all is well, 78 with a line for each problem where it is not."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from grucast.artifacts import ledger
from grucast.artifacts.ledger import Issued, Tally
from grucast.artifacts.state import open_state
from grucast.core.results import Visit
from grucast.workflows.detecting.alarm_table import to_tell
from grucast.workflows.detecting.table import COLUMNS
from tests.command import run_installed

HOUR = 3600.0


@pytest.fixture
def state(tmp_path):
    """The path of a state with a job that ran every hour, just now; its 95 % interval held 19 of 20."""
    path = tmp_path / "jobs.state"
    with open_state(path) as opened, opened.transaction():
        add_runs(opened, "day", last=time.time())
        add_forecasts(opened, "day", inside=(16, 19))
        for name, begin, going in (("e1", 10, 0), ("e2", 5, 1)):
            opened.write("INSERT INTO events (event_id, job, unique_id, begin, stop, open, document, digest, raised,"
                         " to_print, to_tell) VALUES (?, 'day', 'load', ?, ?, ?, ?, 'd', '2024-01-01T00:00:00Z', 0, 0)",
                         name, begin, begin + 1, going, document(name, f"load {begin}"))
    return path


def document(name, reason):
    return json.dumps(dict.fromkeys(COLUMNS) | {"event_id": name, "reason": reason})


def add_runs(opened, job, *, last, runs=5):
    for back in range(runs):
        at = last - back * HOUR
        ledger.note_visit(opened, Visit(job, "forecast", at, (at - 60) * 1e6, "utc", 24 * HOUR))


def add_forecasts(opened, job, *, inside, count=30):
    for number in range(count):
        cutoff = 100.0 * number
        due = cutoff + np.arange(1.0, 21.0)
        said = Issued("load", cutoff, "d", (0.1, 0.5, 0.9), due, np.zeros((20, 3)), np.zeros(20))
        ledger.enter(opened, job, [said])
        ledger.judge(opened, job, said, Tally(20, 20, inside, 5.0, 10.0), closed=True)


def ask(folder, *words):
    ended = run_installed("status", "--json", *words, folder=folder)
    return ended, json.loads(ended.out)


def test_all_is_well(tmp_path, state):
    ended, found = ask(tmp_path, "--state", "jobs.state", "--max-age", "2h")
    assert (ended.code, ended.err, found["ok"], found["problems"]) == (0, "", True, [])
    assert found["model"] is None  # there is none in this folder, and none was named
    (job,) = found["jobs"]
    assert (job["job"], job["command"], job["runs"], job["alive"], job["fresh"]) == ("day", "forecast", 5, True, True)
    assert job["allowed_seconds"] == pytest.approx(3 * HOUR)
    assert job["clock"].startswith("UTC, ")
    (told,) = found["ledger"]
    assert (told["forecasts"], told["truths"], told["skill"]) == (30, 600, 0.5)
    assert told["coverage"] == {"80": 0.8, "95": 0.95}
    assert told["right"] == {"80": True, "95": True}
    assert found["events"] == {"known": 2, "open": 1, "unacknowledged": 2}


def test_a_silent_job_is_a_problem(tmp_path, state):
    with open_state(state) as opened:
        add_runs(opened, "night", last=time.time() - 4 * HOUR)
    ended, found = ask(tmp_path, "--state", "jobs.state")
    assert (ended.code, found["ok"]) == (78, False)
    assert ended.err == "grucast: problem: job 'night' (forecast): silent for 4.0 h, and 3.0 h would be usual\n"
    assert [one["alive"] for one in found["jobs"]] == [True, False]


def test_old_rows_are_a_problem_where_an_age_is_asked_for(tmp_path, state):
    with open_state(state) as opened:
        ledger.note_visit(opened, Visit("day", "forecast", time.time(), (time.time() - 5 * HOUR) * 1e6, "utc", HOUR))
    assert ask(tmp_path, "--state", "jobs.state")[0].code == 0
    ended, _ = ask(tmp_path, "--state", "jobs.state", "--max-age", "4h")
    assert ended.code == 78
    assert ended.err.startswith("grucast: problem: job 'day' (forecast): its newest row, ")
    assert ended.err.endswith(" is 5.0 h old, more than 4.0 h\n")


def test_intervals_that_do_not_hold_are_a_problem(tmp_path, state):
    with open_state(state) as opened:
        add_forecasts(opened, "night", inside=(10, 19))
    ended, found = ask(tmp_path, "--state", "jobs.state")
    assert ended.code == 78
    assert ended.err.startswith("grucast: problem: job 'night': 80 % intervals held 50.0% of 600 truths, and 73.1% to ")
    assert [one["right"] for one in found["ledger"]] == [{"80": True, "95": True}, {"80": False, "95": True}]


def test_a_model_alone_is_looked_at(tiny):
    ended, found = ask(tiny)
    assert (ended.code, found["jobs"], found["ledger"]) == (0, [], [])
    assert (found["model"]["model"], found["model"]["last_row"]) == ("load.grucast", "2024-01-17T15:00:00")
    assert found["model"]["fresh"] is None
    ended, found = ask(tiny, "load.grucast", "--max-age", "1d")
    assert (ended.code, found["model"]["fresh"]) == (78, False)
    assert "grucast: problem: load.grucast: the last row it was trained on, 2024-01-17T15:00:00, is " in ended.err


def test_quiet_and_well_says_nothing(tmp_path, state):
    ended = run_installed("status", "-q", "--state", "jobs.state", folder=tmp_path)
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_a_table_and_csv_say_the_same(tmp_path, state):
    table = run_installed("status", "--state", "jobs.state", "--format", "table", folder=tmp_path).out
    assert table.startswith("status           well\n")
    assert "held 95.0%: right" in table
    rows = run_installed("status", "--state", "jobs.state", folder=tmp_path).out.splitlines()
    assert {"ok,1", "jobs.0.alive,1", "ledger.0.coverage.95,0.95", "events.known,2"} <= set(rows)


def test_looking_changes_nothing(tmp_path, state):
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    ask(tmp_path, "--state", "jobs.state")
    run_installed("status", "--state", "jobs.state", "--events", folder=tmp_path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_events_are_listed_oldest_first_and_can_be_acknowledged_and_muted(tmp_path, state):
    words = ("status", "--state", "jobs.state")
    assert run_installed(*words, "--ack", "e1", "--mute", "e2", folder=tmp_path).out == ""
    found = json.loads(run_installed(*words, "--events", "--json", folder=tmp_path).out)["events"]
    assert [(one["event_id"], one["open"], one["muted"], one["acknowledged"] is None) for one in found] == [
        ("e2", True, True, True), ("e1", False, False, False)]
    assert found[0]["reason"] == "load 5"
    assert ask(tmp_path, "--state", "jobs.state")[1]["events"]["unacknowledged"] == 0


def test_nobody_is_told_of_a_muted_event(tmp_path, state):
    with open_state(state) as opened:
        opened.write("UPDATE events SET to_tell = 1")
        assert [one["event_id"] for one in to_tell(opened, "day")] == ["e2", "e1"]
    run_installed("status", "--state", "jobs.state", "--mute", "e2", folder=tmp_path)
    with open_state(state) as opened:
        assert [one["event_id"] for one in to_tell(opened, "day")] == ["e1"]


def test_an_event_that_is_not_there_changes_nothing(tmp_path, state):
    ended = run_installed("status", "--state", "jobs.state", "--ack", "e1", "--mute", "e9", folder=tmp_path)
    assert ended.code == 2
    assert ended.error.endswith("jobs.state has no event 'e9'; grucast status --state jobs.state --events lists them")
    found = json.loads(run_installed("status", "--state", "jobs.state", "--events", "--json", folder=tmp_path).out)
    assert [one["acknowledged"] for one in found["events"]] == [None, None]


@pytest.mark.parametrize(("words", "code", "says"), [
    ((), 66, "there is no *.grucast here"),
    (("--state", "none.state"), 66, "none.state: there is no such state"),
    (("--events",), 2, "--events, --ack and --mute need the events of a state"),
    (("--state", "jobs.state", "--max-age", "soon"), 2, "--max-age 'soon' is not a duration such as 36h or 7d"),
    (("--state", "other.txt"), 78, "other.txt: the state is damaged"),
])
def test_what_cannot_be_looked_at_is_one_line(tmp_path, state, words, code, says):
    (tmp_path / "other.txt").write_text("not a database, but long enough to be taken for the header of one\n" * 30)
    ended = run_installed("status", *words, folder=tmp_path)
    assert ended.code == code
    assert says in ended.error
