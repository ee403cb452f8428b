"""Train or forecast with the GRUs of darts: each setting that has a default at it, values scaled as in its guide.

`block` is BlockRNNModel, which gives all steps at once, `rnn` is RNNModel, which feeds each step back. Run by
`compare.py` with the interpreter of the environment `darts`; see `errand.py`.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from darts import TimeSeries
from darts.dataprocessing.transformers import Scaler
from darts.models import BlockRNNModel, RNNModel
from errand import Request, asked, write, write_aside

MODELS = {"block": BlockRNNModel, "rnn": RNNModel}


def read(path: str) -> dict[str, TimeSeries]:
    """The series of a history by name, in single precision as darts advises.

    Rows are numbered: darts refuses stamps with a day left out, and without covariates its networks see no stamps.
    """
    frame = pd.read_csv(path, dtype={"unique_id": str})
    found = {}
    for name, one in frame.groupby("unique_id"):
        found[str(name)] = TimeSeries.from_values(one["y"].to_numpy(np.float32))
    return found


def network(request: Request) -> BlockRNNModel | RNNModel:
    """The network that is asked for; quiet. The lengths have no default."""
    quiet = {"enable_progress_bar": False, "logger": False, "enable_model_summary": False, "accelerator": "cpu",
             "max_time": {"seconds": request.cap}}
    if request.method == "block":
        return BlockRNNModel(input_chunk_length=request.context, output_chunk_length=request.horizon, model="GRU",
                             random_state=request.seed, pl_trainer_kwargs=quiet)
    return RNNModel(input_chunk_length=request.context, training_length=request.context + request.horizon, model="GRU",
                    random_state=request.seed, pl_trainer_kwargs=quiet)


def forecast(model: BlockRNNModel | RNNModel, scaler: Scaler, request: Request, path: str,
             ) -> Iterator[tuple[str, int, float]]:
    """What comes after a history: series, step, value."""
    known = read(path)
    scaled = model.predict(request.horizon, series=scaler.transform(list(known.values())), verbose=False)
    for name, one in zip(known, scaler.inverse_transform(scaled), strict=True):
        yield from ((name, step, float(value)) for step, value in enumerate(one.values()[:, 0]))


def main() -> None:
    """Do what is asked."""
    request = asked()
    folder = Path(request.model)
    if request.action == "forecast":
        model = MODELS[request.method].load(str(folder / "model"), map_location="cpu")
        scaler = pickle.loads((folder / "scaler").read_bytes())
        write(request.output, ((0, *row) for row in forecast(model, scaler, request, request.histories[-1])))
        return
    scaler, model = Scaler(), network(request)
    series = scaler.fit_transform(list(read(request.histories[0]).values()))
    busy = time.process_time()
    model.fit(series, verbose=False)
    busy = time.process_time() - busy
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "model"))
    (folder / "scaler").write_bytes(pickle.dumps(scaler))
    parameters = sum(weight.numel() for weight in model.model.parameters())
    write_aside(request, lambda path: forecast(model, scaler, request, path), steps=int(model.epochs_trained),
                full=model.n_epochs, fit_cpu=busy, parameters=parameters)


if __name__ == "__main__":
    main()
