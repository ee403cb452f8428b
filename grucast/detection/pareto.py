"""The generalised Pareto law of what lies above a level, and its fit to a few peaks.

Above a high level the excess x of almost any quantity follows P(X > x) = (1 + shape x / scale)^(-1 / shape)
(Pickands 1975); shape 0 is the exponential, above 0 the tail is heavy, below 0 it ends. With tens of peaks the
likelihood says little about the shape, and its maximum wanders; so the shape gets a normal prior and both are
averaged over the posterior, on a grid. It needs no iteration that could fail, so the running rule fits with it too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grucast.core.arrays import Array

PRIOR_SHAPE = 0.0  # exponential: scores are averages of errors, or logarithms
PRIOR_SPREAD = 0.2
SHAPES = np.linspace(-0.55, 0.85, 29)
SCALES = np.exp(np.linspace(-1.2, 1.2, 61))  # relative to the mean excess
EXPONENTIAL = 1e-6  # a shape nearer to zero than this is zero


@dataclass(frozen=True, slots=True)
class Tail:
    """A generalised Pareto tail above `start`, which a share `share` of the rows exceeds."""

    start: float
    scale: float
    shape: float
    share: float

    def survival(self, score: Array) -> Array:
        """The share of rows above `score` (T,), for scores from `start` on; 1 × `share` at `start`."""
        excess = np.maximum(np.asarray(score, dtype=float) - self.start, 0.0) / self.scale
        if abs(self.shape) < EXPONENTIAL:
            return self.share * np.exp(-excess)
        inside = np.maximum(1.0 + self.shape * excess, 0.0)
        with np.errstate(divide="ignore"):
            power: Array = np.power(inside, -1.0 / self.shape)
        return self.share * power

    def quantile(self, share: float) -> float:
        """The score that a share `share` <= `self.share` of the rows exceeds; `start` for a larger one."""
        if share >= self.share:
            return self.start
        excess = np.log(self.share / share)
        if abs(self.shape) >= EXPONENTIAL:
            excess = np.expm1(self.shape * excess) / self.shape
        return float(self.start + self.scale * excess)


def fit_pareto(excess: Array) -> tuple[float, float]:
    """Scale and shape of the law of `excess` (N,), all >= 0 and not all zero; the mean of the posterior.

    The scale is averaged on the logarithm. Its prior is flat there, that of the shape N(0, 0.2²).
    """
    mean = float(excess.mean())
    posterior = _posterior(excess / mean)
    scale = float(np.exp((posterior.sum(axis=0) * np.log(SCALES)).sum()))
    return mean * scale, float((posterior.sum(axis=1) * SHAPES).sum())


def _posterior(excess: Array) -> Array:
    """The posterior weights of `SHAPES` × `SCALES` given excesses (N,) of mean 1, summing to 1."""
    log_likelihood = np.empty((len(SHAPES), len(SCALES)))
    for row, shape in enumerate(SHAPES):
        if abs(shape) < EXPONENTIAL:
            log_likelihood[row] = -excess.sum() / SCALES
            continue
        inside = 1.0 + shape * excess[:, None] / SCALES
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.where(inside > 0, np.log(inside), np.inf).sum(axis=0)
        # beyond its end a law has no mass, whatever the sign of the factor
        log_likelihood[row] = np.where(np.isfinite(logs), -(1.0 + 1.0 / shape) * logs, -np.inf)
    log_likelihood -= len(excess) * np.log(SCALES)
    log_likelihood -= 0.5 * np.square((SHAPES - PRIOR_SHAPE) / PRIOR_SPREAD)[:, None]
    weights = np.exp(log_likelihood - log_likelihood.max())
    posterior: Array = weights / weights.sum()
    return posterior
