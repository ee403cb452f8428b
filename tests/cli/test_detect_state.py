"""`grucast detect-anomalies --state` by its words, as cron runs it."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import subprocess

import pytest

from tests.command import COMMAND, Ended, clean_environment, contents, hourly, write_lines

OFTEN = ("--threshold", "0.01", "--min-gap", "400")  # one event, in which every row is
NEVER = ("--threshold", "1e9")
ASKED = ("--state", "load.state", "-q")


@pytest.fixture
def detect(installed, tiny):
    """Run `grucast detect-anomalies` in a folder with a model and its data."""
    return lambda *words, **more: installed("detect-anomalies", *words, **more)


def grow(tiny, rows):
    """Let the data have so many rows."""
    write_lines(tiny / "load.csv", hourly(rows))


def test_an_event_is_told_by_the_run_that_finds_it_and_by_no_other(detect, tiny):
    told = "tee -a told.jsonl"
    first = detect(*OFTEN, *ASKED, "--on-event", told)
    (event,) = csv.DictReader(io.StringIO(first.out))
    assert first.code == 0
    assert event["end"] == ""
    for rows in (410, 410, 430):
        grow(tiny, rows)
        assert detect(*OFTEN, *ASKED, "--on-event", told) == Ended(0, "", "")
    (line,) = (tiny / "told.jsonl").read_text().splitlines()
    assert json.loads(line)["event_id"] == event["event_id"]


def test_the_name_of_an_event_is_that_of_a_run_without_a_state_and_of_its_job_where_it_has_one(detect, tiny):
    plain, kept, named = (next(csv.DictReader(io.StringIO(detect(*OFTEN, "-q", *words).out)))["event_id"]
                          for words in ((), ASKED, (*ASKED, "--job", "night")))
    assert plain == kept != named


def test_a_quiet_run_leaves_a_state_and_its_lock_and_not_a_byte_more(detect, tiny):
    before = set(contents(tiny))
    assert detect(*NEVER, *ASKED) == Ended(0, "", "")
    assert set(contents(tiny)) - before == {"load.state", ".load.state.lock"}


def test_only_new_rows_are_scored_and_counted(detect, tiny):
    detect(*NEVER, *ASKED)
    lines = hourly(405)
    lines[402], lines[403] = lines[403], lines[402]  # in another order within a run: not late
    with (tiny / "load.csv").open("a") as file:
        file.write("\n".join([*lines[400:404], lines[399], ""]))
    found = json.loads(detect(*NEVER, *ASKED, "--json", "--scores", "scores.csv").out)
    assert found["arrived"] == {"new": 4, "late": 0, "revised": 0, "repeated": 1, "too_late": 0}
    assert (found["rows_scored"], found["ended"]) == (4, [])
    assert len((tiny / "scores.csv").read_text().splitlines()) == 5
    again = detect(*NEVER, *ASKED, "--json", "--scores", "scores.csv")
    assert json.loads(again.out)["rows_scored"] == 0
    assert len((tiny / "scores.csv").read_text().splitlines()) == 1


def test_a_second_run_is_busy_at_once_and_one_that_waits_is_not(detect, tiny):
    detect(*NEVER, *ASKED)
    with (tiny / ".load.state.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = detect(*NEVER, *ASKED)
        assert (ended.code, ended.error) == (
            75, "grucast: error: load.state: another grucast is writing it; try later")
        waiting = subprocess.Popen([*COMMAND, "detect-anomalies", *NEVER, *ASKED, "--wait"], cwd=tiny,
                                   env=clean_environment(), stdin=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert waiting.wait(60) == 0


def test_a_command_that_fails_is_asked_again_until_it_succeeds(detect, tiny):
    ended = detect(*OFTEN, *ASKED, "--on-event", "false")
    assert ended.code == 74
    assert "1 of 1 events were not told" in ended.err
    again = detect(*OFTEN, *ASKED, "--on-event", "false")
    assert (again.code, again.out) == (74, "")
    told = detect(*OFTEN, *ASKED, "--on-event", "tee -a told.jsonl")
    assert (told.code, told.out) == (0, "")
    assert len((tiny / "told.jsonl").read_text().splitlines()) == 1


def test_events_that_nobody_read_are_printed_again(detect, tiny):
    ran = subprocess.Popen([*COMMAND, "detect-anomalies", *OFTEN, *ASKED], cwd=tiny, env=clean_environment(),
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    ran.stdout.close()
    ran.wait(60)
    assert len(detect(*OFTEN, *ASKED).out.splitlines()) == 2


def test_anomalies_have_their_exit_code_in_the_run_that_finds_them(detect, tiny):
    assert detect(*OFTEN, *ASKED, "--fail-on-anomaly").code == 10
    assert detect(*OFTEN, *ASKED, "--fail-on-anomaly").code == 0


@pytest.mark.parametrize(("words", "said"), [
    (("--job", "night"), "--job would change nothing without --state FILE"),
    (("--wait",), "--wait would change nothing without --state FILE"),
    (("--lateness", "3h"), "--lateness would change nothing without --state FILE"),
    (("--verify",), "--verify would change nothing without --state FILE"),
    (("--state", "s", "--follow"), "--follow and --state do not go together; leave one of them out"),
    (("--state", "s", "--mode", "offline"), "--state looks at no later row: it does not go with --mode offline"),
    (("--state", "load.csv"), "load.csv is read by this very command; name another file to write to"),
    (("--state", "s", "--scores", "s"), "s would be written twice; name another file with --state"),
])
def test_what_would_change_nothing_or_cannot_be_is_a_usage_error(detect, tiny, words, said):
    before = contents(tiny)
    ended = detect(*words)
    assert (ended.code, ended.error) == (2, f"grucast: error: {said}")
    assert contents(tiny) == before


def test_a_state_that_is_none_is_refused_in_one_line(detect, tiny):
    (tiny / "load.state").write_text("ds,load\n" * 200)
    ended = detect(*ASKED)
    assert ended.code == 78
    assert ended.error.startswith("grucast: error: load.state: the state is damaged")
    (tiny / "folder").mkdir()
    assert detect("--state", "folder").code == 73
    assert detect("--state", "nowhere/load.state").code == 73
