"""Does a model refuse data of another unit or frequency, and nothing else? Every file of a folder; nothing is trained.

    python benchmarks/drift_guard.py --data DIR [--only forecast,newcomer] [--json FILE]

The first 60 % of the rows of each file are what a model would have learned: its location, scale, context and clock are
fixed as `train` fixes them. The rest comes as files of its own, in twelve parts one after the other: as they are (a
refusal is false), in another unit (x 1000 and x 1e6, and the inverse), and in another frequency (each second and each
third row, steps of half the length). The whole file, which begins with the rows trained on, must never be refused.
Nor must what never moved in training, whatever its unit is now: each other value is then an anomaly to be scored, so
files where nothing else is left stand in lines of their own ("constant").
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from common import Report, Table, arguments, find, percent

from grucast.core.config import ReadOptions, TrainOptions
from grucast.core.errors import GrucastError, ModelError
from grucast.core.results import Artifact, DataFacts, Manifest
from grucast.core.series import STAMP, Panel, Series
from grucast.data.reading import read_panel
from grucast.preprocessing.frequency import find_step
from grucast.preprocessing.gaps import regularise
from grucast.preprocessing.grid import is_numeric
from grucast.workflows.drift import check_frequency, check_level
from grucast.workflows.learning.learn import prepare
from grucast.workflows.learning.model_file import HEAD_ROWS, levels

SOURCE = "the publishers listed in benchmarks/README.md"
TRAINED = 0.6
PARTS = 12
FEWEST = 30  # rows of a part: fewer are no file that a job would be given
UNITS = {"x 1000": 1e3, "x 1e6": 1e6, "/ 1000": 1e-3, "/ 1e6": 1e-6}
STEPS = {"each second row": 2.0, "each third row": 3.0, "half steps": 0.5}


@dataclass(frozen=True)
class Asked:
    """One file that was offered, and whether it was refused."""

    file: str
    kind: str  # clean, whole, unit, constant or frequency
    change: str
    refused: bool
    said: str


def guarded(panel: Panel) -> tuple[Artifact, Panel]:
    """What the guard of a model of this panel knows, and the panel as it was learned from."""
    panel, _ = regularise(panel)
    prepared = prepare(panel, TrainOptions())
    first = np.nan_to_num(panel.series[0].y[:HEAD_ROWS])
    tensors = {"series.ids": np.frombuffer("\0".join(prepared.scales.ids).encode(), dtype=np.uint8),
               "scale.series": prepared.scales.scale, "drift.level": levels(panel), "drift.head": first}
    facts = DataFacts("", "", panel.rows, len(panel.series), "", "")
    manifest = Manifest({}, panel.layout, facts, prepared.window, prepared.model, prepared.training, {}, 0, {})
    return Artifact(manifest, tensors), panel


def files(folder: Path, only: Sequence[str]) -> list[Path]:
    """Every CSV below `folder`, those of test parts and indexes left out."""
    found = [path for path in sorted(folder.rglob("*.csv*")) if path.name != "INDEX.csv" and "_test." not in path.name]
    return [path for path in found if path.parent.name != "messy" and (not only or {*path.parts} & {*only})]


def offer(path: Path, root: Path) -> Iterator[Asked]:
    """Each change of each part of the rest of a file, and whether it is refused."""
    name = str(path.relative_to(root))
    whole = read_panel([str(path)], ReadOptions()).panel
    artifact, learned = guarded(_cut(whole, 0.0, TRAINED))
    after = replace(whole, layout=learned.layout)
    yield _ask(name, "whole", "", after, artifact)
    for part in range(PARTS):
        size = (1.0 - TRAINED) / PARTS
        rest = _cut(after, TRAINED + part * size, TRAINED + (part + 1) * size)
        if not rest.series:
            continue
        yield _ask(name, "clean", f"part {part + 1}", rest, artifact)
        if part:  # one part shows what becomes of changes
            continue
        kind = "unit" if _moves(rest, artifact.tensors["scale.series"].any(axis=0)) else "constant"
        for change, factor in UNITS.items() if _moves(rest) else ():  # of zeros alone no unit can be told
            yield _ask(name, kind, change, _each(rest, lambda one, by=factor: replace(one, y=one.y * by)), artifact)
        clock = learned.layout.clock
        if clock.freq or (is_numeric(clock) and clock.kind != "row" and find_step(rest.series)):
            for change, factor in STEPS.items():
                yield _ask(name, "frequency", change, _each(rest, lambda one, by=factor: _spread(one, by)), artifact)


def _cut(panel: Panel, begin: float, end: float) -> Panel:
    """Those rows of each series, as shares of its length; short ones are left out."""
    cut = [one.rows(int(begin * len(one)), int(end * len(one))) for one in panel.series]
    return Panel(tuple(one for one in cut if len(one) >= FEWEST and one.observed.any()), panel.layout)


def _moves(panel: Panel, moved: np.ndarray | None = None) -> bool:
    """Whether anything but zeros is in a panel, or in those of its columns that `moved` (C,)."""
    columns = slice(None) if moved is None else moved
    return any(bool(np.any((one.y != 0.0) & one.observed, axis=0)[columns].any()) for one in panel.series)


def _each(panel: Panel, change: Callable[[Series], Series]) -> Panel:
    return Panel(tuple(change(one) for one in panel.series), panel.layout)


def _spread(one: Series, factor: float) -> Series:
    """The series with steps `factor` times as long: rows left out, or stamps moved together."""
    if factor >= 1.0:
        rows = np.arange(0, len(one), int(factor))
        parts = {name: getattr(one, name)[rows] for name in ("ds", "y", "observed", "known", "past", "line")}
        return replace(one, **parts, label=None, repeats=None)
    if one.ds.dtype == STAMP:
        since = (one.ds - one.ds[0]).astype(np.int64)
        return replace(one, ds=one.ds[0] + (since * factor).astype("timedelta64[us]"))
    return replace(one, ds=one.ds[0] + (one.ds - one.ds[0]) * factor)


def _ask(name: str, kind: str, change: str, panel: Panel, artifact: Artifact) -> Asked:
    """What a command does before it forecasts; a file that is refused as bad data is refused too."""
    try:
        check_frequency(panel, name)
        gridded, _ = regularise(panel, file=name)
        check_level(gridded, artifact, name)
    except ModelError as error:
        return Asked(name, kind, change, True, str(error))
    except GrucastError as error:
        return Asked(name, kind, change, kind == "frequency", f"not read: {error}")
    return Asked(name, kind, change, False, "")


def table(asked: Sequence[Asked]) -> Table:
    """Refusals by kind and change; where there is none, no more than 3 in n are to be expected (95 %)."""
    rows = []
    for kind in ("whole", "clean", "unit", "constant", "frequency"):
        for change in dict.fromkeys("" if kind == "clean" else one.change for one in asked if one.kind == kind):
            own = [one for one in asked if one.kind == kind and change in ("", one.change)]
            refused = sum(one.refused for one in own)
            bound = f"below {3 / len(own):.2%}" if not refused else ""
            wanted = "0" if kind in ("whole", "clean", "constant") else "all"
            rows.append((kind, change or "as it is", str(len(own)), str(refused), percent(refused / len(own)), wanted,
                         bound))
    head = ("file offered", "change", "files", "refused", "share", "wanted", "95 % bound")
    return Table("Files refused", head, tuple(rows))


def main(options: argparse.Namespace) -> None:
    """Offer every file and show what was refused."""
    root = find(options.data, ("forecast", "."), SOURCE).parent if options.data else find(None, ("forecast",), SOURCE)
    report, asked, unread = Report("drift_guard", options), list[Asked](), list[str]()
    for path in files(root, [name for name in options.only.split(",") if name]):
        try:
            asked += offer(path, root)
        except GrucastError as error:
            unread.append(f"{path.relative_to(root)}: {error}")
    report.show(table(asked))
    wrong = [one for one in asked if one.refused != (one.kind in ("unit", "frequency"))]
    if wrong:
        report.show(Table("Not as wanted", ("file", "kind", "change", "said"),
                          tuple((one.file, one.kind, one.change, one.said) for one in wrong)))
    for line in unread:
        print(f"not trained on: {line}")
    report.close(files=len({one.file for one in asked}), unread=unread,
                 asked=[[one.file, one.kind, one.change, one.refused] for one in asked])


if __name__ == "__main__":
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="forecast", help="folders or names, joined by commas; forecast")
    main(parser.parse_args())
