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

PRIOR_SHAPE = -0.1  # scores are averages or logarithms of errors, whose tails are a little lighter than exponential
PRIOR_SPREAD = 0.15
SHAPES = np.linspace(-0.5, 0.6, 23)
SCALES = np.exp(np.linspace(-1.2, 1.2, 33))  # relative to the mean excess
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


def fit_pareto(excess: Array, beyond: Array | None = None) -> tuple[float, float]:
    """Scale and shape of the law of `excess` (N,), all >= 0 and not all zero; the mean of the posterior.

    Of further excesses it is only known that they lie beyond `beyond` (M,). The scale is averaged on the logarithm,
    where its prior is flat; the prior of the shape is N(-0.1, 0.15²).
    """
    mean = float(excess.mean())
    weights = _posterior(excess / mean, np.empty(0) if beyond is None else beyond / mean)
    scale = float(np.exp((weights.sum(axis=0) * np.log(SCALES)).sum()))
    return mean * scale, float((weights.sum(axis=1) * SHAPES).sum())


def _posterior(excess: Array, beyond: Array) -> Array:
    """Weights of `SHAPES` × `SCALES`, sum 1, given excesses (N,) of mean 1 and bounds (M,) that others exceed."""
    log_likelihood = np.empty((len(SHAPES), len(SCALES)))
    for row, shape in enumerate(SHAPES):
        # the density is (survival)^(1 + shape) / scale
        log_likelihood[row] = (1.0 + shape) * _log_survival(excess, shape) - len(excess) * np.log(SCALES)
        if len(beyond):
            log_likelihood[row] += _log_survival(beyond, shape)
    log_likelihood -= 0.5 * np.square((SHAPES - PRIOR_SHAPE) / PRIOR_SPREAD)[:, None]
    weights = np.exp(log_likelihood - log_likelihood.max())
    posterior: Array = weights / weights.sum()
    return posterior


def _log_survival(excess: Array, shape: float) -> Array:
    """The sum over `excess` (N,) of log P(X > excess), for each of `SCALES`; -inf beyond the end of a law."""
    if abs(shape) < EXPONENTIAL:
        exponential: Array = -excess.sum() / SCALES
        return exponential
    inside = 1.0 + shape * excess[:, None] / SCALES
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(inside, 0.0)).sum(axis=0)
    return np.where(np.isfinite(logs), -logs / shape, -np.inf)
