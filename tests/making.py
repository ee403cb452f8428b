"""Small windows, networks and panels for the tests of several rooms."""

from __future__ import annotations

import numpy as np

from grucast.core.arrays import Array32
from grucast.core.config import ModelConfig, WindowSpec
from grucast.core.series import STAMP, Clock, Columns, Layout, Panel, Series
from grucast.preprocessing.windows import Source, Streams, flatten


def random_sources(
    lengths: tuple[int, ...], *, channels: int = 3, covariates: tuple[int, int, int] = (0, 0, 0), ahead: int = 9
) -> list[Source]:
    """One source for each of `lengths`, a fifth of its values missing, known covariates `ahead` rows beyond its end."""
    rng = np.random.default_rng(sum(lengths) + channels)
    known, past, static = covariates
    out = []
    for number, rows in enumerate(lengths):
        observed = rng.random((rows, channels)) < 0.8
        z = np.where(observed, rng.normal(size=(rows, channels)).cumsum(axis=0), 0.0)
        out.append(
            Source(
                z=z,
                observed=observed,
                known=rng.normal(size=(rows + ahead, known)),
                past=rng.normal(size=(rows, past)),
                static=rng.normal(size=static),
                scale=rng.uniform(0.5, 2.0, channels),
                origin=11 * number,
            )
        )
    return out


def random_streams(lengths: tuple[int, ...] = (40, 23), **more) -> Streams:
    """The streams of `random_sources`."""
    return flatten(random_sources(lengths, **more))


def torch_network(model: ModelConfig, window: WindowSpec, *, seed: int = 0, spread: float = 0.3):
    """A network in torch, in service, every weight of it drawn from a normal distribution."""
    import torch

    from grucast.networks.network import Network

    torch.manual_seed(seed)
    network = Network(model, window)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, spread)
    return network.eval()


def weights_of(network) -> dict[str, Array32]:
    """The weights of a network in torch, as NumPy has them."""
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


def series_of(y, *, unique_id: str = "", observed=None, first: str = "2024-01-01", known=None, past=None) -> Series:
    """An hourly series of values y (T,) or (T, C); lines count from 2, below a header."""
    values = np.asarray(y, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    rows = len(values)
    seen = np.isfinite(values) if observed is None else observed
    ds = (np.datetime64(first, "h") + np.arange(rows)).astype(STAMP)
    none = np.zeros((rows, 0))
    return Series(
        unique_id,
        ds,
        values,
        seen,
        none if known is None else np.asarray(known, dtype=np.float64),
        none if past is None else np.asarray(past, dtype=np.float64),
        np.zeros(0),
        np.arange(rows) + 2,
    )


def hourly_panel(*members: Series) -> Panel:
    """A panel of hourly series; channels are called a, b, c, ..."""
    channels = tuple("abcdefgh"[: members[0].y.shape[1]])
    return Panel(members, Layout(columns=Columns(target=channels), clock=Clock(freq="h")))
