"""One thread, as the networks of these tests are too small for more; and a model that watches."""

import pytest
import torch

from tests.command import Ended, hourly, run_installed, write_lines


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def watcher(tmp_path_factory):
    """A folder with `load.csv`, 1,200 normal hours, and `load.grucast`, a small model that watches such loads."""
    folder = tmp_path_factory.mktemp("watcher")
    write_lines(folder / "load.csv", hourly(1200))
    ended = run_installed("train", "load.csv", "-q", "--hidden", "8", "--epochs", "2", "--threads", "1", "--season",
                          "24", "--context-length", "48", "--horizon", "12", folder=folder)
    assert ended == Ended(0, "", "")
    return folder
