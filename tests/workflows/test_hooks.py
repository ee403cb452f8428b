"""A command that is told of each event."""

from __future__ import annotations

import json
import sys

import pytest

from grucast.core.errors import IoFailure, UsageError
from grucast.workflows.detecting import hooks
from grucast.workflows.detecting.hooks import command_words, refuse_failed, run_hooks

EVENTS = [{"event_id": "e1", "reason": "löad; $HOME", "severity": float("inf")}, {"event_id": "e2", "severity": 2.0}]


def python(source: str) -> list[str]:
    """The words that run a line of Python."""
    return command_words(f"{sys.executable} -c '{source}'")


def test_each_event_is_told_once_as_a_line_of_json(tmp_path, capfd):
    words = python(f'import sys; open("{tmp_path}/told", "a").write(sys.stdin.read())')
    assert run_hooks(words, EVENTS) == []
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert told == [{"event_id": "e1", "reason": "löad; $HOME", "severity": None}, EVENTS[1]]


def test_what_a_command_prints_stays_out_of_the_data(capfd):
    assert run_hooks(python('print("heard")'), EVENTS[1:]) == []
    assert capfd.readouterr() == ("", "heard\n")


def test_no_shell_reads_the_command(tmp_path):
    words = command_words(f"{sys.executable} -c 'import sys; assert sys.argv[1:] == [\";\", \"$HOME\"]' ';' '$HOME'")
    assert run_hooks(words, EVENTS[1:]) == []


def test_all_events_are_told_also_where_one_fails(tmp_path):
    source = f'import sys; text = sys.stdin.read(); open("{tmp_path}/told", "a").write(text); sys.exit("e1" in text)'
    wrong = run_hooks(python(source), EVENTS)
    assert [line.rpartition(": ")[2] for line in wrong] == ["exit code 1"]
    assert len((tmp_path / "told").read_text().splitlines()) == 2
    with pytest.raises(IoFailure, match="event e1: exit code 1; 1 of 2 events were not told"):
        refuse_failed(wrong, 2)


def test_a_command_that_reads_nothing_is_no_failure():
    assert run_hooks(python("pass"), [{"event_id": "e1", "reason": "x" * 1_000_000}]) == []


def test_a_command_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(hooks, "PATIENCE", 0.2)
    (line,) = run_hooks(python("import time; time.sleep(60)"), EVENTS[1:])
    assert "took longer than" in line


@pytest.mark.parametrize(("command", "said"), [
    ("", "is missing"), ("no-such-command-anywhere -x", "there is no command"), ("'open", "no closing quotation")])
def test_what_cannot_be_run_is_refused_before_any_work(command, said):
    with pytest.raises(UsageError, match=said):
        command_words(command)


def test_nothing_is_refused_where_all_were_told():
    assert refuse_failed([], 3) is None
