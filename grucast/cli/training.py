"""`grucast train`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import Table, TalkOptions, aligned, deliver, json_text, progress, tell, tell_notes
from grucast.core.config import ReadOptions, TrainOptions, option

_METRICS = {"mae": "MAE", "rmse": "RMSE", "smape": "sMAPE", "mase": "MASE", "wql": "WQL", "msis": "MSIS"}
_BASELINES = ("naive", "seasonal_naive", "linear")


@dataclass(frozen=True, slots=True)
class TrainWords:
    """What `train` asks for beside the data and the settings."""

    sources: tuple[str, ...] = option((), "CSV, TSV, text or Parquet files, read as one; - is standard input",
                                      argument=True, required=True, metavar="DATA")
    output: Path | None = option(None, "the model file, when it should have another name", short="-o")
    resume: bool = option(False, "go on with a run that was killed")
    config: Path | None = option(None, "settings in TOML, by the names of these options", metavar="FILE.toml")
    json: bool = option(False, "print the report as JSON", panel="Output")


def register(app: typer.Typer) -> None:
    """Add the command."""
    offer(app, "train", example="grucast train energy.csv --target-col load --horizon 48")(train)


def train(words: TrainWords, options: TrainOptions, read: ReadOptions, talk: TalkOptions) -> None:
    """Train a model and measure it on data it did not see.

    The model goes to DATA's name with .grucast in this folder. How good it is, beside naive, seasonal
    naive and linear forecasts, is printed on standard error.
    """
    from grucast.workflows.train import TrainRequest
    from grucast.workflows.train import train as run

    request = TrainRequest(sources=words.sources, read=read, options=options, output=words.output, resume=words.resume)
    with progress(talk) as bar:
        result = run(request, bar)
    tell(summary(result.report), talk)
    tell_notes(result.report["notes"], talk)
    if words.json:
        deliver(json_text(result.report))


def summary(report: Mapping[str, Any]) -> str:
    """The report of `train` for people: what was learned, the accuracy table, the skill."""
    seasons = ", ".join(map(str, report["season"])) if isinstance(report["season"], (list, tuple)) else report["season"]
    head = (f"{report['model']}: {report['rows']:,} rows, {report['series']:,} series, "
            f"frequency {report['freq'] or 'none'}, season {seasons or 'none'}\n"
            f"horizon {report['horizon']}, context {report['context_length']}, {report['parameters']:,} parameters, "
            f"{report['epochs']} epoch{'s' * (report['epochs'] != 1)} in {report['seconds']:.0f} s\n")
    return f"{head}\n{accuracy_table(report)}\n{verdict(report)}\n"


def accuracy_table(accuracy: Mapping[str, Any]) -> str:
    """Metrics of the model and of each baseline, a row each; `accuracy` has holdout and baselines."""
    holdout, baselines = accuracy.get("holdout") or {}, accuracy.get("baselines") or {}
    levels = list(holdout.get("coverage") or {})
    rows = [[name, *map(metrics.get, _METRICS), *map((metrics.get("coverage") or {}).get, levels)]
            for name, metrics in [("grucast", holdout), *sorted(baselines.items(), key=_place)]]
    return aligned(Table(["held out", *_METRICS.values(), *(f"coverage {one}" for one in levels)], rows))


def _place(item: tuple[str, Any]) -> int:
    """Baselines from the plainest on; a model file has them by name."""
    return _BASELINES.index(item[0]) if item[0] in _BASELINES else len(_BASELINES)


def verdict(accuracy: Mapping[str, Any]) -> str:
    """The skill in a sentence."""
    skill = accuracy.get("skill")
    errors = {name: one["mae"] for name, one in (accuracy.get("baselines") or {}).items() if one.get("mae") is not None}
    best = f"the best baseline, {min(errors, key=lambda name: errors[name])}" if errors else "the best baseline"
    if skill is None:
        return "skill: not defined, since the baselines make no error or could not be measured"
    if skill <= 0:
        return f"no skill over {best} (skill {skill:.3f})"
    return f"skill {skill:.3f}: the error is {skill:.1%} below that of {best}"
