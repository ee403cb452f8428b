"""Exchange rates: what grucast says where nobody can forecast, beside the naive forecast.

Eight currencies, daily; 70 % of the rows to fit on, 10 % to stop and calibrate on, 20 % to judge; a look-back of 96,
contexts over the border, every window, errors on values standardised by the fit part. Repeating the last value is
as good as it gets, so what is asked is the truth: `backtest` and `train` say "no skill". The last line is
`grucast train` without an option, its errors in the units of the rates.

    python benchmarks/exchange.py --data DIR [--horizons 96,192,336,720] [--context 96] [--json FILE]
                                  [--train "--epochs 1"]
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import Report, Table, arguments, find, number, percent, seconds, threads_each
from trials import Spent, backtest, command, look

SOURCE = "https://github.com/laiguokun/multivariate-time-series-data"
NO_SKILL = "no skill"
PUBLISHED = "published, mean over the four horizons: repeating the last value .344/.391"
BESIDE = ("naive", "seasonal_naive", "linear")


def parts(rows: int) -> tuple[int, int, int]:
    """Rows to fit on, to hold out and to judge, as the papers count them: 70 % and 20 % cut to whole rows.

    >>> parts(7588)
    (5311, 760, 1517)
    """
    fit, test = int(rows * 0.7), int(rows * 0.2)
    return fit, rows - fit - test, test


def verdict(spent: Spent) -> str:
    """The line of a command's talk that says how skilful the model is."""
    lines = [line for line in spent.stderr.splitlines() if line.startswith(("skill ", NO_SKILL))]
    return lines[-1] if lines else ""


def measure(path: Path, horizon: int, context: int, words: Sequence[str]) -> dict[str, Any]:
    """One horizon of the protocol."""
    asked = ["--splits", ":".join(map(str, parts(look(path).rows))), "--horizon", str(horizon), "--context-length",
             str(context), "--standardize-metrics", *words]
    report, spent = backtest(path, asked)
    return {"horizon": horizon, "windows": report["windows"], "metrics": report["metrics"], "skill": report["skill"],
            "verdict": verdict(spent), "cpu": spent.cpu, "notes": report["notes"]}


def plain(path: Path, words: Sequence[str]) -> dict[str, Any]:
    """`grucast train` without an option."""
    with tempfile.TemporaryDirectory() as scratch:
        spent = command(["train", str(path.resolve()), "-o", "model.grucast", "--json", *words], Path(scratch))
    report = json.loads(spent.stdout)
    return {"horizon": f"{report['horizon']}, train", "windows": None,
            "metrics": {"grucast": report["holdout"], **report["baselines"]}, "skill": report["skill"],
            "verdict": verdict(spent), "cpu": spent.cpu, "notes": report["notes"]}


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    metrics = one["metrics"]
    pairs = [f"{number(metrics[name]['mse'], 3)}/{number(metrics[name]['mae'], 3)}" for name in ("grucast", *BESIDE)]
    inside = [percent(metrics[name]["coverage"][level]) for name in ("grucast", "naive") for level in ("80", "95")]
    return (str(one["horizon"]), str(one["windows"] or "–"), *pairs, number(one["skill"], 2), *inside,
            number(metrics["grucast"]["msis"], 3), number(metrics["naive"]["msis"], 3), seconds(one["cpu"]),
            one["verdict"])


def main(words: list[str] | None = None) -> None:
    """Run what was asked for and print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--horizons", default="96,192,336,720")
    parser.add_argument("--context", type=int, default=96, help="rows of look-back")
    parser.add_argument("--train", default="", metavar="WORDS", help="options of the training; none by default")
    options: argparse.Namespace = parser.parse_args(words)
    path = find(options.data, ["forecast/stock/exchange_rate_8.csv", "exchange_rate_8.csv", "exchange_rate.csv"],
                SOURCE)
    asked = ["--seed", str(options.seed), "--threads", str(threads_each(1)), *shlex.split(options.train)]
    report = Report("exchange", options)
    horizons = [int(word) for word in options.horizons.split(",") if word]
    results = []
    for horizon in [*horizons, None]:
        results.append(plain(path, asked) if horizon is None else measure(path, horizon, options.context, asked))
        print(" · ".join(row(results[-1])), file=sys.stderr, flush=True)
    columns = ("horizon", "windows", "grucast", "naive", "seasonal naive", "linear", "skill", "inside 80 %",
               "inside 95 %", "naive 80", "naive 95", "MSIS", "naive MSIS", "processor", "what is said")
    honest = sum(NO_SKILL in one["verdict"] for one in results if (one["skill"] or 0.0) < 0.005)
    unskilled = sum((one["skill"] or 0.0) < 0.005 for one in results)
    title = (f"MSE / MAE ({PUBLISHED}); without skill {unskilled} of {len(results)} times, and it says so {honest} "
             "times")
    report.show(Table(title, columns, tuple(map(row, results))))
    report.close(unskilled=unskilled, said=honest, results=results)


if __name__ == "__main__":
    main()
