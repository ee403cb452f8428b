"""Settings found by `grucast tune` against the defaults, by the report of `train`, which the search has not seen.

    python benchmarks/tune.py --data DIR [--seconds 600] [--trials 40] [--jobs 2] [--only shampoo] [--json FILE]

A search is better than the defaults where the error of the report, MASE over that of the naive forecast, is lower; the
bar is 7 of 10 sets.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import Failed, Report, Table, arguments, find, grucast_command, number, percent, run, threads_each

SETS = (
    "forecast/newcomer/airline_passengers.csv",
    "forecast/newcomer/shampoo.csv",
    "forecast/newcomer/monthly_sunspots.csv",
    "forecast/newcomer/daily_min_temperatures.csv",
    "forecast/newcomer/ilinet_weekly.csv",
    "forecast/newcomer/wikipedia_peyton_manning.csv",
    "forecast/newcomer/heart_rate_no_timestamp.csv",
    "forecast/energy/us_gasoline_weekly.csv",
    "forecast/energy/household_power_daily.csv",
    "forecast/energy/opsd_germany_daily.csv",
)


@dataclass(frozen=True)
class Outcome:
    """One set: errors of the search's own validation and of the report, with the defaults and with what was found."""

    set: str
    trials: int
    default_error: float
    error: float
    default_report: float
    report: float
    settings: dict[str, Any]
    seconds: float


def command(words: list[str], folder: Path) -> dict[str, Any]:
    """The JSON that a command prints."""
    done = run([*grucast_command(), *words, "--json", "-q"], folder)
    if done.returncode:
        raise Failed(f"{words[0]}: exit {done.returncode}: {done.stderr.splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def outcome(name: str, options: Any) -> Outcome:
    """The search on one set, and two trainings."""
    path = find(options.data, [name], "its publisher")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(path, folder)
        more = options.train.split()
        found = command(["tune", path.name, "--trials", str(options.trials), "--max-seconds", str(options.seconds),
                         "--jobs", str(options.jobs), "--seed", str(options.seed), "-o", "best.toml", *more], folder)
        usual = command(["train", path.name, "--seed", str(options.seed), *more], folder)
        tuned = command(["train", path.name, "--seed", str(options.seed), "--config", "best.toml", *more], folder)
    return Outcome(path.name, found["trials"], found["default_error"], found["error"], over_naive(usual),
                   over_naive(tuned), found["settings"], found["seconds"])


def over_naive(report: dict[str, Any]) -> float:
    """MASE of a report over that of the naive forecast: the season that both are scaled by may itself be tuned."""
    return float(report["holdout"]["mase"] / report["baselines"]["naive"]["mase"])


def table(found: list[Outcome]) -> Table:
    """A line a set."""
    columns = ("set", "trials", "validation, defaults", "found", "report, defaults", "found", "change", "seconds")
    rows = tuple((one.set, str(one.trials), number(one.default_error), number(one.error), number(one.default_report),
                  number(one.report), percent(one.report / one.default_report - 1), f"{one.seconds:.0f}")
                 for one in found)
    return Table("grucast tune against the defaults", columns, rows)


def main() -> int:
    """Run the sets one after the other."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=600.0, help="of each search")
    parser.add_argument("--trials", type=int, default=40, help="of each search")
    parser.add_argument("--jobs", type=int, default=2, help="processes of each search")
    parser.add_argument("--only", default="", help="parts of names, such as shampoo,weekly")
    parser.add_argument("--train", default="", help="more words for tune and train")
    options = parser.parse_args()
    threads_each(options.jobs)
    report, found = Report("tune", options), []
    for name in SETS:
        if any(part in name for part in options.only.split(",")):
            found.append(outcome(name, options))
            print(json.dumps(asdict(found[-1])), flush=True)
    report.show(table(found))
    better = sum(one.report < one.default_report for one in found)
    print(f"better than the defaults on {better} of {len(found)} sets\n")
    report.close(sets=[asdict(one) for one in found], better=better)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
