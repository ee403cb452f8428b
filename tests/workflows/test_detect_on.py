"""Runs over a file that grows say what one run over the whole file says, and each event once."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from grucast.core.config import AlarmOptions, ArrivalOptions, DetectOptions, ReadOptions, RowOptions, StateOptions
from grucast.core.errors import DataError, ModelError, UsageError
from grucast.workflows.detecting import runs
from grucast.workflows.detecting.arrived import Counts
from tests.command import Ended, hourly, run_installed, write_lines
from tests.workflows.going_on_making import Job, number

ROWS = 1300
WORDS = ("event_id", "unique_id", "start", "end", "peak", "rows", "channels", "flags", "reason")
SAME = ("unique_id", "ds", "y", "channel", "is_anomaly", "flags")


def faulty(rows: int = ROWS) -> list[str]:
    """Hourly loads with spikes, a stuck sensor, missing rows and empty cells."""
    lines = hourly(rows)
    stamps = [line.split(",")[0] for line in lines]
    for at in (220, 221, 700, 1201, 1202, 1204, 1250):
        lines[at] = f"{stamps[at]},{150 + at % 7}"
    still = lines[1100].split(",")[1]
    lines[1101:1115] = [f"{stamp},{still}" for stamp in stamps[1101:1115]]
    for at in (300, 1203, 1260):
        lines[at] = f"{stamps[at]},"
    return [line for at, line in enumerate(lines) if at not in (500, 501, 502, 1230, 1231)]


def assert_same_lines(said, whole):
    """The score lines of runs are those of one run over all."""
    assert [[one[name] for name in SAME] for one in said] == [[one[name] for name in SAME] for one in whole]
    assert_same_scores(said, whole, ("score", "p_value", "threshold", "y_hat"))


def assert_same_scores(said, whole, names=("score", "p_value", "y_hat")):
    """Numbers of the score lines are those of one run over all, to six digits."""
    for name in names:
        mine, theirs = ([number(one[name]) for one in lines] for lines in (said, whole))
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9, err_msg=name)


def assert_same_events(job: Job, whole):
    """Each event was raised once, and as the state has them by now they are those of one run over all."""
    assert [one["event_id"] for one in job.events] == [one["event_id"] for one in whole]
    ended = {one["event_id"] for one in job.ended}
    for one, table, raised in zip(whole, job.table(), job.events, strict=True):
        assert {name: table[name] for name in WORDS} == {name: one[name] for name in WORDS}
        assert table["severity"] == pytest.approx(one["severity"], rel=1e-6)
        assert raised["start"] == one["start"]
        assert (one["event_id"] in ended) == (raised["end"] is None and one["end"] is not None)


@pytest.fixture
def job(watcher, tmp_path) -> Job:
    return Job(tmp_path, watcher / "load.grucast")


def trained(folder, lines, header, *words):
    """A small model in `folder`."""
    write_lines(folder / "load.csv", lines, header)
    assert run_installed("train", "load.csv", "-q", "--epochs", "1", "--threads", "1", "--season", "24",
                         "--horizon", "12", *words, folder=folder) == Ended(0, "", "")
    return folder / "load.grucast"


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another model for the same columns, with another context and stride."""
    return trained(tmp_path_factory.mktemp("other"), hourly(1200), "ds,load", "--hidden", "6", "--context-length", "60")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """A model for rows without stamps."""
    values = [line.split(",")[1] for line in hourly(600)]
    return trained(tmp_path_factory.mktemp("numbered"), values, "load", "--hidden", "4", "--context-length", "48")


@pytest.mark.parametrize("rule", ["pot-stream", "pot", "dynamic"])
def test_runs_over_a_growing_file_say_what_one_run_over_it_says(job, rule):
    job.alarm = AlarmOptions(rule=rule, false_alarms="1 per 200 rows")
    lines = faulty()
    for start, stop in ((0, 30), (30, 31), (31, 600), (600, 1195), (1195, 1196), (1196, 1202), (1202, 1210),
                        (1210, 1290), (1290, len(lines))):
        job.grow(lines[start:stop])
    whole, events = job.oracle()
    assert_same_lines(job.said, whole)
    assert len(events) > 3
    assert_same_events(job, events)


# ---- rows that come late, again, or with other values ---------------------------------------------


def in_order(lines):
    """The rows of a file by their stamps, of rows of one stamp the last one."""
    return [f"{stamp},{value}" for stamp, value in sorted(dict(line.split(",") for line in lines).items())]


