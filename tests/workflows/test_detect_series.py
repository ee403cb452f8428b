"""What was not normal, in files with known faults: which rows, which events, which are reported."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grucast.core.config import AlarmOptions, ColumnOptions, DetectOptions, ReadOptions, RowOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.workflows.detect import DetectRequest, Reported, detect
from tests.command import hourly, write_lines

ROWS, SPIKE = 1300, 1250
DULL = AlarmOptions(threshold=1e9)  # nothing scores as high as this


def loads(changes=None, rows: int = ROWS) -> list[str]:
    """Lines of hourly loads, some with another value: {row: text}."""
    lines = hourly(rows)
    for row, value in (changes or {}).items():
        lines[row] = f"{lines[row].split(',')[0]},{value}"
    return lines


@pytest.fixture
def ask(watcher, tmp_path):
    """Detect in lines of a file: the result and the lines of its score file."""

    def run(lines, header="ds,load", *, rows=None, columns=None, **more):
        source = write_lines(tmp_path / "new.csv", lines, header)
        wanted = more.pop("report", Reported())
        read = ReadOptions(columns=columns or ColumnOptions(), rows=rows or RowOptions())
        result = detect(DetectRequest(str(source), watcher / "load.grucast", read,
                                      report=replace(wanted, scores=tmp_path / "scores.csv"), **more))
        with (tmp_path / "scores.csv").open(newline="") as file:
            return result, list(csv.DictReader(file))

    return run


def column(lines, name):
    """A column of the score file, NaN where empty."""
    return np.array([float(line[name]) if line[name] else np.nan for line in lines])


# ---- scores --------------------------------------------------------------------------------------


def test_there_is_a_line_for_each_row_in_the_order_of_the_file(ask):
    lines = loads()
    lines[3], lines[1200] = lines[1200], lines[3]
    _, scores = ask(lines)
    assert [line["ds"] for line in scores] == [line.split(",")[0] for line in lines]
    assert [float(line["y"]) for line in scores] == [float(line.split(",")[1]) for line in lines]
    assert ",".join(scores[0]) == "unique_id,ds,y,y_hat,channel,score,p_value,threshold,is_anomaly,event_id,flags"


def test_rows_before_a_whole_context_have_no_score(ask):
    result, scores = ask(loads())
    score = column(scores, "score")
    assert np.isnan(score[:47]).all()
    assert np.isfinite(score[48:]).all()
    assert result.rows_scored == np.isfinite(score).sum()


def test_online_no_later_row_changes_a_score(ask):
    before = column(ask(loads())[1], "score")
    later = {row: 5.0 + row % 7 for row in range(SPIKE, ROWS)}
    after = column(ask(loads(later))[1], "score")
    np.testing.assert_array_equal(before[:SPIKE], after[:SPIKE])
    assert (before[SPIKE + 1 :] != after[SPIKE + 1 :]).all()


def test_offline_a_later_row_may_change_a_score(ask):
    offline = DetectOptions(mode="offline")
    before = column(ask(loads(), detect=offline)[1], "score")
    after = column(ask(loads({SPIKE: 900.0}), detect=offline)[1], "score")
    assert (before[SPIKE - 10 : SPIKE] != after[SPIKE - 10 : SPIKE]).all()


def test_labels_change_no_byte_whatever_stands_in_them(ask, tmp_path):
    changes = {SPIKE: 300.0}
    plain, _ = ask(loads(changes))
    kept = (tmp_path / "scores.csv").read_bytes()
    for words in (["0", "1"], ["yes", "?", ""], ["2024", "-1"]):
        lines = [f"{line},{words[row % len(words)]}" for row, line in enumerate(loads(changes))]
        labelled, _ = ask(lines, "ds,load,label")
        assert (tmp_path / "scores.csv").read_bytes() == kept
        assert labelled.rows == plain.rows


def test_a_row_with_little_known_before_it_is_told_as_such(ask):
    gone = dict.fromkeys(range(1100, 1135), "")  # of the 48 rows before row 1135, 35 are empty
    _, scores = ask(loads(gone))
    flags = [line["flags"] for line in scores]
    assert flags[1135] == "low_confidence"
    assert flags[1123] == ""  # missing itself, so that it has no score to be trusted or not
    assert flags[1200] == ""


# ---- events --------------------------------------------------------------------------------------


def test_a_spike_is_an_event_that_begins_with_it_and_says_why(ask):
    result, scores = ask(loads({SPIKE: 300.0}), alarm=AlarmOptions(min_gap=0))
    event = next(one for one in result.events if one["start"] == scores[SPIKE]["ds"])
    assert event["reason"].startswith("load 300")
    assert "expected" in event["reason"]
    assert event["channels"] == ["load"]
    assert event["severity"] > 2
    assert scores[SPIKE]["event_id"] == event["event_id"]
    assert scores[SPIKE]["is_anomaly"] == "1"
    assert scores[SPIKE - 1]["event_id"] == ""


def test_a_value_a_thousand_times_too_large_is_an_event_and_no_reason_to_refuse(ask):
    result, scores = ask(loads(dict.fromkeys(range(SPIKE, ROWS), 100000.0)))
    assert np.isfinite(column(scores, "score")[48:]).all()
    assert any("load 100000" in event["reason"] or "load stuck at 100000" in event["reason"] for event in result.events)


def test_a_file_in_another_unit_is_refused(ask):
    with pytest.raises(ModelError, match="another unit"):
        ask(hourly(ROWS, scale=1000.0))


def test_a_sensor_that_stands_still_is_an_event_that_says_so(ask):
    result, _ = ask(loads(dict.fromkeys(range(1240, 1280), 112.5)))
    assert "load stuck at 112.5 for 40 rows" in [event["reason"] for event in result.events]


def test_an_event_that_may_go_on_has_no_end(ask):
    result, _ = ask(loads({row: 300.0 + row for row in range(ROWS - 20, ROWS)}))
    assert result.events[-1]["end"] is None
    assert result.rows[-1][result.columns.index("end")] is None
    assert result.events[-1]["rows"] >= 20


def test_rows_that_are_excluded_have_no_score_and_are_no_event(ask, tmp_path):
    first, last = (loads()[row].split(",")[0] for row in (SPIKE - 2, SPIKE + 2))
    write_lines(tmp_path / "out.csv", [f"{first},{last}"], "from,to")
    loud, _ = ask(loads({SPIKE: 300.0}))
    quiet, scores = ask(loads({SPIKE: 300.0}), rows=RowOptions(exclude=str(tmp_path / "out.csv")))
    assert [line["score"] for line in scores[SPIKE - 2 : SPIKE + 3]] == [""] * 5
    assert [line["is_anomaly"] for line in scores[SPIKE - 2 : SPIKE + 3]] == ["0"] * 5
    assert any(event["reason"].startswith("load 300") for event in loud.events)
    assert not any(event["reason"].startswith("load 300") for event in quiet.events)


def test_labelled_rows_are_silenced_where_that_is_asked_for(ask):
    lines = [f"{line},{int(row == SPIKE)}" for row, line in enumerate(loads({SPIKE: 300.0}))]
    _, scores = ask(lines, "ds,load,fault", rows=RowOptions(exclude_labelled=True),
                    columns=ColumnOptions(label_col="fault"))
    assert scores[SPIKE]["score"] == ""
    with pytest.raises(DataError, match="needs a column of labels"):
        ask(loads(), rows=RowOptions(exclude_labelled=True))


def test_events_keep_their_names_when_rows_come_in(ask):
    changes = {1100: 300.0, SPIKE: 250.0}
    today, _ = ask(loads(changes))
    yesterday, _ = ask(loads(changes)[:1200])
    assert today.events[0]["event_id"] == yesterday.events[0]["event_id"]
    assert len({event["event_id"] for event in today.events}) == len(today.events)


# ---- thresholds ----------------------------------------------------------------------------------


def test_a_larger_budget_gives_no_fewer_alarms(ask):
    counts, levels = [], []
    for budget in ("1 per 5000 rows", "1 per 30d", "1 per 100 rows"):
        _, scores = ask(loads({SPIKE: 300.0}), alarm=AlarmOptions(rule="pot", false_alarms=budget))
        levels.append(float(scores[0]["threshold"]))
        counts.append(sum(line["is_anomaly"] == "1" for line in scores))
    assert levels == sorted(levels, reverse=True)
    assert counts == sorted(counts)
    assert counts[0] > 0


def test_a_threshold_that_is_given_is_the_one_that_counts(ask):
    result, scores = ask(loads(), alarm=AlarmOptions(threshold=2.5, min_gap=0))
    score = column(scores, "score")
    assert result.threshold == 2.5
    assert {line["threshold"] for line in scores} == {"2.5"}
    assert [line["is_anomaly"] == "1" for line in scores] == (score > 2.5).tolist()
    dull, _ = ask(loads(), alarm=DULL)
    assert (dull.events, dull.rows) == ([], [])


@pytest.mark.parametrize("rule", ["pot", "pot-stream", "conformal", "quantile", "mad", "dynamic"])
def test_every_rule_finds_a_large_spike(ask, rule):
    _, scores = ask(loads({SPIKE: 500.0}), alarm=AlarmOptions(rule=rule, false_alarms="1 per 200 rows"))
    assert scores[SPIKE]["is_anomaly"] == "1"


def test_short_events_may_be_dropped(ask):
    alone, _ = ask(loads({SPIKE: 300.0}), alarm=AlarmOptions(min_gap=0))
    kept, _ = ask(loads({SPIKE: 300.0}), alarm=AlarmOptions(min_gap=0, min_rows=5))
    assert [one for one in alone.events if one["rows"] >= 5] == kept.events
    assert 0 < len(kept.events) < len(alone.events) or min(one["rows"] for one in alone.events) >= 5


@pytest.mark.parametrize(("alarm", "said"), [
    (AlarmOptions(threshold=1.0, rule="pot"), "--threshold and --rule do not go together"),
    (AlarmOptions(threshold=1.0, false_alarms="1 per 30d"), "--threshold and --false-alarms do not go together"),
    (AlarmOptions(false_alarms="often"), "is not understood"),
])
def test_what_does_not_go_together_is_refused(ask, alarm, said):
    with pytest.raises(UsageError, match=said):
        ask(loads(), alarm=alarm)


def test_one_column_cannot_be_gathered_in_another_way(ask):
    with pytest.raises(UsageError, match="would change nothing"):
        ask(loads(), detect=DetectOptions(channels="mean"))


# ---- which rows are reported ---------------------------------------------------------------------


def test_only_the_last_rows_are_reported_with_the_scores_of_the_whole(ask):
    _, whole = ask(loads())
    _, last = ask(loads(), report=Reported(last=30))
    assert last == whole[-30:]


@pytest.mark.parametrize("since", ["2d", "48h", "2024-02-22T04:00:00"])
def test_rows_since_a_stamp_or_for_some_time_are_reported(ask, since):
    _, whole = ask(loads())
    _, late = ask(loads(), report=Reported(since=since))
    assert late == whole[-48:]


def test_an_event_that_began_before_is_reported_whole_where_it_reaches_in(ask):
    changes = {row: 300.0 + row for row in range(SPIKE, SPIKE + 10)}
    alarm = AlarmOptions(min_gap=0)
    whole, _ = ask(loads(changes), alarm=alarm)
    late, _ = ask(loads(changes), alarm=alarm, report=Reported(last=ROWS - SPIKE - 5))
    strong = max(whole.events, key=lambda event: event["score"])
    assert strong in late.events
    past, _ = ask(loads({600: 300.0}), alarm=alarm, report=Reported(last=10))
    assert past.events == []


def test_a_since_after_the_last_row_is_said(ask):
    result, _ = ask(loads(), report=Reported(since="2030-01-01"))
    last = loads()[-1].split(",")[0]
    assert f"no row comes after --since 2030-01-01: the last is at {last}" in result.notes
    assert not any("rows with values must come before" in note for note in result.notes)


def test_since_and_last_do_not_go_together(ask):
    with pytest.raises(UsageError, match="--since and --last do not go together"):
        ask(loads(), report=Reported(since="7d", last=3))


# ---- files at the edge ---------------------------------------------------------------------------


def test_a_file_shorter_than_a_context_has_no_score_and_says_why(ask):
    for rows in (1, 20):
        result, scores = ask(loads(rows=rows))
        assert (result.rows_scored, result.events, len(scores)) == (0, [], rows)
        assert any("no row has a score: 48 rows with values must come before it" in note for note in result.notes)


def test_windows_without_any_value_have_no_score(ask):
    gone = dict.fromkeys(range(600, 700), "")
    _, scores = ask(loads(gone))
    score = column(scores, "score")
    assert np.isnan(score[600:700]).all()
    assert np.isfinite(score[760:]).all()


def test_rows_that_the_file_does_not_have_are_not_written(ask):
    lines = loads()
    result, scores = ask([*lines[:700], *lines[712:]])
    assert len(scores) == ROWS - 12
    assert any(note.startswith("12 rows are missing, from 2024-01-30T04:00:00 to") for note in result.notes)


def test_a_series_that_never_moves_has_a_finite_score_everywhere_and_is_told_to_be_stuck(ask):
    result, scores = ask(loads(dict.fromkeys(range(ROWS), 100.0)))
    assert np.isfinite(column(scores, "score")[48:]).all()
    assert result.events[0]["reason"].startswith("load stuck at 100 for ")


def test_other_columns_and_other_frequencies_are_refused(ask):
    with pytest.raises(ModelError, match="load"):
        ask(loads(), "ds,power")
    days = [f"{np.datetime64('2024-01-01') + row},{100 + row % 7}" for row in range(200)]
    with pytest.raises(ModelError, match="trained on"):
        ask(days)


def test_no_file_is_written_over_one_that_is_read(watcher, tmp_path):
    source = write_lines(tmp_path / "new.csv", loads())
    for wanted in (Reported(scores=Path(source)), Reported(output=watcher / "load.grucast")):
        with pytest.raises(UsageError, match="is read by this very command"):
            detect(DetectRequest(str(source), watcher / "load.grucast", ReadOptions(), report=wanted))
