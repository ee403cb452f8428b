"""`grucast evaluate anomalies`: files of scores and labels, brought together and measured, or refused with a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_reference import DOCS, documented

REFERENCE = json.loads((Path(__file__).parents[1] / "evaluation" / "fixtures" / "tsb_ad_reference.json").read_text())
SCORE = [0.1, 0.2, 0.9, 0.8, 0.1, 0.3, 0.7, 0.2, 0.1, 0.4]
LABEL = [0, 0, 0, 1, 1, 0, 0, 0, 1, 0]
STAMPS = [f"2024-01-01T{hour:02}:00:00" for hour in range(10)]


def write(name, *columns, header):
    """A CSV file with these columns."""
    lines = [header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    Path(name).write_text("\n".join(lines) + "\n")


def measured(grucast, *words):
    """The document of a run that ends well."""
    ran = grucast("evaluate", "anomalies", *words, "--json", "-q")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def refused(grucast, *words):
    """The line of an error in the data."""
    ran = grucast("evaluate", "anomalies", *words, "-q")
    assert (ran.code, ran.out) == (65, "")
    return ran.err


def test_the_volumes_and_areas_are_those_of_the_reference(grucast):
    case = REFERENCE["cases"][0]
    write("scores.csv", case["scores"], case["labels"], header="score,label")
    found = measured(grucast, "scores.csv", "--vus-window", str(case["window"]))
    for name in ("vus_pr", "vus_roc", "auc_pr", "auc_roc"):
        assert found[name] == pytest.approx(case[name], abs=1e-9)
    assert found["vus_window"] == case["window"]


def test_every_key_is_explained(grucast):
    write("scores.csv", [*SCORE[:3], 1.5, *SCORE[4:]], LABEL, header="score,label")
    found = measured(grucast, "scores.csv", "--tune", "--threshold", "0.5")
    assert found.keys() == documented("evaluate anomalies")
    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    for key in (*found["series"][0], *found["tune"]):
        assert f"`{key}`" in page


def test_event_metrics_are_those_of_the_rows_above_the_threshold(grucast):
    write("scores.csv", SCORE, LABEL, header="score,label")
    found = measured(grucast, "scores.csv", "--threshold", "0.7")  # rows 2 and 3 fire; 0.7 is not above 0.7
    assert (found["event_precision"], found["event_recall"], found["event_delay"]) == (1.0, 0.5, 0.0)
    assert (found["alarms"], found["events"], found["threshold"]) == (1, 2, 0.7)


def test_event_metrics_are_those_of_is_anomaly_where_no_threshold_is_given(grucast):
    fired = ["false"] * 3 + ["true"] + ["false"] * 2 + ["true"] + ["false"] * 3
    write("scores.csv", SCORE, [0.6] * 10, fired, LABEL, header="score,threshold,is_anomaly,label")
    found = measured(grucast, "scores.csv")
    assert (found["event_precision"], found["event_recall"], found["threshold"]) == (0.5, 0.5, 0.6)
    assert measured(grucast, "scores.csv", "--threshold", "5")["alarms"] == 0


@pytest.mark.parametrize("name", ["e1", "1"])
def test_two_runs_of_alarms_with_one_event_id_are_one_alarm(grucast, name):
    fired = [0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    write("scores.csv", SCORE, fired, LABEL, header="score,is_anomaly,label")
    assert measured(grucast, "scores.csv")["alarms"] == 2
    events = ["", "", *[name] * 3, *[""] * 5]
    write("scores.csv", SCORE, fired, events, LABEL, header="score,is_anomaly,event_id,label")
    assert measured(grucast, "scores.csv")["alarms"] == 1


def test_without_a_threshold_what_needs_one_is_null_and_said(grucast):
    write("scores.csv", SCORE, LABEL, header="score,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "--json")
    found = json.loads(ran.out)
    needing = ("range_f1", "affiliation_f1", "event_precision", "event_recall", "event_f1", "event_delay", "alarms")
    assert {found[name] for name in needing} == {None}
    assert found["auc_roc"] is not None
    assert "add --threshold" in ran.err


def test_is_anomaly_in_a_file_of_scores_is_never_taken_for_the_truth(grucast):
    write("scores.csv", SCORE, LABEL, header="score,is_anomaly")
    assert "there is no column of labels" in refused(grucast, "scores.csv")


def test_labels_of_another_file_belong_row_by_row(grucast):
    write("scores.csv", SCORE, LABEL, header="score,label")
    write("bare.csv", SCORE, header="score")
    write("labels.csv", LABEL, header="is_anomaly")
    assert measured(grucast, "bare.csv", "--labels", "labels.csv") == measured(grucast, "scores.csv")


def test_labels_of_another_length_are_refused(grucast):
    write("scores.csv", SCORE, header="score")
    write("labels.csv", LABEL[1:], header="label")
    assert refused(grucast, "scores.csv", "--labels", "labels.csv") == (
        "grucast: error: labels.csv: 9 labels, and scores.csv has 10 scores; give one label for each row, or a time "
        "column in both files\n")


def test_labels_with_stamps_are_found_by_time_in_any_order_and_spelling(grucast):
    write("scores.csv", STAMPS, SCORE, LABEL, header="ds,score,label")
    write("bare.csv", STAMPS, SCORE, header="ds,score")
    spelt = [stamp.replace("T", " ")[:16] for stamp in STAMPS]
    write("labels.csv", spelt[::-1], LABEL[::-1], header="time,label")
    assert measured(grucast, "bare.csv", "--labels", "labels.csv")["auc_pr"] == pytest.approx(
        measured(grucast, "scores.csv")["auc_pr"])


def test_more_labels_than_scores_are_counted_in_a_note(grucast):
    write("scores.csv", STAMPS[2:], SCORE[2:], header="ds,score")
    write("labels.csv", STAMPS, [1, *LABEL[1:]], header="ds,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "--labels", "labels.csv", "--json")
    assert json.loads(ran.out)["events"] == 2
    assert "2 rows of labels.csv, 1 of them labelled, have no row in scores.csv and do not count" in ran.err


def test_a_score_without_a_label_is_refused_with_its_line(grucast):
    write("scores.csv", STAMPS, SCORE, header="ds,score")
    write("labels.csv", STAMPS[:4] + STAMPS[5:], LABEL[:4] + LABEL[5:], header="ds,label")
    assert refused(grucast, "scores.csv", "--labels", "labels.csv").startswith(
        "grucast: error: scores.csv:6: the row has no label in labels.csv; ")


def test_elapsed_seconds_join_though_their_last_digits_differ(grucast):
    write("scores.csv", [0.008 * row for row in range(10)], SCORE, header="ds,score")
    write("labels.csv", [f"{0.008 * row:.3f}" for row in range(10)], LABEL, header="time_s,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "--labels", "labels.csv", "--json")
    assert "row by row" not in ran.err
    assert json.loads(ran.out)["events"] == 2


def test_stamps_with_and_without_an_offset_are_not_joined(grucast):
    write("scores.csv", [f"{stamp}+01:00" for stamp in STAMPS], SCORE, header="ds,score")
    write("labels.csv", STAMPS, LABEL, header="ds,label")
    assert "say the zone with --tz" in refused(grucast, "scores.csv", "--labels", "labels.csv")
    assert measured(grucast, "scores.csv", "--labels", "labels.csv", "--tz", "+01:00")["events"] == 2


def test_two_labels_of_one_stamp_are_refused(grucast):
    write("scores.csv", STAMPS, SCORE, header="ds,score")
    write("labels.csv", [*STAMPS[:3], *STAMPS[2:]], [*LABEL[:3], *LABEL[2:]], header="ds,label")
    assert "labels.csv:5: the stamp stands twice" in refused(grucast, "scores.csv", "--labels", "labels.csv")


def two_series():
    """Ids, stamps and scores of two series, mixed row by row."""
    ids = ["a", "b"] * 10
    stamps = [stamp for stamp in STAMPS for _ in "ab"]
    score = [one for pair in zip(SCORE, SCORE[::-1], strict=True) for one in pair]
    return ids, stamps, score


def test_of_several_series_each_is_measured_and_the_mean_of_them(grucast):
    ids, stamps, score = two_series()
    label = [one for pair in zip(LABEL, LABEL, strict=True) for one in pair]
    write("scores.csv", ids, stamps, score, label, header="unique_id,ds,score,label")
    write("a.csv", SCORE, LABEL, header="score,label")
    write("b.csv", SCORE[::-1], LABEL, header="score,label")
    both, a, b = (measured(grucast, name) for name in ("scores.csv", "a.csv", "b.csv"))
    assert [one["unique_id"] for one in both["series"]] == ["a", "b"]
    assert [one["auc_roc"] for one in both["series"]] == [a["auc_roc"], b["auc_roc"]]
    assert both["vus_pr"] == pytest.approx((a["vus_pr"] + b["vus_pr"]) / 2)
    assert (both["rows"], both["events"]) == (20, 4)


def test_labels_without_ids_hold_for_every_series_and_labels_with_ids_for_their_own(grucast):
    ids, stamps, score = two_series()
    write("scores.csv", ids, stamps, score, header="unique_id,ds,score")
    write("one.csv", STAMPS, LABEL, header="ds,label")
    own = [one for pair in zip(LABEL, [0] * 10, strict=True) for one in pair]
    write("two.csv", ids, stamps, own, header="unique_id,ds,label")
    assert measured(grucast, "scores.csv", "--labels", "one.csv")["events"] == 4
    found = measured(grucast, "scores.csv", "--labels", "two.csv")
    assert [one["events"] for one in found["series"]] == [2, 0]
    assert found["vus_pr"] == found["series"][0]["vus_pr"]  # a series without events has none, and is not in the mean


def test_labels_that_lack_a_series_are_refused(grucast):
    ids, stamps, score = two_series()
    write("scores.csv", ids, stamps, score, header="unique_id,ds,score")
    write("labels.csv", ["a"] * 10 + ["c"] * 10, STAMPS * 2, LABEL * 2, header="unique_id,ds,label")
    assert "labels.csv: there is no series 'b'" in refused(grucast, "scores.csv", "--labels", "labels.csv")


def test_an_empty_score_is_the_lowest_and_never_fires(grucast):
    holes = ["", *SCORE[1:4], "", *SCORE[5:]]
    low = [-1.0, *SCORE[1:4], -1.0, *SCORE[5:]]
    write("holes.csv", holes, LABEL, header="score,label")
    write("low.csv", low, LABEL, header="score,label")
    words = ("--threshold", "-0.5", "--tune")
    left, right = (measured(grucast, name, *words) for name in ("holes.csv", "low.csv"))
    assert left.pop("notes") != right.pop("notes")
    assert left == right


def test_what_is_no_score_is_refused_with_its_line_and_column(grucast):
    write("scores.csv", [*SCORE[:4], "high", *SCORE[5:]], LABEL, header="score,label")
    assert "scores.csv:6: column 'score': 'high' is not a number" in refused(grucast, "scores.csv")


def test_what_is_no_label_is_refused_with_its_line_and_column(grucast):
    write("scores.csv", SCORE, [*LABEL[:4], 0.5, *LABEL[5:]], header="score,label")
    assert "scores.csv:6: column 'label': '0.5' is not a label" in refused(grucast, "scores.csv")


def test_a_file_without_scores_or_labels_is_refused(grucast):
    write("scores.csv", SCORE, LABEL, header="points,label")
    assert "scores.csv:1: there is no column 'score'" in refused(grucast, "scores.csv")
    write("scores.csv", SCORE, SCORE, header="score,other")
    write("labels.csv", SCORE, SCORE, header="one,two")
    assert "name it with --label-col" in refused(grucast, "scores.csv", "--labels", "labels.csv")
    assert "there is no column 'truth'" in refused(grucast, "scores.csv", "--label-col", "truth")


def test_without_any_event_all_is_null_and_said(grucast):
    write("scores.csv", SCORE, [0] * 10, header="score,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "--threshold", "0.5", "--tune", "--json")
    found = json.loads(ran.out)
    undefined = "vus_pr", "vus_roc", "auc_pr", "auc_roc", "range_f1", "affiliation_f1", "event_f1", "tune"
    assert {found[name] for name in undefined} == {None}
    assert "no row is labelled" in ran.err


def test_the_window_is_the_period_of_y_or_the_fallback(grucast):
    wave = [abs(row % 8 - 4) for row in range(200)]
    label = [int(90 <= row < 95) for row in range(200)]
    write("scores.csv", wave, wave, label, header="y,score,label")
    assert measured(grucast, "scores.csv")["vus_window"] == 8
    write("scores.csv", wave, label, header="score,label")
    assert measured(grucast, "scores.csv")["vus_window"] == 125


def test_tune_tells_the_threshold_and_its_cost_and_that_it_is_hindsight(grucast):
    score = [0.1] * 40
    score[10], score[30] = 0.9, 0.9
    label = [int(row == 30) for row in range(40)]
    write("scores.csv", score, label, header="score,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "--tune", "--json")
    tuned = json.loads(ran.out)["tune"]
    assert tuned["threshold"] == pytest.approx(0.5)
    assert (tuned["event_precision"], tuned["event_recall"], tuned["missed_events"]) == (0.5, 1.0, 0)
    assert (tuned["false_alarms"], tuned["false_alarms_per_5000_rows"]) == (1, 125.0)
    assert "in hindsight" in ran.err


def test_the_table_has_a_row_a_metric_and_the_csv_a_line(grucast):
    write("scores.csv", SCORE, LABEL, header="score,label")
    table = grucast("evaluate", "anomalies", "scores.csv", "-q", "--format", "table", "--threshold", "0.5").out
    assert ["event_recall", "0.5"] in [line.split() for line in table.splitlines()]
    lines = grucast("evaluate", "anomalies", "scores.csv", "-q", "--threshold", "0.5").out.splitlines()
    assert lines[0] == "unique_id,metric,value"
    assert ",event_recall,0.5" in lines


def test_the_table_of_several_series_ends_with_their_mean(grucast):
    ids, stamps, score = two_series()
    label = [one for pair in zip(LABEL, LABEL, strict=True) for one in pair]
    write("scores.csv", ids, stamps, score, label, header="unique_id,ds,score,label")
    table = grucast("evaluate", "anomalies", "scores.csv", "-q", "--format", "table", "--tune").out.splitlines()
    assert table[0].split() == ["metric", "a", "b", "all"]
    assert len(next(line for line in table if line.startswith("vus_pr")).split()) == 4


@pytest.mark.parametrize("window", ["-1", "wide", "2.5", ""])
def test_a_window_that_is_no_number_of_rows_is_a_usage_error(grucast, window):
    write("scores.csv", SCORE, LABEL, header="score,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", f"--vus-window={window}")
    assert (ran.code, ran.out) == (2, "")
    assert "neither auto nor a number of rows" in ran.err


def test_a_file_that_is_read_is_not_written(grucast):
    write("scores.csv", SCORE, LABEL, header="score,label")
    ran = grucast("evaluate", "anomalies", "scores.csv", "-o", "scores.csv")
    assert (ran.code, ran.out) == (2, "")
    assert "scores.csv is read by this very command" in ran.err
    assert Path("scores.csv").read_text().startswith("score,label")


def test_evaluate_alone_answers_with_its_help_and_wrong_names_are_guessed(grucast):
    ran = grucast("evaluate")
    assert (ran.code, ran.out) == (2, "")
    assert "anomalies" in ran.err
    assert grucast("evaluate", "anomaly").err == "grucast: error: no command 'anomaly', did you mean 'anomalies'?\n"
    assert "Example:\n  grucast evaluate anomalies" in grucast("evaluate", "anomalies", "--help").out


def test_nothing_heavy_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("scores.csv", STAMPS, SCORE, header="ds,score")
    write("labels.csv", STAMPS, LABEL, header="ds,label")
    heavy = "pandas", "torch", "sklearn", "scipy", "rich", "pydantic", "matplotlib"
    code = ("import sys; from grucast.cli import boundary; from grucast.cli.app import _command\n"
            "boundary.run(_command, sys.argv[1:])\n"
            f"sys.exit(','.join(name for name in {heavy!r} if name in sys.modules) or 0)")
    words = "evaluate", "anomalies", "scores.csv", "--labels", "labels.csv", "--json", "--tune"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == 2
