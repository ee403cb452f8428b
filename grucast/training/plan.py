"""From options and what the data are to the complete settings of a network: the defaults live here.

The rules look at lengths, seasons and counts only, never at names. Each was chosen on validation parts over
many sets; `benchmarks/LOG.md` has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grucast.core.config import FitOptions, ModelConfig, NetworkOptions, TrainingConfig, WindowSpec
from grucast.preprocessing.holidays import HOLIDAY
from grucast.training.structure import plan_cell, plan_structure

LONGEST_CONTEXT = 720
LONGEST_SEASON = 336  # a longer one does not decide the context and gets no table
NARROW = 16  # numbers that the window is rebuilt from
WHOLE_PATH = 50_000  # weights of the linear path; above it the path has low rank
SEGMENT_LEAST, SEGMENT_MOST = 6, 24
PRESETS = {"fast": (64, 1), "balanced": (128, 1), "best": (128, 5)}  # hidden, networks averaged


@dataclass(frozen=True, slots=True)
class Facts:
    """What the settings depend on."""

    horizon: int
    seasons: tuple[int, ...]
    rows: int  # fit rows of the longest series
    streams: int
    windows: int  # fit windows of all streams
    channels: int  # 1 where series are exchangeable
    covariates: tuple[int, int, int]  # known, past, static
    calendar: tuple[str, ...]  # features worth having
    clocked: bool  # the phase of a season can be told from a stamp


def context_length(horizon: int, seasons: tuple[int, ...], rows: int) -> int:
    """Two of the longest season or four horizons, what is more; at most `LONGEST_CONTEXT` and half of the rows."""
    longest = max((season for season in seasons if season <= LONGEST_SEASON), default=1)
    wanted = min(max(2 * longest, 4 * horizon, 16), LONGEST_CONTEXT)
    return max(2, min(wanted, (rows - horizon) // 2))


def segment_length(context: int, horizon: int, seasons: tuple[int, ...]) -> int:
    """The shortest season, or the longest whole part of it up to `SEGMENT_MOST`; without one, an eighth of the context.

    A season has no such part when it is a prime, say; then the eighth too.
    """
    eighth = max(1, min(SEGMENT_MOST, round(context / 8), horizon))
    parts = [part for part in range(1, SEGMENT_MOST + 1) if seasons and min(seasons) % part == 0]
    whole = max(parts, default=0)
    fits = seasons and (whole >= SEGMENT_LEAST or whole == min(seasons))
    return min(whole if fits else eighth, context)


def plan_window(horizon: int, context: int | None, facts: Facts) -> WindowSpec:
    """The window: `context` as asked, or found."""
    length = context or context_length(horizon, facts.seasons, facts.rows)
    tables = tuple(season for season in facts.seasons if season <= LONGEST_SEASON and facts.rows >= 4 * season)
    tables = tables[:1] if facts.clocked and facts.channels == facts.streams else ()
    fill = (1, *(season for season in sorted(facts.seasons) if 1 < season <= length // 2))
    return WindowSpec(length, horizon, segment_length(length, horizon, facts.seasons), tables, fill)


def linear_rank(context: int, horizon: int) -> int:
    """-1 for a whole matrix, a rank where that would have more than `WHOLE_PATH` weights."""
    return -1 if context * horizon <= WHOLE_PATH else max(1, WHOLE_PATH // (context + horizon))


def plan_model(options: NetworkOptions, preset: str, window: WindowSpec, facts: Facts) -> ModelConfig:
    """The network; UsageError for options that do not go together, see `training/structure.py`."""
    known, past, static = facts.covariates
    structure, smooth = plan_structure(options, window, facts.seasons), options.structure.hybrid == "es"
    linear = options.network == "segment" and not smooth  # level and season of the smoothing take its place
    return ModelConfig(
        network=options.network,
        cell=plan_cell(options),
        layers=len(structure.dilations) or options.layers,
        hidden=options.hidden or PRESETS[preset][0],
        dropout=0.3 if options.dropout is None else options.dropout,
        channels=facts.channels,
        known=known + len(facts.calendar),
        calendar=facts.calendar,
        past=past,
        static=static,
        linear_rank=linear_rank(window.context_length, window.horizon) if linear else 0,
        seasonal=() if smooth else window.seasons,
        effects=effects_of(known, facts.calendar),
        narrow=0 if options.objective == "forecast" else NARROW,
        objective=options.objective,
        structure=structure,
    )


def effects_of(known: int, calendar: Sequence[str]) -> tuple[int, ...]:
    """Columns of the known covariates whose effect is taken off: those of the file, and holidays.

    The cycles of the calendar are not among them: the season tables and the linear path have these.
    """
    return (*range(known), *(known + place for place, name in enumerate(calendar) if name == HOLIDAY))


def plan_training(options: FitOptions) -> TrainingConfig:
    """The training."""
    return TrainingConfig(
        loss=options.loss,
        optimizer=options.optimizer,
        learning_rate=options.learning_rate or 4e-3,
        clip=options.clip,
        epochs=options.epochs or 14,
        batch_size=options.batch_size or 128,
        patience=options.patience or 5,
        members=PRESETS[options.preset][1],
        seed=options.seed,
    )
