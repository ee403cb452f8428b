"""The faulty files, their numbers in the table of faults, and what is said of each (`golden/`)."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "data" / "fixtures"
GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> list[str]:
    return [line for line in (GOLDEN / name).read_text().splitlines() if not line.startswith("#")]


def refused() -> list[tuple[str, str, str]]:
    """(number, file, line) of what is refused."""
    pairs = [line.split(" ", 1) for line in golden("refused.txt")]
    return [(number, line.partition(":")[0], line) for number, line in pairs]


def read() -> list[tuple[str, str, list[str]]]:
    """(number, file, what is said) of what is read."""
    found: list[tuple[str, str, list[str]]] = []
    for line in golden("read.txt"):
        if line.startswith("  "):
            found[-1][2].append(line.strip())
        else:
            found.append((*line.split(), []))
    return found


def copied(name: str, folder: Path) -> str:
    """A fixture in `folder`, as if it had been written just now."""
    shutil.copyfile(FIXTURES / name, folder / name)
    os.utime(folder / name, (time.time(), time.time()))
    return name
