"""Rows that are followed one by one score as they would in a file."""

from __future__ import annotations

import csv
import json
import subprocess

import numpy as np
import pytest

from grucast.core.config import AlarmOptions, DetectOptions, ReadOptions, RowOptions
from grucast.core.errors import DataError, UsageError
from grucast.workflows.detect import DetectRequest, Reported, detect
from grucast.workflows.follow import answers, open_following
from tests.command import COMMAND, clean_environment, hourly, write_lines

KNOWN, ROWS = 1100, 1290


@pytest.fixture
def spiky():
    """1,290 hours, a spike at 1,250."""
    lines = hourly(ROWS)
    lines[1250] = f"{lines[1250].split(',')[0]},999"
    return lines


@pytest.fixture
def follow(watcher, tmp_path):
    """Answers to the lines after `KNOWN` rows of history, and the scores of a run over them all."""

    def run(lines, stream=None, *, known=KNOWN, header=("ds,load",), **more):
        history = write_lines(tmp_path / "history.csv", lines[:known], "ds,load")
        whole = write_lines(tmp_path / "whole.csv", lines, "ds,load")
        model = watcher / "load.grucast"
        following = open_following(DetectRequest(str(history), model, ReadOptions(), **more))
        given = [*header, *(lines[known:] if stream is None else stream)]
        said = list(answers(following, given))
        detect(DetectRequest(str(whole), model, ReadOptions(), report=Reported(scores=tmp_path / "scores.csv"), **more))
        with (tmp_path / "scores.csv").open(newline="") as file:
            return said, list(csv.DictReader(file))[known:]

    return run


def scores(answers_or_lines):
    return np.array([float(one["score"]) if one["score"] not in ("", None) else np.nan for one in answers_or_lines])


def test_a_sudden_row_and_a_stuck_sensor_are_called_in_a_stream_as_in_a_file(follow):
    lines = hourly(ROWS)
    stamp, value = lines[1200].split(",")
    lines[1200] = f"{stamp},{float(value) - 5}"  # five deviations of the noise
    still = lines[1253].split(",")[1]  # the top of the wave, where little moves anyhow
    lines[1254:1258] = [f"{line.split(',')[0]},{still}" for line in lines[1254:1258]]
    said, found = follow(lines, alarm=AlarmOptions(rule="pot"))
    usual = max(float(line["threshold"]) for line in found)
    called = [row for row, line in enumerate(found, KNOWN) if float(line["threshold"]) < usual]
    assert called == [1200, 1256]
    assert found[1257 - KNOWN]["is_anomaly"] == "1"  # by its score
    assert [one["is_anomaly"] for one in said] == [int(line["is_anomaly"]) for line in found]
    for one, line in zip(said, found, strict=True):
        assert one["threshold"] == pytest.approx(float(line["threshold"]), abs=1e-6)
        assert one["p_value"] == pytest.approx(float(line["p_value"]), abs=1e-9)


@pytest.mark.parametrize("rule", ["pot", "pot-stream", "dynamic"])
def test_scores_thresholds_and_alarms_are_those_of_a_run_over_the_whole_file(follow, spiky, rule):
    said, lines = follow(spiky, alarm=AlarmOptions(rule=rule))
    assert [one["ds"] for one in said] == [one["ds"] for one in lines]
    np.testing.assert_allclose(scores(said), scores(lines), atol=1e-6)
    for one, line in zip(said, lines, strict=True):
        assert one["is_anomaly"] == int(line["is_anomaly"])
        assert one["threshold"] == pytest.approx(float(line["threshold"]), abs=1e-6)
        assert one["y_hat"] == pytest.approx(float(line["y_hat"]), abs=1e-6)
        assert one["p_value"] == pytest.approx(float(line["p_value"]), abs=1e-6)


def test_the_spike_is_an_event_of_the_same_name_as_in_a_file(follow, spiky):
    said, lines = follow(spiky, alarm=AlarmOptions(false_alarms="1 per 5000 rows"))
    assert said[1250 - KNOWN]["is_anomaly"] == 1
    assert said[1250 - KNOWN]["event_id"] == lines[1250 - KNOWN]["event_id"] != ""


