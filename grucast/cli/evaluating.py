"""`grucast evaluate forecasts` and `grucast evaluate anomalies`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from grucast.cli.options import offer
from grucast.cli.output import OutputOptions, Table, TalkOptions, chosen, emit, tell_notes
from grucast.cli.shell import Group
from grucast.core.config import ColumnOptions, FormatOptions, ReadOptions, TimeOptions, option
from grucast.core.errors import UsageError

if TYPE_CHECKING:
    from grucast.workflows.evaluate import Evaluation
    from grucast.workflows.evaluate_forecasts import ForecastsResult

EXAMPLE = "grucast evaluate anomalies scores.csv --labels energy.csv --tune"
FORECASTS = "grucast evaluate forecasts forecasts.csv energy.csv --season 24 --by step"
PARTS = ("series", "step")
SHOWN = ("points", "mae", "rmse", "smape", "mase", "owa", "wql", "msis")  # beside coverage, with --by on a terminal


@dataclass(frozen=True, slots=True)
class EvaluateWords:
    """What `evaluate anomalies` asks for."""

    scores: str = option(None, "a file with a column score, such as detect-anomalies --scores writes", argument=True,
                         required=True, metavar="SCORES")
    labels: str | None = option(None, "a file with labels, joined by time and id, else row by row", metavar="FILE")
    label_col: str | None = option(None, "column of labels, 0 for normal; label if there")
    threshold: float | None = option(None, "fire above this score; as the column is_anomaly says")
    vus_window: str = option("auto", "rows of the widest buffer around events, or auto: the period of column y",
                             metavar="N|auto")
    tune: bool = option(False, "propose the threshold that the labels would have liked best")


@dataclass(frozen=True, slots=True)
class ForecastsWords:
    """What `evaluate forecasts` asks for."""

    forecasts: str = option(None, "a file with a column y_hat, such as forecast -o writes, or any other, long or wide",
                            argument=True, required=True, metavar="FORECASTS")
    actuals: tuple[str, ...] = option((), "data files that say what came true; the column y of FORECASTS",
                                      argument=True, metavar="ACTUALS")
    history: str | None = option(None, "the past, to scale errors by; the rows of ACTUALS before the forecasts",
                                 metavar="FILE")
    season: int = option(1, "rows of a season, for mase, rmsse, msis and owa", low=1, high=100_000)
    forecast_col: str | None = option(None, "column of the point forecast; y_hat if there")
    by: str | None = option(None, "a row for each series or step; all together", choices=PARTS, panel="Output")


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """How rows are told apart."""

    time_col: tuple[str, ...] = option((), "time column; repeat to join several, in order", panel="Columns")
    id_col: tuple[str, ...] = option((), "column that names the series; repeat to join", panel="Columns")
    tz: str | None = option(None, "zone of local stamps, such as Europe/Berlin", panel="Time")
    time_format: str | None = option(None, "strptime format of the stamps", panel="Time")
    no_time: bool = option(False, "ignore time columns and go row by row", panel="Time")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = type(app)(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True,
                        help="Measure a file that anybody made.", epilog=f"Example:\n  {FORECASTS}\n  {EXAMPLE}")
    group.callback()(_root)
    offer(group, "forecasts", example=FORECASTS)(forecasts)
    offer(group, "anomalies", example=EXAMPLE)(anomalies)
    app.add_typer(group, name="evaluate")


def forecasts(words: ForecastsWords, output: OutputOptions, read: ReadOptions, talk: TalkOptions) -> None:
    """Measure forecasts against what came true.

    Series are matched by name, values by time. All values that have both count, none is dropped. --time-col,
    --id-col, --tz and --na-value hold for all files, the other ways of reading for ACTUALS and --history.
    """
    from grucast.workflows.evaluate_forecasts import ForecastsRequest, document, evaluate_forecasts
    from grucast.workflows.locate import check_outputs

    check_outputs({"-o": output.output}, (words.forecasts, *words.actuals, words.history, read.rows.exclude))
    kind = chosen(output.choice, terminal=output.output is None and sys.stdout.isatty())
    if kind == "json" and words.by is not None:
        raise UsageError(f"--by {words.by} and JSON do not go together: it has all, series and steps; leave --by out")
    result = evaluate_forecasts(ForecastsRequest(words.forecasts, words.actuals, words.history, words.season,
                                                 words.forecast_col, read))
    tell_notes(result.notes, talk)
    emit(document(result), accuracy(result, words.by, people=kind == "table"), output.choice, output.output)


def accuracy(result: ForecastsResult, by: str | None, *, people: bool) -> Table:
    """The metrics: a row for each series or step, or one for all; for people all together is a row a metric."""
    from grucast.workflows.evaluate_forecasts import flat

    if by is None:
        row = {"series": len(result.by_series), **flat(result.total)}
        return Table(("metric", "value"), list(row.items())) if people else Table(tuple(row), [list(row.values())])
    parts = result.by_series if by == "series" else result.by_step
    columns = [name for name in flat(result.total) if not people or name in SHOWN or name.startswith("coverage-")]
    rows = []
    for name, one in parts:
        values = flat(one)
        rows.append([name, *(values[column] for column in columns)])
    return Table(("unique_id" if by == "series" else "step", *columns), rows)


def anomalies(words: EvaluateWords, output: OutputOptions, join: JoinOptions, form: FormatOptions,
              talk: TalkOptions) -> None:
    """Measure anomaly scores against labels.

    VUS and the areas need scores only; range, affiliation and event measures need what fired. Nothing is
    point-adjusted. Of several series: each of them, and the mean.
    """
    from grucast.workflows.evaluate import EvaluateRequest, document, evaluate_anomalies
    from grucast.workflows.locate import check_outputs

    check_outputs({"-o": output.output}, (words.scores, words.labels))
    kind = chosen(output.choice, terminal=output.output is None and sys.stdout.isatty())
    read = ReadOptions(columns=ColumnOptions(time_col=join.time_col, id_col=join.id_col, label_col=words.label_col),
                       time=TimeOptions(tz=join.tz, time_format=join.time_format, no_time=join.no_time), format=form)
    result = evaluate_anomalies(EvaluateRequest(words.scores, words.labels, read, words.threshold,
                                                _window(words.vus_window), words.tune))
    tell_notes(result.notes, talk)
    table = page(result) if kind == "table" else Table(("unique_id", "metric", "value"), list(lines(result)))
    emit(document(result), table, output.choice, output.output)


def page(result: Evaluation) -> Table:
    """The measures for people: a row a metric, a column a series, the mean of several last."""
    from grucast.workflows.evaluate import proposal

    several = len(result.series) > 1
    rows: dict[str, list[Any]] = {}
    for name, metric, value in lines(result):
        if name is not None:
            rows.setdefault(metric, [metric]).append(value)
    for metric, value in result.mean().items() if several else ():
        rows[metric].append(value)
    for metric, value in (proposal(result.tuned) or {}).items():
        rows[f"tune: {metric}"] = [f"tune: {metric}", *[None] * (len(result.series) if several else 0), value]
    width = 1 + len(result.series) + several
    names = [one.unique_id or "value" for one in result.series]
    return Table(("metric", *names, *(("all",) if several else ())),
                 [[*row, *[None] * (width - len(row))] for row in rows.values()])


def lines(result: Evaluation) -> Iterator[tuple[str | None, str, Any]]:
    """Every measure as id, name, value; what belongs to no single series has no id."""
    from grucast.workflows.evaluate import proposal

    for one in result.series:
        for metric, value in (*one.metrics.items(), ("vus_window", one.window), *one.counts.items()):
            yield one.unique_id, metric, value
    for metric, number in (proposal(result.tuned) or {}).items():
        yield None, f"tune_{metric}", number


def _window(text: str) -> int | None:
    """The rows of --vus-window, None for auto."""
    if text == "auto":
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise UsageError(f"--vus-window: {text!r} is neither auto nor a number of rows")
    return int(text)


def _root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(2)
