"""Train or forecast with neuralforecast: its GRU and its NHITS, every setting that has a default left at it.

Run by `compare.py` with the interpreter of the environment `neuralforecast`; see `errand.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from errand import Request, asked, write, write_aside
from neuralforecast import NeuralForecast
from neuralforecast.models import GRU, NHITS


def read(request: Request, path: str) -> pd.DataFrame:
    """A history as neuralforecast takes it."""
    frame = pd.read_csv(path, dtype={"unique_id": str})
    if request.freq:
        frame["ds"] = pd.to_datetime(frame["ds"])
    return frame


def network(request: Request) -> GRU | NHITS:
    """The network that is asked for; quiet, and without the log that costs time and is not read."""
    quiet = {"enable_progress_bar": False, "logger": False, "enable_model_summary": False, "accelerator": "cpu",
             "max_time": {"seconds": request.cap}, "random_seed": request.seed + 1}  # 1 is the library's own
    if request.method == "gru":
        return GRU(h=request.horizon, **quiet)
    return NHITS(h=request.horizon, input_size=request.context, **quiet)


def forecast(fitted: NeuralForecast, request: Request, path: str) -> Iterator[tuple[str, int, float]]:
    """What comes after a history: series, step, value."""
    found = fitted.predict(df=read(request, path)).reset_index().sort_values(["unique_id", "ds"])
    (column,) = [name for name in found.columns if name not in ("unique_id", "ds", "index")]
    for name, one in found.groupby("unique_id"):
        yield from ((str(name), step, float(value)) for step, value in enumerate(one[column]))


def main() -> None:
    """Do what is asked."""
    request = asked()
    if request.action == "forecast":
        fitted = NeuralForecast.load(request.model)
        write(request.output, ((0, *row) for row in forecast(fitted, request, request.histories[-1])))
        return
    fitted = NeuralForecast(models=[network(request)], freq=request.freq or 1)
    busy = time.process_time()
    fitted.fit(df=read(request, request.histories[0]))
    busy = time.process_time() - busy
    Path(request.model).mkdir(parents=True, exist_ok=True)
    fitted.save(request.model, save_dataset=False, overwrite=True)
    one = fitted.models[0]
    write_aside(request, lambda path: forecast(fitted, request, path), steps=len(one.train_trajectories),
                full=one.max_steps, fit_cpu=busy, parameters=sum(weight.numel() for weight in one.parameters()))


if __name__ == "__main__":
    main()
