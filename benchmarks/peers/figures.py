"""Tables of what `compare.py` found.

A method that failed on a set has no number there. Such a set is said, and counts for nothing: the fault may be the
runner's.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median as middle
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Table, number
from methods import Method

OURS, YARDSTICK = "grucast", "seasonal naive"
Outcome = Mapping[str, Any]  # of one method on one set, as `compare.py` writes it
Results = Mapping[str, Mapping[str, Outcome]]  # by set, by method
Measure = Callable[[Outcome], float | None]


def accuracy(results: Results) -> Iterator[Table]:
    """A table for each measure, a row a set, with the geometric mean over the seasonal naive's below."""
    for key, title in (("mase", "MASE, five cutoffs"), ("mase_last", "MASE, last window"),
                       ("smape", "sMAPE, five cutoffs"), ("smape_last", "sMAPE, last window")):
        labels = _labels(results)
        rows = [(name, *(number(value(found, label, key), 3) for label in labels)) for name, found in results.items()]
        means = (number(mean_ratio(results, label, YARDSTICK, lambda one, k=key: one.get(k)), 3) for label in labels)
        yield Table(title, ("set", *labels), (*rows, ("geometric mean over the seasonal naive's", *means)))


def training(results: Results) -> Table:
    """Seconds of the processor for a training, a row a set; where the cap ended it, what all steps would take too."""
    labels = _labels(results)
    rows = [(name, *(_seconds(found.get(label, {})) for label in labels)) for name, found in results.items()]
    title = ("Training, from the start of the process to the saved model: seconds of the processor (≥: ended by the "
             "cap; in brackets what all steps would take)")
    return Table(title, ("set", *labels), tuple(rows))


def costs(results: Results, places: Mapping[str, Mapping[str, Any]], methods: Sequence[Method]) -> Table:
    """What each method costs: medians over the sets, and geometric means of ratios to grucast taken set by set."""
    rows = []
    for method in methods:
        found = [one[method.label] for one in results.values() if "train" in one.get(method.label, {})]
        if found:
            rows.append(_cost(method.label, found, results, places[method.env], method.env))
    title = "Cost: medians, in processor seconds and MB; × is the multiple of grucast's, geometric mean over the sets"
    return Table(title, ("", "version", "training", "×", "× with all steps", "peak", "cold forecast", "×", "peak",
                         "model", "×", "installed", "without torch"), tuple(rows))


def _cost(
    label: str, found: Sequence[Outcome], results: Results, place: Mapping[str, Any], env: str,
) -> tuple[str, ...]:
    trained, cold = [one["train"] for one in found], [each for one in found for each in one["cold"]]
    return (label, place["versions"].get(env, ""),
            number(median(one["cpu"] for one in trained), 3), _times(results, label, training_seconds),
            _times(results, label, whole), megabytes(median(one["peak"] for one in trained)),
            number(median(one["cpu"] for one in cold), 3), _times(results, label, cold_seconds),
            megabytes(median(one["peak"] for one in cold)), megabytes(median(map(model_size, found))),
            _times(results, label, model_size), megabytes(place["bytes"]), megabytes(place["bytes_without_torch"]))


def verdict(results: Results, methods: Sequence[Method]) -> Iterator[str]:
    """A line for each GRU of a peer: where grucast is more accurate, and the smallest and the mean of the ratios."""
    for method in methods:
        if not method.gru:
            continue
        tried = [found for found in results.values() if method.label in found and OURS in found]
        both = [one for one in tried if None not in (value(one, OURS, "mase"), value(one, method.label, "mase"))]
        if not both:
            continue
        better = sum(found[OURS]["mase"] < found[method.label]["mase"] for found in both)
        counted = f"{better} of {len(both)}" + (f" ({len(tried) - len(both)} failed)" if len(tried) > len(both) else "")
        shares = []
        for what, of in (("training", training_seconds), ("training with all its steps", whole),
                         ("a cold forecast", cold_seconds), ("the model file", model_size)):
            each = list(ratios(results, method.label, OURS, of))
            if each:
                shares.append(f"{what} {number(_geometric(each), 3)} times ({number(min(each), 3)} to "
                              f"{number(max(each), 3)})")
        yield ", ".join([f"{method.label}: grucast more accurate on {counted} by MASE", *shares]) + "\n"


def value(found: Mapping[str, Outcome], label: str, key: str) -> float | None:
    """A number of a method on a set, None where there is none."""
    return found.get(label, {}).get(key)


def training_seconds(one: Outcome) -> float | None:
    """Processor seconds of a training."""
    return one["train"]["cpu"] if "train" in one else None


def cold_seconds(one: Outcome) -> float | None:
    """Processor seconds of a cold forecast, the smallest of its rounds: what else the machine did only adds."""
    return min(each["cpu"] for each in one["cold"]) if one.get("cold") else None


def model_size(one: Outcome) -> float | None:
    """Bytes of what was saved."""
    return one.get("size")


def capped(one: Outcome) -> bool:
    """Whether a training was ended before the steps that its defaults ask for."""
    return one.get("full") is not None and one.get("steps") is not None and one["steps"] < one["full"]


def whole(one: Outcome) -> float | None:
    """Processor seconds of a training to its last step: where it was ended, its steps are taken to go on as long."""
    if not capped(one):
        return training_seconds(one)
    return float(one["train"]["cpu"] + one["fit_cpu"] * (one["full"] / max(1, one["steps"]) - 1))


def ratios(results: Results, above: str, below: str, of: Measure) -> Iterator[float]:
    """One method's number over another's on each set where both have one above zero."""
    for found in results.values():
        upper, lower = of(found.get(above, {})), of(found.get(below, {}))
        if upper and lower:
            yield upper / lower


def mean_ratio(results: Results, above: str, below: str, of: Measure) -> float:
    """The geometric mean of `ratios`; NaN where there is none."""
    return _geometric(list(ratios(results, above, below, of)))


def megabytes(size: float) -> str:
    """Bytes in millions."""
    return number(size / 1e6, 3)


def median(each: Iterable[float]) -> float:
    """The median; NaN of nothing."""
    values = list(each)
    return middle(values) if values else math.nan


def _geometric(each: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, each)) / len(each)) if each else math.nan


def _times(results: Results, label: str, of: Measure) -> str:
    return number(mean_ratio(results, label, OURS, of), 3)


def _seconds(one: Outcome) -> str:
    took = number(training_seconds(one), 3)
    return f"≥ {took} ({number(whole(one), 3)})" if capped(one) else took


def _labels(results: Results) -> list[str]:
    """The methods in their order, of whatever set has most."""
    return list(dict.fromkeys(label for found in results.values() for label in found))
