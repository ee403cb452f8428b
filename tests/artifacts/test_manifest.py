"""The manifest is plain JSON that comes back as it was."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grucast.artifacts.manifest import from_json, to_json
from grucast.artifacts.migrations import FORMAT_VERSION, upgrade
from grucast.core.config import ModelConfig, Structure, TrainingConfig, WindowSpec
from grucast.core.results import DataFacts, Manifest
from grucast.core.series import Clock, Columns, FileFormat, Layout

PLAIN = Manifest(versions={}, layout=Layout(), data=DataFacts("", "", 1, 1, "0", "0"), window=WindowSpec(1, 1, 1),
                 model=ModelConfig(), training=TrainingConfig(), values={}, steps=0, accuracy={})

text = st.text(st.characters(codec="utf-8"), max_size=12)
words = st.lists(text, max_size=3).map(tuple)
count = st.integers(1, 1000)
finite = st.floats(allow_nan=False, allow_infinity=False)
tree = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | finite | text,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8)
layouts = st.builds(
    Layout,
    format=st.builds(FileFormat, delimiter=text, decimal=st.sampled_from(".,"), na_values=words, header=st.booleans(),
                     skip_rows=st.integers(0, 9)),
    columns=st.builds(Columns, shape=st.sampled_from(["wide", "long"]), time=words, target=words, label=text),
    clock=st.builds(Clock, kind=st.sampled_from(["stamp", "epoch_s", "row"]), tz=text, step=finite),
    duplicates=st.sampled_from(["error", "mean"]))
manifests = st.builds(
    Manifest, versions=st.dictionaries(text, text, max_size=3), layout=layouts,
    data=st.builds(DataFacts, path=st.just("") | st.just("data/x.csv"), digest=text, rows=count, series=count,
                   first=text, last=text, steps=count, excluded=words, excluded_labelled=st.booleans()),
    window=st.builds(WindowSpec, count, count, count, st.lists(count, max_size=3).map(tuple)),
    model=st.builds(ModelConfig, hidden=count, dropout=st.floats(0, 0.9), linear_rank=st.integers(-1, 9)),
    training=st.builds(TrainingConfig, epochs=count, learning_rate=st.floats(1e-8, 1)),
    values=st.fixed_dictionaries({}, optional={
        "transform": st.sampled_from(["none", "log"]), "min": finite | st.none(), "levels": st.just((80, 95))}),
    steps=count, accuracy=st.dictionaries(text, tree, max_size=3))


@given(manifests)
def test_any_manifest_comes_back_through_json(manifest):
    assert from_json(json.loads(json.dumps(to_json(manifest), allow_nan=False))) == manifest


def test_what_was_left_out_stands_there_only_where_something_was():
    """So that all other files are what they were before it was remembered."""
    assert to_json(PLAIN)["data"].keys() == {"path", "digest", "rows", "series", "first", "last", "steps"}
    data = dataclasses.replace(PLAIN.data, excluded=("1.0/2.0",), excluded_labelled=True)
    assert to_json(dataclasses.replace(PLAIN, data=data))["data"].items() >= {
        "excluded": ["1.0/2.0"], "excluded_labelled": True}.items()


def test_numbers_that_are_not_finite_become_null():
    manifest = dataclasses.replace(PLAIN, accuracy={"mase": float("nan"), "mse": np.float64(np.inf), "mae": 1.0})
    assert to_json(manifest)["accuracy"] == {"mase": None, "mse": None, "mae": 1.0}


def test_numpy_numbers_become_plain_ones():
    manifest = dataclasses.replace(PLAIN, accuracy={"windows": np.int64(3), "mae": np.float32(0.5)})
    assert json.dumps(to_json(manifest)["accuracy"]) == '{"windows": 3, "mae": 0.5}'


def test_a_new_manifest_has_the_format_that_is_read():
    assert PLAIN.format_version == FORMAT_VERSION


def test_a_model_from_before_there_were_structures_has_none_of_them():
    old = json.loads(json.dumps(to_json(PLAIN)))
    del old["model"]["structure"]
    manifest, _ = upgrade(old, {})
    assert from_json(manifest) == PLAIN


@given(st.builds(Structure, bidirectional=st.booleans(), attention=st.booleans(), delay=st.integers(0, 9),
                 activation=st.none() | st.sampled_from(["relu", "silu"]), skip=st.integers(0, 9),
                 dilations=st.lists(count, max_size=3).map(tuple), hybrid=st.sampled_from([None, "es", "conv"])))
def test_any_structure_and_a_cell_with_a_hyphen_come_back_through_json(structure):
    manifest = dataclasses.replace(PLAIN, model=ModelConfig(cell="gru-simple", structure=structure))
    assert from_json(json.loads(json.dumps(to_json(manifest)))) == manifest
