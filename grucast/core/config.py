"""Every setting of grucast, once: its name, default, bounds and help.

The command line is generated from these fields (`cli/options.py`): `time_col` becomes `--time-col`, a
tuple becomes a repeatable option (or, with `comma=True`, one that takes a comma list), None means
"decide from the data". Two kinds of values live here: *options*, what a user asked for, and
*specifications* (`WindowSpec`, `ModelConfig`, `TrainingConfig`), what was decided and is kept in
the model file. To add a setting, add one field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUANTILE_LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
TRANSFORMS = ("none", "log", "asinh")
LOSSES = ("quantile", "mse", "mae", "huber")
OPTIMIZERS = ("adamw", "adam", "rmsprop")
HYBRIDS = ("es", "conv")
OBJECTIVES = ("both", "forecast", "reconstruct")
PRESETS = ("fast", "balanced", "best")
DETECT_MODES = ("online", "offline")
DETECT_SCORERS = ("auto", "forecast", "reconstruction", "combined")
CHANNEL_GATHERINGS = ("largest", "mean")


def option(default: Any, help: str, **more: Any) -> Any:
    """A dataclass field that the command line can show.

    `more` may hold: choices (tuple, or "registry:NAME" such as "registry:cell"), low, high (bounds,
    inclusive), metavar, comma (a tuple given as one comma-separated word).
    """
    return field(default=default, metadata={"help": help, **more})


# ---- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """Which column plays which part."""

    time_col: tuple[str, ...] = option((), "time column; repeat to join several, in order")
    id_col: tuple[str, ...] = option((), "column that names the series of a long file; repeat to join")
    target_col: tuple[str, ...] = option((), "column to forecast; repeatable")
    known_col: tuple[str, ...] = option((), "covariate known ahead; repeatable")
    past_col: tuple[str, ...] = option((), "covariate known only so far; repeatable")
    static_col: tuple[str, ...] = option((), "covariate constant for a series; repeatable")
    label_col: str | None = option(None, "column of anomaly labels; never used to train")


@dataclass(frozen=True, slots=True)
class TimeOptions:
    """What the time column means."""

    freq: str | None = option(None, "frequency, a pandas alias such as h, 15min, B, MS")
    tz: str | None = option(None, "zone of local stamps, such as Europe/Berlin")
    time_format: str | None = option(None, "strptime format of the stamps")
    no_time: bool = option(False, "ignore time columns and number the rows")


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How bytes become cells."""

    delimiter: str | None = option(None, "field delimiter: a character, tab or whitespace")
    decimal: str | None = option(None, "decimal sign", choices=(".", ","))
    thousands: str | None = option(None, "thousands separator")
    encoding: str | None = option(None, "text encoding")
    na_value: tuple[str, ...] = option((), "cell that means missing; repeatable")
    skip_rows: int | None = option(None, "lines to skip before the header", low=0)
    comment: str | None = option(None, "lines that begin with this are comments")
    no_header: bool = option(False, "the file has no header line")


@dataclass(frozen=True, slots=True)
class RowOptions:
    """Which rows count and how."""

    duplicates: str = option("error", "one stamp twice", choices=("error", "first", "last", "mean"))
    gaps: str = option("mask", "missing rows and cells", choices=("mask", "error"))
    resample: str | None = option(None, "new frequency for irregular stamps, such as 1h")
    agg: str = option("mean", "how rows are gathered by --resample", choices=("mean", "sum", "last", "max"))
    exclude: str | None = option(None, "file of from,to periods left out", metavar="FILE")
    exclude_labelled: bool = option(False, "leave labelled rows out of training")
    train_rows: int | None = option(None, "use only the first N rows of each series", low=1)
    last_line: str = option("auto", "an unterminated last line", choices=("auto", "drop", "keep"))


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """All that says how a file is read."""

    columns: ColumnOptions = field(default_factory=ColumnOptions)
    time: TimeOptions = field(default_factory=TimeOptions)
    format: FormatOptions = field(default_factory=FormatOptions)
    rows: RowOptions = field(default_factory=RowOptions)


