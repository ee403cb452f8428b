"""`forecast --state` reads what was appended, and says what a run over the whole file says, to the last digit."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from grucast.artifacts.state import read_state
from grucast.artifacts.state_schema import READINGS, TAILS
from grucast.core.config import ReadOptions, RowOptions, StateOptions
from grucast.core.errors import DataError, UsageError
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.monitoring.duty import Duty
from grucast.workflows.predicting import rows as taking
from tests.command import Ended, hourly, run_installed, write_lines

NOW = 1_706_000_000.0


class Job:
    """A job over a file that grows: each run beside one of another job that reads the whole file."""

    def __init__(self, folder, monkeypatch, *, header="ds,load"):
        self.folder, self.header, self.whole, self.clock = folder, header, 0, NOW
        everything = taking._everything

        def counted(*words):
            self.whole += 1
            return everything(*words)

        monkeypatch.setattr(taking, "_everything", counted)

    def append(self, lines, *, end="\n"):
        file = self.folder / "now.csv"
        if not file.exists():
            file.write_text(self.header + "\n")
        with file.open("a") as handle:
            handle.write("\n".join(lines) + end)

    def forecast(self, *, verify=False, **more):
        state = self.folder / ("whole.state" if verify else "jobs.state")
        duty = Duty(StateOptions(state, "load"), clock=lambda: self.clock)
        read = more.pop("read", ReadOptions())
        return forecast(ForecastRequest(str(self.folder / "now.csv"), self.folder / "load.grucast", read,
                                        verify=verify, duty=duty, **more))

    def run(self, lines=(), **more):
        """Append and forecast both ways, which must agree; whether all of the file was read."""
        if lines:
            self.append(lines)
        self.clock += 60.0
        whole = self.forecast(verify=True, **more)
        self.whole = 0
        found = self.forecast(**more)
        for name in ("columns", "rows", "forecasts", "cutoff", "freq", "standing", "flags"):
            assert getattr(found, name) == getattr(whole, name), name
        self.notes = found.notes
        return bool(self.whole)


@pytest.fixture
def job(tiny, monkeypatch) -> Job:
    return Job(tiny, monkeypatch)


def test_rows_that_were_appended_are_all_that_is_read(job):
    lines = hourly(560)
    assert job.run(lines[:400])
    read = [job.run(lines[start:stop]) for start, stop in ((400, 401), (401, 409), (409, 424), (424, 520), (520, 560))]
    assert read == [False] * 5


def test_a_run_without_new_rows_repeats_the_last_one(job):
    job.run(hourly(400))
    first = job.forecast()
    assert not job.run()
    assert job.forecast().rows == first.rows


def test_empty_cells_and_missing_rows_are_masked_as_in_the_file(job):
    lines = hourly(440)
    lines[402] = lines[402].partition(",")[0] + ","
    lines[439] = lines[439].partition(",")[0] + ","
    del lines[410:415]
    job.run(lines[:400])
    assert not job.run(lines[400:405])
    assert not job.run(lines[405:])
    assert "the last row has no value: masked, the forecast begins after it" in job.notes


def test_a_model_that_errs_by_far_is_doubted_alike(job):
    lines = hourly(480)
    far = [f"{(cells := line.split(','))[0]},{100 - 9 * (float(cells[1]) - 100)!r}" for line in lines[400:]]
    job.run(lines[:400])
    for start in range(0, 80, 20):
        assert not job.run(far[start : start + 20])
    assert any("low confidence" in note for note in job.notes)


def test_a_last_line_that_does_not_end_waits(job):
    lines = hourly(403)
    job.run(lines[:400])
    job.append([lines[400], lines[401][:-3]], end="")
    assert not job.run()
    assert any("does not end" in note for note in job.notes)
    job.append([lines[401][-3:]])
    assert not job.run([lines[402]])


@pytest.mark.parametrize(("surprise", "goes_on"), [("late", 421), ("gap", 440), ("quotes", 421), ("stamps", 422)])
def test_at_a_surprise_all_is_read(job, surprise, goes_on):
    lines = hourly(460)
    job.run([line for at, line in enumerate(lines[:420]) if at != 410])
    stamp, _, value = lines[420].partition(",")
    news = {"late": [lines[410], lines[420]], "gap": lines[432:440], "stamps": [lines[421], lines[420]],
            "quotes": [f'{stamp},"{value}', '"']}[surprise]
    assert job.run(news) == (surprise != "stamps")  # within a run rows are put in order
    assert not job.run(lines[goes_on : goes_on + 9])


def test_a_file_that_was_written_anew_is_read_anew(job):
    lines = hourly(420)
    job.run(lines[:400])
    (job.folder / "now.csv").unlink()
    other = [f"{line.partition(',')[0]},{float(line.partition(',')[2]) + 3!r}" for line in lines]
    assert job.run(other[:410])
    assert job.run(other[410:])  # it does not begin with the rows trained on: its level is looked at each time


def test_another_model_or_option_reads_all_once(job):
    lines = hourly(410)
    job.run(lines[:400])
    assert job.run(lines[400:402], horizon=2) is False  # no more rows are looked at than before
    assert job.run(lines[402:404], read=ReadOptions(rows=RowOptions(duplicates="last")))
    assert not job.run(lines[404:406])


def test_a_stamp_that_comes_again_is_refused_with_its_line(job):
    lines = hourly(402)
    job.run(lines[:401])
    before = (job.folder / "jobs.state").read_bytes()
    job.append([lines[400].partition(",")[0] + ",7.0"])
    with pytest.raises(DataError, match=r"now\.csv:403: the stamp .* stands in line 402 already"):
        job.forecast()
    assert (job.folder / "jobs.state").read_bytes() == before


def test_a_bad_row_is_refused_with_its_line_in_the_file(job):
    lines = hourly(402)
    job.run(lines[:401])
    job.append([lines[401].partition(",")[0] + ",rain"])
    with pytest.raises(DataError, match=r"now\.csv:403.*rain"):
        job.forecast()


def test_a_state_of_an_older_grucast_is_gone_on_with(job):
    job.run(hourly(400))
    for name in ("jobs.state", "whole.state"):
        with closing(sqlite3.connect(job.folder / name)) as connection:
            for table in ("tails", "readings"):
                connection.execute(f"DROP TABLE {table}")
            connection.execute("PRAGMA user_version = 1")
            connection.commit()
    assert job.run(hourly(402)[400:])
    assert not job.run(hourly(404)[402:])
    with read_state(job.folder / "jobs.state") as state:
        made = dict(state.rows("SELECT name, sql FROM sqlite_schema WHERE name IN ('readings', 'tails')"))
    assert [made["readings"], made["tails"]] == [one.strip() for one in (READINGS, TAILS)]


@pytest.mark.parametrize("damage", ["UPDATE readings SET mark = '{\"bytes\": 7}'", "UPDATE readings SET mark = '7'",
                                    "UPDATE tails SET content = x'00ff'"])
def test_rows_that_are_not_as_they_were_kept_are_read_again(job, damage):
    job.run(hourly(400))
    with closing(sqlite3.connect(job.folder / "jobs.state")) as connection:
        connection.execute(damage)
        connection.commit()
    assert job.run(hourly(402)[400:])
    assert not job.run(hourly(404)[402:])


def test_verify_changes_nothing_without_a_state(tiny):
    with pytest.raises(UsageError, match="--verify would change nothing without --state FILE"):
        forecast(ForecastRequest(str(tiny / "load.csv"), tiny / "load.grucast", ReadOptions(), verify=True))


# ---- several series ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Lines of two shops with visitors and a size, and their model."""
    folder, rng = tmp_path_factory.mktemp("shops"), np.random.default_rng(2)
    stamps = [str(np.datetime64("2024-03-01T00:00:00") + at * np.timedelta64(1, "h")) for at in range(300)]
    lines = [f"{stamp},{name},{level + 9 * np.sin(at * np.pi / 12) + rng.normal():.4f},{rng.integers(9)},{size}"
             for at, stamp in enumerate(stamps) for name, level, size in (("a", 50, 3.0), ("b", 90, 8.0))]
    write_lines(folder / "load.csv", lines[:480], "ds,unique_id,y,visitors,size")
    assert run_installed("train", "load.csv", "-q", "--epochs", "1", "--threads", "1", "--hidden", "4", "--horizon",
                         "6", "--context-length", "24", "--season", "24", "--past-col", "visitors", "--static-col",
                         "size", folder=folder) == Ended(0, "", "")
    return lines, folder / "load.grucast"


