"""A file that grows, and the runs of a job over it, in process."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from grucast.artifacts.state import read_state
from grucast.core.config import AlarmOptions, ArrivalOptions, DetectOptions, ReadOptions, StateOptions
from grucast.workflows.detect import DetectRequest, Reported, detect
from grucast.workflows.detect_on import Keeping, Watched, detect_on

NOW = datetime(2024, 6, 1, 12, 30, tzinfo=UTC)
SOME = AlarmOptions(false_alarms="1 per 200 rows")  # so many that events are there to be compared


@dataclass
class Job:
    """A job of `detect-anomalies --state` in a folder, and all that its runs said."""

    folder: Path
    model: Path
    header: str = "ds,load"
    alarm: AlarmOptions = SOME
    lines: list[str] = field(default_factory=list)  # of the file so far
    said: list[dict[str, str]] = field(default_factory=list)  # score lines of all runs
    events: list[dict] = field(default_factory=list)
    ended: list[dict] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The data."""
        return self.folder / "growing.csv"

    @property
    def state(self) -> Path:
        """The state."""
        return self.folder / "job.state"

    def append(self, lines: list[str]) -> None:
        """Let the file grow."""
        if not self.file.exists():
            self.file.write_text(self.header + "\n")
        self.lines += lines
        with self.file.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    @contextmanager
    def opened(self, *, model: Path | None = None, options: StateOptions | None = None, tell: bool = False,
               arrival: ArrivalOptions | None = None, source: Path | None = None, **more) -> Iterator[Watched]:
        """One run, of which nothing is printed yet."""
        asked = {"read": more.pop("read", ReadOptions()), "detect": more.pop("detect", DetectOptions())}
        request = DetectRequest(str(source or self.file), model or self.model, alarm=self.alarm,
                                report=Reported(scores=self.folder / "scores.csv", **more), **asked)
        keep = Keeping(options or StateOptions(state=self.state), arrival or ArrivalOptions(), tell)
        with detect_on(request, keep, now=NOW) as watched:
            yield watched

    def run(self, **more) -> Watched:
        """One run, which prints all that it has to."""
        with self.opened(**more) as watched:
            watched.printed()
        self.said += read_scores(self.folder / "scores.csv")
        self.events += watched.result.events
        self.ended += watched.ended
        return watched

    @contextmanager
    def edit(self) -> Iterator[sqlite3.Connection]:
        """The state in the hands of somebody else."""
        with closing(sqlite3.connect(self.state)) as connection:
            yield connection
            connection.commit()

    def grow(self, lines: list[str], **more) -> Watched:
        """Append, and run."""
        self.append(lines)
        return self.run(**more)

    def table(self) -> list[dict]:
        """The events as the state has them now."""
        with read_state(self.state) as state:
            return [json.loads(text) for (text,) in state.rows("SELECT document FROM events ORDER BY begin, unique_id")]

    def oracle(self, lines: list[str] | None = None, *, model: Path | None = None, read: ReadOptions | None = None):
        """What one run over a whole file says, its score lines and its events; `lines` None: the file as it is."""
        file, scores = self.folder / "whole.csv", self.folder / "whole.scores.csv"
        file.write_text("\n".join([self.header, *(self.lines if lines is None else lines)]) + "\n")
        result = detect(DetectRequest(str(file), model or self.model, read or ReadOptions(), alarm=self.alarm,
                                      report=Reported(scores=scores)))
        return read_scores(scores), result.events


def read_scores(path: Path) -> list[dict[str, str]]:
    """The lines of a score file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float:
    """A number of a score file, NaN where it is empty."""
    return float(text) if text else float("nan")