# ---- training ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """What one example is."""

    horizon: int | None = option(None, "values to forecast; found from the frequency", low=1, high=100_000)
    context_length: int | None = option(None, "rows the network looks back on; found", low=1, high=100_000)
    season: tuple[int, ...] = option((), "season lengths in rows, such as 24,168; found", comma=True)
    holidays: tuple[str, ...] = option((), "mark holidays: a country or region such as DE, DE-BY, or SERIES=CODE; "
                                       "repeatable", metavar="CODE")


@dataclass(frozen=True, slots=True)
class StructureOptions:
    """What stands in and around the recurrent cell; distances are in rows, the segment network rounds to segments."""

    bidirectional: bool = option(False, "read the context backwards too")
    attention: bool = option(False, "what is ahead asks all states of the context")
    activation: str | None = option(None, "of the cell's candidate; tanh, none in mingru",
                                    choices="registry:activation")
    delay: int | None = option(None, "rows back that a tau-gru also feeds on; found", low=1, high=100_000)
    skip: int | None = option(None, "a second cell whose state is that so many rows back", low=1, high=100_000)
    dilations: tuple[int, ...] = option((), "layers whose state is that so many rows back, such as 24,168",
                                        comma=True, low=1, high=100_000)
    hybrid: str | None = option(None, "exponential smoothing around the network, or a convolution before it",
                                choices=HYBRIDS)


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What is trained."""

    network: str = option("segment", "kind of network", choices="registry:network")
    cell: str | None = option(None, "recurrent cell; gru, or tau-gru with --delay", choices="registry:cell")
    layers: int = option(1, "stacked recurrent layers", low=1, high=8)
    hidden: int | None = option(None, "width of the recurrent state", low=1, high=4096)
    dropout: float | None = option(None, "share of units dropped in training", low=0.0, high=0.95)
    objective: str = option("both", "forecast, rebuild the window for detection, or both", choices=OBJECTIVES)
    structure: StructureOptions = field(default_factory=StructureOptions)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How it is trained."""

    loss: str = option("quantile", "training loss", choices=LOSSES)
    optimizer: str = option("adamw", "optimizer", choices=OPTIMIZERS)
    learning_rate: float | None = option(None, "peak learning rate", low=1e-8, high=10.0)
    clip: float = option(1.0, "largest norm of the gradient", low=1e-6, high=1e6)
    epochs: int | None = option(None, "most epochs", low=1, high=100_000)
    batch_size: int | None = option(None, "windows in a batch", low=1, high=1_000_000)
    patience: int | None = option(None, "epochs without improvement before it stops", low=1, high=100_000)
    preset: str = option("balanced", "how much work to spend", choices=PRESETS)
    seed: int = option(0, "seed of everything random", low=0, high=2**32 - 1)
    device: str = option("auto", "where to compute", choices=("auto", "cpu", "cuda"))
    threads: int | None = option(None, "threads; 1, or all cores (at most 4) from --hidden 256 on", low=1, high=1024)
    max_seconds: float | None = option(None, "end with the best so far after this time", low=0.0)


