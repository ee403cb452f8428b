"""Closing prices of five invented shares, of which nobody can know more than the last price, with labelled faults."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample_data.table import SEED, Fault, Floats, Sample, labels, rounded, scattered, sizes_for, stream

FIRST_DAY = np.datetime64("2015-05-04", "D")
ROWS = 2_520
FAULT_SIZES = (8.0, 12.0, 20.0)
FAT_FINGERS = 9
STUCK_ROWS = (3, 4, 5, 7)
DAYS_A_YEAR = 260.0  # weekdays


@dataclass(frozen=True)
class Share:
    """One company: first price, dependence on the market, and the deviation of what is its own, in shares of a year."""

    ticker: str
    price: float
    beta: float
    own: float


SHARES = (
    Share("AXOLT", 34.20, 0.8, 0.16),
    Share("BRYNN", 112.50, 1.1, 0.20),
    Share("CORVY", 18.75, 1.3, 0.26),
    Share("DUSKA", 61.00, 0.5, 0.12),
    Share("ELMOR", 240.00, 1.2, 0.26),
)
MARKET = 0.15  # deviation of the market's return in a year


def stock(seed: int = SEED, *, rows: int = ROWS, fault_sizes: Sequence[float] = FAULT_SIZES) -> Sample:
    """Give closing prices of `rows` weekdays, `date`, a column a ticker, `label`.

        price_i[t] = price_i[t-1] * exp(beta_i * market[t] + own_i[t])

    where the market and each share's own part are `returns` of their own. Given the past, every return is symmetric
    about zero: at every horizon the last price is the median of the prices to come, and no forecast has a smaller
    expected absolute error.

    Faults: `fat_finger` multiplies one price of one day by exp(size * deviation of that share's daily return), sizes
    in turn, up or down; `stuck` repeats the last row of all shares for some days. No sizes: no faults.
    """
    rng = stream(seed, "stock")
    market = returns(rng, rows, MARKET, jumps_a_year=1.0)
    log_returns = np.stack(
        [share.beta * market + returns(rng, rows, share.own, jumps_a_year=4.0) for share in SHARES], axis=1
    )  # (T, C)
    log_returns[0] = 0.0
    prices = np.array([share.price for share in SHARES]) * np.exp(np.cumsum(log_returns, axis=0))
    faults = _faults(stream(seed, "stock faults"), rows, fault_sizes)
    for fault in faults:
        if fault.kind == "stuck":
            prices[fault.start : fault.stop] = prices[fault.start - 1]
        else:
            channel = [share.ticker for share in SHARES].index(fault.column)
            prices[fault.start, channel] *= np.exp(fault.size * np.std(log_returns[:, channel]))
    days = np.busday_offset(FIRST_DAY, np.arange(rows)).astype(str)
    quoted = {share.ticker: rounded(prices[:, channel], 2) for channel, share in enumerate(SHARES)}
    return Sample({"date": days, **quoted, "label": labels(rows, faults)}, dict.fromkeys(quoted, ".2f"), tuple(faults))


def returns(rng: np.random.Generator, rows: int, yearly: float, *, jumps_a_year: float) -> Floats:
    """Give daily log returns (rows,) with clustered volatility, GARCH(1,1), and Poisson jumps.

        r[t] = s[t] * e[t] + jump[t],   s2[t+1] = w + 0.10 * (s[t] * e[t])^2 + 0.88 * s2[t],   e normal
        w = 0.02 * yearly^2 / 260,      jump[t] = the sum of Poisson(jumps_a_year / 260) normals of 4 daily deviations

    Bollerslev 1986, J. Econometrics 31:307-327, eq. 1 to 3; Merton 1976, J. Financial Economics 3:125-144.
    """
    daily = yearly / np.sqrt(DAYS_A_YEAR)
    shocks = rng.standard_normal(rows)
    counts = rng.poisson(jumps_a_year / DAYS_A_YEAR, rows)
    jumps: Floats = 4.0 * daily * np.sqrt(counts) * rng.standard_normal(rows)
    diffusion: Floats = np.empty(rows)
    variance = daily**2
    for t, shock in enumerate(shocks.tolist()):
        diffusion[t] = np.sqrt(variance) * shock
        variance = 0.02 * daily**2 + 0.10 * variance * shock**2 + 0.88 * variance
    return diffusion + jumps


def _faults(rng: np.random.Generator, rows: int, fault_sizes: Sequence[float]) -> list[Fault]:
    if not fault_sizes:
        return []
    lengths = rng.permutation((0,) * FAT_FINGERS + STUCK_ROWS).tolist()  # 0: a fat finger
    starts = scattered(rng, len(lengths), (rows // 10, rows - 10), room=15).tolist()
    sizes = iter(sizes_for(rng, FAT_FINGERS, fault_sizes).tolist())
    tickers = iter([SHARES[i].ticker for i in rng.integers(0, len(SHARES), FAT_FINGERS)])
    return [
        Fault("stuck", "*", start, start + length, 0.0)
        if length
        else Fault("fat_finger", next(tickers), start, start + 1, next(sizes))
        for length, start in zip(lengths, starts, strict=True)
    ]
