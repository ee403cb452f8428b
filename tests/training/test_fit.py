"""A fit of a tiny network: of use, the same from one seed, and blind to what it may not see."""

import math

import numpy as np
import pytest
import torch
from small_fit import ROWS, SAMPLER, VALIDATION, WINDOW, assert_same_weights, job_of, same, streams_of, trained, wave

from grucast.core.config import LOSSES, OPTIMIZERS
from grucast.inference.predict import predict_streams
from grucast.inference.weights import rounded, short
from grucast.networks.heads import LinearPath
from grucast.preprocessing.windows import cutoffs_between, gather_targets
from grucast.training import fit as fitting
from grucast.training.ensemble import train_more
from grucast.training.fit import Run, examples_at
from grucast.training.start import start_linear

# ---- what is learned -----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_training_lowers_the_loss_on_rows_that_it_did_not_see(loss, monkeypatch):
    monkeypatch.setattr(fitting, "STEPS_MAX", 30)
    monkeypatch.setattr(fitting, "STEPS_MIN", 30)
    model = {"linear_rank": 0, "dropout": 0.0}
    begun = trained(job_of(model=model, loss=loss, epochs=1, learning_rate=1e-12))[0]
    found = trained(job_of(model=model, loss=loss, epochs=5))[0]
    assert found.loss < 0.8 * begun.loss


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_down(optimizer):
    one, two = (trained(job_of(optimizer=optimizer, epochs=epochs))[0] for epochs in (1, 3))
    assert two.steps == 3 * 4
    assert two.loss < one.loss


def test_a_gradient_is_never_longer_than_the_clip(monkeypatch):
    lengths, right = [], fitting.nn.utils.clip_grad_norm_

    def watched(parameters, most):
        known = list(parameters)
        before = float(right(known, most))
        lengths.append((before, math.sqrt(sum(float((one.grad**2).sum()) for one in known if one.grad is not None))))
        return torch.tensor(before)

    monkeypatch.setattr(fitting.nn.utils, "clip_grad_norm_", watched)
    trained(job_of(epochs=1, clip=0.01))
    before, after = np.array(lengths).T
    assert before.max() > 0.01
    np.testing.assert_allclose(after, np.minimum(before, 0.01), rtol=1e-3)


def test_the_loss_that_is_told_is_that_of_the_weights_that_are_kept():
    y = wave()
    y[::9] = np.nan
    job = job_of(streams_of(y))
    found = trained(job)[0]
    quantiles, _ = predict_streams([found.weights], job.model, WINDOW, job.streams, VALIDATION)
    came, seen = gather_targets(job.streams, WINDOW.horizon, *VALIDATION)
    error, levels = came[:, :, None] - quantiles, np.asarray(job.model.quantile_levels)
    pinball = np.where(error > 0, levels * error, (levels - 1) * error)
    assert pinball[seen].mean() == pytest.approx(found.loss, rel=1e-3)  # measured before the weights were rounded


def test_the_weights_that_a_fit_hands_out_are_rounded_as_a_file_holds_them():
    job = job_of(members=2)
    found = trained(job)
    members = [one.weights for one in found]
    for anew in (True, False):
        members += train_more(job, SAMPLER, [(one.weights, one) for one in found], Run(), anew=anew)
    for weights in members:
        assert any(short(value).dtype == np.float16 for value in weights.values())
        for name, value in rounded(weights).items():
            assert value.dtype == np.float32
            np.testing.assert_array_equal(weights[name], value, err_msg=name)


def test_the_start_is_kept_where_training_makes_it_worse():
    found = trained(job_of(learning_rate=10.0, epochs=2))[0]
    assert found.steps == 0


def test_it_stops_when_validation_has_not_improved_for_the_patience():
    found = trained(job_of(learning_rate=10.0, epochs=9, patience=2))[0]
    assert found.epochs == 2


def test_without_an_observed_target_to_validate_on_it_trains_to_the_end():
    y = wave()
    y[100:] = np.nan
    found = trained(job_of(streams_of(y), epochs=2, patience=1))[0]
    assert found.steps == 2 * 4
    assert found.loss == math.inf


def test_members_differ_by_their_seed():
    one, two = trained(job_of(members=2))
    assert not same(one.weights, two.weights)


def test_a_second_member_is_the_first_of_the_next_seed():
    _, second = trained(job_of(members=2, seed=3))
    assert_same_weights([second], trained(job_of(seed=4)))


