"""Two threads give the same bits every time: gradients of season tables and channels are added up in one order."""

import numpy as np
import torch

from grucast.core.config import ModelConfig, TrainingConfig, WindowSpec
from grucast.preprocessing.sources import Setting, fit_scales, make_source
from grucast.preprocessing.windows import flatten
from grucast.training.effects import NO_EFFECTS
from grucast.training.ensemble import Job, train_more
from grucast.training.fit import Fitted, Run
from grucast.training.sampling import sampler_of
from grucast.training.setup import configure
from grucast.training.start import Start
from tests.making import hourly_panel, series_of

WINDOW = WindowSpec(336, 24, 24, (24,))  # large enough for torch to share the work among threads


def trained() -> dict[str, np.ndarray]:
    """The weights after a few steps on two channels of noise, with two threads."""
    rng = np.random.default_rng(0)
    panel = hourly_panel(series_of(rng.normal(size=(1200, 2))))
    scales = fit_scales(panel, [1000], "none")
    one = panel.series[0]
    streams = flatten([make_source(one, scales, Setting(panel.layout.clock, one.ds[0], 24), stop=len(one))])
    model = ModelConfig(hidden=16, channels=2, linear_rank=-1, seasonal=(24,))
    job = Job(model, WINDOW, TrainingConfig(batch_size=128), streams)
    sampler = sampler_of(np.array([336, 336]), np.array([976, 976]))
    found = Fitted({}, 6, 1, 0.0, Start(0.1, NO_EFFECTS))
    return train_more(job, sampler, [({}, found)], Run(), anew=True)[0]


def test_two_threads_give_the_same_weights_every_time():
    before = torch.get_num_threads()
    try:
        configure("cpu", 2)
        first = trained()
        for _ in range(3):
            again = trained()
            assert all(np.array_equal(first[name], again[name]) for name in first)
    finally:
        torch.set_num_threads(before)


def test_a_small_network_gets_one_thread_unless_more_are_asked_for(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8), raising=False)
    for threads, hidden in ((None, 0), (None, 128), (None, 256), (3, 128)):
        configure("cpu", threads, hidden)
    assert asked == [1, 1, 4, 3]
