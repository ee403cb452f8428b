"""What covariates known ahead bring: `grucast backtest` with and without them, from many origins of five sets.

Both sides have the same rows, targets, origins and settings; the ratio is that of their WQL, and below 1 the
covariates help. Origins are a horizon apart, over the last tenth of the rows where no parts are named. Of the larger
sets the last `--rows` rows are taken. Weather is what was measured, not what had been forecast: a real forecast of it
would bring less. Prices of electricity have no column but `y`: holidays of each market's country are all that is
known of them, and of Nord Pool those of Norway.

    python benchmarks/covariates.py --data DIR [--only prices,bikes] [--rows 20000] [--limit 1800] [--json FILE]
                                    [--train "--epochs 1"]
"""

from __future__ import annotations

import argparse
import gzip
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import Failed, Report, Table, arguments, find, number, percent, seconds, threads_each
from trials import SOURCE, backtest

WITHOUT = "none"  # the side that knows nothing ahead
ASKED = 0.9  # of WQL without, which prices were asked to reach


@dataclass(frozen=True)
class Trial:
    """A set: where it is, words for all sides, and the words of each side by what it knows; `cut` where it is long."""

    name: str
    file: str
    words: str
    sides: Mapping[str, str]
    cut: bool = False


def known(*columns: str) -> str:
    """The words that name columns known ahead."""
    return " ".join(f"--known-col {column}" for column in columns)


WEATHER = ("temp", "atemp", "hum", "windspeed", "weathersit")
EVENTS = ("sell_price", *(f"event_type_{kind}" for kind in ("Cultural", "National", "Religious", "Sporting")))
MARKETS = {"BE": "BE", "DE": "DE", "FR": "FR", "NP": "NO"}
TRIALS = (
    Trial("prices", "energy/epf_electricity_price_short_panel.csv", "--horizon 24 --splits 1176:168:336 --step 24",
          {"holidays": " ".join(f"--holidays {market}={code}" for market, code in MARKETS.items())}),
    Trial("m5", "m4/m5_small_exog_panel.csv", "--target-col y --horizon 14 --step 14",
          {"price, events": known(*EVENTS)}),
    Trial("bikes", "newcomer/bike_sharing_hourly.csv", "--target-col cnt --time-col datetime --horizon 24 --step 24",
          {"holidays": "--holidays US-DC", "holiday column": known("holiday"),
           "weather, holidays": f"{known(*WEATHER)} --holidays US-DC"}, cut=True),
    Trial("gefcom", "energy/gefcom2014_E_load_temp.csv", "--target-col load --horizon 24 --step 24",
          {"temperature": known("T")}, cut=True),
    Trial("victoria", "energy/vic_elec_halfhourly_tz.csv",
          "--target-col Demand --horizon 48 --step 48 --tz Australia/Melbourne",
          {"holidays": "--holidays AU-VIC", "temperature": known("Temperature"),
           "temperature, holidays": f"{known('Temperature')} --holidays AU-VIC"}, cut=True),
)


def last_rows(source: Path, rows: int, target: Path) -> Path:
    """A copy of a CSV file with its header and its last `rows` lines."""
    content = gzip.decompress(source.read_bytes()) if source.suffix == ".gz" else source.read_bytes()
    header, *lines = content.decode().splitlines(keepends=True)
    target.write_text("".join([header, *lines[-rows:]]), encoding="utf-8")
    return target


def measure(trial: Trial, folder: Path, *, rows: int, words: Sequence[str], limit: float) -> Iterator[dict[str, Any]]:
    """What each side of a trial reached, the one without covariates first; `wrong` is empty where all went well."""
    with tempfile.TemporaryDirectory() as scratch:
        data, without = find(folder, [trial.file], SOURCE), None
        if trial.cut:
            data = last_rows(data, rows, Path(scratch) / "data.csv")
        for side, more in {WITHOUT: "", **trial.sides}.items():
            result: dict[str, Any] = {"set": trial.name, "known": side, "wrong": ""}
            try:
                report, spent = backtest(data, [*shlex.split(f"{trial.words} {more}"), *words], limit=limit)
            except Failed as error:
                yield {**result, "wrong": str(error)}
                continue
            found = figures(report)
            without = found["wql"] if side == WITHOUT else without
            yield {**result, **found, "ratio": found["wql"] / without if without else None, "cpu": spent.cpu,
                   "notes": report["notes"]}


def figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a report of `backtest` that are shown."""
    ours = report["metrics"]["grucast"]
    return {"windows": report["windows"], "wql": ours["wql"], "mase": ours["mase"],
            "coverage": {level: ours["coverage"][level] for level in ("80", "95")},
            "seasonal_naive_wql": report["metrics"]["seasonal_naive"]["wql"],
            "linear_wql": report["metrics"]["linear"]["wql"]}


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    if one["wrong"]:
        return (one["set"], one["known"], *["–"] * 9, one["wrong"])
    ratio = "" if one["known"] == WITHOUT else number(one["ratio"], 3)
    return (one["set"], one["known"], str(one["windows"]), number(one["wql"], 4), ratio, number(one["mase"], 3),
            percent(one["coverage"]["80"]), percent(one["coverage"]["95"]), number(one["seasonal_naive_wql"], 4),
            number(one["linear_wql"], 4), seconds(one["cpu"]), "")


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The best ratio of each set, and what went wrong."""
    best: dict[str, float] = {}
    for one in results:
        if not one["wrong"] and one["known"] != WITHOUT and one["ratio"] is not None:
            best[one["set"]] = min(one["ratio"], best.get(one["set"], one["ratio"]))
    return {"best": best, "reached": [name for name, ratio in best.items() if ratio <= ASKED],
            "wrong": [f"{one['set']}, {one['known']}" for one in results if one["wrong"]]}


def main(words: list[str] | None = None) -> None:
    """Try every set and print what came of it; exit code 1 where one went wrong."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="", metavar="NAMES", help=", ".join(trial.name for trial in TRIALS))
    parser.add_argument("--rows", type=int, default=20_000, help="last rows that are taken of the larger sets")
    parser.add_argument("--limit", type=float, default=1800.0, metavar="S", help="longest time for a command")
    parser.add_argument("--train", default="", metavar="WORDS", help="options of grucast backtest; none by default")
    options: argparse.Namespace = parser.parse_args(words)
    report = Report("covariates", options)
    folder = find(options.data, ["forecast", "."], SOURCE)
    names = [name for name in options.only.split(",") if name]
    common = ["--seed", str(options.seed), "--threads", str(threads_each(1)), *shlex.split(options.train)]
    results = []
    for trial in TRIALS:
        if names and trial.name not in names:
            continue
        for one in measure(trial, folder, rows=options.rows, words=common, limit=options.limit):
            results.append(one)
            print(" · ".join(row(one)), file=sys.stderr, flush=True)
    found = summary(results)
    columns = ("set", "known ahead", "windows", "WQL", "over none", "MASE", "inside 80 %", "inside 95 %",
               "seasonal naive WQL", "linear WQL", "processor", "")
    title = (f"Covariates known ahead: WQL at most {ASKED} of that without on {len(found['reached'])} of "
             f"{len(found['best'])} sets")
    report.show(Table(title, columns, tuple(map(row, results))))
    report.close(**found, results=results)
    raise SystemExit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
