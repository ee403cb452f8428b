"""Runs with a state say what one run over all rows says, with covariates and with rows that are gathered too."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.config import ReadOptions, RowOptions
from grucast.core.errors import DataError
from tests.command import Ended, run_installed, write_lines
from tests.workflows.going_on_making import Job
from tests.workflows.test_detect_on_panels import assert_same

SMALL = ("-q", "--epochs", "1", "--threads", "1", "--hidden", "4", "--context-length", "24", "--horizon", "6",
         "--season", "24")
START = np.datetime64("2024-03-01T00:00:00")


def trained(folder, header, lines, *words):
    write_lines(folder / "load.csv", lines, header)
    assert run_installed("train", "load.csv", *SMALL, *words, folder=folder) == Ended(0, "", "")
    return folder / "load.grucast"


def stamped(rows: int, minutes: int = 60) -> list[str]:
    return [str(START + at * np.timedelta64(minutes, "m")) for at in range(rows)]


def drawn(rows: int, seed: int, level: float = 50.0, day: int = 24):
    """Values with a day in them and some faults."""
    rng = np.random.default_rng(seed)
    y = level + 10 * np.sin(np.arange(rows) * 2 * np.pi / day) + rng.normal(0, 1, rows)
    y[rng.integers(rows // 2, rows, 4)] += 60
    return y


# ---- constant for a series -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Lines of two shops of different sizes, and their model."""
    series = {"a": (drawn(420, 1), 3.0), "b": (drawn(420, 2, 90.0), 8.0)}
    lines = [f"{stamp},{name},{y[at]!r},{size}" for at, stamp in enumerate(stamped(420))
             for name, (y, size) in series.items()]
    lines = [line.replace("np.float64(", "").replace(")", "") for line in lines]
    folder = tmp_path_factory.mktemp("shops")
    return lines, trained(folder, "ds,unique_id,y,size", lines[:640], "--static-col", "size")


def test_constant_covariates_are_remembered_with_their_series(shops, tmp_path):
    lines, model = shops
    job = Job(tmp_path, model, header="ds,unique_id,y,size")
    job.grow(lines[:600])
    job.grow(lines[600:701])
    bare = [line.rpartition(",")[0] + "," for line in lines[701:790]]  # rows that do not say the size again
    job.grow(bare)
    assert_same(job.said, job.oracle()[0])


def test_a_covariate_that_is_not_constant_is_refused_with_its_column(shops, tmp_path):
    lines, model = shops
    job = Job(tmp_path, model, header="ds,unique_id,y,size")
    job.grow(lines[:600])
    with pytest.raises(DataError, match=r"column 'size': 4 after 3: not constant in series 'a'"):
        job.grow([lines[600].rpartition(",")[0] + ",4.0"])


# ---- known ahead ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def offers(tmp_path_factory):
    """Stamps, values and offers that raise them; the model knows offers ahead."""
    rows = 420
    rng = np.random.default_rng(5)
    offer = (rng.random(rows + 50) < 0.1).astype(float)
    y = (drawn(rows + 50, 3) + 25 * offer).tolist()
    stamps = stamped(rows + 50)
    full = [f"{stamp},{value!r},{one}" for stamp, value, one in zip(stamps, y, offer.tolist(), strict=True)]
    return full, trained(tmp_path_factory.mktemp("offers"), "ds,y,offer", full[:330], "--known-col", "offer")


def ahead(lines):
    """Rows without their targets."""
    return [",".join([(cells := line.split(","))[0], "", cells[2]]) for line in lines]


class Rewritten(Job):
    """A job whose file is written anew before each run: rows up to one, and what is known of those after it."""

    def upto(self, lines, stop, *, horizon=6, **more):
        self.lines = [*lines[:stop], *ahead(lines[stop : stop + horizon])]
        write_lines(self.file, self.lines, self.header)
        return self.run(**more)


def passed(lines):
    """The score lines of rows with a target."""
    return [line for line in lines if line["y"]]


def test_covariates_known_ahead_come_with_the_rows(offers, tmp_path):
    lines, model = offers
    job = Rewritten(tmp_path, model, header="ds,y,offer")
    for stop in (300, 301, 302, 340, 391, 440):
        job.upto(lines, stop)
    whole, events = job.oracle()
    assert_same(job.said, passed(whole))
    assert [one["event_id"] for one in job.events] == [one["event_id"] for one in events]