@dataclass(frozen=True, slots=True)
class ValueOptions:
    """How values are taken in and given out."""

    transform: str | None = option(None, "taken before scaling, undone after; none, found where several series share a "
                                   "network",
                                   choices=TRANSFORMS)
    min: float | None = option(None, "forecasts are never below this")
    max: float | None = option(None, "forecasts are never above this")
    levels: tuple[int, ...] = option((80, 95), "interval levels in per cent", comma=True, low=1, high=99)


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """All that says what is trained and how."""

    window: WindowOptions = field(default_factory=WindowOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    values: ValueOptions = field(default_factory=ValueOptions)


# ---- detection -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DetectOptions:
    """How rows are scored."""

    mode: str = option("online", "online uses no later row, offline looks both ways", choices=DETECT_MODES)
    scorer: str = option("auto", "errors that make the score; auto: all that the model has", choices=DETECT_SCORERS)
    channels: str | None = option(None, "how columns make one score; largest", choices=CHANNEL_GATHERINGS)


@dataclass(frozen=True, slots=True)
class AlarmOptions:
    """When a score is an alarm, and which alarms are one event."""

    rule: str | None = option(None, "what sets the threshold; pot-stream", choices="registry:rule")
    false_alarms: str | None = option(None, "false alarms to bear in the whole file: '1 per 30d', '3 per 5000 rows'; "
                                      "1 per 5000 rows", metavar="BUDGET")
    threshold: float | None = option(None, "alarm above this score, whatever the budget", low=0.0)
    min_gap: int | None = option(None, "alarms with so many rows between them are one event; found", low=0)
    min_rows: int = option(1, "events that span fewer rows are dropped", low=1)


# ---- from run to run -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StateOptions:
    """What a job remembers from run to run, and where."""

    state: Path | None = option(None, "go on from what the last run kept in this file; made when missing")
    job: str | None = option(None, "name of this job, where several share a state", metavar="NAME")
    wait: bool = option(False, "wait for another run that holds the state")


@dataclass(frozen=True, slots=True)
class ArrivalOptions:
    """What is made of rows that come late or again."""

    lateness: str | None = option(None, "score rows that come so late (s, min, h, d, w); one context", metavar="D")
    verify: bool = option(False, "read the whole file, not only what was appended")


@dataclass(frozen=True, slots=True)
class MonitorOptions:
    """What monitors are told."""

    max_age: str | None = option(None, "refuse a model, or data, whose last row is older than this (s, min, h, d, w)",
                                 metavar="D")
    metrics_file: Path | None = option(None, "write figures of this run for Prometheus, whole or not at all")


# ---- what was decided ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """One example: L rows of context, H rows to forecast, cut into segments of `segment` rows."""

    context_length: int
    horizon: int
    segment: int
    seasons: tuple[int, ...] = ()
    fill: tuple[int, ...] = ()  # seasons that holes of the context are filled by, 1 first; (): they stay empty


@dataclass(frozen=True, slots=True)
class Structure:
    """What stands in and around the cell; distances in its steps: segments, or rows of the recurrent network."""

    bidirectional: bool = False
    attention: bool = False
    activation: str | None = None  # None: the cell's own
    delay: int = 0  # of a tau-gru: how much earlier the state is that it also feeds on
    skip: int = 0  # steps back of the state of a second cell; 0: there is none
    dilations: tuple[int, ...] = ()  # steps back of the state of each layer; (): one for all
    hybrid: str | None = None
    period: int = 0  # rows of the season that is smoothed; 0: the level alone


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network, completely: what `networks` and `inference` build from."""

    network: str = "segment"
    cell: str = "gru"
    layers: int = 1
    hidden: int = 128
    dropout: float = 0.0
    channels: int = 1  # channels with a learned query of their own; 1 where series are exchangeable
    known: int = 0  # covariates known ahead, calendar features included
    calendar: tuple[str, ...] = ()  # names of the calendar features
    past: int = 0
    static: int = 0
    linear_rank: int = 0  # 0: no linear path, -1: full rank
    seasonal: tuple[int, ...] = ()  # periods of the learned season tables
    effects: tuple[int, ...] = ()  # columns of known covariates whose effect on a row is taken off and added back
    narrow: int = 0  # numbers from which the window is rebuilt; 0: it is not
    objective: str = "both"  # what the weights were trained for
    quantile_levels: tuple[float, ...] = QUANTILE_LEVELS
    structure: Structure = field(default_factory=Structure)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """The training, completely."""

    loss: str = "quantile"
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    clip: float = 1.0
    epochs: int = 30
    batch_size: int = 256
    patience: int = 5
    members: int = 1  # networks trained and averaged
    seed: int = 0
    weight_decay: float = 0.01
