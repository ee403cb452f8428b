"""Rows after errors far beyond the usual ones are flagged, alike in a file, in a stream and from run to run."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from grucast.artifacts.store import load, save
from grucast.core.config import ReadOptions
from grucast.workflows.detect import DetectRequest, Reported, detect
from grucast.workflows.follow import answers, open_following
from tests.command import hourly, write_lines
from tests.workflows.going_on_making import SOME, Job

ROWS, WILD = 1300, slice(1060, 1130)
NOTE = "low confidence: before"


def unsettled() -> list[str]:
    """Hourly loads that for 70 rows swing up and down by 30 as well."""
    lines = hourly(ROWS)
    for at in range(WILD.start, WILD.stop):
        stamp, value = lines[at].split(",")
        lines[at] = f"{stamp},{float(value) + (30 if at % 2 else -30)}"
    return lines


@pytest.fixture
def job(watcher, tmp_path) -> Job:
    return Job(tmp_path, watcher / "load.grucast")


def flags_of(lines) -> list[str]:
    return [line["flags"] for line in lines]


def test_the_rows_after_large_errors_are_flagged_and_scored_all_the_same(job):
    job.lines = unsettled()
    scores, events = job.oracle()
    low = [at for at, line in enumerate(scores) if line["flags"] == "low_confidence" and at >= 100]
    # a row counts for five at most: some are too few, and thirteen of fifty are enough; fifty rows later they are past
    assert WILD.start + 5 < low[0] <= WILD.start + 13
    assert WILD.stop + 20 < low[-1] < WILD.stop + 100
    assert np.ptp(low) == len(low) - 1
    assert all(line["score"] for line in scores[100:])
    first = next(one for one in events if one["start"] >= scores[WILD.start - 5]["ds"])
    assert first["start"] <= scores[WILD.start + 5]["ds"]
    assert first["flags"] == []  # it began while the model was as good as ever


def test_one_note_tells_how_many_rows_are_in_doubt(job, tmp_path):
    file = write_lines(tmp_path / "load.csv", unsettled(), "ds,load")
    request = DetectRequest(str(file), job.model, ReadOptions(), report=Reported(scores=tmp_path / "scores.csv"))
    (note,) = [one for one in detect(request).notes if one.startswith(NOTE)]
    with (tmp_path / "scores.csv").open(newline="") as scores:
        low = [at for at, line in enumerate(csv.DictReader(scores)) if line["flags"] and at >= 100]
    assert note.startswith(f"{NOTE} {len(low)} rows ")


def test_runs_one_after_the_other_flag_the_rows_that_one_run_flags(job):
    lines = unsettled()
    watched = [job.grow(lines[:1050]), job.grow(lines[1050:1075]), job.grow(lines[1075:1180]), job.grow(lines[1180:])]
    scores, events = job.oracle()
    assert flags_of(job.said) == flags_of(scores)
    assert flags_of(job.table()) == flags_of(events)
    noted = [sum(one.startswith(NOTE) for one in run.result.notes) for run in watched]
    assert noted == [0, 1, 1, 0] if "low_confidence" not in flags_of(scores[1180:]) else [0, 1, 1, 1]


def test_rows_that_come_late_are_flagged_as_if_they_had_been_there(job):
    lines = unsettled()
    late = lines[1090:1093]
    job.grow(lines[:1090] + lines[1093:1110])
    job.append(late)
    job.run()
    job.grow(lines[1110:])
    scores, _ = job.oracle(lines)
    said = {line["ds"]: line["flags"] for line in job.said[:1090] + job.said[1107:]}
    assert [said[line["ds"]].removesuffix(";late") for line in scores if line["ds"] in said] == [
        line["flags"] for line in scores if line["ds"] in said]
    assert sum(flags.endswith(";late") for flags in said.values()) == 3


def test_a_stream_is_flagged_as_a_file_is(job, tmp_path):
    lines = unsettled()
    history = write_lines(tmp_path / "history.csv", lines[:1070], "ds,load")
    following = open_following(DetectRequest(str(history), job.model, ReadOptions(), alarm=SOME))
    said = list(answers(following, ["ds,load", *lines[1070:]]))
    scores, _ = job.oracle(lines)
    assert flags_of(said) == flags_of(scores[1070:])
    assert "low_confidence" in flags_of(said)


def test_a_stream_flags_rows_before_which_half_of_the_context_is_missing(job, tmp_path):
    lines = hourly(ROWS)
    lines[1150:1190] = [line.split(",")[0] + "," for line in lines[1150:1190]]
    history = write_lines(tmp_path / "history.csv", lines[:1100], "ds,load")
    following = open_following(DetectRequest(str(history), job.model, ReadOptions(), alarm=SOME))
    said = list(answers(following, ["ds,load", *lines[1100:]]))
    scores, _ = job.oracle(lines)
    assert flags_of(said) == flags_of(scores[1100:])
    assert flags_of(said)[89:92] == ["", "low_confidence", "low_confidence"]


def test_a_model_of_an_older_grucast_flags_no_errors(job, watcher, tmp_path):
    known = load(watcher / "load.grucast")
    older = type(known)(known.manifest, {name: one for name, one in known.tensors.items() if name != "anomaly.usual"})
    save(older, tmp_path / "older.grucast")
    job.lines = unsettled()
    scores, _ = job.oracle(model=tmp_path / "older.grucast")
    assert set(flags_of(scores[100:])) == {""}


def test_a_state_of_an_older_grucast_goes_on(job):
    """Its machines remember no errors: half of the rows looked at must come first."""
    from grucast.artifacts.state_arrays import pack, unpack  # the form of what is taken out

    lines = unsettled()
    job.grow(lines[:1100])
    with job.edit() as state:
        blobs = state.execute("SELECT number, current, earlier, settled FROM series").fetchall()
        for number, *machines in blobs:
            bare = [None if one is None else pack({name: value for name, value in unpack(one).items()
                                                   if name != "doubt"}) for one in machines]
            state.execute("UPDATE series SET current = ?, earlier = ?, settled = ? WHERE number = ?", (*bare, number))
    job.grow(lines[1100:])
    flags = flags_of(job.said[1100:])
    assert flags[:25] == [""] * 25
    assert flags[25] == "low_confidence"
