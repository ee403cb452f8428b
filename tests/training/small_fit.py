"""A fit of a tiny network for the tests of this room."""

from __future__ import annotations

import numpy as np

from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.preprocessing.sources import Setting, fit_scales, make_source
from grucast.preprocessing.windows import Streams, cutoffs_between, flatten
from grucast.training.ensemble import Job, train_members
from grucast.training.fit import Fitted, Run
from grucast.training.sampling import sampler_of
from tests.making import hourly_panel, series_of

FIT, ROWS, WINDOW = 100, 160, WindowSpec(12, 6, 4)
SAMPLER = sampler_of(np.array([3]), np.array([FIT - WINDOW.horizon]))
VALIDATION = cutoffs_between(np.array([FIT]), np.array([ROWS - WINDOW.horizon]), 5)


def wave() -> np.ndarray:
    """A wave of period 12 with a little noise, (ROWS,)."""
    rng = np.random.default_rng(0)
    return 10 + 3 * np.sin(np.arange(ROWS) * 2 * np.pi / 12) + 0.1 * rng.normal(size=ROWS)


def streams_of(y) -> Streams:
    """The stream of one hourly series, scaled by its first FIT rows."""
    panel = hourly_panel(series_of(y))
    scales = fit_scales(panel, [FIT], "none")
    one = panel.series[0]
    return flatten([make_source(one, scales, Setting(panel.layout.clock, one.ds[0], WINDOW.horizon), stop=len(one))])


def job_of(streams: Streams | None = None, *, model=None, **training) -> Job:
    """A job of a network with four hidden units."""
    settings = {"epochs": 3, "batch_size": 16, "patience": 3, "learning_rate": 0.01}
    network = ModelConfig(**({"hidden": 4, "dropout": 0.2, "linear_rank": -1} | (model or {})))
    return Job(network, WINDOW, TrainingConfig(**(settings | training)), streams or streams_of(wave()))


def trained(job: Job, run: Run | None = None, validation=VALIDATION) -> list[Fitted]:
    """The members of a job."""
    return train_members(job, SAMPLER, validation, run or Run())


def same(one, two) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return one.keys() == two.keys() and all(np.array_equal(value, two[name]) for name, value in one.items())


def assert_same_weights(one, two) -> None:
    """Members are equal bit for bit."""
    assert len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        assert first.weights.keys() == second.weights.keys()
        for name, value in first.weights.items():
            np.testing.assert_array_equal(second.weights[name], value, err_msg=name)
