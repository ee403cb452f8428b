"""A model that learns from 1,000 new rows by `grucast update`: its error on what comes next, and its cost.

Each model is trained on the first rows of a set, then 1,000 more come. The old model, and the one that is there after
`update` (the old one where that ends with 78), forecast the rows after those. In the sets named "changed" everything
comes three rows later and a third larger from the first new row on. Time is that of the processor; it is set against
that of the training on the fewer rows, which is less than a training on all of them costs.

    python benchmarks/update.py --data DIR [--only energy,aep] [--train "--epochs 1"] [--json FILE]
"""

from __future__ import annotations

import gzip
import json
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from common import ROOT, Failed, Report, Table, arguments, find, grucast_command, number, percent, run, threads_each

from grucast.artifacts.store import load
from grucast.core.config import ReadOptions
from grucast.evaluation.metrics import Accumulator, as_json
from grucast.forecasting.predict import quantiles_at
from grucast.preprocessing.windows import cutoffs_between, gather_targets
from grucast.workflows.learning.prepared import streams_of
from grucast.workflows.serving import first_row, read_gridded, unpacked

NEW, AFTER, STRIDE = 1_000, 2_000, 7  # rows that come; rows judged on; rows between windows judged
LATER, LARGER = 3, 4 / 3  # what is changed in sets that change
SETS = {"energy": ("sample_data/energy.csv", 15_000), "aep": ("forecast/energy/pjm_AEP_hourly.csv", 15_000),
        "etth1": ("forecast/energy/ETTh1.csv", 10_000)}


@dataclass(frozen=True)
class Outcome:
    """What came of one set: errors are in typical deviations of the columns, over the rows after the new ones."""

    set: str
    verdict: str  # of update: updated, or kept
    mae_before: float
    mae_after: float
    wql_before: float
    wql_after: float
    coverage_before: float
    coverage_after: float
    train_seconds: float
    update_seconds: float


def lines_of(name: str, folder: Path | None) -> list[str]:
    """The lines of a set, its header first."""
    where, _ = SETS[name]
    path = ROOT / where if where.startswith("sample") else find(folder, [where], "its publisher")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return content.decode().splitlines()


def changed(lines: list[str], start: int) -> list[str]:
    """Lines whose values from row `start` on are those of `LATER` rows before, and larger."""
    out, names = lines[: start + 1], lines[0].split(",")[1:]
    for place in range(start + 1, len(lines)):
        pairs = zip(names, lines[place - LATER].split(",")[1:], strict=True)
        larger = [repr(float(one) * LARGER) if one and name != "label" else one for name, one in pairs]
        out.append(",".join([lines[place].split(",")[0], *larger]))
    return out


def command(words: list[str], folder: Path) -> tuple[float, int, str]:
    """Seconds of the processor, the exit code and what was printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run([*grucast_command(), *words], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 78):
        raise Failed(f"{words[0]}: exit {done.returncode}: {done.stderr.splitlines()[-1]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.returncode, done.stdout


def judged(model: Path, data: Path, start: int) -> tuple[float, float, float]:
    """MAE in typical deviations, WQL, and coverage of the 80 % interval, of forecasts from row `start` on."""
    artifact = load(model)
    forecaster, scales = unpacked(artifact, model)
    manifest = artifact.manifest
    _, panel, _ = read_gridded(str(data), ReadOptions(), manifest.layout)
    streams = streams_of(panel, scales, manifest.model, manifest.window.horizon, first=first_row(manifest))
    channels, horizon = len(panel.channels), manifest.window.horizon
    at = cutoffs_between(np.full(channels, start), np.full(channels, start + AFTER - horizon), STRIDE)
    scale = streams.scale[at[0]][:, None]
    z, seen = gather_targets(streams, horizon, *at)
    y = np.where(seen, z, np.nan)[:, :, None]
    found = quantiles_at(forecaster, streams, at) / scale[:, :, None]
    tally = Accumulator(manifest.model.quantile_levels).add(y, found[:, :, None, :], scale=np.ones((len(y), 1)))
    metrics = as_json(tally.finish())
    return metrics["mae"], metrics["wql"], metrics["coverage"]["80"]  # type: ignore[return-value]


def trained(name: str, model: Path, options: object) -> float:
    """Seconds of the processor that the training of the model took, now or when it was kept."""
    kept = options.keep and options.keep / f"{name}.grucast"  # type: ignore[attr-defined]
    if kept and kept.exists():
        model.write_bytes(kept.read_bytes())
        return float(kept.with_suffix(".seconds").read_text())
    took, _, _ = command(["train", "data.csv", "-q", *options.train.split()], model.parent)  # type: ignore[attr-defined]
    if kept:
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(model.read_bytes())
        kept.with_suffix(".seconds").write_text(f"{took}\n")
    return took


def outcomes(name: str, options: object) -> Iterator[Outcome]:
    """A set as it is, and changed."""
    lines, (_, rows) = lines_of(name, options.data), SETS[name]  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data, model = folder / "data.csv", folder / "data.grucast"
        data.write_text("\n".join(lines[: rows + 1]) + "\n")
        took = trained(name, model, options)
        parent = model.read_bytes()
        for kind, some in ((name, lines), (f"{name}, changed", changed(lines, rows))):
            if kind == name or options.changed:  # type: ignore[attr-defined]
                whole = folder / "whole.csv"
                whole.write_text("\n".join(some[: rows + NEW + AFTER + 1]) + "\n")
                data.write_text("\n".join(some[: rows + NEW + 1]) + "\n")
                model.write_bytes(parent)
                before = judged(model, whole, rows + NEW)
                cost, code, _ = command(["update", "data.csv", "-q"], folder)
                after = judged(model, whole, rows + NEW)
                pairs = [value for pair in zip(before, after, strict=True) for value in pair]
                yield Outcome(kind, "kept" if code else "updated", *pairs, took, cost)


def table(found: list[Outcome]) -> Table:
    """A line a set."""
    columns = ("set", "verdict", "MAE before", "after", "change", "WQL before", "after", "80 % before", "after",
               "train CPU s", "update CPU s", "share")
    rows = tuple((one.set, one.verdict, number(one.mae_before), number(one.mae_after),
             percent(one.mae_after / one.mae_before - 1), number(one.wql_before), number(one.wql_after),
             percent(one.coverage_before), percent(one.coverage_after), f"{one.train_seconds:.1f}",
             f"{one.update_seconds:.1f}", percent(one.update_seconds / one.train_seconds)) for one in found)
    return Table("grucast update, 1,000 new rows", columns, rows)


def main() -> int:
    """Run the sets one after the other."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default=",".join(SETS), help="sets, such as energy,aep")
    parser.add_argument("--train", default="", help="more words for train")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep trained models here, and use those that are")
    parser.add_argument("--no-changed", dest="changed", action="store_false", help="the sets as they are only")
    options = parser.parse_args()
    threads_each(1)
    report = Report("update", options)
    found: list[Outcome] = []
    for name in options.only.split(","):
        for one in outcomes(name, options):
            found.append(one)
            print(json.dumps(asdict(one)), flush=True)
    report.show(table(found))
    report.close(sets=[asdict(replace(one)) for one in found])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
