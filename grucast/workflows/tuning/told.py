"""What is told of a search: its report, its summary in a sentence, its notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from grucast.workflows.tuning.finals import Final, Finalist
from grucast.workflows.tuning.study import Tried
from grucast.workflows.tuning.toml import as_json


def history_of(over: Sequence[Tried]) -> list[dict[str, Any]]:
    """One object a trial."""
    return [{**asdict(one), "settings": as_json(one.settings)} for one in over]


def choice_of(final: Final) -> dict[str, Any]:
    """The second stage: at how many origins the choice was made, and how each finalist stands there."""
    chosen = None if final.chosen is None else final.finalists[final.chosen].standing
    return {
        "origins": final.origins,
        "ratio": chosen.ratio if chosen else 1.0,
        "noise": _number(chosen.noise) if chosen else None,
        "trainings": final.bouts[0],
        "default_errors": None if final.usual is None else _errors(final.usual),
        "finalists": [_finalist(one) for one in final.finalists],
    }


def _finalist(one: Finalist) -> dict[str, Any]:
    stands = one.standing
    return {"number": one.trial.number, "settings": as_json(one.trial.settings), "errors": _errors(one),
            "ratio": stands.ratio if stands else None, "noise": _number(stands.noise) if stands else None,
            "worse": stands.worse if stands else None, "holds": bool(stands and stands.holds)}


def _errors(one: Finalist) -> list[list[float | None]]:
    """Those at each origin, the newest first; an origin that was not come to is empty."""
    return [one.errors.get(origin, []) for origin in range(max(one.errors, default=-1) + 1)]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def notes_of(over: Sequence[Tried], final: Final, trials: int) -> list[str]:
    """Where time ran out, and what the choice lacks for it."""
    notes = []
    if len(over) < trials:
        notes.append(f"time ran out after {len(over)} of {trials} trials")
    if over and not over[-1].settings and over[-1].outcome.get("cut"):
        notes.append("time ran out while the defaults were tried: their error is not that of a whole training")
    done, meant = final.bouts
    if done < meant:
        notes.append(f"time ran out after {done} of {meant} trainings of the finalists: the choice stands on "
                     f"{_origins(final.origins)}")
    return notes


def summary(report: Mapping[str, Any]) -> str:
    """What the search found, in a sentence."""
    head = (f"{report['trials']} trials, {report['pruned']} given up early: error (MASE at "
            f"{_origins(report['origins'])}) {report['error']:.4g}")
    usual, choice = report["default_error"], report["choice"]
    if usual is None:
        return head
    over = f"over {_origins(choice['origins'])}"
    if not report["settings"]:
        why = f"nothing was better by more than noise {over}" if choice["origins"] else "nothing else was tried whole"
        return f"{head}, that of the defaults: {why}"
    return (f"{head}, {usual:.4g} with the defaults; {over} {1 - choice['ratio']:.1%} lower than theirs, "
            f"give or take {choice['noise'] or 0.0:.1%}")


def _origins(count: int) -> str:
    return f"{count} origin{'s' * (count != 1)}"
