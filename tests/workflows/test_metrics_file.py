"""Figures for Prometheus: read back by the rules of its text format."""

import re

import pytest

from grucast.core.errors import CannotCreate
from grucast.workflows.monitoring.metrics_file import FIGURES, render, write_metrics
from tests.command import hourly, run_installed, write_lines

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\} (\S+)')


def read_back(text):
    """Name and labels of each sample with its value; every family has its help and type before it, once."""
    found, families = {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {families[-1]} gauge"
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name == families[-1]
            found[name, labels] = float(value)
    assert len(families) == len(set(families))
    assert text.endswith("\n")
    return found


def test_samples_of_a_figure_stand_together_below_its_help():
    text = render([("grucast_events", {"job": "a"}, 2.0), ("grucast_skill_ratio", {"job": "a"}, 0.1),
                   ("grucast_events", {"job": "b"}, 1e300)])
    assert read_back(text) == {("grucast_events", 'job="a"'): 2.0, ("grucast_events", 'job="b"'): 1e300,
                               ("grucast_skill_ratio", 'job="a"'): 0.1}


def test_quotes_lines_and_backslashes_in_a_name_are_escaped():
    text = render([("grucast_events", {"job": 'a"b\\c\nd'}, 0.0)])
    assert 'job="a\\"b\\\\c\\nd"' in text
    assert len(text.splitlines()) == 3
    assert read_back(text)


@pytest.mark.parametrize(("value", "written"), [(float("nan"), "NaN"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"),
                                                (3.0, "3"), (0.125, "0.125")])
def test_numbers_are_written_as_prometheus_reads_them(value, written):
    assert render([("grucast_events", {}, value)]).splitlines()[-1] == f"grucast_events{{}} {written}"


def test_a_file_that_cannot_be_made_is_an_error_of_ours(tmp_path):
    with pytest.raises(CannotCreate):
        write_metrics(tmp_path / "nowhere" / "m.prom", [("grucast_events", {}, 1.0)])


def test_a_forecast_writes_its_figures_whole_and_nothing_else(tiny):
    before = {one.name for one in tiny.iterdir()}
    words = ("forecast", "-q", "-o", "next.csv", "--metrics-file", "m.prom", "--state", "s.db", "--job", "day")
    for rows in (400, 403):
        write_lines(tiny / "load.csv", hourly(rows))
        ended = run_installed(*words, folder=tiny)
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    found = read_back((tiny / "m.prom").read_text())
    mine = 'job="day",command="forecast"'
    assert found["grucast_forecast_series", mine] == 1.0
    assert found["grucast_ledger_truths", mine] == 3.0
    last = [found[f"grucast_{name}_timestamp_seconds", mine] for name in ("last_run", "last_row", "model_last_row")]
    assert last[1] - last[2] == 3 * 3600
    assert last[0] > last[1]
    assert {name for name, _ in found} <= set(FIGURES)
    assert {one.name for one in tiny.iterdir()} - before == {"next.csv", "m.prom", "s.db", ".s.db.lock"}


def test_a_run_that_fails_leaves_the_figures_of_the_last_good_one(tiny):
    (tiny / "m.prom").write_text("as it was\n")
    ended = run_installed("forecast", "load.csv", "--metrics-file", "m.prom", "--max-age", "1d", folder=tiny)
    assert ended.code == 78
    assert "load.grucast: the last row it was trained on, 2024-01-17T15:00:00, is " in ended.error
    assert "--max-age is 1d (clock: local time of this machine, " in ended.error
    assert (tiny / "m.prom").read_text() == "as it was\n"
