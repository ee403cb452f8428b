"""What a cron job pays: cold forecasts and detections beside `import pandas`, and `--help` beside `import typer`.

A file of 5,000 hourly rows is made, a model of the default size trained on it for one epoch, and then commands
are started one after the other in turns, so that a busy machine slows all of them alike. Ratios are medians over
the rounds. Of detections there are two: of the whole file, and of a job with `--state` that finds no new row.

    python benchmarks/cold_start.py [--rounds N] [--json FILE]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import Report, Table, arguments, grucast_command, run, seconds

HEAVY = {"torch", "sklearn", "scipy", "pandas", "matplotlib"}
FORECAST = ["forecast", "-q", "-o", "next.csv"]
DETECT = ["detect-anomalies", "-q", "-o", "events.csv"]


def write_data(path: Path, rows: int, seed: int) -> None:
    """Hourly values with a day, a week and noise."""
    time_axis = np.datetime64("2023-01-01T00:00:00") + np.arange(rows) * np.timedelta64(1, "h")
    hours = np.arange(rows)
    y = 100 + 20 * np.sin(hours * np.pi / 12) + 8 * np.sin(hours * np.pi / 84)
    y = y + np.random.default_rng(seed).normal(0, 3, rows)
    path.write_text("ds,y\n" + "".join(f"{ds},{value:.3f}\n" for ds, value in zip(time_axis, y, strict=True)))


def imported(words: list[str], folder: Path) -> set[str]:
    """The top-level modules that `grucast` with these words imports."""
    log = run([sys.executable, "-X", "importtime", "-m", "grucast", *words], folder).stderr
    lines = [line for line in log.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


def clock(command: list[str], folder: Path) -> float:
    """Seconds that a command takes; it must succeed."""
    began = time.perf_counter()
    done = run(command, folder)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return took


def main() -> None:
    """Measure and print; nothing is asserted."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--rounds", type=int, default=15, help="times each command is started")
    parser.add_argument("--rows", type=int, default=5000, help="rows of the file")
    options = parser.parse_args()
    report = Report("cold_start", options)
    grucast = grucast_command()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_data(folder / "load.csv", options.rows, options.seed)
        clock([*grucast, "train", "load.csv", "-q", "--epochs", "1", "--threads", "1"], folder)
        commands = {
            "grucast forecast": [*grucast, *FORECAST],
            "grucast detect-anomalies": [*grucast, *DETECT],
            "grucast detect-anomalies --state": [*grucast, *DETECT, "--state", "job.db"],
            "import pandas": [sys.executable, "-c", "import pandas"],
            "grucast --help": [*grucast, "--help"],
            "import typer": [sys.executable, "-c", "import typer"],
            "import numpy": [sys.executable, "-c", "import numpy"],
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for step in range(options.rounds + 1):
            for name, command in commands.items():
                spent = clock(command, folder)
                if step:  # the first round warms the file cache
                    took[name].append(spent)
        loaded = {"grucast forecast": imported(FORECAST, folder), "grucast detect-anomalies": imported(DETECT, folder),
                  "grucast --help": imported(["--help"], folder)}
        loaded = {name: sorted(modules & HEAVY) for name, modules in loaded.items()}
    beside = {name: "import typer" if name == "grucast --help" else "import pandas"
              for name in commands if name.startswith("grucast")}
    ratios = {name: statistics.median(ours / theirs for ours, theirs in zip(took[name], took[other], strict=True))
              for name, other in beside.items()}
    rows = tuple(
        (name, seconds(statistics.median(spent)), f"{ratios[name]:.2f} × {beside[name]}" if name in ratios else "",
         ", ".join(loaded[name]) or "none" if name in loaded else "")
        for name, spent in took.items()
    )
    title = f"{options.rounds} cold starts each, {options.rows} rows"
    report.show(Table(title, ("", "median", "ratio", "heavy imports"), rows))
    report.close(ratios=ratios, imported=loaded, median={name: statistics.median(one) for name, one in took.items()})


if __name__ == "__main__":
    main()
