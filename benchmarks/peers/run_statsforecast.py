"""Fit or forecast with statsforecast: AutoETS, AutoTheta and the seasonal naive, with their defaults.

These fit each series alone and at each cutoff anew, which is how they are used; a forecast read back from a file goes
on where the fit ended. Run by `compare.py` with the interpreter of the environment `statsforecast`; see `errand.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from errand import Request, asked, write, write_aside
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, AutoTheta, SeasonalNaive

MODELS = {"ets": AutoETS, "theta": AutoTheta, "snaive": SeasonalNaive}


def read(request: Request, path: str) -> pd.DataFrame:
    """A history as statsforecast takes it."""
    frame = pd.read_csv(path, dtype={"unique_id": str})
    if request.freq:
        frame["ds"] = pd.to_datetime(frame["ds"])
    return frame


def made(request: Request) -> StatsForecast:
    """What fits, not yet fitted."""
    return StatsForecast(models=[MODELS[request.method](season_length=request.season)], freq=request.freq or 1)


def rows(found: pd.DataFrame) -> Iterator[tuple[str, int, float]]:
    """A forecast by series, step and value."""
    found = found.reset_index().sort_values(["unique_id", "ds"])
    (column,) = [name for name in found.columns if name not in ("unique_id", "ds", "index")]
    for name, one in found.groupby("unique_id"):
        yield from ((str(name), step, float(value)) for step, value in enumerate(one[column]))


def main() -> None:
    """Do what is asked."""
    request = asked()
    file = Path(request.model) / "model.pkl"
    if request.action == "forecast":
        write(request.output, ((0, *row) for row in rows(StatsForecast.load(str(file)).predict(h=request.horizon))))
        return
    fitted = made(request).fit(df=read(request, request.histories[0]))
    file.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(str(file))
    write_aside(request, lambda path: rows(made(request).forecast(df=read(request, path), h=request.horizon)))


if __name__ == "__main__":
    main()
