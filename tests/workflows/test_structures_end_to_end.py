"""Each cell and structure alone, all else default: trained, kept in a file, forecasting and watching from it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from grucast.artifacts.store import load
from grucast.core.config import (
    FitOptions,
    NetworkOptions,
    ReadOptions,
    Structure,
    StructureOptions,
    TrainOptions,
    WindowOptions,
)
from grucast.core.errors import UsageError
from grucast.data.reading import read_panel
from grucast.networks import CELLS
from grucast.preprocessing.gaps import regularise
from grucast.workflows.detect import DetectRequest, Reported, detect
from grucast.workflows.follow import answers, open_following
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.learning.learn import prepare
from grucast.workflows.train import TrainRequest, train
from tests.command import hourly, write_lines

ROWS, KNOWN, CONTEXT = 520, 505, 48  # with a season of a day: segments of 24 rows, two of them
ALONE = {
    "bidirectional": ({"bidirectional": True}, Structure(bidirectional=True)),
    "attention": ({"attention": True}, Structure(attention=True)),
    "activation": ({"activation": "gelu"}, Structure(activation="gelu")),
    "delay": ({"delay": 24}, Structure(delay=1)),
    "skip": ({"skip": 48}, Structure(skip=2)),
    "dilations": ({"dilations": (24, 48)}, Structure(dilations=(1, 2))),
    "conv": ({"hybrid": "conv"}, Structure(hybrid="conv")),
    "es": ({"hybrid": "es"}, Structure(hybrid="es", period=24)),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("structures")
    write_lines(folder / "load.csv", hourly(KNOWN), "ds,load")
    write_lines(folder / "whole.csv", hourly(ROWS), "ds,load")
    return folder


def trained(folder, name, *, context=CONTEXT, objective="both", **network):
    """A model file of a network with four hidden units, one epoch."""
    structure = StructureOptions(**network.pop("structure", {}))
    options = TrainOptions(
        WindowOptions(horizon=12, context_length=context, season=(24,)),
        NetworkOptions(hidden=4, structure=structure, objective=objective, **network),
        FitOptions(epochs=1, batch_size=32, patience=1, threads=1))
    path = folder / f"{name}.grucast"
    train(TrainRequest((str(folder / "load.csv"),), ReadOptions(), options, output=path))
    return path


@pytest.fixture(scope="module")
def plain(data):
    return trained(data, "plain")


def medians(path, data):
    """What a model forecasts, in NumPy."""
    result = forecast(ForecastRequest(str(data / "load.csv"), path, ReadOptions()))
    return np.stack([one["y_hat"] for one in result.forecasts])


def assert_watches_alike(path, data, tmp_path):
    """A stream of the last rows scores as the whole file does."""
    following = open_following(DetectRequest(str(data / "load.csv"), path, ReadOptions()))
    said = list(answers(following, ["ds,load", *hourly(ROWS)[KNOWN:]]))
    scores = tmp_path / "scores.csv"
    detect(DetectRequest(str(data / "whole.csv"), path, ReadOptions(), report=Reported(scores=scores)))
    with scores.open(newline="") as file:
        lines = list(csv.DictReader(file))[KNOWN:]
    assert len(said) == ROWS - KNOWN
    for one, line in zip(said, lines, strict=True):
        assert one["score"] == pytest.approx(float(line["score"]), abs=1e-6)
        assert one["y_hat"] == pytest.approx(float(line["y_hat"]), abs=1e-6)
        assert one["is_anomaly"] == int(line["is_anomaly"])


@pytest.mark.parametrize("alone", ALONE)
def test_each_structure_works_alone_and_changes_the_forecast(data, plain, tmp_path, alone):
    asked, wanted = ALONE[alone]
    path = trained(data, alone, structure=asked)
    model = load(path).manifest.model
    assert model.structure == wanted
    assert model.cell == ("tau-gru" if alone == "delay" else "gru")
    assert model.layers == (2 if alone == "dilations" else 1)
    assert np.abs(medians(path, data) - medians(plain, data)).max() > 1e-3
    assert_watches_alike(path, data, tmp_path)


@pytest.mark.parametrize("cell", [name for name in CELLS.names() if name != "gru"])
def test_each_cell_works_alone_and_changes_the_forecast(data, plain, tmp_path, cell):
    path = trained(data, cell, cell=cell)
    assert load(path).manifest.model.cell == cell
    assert np.abs(medians(path, data) - medians(plain, data)).max() > 1e-3
    assert_watches_alike(path, data, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("alone", ALONE)
def test_each_structure_works_in_the_recurrent_network_too(data, tmp_path, alone):
    path = trained(data, f"rows-{alone}", network="recurrent", structure=ALONE[alone][0])
    assert np.isfinite(medians(path, data)).all()
    assert_watches_alike(path, data, tmp_path)


def test_a_distance_that_is_no_whole_segment_is_taken_as_the_nearest_and_said(data):
    options = TrainOptions(WindowOptions(horizon=12, context_length=CONTEXT, season=(24,)),
                           NetworkOptions(structure=StructureOptions(skip=40, dilations=(1, 24), delay=None)))
    prepared = prepare(regularise(read_panel([str(data / "load.csv")], ReadOptions()).panel)[0], options)
    assert (prepared.model.structure.skip, prepared.model.structure.dilations) == (2, (1, 1))
    assert [note for note in prepared.notes if note.startswith("--")] == [
        "--skip 40: taken as 48 rows, as a step of this network is a segment of 24",
        "--dilations 1: taken as 24 rows, as a step of this network is a segment of 24"]


REFUSED = {
    "--delay goes with --cell tau-gru, not with --cell lstm": {"cell": "lstm", "structure": {"delay": 24}},
    "--dilations 1,24 makes 2 layers, --layers 3 does not go with it: leave --layers out":
        {"layers": 3, "structure": {"dilations": (1, 24)}},
    "--attention goes with --objective forecast or both: what is rebuilt asks nothing":
        {"objective": "reconstruct", "structure": {"attention": True}},
    "--skip reaches 49 rows back, but the context has 48; give a larger --context-length": {"structure": {"skip": 49}},
    "--dilations reaches 60 rows back, but the context has 48; give a larger --context-length":
        {"structure": {"dilations": (1, 60)}},
    "--delay reaches 25 rows back, but the context has 48; give a larger --context-length":
        {"structure": {"delay": 25}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_go_together_or_could_do_nothing_is_refused(data, message):
    with pytest.raises(UsageError) as caught:
        trained(data, "refused", **REFUSED[message])
    assert str(caught.value) == message
    assert not (data / "refused.grucast").exists()