@pytest.mark.parametrize("scorer", ["forecast", "reconstruction"])
def test_each_scorer_can_be_followed(follow, spiky, scorer):
    said, lines = follow(spiky, detect=DetectOptions(scorer=scorer))
    np.testing.assert_allclose(scores(said), scores(lines), atol=1e-6)


def test_rows_that_never_come_are_missing_as_they_are_in_a_file(follow, spiky):
    holes = spiky[:1150] + spiky[1153:1200] + spiky[1201:]
    said, lines = follow(holes)
    np.testing.assert_allclose(scores(said), scores(lines), atol=1e-6)


def test_a_history_shorter_than_a_context_gives_scores_as_soon_as_there_is_one(follow, spiky):
    said, lines = follow(spiky[:200], known=20)
    assert said[0]["score"] is None
    np.testing.assert_allclose(scores(said), scores(lines), atol=1e-6)
    assert np.isfinite(scores(said)).sum() > 100


def test_later_rows_do_not_change_an_answer(follow, spiky):
    other = [*spiky[:1200], *(f"{line.split(',')[0]},-5" for line in spiky[1200:])]
    assert follow(spiky)[0][: 1200 - KNOWN] == follow(other)[0][: 1200 - KNOWN]


def test_a_row_that_is_late_or_comes_twice_is_told_and_changes_nothing(follow, spiky):
    usual, _ = follow(spiky)
    stream = [*spiky[KNOWN : KNOWN + 50], spiky[KNOWN + 10], spiky[KNOWN + 49], *spiky[KNOWN + 50 :]]
    said, _ = follow(spiky, stream)
    late = [one for one in said if one["flags"] == "late"]
    assert [one["ds"] for one in late] == [usual[10]["ds"], usual[49]["ds"]]
    assert all(one["score"] is None for one in late)
    assert [one for one in said if one["flags"] != "late"] == usual


def test_a_stream_of_json_is_answered_alike(follow, spiky):
    usual, _ = follow(spiky)
    stream = []
    for line in spiky[KNOWN:]:
        stamp, value = line.split(",")
        stream.append(json.dumps({"load": float(value), "ds": stamp}))
    said, _ = follow(spiky, stream, header=[])
    assert said == usual


def test_what_a_stream_cannot_heed_is_refused(watcher):
    def ask(**more):
        read = more.pop("read", ReadOptions())
        return DetectRequest(str(watcher / "load.csv"), watcher / "load.grucast", read, **more)

    for request, word in ((ask(detect=DetectOptions(mode="offline")), "--mode offline"),
                          (ask(report=Reported(last=3)), "--last"),
                          (ask(report=Reported(since="1d")), "--since"),
                          (ask(read=ReadOptions(rows=RowOptions(exclude_labelled=True))), "--exclude-l")):
        with pytest.raises(UsageError, match=word):
            open_following(request)


def test_a_stamp_off_the_grid_is_an_error_with_its_line(follow, spiky):
    with pytest.raises(DataError, match="standard input:2"):
        follow(spiky, ["2024-02-15T20:30:00,3"])


def shifted(lines, hours):
    """The same lines so many hours later."""
    cells = (line.split(",") for line in lines)
    return [f"{np.datetime64(stamp) + np.timedelta64(hours, 'h')},{value}" for stamp, value in cells]


@pytest.mark.parametrize("stamp", ["2024-06-11T20:00:00", "2324-02-15T20:00:00"])
def test_a_wrong_stamp_far_ahead_is_held_back_and_the_rows_after_it_are_scored_as_ever(follow, spiky, stamp):
    usual, _ = follow(spiky)
    said, _ = follow(spiky, [f"{stamp},3", *spiky[KNOWN:]])
    assert (said[0]["ds"], said[0]["score"], said[0]["flags"]) == (stamp, None, "held")
    assert said[1:] == usual


