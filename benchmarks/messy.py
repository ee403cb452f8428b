"""Read the messy originals and compare with what was written down before: `messy_expected.csv`.

    python benchmarks/messy.py --data DIR

DIR holds the files as their publishers wrote them (plain or gzipped), named as in the table. A row says
what is right: the rows that are left, the series and targets, the first and last stamp; or that the file
must be refused, and which words the one-line error has to contain.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError
from grucast.data.reading import read_panel
from grucast.data.writing import format_stamps

EXPECTED = Path(__file__).with_name("messy_expected.csv")


def parse_options(words: Iterable[str]) -> ReadOptions:
    """`--tz Europe/Berlin --id-col A --id-col B` as ReadOptions."""
    options = ReadOptions()
    words = list(words)
    for flag, value in zip(words[::2], words[1::2], strict=True):
        name = flag.removeprefix("--").replace("-", "_")
        for group in fields(options):
            part = getattr(options, group.name)
            if hasattr(part, name):
                old = getattr(part, name)
                new = (*old, value) if isinstance(old, tuple) else value
                options = replace(options, **{group.name: replace(part, **{name: new})})
    return options


def look(path: Path, expected: dict[str, str]) -> list[str]:
    """What differs from the expectation, nothing when all is as it should be."""
    options = parse_options(shlex.split(expected["options"]))
    try:
        reading = read_panel([str(path)], options)
    except DataError as error:
        if expected["outcome"] != "refused":
            return [f"refused: {error}"]
        return [f"says {error}, not {word!r}" for word in expected["says"].split("|") if word not in str(error)]
    panel = reading.panel
    first = min(one.ds[0] for one in panel.series)
    last = max(one.ds[-1] for one in panel.series)
    found = {
        "outcome": "read", "rows": str(panel.rows), "series": str(len(panel.series)),
        "targets": str(len(panel.channels)), "first": format_stamps([first], panel.tz)[0],
        "last": format_stamps([last], panel.tz)[0], "kind": panel.layout.clock.kind,
    }
    wrong = [f"{name} {value}, not {expected[name]}" for name, value in found.items() if value != expected[name]]
    said = "\n".join(reading.notes)
    unsaid = [word for word in expected["says"].split("|") if word not in said]
    return wrong + [f"no note says {word!r}: {reading.notes}" for word in unsaid]


def main() -> int:
    """Print a line for each file; 1 when any is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the messy originals")
    folder = parser.parse_args().data
    bad = 0
    with EXPECTED.open(encoding="utf-8", newline="") as handle:
        for expected in csv.DictReader(handle):
            path = folder / expected["file"]
            path = path if path.exists() else path.with_name(path.name + ".gz")
            if not path.exists():
                print(f"missing  {expected['file']}: put the original into {folder}")
                bad += 1
                continue
            start = time.perf_counter()
            wrong = look(path, expected)
            bad += bool(wrong)
            print(f"{'WRONG' if wrong else 'ok':7}  {time.perf_counter() - start:5.2f} s  {expected['outcome']:7}  "
                  f"{expected['file']} {expected['options']}")
            for line in wrong:
                print(f"         {line}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
