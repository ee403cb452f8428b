"""Do intervals hold while a job runs? Coverage in the ledger under a planted change of variance, adapted or not.

    python benchmarks/live_coverage.py --seeds 10 [--json FILE]

A day and autocorrelated noise by the hour; a small model is trained once on 3,000 rows. Then, for each seed, a job
runs on rows that go on for a while as they were, until the noise is planted larger. Each run is one of `forecast
--state`: truths are settled, widths move, the forecast is entered, in a state file of its own. Coverage is counted by
cutoff, over all steps of a forecast. Beside it stands what the same model gives without adaptation. What adapting costs
while nothing changes is the interval score (Gneiting and Raftery 2007) before the change, over that of the intervals
left alone. States lie in memory where there is such a folder: nothing is measured of the disk.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from common import Report, Table, arguments, grucast, percent, threads_each

from grucast.artifacts import ledger
from grucast.artifacts.state import read_state
from grucast.artifacts.store import load
from grucast.core.arrays import Array
from grucast.core.config import ReadOptions, StateOptions
from grucast.core.results import Artifact, Forecast, Visit
from grucast.core.series import Panel, Series
from grucast.forecasting.predict import Forecaster, quantiles_at
from grucast.preprocessing.grid import stamps_after
from grucast.preprocessing.sources import Scales, Setting, make_source
from grucast.preprocessing.windows import flatten
from grucast.workflows.predicting.ledger import keep
from grucast.workflows.serving import first_row, read_gridded, unpacked

ROWS, HORIZON, CONTEXT = 3_000, 12, 72
BEFORE, AFTER = 300, 800  # runs before and after the change
SPANS = (("before", -BEFORE, 0), ("first 100", 0, 100), ("100 to 500", 100, 500), ("500 to 800", 500, AFTER))
CHANGES = (("variance x 2", 2.0**0.5), ("deviation x 2", 2.0), ("deviation / 2", 0.5))
LEVELS = (("80", 2, 10, 0.2), ("95", 0, 12, 0.05))  # places among the quantiles, and what may lie outside


@dataclass(frozen=True)
class Trained:
    """The model, and the panel it was trained on."""

    artifact: Artifact
    model: tuple[Forecaster, Scales]
    panel: Panel


def wave(rows: int, seed: int, factor: float = 1.0, change: int = 0) -> Array:
    """A day and noise with autocorrelation .6, `factor` times as large from row `change` on."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=rows) * np.where(np.arange(rows) < change, 1.0, factor)
    noise = np.zeros(rows)
    for row in range(rows):
        noise[row] = 0.6 * noise[row - 1] + shocks[row]
    return 100.0 + 10.0 * np.sin(2.0 * np.pi * np.arange(rows) / 24.0) + noise


def train(folder: Path, seed: int) -> Trained:
    """A small model of the wave, by the command."""
    stamps = np.datetime64("2024-01-01T00:00:00") + np.arange(ROWS) * np.timedelta64(1, "h")
    lines = [f"{stamp},{y!r}" for stamp, y in zip(stamps, wave(ROWS, seed + 10_000).tolist(), strict=True)]
    (folder / "wave.csv").write_text("\n".join(["ds,y", *lines]) + "\n")
    grucast(["train", "wave.csv", "-q", "--horizon", str(HORIZON), "--context-length", str(CONTEXT), "--season", "24",
             "--hidden", "16", "--epochs", "5", "--threads", "1"], folder)
    artifact = load(folder / "wave.grucast")
    panel = read_gridded(str(folder / "wave.csv"), ReadOptions(), artifact.manifest.layout)[1]
    return Trained(artifact, unpacked(artifact, folder / "wave.grucast"), panel)