def test_three_rows_in_a_row_make_a_long_gap_the_present_as_in_a_file(follow, spiky):
    late = shifted(spiky[KNOWN:], 15_000)
    said, lines = follow([*spiky[:KNOWN], *late])
    assert [one["flags"] for one in said[:3]] == ["held", "held", "low_confidence"]
    np.testing.assert_allclose(scores(said)[2:], scores(lines)[2:], atol=1e-6)
    assert [one["is_anomaly"] for one in said[2:]] == [int(line["is_anomaly"]) for line in lines[2:]]


def test_two_wrong_stamps_that_disagree_are_never_believed(follow, spiky):
    usual, _ = follow(spiky)
    far = ["2026-01-01T00:00:00,3", "2025-01-01T00:00:00,3", "2044-01-01T00:00:00,3"]
    said, _ = follow(spiky, [*far, *spiky[KNOWN:]])
    assert [one["flags"] for one in said[:3]] == ["held"] * 3
    assert said[3:] == usual


def test_a_new_series_is_not_carried_off_by_its_second_row(watcher, tmp_path):
    history = write_lines(tmp_path / "history.csv", hourly(KNOWN), "ds,load")
    following = open_following(DetectRequest(str(history), watcher / "load.grucast", ReadOptions()))
    following.series.clear()
    stream = ["ds,load", *hourly(1), "2034-01-01T00:00:00,100", *hourly(5)[1:]]
    assert [one["flags"] for one in answers(following, stream)] == ["", "held", "", "", "", ""]


@pytest.mark.parametrize(("after", "rows"), [(5, 6), (0, 1)])
def test_the_command_names_a_row_that_was_held_back_for_nothing(watcher, spiky, tmp_path, after, rows):
    history = write_lines(tmp_path / "history.csv", spiky[:KNOWN], "ds,load")
    stream = "\n".join(["ds,load", "2034-01-01T00:00:00,3", *spiky[KNOWN : KNOWN + after], ""])
    words = [*COMMAND, "detect-anomalies", str(history), "-m", str(watcher / "load.grucast"), "--follow", "-q"]
    done = subprocess.run(words, input=stream, capture_output=True, text=True, env=clean_environment(), check=False)
    assert done.returncode == 65
    assert len(done.stdout.splitlines()) == rows
    assert done.stderr == ("grucast: error: standard input:2: the stamp 2034-01-01T00:00:00 lies further from the row "
                           f"before it ({spiky[KNOWN - 1].split(',')[0]}) than all of the series is long; "
                           "mend the stamp\n")


def test_the_command_goes_on_after_a_bad_row_and_says_so_in_the_end(watcher, spiky, tmp_path):
    history = write_lines(tmp_path / "history.csv", spiky[:KNOWN], "ds,load")
    new = spiky[KNOWN : KNOWN + 5]
    stream = "\n".join(["ds,load", *new[:3], "2024-02-16T00:00:00,twelve", *new[3:], ""])
    words = [*COMMAND, "detect-anomalies", str(history), "-m", str(watcher / "load.grucast"), "--follow", "-q"]
    done = subprocess.run(words, input=stream, capture_output=True, text=True, env=clean_environment(), check=False)
    assert done.returncode == 65
    assert [json.loads(line)["ds"] for line in done.stdout.splitlines()] == [line.split(",")[0] for line in new]
    assert done.stderr.startswith("grucast: error: standard input:5: column 'load': 'twelve' is not a number")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("column", ["known", "static"])
def test_a_model_that_wants_covariates_which_a_stream_has_not_is_refused(tmp_path, column):
    lines = [f"{name},{line},{area}" for name, area in (("one", 3), ("two", 5)) for line in hourly(200)]
    data = write_lines(tmp_path / "data.csv", lines, "unique_id,ds,load,area")
    model = tmp_path / "m.grucast"
    done = subprocess.run([*COMMAND, "train", str(data), "-o", str(model), "-q", "--hidden", "4", "--epochs", "1",
                           f"--{column}-col", "area", "--threads", "1"],
                          env=clean_environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(UsageError, match=f"--{column}-col"):
        open_following(DetectRequest(str(data), model, ReadOptions()))
