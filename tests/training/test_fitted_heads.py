"""The head that rebuilds the window, and the law of the states: closed forms, against other routes to them."""

import numpy as np
import pytest

from grucast.core.config import ModelConfig, WindowSpec
from grucast.inference.network import outputs
from grucast.inference.weights import rounded, short
from grucast.preprocessing.windows import gather
from grucast.training import rebuild
from grucast.training.rebuild import RIDGE, with_rebuild
from tests.making import random_streams, torch_network, weights_of

WINDOW = WindowSpec(context_length=14, horizon=9, segment=4)
NAMES = {"rebuild.down.weight": (3, 12), "rebuild.down.bias": (3,), "rebuild.up.weight": (14, 3),
         "rebuild.up.bias": (14,), "state.mean": (12,), "state.whiten": (12, 12)}  # fmt: skip


def model_of(**more) -> ModelConfig:
    settings = {"hidden": 6, "layers": 2, "channels": 3, "narrow": 3, "quantile_levels": (0.1, 0.5, 0.9)}
    return ModelConfig(**(settings | more))


def bare(model, **more):
    """Weights without the arrays that are fitted here."""
    weights = weights_of(torch_network(model, WINDOW, **more))
    return {name: value for name, value in weights.items() if not name.startswith(("rebuild.", "state."))}


def every_cutoff(lengths=(90, 47), channels=3):
    """All windows with a whole context, (stream, cutoff)."""
    pairs = [(3 * series + channel, cutoff) for series, rows in enumerate(lengths)
             for channel in range(channels) for cutoff in range(14, rows + 1)]  # fmt: skip
    return tuple(np.array(pairs).T)


def pairs(seed: int, states=9, columns=7, rows=60):
    """States (rows, D) of very different sizes and windows (rows, L) that depend on them with noise."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(rows, states)) @ rng.normal(size=(states, states)) + rng.normal(size=states)
    return a, a @ rng.normal(size=(states, columns)) + rng.normal(size=(rows, columns)) + 5.0


def penalised(a, b, product) -> float:
    """What the map is to make small: squares missed and the ridge's penalty."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    penalty = RIDGE * (a**2).sum() / a.shape[1]
    return float(((b - a @ product) ** 2).sum() + penalty * (product**2).sum())


# ---- the map -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 4, 6])
def test_no_map_of_the_rank_is_better_found_by_alternating_least_squares(rank):
    a, b = pairs(rank)
    narrow, wide = rebuild._reduced_rank(a, b, rank)
    assert narrow.shape == (9, rank)
    assert wide.shape == (rank, 7)
    found = penalised(a, b, narrow @ wide)
    # augmented rows carry the penalty; then each half is a plain least squares given the other
    centred, targets = a - a.mean(axis=0), b - b.mean(axis=0)
    root = np.sqrt(RIDGE * (centred**2).sum() / 9)
    tall, wanted = np.vstack([centred, root * np.eye(9)]), np.vstack([targets, np.zeros((9, 7))])
    rng = np.random.default_rng(0)
    for _ in range(3):
        right = rng.normal(size=(rank, 7))
        for _ in range(600):
            left = np.linalg.lstsq(tall, wanted @ np.linalg.pinv(right), rcond=None)[0]
            right = np.linalg.lstsq(tall @ left, wanted, rcond=None)[0]
        assert found <= penalised(a, b, left @ right) * (1 + 1e-9)
    assert penalised(a, b, left @ right) == pytest.approx(found, rel=1e-5)  # and the best of them is this one


@pytest.mark.parametrize("rank", [7, 8, 20])
def test_a_rank_that_does_not_bind_gives_the_ridge(rank):
    a, b = pairs(3)
    narrow, wide = rebuild._reduced_rank(a, b, rank)
    centred, targets = a - a.mean(axis=0), b - b.mean(axis=0)
    root = np.sqrt(RIDGE * (centred**2).sum() / 9)
    tall, wanted = np.vstack([centred, root * np.eye(9)]), np.vstack([targets, np.zeros((9, 7))])
    np.testing.assert_allclose(narrow @ wide, np.linalg.lstsq(tall, wanted, rcond=None)[0], atol=1e-9)