def assert_as_if_known_then(job: Job, before: int):
    """What the last run said of its rows is what a run over all rows known by now, in order of time, says of them."""
    whole, _ = job.oracle(in_order(job.lines))
    by_stamp = {one["ds"]: one | {"flags": ""} for one in whole}
    mine = [one | {"flags": ""} for one in job.said[before:]]
    assert_same_lines(mine, [by_stamp[one["ds"]] for one in mine])


def test_rows_that_come_late_are_scored_in_their_places_and_those_after_them_know_of_them(job):
    lines = faulty()
    late = {1205: 1218, 1206: 1222, 1240: 1275}  # row -> the row it comes after
    job.grow(lines[:1190])
    order = [row for row in range(1190, len(lines)) if row not in late]
    for row, after in late.items():
        order.insert(order.index(after) + 1, row)
    for start in range(0, len(order), 7):
        said = len(job.said)
        job.grow([lines[row] for row in order[start : start + 7]])
        assert_as_if_known_then(job, said)
    stamps = [lines[row].split(",")[0] for row in late]
    assert {one["ds"] for one in job.said if "late" in one["flags"]} == {*stamps}
    assert sorted(one["ds"] for one in job.said) == sorted(line.split(",")[0] for line in lines)


def test_a_value_that_is_corrected_is_scored_anew_and_flagged(job):
    lines = faulty()
    job.grow(lines[:1240])
    said = len(job.said)
    stamp = lines[1225].split(",")[0]
    watched = job.grow([f"{stamp},160", *lines[1240:1245]])
    assert (watched.counts.revised, watched.counts.new) == (1, 5)
    assert [one["ds"] for one in job.said[said:] if "revised" in one["flags"]] == [stamp]
    assert_as_if_known_then(job, said)


def test_rows_that_come_again_as_they_were_say_nothing_and_change_nothing(job):
    lines = faulty()
    job.grow(lines[:1240])
    job.grow([*lines[1230:1240], lines[1100]])
    watched = job.grow([*lines[1240:1250], *lines[1245:1260]])
    assert (watched.counts.repeated, watched.counts.new) == (5, 20)
    whole, events = job.oracle(lines[:1260])
    assert_same_lines(job.said, whole)
    assert_same_events(job, events)


def test_a_row_later_than_the_lateness_is_counted_and_stands_in_the_context_from_then_on(job):
    lines = faulty()
    arrival = ArrivalOptions(lateness="3h")
    job.grow([*lines[:1225], *lines[1226:1240]], arrival=arrival)
    said = len(job.said)
    watched = job.grow([lines[1225]], arrival=arrival)
    assert (watched.counts.too_late, watched.counts.late) == (1, 0)
    assert job.said[said:] == []
    assert any("too late" in note for note in watched.result.notes)
    assert job.grow([lines[1225]], arrival=arrival).counts.repeated == 1


def test_without_any_lateness_a_late_row_is_counted_and_nothing_else_changes(job):
    lines = faulty()
    arrival = ArrivalOptions(lateness="0h")
    job.grow([*lines[:1239], *lines[1240:1241]], arrival=arrival)
    assert job.grow([lines[1239]], arrival=arrival).counts.too_late == 1
    assert job.grow(lines[1241:1243], arrival=arrival).counts.new == 2


def test_an_alarm_in_a_late_row_is_raised_once_and_flagged(job):
    job.alarm = AlarmOptions(false_alarms="1 per 5000 rows")
    lines = hourly(1300)
    stamp = lines[1220].split(",")[0]
    job.grow([*lines[:1220], *lines[1221:1230]])
    before = len(job.events)
    job.grow([f"{stamp},400"])
    (event,) = job.events[before:]
    assert (event["start"], event["flags"]) == (stamp, ["late"])
    job.grow(lines[1230:1235])
    assert len(job.events) == before + 1
    assert job.table()[-1]["event_id"] == event["event_id"]


def test_a_late_row_that_joins_two_events_raises_no_third(job):
    job.alarm = AlarmOptions(threshold=8.0, min_gap=1)
    lines = hourly(1300)
    stamps = [line.split(",")[0] for line in lines]
    lines[1210:1250] = [f"{stamp},400" for stamp in stamps[1210:1250]]
    held = lines[1222:1226]
    job.grow([*lines[:1222], *lines[1226:1250]])
    before = {one["event_id"] for one in job.table()}
    job.grow(held)
    assert {one["event_id"] for one in job.table()} == before
    assert len(job.events) == len(before)


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_that_was_rotated_goes_on_and_the_rest_of_the_old_one_is_not_lost(job):
    lines = faulty()
    job.grow(lines[:1200])
    job.append(lines[1200:1220])
    job.file.rename(job.file.with_name("growing.csv.1"))
    job.append(lines[1220:1240])
    watched = job.run()
    assert watched.counts.new == 40
    assert any("another file" in note for note in watched.result.notes)
    job.grow(lines[1240:])
    whole, events = job.oracle()
    assert_same_lines(job.said, whole)
    assert_same_events(job, events)


