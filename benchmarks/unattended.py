"""A day of cron in fast motion: is every event told once, whatever happens to the runs and to the file?

    python benchmarks/unattended.py [--runs 1440] [--json FILE]

A file grows by some rows a minute, and after each minute `detect-anomalies --state` runs as cron would run it, in a
process of its own. Rows come late, come again, are half written when a run reads them, or never come; the file is
rotated; a run in ten is killed (SIGKILL) at a random moment; half way the model is replaced by another. What was
printed and what --on-event was told is compared with one run over the final file (with two, one a model, where the
model was replaced). Processes are forks of this one, so that a run does not pay for its start: they do all that the
command does.

lost       events of the one run that no event of the job meets
extra      events of the job that meet none of the one run: raised before a late row showed otherwise
split      events of the one run that the job raised as two
printed    how often an event stands on standard output, more than once only where a kill fell between the last byte
           and the note of it
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import Report, Table, arguments, grucast, threads_each

from grucast.artifacts.state import read_state
from grucast.cli import commands, detecting
from grucast.cli.app import main as run_command
from grucast.core.config import AlarmOptions, ReadOptions, StateOptions
from grucast.workflows.detect import DetectRequest, detect
from grucast.workflows.detect_on import Keeping, detect_on

DAYS = ("one model", "replaced half way")
LOADED = (commands, detecting)  # by this process, so that its forks need not
HISTORY, EACH = 2_000, 5  # rows before the first run; rows a run, on average
FAULTS = 60  # rows between two faults, at least
BUDGET = AlarmOptions(false_alarms="1 per 2000 rows")
RATES = {"late": 0.02, "never": 0.005, "empty": 0.005, "again": 0.05, "torn": 0.15, "killed": 0.10}  # rows or runs
NOW = datetime(2024, 1, 2, tzinfo=UTC)
LATEST = 12  # rows after its turn that a late row comes


@dataclass
class Day:
    """What happened in a simulated day; `changed` is how many rows had come when the model was replaced."""

    runs: int = 0
    killed: int = 0
    late: int = 0
    again: int = 0
    torn: int = 0
    rotated: int = 0
    changed: int = 0
    codes: Counter[int] = field(default_factory=Counter)


def wave(rows: int, seed: int) -> list[str]:
    """Lines of minutes: a cycle of an hour, noise, and faults of all lengths after the history."""
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    y = 100 + 10 * np.sin(at * np.pi / 30) + rng.normal(0, 1, rows)
    row = HISTORY + FAULTS
    while row < rows - 20:
        kind = rng.integers(3)
        if kind == 0:
            y[row] += rng.choice([-1, 1]) * rng.uniform(9, 14)
        elif kind == 1:
            y[row : row + 15] = y[row]
        else:
            y[row : row + 8] += 12
        row += int(FAULTS + rng.integers(3 * FAULTS))
    stamps = np.datetime64("2024-01-01T00:00:00") + at * np.timedelta64(1, "m")
    return [f"{stamp},{value!r}" for stamp, value in zip(stamps, np.round(y, 3).tolist(), strict=True)]


class File:
    """The data as somebody writes them, badly."""

    def __init__(self, path: Path, lines: list[str], rng: np.random.Generator, day: Day) -> None:
        self.path, self.rng, self.day = path, rng, day
        self.known, self.waiting, self.rest = list(lines[:HISTORY]), [], ""
        path.write_text("\n".join(["ds,load", *self.known]) + "\n")

    def minute(self, lines: list[str], row: int) -> None:
        """Write the rows of a minute, the first of them number `row`: some late, some again, the last half written."""
        text, self.rest = self.rest, ""
        out = []
        for at, line in enumerate(lines, row):
            chance = self.rng.random()
            if chance < RATES["never"]:
                continue
            if chance < RATES["never"] + RATES["empty"]:
                line = line.partition(",")[0] + ","
            if self.rng.random() < RATES["late"]:
                self.waiting.append((at + int(self.rng.integers(2, LATEST)), line))
                self.day.late += 1
                continue
            out.append(line)
        due = [line for when, line in self.waiting if when < row + len(lines)]
        self.waiting = [one for one in self.waiting if one[0] >= row + len(lines)]
        again = self.known[-3:] if self.rng.random() < RATES["again"] else []
        self.day.again += len(again)
        self.known += [*out, *due]
        text += "".join(f"{line}\n" for line in [*out, *due, *again])
        if text and self.rng.random() < RATES["torn"]:
            cut = int(self.rng.integers(1, min(len(text), 20)))
            text, self.rest = text[:-cut], text[-cut:]
            self.day.torn += 1
        with self.path.open("a") as file:
            file.write(text)

    def rotate(self) -> None:
        """Give the file another name and begin a new one; its last rows have not been read."""
        with self.path.open("a") as file:
            file.write(self.rest)
        self.rest = ""
        self.day.rotated += 1
        self.path.rename(self.path.with_name(f"{self.path.name}.{self.day.rotated}"))
        self.path.write_text("ds,load\n")

    def finish(self) -> None:
        """Write what is still to come."""
        late = [line for _, line in self.waiting]
        self.known += late
        with self.path.open("a") as file:
            file.write(self.rest + "".join(f"{line}\n" for line in late))


def command(folder: Path, model: str, delay: float | None) -> tuple[int, float]:
    """Run the command in a fork; killed after `delay` seconds. Its exit code (-9: killed) and seconds."""
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        sys.stdout, sys.stderr = (open(name, "a") for name in ("printed.jsonl", "said.txt"))  # noqa: PTH123, SIM115
        sys.argv = ["grucast", "detect-anomalies", "load.csv", "-m", model, "--state", "day.state", "-q", "--format",
                    "jsonl", "--false-alarms", str(BUDGET.false_alarms), "--on-event", "tee -a told.jsonl"]
        code = 70
        try:
            run_command()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), time.perf_counter() - began


def live(folder: Path, lines: list[str], runs: int, seed: int, models: tuple[str, str]) -> tuple[Day, File]:
    """A day of runs in `folder`; the second half with the second model."""
    rng, day = np.random.default_rng(seed), Day()
    file, row = File(folder / "load.csv", lines, rng, day), HISTORY
    usual = [command(folder, models[0], None)[1]]
    for run in range(runs):
        count = min(int(rng.poisson(EACH)), len(lines) - row)
        file.minute(lines[row : row + count], row)
        row += count
        if run in (runs // 4, 2 * runs // 3):
            file.rotate()
        if 2 * run < runs <= 2 * run + 2:
            day.changed = len(file.known)
        killed = rng.random() < RATES["killed"]
        delay = rng.uniform(0.0, 1.2) * statistics.median(usual[-20:]) if killed else None
        code, seconds = command(folder, models[2 * run >= runs], delay)
        day.codes[code] += 1
        day.killed += code == -signal.SIGKILL
        if code == 0:
            usual.append(seconds)
    file.finish()
    day.codes[command(folder, models[1], None)[0]] += 1
    day.runs = runs + 2
    return day, file


# ---- what should have been told ------------------------------------------------------------------


def in_order(lines: list[str]) -> list[str]:
    """The rows of all files, each once, in order of time."""
    return sorted(dict.fromkeys(lines))


def once(folder: Path, lines: list[str], model: str) -> list[dict[str, Any]]:
    """The events of one run over all rows."""
    (folder / "whole.csv").write_text("\n".join(["ds,load", *in_order(lines)]) + "\n")
    return detect(DetectRequest(str(folder / "whole.csv"), folder / model, ReadOptions(), alarm=BUDGET)).events


def in_two(folder: Path, lines: list[str], seen: int, models: tuple[str, str]) -> list[dict[str, Any]]:
    """The events of two runs without any fault, one a model, as the state has them in the end."""
    path, state = folder / "whole.csv", folder / "two.state"
    for rows, model in ((lines[:seen], models[0]), (lines, models[1])):
        path.write_text("\n".join(["ds,load", *in_order(rows)]) + "\n")
        request = DetectRequest(str(path), folder / model, ReadOptions(), alarm=BUDGET)
        with detect_on(request, Keeping(StateOptions(state=state)), now=NOW) as watched:
            watched.printed()
    return table(state)


def table(state: Path) -> list[dict[str, Any]]:
    """The events in a state."""
    with read_state(state) as known:
        return [json.loads(text) for (text,) in known.rows("SELECT document FROM events ORDER BY begin")]


@dataclass(frozen=True)
class Compared:
    """The events of a day beside those that should have been."""

    wanted: int
    raised: int
    lost: int
    extra: int
    split: int
    printed: dict[str, int]  # by event: how often
    told: dict[str, int]


def compare(folder: Path, wanted: list[dict[str, Any]]) -> Compared:
    """Count what was lost, split or told again."""
    raised = table(folder / "day.state")
    meets = [[_meet(one, other) for other in wanted] for one in raised]
    found = np.array(meets, dtype=bool).reshape(len(raised), len(wanted))
    printed, told = (Counter(json.loads(line)["event_id"] for line in _lines(folder / name))
                     for name in ("printed.jsonl", "told.jsonl"))
    known = {one["event_id"] for one in raised}
    assert set(printed) <= known
    assert set(told) <= known
    return Compared(len(wanted), len(raised), int((found.sum(axis=0) == 0).sum()), int((found.sum(axis=1) == 0).sum()),
                    int((found.sum(axis=0) > 1).sum()), {one: printed[one] for one in known},
                    {one: told[one] for one in known})


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _meet(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two events have rows in common; one without an end goes on for ever."""
    return one["start"] <= (other["end"] or "9") and other["start"] <= (one["end"] or "9")


