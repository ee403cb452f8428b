"""A way to run the command line inside the test, and stand-ins for the work behind it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grucast.cli import boundary
from grucast.cli.commands import command

MODEL = Path(__file__).parents[1] / "artifacts" / "fixtures" / "format_1.grucast"


@dataclasses.dataclass(frozen=True)
class Ran:
    """How a run ended and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in [one for one in os.environ if one.startswith("GRUCAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def grucast(capsys, tmp_path, monkeypatch) -> Callable[..., Ran]:
    """Run `grucast` with these words in an empty folder."""
    monkeypatch.chdir(tmp_path)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}

    def run(*arguments: str) -> Ran:
        try:
            code = boundary.run(command, arguments)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def model(tmp_path) -> Path:
    """A small model in the current folder."""
    return Path(shutil.copyfile(MODEL, tmp_path / "energy.grucast"))


REPORT: dict[str, Any] = {
    "model": "data.grucast", "digest": "ab" * 32, "series": 1, "rows": 1000, "freq": "h", "season": [24, 168],
    "horizon": 24, "context_length": 168, "parameters": 12345, "epochs": 3, "seconds": 4.2,
    "holdout": {"mae": 8.0, "rmse": 10.0, "mase": float("nan"), "coverage": {"80": 0.81, "95": 0.94}},
    "baselines": {"naive": {"mae": 20.0}, "linear": {"mae": 10.0}}, "skill": 0.2, "notes": ["a gap was masked"]}


@pytest.fixture
def trained(monkeypatch) -> list[Any]:
    """What `train` was asked for, by a stand-in that only remembers it; it may be told to raise first."""
    module: Any = types.ModuleType("grucast.workflows.train")
    asked: list[Any] = []

    def train(request, progress):
        progress("fit", 1, 2)
        asked.append(request)
        return types.SimpleNamespace(path=Path("data.grucast"), report=REPORT, notes=tuple(REPORT["notes"]))

    module.TrainRequest = types.SimpleNamespace
    module.train = train
    monkeypatch.setitem(sys.modules, "grucast.workflows.train", module)
    return asked


@pytest.fixture
def forecasted(monkeypatch) -> list[Any]:
    """What `forecast` was asked for, by a stand-in that gives two rows."""
    module: Any = types.ModuleType("grucast.workflows.forecast")
    asked: list[Any] = []
    rows = [["=cmd|x", "2024-01-21T00:00:00", 1.5, float("nan")], ["load", "2024-01-21T01:00:00", 2.0, 1e7]]

    def forecast(request):
        asked.append(request)
        return types.SimpleNamespace(
            model="energy.grucast", digest="ab" * 32, cutoff="2024-01-20T23:00:00", freq="h",
            columns=("unique_id", "ds", "y_hat", "lo-80"), rows=rows, notes=("the horizon was longer",), flags=(),
            standing=None,
            forecasts=[{"unique_id": "load", "ds": ["2024-01-21T00:00:00"], "y_hat": [1.5], "lo-80": [float("nan")]}])

    module.ForecastRequest = types.SimpleNamespace
    module.forecast = forecast
    monkeypatch.setitem(sys.modules, "grucast.workflows.forecast", module)
    return asked


def failing(error: BaseException) -> Callable[..., Any]:
    """A workflow that ends with `error`."""

    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.fixture
def train_fails(trained, monkeypatch) -> Callable[[BaseException], None]:
    """Make `train` end with an error."""
    return lambda error: monkeypatch.setattr(sys.modules["grucast.workflows.train"], "train", failing(error))