def test_the_penalised_error_falls_with_every_number_more():
    a, b = pairs(4)
    errors = [penalised(a, b, np.matmul(*rebuild._reduced_rank(a, b, rank))) for rank in range(1, 8)]
    assert (np.diff(errors) < 0).all()


def test_windows_that_are_two_numbers_of_the_state_need_two():
    a, _ = pairs(5)
    rng = np.random.default_rng(1)
    b = a @ rng.normal(size=(9, 2)) @ rng.normal(size=(2, 7)) + 3.0
    targets = b - b.mean(axis=0)

    def missed(rank: int) -> float:
        return float(np.abs((a - a.mean(axis=0)) @ np.matmul(*rebuild._reduced_rank(a, b, rank)) - targets).max())

    assert missed(1) > 0.5
    assert missed(2) < 0.02 * np.abs(targets).max()  # the ridge holds a little back
    assert missed(3) == pytest.approx(missed(2), rel=1e-6)


# ---- the arrays ----------------------------------------------------------------------------------


def test_the_arrays_are_float32_of_the_shapes_the_network_has():
    model = model_of()
    found = with_rebuild(bare(model), (model, WINDOW), random_streams((90, 47)), every_cutoff())
    assert {name: found[name].shape for name in NAMES} == NAMES
    assert all(found[name].dtype == np.float32 for name in NAMES)
    twin = weights_of(torch_network(model, WINDOW))
    assert {name: value.shape for name, value in twin.items() if name.startswith("rebuild.")} == {
        name: shape for name, shape in NAMES.items() if name.startswith("rebuild.")
    }


def test_the_arrays_are_rounded_as_a_file_holds_them():
    model = model_of()
    found = with_rebuild(bare(model), (model, WINDOW), random_streams((90, 47)), every_cutoff())
    for name, value in rounded({name: found[name] for name in NAMES}).items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert {name for name in NAMES if short(found[name]).dtype == np.float16} == {"rebuild.up.weight", "state.whiten"}


def test_the_weights_given_stay_as_they_were():
    model = model_of()
    weights = bare(model)
    found = with_rebuild(weights, (model, WINDOW), random_streams((90, 47)), every_cutoff())
    assert not any(name.startswith(("rebuild.", "state.")) for name in weights)
    assert all(found[name] is value for name, value in weights.items())


def states_and(found, model, streams, at):
    """States (B, D) of layers side by side by way of the head's own inputs, and what `outputs` says."""
    windows = gather(streams, WINDOW, *at)
    away = (rebuild.states_of(found, model, WINDOW, windows)[2] - found["state.mean"]) @ found["state.whiten"]
    return away.astype(np.float64), outputs(found, model, WINDOW, windows)


def test_whitened_states_of_the_windows_fitted_have_mean_zero_and_covariance_one():
    model, streams, at = model_of(), random_streams((90, 47)), every_cutoff()
    found = with_rebuild(bare(model, spread=0.6), (model, WINDOW), streams, at)
    away, _ = states_and(found, model, streams, at)
    covariance = away.T @ away / len(away)
    np.testing.assert_allclose(away.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=2e-3)
    assert (np.diag(covariance) <= 1 + 1e-4).all()
    assert np.diag(covariance)[-4:] == pytest.approx(np.ones(4), abs=0.02)  # the strongest directions are not held down


def test_the_usual_distance_is_one():
    model, streams, at = model_of(layers=1), random_streams((90, 47)), every_cutoff()
    found = with_rebuild(bare(model, spread=0.6), (model, WINDOW), streams, at)
    away, said = states_and(found, model, streams, at)
    np.testing.assert_allclose(said.distance, np.sqrt((away**2).mean(axis=1)), rtol=1e-4)
    assert np.sqrt((said.distance.astype(np.float64) ** 2).mean()) == pytest.approx(1.0, abs=0.02)


