"""Which model and which data are meant when none is named."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from grucast.artifacts.store import load
from grucast.core.errors import InputMissing, UsageError
from grucast.workflows.locate import check_outputs, default_output, find_data, find_model, remembered_path


def test_a_model_that_is_named_wins(tmp_path):
    (tmp_path / "here.grucast").touch()
    assert find_model(Path("named"), {"GRUCAST_MODEL": "other"}, tmp_path) == Path("named")


def test_then_the_environment_decides(tmp_path):
    (tmp_path / "here.grucast").touch()
    assert find_model(None, {"GRUCAST_MODEL": "other"}, tmp_path) == Path("other")


def test_then_the_one_model_in_the_folder(tmp_path):
    (tmp_path / "here.grucast").touch()
    (tmp_path / ".here.grucast.lock").touch()
    assert find_model(None, {}, tmp_path) == tmp_path / "here.grucast"


def test_several_models_are_listed(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.grucast").touch()
    with pytest.raises(UsageError, match=r"2 models here \(a\.grucast, b\.grucast\); name one with -m"):
        find_model(None, {}, tmp_path)


def test_no_model_is_missing_input(tmp_path):
    with pytest.raises(InputMissing, match="grucast train"):
        find_model(None, {}, tmp_path)


@pytest.fixture
def manifest(model):
    """A manifest that remembers data/energy.csv."""
    return load(model).manifest


def test_data_that_are_named_win(manifest, model):
    assert find_data("-", manifest, model) == "-"


def test_remembered_data_are_beside_the_model_wherever_it_lies(manifest, model, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "energy.csv").touch()
    assert find_data(None, manifest, model) == str(tmp_path / "data" / "energy.csv")


def test_remembered_data_that_are_gone_are_missing(manifest, model):
    with pytest.raises(InputMissing, match=r"energy\.csv.*name the file"):
        find_data(None, manifest, model)


def test_data_that_were_not_remembered_must_be_named(manifest, model):
    forgetful = dataclasses.replace(manifest, data=dataclasses.replace(manifest.data, path=""))
    with pytest.raises(InputMissing, match="name the file"):
        find_data(None, forgetful, model)


@pytest.mark.parametrize(("data", "model", "path"), [
    ("load.csv", "load.grucast", "load.csv"),
    ("data/load.csv", "load.grucast", "data/load.csv"),
    ("data/load.csv", "/models/load.grucast", "../home/me/data/load.csv"),
    ("/models/data/load.csv", "/models/load.grucast", "data/load.csv"),
    ("../load.csv", "load.grucast", ""),
    ("/srv/load.csv", "load.grucast", ""),
    ("../load.csv", "../load.grucast", "load.csv"),
    ("two\nlines.csv", "load.grucast", ""),
])
def test_data_are_remembered_relative_to_the_model_and_only_near_it(data, model, path):
    assert remembered_path(Path(data), Path(model), Path("/home/me")) == path


@pytest.mark.parametrize(("source", "output"), [
    ("data.csv", "data.grucast"), ("data.csv.gz", "data.grucast"), ("elsewhere/data.tsv", "data.grucast"),
    ("data.v2.parquet", "data.v2.grucast"), ("DATA.CSV", "DATA.grucast"), ("data", "data.grucast"),
    (".csv", "model.grucast")])
def test_the_model_has_the_name_of_the_data_and_lies_here(source, output):
    assert default_output([source, "more.csv"]) == Path(output)


def test_standard_input_has_no_name():
    with pytest.raises(UsageError, match="-o"):
        default_output(["-"])


# ---- what is written -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a file in it under three names."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").touch()
    Path("link.csv").symlink_to("a.csv")
    Path("hard.csv").hardlink_to("a.csv")
    return tmp_path


@pytest.mark.parametrize("name", ["a.csv", "./a.csv", "../here/a.csv", "link.csv", "hard.csv"])
def test_a_file_that_is_read_is_not_written_under_any_name(folder, name):
    name = name.replace("here", folder.name)
    with pytest.raises(UsageError, match="is read by this very command; name another file to write to"):
        check_outputs({"-o": Path(name)}, [None, "-", "a.csv"])


@pytest.mark.parametrize("name", ["a.csv", "./a.csv", "../here/a.csv", "link.csv", "hard.csv"])
def test_no_file_is_written_twice_under_any_name(folder, name):
    name = name.replace("here", folder.name)
    with pytest.raises(UsageError, match=r"a\.csv would be written twice; name another file with --append"):
        check_outputs({"-o": Path(name), "--plot": None, "--append": Path("a.csv")}, ["b.csv"])


def test_a_file_that_is_not_there_yet_is_not_written_twice_through_a_link(folder):
    Path("new.csv").symlink_to("to_come.csv")
    with pytest.raises(UsageError, match="would be written twice"):
        check_outputs({"-o": Path("new.csv"), "--append": Path("to_come.csv")}, [])


def test_files_apart_are_written(folder):
    check_outputs({"-o": Path("b.csv"), "--append": Path("c.csv")}, ["a.csv", None])


def test_where_nothing_is_lost_one_name_may_stand_twice(folder):
    os.mkfifo("pipe")
    for name in ("/dev/null", "/dev/stdout", "pipe"):
        check_outputs({"-o": Path(name), "--scores": Path(name)}, [name])
    with pytest.raises(UsageError, match="would be written twice"):  # a file of this name, not standard output
        check_outputs({"-o": Path("-"), "--scores": Path("-")}, [])
