"""What made a forecast: contributions that sum up, that are weights times inputs where all is linear, and parts."""

from dataclasses import replace

import numpy as np
import pytest

from grucast.core.config import ModelConfig, Structure, WindowSpec
from grucast.forecasting.attribution import Unit, attribute, parts, unit_of
from grucast.forecasting.errors import precise
from grucast.forecasting.predict import Forecaster, quantiles_at
from grucast.inference import CELLS, NETWORKS
from grucast.preprocessing.scaling import Transform
from grucast.preprocessing.windows import gather
from tests.making import random_streams, torch_network, weights_of

SPEC = WindowSpec(context_length=22, horizon=9, segment=4, seasons=(5,))
ALL = np.arange(9)
ALONE = {"plain": {}, "bidirectional": {"bidirectional": True}, "attention": {"attention": True}, "skip": {"skip": 3},
         "dilations": {"dilations": (1, 3)}, "conv": {"hybrid": "conv"}, "es": {"hybrid": "es", "period": 5},
         "level": {"hybrid": "es"}, "gelu": {"activation": "gelu"}}
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


def forecaster_of(*, members=1, transform="none", seasonal=(5,), linear_rank=-1, **more):
    """A small network of random weights, with every kind of covariate."""
    structure = Structure(**{key: more.pop(key) for key in Structure.__dataclass_fields__ if key in more})
    structure = replace(structure, delay=2 if more.get("cell") == "tau-gru" else 0)
    model = ModelConfig(**{"hidden": 5, "channels": 3, "known": 2, "past": 3, "static": 4, "seasonal": seasonal,
                           "linear_rank": linear_rank, "quantile_levels": LEVELS, "structure": structure,
                           "layers": len(structure.dilations) or 1} | more)
    weights = [weights_of(torch_network(model, SPEC, seed=seed)) for seed in range(members)]
    return precise(Forecaster(weights, model, SPEC, Transform(transform, np.array([1.0, 2.0, 0.5])), np.ones((9, 5)),
                              np.array([1.0, 0.6, 0.9])))


STREAMS = random_streams(covariates=(2, 3, 4))
PLACE = np.array([4]), np.array([20])  # the second channel of the second series; two rows before its begin


def window_at(place=PLACE):
    return gather(STREAMS, SPEC, *place)


def explained(forecaster, steps=ALL, place=PLACE):
    stream = int(place[0][0])
    unit = unit_of(forecaster, window_at(place), float(STREAMS.scale[stream]))
    return attribute(forecaster, window_at(place), unit, steps)


@pytest.mark.parametrize("alone", ALONE)
@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("network", NETWORKS.names())
def test_contributions_sum_to_the_distance_from_the_baseline(network, cell, alone):
    effects = (1,) if alone in ("plain", "es") else ()
    found = explained(forecaster_of(network=network, cell=cell, effects=effects, **ALONE[alone]))
    assert abs(found.total - (found.forecast - found.baseline)) <= 0.01 * abs(found.forecast - found.baseline)
    assert found.error <= 0.01


@pytest.mark.parametrize("transform", ["none", "asinh", "log"])
@pytest.mark.parametrize("steps", [ALL, np.array([3])])
def test_what_is_explained_is_the_forecast_that_is_given_out(transform, steps):
    forecaster = forecaster_of(transform=transform, members=2, cell="lstm")
    given = quantiles_at(forecaster, STREAMS, PLACE)[0, steps, LEVELS.index(0.5)]
    found = explained(forecaster, steps)
    assert found.forecast == pytest.approx(given.sum(), rel=1e-5)
    assert found.error <= 0.01


@pytest.mark.parametrize("transform", ["none", "asinh", "log"])
def test_the_baseline_is_the_forecast_of_a_flat_window_without_covariates(transform):
    forecaster = forecaster_of(transform=transform)
    flat = replace(STREAMS, z=np.full_like(STREAMS.z, float(window_at().level[0])),
                   **{name: np.zeros_like(getattr(STREAMS, name)) for name in ("known", "past", "static")})
    given = quantiles_at(forecaster, flat, PLACE)[0, :, LEVELS.index(0.5)]
    assert explained(forecaster).baseline == pytest.approx(given.sum(), rel=1e-5)


def linear_only():
    """A network of which nothing is left but the linear path: no head, no season."""
    forecaster = forecaster_of(seasonal=(), cell="gru")
    weights = {name: one * 0.0 if name.startswith("head.") else one for name, one in forecaster.members[0].items()}
    return replace(forecaster, members=[weights], trusted=np.ones(3)), weights["linear.up.weight"]


