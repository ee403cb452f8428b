"""Trials that are planned: the defaults, one change at a time, the changes that helped together, what is near the best.

A draw of nine settings at once tells little of any of them, and on short series its error is mostly noise. One change
at a time tells what that change is worth, and few changes are what holds on later rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grucast.workflows.tuning.choice import standing
from grucast.workflows.tuning.space import Setting, Value, changes, defaults

SLOWER = 0.4  # of the default learning rate
ORDER = ("context_length", "learning_rate", "transform", "layers", "hidden", "season", "dropout", "cell", "batch_size")
FEW = 2  # changes taken together before all that helped are
BEST = 3  # trials that others are near to
STEP = 0.5  # of the logarithm of a range: one deviation
DRAWS = 20  # until one is new


def one_change_each(space: Sequence[Setting]) -> list[dict[str, Value]]:
    """Trials that change one setting each: the first choice of every setting, then the second, and so on."""
    rank = {name: place for place, name in enumerate(ORDER)}
    ordered = sorted(space, key=lambda one: rank.get(one.name, len(rank)))
    worth = [(one.name, list(_worth_trying(one))) for one in ordered]
    rounds = max((len(values) for _, values in worth), default=0)
    return [{**defaults(tuple(space)), name: values[turn]}
            for turn in range(rounds) for name, values in worth if turn < len(values)]


def together(
    space: Sequence[Setting], errors: Sequence[tuple[dict[str, Value], Sequence[float]]]
) -> list[dict[str, Value]]:
    """Trials that join the single changes which were worse at no origin: the two that helped most, then all of them.

    `errors` are changes from the defaults with the errors at each origin, those of the defaults ({}) among them.
    """
    usual = next((dict(enumerate([each] for each in values)) for changed, values in errors if not changed), {})
    best: dict[str, tuple[float, Value]] = {}
    for changed, values in errors:
        [name, value], *more = changed.items() if changed else [("", "")]
        stands = standing({place: [each] for place, each in enumerate(values)}, usual)
        if changed and not more and stands and not stands.worse and stands.ratio < best.get(name, (1.0, value))[0]:
            best[name] = stands.ratio, value
    helped = sorted(best, key=lambda name: best[name][0])
    counts = dict.fromkeys((FEW, len(helped)))
    return [{**defaults(tuple(space)), **{name: best[name][1] for name in helped[:count]}}
            for count in counts if FEW <= count <= len(helped)]


def near(
    space: Sequence[Setting], best: Sequence[dict[str, Value]], tried: Sequence[dict[str, Value]],
    rng: np.random.Generator,
) -> dict[str, Value]:
    """A trial that has one or two settings other than one of the `BEST` of `best` (changes, the best first).

    One that differs from all of `tried` (changes), unless `DRAWS` draws find none.
    """
    chosen = defaults(tuple(space))
    for _ in range(DRAWS):
        chosen = {**defaults(tuple(space)), **best[int(rng.integers(min(BEST, len(best))))]}
        for place in rng.choice(len(space), size=min(len(space), int(rng.integers(1, 3))), replace=False):
            chosen[space[place].name] = _other(space[place], chosen[space[place].name], rng)
        if changes(tuple(space), chosen) not in tried:
            break
    return chosen


def _other(setting: Setting, value: Any, rng: np.random.Generator) -> Value:
    """Another value of a setting: any of a choice, of a range one not far away."""
    if setting.range:
        low, high = map(float, setting.values)
        return float(np.clip(value * np.exp(STEP * rng.normal()), low, high))
    others = [one for one in setting.values if one != value]
    return others[int(rng.integers(len(others)))]


def _worth_trying(setting: Setting) -> Iterator[Value]:
    """The values of one setting that are worth a trial of their own, the likeliest first."""
    usual: Any = setting.default
    if setting.range:
        if setting.values[0] <= (slower := SLOWER * usual) <= setting.values[1]:
            yield slower
    elif setting.name == "context_length":
        yield from (end(those) for end, those in ((max, [one for one in setting.values if usual < one <= 2 * usual]),
                                                  (min, [one for one in setting.values if one < usual])) if those)
    elif setting.name in ("hidden", "batch_size"):  # half as many, else twice
        yield from [one for one in (usual // 2, 2 * usual) if one in setting.values][:1]
    elif setting.name == "dropout":
        yield from (one for one in (0.1, 0.5, 0.3) if one != usual)
    elif setting.name == "season":  # none at first, then each alone
        yield from (one for one in reversed(setting.values) if one != usual)
    else:
        yield from (one for one in ("asinh", "log", "none", "lstm", "mingru", "gru", 1, 2)
                    if one in setting.values and one != usual)
