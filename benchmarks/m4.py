"""M4 Hourly and Weekly: grucast beside the naive, seasonal naive and linear forecasts, and beside the competition.

Trains on the training part of the competition through the public Python API, forecasts once, and
measures on the test part: sMAPE, MASE and OWA (against Naive2) as the competition did, and the intervals.
Naive2 must come out as published: it shows that the data and the metrics are those of the competition.

    python benchmarks/m4.py --data DIR [--sets hourly,weekly] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, find, number, percent, seconds

from grucast.core.config import QUANTILE_LEVELS, FitOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.evaluation import BASELINES
from grucast.evaluation.baselines import BaselineSpec, series_scale
from grucast.evaluation.folds import contexts
from grucast.evaluation.metrics import Scores, as_json, owa, score, seasonal_scale
from grucast.evaluation.naive2 import naive2

SOURCE = "https://github.com/Mcompetitions/M4-methods/tree/master/Dataset"


@dataclass(frozen=True)
class Contest:
    """One part of M4: its horizon, the season that the competition gave it, and published results."""

    name: str
    horizon: int
    season: int
    context: int  # rows that the linear model sees
    naive2: tuple[float, float]  # published sMAPE and MASE
    published: tuple[tuple[str, float, float, float], ...]  # method, sMAPE, MASE, OWA


HOURLY = Contest("hourly", 48, 24, 336, (18.383, 2.395), (
    ("best entry (Doornik)", 8.913, 0.801, 0.410), ("winner (ES-RNN)", 9.328, 0.893, 0.440),
    ("FFORMA", 11.506, 0.819, 0.484), ("the competition's RNN", 14.698, 3.048, 1.036)))
WEEKLY = Contest("weekly", 13, 1, 52, (9.161, 2.777), (
    ("best entry (Darin & Stellwagen)", 6.582, 2.107, 0.739), ("winner (ES-RNN)", 7.817, 2.356, 0.851),
    ("FFORMA", 7.625, 2.108, 0.796), ("the competition's RNN", 15.220, 5.132, 1.755)))
CONTESTS = {"hourly": HOURLY, "weekly": WEEKLY}


@dataclass(frozen=True)
class Data:
    """Series of any length and the H values that came after each."""

    ids: tuple[str, ...]
    history: tuple[np.ndarray, ...]  # (T, 1) each
    y: np.ndarray  # (N, H, 1)


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Values by series, from the competition's wide file (id, V2, V3 …) or from a long one (unique_id, ds, y)."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = csv.reader(io.StringIO(content.decode()))
    long = next(lines) == ["unique_id", "ds", "y"]
    found: dict[str, list[float]] = {}
    for cells in lines:
        found.setdefault(cells[0], []).extend(map(float, [cells[2]] if long else filter(None, cells[1:])))
    return {name: np.array(values) for name, values in found.items()}


def read_contest(folder: Path | None, contest: Contest) -> Data:
    """The training and the test part, as they lie below `folder`."""
    parts = []
    for part in ("train", "test"):
        names = [f"forecast/m4/m4_{contest.name}_{part}.csv", f"m4/m4_{contest.name}_{part}.csv",
                 f"m4/{contest.name.title()}-{part}.csv", f"{contest.name.title()}-{part}.csv"]
        parts.append(read_rows(find(folder, names, SOURCE)))
    known, came = parts
    ids = tuple(known)
    return Data(ids, tuple(known[name][:, None] for name in ids), np.stack([came[name] for name in ids])[:, :, None])


def grucast_quantiles(data: Data, contest: Contest, settings: TrainOptions) -> tuple[np.ndarray, dict[str, Any]]:
    """What grucast forecasts, (N, H, 1, Q), and the report of its training; of the data it is told the horizon."""
    from grucast.workflows.forecast import ForecastRequest, forecast
    from grucast.workflows.train import TrainRequest, train  # torch: not for --baselines-only

    settings = replace(settings, window=WindowOptions(horizon=contest.horizon))
    with tempfile.TemporaryDirectory() as scratch:
        file, model = Path(scratch) / f"{contest.name}.csv", Path(scratch) / f"{contest.name}.grucast"
        with file.open("w", encoding="utf-8") as out:
            out.write("unique_id,ds,y\n")
            for name, y in zip(data.ids, data.history, strict=True):
                out.writelines(f"{name},{row + 1},{value!r}\n" for row, value in enumerate(y[:, 0].tolist()))
        report = train(TrainRequest(sources=(str(file),), read=ReadOptions(), options=settings, output=model)).report
        result = forecast(ForecastRequest(str(file), model, ReadOptions(), quantiles=QUANTILE_LEVELS))
    found = {one["unique_id"]: one for one in result.forecasts}
    columns = [f"q-{level:g}" for level in QUANTILE_LEVELS]
    quantiles = np.array([[found[name][column] for column in columns] for name in data.ids]).transpose(0, 2, 1)
    return quantiles[:, :, None], report


def baseline_quantiles(name: str, data: Data, contest: Contest) -> np.ndarray:
    """What a baseline forecasts, (N, H, 1, Q)."""
    spec = BaselineSpec(contest.context, contest.horizon, contest.season)
    fitted = BASELINES.load(name)(data.history, spec)
    context = np.concatenate([contexts(y, np.array([len(y)]), contest.context) for y in data.history])
    return fitted.predict(context, np.stack([series_scale(y) for y in data.history]))


def reference(data: Data, contest: Contest, scale: np.ndarray) -> Scores:
    """Naive2 on whole histories, as the competition had it."""
    rule = naive2(contest.horizon, contest.season)
    point = np.concatenate([rule(y[None], np.ones((1, 1))) for y in data.history])
    return score(data.y, point[..., None], (0.5,), scale=scale)


def row(name: str, scores: Scores, beside: Scores, took: float) -> tuple[str, ...]:
    """One line of the table."""
    coverage = scores["coverage"]
    return (name, number(scores["smape"]), number(scores["mase"]), number(owa(scores, beside), 3),
            number(scores["wql"], 3), number(scores["msis"], 3), percent(coverage["80"]), percent(coverage["95"]),
            seconds(took))


def measure(contest: Contest, options: argparse.Namespace, report: Report) -> None:
    """Everything about one part of the competition, printed as one table."""
    data = read_contest(options.data, contest)
    scale = np.stack([seasonal_scale(y, contest.season) for y in data.history])
    began = time.perf_counter()
    beside = reference(data, contest, scale)
    rows = [row("Naive2", beside, beside, time.perf_counter() - began)]
    results: dict[str, Any] = {"naive2": as_json(beside)}
    settings = TrainOptions(fit=FitOptions(seed=options.seed, preset=options.preset))
    for name in ("naive", "seasonal_naive", "linear", *(() if options.baselines_only else ("grucast",))):
        began = time.perf_counter()
        quantiles = (grucast_quantiles(data, contest, settings)[0] if name == "grucast"
                     else baseline_quantiles(name, data, contest))
        took = time.perf_counter() - began
        scores = score(data.y, quantiles, QUANTILE_LEVELS, scale=scale)
        rows.append(row(name.replace("_", " "), scores, beside, took))
        results[name] = {**as_json(scores), "owa": owa(scores, beside), "seconds": round(took, 2)}
    rows += [(f"published: {who}", number(smape), number(mase), number(value, 3), *["–"] * 5)
             for who, smape, mase, value in contest.published]
    title = f"M4 {contest.name.title()}: {len(data.ids)} series, {contest.horizon} steps, season {contest.season}"
    report.show(Table(title, ("", "sMAPE", "MASE", "OWA", "WQL", "MSIS", "inside 80 %", "inside 95 %", "time"),
                      tuple(rows)))
    as_published = np.allclose([beside["smape"], beside["mase"]], contest.naive2, atol=5e-4)
    print(f"Naive2 {'is' if as_published else 'IS NOT'} as published, {contest.naive2[0]} / {contest.naive2[1]}\n")
    report.results[contest.name] = {**results, "naive2_as_published": bool(as_published)}


def main() -> None:
    """Measure the parts that were asked for."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sets", default="hourly,weekly", help="parts of the competition, of hourly and weekly")
    parser.add_argument("--preset", default="balanced", help="as for grucast train")
    parser.add_argument("--baselines-only", action="store_true", help="leave the network out")
    options = parser.parse_args()
    report = Report("m4", options)
    for name in options.sets.split(","):
        if name not in CONTESTS:
            parser.error(f"--sets holds {', '.join(CONTESTS)}, not {name!r}")
        measure(CONTESTS[name], options, report)
    report.close(preset=options.preset)


if __name__ == "__main__":
    main()