def test_a_file_that_only_grows_tells_each_row_ahead_and_again_when_it_has_passed(offers, tmp_path):
    lines, model = offers
    job = Job(tmp_path, model, header="ds,y,offer")
    job.grow([*lines[:300], *ahead(lines[300:310])])
    job.grow([*lines[300:309], *ahead(lines[310:320])])
    job.grow([*lines[309:314], *ahead(lines[320:324])])
    whole, _ = job.oracle([*lines[:314], *ahead(lines[314:324])])
    assert_same(job.said, passed(whole))


def test_what_is_known_ahead_matters(offers, tmp_path):
    """Without it the tests above could not fail."""
    lines, model = offers
    other = [line if at < 332 else line.rpartition(",")[0] + ",10" for at, line in enumerate(lines)]
    job = Rewritten(tmp_path, model, header="ds,y,offer")
    job.lines = [*lines[:331], *ahead(lines[331:337])]
    usual = passed(job.oracle()[0])
    job.lines = [*lines[:331], *ahead(other[331:337])]
    assert passed(job.oracle()[0])[-1]["score"] != usual[-1]["score"]


def test_too_few_rows_ahead_are_refused_and_nothing_is_remembered(offers, tmp_path):
    lines, model = offers
    job = Rewritten(tmp_path, model, header="ds,y,offer")
    with pytest.raises(DataError, match="offer must be known for 6 rows ahead, and 5 are there"):
        job.upto(lines, 300, horizon=5)
    job.upto(lines, 300)
    with pytest.raises(DataError, match="offer must be known for 6 rows ahead, and 2 are there"):
        job.upto(lines, 304, horizon=2)
    job.upto(lines, 304)
    assert_same(job.said, passed(job.oracle()[0]))


def test_another_model_looks_ahead_from_where_the_first_one_stopped(offers, tmp_path):
    """With weights of the same seed and another digest the scores go on as if nothing had been."""
    from dataclasses import replace

    from grucast.artifacts.store import load, save

    lines, model = offers
    artifact = load(model)
    save(replace(artifact, manifest=replace(artifact.manifest, parent="0" * 64)), tmp_path / "child.grucast")
    job = Rewritten(tmp_path, model, header="ds,y,offer")
    job.upto(lines, 340)
    job.upto(lines, 346, model=tmp_path / "child.grucast")
    assert_same(job.said, passed(job.oracle()[0]))


# ---- gathered rows -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minutes(tmp_path_factory):
    """Values every ten minutes, more or less, and a model of their hours."""
    rng = np.random.default_rng(9)
    rows = 6 * 420
    y = drawn(rows, 4, day=144).tolist()
    stamps = [str(START + np.timedelta64(10 * 60 * at + int(late), "s"))
              for at, late in enumerate(rng.integers(0, 500, rows))]
    lines = [f"{stamp},{value!r}" for stamp, value in zip(stamps, y, strict=True)]
    return lines, trained(tmp_path_factory.mktemp("minutes"), "ds,load", lines[:1900], "--resample", "1h")


def test_only_whole_hours_are_scored_and_the_open_one_waits(minutes, tmp_path):
    lines, model = minutes
    job = Job(tmp_path, model)
    for start, stop in ((0, 1700), (1700, 1702), (1702, 1703), (1703, 1710), (1710, 2301)):
        job.grow(lines[start:stop])
    whole, _ = job.oracle()
    assert_same(job.said, whole[:-1])  # the last hour is not over
    job.grow(lines[2301:2310])
    assert_same(job.said, job.oracle()[0][:-1])


def test_a_row_that_comes_late_changes_its_hour(minutes, tmp_path):
    lines, model = minutes
    job = Job(tmp_path, model)
    job.grow([*lines[:1803], *lines[1804:1830]])
    watched = job.grow([lines[1803], *lines[1830:1835]])
    assert watched.counts.revised == 1
    job.grow(lines[1835:1900])
    whole, _ = job.oracle(read=ReadOptions(rows=RowOptions()))
    latest = {line["ds"]: line for line in job.said}
    for line in whole[:-1]:
        assert float(latest[line["ds"]]["y"]) == pytest.approx(float(line["y"]))
    assert float(job.said[-1]["score"]) == pytest.approx(float(whole[-2]["score"]), rel=1e-6)


def test_before_any_hour_has_passed_the_run_says_so(minutes, tmp_path):
    lines, model = minutes
    job = Job(tmp_path, model)
    with pytest.raises(DataError, match="no 1h has passed"):
        job.grow(lines[:3])
