"""`export`: written only where onnxruntime gives what we give; 8 bits; what the metadata are good for."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from grucast.artifacts.store import load, save
from grucast.core.config import ReadOptions
from grucast.core.errors import ModelError, UsageError
from grucast.core.series import STAMP, Clock
from grucast.preprocessing.calendar import calendar_features
from grucast.training import export as door
from grucast.workflows.export import ExportRequest, export, refuse_early
from grucast.workflows.forecast import ForecastRequest, forecast
from tests.command import TINY, hourly, run_installed, write_lines


@pytest.fixture(scope="module")
def graph(watcher, tmp_path_factory):
    """What torch makes of the model, once; facts and files of an export with and without 8 bits."""
    folder = tmp_path_factory.mktemp("export")
    patch = pytest.MonkeyPatch()
    made, write = [], door.to_onnx
    patch.setattr(door, "to_onnx", lambda *given: made[0] if made else made.append(write(*given)) or made[0])
    facts = {int8: export(request_of(watcher, folder / f"load{int8}.onnx", int8=int8)) for int8 in (False, True)}
    patch.undo()
    return made[0], facts, folder


def request_of(watcher, output, **more):
    return ExportRequest(watcher / "load.grucast", ReadOptions(), str(watcher / "load.csv"), output, **more)


@pytest.fixture
def known(graph, monkeypatch):
    """Exports here need no torch: the graph is there already."""
    monkeypatch.setattr(door, "to_onnx", lambda *_: graph[0])


def test_it_gives_what_we_give_and_says_how_nearly(graph):
    facts = graph[1][False]
    assert facts["largest_difference"] <= 1e-5
    assert facts["windows"] == {"random": 16, "real": 32}
    assert facts["bytes"] == (graph[2] / "loadFalse.onnx").stat().st_size
    assert facts["int8"] is None


def hours(count):
    """The stamps of the file, and those after it."""
    return (np.datetime64("2024-01-01T00", "h") + np.arange(count)).astype(STAMP)


def served(path, values, season=24):
    """A forecast from the file alone: its graph and its metadata."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["grucast"])
    length, scale = about["context_length"], about["scale"][0][0]
    assert about["seasons"] == [season]
    z = np.asarray(values[-length:]) / scale
    given = {"x": (z - z[-1])[None].astype(np.float32), "mask": np.ones((1, length), np.float32),
             "anchor": np.array([length - 1]), "phase": np.array([[(len(values) - length) % season]])}
    features, names = calendar_features(hours(len(values) + about["horizon"]), Clock(freq="h"))
    there = features[len(values) - length :, [names.index(name) for name in about["calendar"]]]
    given["known"] = there[None].astype(np.float32)
    given |= {"lag": np.array(about["lag"][0]), "share": np.array(about["share"][0], np.float32)}
    said = session.run(None, {one.name: given[one.name] for one in session.get_inputs()})[0][0]
    return (said + z[-1]) * scale, about["quantile_levels"]


def test_what_a_series_repeats_is_in_the_graph(watcher, tmp_path):
    model = load(watcher / "load.grucast")
    lag = np.full((1, 1), model.manifest.window.context_length - 1)
    tensors = {**model.tensors, "repeat.lag": lag, "repeat.share": np.full((1, 1), 0.4)}
    save(replace(model, tensors=tensors), tmp_path / "load.grucast")
    request = ExportRequest(tmp_path / "load.grucast", ReadOptions(), str(watcher / "load.csv"), tmp_path / "load.onnx")
    facts = export(request)
    assert facts["largest_difference"] <= 1e-5
    assert {"lag", "share"} <= {*facts["inputs"]}
    values = [float(line.split(",")[1]) for line in (watcher / "load.csv").read_text().splitlines()[1:]]
    found, levels = served(tmp_path / "load.onnx", values)
    data = str(watcher / "load.csv")
    given, bare = (forecast(ForecastRequest(data, one / "load.grucast", ReadOptions())).forecasts[0]
                   for one in (tmp_path, watcher))
    np.testing.assert_allclose(found[:, levels.index(0.5)], given["y_hat"], rtol=1e-4)
    assert not np.allclose(given["y_hat"], bare["y_hat"], rtol=1e-3)


def test_the_file_alone_forecasts_as_grucast_does(graph, watcher):
    values = [float(line.split(",")[1]) for line in (watcher / "load.csv").read_text().splitlines()[1:]]
    found, levels = served(graph[2] / "loadFalse.onnx", values)
    given = forecast(ForecastRequest(str(watcher / "load.csv"), watcher / "load.grucast", ReadOptions())).forecasts[0]
    np.testing.assert_allclose(found[:, levels.index(0.5)], given["y_hat"], rtol=1e-4)
    np.testing.assert_allclose(found[:, levels.index(0.1)], given["lo-80"], rtol=1e-4)


@pytest.mark.slow
def test_the_server_of_the_page_answers_for_several_series_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = hourly(400)
    write_lines(Path("load.csv"), lines)
    ended = run_installed("train", "load.csv", "-q", *TINY, "--no-time", "--season", "24", "-o", "energy.grucast",
                          folder=tmp_path)
    assert ended.code == 0
    export(ExportRequest(Path("energy.grucast"), ReadOptions(), "load.csv", Path("energy.onnx")))
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "export.md").read_text()
    code: dict = {}
    exec(page.partition("```python\n")[2].partition("\n```")[0], code)
    values = [float(line.split(",")[1]) for line in lines]
    found = code["forecast"]([values, values[:-7], values[:30]])
    for rows, answer in zip((400, 393, 30), found, strict=True):
        write_lines(Path("some.csv"), lines[:rows])
        given = forecast(ForecastRequest("some.csv", Path("energy.grucast"), ReadOptions())).forecasts[0]
        ours = np.stack([given[name] for name in ("lo-95", "y_hat", "hi-95")], axis=1)
        np.testing.assert_allclose(answer, ours, rtol=1e-4)


