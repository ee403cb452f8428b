"""What the benchmarks share: arguments, where data lie, a report with the machine, the versions and the time."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if str(ROOT) not in sys.path:  # a clone that is not installed can be measured too
    sys.path.append(str(ROOT))

from grucast import __version__  # noqa: E402
from grucast.report.tables import Table, accuracy_table, markdown, number, percent, seconds  # noqa: E402

__all__ = ["Report", "Table", "accuracy_table", "arguments", "find", "grucast_command", "markdown", "number",
           "percent", "seconds"]

LIBRARIES = ("numpy", "torch", "pandas", "scikit-learn", "typer")


def arguments(purpose: str, *, data: bool = True) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has."""
    parser = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        parser.add_argument("--data", type=Path, metavar="DIR", help="the data; see benchmarks/README.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    return parser


def find(folder: Path | None, names: Iterable[str], source: str) -> Path:
    """The first of `names`, below `folder`, that is there (a `.gz` of it counts), or the end of the program.

    Without it one line says where anybody gets the data, and the program exits with 66.
    """
    wanted = list(names)
    for name in wanted if folder else ():
        for path in (folder / name, folder / f"{name}.gz"):
            if path.exists():
                return path
    program = Path(sys.argv[0]).name
    where = f"there is no {wanted[0]} below {folder}" if folder else f"{program} needs --data DIR with {wanted[0]}"
    print(f"{program}: {where}; get it from {source} (benchmarks/README.md says how)", file=sys.stderr)
    raise SystemExit(66)


def grucast_command() -> list[str]:
    """The installed command beside this Python, else the package of this clone."""
    installed = Path(sys.executable).parent / "grucast"
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "grucast"]


def environment() -> dict[str, str]:
    """The environment of a child process that finds this clone where it is not installed."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(command: Sequence[str], folder: Path, *, limit: float | None = None) -> subprocess.CompletedProcess[str]:
    """The finished child process, its output kept; 124 where it ran longer than `limit` seconds."""
    try:
        return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=limit,
                              check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"longer than {limit:.0f} s")


@dataclass
class Report:
    """What a benchmark prints and writes; it knows when it began."""

    name: str
    options: argparse.Namespace
    tables: list[Table] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def show(self, table: Table) -> None:
        """Print a table at once and keep it."""
        self.tables.append(table)
        print(markdown(table), end="\n\n", flush=True)

    def close(self, **results: Any) -> None:
        """Print where this was measured, and write the JSON that was asked for."""
        facts = {**machine(), "seed": self.options.seed, "seconds": round(time.perf_counter() - self.began, 1)}
        print(", ".join(f"{name} {value}" for name, value in facts.items()))
        if self.options.json:
            document = {"benchmark": self.name, **facts, **self.results, **results}
            text = json.dumps(document, indent=1, allow_nan=False, default=str)
            self.options.json.write_text(text + "\n", encoding="utf-8")


def machine() -> Mapping[str, str]:
    """The processor, the cores this process may use, and the versions that matter."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    versions = {name: _version(name) for name in LIBRARIES}
    return {"machine": _processor(), "cores": str(cores), "python": platform.python_version(), "grucast": __version__,
            **{name: found for name, found in versions.items() if found}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
