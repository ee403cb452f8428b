"""The simple detectors that stand beside grucast: a ridge autoregression and an isolation forest.

Arrays in, a score for each row out, higher is stranger. Both are fitted on the first `train` rows only and read
rows in order. They are the floor: a network that does not beat them earns nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

Floats = NDArray[np.float64]

LAGS = 100
PENALTY = 1.0  # added to the sums of squares of the standardised lags
GATHERED = 100  # rows of the centred mean, and of the forest's windows
TRAILING = 0.05  # weight of the newest row in the trailing mean
FEWEST = 1e-6  # a channel whose error deviates by less than this while it is trained on keeps its own scale
TREES = 100


def ridge_floor(x: Floats, train: int, mode: str) -> Floats:
    """The absolute error of a ridge autoregression of 100 lags, averaged over rows around (`offline`) or before each.

    `x` is (T, C), the result (T,). A channel at a time, in deviations of its training rows; the average is centred over
    100 rows, or exponential over the rows up to this one. Of several channels the largest counts, each divided
    by the deviation of its error while it was trained on. The first rows, which have no context, score 0.
    """
    lags = min(LAGS, train // 2)
    channels = []
    for channel in range(x.shape[1]):
        error = ridge_error(x[:, channel], train, lags)
        gathered = centred(error) if mode == "offline" else trailing(error)
        spread = float(np.std(error[lags:train]))
        channels.append(gathered / spread if x.shape[1] > 1 and spread > FEWEST else gathered)
    return np.max(channels, axis=0)


def ridge_error(x: Floats, train: int, lags: int) -> Floats:
    """|x - what a ridge on the `lags` rows before says|, (T,), in deviations of the first `train` rows of x (T,)."""
    spread = float(np.std(x[:train]))
    z = (x - np.mean(x[:train])) / (spread if spread > 0 else 1.0)
    windows = sliding_window_view(z, lags + 1)
    before, now = windows[:, :-1], windows[:, -1]
    known = train - lags
    means = before[:known].mean(axis=0), now[:known].mean()
    centre = before[:known] - means[0]
    weights = np.linalg.solve(centre.T @ centre + PENALTY * np.eye(lags), centre.T @ (now[:known] - means[1]))
    error = np.zeros(len(x))
    error[lags:] = np.abs(now - means[1] - (before - means[0]) @ weights)
    return error


def centred(error: Floats) -> Floats:
    """The mean of the 100 rows around each row (T,); beyond both ends there is no error."""
    width = min(GATHERED, len(error))
    return np.convolve(error, np.full(width, 1.0 / GATHERED), "same")


def trailing(error: Floats) -> Floats:
    """The exponential mean (T,) of the rows up to each row."""
    gathered = np.empty_like(error)
    state = float(error[0])
    for row, value in enumerate(error.tolist()):
        state += TRAILING * (value - state)
        gathered[row] = state
    return gathered


def forest_floor(x: Floats, train: int, mode: str, seed: int) -> Floats:
    """How soon an isolation forest of 100 trees isolates the window about each row (`offline`) or up to it, (T,).

    Windows hold about 100 values of x (T, C): 100 rows of one channel, fewer of several. Rows without a whole window
    have the lowest score of all. Liu, Ting and Zhou 2008, Isolation forest.
    """
    width = min(max(1, GATHERED // x.shape[1]), train // 2)
    spread = np.std(x[:train], axis=0)
    z = (x - np.mean(x[:train], axis=0)) / np.where(spread > 0, spread, 1.0)
    windows = sliding_window_view(z, width, axis=0).reshape(len(x) - width + 1, -1)
    forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(windows[: train - width + 1])
    found = -forest.score_samples(windows)
    score = np.full(len(x), found.min())
    first = width // 2 if mode == "offline" else width - 1
    score[first:first + len(found)] = found
    return score
