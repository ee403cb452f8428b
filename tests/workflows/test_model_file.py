"""What was trained, judged and calibrated is to the last bit what a later process reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_panels import options_of, panel_of, values

from grucast.artifacts.store import decode, encode
from grucast.core.results import Artifact, DataFacts
from grucast.forecasting.predict import quantiles_at
from grucast.training import fit as fitting
from grucast.training.fit import Run
from grucast.workflows.learning.learn import Learned, learn, prepare, to_the_end
from grucast.workflows.learning.model_file import pack, unpack
from grucast.workflows.learning.prepared import Prepared, part_windows
from grucast.workflows.learning.watch import fit_watch


@pytest.fixture(scope="module")
def written() -> tuple[Prepared, Learned, Artifact]:
    """A preparation, the model that was learned of it, and the file of it, read again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "STEPS_MIN", 3)
        patch.setattr(fitting, "STEPS_MAX", 3)
        panel = panel_of(values(300))
        stamped = replace(panel.layout, columns=replace(panel.layout.columns, time=("ds",)))
        prepared, learned = learn(prepare(replace(panel, layout=stamped), options_of()), Run())
        final, watch = fit_watch(prepared, learned, to_the_end(prepared, learned, Run()))
    facts = DataFacts("", "ab" * 32, 300, 1, "2024-01-01T00:00:00", "2024-01-13T11:00:00", 300)
    return prepared, final, decode(encode(pack(prepared, final, facts, {}, "2", watch))[0])


def test_the_weights_of_the_file_are_those_that_were_measured(written):
    _, learned, artifact = written
    members = unpack(artifact)[0].members
    assert len(members) == len(learned.members)
    for found, wanted in zip(members, learned.members, strict=True):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert found[name].dtype == value.dtype == np.float32
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_forecasts_of_the_file_are_those_of_the_training(written):
    prepared, learned, artifact = written
    at = part_windows(prepared, "calibration", 50)
    found, wanted = (quantiles_at(one, prepared.streams, at) for one in (unpack(artifact)[0], learned.forecaster))
    np.testing.assert_array_equal(found, wanted)


def test_matrices_of_the_network_take_16_bits_and_nothing_else_does(written):
    _, _, artifact = written
    half = {name for name, value in artifact.tensors.items() if value.dtype == np.float16}
    assert {"network.0.head.out.weight", "network.0.rebuild.up.weight", "network.0.state.whiten"} <= half
    assert all(name.startswith("network.0.") for name in half)
    assert artifact.tensors["network.0.head.out.bias"].dtype == np.float32
