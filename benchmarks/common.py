"""What the benchmarks share: arguments, where data lie, a report with the machine, the versions and the time."""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
if str(ROOT) not in sys.path:  # a clone that is not installed can be measured too
    sys.path.append(str(ROOT))

from grucast import __version__  # noqa: E402
from grucast.report.tables import Table, accuracy_table, markdown, number, percent, seconds  # noqa: E402

__all__ = ["Failed", "Report", "Table", "accuracy_table", "arguments", "each", "events", "find", "grucast",
           "grucast_command", "markdown", "number", "percent", "seconds", "threads_each"]

Job = TypeVar("Job")
Result = TypeVar("Result")

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


class Failed(Exception):
    """A command of grucast that did not end well, in one line."""


def grucast(words: Sequence[str], folder: Path) -> float:
    """The seconds that a command of grucast took in `folder`; Failed, with its last line, where it went wrong."""
    began = time.perf_counter()
    done = run([*grucast_command(), *words], folder)
    if done.returncode not in (0, 10):
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise Failed(f"{words[0]}: exit {done.returncode}: {said[-1]}")
    return time.perf_counter() - began


def events(scores: Path) -> list[tuple[int, int]]:
    """The rows of each event in a file of `--scores`, first and past the last, in the order of the first."""
    found: dict[str, tuple[int, int]] = {}
    with scores.open(newline="", encoding="utf-8") as file:
        for place, row in enumerate(csv.DictReader(file)):
            if name := row["event_id"]:
                found[name] = (found.get(name, (place, 0))[0], place + 1)
    return sorted(found.values())


def each(work: Callable[[Job], Result], jobs: Sequence[Job], processes: int) -> Iterator[Result]:
    """The result of each job as it comes, from that many processes; an interruption ends them and what they started.

    A result is yielded as soon as it is there, in no order. Where the user interrupts, what has come is all there is:
    the caller shows it.
    """
    workers: list[int] = []
    try:
        with get_context("spawn").Pool(min(processes, max(1, len(jobs))), _lead_a_group) as pool:
            workers = [one.pid for one in active_children() if one.pid]
            yield from pool.imap_unordered(work, jobs)
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted; what follows is what was done by then", file=sys.stderr)
    finally:
        for group in workers:
            with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
                os.killpg(group, signal.SIGKILL)  # a command whose worker ended while it was starting it


def _lead_a_group() -> None:
    """Make this worker, and the commands that it will run, a group of its own, which hears no Ctrl-C.

    It ends on the parent's word, as by an exception, so that its scratch folder goes too.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def threads_each(processes: int) -> int:
    """The threads that each of so many processes may use; libraries that they load are told to keep to one."""
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    return max(1, _cores() // processes)


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
    versions = {name: _version(name) for name in LIBRARIES}
    return {"machine": _processor(), "cores": str(_cores()), "python": platform.python_version(),
            "grucast": __version__, **{name: found for name, found in versions.items() if found}}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
