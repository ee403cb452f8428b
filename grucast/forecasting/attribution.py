"""What made a forecast: integrated gradients over all inputs of the network, and the forecast taken apart.

Sundararajan, Taly & Yan 2017 (arXiv 1703.01365), equation 1. With F the forecast in the units of the file, x the
inputs of a window and x' the baseline,

    contribution_i = (x_i - x'_i) * integral over a from 0 to 1 of dF/dx_i (x' + a (x - x'))

The baseline is the flat window: every past value as the last one, covariates at their mean. A window is anchored at
that value, so x' is zero. A row that was not observed has contributed nothing: what it was filled with is a weighted
sum of rows that were (`preprocessing/windows.py`), and by these weights its contribution is theirs.
Contributions sum to F(x) - F(x') (completeness, their proposition 1). The networks have kinks, at which the
integrand jumps; but over each piece of the path the contributions must sum to the change of F, which is known. So
the pieces that miss it most are halved, until the whole is complete (Gauss-Legendre in each piece).

`parts` takes the same forecast apart by what the network is made of: the sum of last value, season tables, effects of
covariates, smoothing, linear path and recurrent network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, cast

import numpy as np

from grucast.core.arrays import Array, Ints
from grucast.core.config import ModelConfig, WindowSpec
from grucast.forecasting.predict import Forecaster
from grucast.inference.heads import effect_parts, linear_path, quantiles, season_parts
from grucast.inference.network import core_of, normalise
from grucast.inference.predict import chunk_size, predict
from grucast.inference.tape import Tape, Traced
from grucast.inference.weights import Weights, below
from grucast.preprocessing.repeats import rows_within
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import Windows, fill_holes

PIECES, NODES = 2, 8  # of the path from the baseline, and points of the integral in each of them
MOST = 4096  # points in all
ENOUGH = 1e-3  # of the forecast's distance from the baseline: contributions that miss it by less are complete
INPUTS = ("x", "known", "past", "static")  # of a window
TAPED = 8  # times the memory of a forecast that its derivative takes


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What turns a forecast of one stream from scales to the units of the file: (moved + level) * scale.

    Moved is the network's median as far as it is trusted, and what the series repeats (`forecasting/repeats.py`):
    `rows` (H,) of the context and their `shares` (H,).
    """

    transform: Transform  # of one channel
    scale: float  # 0 where the series never moved: then every forecast is its last value
    trusted: float
    rows: Ints | None = None
    shares: Array | None = None

    def values(self, median: Any, x: Any, level: float) -> Any:
        """Values (B, H) from the network's medians (B, H) and contexts (B, L), arrays or traced ones."""
        return self.shown(self.own(median) if self.shares is None else self.own(median) + self.repeated(x), level)

    def own(self, median: Any) -> Any:
        """The network's part of the way from the last value, in scales."""
        part = self.trusted if self.scale > 0 else 0.0
        return median * (part if self.shares is None else part * (1.0 - self.shares))

    def repeated(self, x: Any) -> Any:
        """The part of the way that is repeated, in scales."""
        return x[:, self.rows] * self.shares

    def shown(self, moved: Any, level: float) -> Any:
        """Values in the units of the file."""
        return self.transform.backward((moved + level) * self.size)

    @property
    def size(self) -> float:
        """What the values were divided by."""
        return self.scale if self.scale > 0 else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Contributions to a forecast in the units of the file; `forecast` and `baseline` are sums over its steps."""

    forecast: float
    baseline: float  # of the flat window
    x: Array  # (L,) of past values
    known: Array  # (L + H, K) of covariates known ahead
    past: Array  # (L, P) of covariates known so far
    static: Array  # (S,)
    points: int

    @property
    def total(self) -> float:
        """The sum of all contributions."""
        return float(sum(one.sum() for one in (self.x, self.known, self.past, self.static)))

    @property
    def error(self) -> float:
        """How far the contributions miss what they should sum to, as a share of it; 0 where both are nothing."""
        wanted = abs(self.forecast - self.baseline)
        missed = abs(self.total - (self.forecast - self.baseline))
        if missed <= 1e-12 * (abs(self.forecast) + abs(self.baseline)):
            return 0.0
        return missed / wanted if wanted else math.inf


def unit_of(forecaster: Forecaster, window: Windows, scale: float) -> Unit:
    """The unit of the stream of one window with this scale."""
    channel = int(window.channel[0])
    transform = replace(forecaster.transform, unit=forecaster.transform.unit[channel : channel + 1])
    rows, shares = rows_within(window, forecaster.window.horizon)
    if not shares.any():
        return Unit(transform, scale, float(forecaster.trusted[channel]))
    return Unit(transform, scale, float(forecaster.trusted[channel]), rows[0], shares[0])


def attribute(forecaster: Forecaster, window: Windows, unit: Unit, steps: Ints) -> Attribution:
    """The contributions to the sum of the forecast over `steps` (n,), counted from 0, of one window.

    `forecaster` must be `precise`. Bounds of the forecast (`--min`, `--max`) are not looked at. OverflowError where
    inputs are so large that there is nothing to share out.
    """
    path = _Path(forecaster, window, unit, steps)
    pieces = [path.piece(place / PIECES, 1.0 / PIECES) for place in range(PIECES)]
    baseline, forecast = path.values(np.array([0.0, 1.0])).tolist()
    while True:
        if not math.isfinite(forecast + sum(one.gap for one in pieces)):
            raise OverflowError("the forecast is no finite number, or what made it is none")
        mean = {name: np.sum([one.mean[name] for one in pieces], axis=0) for name in pieces[0].mean}
        mean["x"] = _of_seen(mean["x"], window, forecaster.window)
        found = Attribution(forecast, baseline, points=NODES * len(pieces),
                            **{name: value[0] * mean[name] for name, value in path.inputs.items()})
        if found.error <= ENOUGH or found.points >= MOST:
            return found
        limit = 0.5 * max(abs(one.gap) for one in pieces)
        worst = [one for one in pieces if abs(one.gap) >= limit]
        pieces = [one for one in pieces if abs(one.gap) < limit]
        pieces += [path.piece(one.start + half * one.width / 2, one.width / 2) for one in worst for half in (0, 1)]


def _of_seen(slopes: Array, window: Windows, spec: WindowSpec) -> Array:
    """Slopes by each row of x (L,), those by filled rows carried to the rows that they were filled from."""
    seen, there = window.seen[0] > 0, window.mask[0] > 0
    if (seen == there).all():
        return slopes
    each = np.eye(len(seen))[seen]  # (n, L): what is filled in for 1 in one row and 0 in the others
    filled, _ = fill_holes(each, np.tile(seen, (len(each), 1)), np.tile(there, (len(each), 1)), spec.fill)
    out = np.zeros(len(seen))
    out[seen] = slopes[seen] + filled[:, ~seen] @ slopes[~seen]
    return out


class _Piece(NamedTuple):
    """The integral over a piece of the path; `gap` is what its contributions miss of the change of the forecast."""

    start: float
    width: float
    mean: dict[str, Array]
    gap: float


class _Path:
    """The forecast of one window on the way from the baseline."""

    def __init__(self, forecaster: Forecaster, window: Windows, unit: Unit, steps: Ints) -> None:
        self.forecaster, self.window, self.unit, self.steps = forecaster, window, unit, steps
        self.inputs = {name: getattr(window, name).astype(np.float64) for name in INPUTS}
        self.level = float(window.level[0])
        self.size = max(1, chunk_size(forecaster.model, forecaster.window) // TAPED)

    def values(self, shares: Array) -> Array:
        """The forecast, summed over the steps, (m,), at `shares` (m,) of the way."""
        windows = self._at(shares)
        found: Array = self.unit.values(self._median(windows), windows.x, self.level)[:, self.steps].sum(axis=1)
        return found

    def piece(self, start: float, width: float) -> _Piece:
        """The integral of the gradient over a piece of the way."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        nodes, weights = start + 0.5 * width * (nodes + 1.0), 0.5 * width * weights
        mean = {name: np.zeros(value.shape[1:]) for name, value in self.inputs.items()}
        for first in range(0, NODES, self.size):
            part = slice(first, first + self.size)
            for name, slope in self._slopes(nodes[part]).items():
                mean[name] += np.tensordot(weights[part], slope, axes=1)
        before, after = self.values(np.array([start, start + width])).tolist()
        total = sum(float((self.inputs[name] * one).sum()) for name, one in mean.items())
        return _Piece(start, width, mean, total - (after - before))

    def _slopes(self, shares: Array) -> dict[str, Array]:
        """The gradient (m, ...) by each input at `shares` (m,) of the way."""
        tape, windows = Tape(), self._at(shares)
        leaves = {name: tape.leaf(getattr(windows, name)) for name in INPUTS}
        median = self._median(replace(windows, **cast("dict[str, Any]", leaves)))
        value: Traced = self.unit.values(median, leaves["x"], self.level)
        return dict(zip(INPUTS, tape.gradients(value[:, self.steps], list(leaves.values())), strict=True))

    def _at(self, shares: Array) -> Windows:
        """The window once for each of `shares` (m,) of the way."""
        wide = {one.name: np.repeat(getattr(self.window, one.name), len(shares), axis=0)
                for one in fields(self.window)}
        scaled = {name: shares.reshape(-1, *[1] * (one.ndim - 1)) * one for name, one in self.inputs.items()}
        return Windows(**wide | scaled)

    def _median(self, windows: Windows) -> Any:
        """The medians (m, H) of the network in scales, less the level of the window."""
        model = replace(self.forecaster.model, narrow=0)
        said: Any = predict(self.forecaster.members, model, self.forecaster.window, windows)
        return said[:, :, model.quantile_levels.index(0.5)]


