"""Effects of known covariates, as a network begins with them."""

import math

import numpy as np
import pytest

from grucast.core.config import ModelConfig, WindowSpec
from grucast.networks.network import Network
from grucast.preprocessing.windows import Source, cutoffs_between, flatten
from grucast.training.effects import NO_EFFECTS, Effects, fit_effects, pairs
from grucast.training.sampling import sampler_of
from grucast.training.start import Start, _path, choose_effects, start

ROWS, WINDOW = 400, WindowSpec(12, 6, 4)
SAMPLER = sampler_of(np.array([3]), np.array([300]))
VALIDATION = cutoffs_between(np.array([310]), np.array([ROWS - WINDOW.horizon]), 5)
DATA = WINDOW, 0


@pytest.fixture
def rng():
    """Draws that are the same in every run."""
    return np.random.default_rng(17)


def autoregressive(rng, share, size=1.0):
    """An AR(1) series of `ROWS` rows."""
    out = rng.normal(0.0, size, ROWS)
    for row in range(1, ROWS):
        out[row] += share * out[row - 1]
    return out


def streams_with(y, known, *, ahead=WINDOW.horizon):
    """One stream with the values `y` (T,) and covariates known ahead (T, K), neither scaled."""
    known = np.asarray(known, dtype=float)
    return flatten([Source(z=y[:, None], observed=np.isfinite(y)[:, None], scale=np.ones(1), static=np.zeros(0),
                           known=np.concatenate([known, np.zeros((ahead, known.shape[1]))]), past=np.zeros((ROWS, 0)))])


def windows():
    return SAMPLER.draw(300, np.random.default_rng(5))


# ---- effects -------------------------------------------------------------------------------------


def test_an_effect_is_found_beside_what_the_past_tells(rng):
    k = rng.normal(size=(ROWS, 2)).cumsum(axis=0)
    y = autoregressive(rng, 0.8) + 2.5 * k[:, 0] - 0.7 * k[:, 1]
    found = fit_effects((0, 1), (streams_with(y, k), WINDOW), windows(), _path, 1e-3)
    np.testing.assert_allclose(found.weight, [[2.5, -0.7]], atol=0.2)


def test_a_covariate_does_not_stand_for_the_season_that_it_keeps_step_with(rng):
    """The series has a season of its own, three times as large as that of the covariate, whose effect is only 1."""
    wave = np.sin(np.arange(ROWS) * 2 * np.pi / WINDOW.context_length)
    k = wave + rng.normal(0.0, 0.5, ROWS)
    y = 3.0 * wave + k + autoregressive(rng, 0.5, 0.3)
    found = fit_effects((0,), (streams_with(y, k[:, None]), WINDOW), windows(), _path, 1e-3)
    plain = np.polyfit(k, y, 1)[0]
    assert abs(found.weight[0, 0] - 1.0) < 0.4 < 1.0 < abs(plain - 1.0)


def test_a_column_that_is_rarely_there_is_learned_from_all_its_rows(rng):
    off = np.zeros(ROWS)
    off[::57] = 1.0
    y = autoregressive(rng, 0.6) - 8.0 * off
    found = fit_effects((0,), (streams_with(y, off[:, None]), WINDOW), windows(), _path, 1e-3)
    assert found.weight[0, 0] == pytest.approx(-8.0, abs=1.0)


def test_a_column_that_never_moves_has_no_effect(rng):
    k = np.column_stack([np.full(ROWS, 3.0), rng.normal(size=ROWS)])
    y = autoregressive(rng, 0.5) + 2.0 * k[:, 1]
    found = fit_effects((0, 1), (streams_with(y, k), WINDOW), windows(), _path, 1e-3)
    assert found.weight[0, 0] == 0.0
    assert found.weight[0, 1] == pytest.approx(2.0, abs=0.2)


def test_with_its_effect_taken_off_a_series_is_what_it_would_be_without(rng):
    k, y = rng.normal(size=(ROWS, 1)), rng.normal(size=ROWS).cumsum()
    y[40:60:3] = np.nan
    clean, moved = streams_with(np.nan_to_num(y), k), streams_with(np.nan_to_num(y + 4.0 * k[:, 0]), k)
    seen = np.isfinite(y)
    for streams in (clean, moved):
        streams.observed[:] = seen
        streams.z[~seen] = 0.0
    at = np.zeros(3, dtype=np.int64), np.array([30, 62, 200])
    wanted, found = pairs(clean, WINDOW, at), pairs(moved, WINDOW, at, Effects((0,), np.array([[4.0]])))
    np.testing.assert_allclose(found.x, wanted.x, atol=1e-5)
    np.testing.assert_allclose(found.y, wanted.y, atol=1e-5)


def test_a_covariate_that_helps_is_taken_and_one_that_says_nothing_is_shrunk_or_left(rng):
    k = rng.normal(size=(ROWS, 1))
    helped = streams_with(autoregressive(rng, 0.5, 0.3) + 2.0 * k[:, 0], k)
    effects, penalty, _ = choose_effects((0,), (helped, *DATA), SAMPLER, VALIDATION, (1e-3, NO_EFFECTS))
    assert penalty == 1e-3
    assert effects.weight[0, 0] == pytest.approx(2.0, abs=0.2)
    harmed = streams_with(autoregressive(rng, 0.5), k)
    effects, _, _ = choose_effects((0,), (harmed, *DATA), SAMPLER, VALIDATION, (1e-3, NO_EFFECTS))
    assert effects is None or abs(effects.weight[0, 0]) < 0.2


def test_a_network_begins_with_the_effects_that_were_given_and_with_none_where_there_were_none(rng):
    k = rng.normal(size=(ROWS, 2))
    streams = streams_with(autoregressive(rng, 0.5, 0.3) - 3.0 * k[:, 1], k)
    model = ModelConfig(hidden=3, known=2, effects=(1,), linear_rank=-1)
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    one, two = Network(model, WINDOW), Network(model, WINDOW)
    start(one, (streams, *DATA), SAMPLER, nothing, Start(1e-2, 1e-3))
    start(two, (streams, *DATA), SAMPLER, nothing, Start(1e-2, NO_EFFECTS))
    assert one.effects.straight.item() == pytest.approx(-3.0, abs=0.2)
    assert two.effects.straight.item() == 0.0


def test_what_a_network_began_with_is_found_once_and_used_again(rng):
    k = rng.normal(size=(ROWS, 1))
    streams = streams_with(autoregressive(rng, 0.5, 0.3) + k[:, 0], k)
    model = ModelConfig(hidden=3, known=1, effects=(0,), linear_rank=-1)
    one, two = Network(model, WINDOW), Network(model, WINDOW)
    found = start(one, (streams, *DATA), SAMPLER, VALIDATION)
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    assert math.isfinite(found.effects)
    assert start(two, (streams, *DATA), SAMPLER, nothing, found) == found
    np.testing.assert_array_equal(one.effects.straight.detach(), two.effects.straight.detach())
