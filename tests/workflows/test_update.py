"""`grucast update`: learns from what came, is judged by rows that nobody saw, and else leaves the model as it was."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions, RowOptions
from grucast.core.errors import Busy, DataError, ModelError
from grucast.workflows.serving import read_gridded
from grucast.workflows.update import UpdateRequest, update
from grucast.workflows.updating import update_model
from grucast.workflows.updating.beginning import count_new, from_the_beginning
from tests.command import TINY, Ended, hourly, run_installed, write_lines

KNOWN = 400  # rows that the tiny model was trained on; its horizon is 24


@pytest.fixture
def grown(tiny):
    """The folder of the tiny model, and a way to update it when `load.csv` has grown to so many rows."""

    def run(rows: int, **more):
        write_lines(tiny / "load.csv", hourly(rows))
        return update(UpdateRequest(None, tiny / "load.grucast", ReadOptions(), threads=1, **more))

    return run


@pytest.fixture
def model(tiny):
    return tiny / "load.grucast"


def test_it_learns_from_new_rows_and_remembers_its_parent(grown, model):
    before = load(model)
    result = grown(520)
    after, report = load(model), result.report
    assert report["updated"]
    assert report["error"] <= report["error_before"]
    assert (report["rows"], report["new_rows"], report["held_rows"]) == (520, 120, 40)
    assert (report["digest"], report["parent"]) == (after.digest, before.digest)
    assert after.manifest.parent == before.digest != after.digest
    assert (after.manifest.data.rows, after.manifest.data.last) == (520, "2024-01-22T15:00:00.000000")
    assert (after.manifest.model, after.manifest.window) == (before.manifest.model, before.manifest.window)
    assert report["holdout"]["mae"] > 0
    assert after.manifest.accuracy["season"] == before.manifest.accuracy["season"]


def test_scales_trust_and_names_of_what_is_known_stay(grown, model):
    before = load(model).tensors
    grown(520)
    after = load(model).tensors
    assert before.keys() == after.keys()
    for name in ("scale.series", "scale.unit", "calibration.trusted", "series.ids", "drift.head"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert any(not np.array_equal(after[name], before[name]) for name in before if name.startswith("network."))
    assert not np.array_equal(after["calibration.factors"], before["calibration.factors"])


def test_laws_of_few_rows_do_not_take_the_place_of_those_of_many_but_scales_are_measured_anew(grown, model):
    before = load(model).tensors
    grown(520)
    after = load(model).tensors
    np.testing.assert_array_equal(after["anomaly.stuck.scores"], before["anomaly.stuck.scores"])
    assert not np.array_equal(after["anomaly.online.median"], before["anomaly.online.median"])


def test_as_many_new_rows_as_the_laws_are_about_bring_laws_of_their_own(grown, model):
    known = load(model).tensors
    rows = int(known["anomaly.online.sudden.numbers"][0])
    grown(KNOWN + rows + 150)
    assert load(model).tensors["anomaly.online.sudden.numbers"][0] > rows


def test_one_parent_and_the_same_rows_give_the_same_bytes(grown, model):
    parent = model.read_bytes()
    grown(520)
    first = model.read_bytes()
    model.write_bytes(parent)
    grown(520)
    assert model.read_bytes() == first


def test_an_updated_model_can_be_updated_again(grown, model):
    grown(520)
    middle = load(model).digest
    assert grown(640).report["new_rows"] == 120
    assert load(model).manifest.parent == middle


@pytest.mark.parametrize(("rows", "said"), [(KNOWN, "no row came after 2024-01-17T15:00:00"),
                                            (KNOWN + 39, "39 new rows, too few to learn from and be judged by")])
def test_where_too_few_rows_came_the_model_stays_and_that_is_no_error(grown, model, rows, said):
    before = model.read_bytes()
    result = grown(rows)
    assert not result.report["updated"]
    assert said in result.notes[-1]
    assert model.read_bytes() == before


def test_a_model_that_became_no_better_is_not_put_in_place_of_the_old_one(grown, model, monkeypatch):
    errors = iter((0.25, 0.26, 0.2501, 0.27, 0.28))
    monkeypatch.setattr(update_model, "error_of", lambda *_: next(errors))
    before = model.read_bytes()
    with pytest.raises(ModelError, match=r"120 new rows made it no better: error 0.2501 on the newest 40, 0.25 before"):
        grown(520)
    assert model.read_bytes() == before


def test_the_weights_that_are_judged_have_not_seen_the_rows_they_are_judged_on(grown, model, tiny, monkeypatch):
    """The same new rows, but those held out a hundred times as large: the candidate is the same to the bit."""
    seen = []
    errors = iter((0.0, 1.0, 1.0, 1.0, 1.0) * 2)  # that of the old weights comes first
    monkeypatch.setattr(update_model, "error_of", lambda *given: seen.append(given[1]) or next(errors))
    lines = hourly(520)
    loud = [f"{line.split(',')[0]},{float(line.split(',')[1]) * 3!r}" for line in lines[480:]]
    for content in (lines, [*lines[:480], *loud]):
        write_lines(tiny / "load.csv", content)
        with pytest.raises(ModelError):
            update(UpdateRequest(None, model, ReadOptions(), threads=1))
    quiet, loud = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert len(quiet) == len(loud) == 1 + len(update_model.SHARES)
    for one, other in zip(quiet, loud, strict=True):
        assert all(np.array_equal(one.members[0][name], other.members[0][name]) for name in one.members[0])


def test_the_weights_on_the_way_that_are_best_on_the_rows_held_out_are_taken(grown, monkeypatch):
    errors, kept, held = iter((0.45, 0.5, 0.3, 0.4, 0.6)), [], []
    monkeypatch.setattr(update_model, "error_of", lambda *given: kept.append(given[1].members[0]) or next(errors))
    monkeypatch.setattr(update_model.Going, "hold", lambda self, members: held.append(members[0]))
    result = grown(520)
    assert result.report["error"] == 0.3
    assert all(np.array_equal(held[0][name], kept[2][name]) for name in held[0])


@pytest.fixture(scope="module")
def mended_once(tmp_path_factory):
    """A folder with 400 hours of which 15 are labelled as faults, and models that were trained without some of them."""
    folder = tmp_path_factory.mktemp("mended")
    write_lines(folder / "load.csv", labelled(KNOWN), "ds,load,label")
    (folder / "out.csv").write_text("from,to\n2024-01-02T00:00,2024-01-02T09:00\n2024-01-18T00:00,2024-01-18T04:00\n")
    for name, words in (("periods", ("--exclude", "out.csv")), ("labels", ("--exclude-labelled",))):
        ended = run_installed("train", "load.csv", "-q", *TINY, *words, "-o", f"{name}.grucast", folder=folder)
        assert ended == Ended(0, "", "")
    return folder


@pytest.fixture
def mended(mended_once, tmp_path):
    for one in mended_once.iterdir():
        if one.is_file() and not one.name.startswith("."):
            shutil.copyfile(one, tmp_path / one.name)
    write_lines(tmp_path / "load.csv", labelled(520), "ds,load,label")
    return tmp_path


def labelled(rows: int) -> list[str]:
    """Hourly loads with a label: 1 from row 50 to 64 and from row 450 to 459, else 0."""
    return [f"{line},{int(50 <= row < 65 or 450 <= row < 460)}" for row, line in enumerate(hourly(rows))]


@pytest.mark.parametrize("full", [False, True])
def test_periods_left_out_by_hand_stay_left_out_without_their_file(mended, full):
    """Ten hours of the rows known and five of the new ones; with the option and without it the same model comes."""
    model = mended / "periods.grucast"
    parent, out = model.read_bytes(), str(mended / "out.csv")
    told = load(model).manifest.data.excluded
    assert told == ("2024-01-02T00:00:00.000000/2024-01-02T09:00:00.000000",
                    "2024-01-18T00:00:00.000000/2024-01-18T04:00:00.000000")
    update(UpdateRequest(None, model, ReadOptions(rows=RowOptions(exclude=out)), full=full, threads=1))
    again = load(model).tensors
    model.write_bytes(parent)
    (mended / "out.csv").unlink()
    result = update(UpdateRequest(None, model, ReadOptions(), full=full, threads=1))
    assert "15 rows lie in the periods left out when the model was trained and are masked" in result.notes
    assert load(model).manifest.data.excluded == told
    after = load(model).tensors
    assert all(np.array_equal(after[name], again[name]) for name in again)


def test_other_periods_take_the_place_of_those_that_the_model_remembers(mended):
    model, other = mended / "periods.grucast", mended / "other.csv"
    other.write_text("from,to\n2024-01-03T00:00,2024-01-03T01:00\n")
    result = update(UpdateRequest(None, model, ReadOptions(rows=RowOptions(exclude=str(other))), threads=1))
    said = f"2 rows lie in the periods of {other} and are masked"
    assert [note for note in result.notes if note.endswith("are masked")] == [said]
    assert load(model).manifest.data.excluded == ("2024-01-03T00:00:00.000000/2024-01-03T01:00:00.000000",)


@pytest.mark.parametrize("full", [False, True])
def test_labelled_rows_that_were_left_out_stay_left_out(mended, full):
    model = mended / "labels.grucast"
    assert load(model).manifest.data.excluded_labelled
    result = update(UpdateRequest(None, model, ReadOptions(), full=full, threads=1))
    assert "25 labelled rows are masked" in result.notes
    assert load(model).manifest.data.excluded_labelled


def test_without_labels_a_model_that_left_labelled_rows_out_is_not_updated(mended):
    write_lines(mended / "load.csv", hourly(520))
    with pytest.raises(DataError, match="--exclude-labelled needs a column of labels"):
        update(UpdateRequest(None, mended / "labels.grucast", ReadOptions(), threads=1))


def louder(rows: int, first: int, last: int, times: float) -> list[str]:
    """Loads of which those from row `first` to before `last` are so many times as large."""
    lines = hourly(rows)
    for row in range(first, last):
        stamp, _, value = lines[row].partition(",")
        lines[row] = f"{stamp},{float(value) * times!r}"
    return lines


@pytest.mark.parametrize("last", [430, 520])
def test_rows_in_another_unit_are_not_learned_from_whether_they_go_on_or_not(tiny, model, last):
    before = model.read_bytes()
    write_lines(tiny / "load.csv", louder(520, KNOWN, last, 1000.0))
    with pytest.raises(ModelError, match=r"load.csv: the newest 120 rows were forecast with .* times the error that .* "
                                         r"another unit\? mend them, or train it anew with --full"):
        update(UpdateRequest(None, model, ReadOptions(), threads=1))
    assert model.read_bytes() == before


def test_rows_that_are_missed_by_far_are_learned_from_with_a_note_and_usual_ones_without(tiny, model, monkeypatch):
    monkeypatch.setattr(update_model, "error_of", lambda *_: 0.5)  # how they compare is not what this is about
    parent = model.read_bytes()
    for times, notes in ((1.0, 0), (2.0, 1)):
        model.write_bytes(parent)
        write_lines(tiny / "load.csv", louder(520, KNOWN, 520, times))
        result = update(UpdateRequest(None, model, ReadOptions(), threads=1))
        said = "low confidence: the newest 120 rows were forecast with "
        found = [one for one in result.notes if one.startswith(said)]
        assert result.report["updated"]
        assert (len(found), sum("low confidence" in one for one in result.report["notes"])) == (notes, notes)


def test_who_trains_anew_on_another_unit_is_told(tiny, model):
    write_lines(tiny / "load.csv", louder(520, KNOWN, 520, 1000.0))
    result = update(UpdateRequest(None, model, ReadOptions(), full=True, threads=1))
    assert result.report["updated"]
    assert [one for one in result.notes if "low confidence" in one and one.endswith("; look at them")]


def test_no_time_leaves_the_model_as_it_was(grown, model):
    before = model.read_bytes()
    result = grown(520, max_seconds=0.0)
    assert "there was no time" in result.notes[-1]
    assert model.read_bytes() == before


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("lines", "said"), [
    (hourly(520)[20:], r"not begin with the rows that .* was trained on, from 2024-01-01T00:00:00 on"),
    ([line + "7" for line in hourly(520)], r"not begin with the rows that .* was trained on, from 2024-01-01T00:00:00"),
    (hourly(KNOWN - 1), r"ends with 2024-01-17T14:00:00, and .* was trained on rows up to 2024-01-17T15:00:00; give")])
def test_data_that_do_not_begin_with_what_was_learned_are_refused(tiny, model, lines, said, full):
    before = model.read_bytes()
    write_lines(tiny / "load.csv", lines)
    with pytest.raises(ModelError, match=said):
        update(UpdateRequest(None, model, ReadOptions(), full=full))
    assert model.read_bytes() == before


def test_a_model_that_another_run_replaced_meanwhile_is_left_alone(grown, model, monkeypatch):
    errors = iter((1.0, 0.5, 0.5, 0.5, 0.5))

    def meanwhile(*_):
        model.write_bytes(other)
        return next(errors)

    parent = model.read_bytes()
    grown(480)
    other = model.read_bytes()
    model.write_bytes(parent)
    monkeypatch.setattr(update_model, "error_of", meanwhile)
    with pytest.raises(Busy, match="another grucast has replaced it meanwhile"):
        grown(520)
    assert model.read_bytes() == other


def test_full_trains_anew_with_the_settings_of_the_model(grown, model):
    before = load(model)
    result = grown(520, full=True)
    after = load(model)
    assert after.manifest.parent == before.digest == result.report["parent"]
    assert (after.manifest.model, after.manifest.window) == (before.manifest.model, before.manifest.window)
    assert after.manifest.training == before.manifest.training
    assert after.manifest.data.rows == 520
    assert result.report["new_rows"] == 120


def test_full_trains_anew_where_no_row_came(grown, model):
    parent = load(model).digest
    report = grown(KNOWN, full=True).report
    assert (report["updated"], report["new_rows"], report["parent"]) == (True, 0, parent)


def test_new_series_get_a_scale_and_missing_ones_are_refused(tmp_path):
    def lines(name: str, first: int, rows: int) -> list[str]:
        return [f"{name},{line}" for line in hourly(rows)[first:]]

    header = "unique_id,ds,y"
    write_lines(tmp_path / "all.csv", [*lines("b", 0, 300), *lines("c", 0, 300)], header)
    assert run_installed("train", "all.csv", "-q", *TINY, "--horizon", "12", folder=tmp_path).code == 0
    model = tmp_path / "all.grucast"
    write_lines(tmp_path / "all.csv", [*lines("a", 0, 360), *lines("b", 0, 360), *lines("c", 0, 360)], header)
    report = update(UpdateRequest(None, model, ReadOptions(), threads=1)).report
    tensors = load(model).tensors
    assert report["new_rows"] == 60 + 60 + 360
    assert tensors["series.ids"].tobytes().decode().split("\0") == ["b", "c", "a"]
    assert tensors["scale.series"].shape == (3, 1)
    write_lines(tmp_path / "all.csv", [*lines("a", 0, 420), *lines("c", 0, 420)], header)
    for full in (False, True):
        with pytest.raises(ModelError, match=r"series 'b', which .* was trained on, is not there"):
            update(UpdateRequest(None, model, ReadOptions(), full=full, threads=1))


def test_a_series_that_is_new_is_learned_though_it_ends_where_the_others_did(tmp_path, monkeypatch):
    """How the errors compare is not what this is about: they are equal."""
    monkeypatch.setattr(update_model, "error_of", lambda *_: 0.5)
    header, old = "unique_id,ds,y", [f"{name},{line}" for name in "ab" for line in hourly(300)]
    write_lines(tmp_path / "all.csv", old, header)
    assert run_installed("train", "all.csv", "-q", *TINY, "--horizon", "12", folder=tmp_path).code == 0
    model, request = tmp_path / "all.grucast", UpdateRequest(None, tmp_path / "all.grucast", ReadOptions(), threads=1)
    new = [f"c,{line}" for line in hourly(300)[200:]]
    write_lines(tmp_path / "all.csv", [*old, *new[90:]], header)
    few = update(request)
    assert not few.report["updated"]
    assert "10 new rows, too few to learn from" in few.notes[-1]
    write_lines(tmp_path / "all.csv", [*old, *new], header)
    report = update(request).report
    assert (report["updated"], report["new_rows"]) == (True, 100)
    assert load(model).tensors["series.ids"].tobytes().decode().split("\0") == ["a", "b", "c"]


@pytest.mark.parametrize("objective", ["forecast", "reconstruct"])
def test_models_of_one_job_are_updated_too(tmp_path, objective):
    write_lines(tmp_path / "load.csv", hourly(300))
    words = ("train", "load.csv", "-q", *TINY, "--objective", objective, "--horizon", "12")
    assert run_installed(*words, folder=tmp_path).code == 0
    write_lines(tmp_path / "load.csv", hourly(420))
    model = tmp_path / "load.grucast"
    report = update(UpdateRequest(None, model, ReadOptions(), threads=1)).report
    assert report["updated"]
    assert load(model).manifest.model.objective == objective


def test_the_command_says_what_came_of_it_and_the_jobs_go_on(installed, tiny):
    """Events that were told are told no second time by the updated model."""
    lines = hourly(520)
    lines[500] = lines[500].split(",")[0] + ",900"
    write_lines(tiny / "load.csv", lines)
    told = installed("detect-anomalies", "-q", "--state", "job.db", "--format", "csv")
    assert "2024-01-21T20:00:00" in told.out
    ended = installed("update", "--json", "--threads", "1")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["updated"]
    assert f"load.grucast: {report['new_rows']} new rows learned in" in ended.err
    assert installed("detect-anomalies", "-q", "--state", "job.db").out == ""
    assert installed("inspect", "--json").out.count(report["parent"]) == 1


# ---- covariates known ahead ----------------------------------------------------------------------


def opened(rows: int, ahead: int) -> list[str]:
    """Hourly loads beside whether a shop is open, which is known for `ahead` hours more."""
    lines = [f"{line},{int(8 <= row % 24 < 20)}" for row, line in enumerate(hourly(rows + ahead))]
    return lines[:rows] + [f"{line.split(',')[0]},,{line.split(',')[2]}" for line in lines[rows:]]


@pytest.mark.parametrize("ahead", [24, 0])  # none: what is ahead stands in another file now
def test_rows_of_which_only_covariates_were_known_are_new_once_they_have_values(tmp_path, ahead):
    file = write_lines(tmp_path / "load.csv", opened(300, 60), "ds,load,open")
    assert run_installed("train", "load.csv", "--known-col", "open", *TINY, "-q", folder=tmp_path).code == 0
    artifact = load(tmp_path / "load.grucast")
    assert artifact.manifest.data.last == "2024-01-13T11:00:00.000000"  # row 300
    write_lines(file, opened(350, ahead), "ds,load,open")
    _, panel, _ = read_gridded(str(file), ReadOptions(), artifact.manifest.layout)
    assert count_new(from_the_beginning(panel, artifact, file="load.csv", model="load.grucast"), artifact) == 50