@pytest.fixture
def panel(shops, tmp_path, monkeypatch):
    lines, model = shops
    (tmp_path / "load.grucast").write_bytes(model.read_bytes())
    return lines, Job(tmp_path, monkeypatch, header="ds,unique_id,y,visitors,size")


def test_series_that_grow_at_different_times_with_covariates_of_their_own(panel):
    lines, job = panel
    job.run(lines[:480])
    only = [line for line in lines[480:500] if ",a," in line]
    assert not job.run(only)
    assert not job.run([line for line in lines[480:510] if line not in only])
    assert not job.run(lines[510:540])


def test_a_series_that_is_new_makes_every_run_read_all(panel):
    lines, job = panel
    job.run(lines[:480])
    assert job.run([line.replace(",a,", ",c,") for line in lines[:100] if ",a," in line])
    assert job.run(lines[480:484])


# ---- gathered rows -------------------------------------------------------------------------------


def test_the_hour_that_still_goes_on_is_no_truth(tmp_path):
    rng = np.random.default_rng(4)
    at = np.arange(6 * 300)
    y = 50 + 9 * np.sin(at * np.pi / 72) + rng.normal(0, 1, len(at))
    lines = [f"{np.datetime64('2024-03-01T00:00:00') + one * np.timedelta64(10, 'm')},{value:.4f}"
             for one, value in zip(at.tolist(), y.tolist(), strict=True)]
    write_lines(tmp_path / "load.csv", lines[:1500], "ds,load")
    assert run_installed("train", "load.csv", "-q", "--epochs", "1", "--threads", "1", "--hidden", "4", "--horizon",
                         "6", "--context-length", "24", "--season", "24", "--resample", "1h",
                         folder=tmp_path) == Ended(0, "", "")

    def run(rows):
        write_lines(tmp_path / "now.csv", lines[:rows], "ds,load")
        duty = Duty(StateOptions(tmp_path / "jobs.state"), clock=lambda: NOW + rows)
        return forecast(ForecastRequest(str(tmp_path / "now.csv"), tmp_path / "load.grucast", ReadOptions(), duty=duty))

    assert run(1504).cutoff == "2024-03-11T09:00:00"  # 250 whole hours, and four rows of another
    assert run(1509).standing.truths == 1
    hour = [float(line.partition(",")[2]) for line in lines[1500:1506]]
    with read_state(tmp_path / "jobs.state") as state:
        ((error, said),) = state.rows("SELECT error, said FROM forecasts WHERE truths > 0")
    median = np.frombuffer(said).reshape(6, -1)[0]
    assert np.abs(np.mean(hour) - median).min() == pytest.approx(error)