def test_more_numbers_rebuild_the_windows_better():
    streams, at = random_streams((90, 47)), every_cutoff()
    windows = gather(streams, WINDOW, *at)
    missed = []
    for narrow in (1, 3, 9):
        model = model_of(narrow=narrow)
        found = with_rebuild(bare(model, spread=0.6), (model, WINDOW), streams, at)
        x, _, states = rebuild.states_of(found, model, WINDOW, windows)
        rebuilt = (states - found["state.mean"]) @ found["rebuild.down.weight"].T @ found["rebuild.up.weight"].T
        missed.append(((x - x.mean(axis=0) - rebuilt) ** 2).sum())
    assert missed[1] < 0.99 * missed[0]
    assert missed[2] < 0.99 * missed[1]


# ---- edges ---------------------------------------------------------------------------------------


NONE = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
ONE = np.array([2]), np.array([30])


@pytest.mark.parametrize("at", [NONE, ONE], ids=["no window", "one window"])
def test_too_few_windows_give_finite_arrays(at):
    model, streams = model_of(), random_streams((90, 47))
    found = with_rebuild(bare(model), (model, WINDOW), streams, at)
    assert {name: found[name].shape for name in NAMES} == NAMES
    assert all(np.isfinite(value).all() for value in found.values())
    said = outputs(found, model, WINDOW, gather(streams, WINDOW, *every_cutoff()))
    assert np.isfinite(said.rebuilt).all()
    assert np.isfinite(said.distance).all()


def test_the_one_window_fitted_is_rebuilt_as_it_was():
    model, streams = model_of(), random_streams((90, 47))
    found = with_rebuild(bare(model), (model, WINDOW), streams, ONE)
    windows = gather(streams, WINDOW, *ONE)
    np.testing.assert_allclose(outputs(found, model, WINDOW, windows).rebuilt, windows.x, atol=1e-3)


def test_windows_without_any_value_teach_nothing():
    model, streams, at = model_of(), random_streams((90, 47)), every_cutoff()
    streams.observed[: streams.start[1]] = False  # stream 0
    late = at[0] != 0
    some = with_rebuild(bare(model), (model, WINDOW), streams, (at[0][late], at[1][late]))
    all_of_them = with_rebuild(bare(model), (model, WINDOW), streams, at)
    for name in NAMES:
        np.testing.assert_array_equal(all_of_them[name], some[name], err_msg=name)


def test_after_a_constant_past_a_window_that_moves_is_far_away_but_finite():
    model = model_of(channels=1)
    streams = random_streams((90, 90), channels=1)
    streams.observed[:] = True
    streams.z[:90] = 4.0
    still = np.zeros(70, dtype=np.int64), np.arange(14, 84)
    found = with_rebuild(bare(model), (model, WINDOW), streams, still)
    before = outputs(found, model, WINDOW, gather(streams, WINDOW, *still))
    after = outputs(found, model, WINDOW, gather(streams, WINDOW, still[0] + 1, still[1]))
    np.testing.assert_allclose(before.rebuilt, 0, atol=1e-5)
    assert before.distance.max() < 0.1  # rounding is no movement
    assert np.isfinite(after.distance).all()
    assert after.distance.min() > 10
    assert after.distance.max() < 1e5


# ---- many windows --------------------------------------------------------------------------------


def test_few_windows_are_all_taken():
    np.testing.assert_array_equal(rebuild._spread(rebuild.MOST_WINDOWS), np.arange(rebuild.MOST_WINDOWS))
    assert len(rebuild._spread(0)) == 0


@pytest.mark.parametrize("days", [1.01, 7, 24, 24.5, 168])
@pytest.mark.parametrize("season", [7, 24, 168])
def test_of_many_windows_every_hour_of_a_season_is_taken_alike(days, season):
    count = int(days * rebuild.MOST_WINDOWS)
    places = rebuild._spread(count)
    assert len(places) == rebuild.MOST_WINDOWS
    assert places[0] >= 0
    assert places[-1] < count
    assert (np.diff(places) >= 0).all()
    hours = np.bincount(places % season, minlength=season) / (rebuild.MOST_WINDOWS / season)
    assert hours.min() > 0.5
    assert hours.max() < 1.5