def test_eight_bits_are_smaller_and_what_they_cost_is_measured(graph):
    small = graph[1][True]
    assert small["bytes"] < small["int8"]["bytes_before"]
    assert 0 < small["int8"]["moved"] < 0.1
    assert small["int8"]["mae_int8"] == pytest.approx(small["int8"]["mae"], rel=0.05)


def test_weights_of_eight_bits_are_off_by_half_a_step_at_most():
    value = np.random.default_rng(0).normal(size=(7, 40)).astype(np.float32)
    axis, whole, scale = door._whole(value)
    shape = [-1 if one == axis else 1 for one in range(2)]
    assert np.abs(whole * scale.reshape(shape) - value).max() <= 0.5001 * scale.max()
    assert whole.dtype == np.int8


def test_a_network_that_says_something_else_is_not_written(known, watcher, tmp_path, monkeypatch):
    right = door.run
    monkeypatch.setattr(door, "run", lambda *given: right(*given) + np.float32(1e-3))
    with pytest.raises(ModelError, match=r"differs from ours by .*; nothing is written"):
        export(request_of(watcher, tmp_path / "load.onnx"))
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_torch_cannot_write_is_refused_in_a_line(watcher, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise torch.onnx.OnnxExporterError("many\nlines") from ValueError("a shape")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ModelError, match=r"^torch \S+ cannot write this network as ONNX \(--network segment --cell "
                                         r"gru\): ValueError; nothing is written$"):
        export(request_of(watcher, tmp_path / "load.onnx"))
    assert list(tmp_path.iterdir()) == []


def test_without_data_random_windows_must_do_and_it_is_said(known, watcher, tmp_path):
    (tmp_path / "load.grucast").write_bytes((watcher / "load.grucast").read_bytes())
    facts = export(ExportRequest(tmp_path / "load.grucast", ReadOptions(), None, tmp_path / "load.onnx"))
    assert facts["windows"]["real"] == 0
    assert "random windows only" in facts["notes"][0]


@pytest.mark.parametrize(("rows", "real"), [(1, 1), (3, 1), (13, 1), (14, 2), (17, 5), (60, 32)])
def test_no_window_of_few_rows_is_counted_twice(known, watcher, tmp_path, rows, real):
    """The horizon is 12: the first window that has its truth ends with row 1 of 13."""
    data = write_lines(tmp_path / "tiny.csv", hourly(rows))
    request = ExportRequest(watcher / "load.grucast", ReadOptions(), str(data), tmp_path / "load.onnx")
    assert export(request)["windows"] == {"random": 16, "real": real}


def test_the_cost_of_eight_bits_is_measured_where_the_truth_is_there(known, watcher, tmp_path):
    """Of three rows: the forecast after the first, and two values. Of one row there is nothing to be off from."""
    data = str(write_lines(tmp_path / "tiny.csv", hourly(3)))
    request = ExportRequest(watcher / "load.grucast", ReadOptions(), data, tmp_path / "load.onnx", int8=True)
    found = export(request)["int8"]
    first = ForecastRequest(data, watcher / "load.grucast", ReadOptions(), cutoff="2024-01-01T00:00:00")
    y = np.array([float(line.split(",")[1]) for line in hourly(3)])
    session = onnxruntime.InferenceSession(str(tmp_path / "load.onnx"), providers=["CPUExecutionProvider"])
    scale = json.loads(session.get_modelmeta().custom_metadata_map["grucast"])["scale"][0][0]
    errors = np.abs(np.array(forecast(first).forecasts[0]["y_hat"][:2]) - y[1:]) / scale
    assert found["mae"] == pytest.approx(errors.mean(), rel=1e-4)
    write_lines(tmp_path / "tiny.csv", hourly(1))
    assert export(request)["int8"]["mae"] is None


def test_the_same_model_gives_the_same_bytes(known, watcher, graph, tmp_path):
    export(request_of(watcher, tmp_path / "again.onnx"))
    assert (tmp_path / "again.onnx").read_bytes() == (graph[2] / "loadFalse.onnx").read_bytes()


def test_nothing_of_this_machine_stands_in_the_file(graph):
    content = (graph[2] / "loadFalse.onnx").read_bytes()
    assert b"/site-packages/" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


def test_the_model_itself_is_not_written_over(known, watcher):
    with pytest.raises(UsageError, match=r"is a \.onnx file"):
        refuse_early(request_of(watcher, watcher / "load.grucast"))


def test_missing_packages_are_named_with_the_extra(watcher, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'grucast[onnx]'")):
        export(request_of(watcher, tmp_path / "load.onnx"))


def test_the_keys_of_json_are_those_that_are_documented(graph):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text()
    rows = page.partition("## grucast export --json\n")[2].partition("\n## ")[0].splitlines()
    told = {key for row in rows if row.startswith("| `") for key in re.findall("`([^`]+)`", row.split("|")[1])}
    assert set(graph[1][False]) == told