def live(trained: Trained, seed: int, factor: float, every: int, state: Path) -> tuple[Array, Array]:
    """Coverage (spans, 2 levels) with and without adaptation; the last row of each is the interval score before."""
    rows = CONTEXT + BEFORE + AFTER + HORIZON
    y = wave(rows, seed, factor, CONTEXT + BEFORE)
    one = _series(trained.panel, y)
    forecaster, scales = trained.model
    clock = trained.panel.layout.clock
    setting = Setting(clock, first_row(trained.artifact.manifest), HORIZON, forecaster.model.calendar)
    streams = flatten([make_source(one, scales, setting)])
    cutoffs = np.arange(CONTEXT, rows - HORIZON, every)
    plain = quantiles_at(forecaster, streams, (np.zeros(len(cutoffs), dtype=np.int64), cutoffs))  # (N, H, Q)
    given = np.empty_like(plain)
    for place, cutoff in enumerate(cutoffs):
        stop = one.ds[cutoff - 1]
        said = Forecast("y", stop, stamps_after(stop, HORIZON, clock), plain[place][:, None, :],
                        forecaster.model.quantile_levels)
        visit = Visit("", "forecast", float(place), float(cutoff), "number", 0.0)
        seen = Panel((one.rows(max(0, int(cutoff) - CONTEXT), int(cutoff)),), trained.panel.layout)
        (out,), _ = keep([said], seen, (trained.artifact, forecaster), StateOptions(state), visit)
        given[place] = out.quantiles[:, 0]
    _check(state, given, cutoffs, y)
    truth = np.stack([y[cutoff : cutoff + HORIZON] for cutoff in cutoffs])
    step = cutoffs - CONTEXT - BEFORE
    return _judged(given, truth, step), _judged(plain, truth, step)


def _series(panel: Panel, y: Array) -> Series:
    """The values as rows that follow the panel's."""
    old, none = panel.series[0], np.zeros((len(y), 0))
    ds = stamps_after(old.ds[-1], len(y), panel.layout.clock)
    return replace(old, ds=ds, y=y[:, None], observed=np.ones((len(y), 1), dtype=bool), known=none, past=none,
                   line=np.arange(len(y)), label=None, repeats=None)


def _check(state: Path, given: Array, cutoffs: Array, y: Array) -> None:
    """The ledger's tally of the oldest forecast is that of its truths: what is counted here is what it holds."""
    with read_state(state) as opened:
        *_, tally = ledger.tallies(opened, "")[0]
    first = y[cutoffs[0] : cutoffs[0] + HORIZON]
    held = tuple(int(((first >= given[0][:, low]) & (first <= given[0][:, high])).sum()) for _, low, high, _ in LEVELS)
    assert tally.inside == held, (tally, held)


def _judged(said: Array, truth: Array, step: Array) -> Array:
    """Coverage in each span and, last, the interval score before the change, (spans + 1, levels)."""
    out = np.full((len(SPANS) + 1, len(LEVELS)), np.nan)
    for column, (_, low, high, alpha) in enumerate(LEVELS):
        lower, upper = said[:, :, low], said[:, :, high]
        inside = (truth >= lower) & (truth <= upper)
        for row, (_, begin, end) in enumerate(SPANS):
            out[row, column] = inside[(step >= begin) & (step < end)].mean()
        away = np.maximum(lower - truth, 0.0) + np.maximum(truth - upper, 0.0)
        out[-1, column] = (upper - lower + 2.0 / alpha * away)[step < -HORIZON].mean()
    return out


def main(options: argparse.Namespace) -> None:
    """Run the job of every change and seed, at every row and once in a horizon."""
    threads_each(1)
    report = Report("live_coverage", options)
    ledger.KEPT = 10**9
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        trained = train(Path(scratch), options.seed)
        for every, how in ((1, "a run at every row"), (HORIZON, f"a run every {HORIZON} rows")):
            rows = []
            for name, factor in CHANGES:
                both = [live(trained, options.seed + seed, factor, every, Path(scratch) / f"{every}{factor}{seed}")
                        for seed in range(options.seeds)]
                mean = np.mean(both, axis=0)  # (2, spans + 1, levels)
                spread = np.std([one[0] for one in both], axis=0, ddof=1) / np.sqrt(options.seeds)
                for column, (level, *_) in enumerate(LEVELS):
                    for kind, how_ in enumerate(("adapted", "left alone")):
                        cells = [percent(mean[kind, row, column]) for row in range(len(SPANS))]
                        if not kind:
                            cells[-1] += f" ± {100 * spread[-2, column]:.1f}"
                        cost = mean[kind, -1, column] / mean[1, -1, column]
                        rows.append((f"{name}, {level} %", how_, *cells, f"{cost:.3f}"))
                        report.results[f"{how}/{name}/{level}/{how_}"] = [*mean[kind, :-1, column].tolist(), cost]
            head = ("change, interval", "", *(f"held {span}" for span, *_ in SPANS), "score before")
            report.show(Table(f"Coverage by runs after the change, {how}, {options.seeds} seeds", head, tuple(rows)))
        report.close()


if __name__ == "__main__":
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--seeds", type=int, default=10, help="series of each change; 10")
    main(parser.parse_args())