# ---- by the parts of the network -----------------------------------------------------------------


def parts(forecaster: Forecaster, window: Windows, unit: Unit) -> dict[str, Array]:
    """The median of one window as a sum over parts of the network, (H,) each, in the units of the file.

    `last value` and whichever there are of `season`, `covariates` (what the rows ahead have more of them than the last
    one), `smoothing`, `linear`, `network`, `repeated`. With a transform, which is not a sum, each part has of
    the way from the last value what it has in transformed units: the contribution that the equation above gives it.
    """
    each = [_parts(one, forecaster.model, forecaster.window, window) for one in forecaster.members]
    level = float(window.level[0])
    moved = {name: unit.own(np.mean([one[name] for one in each], axis=0)) for name in each[0]}
    if unit.shares is not None:
        moved["repeated"] = unit.repeated(window.x.astype(np.float64))[0]
    whole = np.sum(list(moved.values()), axis=0)
    last = unit.shown(np.zeros_like(whole), level)
    nearby = np.where(np.abs(whole) > 1e-9, whole, 1e-6)  # where the parts cancel out: the slope there
    slope = (unit.shown(nearby, level) - last) / nearby
    return {"last value": last} | {name: one * slope for name, one in moved.items()}


def _parts(weights: Weights, model: ModelConfig, spec: WindowSpec, window: Windows) -> dict[str, Array]:
    """The parts (H,) of one network in scales, the last value not among them."""
    core, given = core_of(weights, model, spec), normalise(weights, model, spec, window)
    decoded = core.decode(core.encode(given.x, window), window)
    said = quantiles(below(weights, "head"), decoded, model.quantile_levels)[0, : spec.horizon]
    spread, out = float(given.spread[0, 0]), dict[str, Array]()
    ahead = np.zeros(spec.horizon) if given.ahead is None else given.ahead[0].astype(np.float64)
    if model.seasonal:
        out["season"] = season_parts(below(weights, "seasons"), model, spec, window)[1][0].astype(np.float64)
    if model.effects:
        out["covariates"] = effect_parts(below(weights, "effects"), model, spec, window)[1][0].astype(np.float64)
    if model.structure.hybrid == "es":
        out["smoothing"] = ahead - sum(out.values())
    if model.linear_rank:
        out["linear"] = linear_path(below(weights, "linear"), given.x)[0].astype(np.float64) * spread
    out["network"] = said[:, model.quantile_levels.index(0.5)].astype(np.float64) * spread
    return out
