"""A hum: a weak, lone wave of a few rows, such as that of the mains in the trace of a heart.

All its multiples correlate alike, and lift what is no season above what chance allows.
"""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array

ROWS = 1000  # below, a line is no narrower than what is beside it
WAVE = 8  # rows; a hum is shorter
LEAST = 0.05  # of the power of the changes: less does no harm
ABOVE = 50.0  # times the power beside it
LONE = 5.0  # times the power of another line as short, and of a longer wave that it could be a part of
WIDTH = 1 / 2000  # of all frequencies, to either side: the mains waver
PARTS = (1 / 2, 1 / 3, 2 / 3, 1 / 4, 3 / 4, 1 / 5, 2 / 5, 3 / 5, 4 / 5)  # of its frequency, where longer waves lie


def without_hum(column: Array, changes: Array, below: float) -> Array:
    """The `column` (T,) without its hum; the very same where it has none. NaN stays NaN.

    A hum is a line in the spectrum of the `changes` (T - 1,), from row to row and without the wildest, that has less
    than `below` of their power (with more it is a season of its own) and no company: the waves of a season that is
    no sine are a comb of lines.
    """
    found = _line(changes, below)
    if found is None:
        return column
    known = np.isfinite(column)
    middle = float(np.median(column[known]))
    filled = np.where(known, column - middle, 0.0)
    waves = np.fft.rfft(filled)
    low, high = (np.array(found) * len(waves)).astype(int)
    waves[low : high + 1] = 0.0
    return np.where(known, np.fft.irfft(waves, len(column)) + middle, np.nan)


def _line(changes: Array, below: float) -> tuple[float, float] | None:
    """Where the hum begins and ends, as shares of the highest frequency; None for no hum."""
    rows, known = len(changes), np.isfinite(changes)
    if known.sum() < ROWS:
        return None
    filled = np.where(known, changes - changes[known].mean(), 0.0)
    power = np.abs(np.fft.rfft(filled * np.hanning(rows))) ** 2
    total, width = float(power.sum()), max(3, int(rows * WIDTH))
    short = 2 * len(power) // WAVE
    peak = short + int(np.argmax(power[short:]))
    here = slice(peak - width, peak + width + 1)
    line = float(power[here].sum())
    beside = float(np.median(power[max(peak - 40 * width, 0) : peak + 40 * width])) * (2 * width + 1)
    if not LEAST * total <= line < below * total or line < ABOVE * beside:
        return None
    power[here] = 0.0
    others = [short + int(np.argmax(power[short:])), *(round(peak * part) for part in PARTS)]
    if LONE * max(float(power[max(at - width, 0) : at + width + 1].sum()) for at in others) > line:
        return None
    return (peak - width) / len(power), (peak + width) / len(power)
