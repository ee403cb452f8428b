"""The installed command in a process of its own, and small files for it to work on."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

INSTALLED = Path(sys.executable).parent / "grucast"
COMMAND = [str(INSTALLED)] if INSTALLED.exists() else [sys.executable, "-m", "grucast"]
TINY = ("--hidden", "4", "--epochs", "1", "--threads", "1")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; there must be just that, after notes, and nothing on standard output."""
        lines = self.err.splitlines()
        assert self.out == ""
        assert [line.startswith("grucast: error: ") for line in lines] == [False] * (len(lines) - 1) + [True]
        assert all(line.startswith("grucast: note: ") for line in lines[:-1])
        return lines[-1]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GRUCAST_")} | more


def run_installed(*words: str, folder: Path, env: Mapping[str, str] | None = None, **more) -> Ended:
    """Run `grucast` with these words in `folder`, in a process of its own."""
    ran = subprocess.run([*COMMAND, *words], cwd=folder, env=clean_environment(**(env or {})), capture_output=True,
                         stdin=subprocess.DEVNULL, timeout=300, check=False, **more)
    return Ended(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def hourly(rows: int, *, first: str = "2024-01-01T00:00:00", scale: float = 1.0) -> list[str]:
    """Lines of hourly loads with a day in them."""
    hours = np.arange(rows)
    stamps = np.datetime64(first) + hours * np.timedelta64(1, "h")
    noise = np.random.default_rng(7).normal(0, 1, rows)
    y = (100 + 20 * np.sin(hours * np.pi / 12) + noise) * scale
    return [f"{stamp},{value!r}" for stamp, value in zip(stamps, y.tolist(), strict=True)]


def write_lines(path: Path, lines: list[str], header: str = "ds,load") -> Path:
    """A file with a header and these lines."""
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included, with its bytes."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
