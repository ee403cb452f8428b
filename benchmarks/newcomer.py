"""`grucast backtest FILE` with default settings on many kinds of data: the last five windows of each set.

What a newcomer gets. Each set is trained on once, on the rows before the last five windows of its default horizon
and on nothing later, and forecast from the five cutoffs; contexts reach up to each cutoff. Errors are MASE, over all
columns and series but columns that repeat the row before in more than 80 % of rows (codes, nearly constant ones): the
file is given as it is, such columns are not counted. Beside it stands for each series and column the naive or the
seasonal naive forecast, whichever was better on the training rows, so that the choice knows no more than we do. The
ratio of a set is that of the two means. ETT, M4 and exchange_rate have benchmarks of their own.

    python benchmarks/newcomer.py --data DIR [--only energy,shampoo] [--cutoffs 5] [--processes 1] [--json FILE]
                                  [--train "--epochs 1"]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import Failed, Report, Table, arguments, number, percent, seconds
from trials import Look, arguments_of_sets, backtest, close, look, over_sets

from grucast.core.errors import GrucastError
from grucast.evaluation.baselines import naive, seasonal_naive
from grucast.evaluation.folds import origins, rolling
from grucast.preprocessing.sources import length_known
from grucast.workflows.backtesting.table import names_of

MEAN_BAR, WORST_BAR = 0.85, 1.15
NAIVE, SEASONAL = "naive", "seasonal_naive"


def better(y: np.ndarray, horizon: int, season: int) -> list[str]:
    """Which of the two naive forecasts has the smaller MAE on history `y` (T, C), for each channel.

    Origins are a horizon apart. Without a season, or where nothing can be compared, it is the naive one.
    """
    if season < 2 or len(y) < season + horizon:
        return [NAIVE] * y.shape[1]
    length = max(season, horizon)
    total = np.zeros((2, y.shape[1]))
    scale = np.ones((1, y.shape[1]))  # neither rule asks for it
    for windows in rolling(y, origins(season, len(y), horizon, step=horizon), length, horizon):
        both = [rule(windows.context, scale) for rule in (naive(horizon), seasonal_naive(horizon, season))]
        misses = np.abs(np.stack(both) - windows.target)
        total += np.where(np.isnan(misses).any(axis=0), 0.0, misses).sum(axis=(1, 2))
    return [SEASONAL if seasonal < plain else NAIVE for plain, seasonal in total.T.tolist()]


def chosen(seen: Look, first: int, season: int) -> list[str]:
    """The better baseline of each channel of each series, from rows before `first`, as reports list them."""
    out = []
    for one in seen.panel.series:
        stop = min(first, length_known(one))
        out += better(np.where(one.observed[:stop], one.y[:stop], np.nan), seen.horizon, season)
    return out


def judge(series: Sequence[Mapping[str, Any]], baselines: Sequence[str]) -> dict[str, Any]:
    """The two means of MASE, their ratio, and that to the linear model, which the bars do not ask for.

    `series` are entries of `by_series`, `baselines` the name for each. A series whose MASE is not defined (it never
    moved before the first cutoff) is counted in `undefined`.
    """
    triples = [(one["grucast"]["mase"], one[name]["mase"], one["linear"]["mase"])
               for one, name in zip(series, baselines, strict=True)]
    known = [triple for triple in triples if None not in triple]
    ours, theirs, linear = np.mean(known, axis=0).tolist() if known else [math.nan] * 3
    return {"series": len(series), "undefined": len(triples) - len(known), "mase": _finite(ours),
            "baseline_mase": _finite(theirs), "ratio": _finite(ours / theirs) if theirs else None,
            "over_linear": _finite(ours / linear) if linear else None,
            "seasonal": sum(name == SEASONAL for name in baselines),
            **{f"coverage{level}": _mean([one["grucast"]["coverage"][level] for one in series])
               for level in ("80", "95")}}


def measure(path: Path, *, cutoffs: int, words: Sequence[str], limit: float) -> dict[str, Any]:
    """Everything about one set; `wrong` is empty where all went well."""
    result: dict[str, Any] = {"set": path.name.split(".")[0], "wrong": ""}
    try:
        seen = look(path)
        first = seen.rows - cutoffs * seen.horizon
        report, spent = backtest(path, ["--splits", f"{first}:0:{seen.rows - first}", "--horizon", str(seen.horizon),
                                        "--step", str(seen.horizon), *words], limit=limit)
    except (Failed, GrucastError) as error:
        return {**result, "wrong": str(error)}
    season = (report["protocol"]["season"] or [1])[0]
    named = dict(zip(names_of(seen.panel), zip(seen.kept(), chosen(seen, first, season), strict=True), strict=True))
    kept = [(one, named[one["unique_id"]][1]) for one in report["by_series"] if named[one["unique_id"]][0]]
    found = judge([one for one, _ in kept], [name for _, name in kept])
    return {**result, **found, "freq": seen.panel.freq or "none", "horizon": seen.horizon, "season": season,
            "rows": seen.rows, "windows": report["windows"], "left_out": seen.left_out, "seconds": spent.seconds,
            "cpu": spent.cpu, "peak": spent.peak, "notes": report["notes"],
            "by_series": [{"series": one["unique_id"], "baseline": name, "mase": one["grucast"]["mase"],
                           "baseline_mase": one[name]["mase"], "linear_mase": one["linear"]["mase"]}
                          for one, name in kept]}


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    if one["wrong"]:
        return (one["set"], *["–"] * 12, one["wrong"])
    left = ", ".join(one["left_out"]) or ""
    return (one["set"], one["freq"], str(one["rows"]), str(one["horizon"]), str(one["series"]),
            f"{one['seasonal']} of {one['series']}", number(one["mase"], 3), number(one["baseline_mase"], 3),
            number(one["ratio"], 3), number(one["over_linear"], 3), percent(one["coverage80"]),
            percent(one["coverage95"]), seconds(one["cpu"]), left)


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The geometric mean of the ratios, those above the bar, and what went wrong."""
    ratios = {one["set"]: one["ratio"] for one in results if not one["wrong"] and one["ratio"]}
    return {"sets": len(ratios), "above": {name: one for name, one in ratios.items() if one > WORST_BAR},
            "geometric_mean": math.exp(np.mean(np.log(list(ratios.values())))) if ratios else None,
            "wrong": [one["set"] for one in results if one["wrong"]]}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def main(words: list[str] | None = None) -> None:
    """Try every set and print what came of it."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--cutoffs", type=int, default=5, help="windows at the end of each set")
    arguments_of_sets(parser)
    options: argparse.Namespace = parser.parse_args(words)
    report = Report("newcomer", options)
    results, whole = over_sets(measure, row, options, cutoffs=options.cutoffs)
    found = summary(results)
    columns = ("set", "freq", "rows", "horizon", "judged", "seasonal naive is better", "MASE", "better naive", "ratio",
               "over linear", "inside 80 %", "inside 95 %", "processor", "columns left out, or what went wrong")
    title = (f"MASE of {options.cutoffs} windows over that of the naive forecast that was better in training: "
             f"geometric mean {number(found['geometric_mean'], 3)} of {found['sets']} sets (asked for: {MEAN_BAR}), "
             f"{len(found['above'])} above {WORST_BAR}")
    report.show(Table(title, columns, tuple(map(row, results))))
    close(report, found, results, whole=whole)


if __name__ == "__main__":
    main()