def train(folder: Path, lines: list[str], *, seed: int, name: str) -> str:
    """A small model of the history."""
    (folder / "history.csv").write_text("\n".join(["ds,load", *lines[:HISTORY]]) + "\n")
    grucast(["train", "history.csv", "-o", name, "-q", "--hidden", "8", "--epochs", "3", "--threads", "1", "--season",
             "60", "--context-length", "60", "--horizon", "12", "--seed", str(seed)], folder)
    return name


def row_of(name: str, day: Day, found: Compared) -> tuple[str, ...]:
    """A line of the table."""
    unprinted, untold = (sum(times == 0 for times in one.values()) for one in (found.printed, found.told))
    twice, told = (sum(times > 1 for times in one.values()) for one in (found.printed, found.told))
    return (name, str(day.runs), str(day.killed), str(day.late), str(day.again), str(day.torn), str(found.wanted),
            str(found.raised), str(found.lost), str(found.extra), str(found.split), f"{unprinted} / {untold}",
            f"{twice} / {told}")


HEAD = ("", "runs", "killed", "late rows", "again", "torn", "events of one run", "raised", "lost", "extra", "split",
        "never printed / told", "printed / told twice")


def main(options: Any) -> None:
    """A day with one model, and one in which it is replaced."""
    threads_each(1)
    report, rows = Report("unattended", options), []
    for name, both in ((name, name == DAYS[1]) for name in DAYS if name in options.days):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            lines = wave(HISTORY + options.runs * EACH + 200, options.seed)
            first = train(folder, lines, seed=options.seed, name="first.grucast")
            second = train(folder, lines, seed=options.seed + 1, name="second.grucast") if both else first
            day, file = live(folder, lines, options.runs, options.seed, (first, second))
            wanted = (in_two(folder, file.known, day.changed, (first, second)) if both
                      else once(folder, file.known, first))
            found = compare(folder, wanted)
            rows.append(row_of(name, day, found))
            report.results[name] = {"day": vars(day) | {"codes": {str(code): runs for code, runs in day.codes.items()}},
                                    "lost": found.lost, "extra": found.extra, "split": found.split,
                                    "events": found.wanted, "raised": found.raised}
    report.show(Table("Every event once", HEAD, tuple(rows)))
    report.close()


if __name__ == "__main__":
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--runs", type=int, default=1440, help="runs of the job; 1440")
    parser.add_argument("--days", choices=DAYS, nargs="+", default=DAYS, help="which days; both")
    main(parser.parse_args())