def test_a_file_that_was_just_rotated_has_no_rows_yet(job):
    lines = faulty()
    job.grow(lines[:1200])
    for content in ("", "ds,load\n"):
        job.file.write_text(content)
        assert job.run().counts == Counts()
    job.append(lines[1200:])
    job.run()
    assert_same_lines(job.said, job.oracle()[0])


def test_a_last_line_that_does_not_end_waits_until_it_does(job):
    lines = faulty()
    job.grow(lines[:1200])
    with job.file.open("a") as file:
        file.write(lines[1200][:-3])
    watched = job.run()
    assert (watched.counts.new, len(job.said)) == (0, 1200)
    assert any("half written" in note for note in watched.result.notes)
    with job.file.open("a") as file:
        file.write(lines[1200][-3:] + "\n")
    job.lines.append(lines[1200])
    job.run()
    assert_same_lines(job.said, job.oracle()[0])


def test_a_value_changed_in_the_middle_of_the_file_is_seen_by_reading_all_of_it(job):
    lines = faulty()
    job.grow(lines)
    text = job.file.read_text()
    job.file.write_text(text.replace(lines[-20], lines[-20].split(",")[0] + ",70"))
    assert job.run(arrival=ArrivalOptions(verify=True)).counts == Counts(revised=1)


@pytest.mark.parametrize(("gone", "verify"), [
    (slice(-45, -5), True), (slice(-45, -5), False), (slice(-30, None), True)])
def test_rows_that_the_file_lost_are_counted_when_it_is_read_whole(job, gone, verify):
    lines = faulty()
    job.grow(lines)
    left = lines.copy()
    del left[gone]
    write_lines(job.file, left)
    notes = job.run(arrival=ArrivalOptions(verify=verify)).result.notes
    count = len(lines) - len(left)
    assert any(f"not in the file any more ({count} of those kept)" in note for note in notes)


def test_a_header_of_two_lines_is_gone_on_with(tmp_path):
    lines = hourly(260)
    model = trained(tmp_path, lines[:200], 'ds,"load\n[MW]"', "--hidden", "4", "--context-length", "48")
    job = Job(tmp_path, model)
    for stop, new in ((250, 250), (260, 10)):
        write_lines(job.file, lines[:stop], 'ds,"load\n[MW]"')
        assert job.run().counts == Counts(new=new)


def test_a_rotated_file_has_lost_nothing(job):
    lines = faulty()
    job.grow(lines[:1250])
    write_lines(job.file, lines[1250:])
    assert not any("not in the file any more" in note for note in job.run().result.notes)


def test_compressed_data_are_read_whole_and_only_new_rows_are_scored(job, watcher):
    lines = faulty()
    packed = job.folder / "growing.csv.gz"
    job.append(lines[:1200])
    for stop in (1200, 1250, len(lines)):
        packed.write_bytes(gzip.compress("\n".join(["ds,load", *lines[:stop], ""]).encode()))
        job.run(source=packed)
    job.lines = lines
    assert_same_lines(job.said, job.oracle()[0])


def test_a_bad_row_names_its_line_and_leaves_the_state_as_it_was(job):
    lines = faulty()
    job.grow(lines[:1200])
    before = job.state.read_bytes()
    job.append([lines[1200], "2024-02-20T11:00:00,n/a?"])
    with pytest.raises(DataError, match=r"growing.csv:1203: column 'load': 'n/a\?' is not a number"):
        job.run()
    assert job.state.read_bytes() == before


@pytest.mark.parametrize(("line", "words"), [
    ("2024-02-20T11:20:00,100", "not on the grid"), ("2124-02-20T11:00:00,100", "further|missing")])
def test_a_stamp_off_the_grid_or_a_century_ahead_is_an_error_with_its_line(job, line, words):
    job.grow(faulty()[:1200])
    job.append([line])
    with pytest.raises(DataError, match=rf"growing.csv:1202: .*({words})"):
        job.run()


def test_numbered_rows_go_on_from_file_to_file(watcher, tmp_path, numbered):
    job = Job(tmp_path, numbered, header="load")
    values = [line.split(",")[1] for line in hourly(700)]
    job.grow(values[:620])
    job.grow(values[620:630])
    job.file.rename(job.file.with_name("old"))
    job.grow(values[630:])
    assert_same_lines(job.said, job.oracle()[0])


# ---- jobs, models, deaths ------------------------------------------------------------------------