def test_of_a_linear_model_they_are_weights_times_inputs():
    forecaster, weight = linear_only()
    steps = np.array([2, 5, 6])
    found = explained(forecaster, steps)
    wanted = weight[steps].sum(axis=0) * window_at().x[0] * STREAMS.scale[4]
    np.testing.assert_allclose(found.x, wanted, rtol=1e-9, atol=1e-12)
    assert not found.known.any()
    assert not found.past.any()
    assert not found.static.any()
    assert found.points == 16


def test_rows_that_were_not_observed_contribute_nothing():
    found, mask = explained(forecaster_of(hybrid="conv")), window_at().mask[0]
    assert mask.sum() < len(mask) - 3
    assert not found.x[mask == 0].any()
    assert found.x[mask == 1].all() or window_at().anchor[0] == np.flatnonzero(mask)[-1]


@pytest.mark.parametrize("holes", [slice(8, 12), slice(16, 20)])  # inside of the context, and up to its end
def test_what_fills_a_hole_is_of_the_rows_that_it_was_filled_from(holes):
    """Of a linear model the contribution of a row is its value times the difference that one more of it makes."""
    filling = replace(SPEC, fill=(1, 5))
    forecaster, _ = linear_only()
    forecaster, start = replace(forecaster, window=filling), int(STREAMS.start[4])
    streams = replace(STREAMS, observed=STREAMS.observed.copy(), z=STREAMS.z.copy())
    streams.observed[start + holes.start : start + holes.stop] = False

    def attributed():
        window = gather(streams, filling, *PLACE)
        return attribute(forecaster, window, unit_of(forecaster, window, float(streams.scale[4])), ALL), window

    found, window = attributed()
    seen = window.seen[0] > 0
    assert found.error < 1e-6  # what is filled in is float32
    assert not found.x[~seen].any()
    assert (window.mask[0] > 0).sum() > seen.sum()
    for place in np.flatnonzero(seen)[:-1]:
        kept = streams.z[start + 20 - 22 + place]
        streams.z[start + 20 - 22 + place] = kept + 1e-3
        moved, after = attributed()
        streams.z[start + 20 - 22 + place] = kept
        if after.level[0] == window.level[0]:  # else the last row was filled from it, and the baseline moved too
            slope = (moved.forecast - found.forecast) / 1e-3
            assert found.x[place] == pytest.approx(slope * window.x[0, place], rel=1e-3, abs=1e-4)


def test_the_last_value_contributes_nothing_as_the_baseline_repeats_it():
    assert explained(forecaster_of()).x[window_at().anchor[0]] == 0.0


def test_covariates_of_every_kind_contribute():
    found = explained(forecaster_of())
    assert (np.abs(found.known).sum(axis=0) > 0).all()
    assert (np.abs(found.past).sum(axis=0) > 0).all()
    assert (found.static != 0).all()


def test_a_covariate_that_the_network_does_not_look_at_contributes_nothing():
    forecaster = forecaster_of()
    weights = dict(forecaster.members[0])
    per_row = 2 + 2 + 3  # value and mask, known, past: of each row of a segment
    embed = weights["core.embed.weight"].copy()
    embed[:, 4::per_row] = 0.0  # the first covariate known so far
    found = explained(replace(forecaster, members=[weights | {"core.embed.weight": embed}]))
    assert not found.past[:, 0].any()
    assert found.past[:, 1].any()


def test_contributions_to_all_steps_are_the_sums_of_those_to_each():
    forecaster = forecaster_of()
    each = [explained(forecaster, np.array([step])).x for step in ALL]
    np.testing.assert_allclose(explained(forecaster).x, np.sum(each, axis=0), rtol=0.02, atol=0.02)


def test_an_ensemble_contributes_the_mean_of_its_networks():
    both = forecaster_of(members=2)
    each = [explained(replace(both, members=[one])).x for one in both.members]
    np.testing.assert_allclose(explained(both).x, np.mean(each, axis=0), rtol=0.02, atol=0.02)


def test_a_share_of_trust_shares_the_contributions():
    forecaster = forecaster_of(seasonal=(), cell="mingru")
    whole, part = (explained(replace(forecaster, trusted=np.full(3, share))) for share in (1.0, 0.25))
    np.testing.assert_allclose(part.x, 0.25 * whole.x, rtol=1e-9)


