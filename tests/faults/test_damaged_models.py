"""A model that was damaged, or was made by somebody who wants harm, is refused: 78, one line, nothing written."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from grucast.artifacts.store import decode, encode, load
from grucast.core.errors import ModelError
from grucast.workflows.learning.model_file import unpack
from tests.command import contents


def test_a_bit_flipped_anywhere_or_a_cut_anywhere_is_refused_by_every_command(installed, tiny):
    whole = (tiny / "load.grucast").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    for damaged in (b"", whole[:7], whole[: len(whole) // 3], whole[:-1], whole + b"\0", bytes(flipped)):
        (tiny / "load.grucast").write_bytes(damaged)
        before = contents(tiny)
        for words in (("forecast", "-o", "next.csv"), ("inspect",)):
            ended = installed(*words)
            assert ended.code == 78
            assert ended.error.startswith("grucast: error: load.grucast: ")
        assert contents(tiny) == before


def test_what_is_no_model_file_is_refused(installed, tiny):
    (tiny / "link.grucast").symlink_to(tiny / "load.grucast")
    os.mkfifo(tiny / "pipe.grucast")
    (tiny / "folder.grucast").mkdir()
    for name in ("link", "pipe", "folder"):
        assert installed("forecast", "-m", f"{name}.grucast").code == 78
    ended = installed("forecast", "-m", "none.grucast")
    assert ended.code == 66
    assert "none.grucast" in ended.error


@pytest.mark.parametrize("step", [997, pytest.param(41, marks=pytest.mark.slow)])
def test_no_flipped_bit_and_no_cut_gets_through(trained_once, step):
    whole = (trained_once / "load.grucast").read_bytes()
    for at in range(0, len(whole), step):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for damaged in (bytes(flipped), whole[:at]):
            with pytest.raises(ModelError):
                decode(damaged)


# ---- whole, but not a model that can be used -----------------------------------------------------


def changed(model, **changes):
    """The model with other values in `manifest.model`."""
    network = dataclasses.replace(model.manifest.model, **changes)
    return dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, model=network))


def laid_out(model, part, **changes):
    """The model with other values in `manifest.layout.PART`."""
    layout = model.manifest.layout
    other = dataclasses.replace(layout, **{part: dataclasses.replace(getattr(layout, part), **changes)})
    return dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, layout=other))


def without(model, name):
    return dataclasses.replace(model, tensors={key: value for key, value in model.tensors.items() if key != name})


def with_array(model, name, array):
    return dataclasses.replace(model, tensors={**model.tensors, name: array})


FORGED = {
    "an unknown cell": lambda model: changed(model, cell="quantumgru"),
    "an unknown network": lambda model: changed(model, network="transformer"),
    "another cell than its weights": lambda model: changed(model, cell="lstm"),
    "more layers than weights": lambda model: changed(model, layers=2),
    "covariates it has no column for": lambda model: changed(model, known=3),
    "other quantiles than factors": lambda model: changed(model, quantile_levels=(0.1, 0.5, 0.9)),
    "quantiles without a median": lambda model: changed(model, quantile_levels=(0.1, 0.4, 0.9)),
    "a season without a table": lambda model: changed(model, seasonal=(7, 24, 168)),
    "stamps without a column": lambda model: laid_out(model, "columns", time=()),
    "rows numbered by a column": lambda model: laid_out(model, "clock", kind="row"),
    "seconds in two columns": lambda model: laid_out(laid_out(model, "clock", kind="elapsed"), "columns",
                                                     time=("a", "b")),
    "an encoding that is another module": lambda model: laid_out(model, "format", encoding="lstm"),
    "a zone that is a path": lambda model: laid_out(model, "clock", tz="../../etc/passwd"),
    "a zone that is no text": lambda model: laid_out(model, "clock", tz="\0"),
    "no ids": lambda model: without(model, "series.ids"),
    "no factors": lambda model: without(model, "calibration.factors"),
    "no level": lambda model: without(model, "drift.level"),
    "no scale": lambda model: without(model, "scale.series"),
    "ids that are no text": lambda model: with_array(model, "series.ids", np.array([255, 254], dtype=np.uint8)),
    "factors of another shape": lambda model: with_array(model, "calibration.factors", np.ones((2, 2))),
    "factors of 16 bits": lambda model: with_array(
        model, "calibration.factors", model.tensors["calibration.factors"].astype(np.float16)),
    "scales that are not finite": lambda model: with_array(model, "scale.series", np.array([[np.nan]])),
}
NETWORK = {"missing": lambda value: None, "not finite": lambda value: value * np.float32(np.nan),
           "a column short": lambda value: value[..., :-1]}
OPTIONAL = "network.0.query_known.weight"  # networks without covariates have none


@pytest.mark.parametrize("what", FORGED)
def test_a_whole_file_with_something_else_in_it_is_refused(trained_once, what):
    model = decode(encode(FORGED[what](load(trained_once / "load.grucast")))[0])
    with pytest.raises(ModelError):
        unpack(model)


@pytest.mark.parametrize("what", NETWORK)
def test_weights_that_are_missing_or_do_not_fit_are_refused_each_of_them(trained_once, what):
    model = load(trained_once / "load.grucast")
    for name in [one for one in model.tensors if one.startswith("network.") and one != OPTIONAL]:
        value = NETWORK[what](model.tensors[name])
        forged = without(model, name) if value is None else with_array(model, name, value)
        with pytest.raises(ModelError):
            unpack(forged)


@pytest.mark.parametrize("what", ["an unknown cell", "more layers than weights", "no ids"])
def test_the_command_refuses_it_with_78_and_one_line(installed, tiny, what):
    content, _ = encode(FORGED[what](load(tiny / "load.grucast")))
    (tiny / "load.grucast").write_bytes(content)
    before = contents(tiny)
    ended = installed("forecast", "-o", "next.csv")
    assert ended.code == 78
    assert ended.error.startswith("grucast: error: load.grucast: ")
    assert contents(tiny) == before


@pytest.mark.parametrize("first", ["lstm", "", "NaT", "x" * 1000])
def test_a_first_row_that_is_no_stamp_is_refused(installed, tiny, first):
    model = load(tiny / "load.grucast")
    data = dataclasses.replace(model.manifest.data, first=first)
    forged = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, data=data))
    (tiny / "load.grucast").write_bytes(encode(forged)[0])
    ended = installed("forecast")
    assert ended.code == 78
    assert "data.first" in ended.error


def test_weights_that_overflow_give_no_infinite_forecast(installed, tiny):
    """They are finite and fit: only what comes out of them is not."""
    model = load(tiny / "load.grucast")
    name = "network.0.seasons.tables.0"
    table = model.tensors[name].copy()
    table[:, ::3] = 1e38
    (tiny / "load.grucast").write_bytes(encode(with_array(model, name, table))[0])
    ended = installed("forecast")
    assert ended.code in (65, 78)
    assert ended.error
