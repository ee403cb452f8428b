"""The lines of the score file, from scores made by hand."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grucast.core.results import RowScores
from grucast.core.series import Repeats
from grucast.detection.calibration import ScoreCalibration
from grucast.detection.events import Event
from grucast.detection.scoring import gather_channels
from grucast.workflows.detecting.score_lines import channel_scores, lines_of, write_scores
from grucast.workflows.detecting.scores import Scoring
from grucast.workflows.detecting.table import Judged, Telling, event_rows, events_of, low_confidence
from tests.making import hourly_panel, series_of

CALIBRATION = ScoreCalibration(np.array([1.0, 2.0, 3.0]), np.array([9.0, 4.0, 1.0]), 9)


def judged_of(series, score, *, share=None, events=(), threshold=2.5, begin=0):
    """A judged series whose channels expect 7, give or take 1."""
    score = np.array(score, dtype=float)
    rows, channels = len(score), series.y.shape[1]
    share = np.full((rows, channels), 1.0 / channels) if share is None else np.array(share, dtype=float)
    expected = np.tile([6.0, 7.0, 8.0], (rows, channels, 1))
    scores = RowScores(series.unique_id, series.ds[:rows], series.y[:rows], expected, score, share,
                       score.astype(np.float32), score.astype(np.float32), (np.zeros(rows, np.int16),) * 2)  # fmt: skip
    return Judged(series, scores, np.full(rows, threshold), score / 10, list(events), np.zeros(rows, np.int8), begin)


def written(judged, path, *, per_channel=False, panel=None, gather="largest"):
    """The score file of several judged series, as dictionaries."""
    panel = panel or hourly_panel(*[one.series for one in judged])
    telling = Telling(panel, CALIBRATION, "pot", Scoring(gather=gather), 2, False, per_channel)
    write_scores(path, [lines_of(one, telling) for one in judged], telling)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_line_has_every_column(tmp_path):
    series = series_of([7.5, 9.25, 7.0])
    lines = written([judged_of(series, [np.nan, 3.5, 1.0], events=[Event(1, 2, 1, 1.4, False)])], tmp_path / "s.csv")
    assert lines[1].pop("event_id").startswith("e")
    assert lines[1] == {"unique_id": "", "ds": "2024-01-01T01:00:00", "y": "9.25", "y_hat": "7.0", "channel": "a",
                        "score": "3.5", "p_value": "0.35", "threshold": "2.5", "is_anomaly": "1",
                        "flags": "low_confidence"}
    assert (lines[0]["score"], lines[0]["is_anomaly"], lines[0]["event_id"], lines[0]["flags"]) == ("", "0", "", "")


def test_series_that_alternate_in_the_file_alternate_in_the_scores(tmp_path):
    a, b = series_of([1.0, 2.0, 3.0], unique_id="a"), series_of([10.0, 20.0], unique_id="b")
    a.line[:], b.line[:] = [2, 4, 6], [3, 5]
    lines = written([judged_of(a, [1, 1, 3], events=[Event(2, 3, 2, 2.0, False)]),
                     judged_of(b, [3, 1], events=[Event(0, 1, 0, 2.0, False)])], tmp_path / "s.csv")
    assert [(line["unique_id"], float(line["y"])) for line in lines] == [
        ("a", 1.0), ("b", 10.0), ("a", 2.0), ("b", 20.0), ("a", 3.0)]
    assert [bool(line["event_id"]) for line in lines] == [False, True, False, False, True]
    assert lines[1]["event_id"] != lines[4]["event_id"]


def test_rows_that_the_file_does_not_have_and_rows_before_the_first_reported_are_not_written(tmp_path):
    series = series_of([1.0, 2.0, np.nan, 4.0])
    series.line[2] = 0
    lines = written([judged_of(series, [1, 1, np.nan, 1], begin=1)], tmp_path / "s.csv")
    assert [line["y"] for line in lines] == ["2.0", "4.0"]


def repeated(series, rows, y, lines):
    """The series, and rows of the file that were dropped for its `rows`."""
    values = np.array(y, dtype=float).reshape(len(rows), -1)
    return replace(series, repeats=Repeats(series.ds[rows], values, np.array(lines)))


def test_a_row_dropped_for_another_of_its_stamp_has_its_own_value_no_score_and_says_why(tmp_path):
    series = series_of([1.0, 2.0, 3.0])
    series.line[:] = [2, 4, 6]
    series = repeated(series, [0, 2], [11.0, 13.0], [5, 3])
    lines = written([judged_of(series, [1.0, 1.0, 3.0], events=[Event(2, 3, 2, 1.2, False)])], tmp_path / "s.csv")
    assert [(line["y"], line["ds"][11:13], line["score"], line["is_anomaly"]) for line in lines] == [
        ("1.0", "00", "1.0", "0"), ("13.0", "02", "", "0"), ("2.0", "01", "1.0", "0"), ("11.0", "00", "", "0"),
        ("3.0", "02", "3.0", "1")]
    assert [line["flags"] for line in lines] == ["low_confidence", "duplicate", "low_confidence", "duplicate", ""]
    assert [(line["p_value"], line["event_id"]) for line in lines if line["flags"] == "duplicate"] == [("", "")] * 2
    assert lines[1]["y_hat"] == "7.0"


def test_a_dropped_row_before_the_first_reported_has_no_line(tmp_path):
    series = repeated(series_of([1.0, 2.0, 3.0]), [0, 1], [11.0, 12.0], [5, 6])
    lines = written([judged_of(series, [1.0, 1.0, 1.0], begin=1)], tmp_path / "s.csv")
    assert [line["y"] for line in lines] == ["2.0", "3.0", "12.0"]


def test_a_dropped_row_has_a_line_for_each_column_too(tmp_path):
    series = repeated(series_of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), [1], [33.0, 44.0], [9])
    lines = written([judged_of(series, [1.0, 2.0, 2.0])], tmp_path / "s.csv", per_channel=True)
    assert [(line["channel"], line["y"], line["score"], line["flags"]) for line in lines[6:]] == [
        ("a", "33.0", "", "duplicate"), ("b", "44.0", "", "duplicate")]


def test_rows_that_only_tell_what_is_known_ahead_have_a_line_without_a_score(tmp_path):
    series = series_of([1.0, 2.0, np.nan, np.nan])
    lines = written([judged_of(series, [1.0, 3.0])], tmp_path / "s.csv")
    assert [(line["y"], line["score"], line["is_anomaly"]) for line in lines] == [
        ("1.0", "1.0", "0"), ("2.0", "3.0", "1"), ("", "", "0"), ("", "", "0")]


def test_the_leading_column_stands_for_a_row_of_several(tmp_path):
    series = series_of(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    lines = written([judged_of(series, [1, 2], share=[[0.2, 0.1, 0.7], [np.nan] * 3])], tmp_path / "s.csv")
    assert [(line["channel"], line["y"]) for line in lines] == [("c", "3.0"), ("", "")]


def test_each_column_may_have_a_line_of_its_own(tmp_path):
    series = series_of(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    lines = written([judged_of(series, [1, 3], share=[[0.2, 0.3, 0.5], [0.5, 0.5, 0]])], tmp_path / "s.csv",
                    per_channel=True)
    assert [(line["unique_id"], line["channel"], line["y"], line["score"]) for line in lines] == [
        ("a", "a", "1.0", "0.4"), ("b", "b", "2.0", "0.6"), ("c", "c", "3.0", "1.0"),
        ("a", "a", "4.0", "3.0"), ("b", "b", "5.0", "3.0"), ("c", "c", "6.0", "0.0")]
    assert [line["is_anomaly"] for line in lines] == ["0", "0", "0", "1", "1", "0"]


@given(arrays(np.float64, (5, 3), elements=st.one_of(st.just(np.nan), st.floats(0, 1e6))),
       st.sampled_from(["largest", "mean"]))
def test_the_scores_of_columns_come_back_from_their_shares(scores, how):
    row, share = gather_channels(scores, how)
    np.testing.assert_allclose(channel_scores(row, share, np.isfinite(scores), how), scores, rtol=1e-9, atol=1e-290)


def test_parts_of_a_second_are_written_for_all_rows_where_any_has_them(tmp_path):
    series = series_of([1.0, 2.0])
    series.ds[1] += np.timedelta64(250, "ms")
    panel = hourly_panel(series)
    telling = Telling(panel, CALIBRATION, "pot", Scoring(), 2, True)
    assert telling.stamps(series.ds[:1]) == ["2024-01-01T00:00:00.000000"]


def test_words_that_a_spreadsheet_would_run_are_written_so_that_it_does_not(tmp_path):
    lines = written([judged_of(series_of([1.0], unique_id="=1+1"), [1.0])], tmp_path / "s.csv")
    assert lines[0]["unique_id"] == "'=1+1"


@pytest.mark.parametrize(("observed", "low"), [
    ([1, 1, 1, 1, 1, 1], [True, True, True, True, False, False]),
    ([1, 1, 0, 0, 0, 1], [True, True, True, True, False, True]),  # of rows 1 to 4 one is known, of 0 to 3 two
])
def test_rows_with_little_known_before_them_deserve_low_confidence(observed, low):
    series = series_of([1.0 if one else np.nan for one in observed])
    assert low_confidence(series, 6, 4).tolist() == low


def test_an_event_is_told_at_its_peak_and_by_the_columns_that_took_part():
    series = series_of(np.arange(12.0).reshape(4, 3), unique_id="m1")
    judged = judged_of(series, [1, 5, 4, 1], share=[[0.3, 0.3, 0.4]] * 4, events=[Event(1, 3, 1, 2.0, False)])
    telling = Telling(hourly_panel(series), CALIBRATION, "pot", Scoring(), 1)
    (told,) = events_of(judged, telling)
    event = told.document
    assert (event["unique_id"], event["start"], event["end"], event["peak"], event["rows"]) == (
        "m1", "2024-01-01T01:00:00", "2024-01-01T02:00:00", "2024-01-01T01:00:00", 2)
    assert (event["score"], event["y"], event["y_hat"], event["channels"], event["flags"]) == (
        5.0, 5.0, 7.0, ["c", "a", "b"], [])
    assert event_rows([event])[0][11:13] == ["c;a;b", ""]
