"""What is searched: settings that matter, around the defaults, which are always among them.

What the user has set stays as it is. A value equal to the default is left to `train`, which finds it from all rows:
so the trial of the defaults is what `train` does without an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from grucast.core.config import TrainOptions
from grucast.workflows.learning.prepared import Prepared

Value = int | float | str
REACHES = (0.5, 1.0, 1.5, 2.0, 3.0)  # contexts, in that of the default
LONGEST = 1_440  # rows of context
RATES = (5e-4, 2e-2)


class Suggests(Protocol):
    """What chooses values: a trial of optuna."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of `choices`."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between the bounds."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its option, its default, and the values to choose from; (low, high) where it is a `range`."""

    name: str
    default: Value
    values: tuple[Value, ...]
    range: bool = False

    def ask(self, trial: Suggests) -> Value:
        """The value that a trial is to use."""
        if self.range:
            return float(trial.suggest_float(self.name, float(self.values[0]), float(self.values[1]), log=True))
        chosen: Value = trial.suggest_categorical(self.name, self.values)
        return chosen


def space_of(prepared: Prepared, options: TrainOptions) -> tuple[Setting, ...]:
    """The settings to search, given what the defaults are for these data and what the user has set."""
    network, fit, structure = options.network, options.fit, options.network.structure
    season = _words(prepared.seasons)
    found = [
        (options.window.context_length is None, _choice("context_length", prepared.window.context_length,
                                                        _contexts(prepared))),
        (not options.window.season, _choice("season", season, (*map(str, prepared.seasons), "1"))),
        (network.cell is None and structure.delay is None, _choice("cell", prepared.model.cell,
                                                                   ("gru", "lstm", "mingru"))),
        (network.layers == 1 and not structure.dilations, _choice("layers", 1, (1, 2))),
        (network.hidden is None, _choice("hidden", prepared.model.hidden, (32, 64, 128, 256))),
        (network.dropout is None, _choice("dropout", prepared.model.dropout, (0.0, 0.1, 0.3, 0.5))),
        (fit.learning_rate is None, Setting("learning_rate", prepared.training.learning_rate, RATES, range=True)),
        (fit.batch_size is None, _choice("batch_size", prepared.training.batch_size, (32, 64, 128, 256))),
        (options.values.transform is None, _choice("transform", prepared.scales.transform.kind,
                                                   _transforms(prepared))),
    ]
    return tuple(setting for free, setting in found if free and (setting.range or len(setting.values) > 1))


def defaults(space: tuple[Setting, ...]) -> dict[str, Value]:
    """The first trial."""
    return {one.name: one.default for one in space}


def changes(space: tuple[Setting, ...], chosen: Mapping[str, Value]) -> dict[str, Value]:
    """What of `chosen` is not the default, by the names of the options; numbers of a range in three digits."""
    told = {one.name: float(f"{chosen[one.name]:.3g}") if one.range else chosen[one.name] for one in space}
    return {one.name: told[one.name] for one in space if told[one.name] != one.default}


def applied(options: TrainOptions, changed: Mapping[str, Value]) -> TrainOptions:
    """`options` with these settings."""
    values: dict[str, Any] = dict(changed)
    if "season" in values:
        values["season"] = tuple(int(word) for word in str(values["season"]).split(","))
    return replace(
        options,
        window=_with(options.window, values),
        network=_with(options.network, values),
        fit=_with(options.fit, values),
        values=_with(options.values, values),
    )


def _with(group: Any, values: Mapping[str, Any]) -> Any:
    mine = {name: value for name, value in values.items() if name in type(group).__dataclass_fields__}
    return replace(group, **mine) if mine else group


def _choice(name: str, default: Value, values: tuple[Value, ...]) -> Setting:
    return Setting(name, default, tuple(dict.fromkeys((default, *values))))


def _words(seasons: tuple[int, ...]) -> str:
    """Seasons as `--season` takes them; 1 is none."""
    return ",".join(map(str, seasons)) or "1"


def _contexts(prepared: Prepared) -> tuple[int, ...]:
    """Contexts worth trying: whole segments, none longer than half of the rows to learn from."""
    usual, segment = prepared.window.context_length, prepared.window.segment
    rows = max((split.fit for split in prepared.splits if split), default=0)
    most = min(LONGEST, (rows - prepared.window.horizon) // 2)
    tried = [max(1, round(usual * reach / segment)) * segment for reach in REACHES]
    return tuple(one for one in tried if 2 <= one <= most)


def _transforms(prepared: Prepared) -> tuple[str, ...]:
    """A logarithm is no choice where a value is not above zero."""
    positive = all(bool(np.all(one.y[one.observed] > 0)) for one in prepared.panel.series)
    return ("none", "asinh", "log") if positive else ("none", "asinh")