def test_another_model_goes_on_where_the_first_one_stopped_and_repeats_nothing(job, other):
    lines = faulty()
    job.grow(lines[:1210])
    raised = len(job.events)
    job.grow(lines[1210:1230], model=other)
    job.grow(lines[1230:], model=other)
    whole, _ = job.oracle(model=other)
    assert_same_scores(job.said[1210:], whole[1210:])
    assert len({one["event_id"] for one in job.events}) == len(job.events) >= raised > 0


def test_another_rule_goes_on_without_raising_what_was_raised(job):
    lines = faulty()
    job.grow(lines[:1240])
    job.alarm = AlarmOptions(rule="quantile", false_alarms="1 per 100 rows")
    job.grow(lines[1240:])
    whole, _ = job.oracle()
    assert_same_lines(job.said[1240:], whole[1240:])
    assert len({one["event_id"] for one in job.events}) == len(job.events)


def test_two_jobs_in_one_state_do_not_know_of_each_other(job):
    lines = faulty()
    job.grow(lines[:1240])
    other = job.run(options=StateOptions(state=job.state, job="other"))
    assert other.counts.new == 1240
    mine, theirs = ([one["event_id"] for one in events] for events in (job.events, other.result.events))
    assert len(theirs) * 2 == len(mine) == len(set(mine))


def test_events_of_a_run_that_died_before_it_printed_are_printed_by_the_next_one(job):
    lines = faulty()
    job.append(lines[:1240])
    with job.opened() as died:
        assert died.result.events
    again = job.run()
    assert again.counts == Counts()
    assert again.result.events == died.result.events
    assert job.run().result.events == []


def die(*words, **more):
    """An interrupt."""
    raise KeyboardInterrupt


def test_a_run_that_dies_in_the_middle_has_not_been(job, monkeypatch):
    lines = faulty()
    job.grow(lines[:1200])
    job.append(lines[1200:])
    for where in ("save_series", "settle", "_tell"):
        with monkeypatch.context() as patch:
            patch.setattr(runs, where, die)
            with pytest.raises(KeyboardInterrupt):
                job.run()
    job.run()
    whole, events = job.oracle()
    assert_same_lines(job.said, whole)
    assert_same_events(job, events)


def test_each_event_is_told_until_it_was_told(job):
    job.append(faulty())
    with job.opened(tell=True) as watched:
        watched.printed()
        first, *rest = watched.to_tell()
        watched.told(first)
    with job.opened(tell=True) as watched:
        assert watched.result.events == []
        assert watched.to_tell() == rest


def test_events_before_since_are_recorded_and_not_reported(job):
    job.append(faulty())
    watched = job.run(since="2024-02-15T00:00:00")
    assert 0 < len(watched.result.events) < len(job.table())


def test_a_model_of_other_columns_is_refused(job, numbered):
    job.grow(faulty()[:1200])
    with job.edit() as state:
        state.execute("""UPDATE jobs SET judging = replace(judging, '"load"', '"speed"')""")
    with pytest.raises(ModelError, match=r"about the columns speed, the model about load"):
        job.run()


@pytest.mark.parametrize("wreck", [
    "UPDATE series SET current = x'00'", "UPDATE kept SET data = zeroblob(length(data))", "DELETE FROM kept",
    "UPDATE jobs SET judging = '{'", "UPDATE jobs SET mark = '[]'", "UPDATE jobs SET judging = '{}'",
    "UPDATE events SET document = 'x', to_print = 1", "UPDATE events SET document = '{}', to_print = 1",
    "UPDATE series SET watermark = 'x'", "DROP TABLE kept",
    "UPDATE kept SET ds = 'x' WHERE ds = (SELECT min(ds) FROM kept)"])
def test_a_state_that_was_damaged_is_an_error_of_one_line(job, wreck):
    lines = faulty()
    job.grow(lines[:1240])
    with job.edit() as state:
        state.execute("PRAGMA foreign_keys = OFF")
        state.execute(wreck)
    job.append(lines[1240:1250])
    with pytest.raises(ModelError, match="damaged"):
        job.run()


def test_what_does_not_go_with_a_state_is_refused(job):
    job.append(faulty())
    for options, word in (({"plot": job.folder / "a.png"}, "--plot"),
                          ({"read": ReadOptions(rows=RowOptions(exclude_labelled=True))}, "--exclude-labelled"),
                          ({"arrival": ArrivalOptions(lateness="soon")}, "--lateness"),
                          ({"detect": DetectOptions(mode="offline")}, "--mode offline")):
        with pytest.raises(UsageError, match=word):
            job.run(**options)