def test_a_fault_of_any_size_leaves_weights_finite():
    y = wave()
    y[[20, 50, 90]] = 1e300, -1e300, 1e30
    found = trained(job_of(streams_of(y), loss="mse"))[0]
    assert all(np.isfinite(value).all() for value in found.weights.values())


def test_a_constant_series_leaves_weights_finite():
    found = trained(job_of(streams_of(np.full(ROWS, 7.0))))[0]
    assert all(np.isfinite(value).all() for value in found.weights.values())


def test_targets_are_given_less_the_anchor_and_masked_ones_are_zero():
    y = wave()
    y[103] = np.nan
    streams = streams_of(y)
    at = np.array([0]), np.array([100])
    batch, (moves, mask) = examples_at(streams, WINDOW, at, "cpu")
    wanted = np.where(np.isfinite(y[100:106]), y[100:106] - y[99], 0.0) / streams.scale[0]
    np.testing.assert_allclose(moves[0].numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert mask[0].tolist() == [1, 1, 1, 0, 1, 1]
    np.testing.assert_allclose(batch.x[0].numpy(), (y[88:100] - y[99]) / streams.scale[0], rtol=1e-5, atol=1e-6)


# ---- the linear start ----------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [-1, 12])
def test_the_linear_path_begins_as_the_ridge(rank):
    """A wave of period 12 without noise: the ridge of a context of 12 rows tells it."""
    clean = 10 + 3 * np.sin(np.arange(ROWS) * 2 * np.pi / 12)
    streams = streams_of(clean)
    path = LinearPath(WINDOW, rank)
    start_linear(path, (streams, WINDOW, 0), SAMPLER, VALIDATION)
    batch, (moves, _) = examples_at(streams, WINDOW, (np.array([0]), np.array([120])), "cpu")
    np.testing.assert_allclose(path(batch.x)[0].detach().numpy(), moves[0].numpy(), atol=0.02)


def test_the_penalty_found_is_the_one_used_when_it_is_given():
    one, two = (LinearPath(WINDOW, -1) for _ in range(2))
    data = streams_of(wave()), WINDOW, 0
    found = start_linear(one, data, SAMPLER, VALIDATION)
    nothing = np.zeros(0, dtype=np.int64)
    assert start_linear(two, data, SAMPLER, (nothing, nothing), (found,)) == found
    fitting.torch.testing.assert_close(one.up.weight, two.up.weight, rtol=0, atol=0)


# ---- the same again ------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_one_seed_gives_the_same_weights_bit_for_bit(cell):
    job = job_of(model={"cell": cell, "layers": 2}, members=2)
    assert_same_weights(trained(job), trained(job))


def test_another_seed_gives_other_weights():
    assert not same(trained(job_of(seed=0))[0].weights, trained(job_of(seed=1))[0].weights)


@pytest.mark.parametrize("anew", [True, False])
def test_more_training_is_the_same_again_too(anew):
    job = job_of()
    found = trained(job)
    start = [(one.weights, one) for one in found]
    one, two = (train_more(job, SAMPLER, start, Run(), anew=anew) for _ in range(2))
    assert same(one[0], two[0])


def test_training_anew_does_not_look_at_the_present_weights_and_training_on_does():
    job = job_of()
    found = trained(job)
    other = {name: value + 1 for name, value in found[0].weights.items()}
    for anew in (True, False):
        one, two = (
            train_more(job, SAMPLER, [(weights, found[0])], Run(), anew=anew)[0]
            for weights in (found[0].weights, other)
        )
        assert same(one, two) == anew


# ---- only the past -------------------------------------------------------------------------------


def test_rows_after_the_windows_do_not_move_the_weights():
    y = wave()
    y[ROWS - 1] = 1e6
    y = np.concatenate([y, np.full(20, -1e6)])
    stop = cutoffs_between(np.array([100]), np.array([ROWS - 1 - WINDOW.horizon]), 5)
    cut = trained(job_of(), validation=stop)
    assert_same_weights(cut, trained(job_of(streams_of(y)), validation=stop))


def test_targets_of_validation_lie_behind_the_fit_part():
    streams = streams_of(wave())
    last = SAMPLER.last.max()
    y, _ = gather_targets(streams, WINDOW.horizon, np.array([0]), np.array([last]))
    np.testing.assert_allclose(y[0] * streams.scale[0], wave()[94:100])
    assert VALIDATION[1].min() >= 100
