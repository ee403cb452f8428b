"""What a series repeats goes through the model file into forecasts, and a file that does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grucast.artifacts.store import load, save
from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.core.errors import ModelError
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.inspect import inspect
from grucast.workflows.serving import read_gridded, unpacked
from grucast.workflows.train import TrainRequest, train
from grucast.workflows.updating.arrived import find_arrived
from grucast.workflows.updating.beginning import from_the_beginning

PERIOD, ROWS, HORIZON, CONTEXT = 7, 210, 5, 28
OPTIONS = TrainOptions(WindowOptions(horizon=HORIZON, context_length=CONTEXT, season=(PERIOD,)),
                       NetworkOptions(hidden=4), FitOptions(epochs=1, batch_size=32, patience=1, threads=1))


def lines(name, seed, rows=ROWS):
    """A fortnight of its own and a little noise."""
    rng = np.random.default_rng(seed)
    y = np.tile(100 + 50 * rng.normal(size=2 * PERIOD), rows // 14 + 1)[:rows] + rng.normal(size=rows)
    return [f"{name},{row},{value!r}" for row, value in enumerate(y.tolist())]


def write(path, *series):
    path.write_text("\n".join(["unique_id,ds,y", *(line for one in series for line in one)]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The data and the model of two series."""
    folder = tmp_path_factory.mktemp("repeats")
    data = write(folder / "data.csv", lines("a", 1), lines("b", 2))
    train(TrainRequest((data,), ReadOptions(), OPTIONS, folder / "data.grucast"))
    return data, folder / "data.grucast"


def medians(data, model):
    found = forecast(ForecastRequest(data, model, ReadOptions())).forecasts
    return {one["unique_id"]: np.array(one["y_hat"]) for one in found}


def changed(model, path, **tensors):
    """The model with other arrays; None leaves one out."""
    artifact = load(model)
    kept = {**artifact.tensors, **{name.replace("_", "."): value for name, value in tensors.items()}}
    save(replace(artifact, tensors={name: value for name, value in kept.items() if value is not None}), path)
    return path


def test_the_file_keeps_the_lag_and_the_share_of_each_series(trained):
    tensors = load(trained[1]).tensors
    assert (tensors["repeat.lag"] % 14 == 0).all()
    assert (tensors["repeat.share"] > 0).all()


def test_a_forecast_goes_the_share_of_the_way_to_what_stood_there(trained, tmp_path):
    """Of a share of 1 only the value a lag before is left; of none the network, which began as a ridge."""
    lag, none = np.full((2, 1), 14), np.zeros((2, 1))
    bare = medians(trained[0], changed(trained[1], tmp_path / "0.grucast", repeat_lag=lag, repeat_share=none))
    half = medians(trained[0], changed(trained[1], tmp_path / "5.grucast", repeat_lag=lag, repeat_share=none + 0.5))
    whole = medians(trained[0], changed(trained[1], tmp_path / "1.grucast", repeat_lag=lag, repeat_share=none + 1.0))
    for seed, name in ((1, "a"), (2, "b")):
        y = np.array([float(line.split(",")[2]) for line in lines(name, seed)])
        np.testing.assert_allclose(whole[name], y[ROWS - 14 : ROWS - 14 + HORIZON], rtol=1e-9)
        np.testing.assert_allclose(half[name], (bare[name] + whole[name]) / 2, rtol=1e-9)
        assert not np.allclose(bare[name], whole[name], rtol=1e-4)


def test_an_older_file_repeats_nothing(trained, tmp_path):
    none = np.zeros((2, 1))
    bare = changed(trained[1], tmp_path / "bare.grucast", repeat_lag=none.astype(np.int64), repeat_share=none)
    old = changed(trained[1], tmp_path / "old.grucast", repeat_lag=None, repeat_share=None)
    for name, one in medians(trained[0], bare).items():
        np.testing.assert_array_equal(one, medians(trained[0], old)[name])


def test_a_series_that_is_new_repeats_nothing_and_the_others_what_they_did(trained, tmp_path):
    artifact = load(trained[1])
    scales = unpacked(artifact, trained[1])[1]
    data = write(tmp_path / "more.csv", lines("c", 3, 300), lines("a", 1, 300), lines("b", 2, 300))
    _, panel, _ = read_gridded(data, ReadOptions(), artifact.manifest.layout)
    panel = from_the_beginning(panel, artifact, file=data, model="m")
    found = find_arrived(panel, artifact, scales).prepared.scales
    assert found.ids == ("a", "b", "c")
    assert found.repeats.lag.tolist() == [*artifact.tensors["repeat.lag"].tolist(), [0]]
    assert found.repeats.share.tolist() == [*artifact.tensors["repeat.share"].tolist(), [0.0]]


@pytest.mark.parametrize(("name", "value", "message"), [
    ("repeat_lag", np.full((2, 1), CONTEXT + 1), "array 'repeat.lag' reaches out of the context"),
    ("repeat_lag", np.full((2, 1), -1), "array 'repeat.lag' reaches out of the context"),
    ("repeat_lag", np.full((2, 1), 14.0), "array 'repeat.lag' reaches out of the context"),
    ("repeat_lag", np.full((3, 1), 14), r"array 'repeat.lag' is \(3, 1\), not \(2, 1\)"),
    ("repeat_share", np.full((2, 1), 1.5), "array 'repeat.share' is no share"),
    ("repeat_share", np.full((2, 1), np.nan), "array 'repeat.share' is not finite"),
])
def test_what_does_not_fit_is_damage(trained, tmp_path, name, value, message):
    model = changed(trained[1], tmp_path / "wrong.grucast", **{name: value})
    with pytest.raises(ModelError, match=message):
        forecast(ForecastRequest(trained[0], model, ReadOptions()))


def test_inspect_counts_what_is_repeated(trained, tmp_path):
    share, lag = np.array([[0.0], [0.4]]), np.array([[0], [21]])
    assert inspect(changed(trained[1], tmp_path / "one.grucast", repeat_lag=lag, repeat_share=share))["repeats"] == {
        "21": 1}
    none = changed(trained[1], tmp_path / "none.grucast", repeat_lag=lag * 0, repeat_share=share * 0)
    assert inspect(none)["repeats"] == {}
