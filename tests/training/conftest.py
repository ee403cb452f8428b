"""One thread and short epochs: the networks of these tests are too small for more."""

import pytest
import torch

from grucast.training import fit


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _short_epochs(monkeypatch):
    monkeypatch.setattr(fit, "STEPS_MIN", 4)
    monkeypatch.setattr(fit, "STEPS_MAX", 4)