def test_a_series_that_never_moved_has_no_contributions_and_repeats_its_value():
    found = attribute(forecaster_of(), window_at(), Unit(Transform("none", np.ones(1)), 0.0, 1.0), np.arange(4))
    assert found.forecast == found.baseline == pytest.approx(4 * float(window_at().level[0]))
    assert found.total == found.error == 0.0


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_sizes_near_the_ends_of_the_numbers_are_explained_alike(scale):
    forecaster = forecaster_of()
    found, usual = (attribute(forecaster, window_at(), Unit(Transform("none", np.ones(1)), size, 1.0), ALL)
                    for size in (scale, 1.0))
    np.testing.assert_allclose(found.x / scale, usual.x, rtol=1e-9)


# ---- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["none", "asinh", "log"])
@pytest.mark.parametrize("alone", ["plain", "attention", "es", "level"])
def test_the_parts_sum_to_the_forecast(transform, alone):
    forecaster = forecaster_of(transform=transform, members=2, effects=(0, 1), **ALONE[alone])
    given = quantiles_at(forecaster, STREAMS, PLACE)[0, :, LEVELS.index(0.5)]
    found = parts(forecaster, window_at(), unit_of(forecaster, window_at(), float(STREAMS.scale[4])))
    np.testing.assert_allclose(sum(found.values()), given, rtol=1e-5)


def test_the_parts_are_those_that_the_network_has():
    unit = Unit(Transform("none", np.ones(1)), 2.0, 1.0)
    bare = parts(forecaster_of(seasonal=(), linear_rank=0), window_at(), unit)
    assert list(bare) == ["last value", "network"]
    every = parts(forecaster_of(hybrid="es", period=5, effects=(1,)), window_at(), unit)
    assert list(every) == ["last value", "season", "covariates", "smoothing", "linear", "network"]


def test_the_season_part_is_what_the_tables_say_of_the_rows_ahead():
    forecaster = forecaster_of()
    table = forecaster.members[0]["seasons.tables.0"][1]  # of the second channel
    window = window_at()
    phase = (int(window.phase[0, 0]) + np.arange(22 + 9)) % 5
    moved = table[phase[22:]] - table[phase[window.anchor[0]]]
    found = parts(forecaster, window, Unit(Transform("none", np.ones(1)), 3.0, 0.5))
    np.testing.assert_allclose(found["season"], 3.0 * 0.5 * moved, rtol=1e-5)


def test_the_covariates_part_is_their_effect_on_the_rows_ahead_less_that_on_the_last_row_known():
    forecaster = forecaster_of(effects=(1,))
    weights, window = forecaster.members[0], window_at()
    k = window.known[0, :, 1].astype(float)
    bends = np.tanh(k[:, None] * weights["effects.bend.weight"][:, 0] + weights["effects.bend.bias"])
    effect = weights["effects.straight"][1, 0] * k + bends @ weights["effects.bent"][1]  # of the second channel
    found = parts(forecaster, window, Unit(Transform("none", np.ones(1)), 3.0, 0.5))
    np.testing.assert_allclose(found["covariates"], 3.0 * 0.5 * (effect[22:] - effect[window.anchor[0]]), rtol=1e-5)


def test_the_last_value_is_that_of_the_file():
    window = window_at()
    found = parts(forecaster_of(), window, Unit(Transform("none", np.ones(1)), 3.0, 1.0))
    np.testing.assert_allclose(found["last value"], 3.0 * window.level[0])


# ---- what a series repeats -----------------------------------------------------------------------

REPEATING = replace(STREAMS, lag=np.full(len(STREAMS.lag), 5), share=np.full(len(STREAMS.share), 0.3))


@pytest.mark.parametrize("transform", ["none", "asinh", "log"])
def test_what_is_repeated_is_explained_too(transform):
    forecaster = forecaster_of(transform=transform)
    given = quantiles_at(forecaster, REPEATING, PLACE)[0, :, LEVELS.index(0.5)]
    assert not np.allclose(given, quantiles_at(forecaster, STREAMS, PLACE)[0, :, LEVELS.index(0.5)], rtol=1e-4)
    window = gather(REPEATING, SPEC, *PLACE)
    unit = unit_of(forecaster, window, float(STREAMS.scale[4]))
    found = parts(forecaster, window, unit)
    assert "repeated" in found
    np.testing.assert_allclose(sum(found.values()), given, rtol=1e-5)
    shown = attribute(forecaster, window, unit, ALL)
    assert shown.forecast == pytest.approx(given.sum(), rel=1e-5)
    assert shown.error <= 0.01
